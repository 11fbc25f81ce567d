//! Two-step sign-in: no code is taken twice, nothing passes the second step, and nobody guesses it.

use std::collections::HashSet;

use futures::future::join_all;
use reqwest::Response;
use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use tessera::account::server::second_factor::store::HalfSignIn;
use tessera::account::server::second_factor::{AppKey, code_at, step_of};
use tessera::app::people::{disable, enable, turn_two_steps_off};
use tessera::app::stores::Stores;
use tessera::credits::server::codes::hash_code;
use tessera::platform::db::now_millis;
use tessera::platform::ids::UserId;
use tessera::platform::secret::{hash_secret, new_secret};
use tokio::task::JoinSet;
use totp_rs::Secret;

use crate::contracts::over_every_store;
use crate::fake_oidc::FakeIdp;
use crate::mail::start as start_with_mail;
use crate::mongod::{Kind, Mongod};
use crate::oidc::{Browser, location, start as start_with_provider};
use crate::responses::refusal;
use crate::stores::new_user;
use crate::support::{PASSWORD, TestApp, User, answer};
use crate::token_prices::user_id;

const KEY: &AppKey = b"12345678901234567890";
const CODES: [&str; 3] = ["K7QM-2XWD-9FHB-TR4C", "AAAA-BBBB-CCCC-DDDD", "EEEE-FFFF-GGGG-HHHH"];
const STEP: i64 = 30_000;
const SECOND_STEP: &str = "/sign-in/second-step";
const TWO_STEPS: &str = "/account/two-steps";

/// Turns two steps on as the forms do, but with a key and codes that are known, and no code used.
async fn turn_on(stores: &Stores, user: UserId) {
    assert!(stores.second_factors.begin(user, KEY.to_vec(), now_millis()).await.unwrap());
    let codes = CODES.iter().map(|code| hash_code(code).unwrap()).collect();
    assert!(stores.second_factors.confirm(user, KEY.to_vec(), 0, codes, now_millis()).await.unwrap());
}

async fn careful_user(app: &TestApp) -> User {
    let user = app.user().await;
    turn_on(&app.state.stores, user_id(&user).await).await;
    user
}

/// Somebody who has taken the first step, for the examples of the documentation.
pub async fn half_signed_in(app: &TestApp) -> User {
    let user = careful_user(app).await;
    let mut half = User { cookie: None, ..user };
    let body = json!({"email": half.email, "password": PASSWORD});
    let response = half.post("/api/auth/login").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 401);
    half.keep_cookie(&response);
    half
}

fn code_now() -> String {
    code_at(KEY, now_millis())
}

/// A code that no app shows around now.
fn wrong_code() -> String {
    let near: Vec<_> = (-3..=3).map(|step| code_at(KEY, now_millis() + step * STEP)).collect();
    (0..8).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
}

fn half(user: UserId) -> HalfSignIn {
    let expires_at = now_millis() + 60_000;
    HalfSignIn { user, password: hash_secret("$argon2id$"), next: "/images?a=b".into(), tries: 0, expires_at }
}

/// How many of a hundred at once were told so.
async fn race<F>(ask: impl Fn() -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let mut all = JoinSet::new();
    for _ in 0..100 {
        all.spawn(ask());
    }
    all.join_all().await.into_iter().filter(|is_told| *is_told).count()
}

