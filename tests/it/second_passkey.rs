//! A passkey as the second step: after the password, of the same user, once, on any server.

use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use tessera::app::stores::Stores;
use tessera::credits::server::codes::hash_code;
use tessera::platform::db::now_millis;

use crate::authenticator::Authenticator;
use crate::mongod::{Kind, Mongod};
use crate::passkeys::{SIGN_IN_OPTIONS, add, begin, with_passkey};
use crate::support::{PASSWORD, TestApp, User, answer};
use crate::token_prices::user_id;

const BY_PASSKEY: &str = "/api/auth/second-step/passkey";
const TWO_STEPS: &str = "/account/two-steps";

/// Sends a form of `/account`: status and page.
async fn press(user: &User, action: &str) -> (u16, String) {
    let response = user.post_form(TWO_STEPS, &[("action", action)]).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn codes_in(page: &str) -> Vec<String> {
    let list = page.split("<pre").nth(1).unwrap().split('>').nth(1).unwrap().split('<').next().unwrap();
    list.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The first step by password, at a server. Whoever takes it is asked for the second.
async fn half(app: &TestApp, user: &User) -> User {
    let mut half = User { cookie: None, ..user.at(app.addr) };
    let body = json!({ "email": half.email, "password": PASSWORD });
    let response = half.post("/api/auth/login").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 401);
    half.keep_cookie(&response);
    half
}

/// The second step by a passkey.
async fn show(half: &User, device: &mut Authenticator) -> (u16, Value) {
    let (ceremony, options) = begin(half, SIGN_IN_OPTIONS).await;
    half.post_json(BY_PASSKEY, &json!({ "ceremony": ceremony, "credential": device.get(&options) })).await
}

async fn passkeys_as_the_second_step(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let beside = app.start_beside(vars).await;
    let (user, mut device, id) = with_passkey(&app).await;
    device.counter = Some(7);
    let (_, mut stranger, _) = with_passkey(&app).await;
    assert_eq!(press(&app.user().await, "passkey").await.0, 409, "who has none");
    let (status, page) = press(&user, "passkey").await;
    assert_eq!(status, 200, "{page}");
    let codes = codes_in(&page);
    assert_eq!(codes.len(), 10);
    assert_eq!(press(&user, "passkey").await.0, 409, "they are on");
    assert_eq!(press(&user, "begin").await.0, 409);
    let (_, state) = user.get_json("/api/account/second-factor").await;
    assert_eq!(state["data"], json!({ "enabled": true, "hasApp": false, "recoveryCodesLeft": 10 }));
    // The page offers it; the first step alone is good for nothing.
    let first = half(&app, &user).await;
    let page = first.get("/sign-in/second-step").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.split("script-src").nth(1).unwrap().contains("'self'"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(page.contains("data-finish=\"/api/auth/second-step/passkey\"") && page.contains("name=\"code\""), "{page}");
    assert_eq!(first.get_json("/api/auth/me").await.0, 401);
    // That of somebody else, and codes of an app that there is not.
    let (status, refused) = show(&first, &mut stranger).await;
    assert_eq!((status, &refused["field"]), (400, &json!("credential")), "{refused}");
    assert_eq!(answer(first.post("/api/auth/second-step").json(&json!({ "code": "123456" }))).await.0, 400);
    // Begun here and finished there, once.
    let (ceremony, options) = begin(&first, SIGN_IN_OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "credential": device.get(&options) });
    let there = first.at(beside.addr);
    let response = there.post(BY_PASSKEY).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut signed_in = there.clone();
    signed_in.keep_cookie(&response);
    assert_eq!(signed_in.get_json("/api/auth/me").await.0, 200);
    let gone: Vec<_> =
        response.headers().get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()).collect();
    assert!(gone.iter().any(|cookie| cookie.starts_with("tessera_second_step=;")), "{gone:?}");
    assert_eq!(first.post_json(BY_PASSKEY, &body).await.0, 401, "the half sign-in is used up");
    let next = half(&beside, &user).await;
    let again = next.post_json(BY_PASSKEY, &body).await;
    assert_eq!(again.0, 400, "and so is the ceremony: {}", again.1);
    // A copy, whose counter has not gone on.
    device.counter = Some(7);
    assert_eq!(show(&next, &mut device).await.0, 400);
    device.counter = Some(100);
    assert_eq!(show(&next, &mut device).await.0, 200);
    // A recovery code does it too, once.
    let body = json!({ "code": codes[0] });
    let third = half(&app, &user).await;
    assert_eq!(answer(third.post("/api/auth/second-step").json(&body)).await.0, 200);
    let fourth = half(&app, &user).await;
    assert_eq!(answer(fourth.post("/api/auth/second-step").json(&body)).await.0, 400);
    // The last passkey stays while it is the second step.
    let path = format!("/api/account/passkeys/{id}");
    let remove = || user.request(reqwest::Method::DELETE, &path);
    let (status, refused) = answer(remove()).await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(press(&user, "off").await.0, 303);
    assert_eq!(answer(remove()).await.0, 200);
    let body = json!({ "email": user.email, "password": PASSWORD });
    assert_eq!(app.visitor().post_json("/api/auth/login", &body).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_the_second_step_once_on_any_server() {
    Box::pin(passkeys_as_the_second_step(&[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_the_second_step_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    Box::pin(passkeys_as_the_second_step(&[("MONGODB_URI", &mongod.uri())])).await;
}

async fn turn_app_on(stores: &Stores, user: &User) {
    let id = user_id(user).await;
    let codes = vec![hash_code("K7QM-2XWD-9FHB-TR4C").unwrap()];
    let key = b"12345678901234567890".to_vec();
    assert!(stores.second_factors.begin(id, key.clone(), now_millis()).await.unwrap());
    assert!(stores.second_factors.confirm(id, key, 0, codes, now_millis()).await.unwrap());
}

#[tokio::test]
async fn with_an_app_a_passkey_does_it_too_and_tries_are_counted_together() {
    let app = TestApp::start().await;
    let (user, mut device, _) = with_passkey(&app).await;
    turn_app_on(&app.state.stores, &user).await;
    let (_, state) = user.get_json("/api/account/second-factor").await;
    assert_eq!(state["data"]["hasApp"], true);
    assert_eq!(show(&half(&app, &user).await, &mut device).await.0, 200);
    // Five tries of any kind.
    let (_, mut stranger, _) = with_passkey(&app).await;
    let tried = half(&app, &user).await;
    for _ in 0..4 {
        assert_eq!(show(&tried, &mut stranger).await.0, 400);
    }
    assert_eq!(answer(tried.post("/api/auth/second-step").json(&json!({ "code": "000000000" }))).await.0, 401);
    assert_eq!(show(&tried, &mut device).await.0, 401, "the right one comes too late");
    // Without the first step, a passkey is the whole sign-in, and not this one.
    let visitor = app.visitor();
    assert_eq!(show(&visitor, &mut device).await.0, 401);
    // Who has set another password meanwhile has shut out whoever knew the one of before.
    let early = half(&app, &user).await;
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "four unrelated words here" });
    assert_eq!(user.post_json("/api/account/password", &body).await.0, 200);
    assert_eq!(show(&early, &mut device).await.0, 401);
}

#[tokio::test]
async fn of_several_answers_at_once_one_finishes_a_half_sign_in() {
    let app = TestApp::start().await;
    let (user, mut device, _) = with_passkey(&app).await;
    assert_eq!(add(&user, &mut Authenticator::new()).await.0, 201);
    turn_app_on(&app.state.stores, &user).await;
    let half = half(&app, &user).await;
    let mut bodies = Vec::new();
    for _ in 0..4 {
        let (ceremony, options) = begin(&half, SIGN_IN_OPTIONS).await;
        bodies.push(json!({ "ceremony": ceremony, "credential": device.get(&options) }));
    }
    let tries = bodies.iter().map(|body| half.post_json(BY_PASSKEY, body));
    let statuses: Vec<u16> = futures::future::join_all(tries).await.into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 401].contains(status)), "{statuses:?}");
}
