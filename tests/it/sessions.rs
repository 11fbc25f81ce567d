//! Sessions: listed, ended, bounded; accounts that are shut; the password and the profile.

use std::time::Duration;

use reqwest::header::{SET_COOKIE, USER_AGENT};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tessera::account::Email;
use tessera::account::server::sessions::store::Session;
use tessera::account::server::sessions::{Preferences, UserStatus};
use tessera::app::people::{disable, enable, grant};
use tessera::platform::db::now_millis;
use tokio::time::timeout;

use crate::contracts::over_every_store;
use crate::mongod::{Kind, Mongod};
use crate::responses::refusal;
use crate::stores::new_user;
use crate::support::{PASSWORD, TestApp, User, answer};
use crate::token_prices::user_id;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const OTHER: &str = "staple of another horse";

fn session(token: u8, created_at: i64) -> Session {
    Session {
        token: [token; 32],
        device: "Firefox on Linux".into(),
        address: "192.0.2.7".into(),
        created_at,
        last_used_at: created_at,
        confirmed_at: created_at,
        expires_at: created_at + 1_000_000,
    }
}

over_every_store! {
    async fn a_session_lasts_until_it_ends_or_runs_out(stores) {
        let user = new_user(&stores).await;
        let (sessions, now) = (stores.sessions, now_millis());
        for (token, expires_at) in [(1, now + 1000), (2, now + 1000), (3, now - 1)] {
            sessions.create(user, Session { expires_at, ..session(token, now - 5000) }, 9).await.unwrap();
        }
        let signed_in = async |token| sessions.find([token; 32], now).await.unwrap().map(|(user, _)| user.id);
        assert_eq!(signed_in(1).await, Some(user));
        assert_eq!(signed_in(3).await, None);
        assert_eq!(signed_in(9).await, None);
        sessions.delete([2; 32]).await.unwrap();
        sessions.delete([2; 32]).await.unwrap();
        assert_eq!(signed_in(2).await, None);
        sessions.delete_expired(now + 1000).await.unwrap();
        assert_eq!(signed_in(1).await, None);
    }

    async fn of_too_many_sessions_those_go_that_were_not_used(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let (sessions, now) = (stores.sessions, now_millis());
        sessions.create(other, session(100, now - 9000), 3).await.unwrap();
        for token in 1..=3 {
            sessions.create(user, session(token, now - 5000 + i64::from(token)), 3).await.unwrap();
        }
        // The oldest is the last that was used; going back in time changes nothing.
        sessions.touch([1; 32], now).await.unwrap();
        sessions.touch([1; 32], now - 1).await.unwrap();
        sessions.touch([99; 32], now).await.unwrap();
        sessions.confirm([1; 32], now - 7).await.unwrap();
        let listed = sessions.list(user, now).await.unwrap();
        assert_eq!(listed.iter().map(|session| session.token[0]).collect::<Vec<_>>(), [1, 3, 2]);
        let used = Session { last_used_at: now, confirmed_at: now - 7, ..session(1, now - 4999) };
        assert_eq!((&listed[0], listed[0].id()), (&used, session(1, now - 4999).id()));
        assert_ne!(listed[0].id(), listed[1].id());
        let (owner, found) = sessions.find([1; 32], now).await.unwrap().unwrap();
        assert_eq!((owner.id, &found), (user, &listed[0]));
        // A new one stays, however old it says it is.
        sessions.create(user, session(4, now - 8000), 3).await.unwrap();
        let left: Vec<_> = sessions.list(user, now).await.unwrap().iter().map(|session| session.token[0]).collect();
        assert_eq!(left, [1, 3, 4]);
        assert_eq!(sessions.delete_of_user(user, Some([3; 32])).await.unwrap(), 2);
        assert_eq!(sessions.list(user, now).await.unwrap().len(), 1);
        assert_eq!(sessions.delete_of_user(user, None).await.unwrap(), 1);
        assert_eq!(sessions.list(other, now).await.unwrap().len(), 1, "those of others stay");
    }

    async fn a_status_changes_from_what_it_was(stores) {
        let user = new_user(&stores).await;
        let accounts = stores.accounts;
        let status = async || accounts.find_user_by_id(user).await.unwrap().unwrap().status;
        assert_eq!(status().await, UserStatus::Active);
        assert!(!accounts.change_status(user, UserStatus::Disabled, UserStatus::Active).await.unwrap());
        assert!(accounts.change_status(user, UserStatus::Active, UserStatus::Disabled).await.unwrap());
        assert_eq!(status().await, UserStatus::Disabled);
        assert!(!accounts.change_status(user, UserStatus::Active, UserStatus::Erasing).await.unwrap());
        assert!(accounts.change_status(user, UserStatus::Disabled, UserStatus::Active).await.unwrap());
        assert_eq!(status().await, UserStatus::Active);
    }

    async fn what_a_user_prefers_is_kept(stores) {
        let user = new_user(&stores).await;
        let accounts = stores.accounts;
        assert_eq!(accounts.find_preferences(user).await.unwrap(), Preferences::default());
        let chosen = Preferences { language: Some("zh-Hans".into()), ..Preferences::default() };
        accounts.set_profile(user, Some("Countess"), &chosen).await.unwrap();
        accounts.set_password(user, "$argon2id$new").await.unwrap();
        let found = accounts.find_user_by_id(user).await.unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.password_hash.as_deref()), ("Countess", Some("$argon2id$new")));
        assert_eq!(accounts.find_preferences(user).await.unwrap(), chosen);
        accounts.set_profile(user, None, &Preferences::default()).await.unwrap();
        assert_eq!(accounts.find_user_by_id(user).await.unwrap().unwrap().name, "Countess");
        assert_eq!(accounts.find_preferences(user).await.unwrap(), Preferences::default());
    }
}