over_every_store! {
    async fn a_step_is_accepted_once_however_many_ask_and_none_before_it(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let factors = stores.second_factors.clone();
        assert!(!factors.accept_step(user, KEY.to_vec(), 7).await.unwrap(), "there is no app");
        assert!(factors.begin(user, KEY.to_vec(), 1).await.unwrap());
        assert!(!factors.accept_step(user, KEY.to_vec(), 7).await.unwrap(), "nobody has confirmed it");
        assert!(factors.confirm(user, KEY.to_vec(), 100, Vec::new(), 2).await.unwrap());
        turn_on(&stores, other).await;
        assert!(!factors.accept_step(user, KEY.to_vec(), 100).await.unwrap(), "it was confirmed with this one");
        let accepted = race(|| {
            let factors = factors.clone();
            async move { factors.accept_step(user, KEY.to_vec(), 102).await.unwrap() }
        });
        assert_eq!(accepted.await, 1);
        // Whichever way clocks jump.
        for step in [102, 101, 100, 1, 0, -1, i64::MIN] {
            assert!(!factors.accept_step(user, KEY.to_vec(), step).await.unwrap(), "{step}");
        }
        assert!(!factors.accept_step(user, b"another key of an ap".to_vec(), 103).await.unwrap());
        assert!(factors.accept_step(user, KEY.to_vec(), 103).await.unwrap());
        assert!(factors.accept_step(other, KEY.to_vec(), 102).await.unwrap(), "of another user it is another one");
    }

    async fn a_recovery_code_is_taken_once_however_many_ask(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let factors = stores.second_factors.clone();
        turn_on(&stores, user).await;
        turn_on(&stores, other).await;
        let [first, second, third] = CODES.map(|code| hash_code(code).unwrap());
        let taken = race(|| {
            let factors = factors.clone();
            async move { factors.take_code(user, first).await.unwrap() }
        });
        assert_eq!(taken.await, 1);
        let left = async |user| factors.find(user).await.unwrap().unwrap().codes_left;
        assert_eq!((left(user).await, left(other).await), (2, 3));
        assert!(factors.replace_codes(user, vec![third]).await.unwrap());
        assert!(!factors.take_code(user, second).await.unwrap(), "it was replaced");
        assert!(factors.take_code(user, third).await.unwrap());
        assert_eq!(left(user).await, 0);
        assert!(factors.take_code(other, first).await.unwrap());
    }

    async fn an_app_is_on_once_it_is_confirmed_and_until_it_is_deleted(stores) {
        let user = new_user(&stores).await;
        let factors = stores.second_factors.clone();
        let confirmed_at = async || factors.find(user).await.unwrap().map(|app| app.confirmed_at);
        let other = b"another key of an ap".to_vec();
        assert_eq!(confirmed_at().await, None);
        assert!(!factors.replace_codes(user, vec![[1; 32]]).await.unwrap());
        assert!(factors.begin(user, other.clone(), 1).await.unwrap());
        assert!(factors.begin(user, KEY.to_vec(), 5).await.unwrap(), "a new one takes its place");
        assert!(!factors.confirm(user, other.clone(), 1, Vec::new(), 6).await.unwrap());
        assert!(!factors.replace_codes(user, vec![[1; 32]]).await.unwrap());
        assert_eq!(confirmed_at().await, Some(None));
        let confirmed = race(|| {
            let factors = factors.clone();
            async move { factors.confirm(user, KEY.to_vec(), 1, vec![[1; 32], [2; 32]], 7).await.unwrap() }
        });
        assert_eq!(confirmed.await, 1);
        let app = factors.find(user).await.unwrap().unwrap();
        assert_eq!((app.key.clone(), app.created_at, app.confirmed_at, app.codes_left), (KEY.to_vec(), 5, Some(7), 2));
        assert!(!factors.begin(user, other, 8).await.unwrap(), "one that is on stays");
        assert_eq!(factors.find(user).await.unwrap(), Some(app));
        let token = hash_secret(&new_secret());
        factors.put_half(token, half(user)).await.unwrap();
        assert!(factors.delete_of_user(user).await.unwrap());
        assert!(!factors.delete_of_user(user).await.unwrap());
        assert_eq!(confirmed_at().await, None);
        assert!(!factors.take_code(user, [1; 32]).await.unwrap());
        assert_eq!(factors.find_half(token, now_millis()).await.unwrap(), None);
    }

    async fn a_half_sign_in_counts_its_tries_and_ends_once(stores) {
        let (user, now) = (new_user(&stores).await, now_millis());
        let factors = stores.second_factors.clone();
        let (token, wanted) = (hash_secret(&new_secret()), half(user));
        let end = wanted.expires_at;
        factors.put_half(token, wanted.clone()).await.unwrap();
        assert_eq!(factors.find_half(token, now).await.unwrap(), Some(wanted.clone()));
        assert_eq!(factors.find_half(hash_secret("another"), now).await.unwrap(), None);
        let tried = race(|| {
            let factors = factors.clone();
            async move { factors.try_half(token, 5, now).await.unwrap().is_some() }
        });
        assert_eq!(tried.await, 5);
        assert_eq!(factors.find_half(token, now).await.unwrap(), Some(HalfSignIn { tries: 5, ..wanted.clone() }));
        assert_eq!(factors.try_half(token, 6, end).await.unwrap(), None, "it has expired");
        assert_eq!(factors.take_half(token, end).await.unwrap(), None);
        assert_eq!(factors.try_half(token, 6, now).await.unwrap().unwrap().tries, 6);
        let taken = race(|| {
            let factors = factors.clone();
            async move { factors.take_half(token, now).await.unwrap().is_some() }
        });
        assert_eq!(taken.await, 1);
        assert_eq!(factors.try_half(token, 9, now).await.unwrap(), None);
        factors.put_half(token, wanted).await.unwrap();
        factors.delete_expired(end - 1).await.unwrap();
        assert!(factors.find_half(token, now).await.unwrap().is_some());
        factors.delete_expired(end).await.unwrap();
        assert!(factors.find_half(token, now).await.unwrap().is_none());
    }
}

