//! Links by mail: used once by whoever is first, by nobody who only looks, and for nothing but what they were made for.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tessera::account::server::mail_links::{MailLink, Purpose};
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User as StoredUser;
use tessera::account::{Email, Role};
use tessera::app::stores::Stores;
use tessera::platform::db::now_millis;
use tessera::platform::ids::UserId;
use tessera::platform::secret::{SecretHash, hash_secret, new_secret};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::contracts::over_every_store;
use crate::fake_smtp::FakeSmtp;
use crate::mail::start;
use crate::stores::new_user;
use crate::support::{PASSWORD, TestApp, User, answer};
use crate::token_prices::user_id;

const NEW_PASSWORD: &str = "four unrelated words here";

fn link(user: UserId, purpose: Purpose) -> MailLink {
    MailLink { user, purpose, email: "ada@example.org".into(), expires_at: now_millis() + 60_000 }
}

fn new_hash() -> SecretHash {
    hash_secret(&new_secret())
}

async fn find(stores: &Stores, hash: SecretHash) -> Option<MailLink> {
    stores.mail_links.find(hash, now_millis()).await.unwrap()
}

/// What the examples of the documentation use, each of a user of its own.
pub async fn add_examples(app: &TestApp) {
    for (purpose, token) in [
        (Purpose::Reset, "the-token-of-a-reset-link"),
        (Purpose::SignIn, "the-token-of-a-sign-in-link"),
        (Purpose::Verify, "the-token-of-a-verify-link"),
    ] {
        let user = app.user().await;
        let link = MailLink { email: user.email.clone(), ..link(user_id(&user).await, purpose) };
        app.state.stores.mail_links.put(hash_secret(token), link).await.unwrap();
    }
}