/// Signs in somewhere else.
async fn sign_in(user: &User, password: &str) -> (User, Response) {
    let mut there = User { email: user.email.clone(), ..User::new(user.addr) };
    let body = json!({"email": user.email, "password": password});
    let response = there.post("/api/auth/login").header(USER_AGENT, FIREFOX).json(&body).send().await.unwrap();
    if response.status() == 200 {
        there.keep_cookie(&response);
    }
    (there, response)
}

async fn sessions_of(user: &User) -> Vec<Value> {
    let (status, listed) = user.get_json("/api/account/sessions").await;
    assert_eq!(status, 200, "{listed}");
    listed["data"]["items"].as_array().unwrap().clone()
}

async fn is_in(user: &User) -> bool {
    user.get_json("/api/auth/me").await.0 == 200
}

async fn walk_sessions(app: &TestApp, beside: &TestApp) {
    let user = app.user().await;
    let (phone, _) = sign_in(&user, PASSWORD).await;
    let (tablet, _) = sign_in(&user, PASSWORD).await;
    let listed = sessions_of(&phone).await;
    assert_eq!(listed.len(), 3);
    let here: Vec<_> = listed.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(here.len(), 1);
    assert_eq!((&here[0]["device"], &here[0]["address"]), (&json!("Firefox on Linux"), &json!("127.0.0.1")));
    assert!(here[0]["confirmedAt"].as_str().unwrap() >= here[0]["createdAt"].as_str().unwrap());
    // Somebody else's is not there.
    let path = format!("/api/account/sessions/{}", here[0]["id"].as_str().unwrap());
    let stranger = app.user().await;
    assert_eq!(refusal(answer(stranger.request(Method::DELETE, &path)).await), "404 not_found");
    assert_eq!(answer(user.request(Method::DELETE, &path)).await.0, 200);
    assert_eq!(answer(user.request(Method::DELETE, &path)).await.0, 404);
    // Out at once, on all servers.
    assert!(!is_in(&phone).await && !is_in(&phone.at(beside.addr)).await && is_in(&tablet.at(beside.addr)).await);
    let (_, ended) = answer(user.at(beside.addr).request(Method::DELETE, "/api/account/sessions")).await;
    assert_eq!(ended["data"]["ended"], 1);
    assert!(!is_in(&tablet).await && is_in(&user).await && is_in(&stranger).await);
    // The page does the same without a script.
    let (phone, _) = sign_in(&user, PASSWORD).await;
    let page = user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Firefox on Linux") && page.contains("127.0.0.1"), "{page}");
    let response = user.post_form("/account/sessions", &[("end", "all")]).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["location"].to_str().unwrap()), (303, "/"));
    assert!(!is_in(&user).await && !is_in(&phone).await && is_in(&stranger).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_on_all_servers() {
    let app = TestApp::start().await;
    let beside = app.start_beside(&[]).await;
    walk_sessions(&app, &beside).await;
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    let app = TestApp::start_with(&[("MONGODB_URI", &uri)]).await;
    let beside = app.start_beside(&[("MONGODB_URI", &uri)]).await;
    walk_sessions(&app, &beside).await;
}

#[tokio::test]
async fn a_sign_in_gives_a_new_token_and_ends_the_one_of_before() {
    let app = TestApp::start().await;
    let mut user = app.user().await;
    // What somebody planted in the browser is never taken over.
    let mut planted = app.visitor();
    planted.cookie = Some("tessera_session=planted".to_owned());
    let body = json!({"email": user.email, "password": PASSWORD});
    let response = planted.post("/api/auth/login").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!is_in(&planted).await, "the planted token lets nobody in");
    let before = user.clone();
    let response = user.post("/api/auth/login").json(&body).send().await.unwrap();
    user.keep_cookie(&response);
    assert_ne!(user.cookie, before.cookie);
    assert!(is_in(&user).await && !is_in(&before).await);
    // A change of role ends them all.
    let stores = &app.state.stores;
    grant(stores, &user.email).await.unwrap();
    assert!(!is_in(&user).await);
    let (user, _) = sign_in(&user, PASSWORD).await;
    assert_eq!(user.get_json("/api/auth/me").await.1["data"]["role"], "ADMIN");
    grant(stores, &user.email).await.unwrap();
    assert!(is_in(&user).await, "nothing has changed");
}