/// RFC 6238, appendix B, which has eight digits.
const VECTORS: [(i64, &str); 6] = [
    (59, "94287082"),
    (1_111_111_109, "07081804"),
    (1_111_111_111, "14050471"),
    (1_234_567_890, "89005924"),
    (2_000_000_000, "69279037"),
    (20_000_000_000, "65353130"),
];

#[test]
fn codes_are_those_of_the_standard() {
    for (seconds, code) in VECTORS {
        assert_eq!(code_at(KEY, seconds * 1000), code[2..], "{seconds}");
        assert_eq!(step_of(KEY, &code[2..], seconds * 1000), Some(seconds / 30));
    }
}

#[test]
fn a_code_is_taken_one_step_early_and_one_step_late_and_no_further() {
    let step = 40_000_000;
    let (begin, end) = (step * 30_000, step * 30_000 + 29_999);
    let code = code_at(KEY, begin);
    assert_eq!(code_at(KEY, end), code);
    for at in [begin - 30_000, begin - 1, begin, end, end + 1, end + 30_000] {
        assert_eq!(step_of(KEY, &code, at), Some(step), "{}", at - begin);
    }
    for at in [begin - 30_001, end + 30_001, begin - 3_600_000, end + 3_600_000, 0, -1, i64::MIN, i64::MAX] {
        assert_eq!(step_of(KEY, &code, at), None, "{at}");
    }
}

#[test]
fn spaces_do_not_matter_and_everything_else_does() {
    let at = 1_800_000_000_000;
    let code = code_at(KEY, at);
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    assert!(step_of(KEY, &spaced, at).is_some());
    for wrong in ["", "0", &code[1..], &format!("{code}0"), &format!("+{}", &code[1..]), "abcdef", "１２３４５６"]
    {
        assert_eq!(step_of(KEY, wrong, at), None, "{wrong}");
    }
    assert_eq!(step_of(b"a key of somebody el", &code, at), None);
}

/// Takes the first step in a browser that nobody knows.
async fn first_step(app: &TestApp, email: &str, password: &str) -> Browser {
    let mut browser = Browser::at(app);
    let fields = [("email", email), ("password", password), ("next", "/images")];
    let response = browser.post("/sign-in", &fields).await;
    assert_eq!(location(&response), SECOND_STEP);
    assert_eq!(browser.me().await, None, "that is no session");
    browser
}

async fn second_step(browser: &mut Browser, code: &str) -> Response {
    browser.post(SECOND_STEP, &[("code", code)]).await
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> String {
    let answer = app.visitor().post_json("/api/auth/login", &json!({"email": email, "password": password})).await;
    if answer.0 == 200 { "200".to_owned() } else { refusal(answer) }
}

const REQUIRED: &str = "401 second_factor_required";

/// The text of an element that begins with this.
fn text_after<'a>(page: &'a str, begin: &str) -> &'a str {
    let after = page.split(begin).nth(1).unwrap_or_else(|| panic!("no {begin} in {page}"));
    after.split_once('>').unwrap().1.split('<').next().unwrap().trim()
}

fn recovery_codes(page: &str) -> Vec<String> {
    text_after(page, "<pre").lines().map(str::to_owned).collect()
}

