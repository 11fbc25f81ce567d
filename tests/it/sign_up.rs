//! Signing up where addresses are confirmed: nothing tells whether one has an account, and nobody gets one but whoever reads its mails.

use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use tessera::account::Email;
use tessera::account::server::sessions::UserStatus;
use tessera::platform::db::now_millis;
use uuid::Uuid;

use crate::fake_smtp::FakeSmtp;
use crate::mail::start as start_with_mail;
use crate::support::{PASSWORD, TestApp, User, answer};
use crate::token_prices::user_id;

const REGISTER: &str = "/api/auth/register";
const FINISH: &str = "/api/auth/register/confirm";

async fn start() -> (TestApp, FakeSmtp) {
    // Empty, it counts as unset: the default where there is mail.
    start_with_mail(&[("SIGN_UP_CONFIRM", ""), ("RATE_LIMIT_PER_MINUTE", "100000")]).await
}

fn fresh() -> String {
    format!("{}@example.org", Uuid::now_v7().simple())
}

fn token(app: &TestApp, email: &str) -> String {
    app.state.account.sign_up_token(&Email::parse(email).unwrap(), now_millis() + 60_000, None).unwrap()
}

/// Somebody whose address is confirmed.
async fn member(app: &TestApp) -> User {
    let mut user = app.visitor();
    let body = json!({ "token": token(app, &user.email), "password": PASSWORD, "name": "Ada" });
    let response = user.post(FINISH).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    user.keep_cookie(&response);
    user
}