/// The events of a stream that was left open end soon after its session; the reply goes on.
#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_an_ended_session_ends() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (phone, _) = sign_in(&user, PASSWORD).await;
    let mut stream = phone.chat_stream(&json!({"message": "#tokens=1 #stall"})).await;
    let (_, start) = stream.next_named("start").await;
    let reply = start["messageId"].as_str().unwrap().to_owned();
    let mut watched = user.watch(&reply, None).await;
    watched.next_named("start").await;
    assert_eq!(answer(user.request(Method::DELETE, "/api/account/sessions")).await.0, 200);
    let ended = async { while stream.next().await.is_some() {} };
    timeout(Duration::from_secs(20), ended).await.expect("the stream of the ended session ends");
    assert_eq!(user.get_json(&format!("/api/chat/{reply}")).await.1["data"]["state"], "running");
    user.post(&format!("/api/chat/{reply}/stop")).send().await.unwrap();
    let ended = async { while watched.next().await.is_some() {} };
    timeout(Duration::from_secs(20), ended).await.expect("the other goes on until the end");
    app.assert_books_balance().await;
}

async fn shut(app: &TestApp) {
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    let mut stream = user.chat_stream(&json!({"message": "#tokens=1 #stall"})).await;
    stream.next_named("start").await;
    disable(&app.state.stores, &user.email).await.unwrap();
    for path in ["/api/auth/me", "/api/credits", "/api/conversations"] {
        assert_eq!(user.get_json(path).await.0, 401, "{path}");
        assert_eq!(program.get_json(path).await.0, 401, "{path} with a key");
    }
    assert_eq!(user.get("/chat").send().await.unwrap().status(), 303);
    assert_eq!(program.chat("hello").await.0, 401);
    let ended = async { while stream.next().await.is_some() {} };
    timeout(Duration::from_secs(20), ended).await.expect("what ran is stopped");
    // Only who knows the password is told.
    let (_, response) = sign_in(&user, PASSWORD).await;
    assert_eq!(response.status(), 403);
    let (_, response) = sign_in(&user, "wrong horse").await;
    assert_eq!(response.status(), 401);
    disable(&app.state.stores, &user.email).await.unwrap();
    enable(&app.state.stores, &user.email).await.unwrap();
    assert!(!is_in(&user).await, "the session of before has ended");
    let (user, response) = sign_in(&user, PASSWORD).await;
    assert_eq!(response.status(), 200);
    assert_eq!(program.get_json("/api/auth/me").await.0, 200);
    assert_eq!(user.credits().await["held"], 0);
    assert!(disable(&app.state.stores, "nobody@example.org").await.is_err());
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_account_is_shut_is_out_everywhere_at_once() {
    shut(&TestApp::start().await).await;
    let mongod = Mongod::start(Kind::Standalone).await;
    shut(&TestApp::start_with(&[("MONGODB_URI", &mongod.uri())]).await).await;
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let app = TestApp::start().await;
    let mut user = app.user().await;
    let (phone, _) = sign_in(&user, PASSWORD).await;
    let change = |current: &str, new: &str| json!({"currentPassword": current, "newPassword": new});
    for (current, new, field) in [
        ("wrong horse", OTHER, "currentPassword"),
        ("", OTHER, "currentPassword"),
        (PASSWORD, "short", "newPassword"),
        (PASSWORD, "password1", "newPassword"),
        (PASSWORD, &user.email.clone(), "newPassword"),
        (PASSWORD, &"x".repeat(129), "newPassword"),
    ] {
        let refused = refusal(user.post_json("/api/account/password", &change(current, new)).await);
        assert_eq!(refused, format!("400 invalid_input: {field}"), "{current} {new}");
    }
    assert!(is_in(&phone).await);
    let before = user.clone();
    let response = user.post("/api/account/password").json(&change(PASSWORD, OTHER)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    user.keep_cookie(&response);
    assert!(is_in(&user).await && !is_in(&before).await && !is_in(&phone).await);
    assert_eq!(sign_in(&user, PASSWORD).await.1.status(), 401);
    assert_eq!(sign_in(&user, OTHER).await.1.status(), 200);
    // By the form, too.
    let fields = [("currentPassword", PASSWORD), ("newPassword", PASSWORD)];
    let response = user.post_form("/account/password", &fields).send().await.unwrap();
    assert_eq!(response.headers()["location"], "/account?said=wrong-password");
    let page = user.get("/account?said=wrong-password").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("your current password"), "{page}");
    let fields = [("currentPassword", OTHER), ("newPassword", PASSWORD)];
    let response = user.post_form("/account/password", &fields).send().await.unwrap();
    assert_eq!(response.headers()["location"], "/account?said=password-changed");
    user.keep_cookie(&response);
    assert!(is_in(&user).await);
}

#[tokio::test]
async fn guesses_at_the_current_password_are_limited() {
    let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "6")]).await;
    let user = app.user().await;
    let body = json!({"currentPassword": "wrong horse", "newPassword": OTHER});
    let mut refused = Vec::new();
    for _ in 0..4 {
        refused.push(user.post_json("/api/account/password", &body).await.0);
    }
    assert_eq!(refused, [400, 400, 400, 429]);
}