async fn set_up_and_turn_off(app: &TestApp) {
    let mut browser = Browser::at(app);
    let visitor = app.visitor();
    browser.post("/sign-up", &[("email", &visitor.email), ("password", PASSWORD)]).await;
    let page = browser.get("/account").await.text().await.unwrap();
    assert!(page.contains("Set up two-step sign-in") && page.contains("Confirm your email address first"), "{page}");
    let of_no_app = browser.post("/account/two-steps/confirm", &[("code", "123456")]).await;
    assert_eq!(of_no_app.status(), 409);
    let begun = browser.post(TWO_STEPS, &[("action", "begin")]).await;
    assert_eq!((begun.status().as_u16(), &begun.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
    let page = begun.text().await.unwrap();
    let shown = text_after(&page, "<code").to_owned();
    assert!(
        page.contains("<svg") && page.contains("href=\"otpauth://totp/Tessera") && !page.contains(" style="),
        "{page}"
    );
    let key: AppKey = Secret::try_from_base32(shown.replace(' ', "")).unwrap().as_bytes().try_into().unwrap();
    // Nothing changes before the app is shown to have it.
    assert_eq!(sign_in(app, &visitor.email, PASSWORD).await, "200");
    for wrong in ["", "12345", "not a code"] {
        let refused = browser.post("/account/two-steps/confirm", &[("code", wrong)]).await;
        assert_eq!(refused.status(), 400, "{wrong}");
        assert_eq!(text_after(&refused.text().await.unwrap(), "<code"), shown);
    }
    let first = code_at(&key, now_millis());
    let page = browser.post("/account/two-steps/confirm", &[("code", &first)]).await.text().await.unwrap();
    let codes = recovery_codes(&page);
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 10, "{codes:?}");
    // Of 32 letters and digits: 120 bits.
    let groups = |code: &String| code.split('-').map(str::len).collect::<Vec<_>>();
    assert!(codes.iter().all(|code| groups(code) == [4; 6]), "{codes:?}");
    let about = async |browser: &mut Browser| {
        let about: Value = browser.get("/api/account/second-factor").await.json().await.unwrap();
        about["data"].clone()
    };
    assert_eq!(about(&mut browser).await, json!({"enabled": true, "hasApp": true, "recoveryCodesLeft": 10}));
    assert_eq!(browser.post(TWO_STEPS, &[("action", "begin")]).await.status(), 409);
    assert_eq!(sign_in(app, &visitor.email, PASSWORD).await, REQUIRED);
    // The code that turned it on was used by that.
    let mut there = first_step(app, &visitor.email, PASSWORD).await;
    assert_eq!(second_step(&mut there, &first).await.status(), 400);
    let next = code_at(&key, now_millis() + STEP);
    assert_eq!(location(&second_step(&mut there, &format!(" {} {}", &next[..3], &next[3..])).await), "/images");
    assert_eq!(there.me().await.unwrap()["email"], visitor.email);
    assert!(!there.jar.contains_key("tessera_second_step"), "{:?}", there.jar);
    let mut there = first_step(app, &visitor.email, PASSWORD).await;
    assert_eq!(second_step(&mut there, &next).await.status(), 400, "once");
    assert_eq!(location(&second_step(&mut there, &codes[0].to_lowercase().replace('-', " ")).await), "/images");
    assert_eq!(about(&mut there).await["recoveryCodesLeft"], 9);
    // New codes end those of before.
    let page = browser.post(TWO_STEPS, &[("action", "codes")]).await.text().await.unwrap();
    let renewed = recovery_codes(&page);
    assert!(renewed.len() == 10 && renewed.iter().all(|code| !codes.contains(code)));
    let mut there = first_step(app, &visitor.email, PASSWORD).await;
    assert_eq!(second_step(&mut there, &codes[1]).await.status(), 400);
    assert_eq!(location(&second_step(&mut there, &renewed[0]).await), "/images");
    let off = browser.post(TWO_STEPS, &[("action", "off"), ("currentPassword", PASSWORD)]).await;
    assert_eq!(location(&off), "/account?said=two-steps-off");
    assert_eq!(about(&mut browser).await, json!({"enabled": false, "hasApp": false, "recoveryCodesLeft": 0}));
    assert_eq!(browser.post(TWO_STEPS, &[("action", "codes")]).await.status(), 404);
    assert_eq!(sign_in(app, &visitor.email, PASSWORD).await, "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_steps_are_set_up_by_forms_asked_for_and_turned_off() {
    set_up_and_turn_off(&TestApp::start().await).await;
    let mongod = Mongod::start(Kind::Standalone).await;
    set_up_and_turn_off(&TestApp::start_with(&[("MONGODB_URI", &mongod.uri())]).await).await;
}

#[tokio::test]
async fn two_steps_change_only_for_who_has_just_signed_in_or_knows_the_password() {
    let app = TestApp::start().await;
    let (user, careful) = (app.user().await, careful_user(&app).await);
    let database = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    let said = async |user: &User, action: &str, password: &str| {
        database.execute("UPDATE sessions SET confirmed_at = confirmed_at - 700000", []).unwrap();
        let fields = [("action", action), ("currentPassword", password)];
        let response = user.post_form(TWO_STEPS, &fields).send().await.unwrap();
        response.headers().get("location").map(|to| to.to_str().unwrap().to_owned())
    };
    for (user, action) in [(&user, "begin"), (&careful, "codes"), (&careful, "off")] {
        assert_eq!(said(user, action, "").await.as_deref(), Some("/account?said=confirm"), "{action}");
        assert_eq!(said(user, action, "wrong horse").await.as_deref(), Some("/account?said=wrong-password"));
    }
    assert_eq!(sign_in(&app, &careful.email, PASSWORD).await, REQUIRED);
    assert_eq!(said(&user, "begin", PASSWORD).await, None);
    assert_eq!(said(&careful, "off", PASSWORD).await.as_deref(), Some("/account?said=two-steps-off"));
    // What is no action does nothing.
    assert_eq!(user.post_form(TWO_STEPS, &[("action", "on")]).send().await.unwrap().status(), 400);
}

/// A key that is shown and left lying around is none.
#[tokio::test]
async fn a_key_waits_an_hour_for_its_app() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let confirm = async |age: i64| {
        let stores = &app.state.stores;
        assert!(stores.second_factors.begin(user_id(&user).await, KEY.to_vec(), now_millis() - age).await.unwrap());
        user.post_form("/account/two-steps/confirm", &[("code", &code_now())]).send().await.unwrap().status()
    };
    assert_eq!(confirm(61 * 60_000).await, 409);
    assert_eq!(confirm(59 * 60_000).await, 200);
}

/// Twenty who have taken the first step bring the same code. A stranger's codes are counted, so that half of them are refused for
/// that.
async fn bring_twenty_times(app: &TestApp, code: &str) {
    let user = careful_user(app).await;
    let mut halves = Vec::new();
    for _ in 0..20 {
        halves.push(first_step(app, &user.email, PASSWORD).await);
    }
    let came = join_all(halves.into_iter().map(|mut browser| async move {
        let status = second_step(&mut browser, code).await.status().as_u16();
        (status, browser.me().await.is_some())
    }));
    let mut came = came.await;
    came.sort_unstable();
    assert_eq!(came, [&[(303, true)][..], &[(400, false); 9], &[(429, false); 10]].concat(), "{code}");
}

async fn bring_every_code(app: &TestApp) {
    bring_twenty_times(app, &code_now()).await;
    bring_twenty_times(app, CODES[0]).await;
    // And twenty times in one browser.
    let user = careful_user(app).await;
    let browser = first_step(app, &user.email, PASSWORD).await;
    let codes: Vec<String> = [code_now(), CODES[1].to_owned()].into_iter().cycle().take(20).collect();
    let came = join_all(codes.iter().map(|code| {
        let mut browser = browser.clone();
        async move { second_step(&mut browser, code).await.status().as_u16() }
    }));
    let came = came.await;
    assert_eq!(came.iter().filter(|status| **status == 303).count(), 1, "{came:?}");
    let id = user_id(&user).await;
    // That of the registration, and one more.
    assert_eq!(app.state.stores.sessions.list(id, now_millis()).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_signs_in_once_however_many_bring_it() {
    bring_every_code(&TestApp::start().await).await;
    let mongod = Mongod::start(Kind::Standalone).await;
    bring_every_code(&TestApp::start_with(&[("MONGODB_URI", &mongod.uri())]).await).await;
}

#[tokio::test]
async fn a_half_sign_in_is_good_for_a_second_step_and_for_nothing_else() {
    let app = TestApp::start().await;
    let user = careful_user(&app).await;
    let body = json!({"email": user.email, "password": PASSWORD});
    let response = app.visitor().post("/api/auth/login").json(&body).send().await.unwrap();
    let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().map(|set| set.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 1, "neither a session nor a device: {cookies:?}");
    for part in ["tessera_second_step=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookies[0].contains(part), "{part} in {}", cookies[0]);
    }
    let mut half = app.visitor();
    half.keep_cookie(&response);
    let token = half.cookie.clone().unwrap().split_once('=').unwrap().1.to_owned();
    let session = User { cookie: Some(format!("tessera_session={token}")), ..app.visitor() };
    for user in [&half, &session] {
        assert_eq!(user.get_json("/api/auth/me").await.0, 401);
        assert_eq!(user.get("/chat").send().await.unwrap().status(), 303);
        assert_eq!(
            user.post_form(TWO_STEPS, &[("action", "off")]).send().await.unwrap().headers()["location"],
            "/sign-in?next=%2Faccount"
        );
    }
    // Another browser has none.
    let code = code_now();
    for cookie in [None, Some("tessera_second_step=".to_owned()), Some(format!("tessera_second_step={token}A"))] {
        let other = User { cookie, ..app.visitor() };
        let refused = refusal(other.post_json("/api/auth/second-step", &json!({"code": code})).await);
        assert_eq!(refused, "401 unauthenticated");
        assert_eq!(other.get(SECOND_STEP).send().await.unwrap().headers()["location"], "/sign-in");
        let page = other.post_form(SECOND_STEP, &[("code", &code)]).send().await.unwrap();
        assert!(page.status() == 401 && page.text().await.unwrap().contains("Please sign in again"));
    }
    // Looking, and sending nothing, counts no try.
    for _ in 0..9 {
        let page = half.get(SECOND_STEP).send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains(">Continue<"), "the button says what it does");
        let refused = refusal(half.post_json("/api/auth/second-step", &json!({"code": " "})).await);
        assert_eq!(refused, "400 invalid_input: code");
    }
    assert_eq!(half.post_json("/api/auth/second-step", &json!({"code": code})).await.0, 200);
    let again = json!({"code": CODES[0]});
    assert_eq!(refusal(half.post_json("/api/auth/second-step", &again).await), "401 unauthenticated", "once");
}

#[tokio::test]
async fn a_half_sign_in_ends_by_time_and_by_wrong_codes() {
    let app = TestApp::start().await;
    let user = careful_user(&app).await;
    let mut browser = first_step(&app, &user.email, PASSWORD).await;
    for _ in 0..4 {
        let response = second_step(&mut browser, &wrong_code()).await;
        assert_eq!(response.status(), 400);
        let page = response.text().await.unwrap();
        assert!(page.contains("already used") && page.contains("aria-invalid=\"true\""), "{page}");
    }
    let ended = second_step(&mut browser, &wrong_code()).await;
    assert_eq!(ended.status(), 401);
    assert!(ended.text().await.unwrap().contains("too many wrong codes"));
    assert!(!browser.jar.contains_key("tessera_second_step"));
    let other = careful_user(&app).await;
    let mut browser = first_step(&app, &other.email, PASSWORD).await;
    let database = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    // With that which is used up.
    assert_eq!(database.execute("UPDATE half_sign_ins SET expires_at = expires_at - 300000", []).unwrap(), 2);
    assert_eq!(browser.get(SECOND_STEP).await.status(), 200);
    database.execute("UPDATE half_sign_ins SET expires_at = expires_at - 300001", []).unwrap();
    assert_eq!(location(&browser.get(SECOND_STEP).await), "/sign-in");
    assert_eq!(second_step(&mut browser, &code_now()).await.status(), 401);
}

#[tokio::test]
async fn codes_are_not_guessed_by_starting_over_and_the_owners_device_still_gets_in() {
    let app = TestApp::start_with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let mut owner = Browser::at(&app);
    let email = "ada@example.org";
    owner.post("/sign-up", &[("email", email), ("password", PASSWORD)]).await;
    let id = owner.me().await.unwrap()["id"].as_str().unwrap().parse().unwrap();
    turn_on(&app.state.stores, id).await;
    let guess = async |network: usize| {
        let from = format!("203.0.113.{network}");
        let visitor = app.visitor();
        let body = json!({"email": email, "password": PASSWORD});
        let first = visitor.post("/api/auth/login").header("x-forwarded-for", &from).json(&body).send().await.unwrap();
        let mut half = app.visitor();
        half.keep_cookie(&first);
        let body = json!({"code": wrong_code()});
        answer(half.post("/api/auth/second-step").header("x-forwarded-for", &from).json(&body)).await.0
    };
    let mut statuses = Vec::new();
    for network in 1..=12 {
        statuses.push(guess(network).await);
    }
    assert_eq!(statuses, [&[400; 10][..], &[429; 2]].concat());
    // The device that registered is known, and is asked all the same.
    owner.jar.remove("tessera_session");
    let fields = [("email", email), ("password", PASSWORD)];
    assert_eq!(location(&owner.post("/sign-in", &fields).await), SECOND_STEP);
    assert_eq!(second_step(&mut owner, &wrong_code()).await.status(), 400);
    assert_eq!(location(&second_step(&mut owner, &code_now()).await), "/chat");
}

#[tokio::test]
async fn who_does_not_know_the_password_is_not_told_of_a_second_step() {
    let app = TestApp::start().await;
    let user = careful_user(&app).await;
    let mut answers = HashSet::new();
    for email in [user.email.as_str(), "nobody@example.org", app.user().await.email.as_str()] {
        let body = json!({"email": email, "password": "wrong horse"});
        let response = app.visitor().post("/api/auth/login").json(&body).send().await.unwrap();
        assert!(response.headers().get(SET_COOKIE).is_none());
        let status = response.status().as_u16();
        let mut answer: Value = response.json().await.unwrap();
        answer.as_object_mut().unwrap().remove("requestId");
        answers.insert(format!("{status} {answer}"));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn keys_and_sessions_go_on_without_a_second_step() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    turn_on(&app.state.stores, user_id(&user).await).await;
    assert_eq!(program.get_json("/api/auth/me").await.0, 200);
    assert_eq!(user.get_json("/api/auth/me").await.0, 200);
    assert_eq!(program.get_json("/api/account/second-factor").await.0, 403);
    // A new password keeps who has signed in, and two steps.
    let body = json!({"currentPassword": PASSWORD, "newPassword": "four unrelated words here"});
    assert_eq!(user.post_json("/api/account/password", &body).await.0, 200);
    assert_eq!(sign_in(&app, &user.email, "four unrelated words here").await, REQUIRED);
}

/// A user whose address is confirmed. Has had one mail.
async fn confirmed(app: &TestApp) -> User {
    let user = careful_user(app).await;
    let id = user_id(&user).await;
    assert!(app.state.stores.accounts.verify_email(id, &user.email, 1).await.unwrap());
    user
}

#[tokio::test]
async fn neither_a_link_nor_a_new_password_passes_the_second_step() {
    let (app, smtp) = start_with_mail(&[("PUBLIC_URL", "http://localhost:3000")]).await;
    let user = confirmed(&app).await;
    smtp.mail(&user.email, 1).await;
    let ask = async |path: &str, number: usize| {
        assert_eq!(app.visitor().post_json(path, &json!({"email": user.email})).await.0, 200);
        smtp.mail(&user.email, number).await
    };
    let link = ask("/api/auth/sign-in-link", 2).await.link();
    let mut browser = Browser::at(&app);
    assert_eq!(location(&browser.post(&link, &[]).await), SECOND_STEP);
    assert_eq!(browser.me().await, None);
    assert_eq!(location(&second_step(&mut browser, CODES[0]).await), "/chat");
    assert_eq!(smtp.mail(&user.email, 3).await.header("Subject"), "Two-step sign-in");
    let token = ask("/api/auth/sign-in-link", 4).await.token();
    let confirm = app.visitor().post_json("/api/auth/sign-in-link/confirm", &json!({"token": token})).await;
    assert_eq!(refusal(confirm), REQUIRED);
    // Whoever has taken the first step with the password of before takes no second one.
    let mut before = first_step(&app, &user.email, PASSWORD).await;
    let token = ask("/api/auth/reset-password", 5).await.token();
    let body = json!({"token": token, "password": "four unrelated words here"});
    let reset = app.visitor().post("/api/auth/reset-password/confirm").json(&body).send().await.unwrap();
    assert!(reset.status() == 200 && reset.headers().get(SET_COOKIE).is_none());
    assert_eq!(second_step(&mut before, &code_now()).await.status(), 401);
    assert_eq!(sign_in(&app, &user.email, "four unrelated words here").await, REQUIRED);
    let mut after = first_step(&app, &user.email, "four unrelated words here").await;
    assert_eq!(location(&second_step(&mut after, CODES[1]).await), "/images");
}

/// Whoever made an account with another's address could keep its owner out by it.
#[tokio::test]
async fn of_an_address_that_was_never_confirmed_a_new_password_turns_two_steps_off() {
    let (app, smtp) = start_with_mail(&[]).await;
    let user = careful_user(&app).await;
    smtp.mail(&user.email, 1).await;
    app.visitor().post_json("/api/auth/reset-password", &json!({"email": user.email})).await;
    let token = smtp.mail(&user.email, 2).await.token();
    let body = json!({"token": token, "password": "four unrelated words here"});
    assert_eq!(app.visitor().post_json("/api/auth/reset-password/confirm", &body).await.0, 200);
    assert_eq!(sign_in(&app, &user.email, "four unrelated words here").await, "200");
}

#[tokio::test]
async fn an_owner_is_told_of_what_changes_if_the_address_is_known_to_be_theirs() {
    let (app, smtp) = start_with_mail(&[]).await;
    let (owner, stranger) = (app.user().await, app.user().await);
    let id = user_id(&owner).await;
    assert!(app.state.stores.accounts.verify_email(id, &owner.email, 1).await.unwrap());
    for user in [&stranger, &owner] {
        smtp.mail(&user.email, 1).await;
        let page = user.post_form(TWO_STEPS, &[("action", "begin")]).send().await.unwrap().text().await.unwrap();
        let key = text_after(&page, "<code").replace(' ', "");
        let key: AppKey = Secret::try_from_base32(key).unwrap().as_bytes().try_into().unwrap();
        let code = code_at(&key, now_millis());
        let on = user.post_form("/account/two-steps/confirm", &[("code", &code)]).send().await.unwrap();
        assert_eq!(on.status(), 200);
        for action in ["codes", "off"] {
            assert!(user.post_form(TWO_STEPS, &[("action", action)]).send().await.unwrap().status().as_u16() < 400);
        }
    }
    let mut texts = Vec::new();
    for number in 2..=4 {
        texts.push(smtp.mail(&owner.email, number).await.text());
    }
    // Mails are sent beside each other.
    for what in ["turned on", "new recovery codes", "turned off"] {
        assert_eq!(texts.iter().filter(|text| text.contains(what)).count(), 1, "{what}: {texts:?}");
    }
    assert_eq!(smtp.mails_to(&stranger.email).len(), 1);
}

#[tokio::test]
async fn who_comes_by_a_provider_is_asked_too() {
    let idp = FakeIdp::start().await;
    let app = start_with_provider(&idp, &[]).await;
    let claims = json!({"sub": "ada", "email": "ada@example.org", "email_verified": true});
    let mut browser = Browser::at(&app);
    assert_eq!(location(&browser.come_back(&idp, &claims).await), "/images");
    let id = browser.me().await.unwrap()["id"].as_str().unwrap().parse().unwrap();
    // Without a password, who has signed in just now can set it up.
    assert_eq!(browser.post(TWO_STEPS, &[("action", "begin")]).await.status(), 200);
    turn_on(&app.state.stores, id).await;
    let mut later = Browser::at(&app);
    assert_eq!(location(&later.come_back(&idp, &claims).await), SECOND_STEP);
    assert_eq!(later.me().await, None);
    assert_eq!(location(&second_step(&mut later, &code_now()).await), "/images");
    assert_eq!(later.me().await.unwrap()["email"], "ada@example.org");
    // A verified address alone links no other identity to an account that takes two steps.
    let other = json!({"sub": "eve", "email": "ada@example.org", "email_verified": true});
    let response = Browser::at(&app).come_back(&idp, &other).await;
    assert!(location(&response).contains("sign-in-first"), "{}", location(&response));
}

#[tokio::test]
async fn whose_account_is_shut_does_not_get_in_by_the_second_step() {
    let app = TestApp::start().await;
    let user = careful_user(&app).await;
    let mut half = first_step(&app, &user.email, PASSWORD).await;
    disable(&app.state.stores, &user.email).await.unwrap();
    assert_eq!(sign_in(&app, &user.email, PASSWORD).await, "403 forbidden");
    assert_eq!(second_step(&mut half, &code_now()).await.status(), 403);
    assert_eq!(half.me().await, None);
    enable(&app.state.stores, &user.email).await.unwrap();
    assert_eq!(sign_in(&app, &user.email, PASSWORD).await, REQUIRED);
    assert_eq!(second_step(&mut half, CODES[0]).await.status(), 401, "it was used up");
}

#[tokio::test]
async fn an_operator_turns_two_steps_off_for_who_has_lost_everything() {
    let app = TestApp::start().await;
    let user = careful_user(&app).await;
    let mut half = first_step(&app, &user.email, PASSWORD).await;
    turn_two_steps_off(&app.state.stores, &user.email).await.unwrap();
    assert_eq!(sign_in(&app, &user.email, PASSWORD).await, "200");
    assert_eq!(second_step(&mut half, &code_now()).await.status(), 401);
    assert!(turn_two_steps_off(&app.state.stores, &user.email).await.is_err(), "they are off");
    assert!(turn_two_steps_off(&app.state.stores, "nobody@example.org").await.is_err());
}
