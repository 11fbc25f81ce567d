//! `ADMIN_EMAILS`: nobody becomes an admin by an address that is not theirs.

use serde_json::json;

use crate::fake_smtp::FakeSmtp;
use crate::mail::start;
use crate::support::{PASSWORD, TestApp, User, answer};

const BOSS: &str = "boss@example.org";
const OWN_PASSWORD: &str = "four unrelated words here";

fn at(app: &TestApp) -> User {
    User { email: BOSS.to_owned(), ..app.visitor() }
}

async fn role(user: &User) -> String {
    let (status, me) = user.get_json("/api/auth/me").await;
    if status == 200 { me["data"]["role"].as_str().unwrap().to_owned() } else { status.to_string() }
}

async fn sign_in(app: &TestApp, password: &str) -> User {
    let mut user = at(app);
    let response = user.post("/api/auth/login").json(&json!({"email": BOSS, "password": password})).send().await;
    user.keep_cookie(&response.unwrap());
    user
}

async fn confirm(user: &User, token: &str) -> u16 {
    user.post_json("/api/auth/verify-email", &json!({ "token": token })).await.0
}

async fn start_with_mail() -> (TestApp, FakeSmtp) {
    start(&[("ADMIN_EMAILS", BOSS)]).await
}

#[tokio::test]
async fn on_this_machine_and_without_mail_the_first_sign_up_is_enough() {
    for url in ["http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:3000", "http://tessera.localhost"] {
        let app = TestApp::start_with(&[("ADMIN_EMAILS", BOSS), ("PUBLIC_URL", url)]).await;
        let mut boss = at(&app);
        boss.register().await;
        assert_eq!(role(&boss).await, "ADMIN", "{url}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_confirmed_makes_nobody_an_admin() {
    let smtp = FakeSmtp::start().await;
    for vars in [
        [("SMTP_URL", smtp.url()), ("PUBLIC_URL", "http://localhost:3000".to_owned())],
        [("LOG_FORMAT", "json".to_owned()), ("PUBLIC_URL", "https://chat.example.org".to_owned())],
        [("LOG_FORMAT", "json".to_owned()), ("PUBLIC_URL", "http://192.0.2.7:3000".to_owned())],
    ] {
        let mut all: Vec<_> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend([("ADMIN_EMAILS", BOSS), ("SIGN_UP_CONFIRM", "false")]);
        let app = TestApp::start_with(&all).await;
        let mut boss = at(&app);
        boss.register().await;
        assert_eq!(role(&boss).await, "USER", "{vars:?}");
        assert_eq!(role(&sign_in(&app, PASSWORD).await).await, "USER", "{vars:?}");
    }
}

#[tokio::test]
async fn an_admin_confirms_the_address_and_signs_in_with_a_new_session() {
    let (app, smtp) = start_with_mail().await;
    let mut boss = at(&app);
    boss.register().await;
    let token = smtp.mail(BOSS, 1).await.token();
    assert_eq!(confirm(&boss, &token).await, 200);
    assert_eq!(role(&boss).await, "USER", "until they sign in");
    let admin = sign_in(&app, PASSWORD).await;
    assert_eq!(role(&admin).await, "ADMIN");
    assert_eq!(role(&boss).await, "401", "no session goes on with another role than it began with");
    assert_ne!(boss.cookie, admin.cookie);
}

/// Whoever makes an account with an admin's address knows its password: the admin, who only presses the button in the mail, must
/// not hand them the role.
#[tokio::test]
async fn an_admin_who_presses_the_button_for_a_strangers_account_makes_no_admin_of_the_stranger() {
    let (app, smtp) = start_with_mail().await;
    let mut stranger = at(&app);
    stranger.register().await;
    let mail = smtp.mail(BOSS, 1).await;
    let other = app.user().await;
    for who in [&app.visitor(), &other] {
        assert_eq!(confirm(who, &mail.token()).await, 409);
        let page = who.post_form(&mail.link(), &[]).send().await.unwrap();
        assert_eq!(page.status(), 409);
        assert!(page.text().await.unwrap().contains("reset its password instead"));
    }
    // A key of the stranger's is no browser of theirs.
    let program = stranger.with_key(&json!({})).await;
    assert_eq!(confirm(&program, &mail.token()).await, 409);
    assert_eq!(role(&sign_in(&app, PASSWORD).await).await, "USER");
    // The admin takes the account: the stranger is out, with the key.
    assert_eq!(app.visitor().post_json("/api/auth/reset-password", &json!({ "email": BOSS })).await.0, 200);
    let body = json!({ "token": smtp.mail(BOSS, 2).await.token(), "password": OWN_PASSWORD });
    assert_eq!(app.visitor().post_json("/api/auth/reset-password/confirm", &body).await.0, 200);
    assert_eq!(role(&sign_in(&app, OWN_PASSWORD).await).await, "ADMIN");
    assert_eq!([role(&stranger).await, role(&program).await], ["401", "401"]);
    let login = app.visitor().post("/api/auth/login").json(&json!({ "email": BOSS, "password": PASSWORD }));
    assert_eq!(answer(login).await.0, 401);
}

#[tokio::test]
async fn nobody_changes_to_an_admins_address_that_they_cannot_read() {
    let (app, smtp) = start_with_mail().await;
    let stranger = app.user().await;
    let body = json!({ "email": BOSS, "currentPassword": PASSWORD });
    assert_eq!(stranger.post_json("/api/account/email", &body).await.0, 200);
    let token = smtp.mail(BOSS, 1).await.token();
    assert_eq!(confirm(&app.visitor(), &token).await, 409);
    assert_eq!(stranger.get_json("/api/auth/me").await.1["data"]["email"], stranger.email);
    // Who has both is the admin.
    assert_eq!(confirm(&stranger, &token).await, 200);
    assert_eq!(role(&sign_in(&app, PASSWORD).await).await, "ADMIN");
}

#[tokio::test]
async fn a_link_to_sign_in_makes_an_admin_of_whoever_reads_the_mailbox() {
    let (app, smtp) = start_with_mail().await;
    let mut boss = at(&app);
    boss.register().await;
    assert_eq!(confirm(&boss, &smtp.mail(BOSS, 1).await.token()).await, 200);
    assert_eq!(app.visitor().post_json("/api/auth/sign-in-link", &json!({ "email": BOSS })).await.0, 200);
    let mut admin = at(&app);
    let body = json!({ "token": smtp.mail(BOSS, 2).await.token() });
    let response = app.visitor().post("/api/auth/sign-in-link/confirm").json(&body).send().await.unwrap();
    admin.keep_cookie(&response);
    assert_eq!(role(&admin).await, "ADMIN");
}