#[tokio::test]
async fn the_default_model_is_picked_where_a_device_has_chosen_none() {
    let app = TestApp::start_with(&[("CHAT_PROVIDERS", "openai,local")]).await;
    let user = app.user().await;
    let picked = async |cookie: &str| {
        let cookies = format!("{}; {cookie}", user.cookie.as_deref().unwrap());
        let page = user.http.get(format!("http://{}/chat", app.addr)).header("cookie", cookies).send().await.unwrap();
        let page = page.text().await.unwrap();
        let radio = page
            .split("name=\"picked-provider\" value=\"")
            .find(|line| line.split('>').next().unwrap().contains(" checked"));
        radio.unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(picked("theme=dark").await, "");
    let response =
        user.post_form("/account/profile", &[("displayName", "Ada"), ("provider", "local")]).send().await.unwrap();
    assert_eq!(response.headers()["location"], "/account?said=profile-saved");
    // Another device, which was signed in before.
    assert_eq!(picked("theme=dark").await, "local");
    assert_eq!(picked("provider=openai").await, "openai", "what the device has chosen");
    let account = user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(account.contains("fake-model (openai)"), "models are named");
    // One that is gone is none.
    let gone = Preferences { provider: Some("gone".into()), ..Preferences::default() };
    app.state.stores.accounts.set_profile(user_id(&user).await, None, &gone).await.unwrap();
    assert_eq!(picked("theme=dark").await, "");
    assert_eq!(user.chat("#tokens=2").await.0, 200);
}

#[tokio::test]
async fn what_is_chosen_follows_to_another_device() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let fields = [
        ("displayName", " Ada  King "),
        ("language", "zh"),
        ("theme", "dark"),
        ("zone", "europe/zurich"),
        ("provider", "openai"),
    ];
    let response = user.post_form("/account/profile", &fields).send().await.unwrap();
    assert_eq!(response.headers()["location"], "/account?said=profile-saved");
    let cookies = |response: &Response| {
        let all = response.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
        all.map(|cookie| cookie.split(';').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (there, response) = sign_in(&user, PASSWORD).await;
    for cookie in ["language=zh-Hans", "theme=dark", "provider=openai"] {
        assert!(cookies(&response).contains(&cookie.to_owned()), "{cookie}");
    }
    assert_eq!(there.get_json("/api/auth/me").await.1["data"]["name"], "Ada King");
    assert_eq!(there.get_json("/api/account/budgets").await.1["data"]["timeZone"], "Europe/Zurich");
    // Nobody and nothing that there is not; an empty name is none.
    let fields = [("displayName", ""), ("theme", "purple"), ("provider", "nobody"), ("zone", "")];
    user.post_form("/account/profile", &fields).send().await.unwrap();
    let (there, response) = sign_in(&user, PASSWORD).await;
    assert!(!cookies(&response).iter().any(|cookie| cookie.starts_with("provider=")));
    assert_eq!(there.get_json("/api/auth/me").await.1["data"]["name"], "Ada King");
    // What is wrong is said, and not only that something is.
    for (field, value, told) in [
        ("zone", "Mars/Base", "Enter a time zone such as Europe/Zurich."),
        ("displayName", &*"x".repeat(81), "Names can have up to 80 characters."),
        ("language", "tlh", "The form could not be read."),
    ] {
        let response = user.post_form("/account/profile", &[(field, value)]).send().await.unwrap();
        let to = response.headers()["location"].to_str().unwrap().to_owned();
        let page = user.get(&to).header("cookie", "language=en").send().await.unwrap().text().await.unwrap();
        assert!(page.contains(told), "{field}: {to}");
    }
    let email = Email::parse(&user.email).unwrap();
    assert_eq!(app.state.stores.accounts.find_user(&email).await.unwrap().unwrap().name, "Ada King");
}

/// A database as it was before sessions had more than a beginning.
#[tokio::test]
async fn sessions_from_before_stay_valid() {
    let data = tempfile::TempDir::new().unwrap();
    let folder = data.path().to_str().unwrap().to_owned();
    let app = TestApp::start_with(&[("DATA_DIR", &folder)]).await;
    let user = app.user().await;
    let path = data.path().join("tessera.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute("UPDATE sessions SET device = '', address = '', last_used_at = NULL, confirmed_at = NULL", [])
        .unwrap();
    let listed = sessions_of(&user).await;
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["current"], &listed[0]["device"]), (&json!(true), &json!("")));
    assert_eq!(listed[0]["confirmedAt"], listed[0]["createdAt"]);
    let page = user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Unknown device"), "{page}");
}