/// Status, headers and body of a try, without what is another one in every answer.
async fn told(app: &TestApp, path: &str, email: &str) -> (u16, Vec<String>, String) {
    let visitor = app.visitor();
    let request = match path {
        REGISTER => visitor.post(path).json(&json!({ "email": email, "password": PASSWORD, "name": "Ada" })),
        _ => visitor.post_form(path, &[("email", email)]),
    };
    let response = request.send().await.unwrap();
    let mut headers: Vec<_> = response.headers().keys().map(ToString::to_string).collect();
    headers.sort();
    let status = response.status().as_u16();
    assert!(response.headers().get(SET_COOKIE).is_none(), "it signs nobody in");
    let mut text = response.text().await.unwrap().replace(email, "ADDRESS");
    if let Ok(Value::Object(mut body)) = serde_json::from_str(&text) {
        assert!(body.remove("requestId").is_some());
        text = Value::Object(body).to_string();
    }
    (status, headers, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_a_known_address_is_answered_as_an_unknown_one() {
    let (app, smtp) = start().await;
    let user = member(&app).await;
    let shut = member(&app).await;
    let id = user_id(&shut).await;
    assert!(app.state.stores.accounts.change_status(id, UserStatus::Active, UserStatus::Disabled).await.unwrap());
    for path in [REGISTER, "/sign-up"] {
        let unknown = fresh();
        let expected = told(&app, path, &unknown).await;
        assert_eq!(expected.0, if path == REGISTER { 202 } else { 200 }, "{expected:?}");
        for known in [&user.email, &shut.email, &user.email.to_uppercase()] {
            let mut same = told(&app, path, known).await;
            same.2 = same.2.replace(known.as_str(), "ADDRESS");
            assert_eq!(same, expected, "{known}");
        }
        assert!(smtp.mail(&unknown, 1).await.link().starts_with("/sign-up/"));
        // Neither can be signed in to with what was typed.
        let visitor = app.visitor();
        let login =
            |email: &str| visitor.post("/api/auth/login").json(&json!({ "email": email, "password": "wrong horse" }));
        let wrong = answer(login(&user.email)).await;
        let form = json!({ "email": unknown, "password": PASSWORD });
        let none = answer(visitor.post("/api/auth/login").json(&form)).await;
        assert_eq!((wrong.0, &wrong.1["error"]), (none.0, &none.1["error"]));
    }
    let mail = smtp.mail(&user.email, 1).await;
    assert_eq!(mail.header("Subject"), "You already have an account");
    assert_eq!(mail.link(), "/reset-password");
    assert!(smtp.mails_to(&shut.email).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_makes_one_account_with_its_credits_once() {
    let (app, smtp) = start().await;
    let mut user = app.visitor();
    let body = json!({ "email": user.email, "password": "the password of somebody else" });
    assert_eq!(user.post_json(REGISTER, &body).await.0, 202);
    let link = smtp.mail(&user.email, 1).await.link();
    let page = user.get(&link).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains(&user.email));
    // To look, and a password that is refused, use nothing up.
    let short = user.post_form(&link, &[("name", "Ada"), ("password", "short")]).send().await.unwrap();
    assert_eq!(short.status(), 400);
    let text = short.text().await.unwrap();
    assert!(text.contains("value=\"Ada\"") && text.contains("at least 8 characters"), "{text}");
    let guessable = user.post_form(&link, &[("password", "password1")]).send().await.unwrap();
    assert_eq!(guessable.status(), 400);
    // However many do it at once.
    let tries: Vec<_> = (0..10)
        .map(|_| {
            let (user, link) = (user.clone(), link.clone());
            tokio::spawn(async move {
                user.post_form(&link, &[("name", "Ada"), ("password", PASSWORD)]).send().await.unwrap()
            })
        })
        .collect();
    let mut made = Vec::new();
    for done in tries {
        let response = done.await.unwrap();
        match response.status().as_u16() {
            303 => made.push(response),
            status => assert_eq!(status, 400),
        }
    }
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].headers()["location"], "/chat");
    user.keep_cookie(&made[0]);
    let (_, me) = user.get_json("/api/auth/me").await;
    assert_eq!((me["data"]["name"].as_str(), me["data"]["email"].as_str()), (Some("Ada"), Some(user.email.as_str())));
    assert_eq!(user.credits().await["available"], 10);
    let stored = app.state.stores.accounts.find_user_by_id(user_id(&user).await).await.unwrap().unwrap();
    assert!(stored.email_verified_at.is_some());
    assert_eq!(user.get(&link).send().await.unwrap().status(), 400, "it is used up");
    let login =
        |password: &str| user.post("/api/auth/login").json(&json!({ "email": user.email, "password": password }));
    assert_eq!(answer(login("the password of somebody else")).await.0, 401, "whoever asked for it first");
    assert_eq!(answer(login(PASSWORD)).await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_link_leads_on_to_where_somebody_was_going() {
    let (app, smtp) = start().await;
    let long = format!("/chat?q={}", "x".repeat(600));
    let ways = [
        (Some("/buy-credits?invited=ABCD-EFGH"), "/buy-credits?invited=ABCD-EFGH"),
        (Some("https://elsewhere.example/"), "/chat"),
        (Some("//elsewhere.example/"), "/chat"),
        (Some(long.as_str()), "/chat"),
        (None, "/chat"),
    ];
    for (next, to) in ways {
        let email = fresh();
        let fields = [("email", email.as_str()), ("next", next.unwrap_or_default())];
        let asked = app.visitor().post_form("/sign-up", &fields[..=usize::from(next.is_some())]).send().await.unwrap();
        assert_eq!(asked.status(), 200);
        let link = smtp.mail(&email, 1).await.link();
        let made = app.visitor().post_form(&link, &[("name", "Ada"), ("password", PASSWORD)]).send().await.unwrap();
        assert_eq!((made.status().as_u16(), made.headers()["location"].to_str().unwrap()), (303, to), "{next:?}");
    }
}

#[tokio::test]
async fn a_link_to_an_account_cannot_be_made_up_or_changed_and_ends() {
    let (app, _smtp) = start().await;
    let email = Email::parse(&fresh()).unwrap();
    let account = &app.state.account;
    let good = account.sign_up_token(&email, now_millis() + 60_000, None).unwrap();
    let finish = async |token: &str| {
        let (status, told) = app.visitor().post_json(FINISH, &json!({ "token": token, "password": PASSWORD })).await;
        assert!(status == 201 || told["error"].as_str().is_some_and(|text| text.contains("link")), "{told}");
        status
    };
    for wrong in [String::new(), "none".into(), good[1..].into(), format!("{good}A"), good.replace(&good[20..21], "-_")]
    {
        assert_eq!(finish(&wrong).await, 400, "{wrong}");
    }
    assert_eq!(finish(&account.sign_up_token(&email, now_millis() - 1, None).unwrap()).await, 400, "it has ended");
    // On any server that has the secret, and on no other.
    let other = TestApp::start_with(&[("APP_SECRET", "another secret than that of the others")]).await;
    let (status, _) = other.visitor().post_json(FINISH, &json!({ "token": good, "password": PASSWORD })).await;
    assert_eq!(status, 400);
    assert_eq!(finish(&good).await, 201);
    assert_eq!(finish(&good).await, 400);
}

/// What is asked for by mail is bounded by mailbox, and an address by its registrations.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_fills_a_mailbox_by_registering_it() {
    let (app, smtp) = start().await;
    let email = fresh();
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(app.visitor().post_json(REGISTER, &json!({ "email": email })).await.0);
    }
    assert_eq!(statuses, [202, 202, 202, 202, 202, 429, 429, 429]);
    let known = member(&app).await.email;
    let mut same = Vec::new();
    for _ in 0..8 {
        same.push(app.visitor().post_json(REGISTER, &json!({ "email": known })).await.0);
    }
    assert_eq!(same, statuses);
    smtp.mail(&email, 5).await;
    assert_eq!(smtp.mails_to(&email).len(), 5);
}

#[tokio::test]
async fn without_mail_whoever_registers_is_signed_in_at_once() {
    let app = TestApp::start().await;
    let user = app.user().await;
    assert_eq!(user.credits().await["available"], 10);
    let (status, _) = app.visitor().post_json(REGISTER, &json!({ "email": user.email, "password": PASSWORD })).await;
    assert_eq!(status, 409);
    let page = app.visitor().get("/sign-up").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("name=\"password\""));
}