over_every_store! {
    async fn a_link_is_taken_once_however_many_want_it(stores) {
        let user = new_user(&stores).await;
        let (hash, wanted) = (new_hash(), link(user, Purpose::Reset));
        stores.mail_links.put(hash, wanted.clone()).await.unwrap();
        for _ in 0..3 {
            assert_eq!(find(&stores, hash).await.as_ref(), Some(&wanted), "to look is no use");
        }
        let others = [Purpose::Verify, Purpose::SignIn, Purpose::Change];
        assert_eq!(stores.mail_links.take(hash, &others, now_millis()).await.unwrap(), None, "for something else");
        let mut tries = JoinSet::new();
        for _ in 0..100 {
            let links = stores.mail_links.clone();
            tries.spawn(async move { links.take(hash, &[Purpose::Verify, Purpose::Reset], now_millis()).await.unwrap() });
        }
        let taken: Vec<_> = tries.join_all().await.into_iter().flatten().collect();
        assert_eq!(taken, [wanted]);
        assert_eq!(find(&stores, hash).await, None);
    }
    async fn a_new_link_ends_the_one_before_of_its_purpose(stores) {
        let (ada, bob) = (new_user(&stores).await, new_user(&stores).await);
        let [first, second, other, of_bob] = [new_hash(), new_hash(), new_hash(), new_hash()];
        stores.mail_links.put(first, link(ada, Purpose::Reset)).await.unwrap();
        stores.mail_links.put(other, link(ada, Purpose::SignIn)).await.unwrap();
        stores.mail_links.put(of_bob, link(bob, Purpose::Reset)).await.unwrap();
        stores.mail_links.put(second, link(ada, Purpose::Reset)).await.unwrap();
        assert_eq!(find(&stores, first).await, None);
        assert!(find(&stores, second).await.is_some() && find(&stores, other).await.is_some());
        // Of many at once, one is left.
        let hashes: Vec<_> = (0..50).map(|_| new_hash()).collect();
        let puts = hashes.iter().map(|hash| stores.mail_links.put(*hash, link(ada, Purpose::Verify)));
        join_all(puts).await.into_iter().for_each(Result::unwrap);
        let left = join_all(hashes.iter().map(|hash| find(&stores, *hash))).await;
        assert_eq!(left.into_iter().flatten().count(), 1);
        stores.mail_links.delete_of(ada).await.unwrap();
        assert!(find(&stores, second).await.is_none() && find(&stores, other).await.is_none());
        assert!(find(&stores, of_bob).await.is_some());
    }
    async fn a_link_ends_by_itself(stores) {
        let user = new_user(&stores).await;
        let (hash, wanted) = (new_hash(), link(user, Purpose::SignIn));
        let end = wanted.expires_at;
        stores.mail_links.put(hash, wanted).await.unwrap();
        assert_eq!(stores.mail_links.find(hash, end).await.unwrap(), None);
        assert_eq!(stores.mail_links.take(hash, &[Purpose::SignIn], end).await.unwrap(), None);
        stores.mail_links.delete_expired(end - 1).await.unwrap();
        assert!(stores.mail_links.find(hash, end - 1).await.unwrap().is_some());
        stores.mail_links.delete_expired(end).await.unwrap();
        assert!(stores.mail_links.find(hash, end - 1).await.unwrap().is_none(), "it is forgotten");
    }
    async fn an_address_is_confirmed_and_changed(stores) {
        let (ada, bob) = (new_user(&stores).await, new_user(&stores).await);
        let user = async |id| stores.accounts.find_user_by_id(id).await.unwrap().unwrap();
        let before = user(ada).await;
        assert_eq!(before.email_verified_at, None);
        assert!(!stores.accounts.verify_email(ada, "else@example.org", 5).await.unwrap());
        assert!(stores.accounts.verify_email(ada, &before.email, 5).await.unwrap());
        assert_eq!(user(ada).await.email_verified_at, Some(5));
        let taken = user(bob).await.email;
        assert!(!stores.accounts.change_email(ada, &before.email, &taken, 7).await.unwrap());
        let free = format!("{}@example.org", Uuid::now_v7().simple());
        assert!(!stores.accounts.change_email(ada, &taken, &free, 7).await.unwrap(), "from one that it is not");
        assert!(stores.accounts.change_email(ada, &before.email, &free, 7).await.unwrap());
        let found = stores.accounts.find_user(&Email::parse(&free).unwrap()).await.unwrap().unwrap();
        assert_eq!((found.id, found.email_verified_at), (ada, Some(7)));
        assert!(stores.accounts.find_user(&Email::parse(&before.email).unwrap()).await.unwrap().is_none());
    }
}

/// Asks for a link.
async fn ask(app: &TestApp, path: &str, email: &str) -> (u16, Value) {
    let (status, mut answer) = app.visitor().post_json(path, &json!({"email": email})).await;
    answer.as_object_mut().unwrap().remove("requestId");
    (status, answer)
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> u16 {
    app.visitor().post_json("/api/auth/login", &json!({"email": email, "password": password})).await.0
}

async fn page(user: &User, path: &str) -> (u16, String) {
    let response = user.get(path).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// A user whose address is confirmed. Has had one mail.
async fn confirmed(app: &TestApp, smtp: &FakeSmtp) -> User {
    let user = app.user().await;
    let token = smtp.mail(&user.email, 1).await.token();
    assert_eq!(app.visitor().post_json("/api/auth/verify-email", &json!({"token": token})).await.0, 200);
    user
}

const RESET: &str = "/api/auth/reset-password";
const SIGN_IN: &str = "/api/auth/sign-in-link";

#[tokio::test]
async fn an_address_is_confirmed_by_a_button_and_not_by_who_looks() {
    let (app, smtp) = start(&[]).await;
    let user = app.user().await;
    assert!(page(&user, "/account").await.1.contains("Not confirmed"));
    let first = smtp.mail(&user.email, 1).await.link();
    let sent = user.post_form("/account/verify-email", &[]).send().await.unwrap();
    assert!(sent.status() == 200 && sent.text().await.unwrap().contains(&user.email));
    let link = smtp.mail(&user.email, 2).await.link();
    assert_eq!(page(&app.visitor(), &first).await.0, 400, "a newer one was sent");
    for _ in 0..3 {
        let looked = app.visitor().get(&link).send().await.unwrap();
        assert_eq!((looked.status().as_u16(), &looked.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
        assert_eq!(looked.headers()["x-robots-tag"], "noindex");
        let html = looked.text().await.unwrap();
        assert!(html.contains(&format!("action=\"{link}\"")) && html.contains(&user.email), "{html}");
        app.visitor().request(reqwest::Method::HEAD, &link).send().await.unwrap();
    }
    assert!(page(&user, "/account").await.1.contains("Not confirmed"));
    let press = async || app.visitor().post_form(&link, &[("next", "")]).send().await.unwrap().status().as_u16();
    assert_eq!([press().await, press().await], [200, 400]);
    let html = page(&user, "/account").await.1;
    assert!(!html.contains("Not confirmed") && html.contains("Confirmed"), "{html}");
    assert_eq!(user.post_json("/api/account/verify-email", &json!({})).await.0, 409);
}

#[tokio::test]
async fn a_password_is_reset_once_and_ends_what_was_open() {
    let (app, smtp) = start(&[]).await;
    let user = app.user().await;
    // Mails are sent beside each other.
    smtp.mail(&user.email, 1).await;
    let program = user.with_key(&json!({})).await;
    let unknown = ask(&app, RESET, "nobody@example.org").await;
    assert_eq!(ask(&app, RESET, &user.email).await, unknown);
    assert_eq!(unknown.0, 200);
    let mail = smtp.mail(&user.email, 2).await;
    let (link, token) = (mail.link(), mail.token());
    assert!(link.starts_with("/reset-password/") && mail.text().contains("30 minutes"), "{}", mail.text());
    // Looking uses nothing up, and neither does a password that is not taken.
    assert_eq!(page(&app.visitor(), &link).await.0, 200);
    let set = async |password: &str| app.visitor().post_form(&link, &[("password", password)]).send().await.unwrap();
    for weak in ["short", "password1", &user.email] {
        assert_eq!(set(weak).await.status(), 400, "{weak}");
    }
    assert_eq!(user.get_json("/api/auth/me").await.0, 200);
    let done = set(NEW_PASSWORD).await;
    assert!(done.status() == 200 && done.text().await.unwrap().contains("Your password was changed"));
    assert_eq!(user.get_json("/api/auth/me").await.0, 401, "all sessions end");
    assert_eq!(program.get_json("/api/auth/me").await.0, 401, "whoever made it may not have been the owner");
    let again = json!({"token": token, "password": "another four good words"});
    assert_eq!(app.visitor().post_json("/api/auth/reset-password/confirm", &again).await.0, 400);
    assert_eq!(
        [sign_in(&app, &user.email, PASSWORD).await, sign_in(&app, &user.email, NEW_PASSWORD).await],
        [401, 200]
    );
    let notice = smtp.mail(&user.email, 3).await;
    assert_eq!(notice.header("Subject"), "Your password was changed");
    assert!(smtp.mails_to("nobody@example.org").is_empty());
    // Of a confirmed address, keys are its owner's.
    let mut user = user;
    let body = json!({"email": user.email, "password": NEW_PASSWORD});
    let response = user.post("/api/auth/login").json(&body).send().await.unwrap();
    user.keep_cookie(&response);
    let program = user.with_key(&json!({})).await;
    ask(&app, RESET, &user.email).await;
    let token = smtp.mail(&user.email, 4).await.token();
    let body = json!({"token": token, "password": "another four good words"});
    assert_eq!(app.visitor().post_json("/api/auth/reset-password/confirm", &body).await.0, 200);
    assert_eq!(program.get_json("/api/auth/me").await.0, 200);
}

#[tokio::test]
async fn a_link_signs_in_where_its_button_is_pressed() {
    let (app, smtp) = start(&[]).await;
    let user = confirmed(&app, &smtp).await;
    assert_eq!(ask(&app, SIGN_IN, &user.email).await, ask(&app, SIGN_IN, "nobody@example.org").await);
    let mail = smtp.mail(&user.email, 2).await;
    let (link, token) = (mail.link(), mail.token());
    assert!(link.starts_with("/sign-in/link/"), "{link}");
    let (status, html) = page(&app.visitor(), &link).await;
    assert!(status == 200 && html.contains(&user.email));
    // A link for one thing does nothing else.
    let body = json!({"token": token, "password": NEW_PASSWORD});
    assert_eq!(app.visitor().post_json("/api/auth/reset-password/confirm", &body).await.0, 400);
    assert_eq!(app.visitor().post_json("/api/auth/verify-email", &json!({"token": token})).await.0, 400);
    let pressed = join_all((0..100).map(|_| app.visitor().post_form(&link, &[]).send())).await;
    let statuses: Vec<_> = pressed.iter().map(|response| response.as_ref().unwrap().status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 99, "{statuses:?}");
    let response = pressed.into_iter().map(Result::unwrap).find(|response| response.status() == 303).unwrap();
    assert_eq!(response.headers()["location"], "/chat");
    // Sites over TLS have names for cookies that a sibling cannot set.
    let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let device = User { cookie: Some(cookie), ..app.visitor() };
    assert_eq!(device.get_json("/api/auth/me").await.1["data"]["email"], user.email);
    // Who never confirmed the address may not be who made the account: another password first.
    let stranger = app.user().await;
    smtp.mail(&stranger.email, 1).await;
    ask(&app, SIGN_IN, &stranger.email).await;
    let mail = smtp.mail(&stranger.email, 2).await;
    assert!(mail.link().starts_with("/reset-password/"), "{}", mail.text());
}

#[tokio::test]
async fn links_by_mail_lead_back_to_where_one_was() {
    let (app, smtp) = start(&[]).await;
    let user = confirmed(&app, &smtp).await;
    let next = "/chat/0190aabb-0000-7000-8000-000000000000?a=b&c";
    let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    let hidden = format!("name=\"next\" value=\"{}\"", next.replace('&', "&amp;"));
    let (_, html) = page(&app.visitor(), &format!("/sign-in?next={encoded}")).await;
    for (sent, path) in ["/sign-in/link", "/reset-password"].into_iter().enumerate() {
        assert!(html.contains(&format!("href=\"{path}?next=")), "{html}");
        let (_, asks) = page(&app.visitor(), &format!("{path}?next={encoded}")).await;
        assert!(asks.contains(&hidden), "{asks}");
        let form = [("email", user.email.as_str()), ("next", next)];
        assert_eq!(app.visitor().post_form(path, &form).send().await.unwrap().status(), 200);
        let mail = smtp.mail(&user.email, 2 + sent).await;
        assert!(mail.text().contains("?next=%2Fchat%2F0190"), "{}", mail.text());
        let (status, html) = page(&app.visitor(), &format!("{}?next={encoded}", mail.link())).await;
        assert!(status == 200 && html.contains(&hidden), "{html}");
        let form = [("password", NEW_PASSWORD), ("next", next)];
        let pressed = app.visitor().post_form(&mail.link(), &form).send().await.unwrap();
        if path == "/sign-in/link" {
            assert_eq!((pressed.status().as_u16(), &pressed.headers()["location"]), (303, &next.parse().unwrap()));
        } else {
            assert!(pressed.text().await.unwrap().contains("href=\"/sign-in?next=%2Fchat"));
        }
    }
    // Mails are sent beside each other: first the one about the new password.
    smtp.mail(&user.email, 4).await;
    // Nowhere else.
    let form = [("email", user.email.as_str()), ("next", "//elsewhere.example")];
    assert_eq!(app.visitor().post_form("/sign-in/link", &form).send().await.unwrap().status(), 200);
    let mail = smtp.mail(&user.email, 5).await;
    assert!(!mail.text().contains("next="), "{}", mail.text());
    let pressed = app.visitor().post_form(&mail.link(), &[("next", "//elsewhere.example")]).send().await.unwrap();
    assert_eq!((pressed.status().as_u16(), &pressed.headers()["location"]), (303, &"/chat".parse().unwrap()));
}

#[tokio::test]
async fn another_address_counts_once_its_link_is_used() {
    let (app, smtp) = start(&[]).await;
    let (user, other) = (confirmed(&app, &smtp).await, app.user().await);
    smtp.mail(&other.email, 1).await;
    let new = format!("{}@example.org", Uuid::now_v7().simple());
    let change = async |email: &str, password: &str| {
        let (status, mut answer) =
            user.post_json("/api/account/email", &json!({"email": email, "currentPassword": password})).await;
        answer.as_object_mut().unwrap().remove("requestId");
        (status, answer)
    };
    let (status, wrong) = change(&new, "wrong horse").await;
    assert!(status == 400 && wrong["error"].as_str().unwrap().contains("password"), "{wrong}");
    assert_eq!(change(&user.email, PASSWORD).await.0, 400);
    // Later than ten minutes after signing in, not without it.
    let id = user_id(&user).await;
    for session in app.state.stores.sessions.list(id, now_millis()).await.unwrap() {
        app.state.stores.sessions.confirm(session.token, now_millis() - 11 * 60_000).await.unwrap();
    }
    assert_eq!(change(&new, "").await.0, 400);
    let free = change(&new, PASSWORD).await;
    assert_eq!(change(&other.email, PASSWORD).await, free, "a taken one answers the same");
    assert_eq!(smtp.mail(&other.email, 2).await.header("Subject"), "This email address has an account already");
    // The later one did not end it: there was no link to the address that is taken.
    ask(&app, RESET, &user.email).await;
    let old_reset = smtp.mail(&user.email, 2).await.token();
    let mail = smtp.mail(&new, 1).await;
    assert_eq!(user.get_json("/api/auth/me").await.1["data"]["email"], user.email);
    assert_eq!(page(&app.visitor(), &mail.link()).await.0, 200);
    assert_eq!(sign_in(&app, &new, PASSWORD).await, 401);
    let confirmed = app.visitor().post_form(&mail.link(), &[]).send().await.unwrap();
    assert_eq!(confirmed.status(), 200);
    assert_eq!(user.get_json("/api/auth/me").await.1["data"]["email"], new);
    assert_eq!([sign_in(&app, &new, PASSWORD).await, sign_in(&app, &user.email, PASSWORD).await], [200, 401]);
    let notice = smtp.mail(&user.email, 3).await;
    assert!(notice.text().contains(&new), "{}", notice.text());
    // What was sent to the address from before opens nothing.
    let body = json!({"token": old_reset, "password": NEW_PASSWORD});
    assert_eq!(app.visitor().post_json("/api/auth/reset-password/confirm", &body).await.0, 400);
}

#[tokio::test]
async fn two_that_want_one_address_do_not_both_get_it() {
    let (app, smtp) = start(&[]).await;
    let new = format!("{}@example.org", Uuid::now_v7().simple());
    let mut tokens = Vec::new();
    for number in 1..=2 {
        let user = app.user().await;
        let body = json!({"email": new, "currentPassword": PASSWORD});
        assert_eq!(user.post_json("/api/account/email", &body).await.0, 200);
        tokens.push(smtp.mail(&new, number).await.token());
    }
    let confirm = |token: &String| answer(app.visitor().post("/api/auth/verify-email").json(&json!({"token": token})));
    let mut statuses: Vec<_> =
        join_all(tokens.iter().map(confirm)).await.into_iter().map(|(status, _)| status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn a_link_is_bound_to_its_address_and_its_time() {
    let (app, _) = start(&[]).await;
    let user = app.user().await;
    let id = user_id(&user).await;
    let put = async |email: &str, expires_at: i64| {
        let token = new_secret();
        let link = MailLink { email: email.to_owned(), expires_at, ..link(id, Purpose::SignIn) };
        app.state.stores.mail_links.put(hash_secret(&token), link).await.unwrap();
        app.visitor().post_json("/api/auth/sign-in-link/confirm", &json!({"token": token})).await.0
    };
    assert_eq!(put("else@example.org", now_millis() + 60_000).await, 400);
    assert_eq!(put(&user.email, now_millis()).await, 400);
    assert_eq!(put(&user.email, now_millis() + 60_000).await, 200);
    assert_eq!(app.visitor().post_json("/api/auth/sign-in-link/confirm", &json!({"token": ""})).await.0, 400);
}

#[tokio::test]
async fn links_are_limited_and_nobody_is_told_whose_they_would_be() {
    let proxied = [("TRUSTED_PROXIES", "127.0.0.1")];
    let (app, smtp) = start(&proxied).await;
    let user = app.user().await;
    let unknown = "nobody@example.org";
    let from = async |address: &str, email: &str| {
        let request = app.visitor().post(RESET).header("x-forwarded-for", address).json(&json!({"email": email}));
        answer(request).await.0
    };
    for email in [user.email.as_str(), unknown] {
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(from("203.0.113.1", email).await);
        }
        assert_eq!(statuses, [200, 200, 200, 200, 200, 429], "{email}");
    }
    // Many who ask from elsewhere are all answered the same, but a mailbox can bear only so much.
    for email in [user.email.as_str(), unknown] {
        for network in 2..12 {
            assert_eq!(from(&format!("203.0.113.{network}"), email).await, 200, "{email}");
        }
    }
    // The first one was the confirmation.
    smtp.mail(&user.email, 11).await;
    let other = app.user().await;
    smtp.mail(&other.email, 1).await;
    assert_eq!(smtp.mails_to(&user.email).len(), 11);
    let wrong = app.visitor().post_json(RESET, &json!({"email": "nobody"})).await;
    assert!(wrong.0 == 400 && wrong.1["error"].is_string(), "{}", wrong.1);
}

/// Nothing of the answer depends on the account: what does happens after it. How long both take is printed, for people.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_is_answered_as_a_known_one() {
    let (app, _) = start(&[("RATE_LIMIT_PER_MINUTE", "100000")]).await;
    let mut known = Vec::new();
    for _ in 0..200 {
        let email = format!("{}@example.org", Uuid::now_v7().simple());
        let (name, password_hash) = ("Ada".to_owned(), Some("$argon2id$".to_owned()));
        let status = UserStatus::Active;
        let stored = StoredUser {
            id: UserId::now_v7(),
            email: email.clone(),
            name,
            password_hash,
            email_verified_at: Some(1),
            role: Role::User,
            status,
        };
        assert!(app.state.stores.accounts.create_user(stored).await.unwrap());
        known.push(email);
    }
    let mut answers = HashSet::new();
    let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
    for (number, email) in known.iter().enumerate() {
        let path = if number % 2 == 0 { RESET } else { SIGN_IN };
        let nobody = format!("{}@example.org", Uuid::now_v7().simple());
        for (email, times) in [(email, &mut of_known), (&nobody, &mut of_unknown)] {
            let begun = Instant::now();
            let (status, answer) = ask(&app, path, email).await;
            times.push(begun.elapsed());
            answers.insert((status, answer.to_string()));
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    println!("median: known {:?}, unknown {:?}", median(&mut of_known), median(&mut of_unknown));
}
