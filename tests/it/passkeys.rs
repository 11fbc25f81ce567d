//! Passkeys: who signs in with one, and who does not.

use futures::future::join_all;
use reqwest::Method;
use reqwest::header::USER_AGENT;
use serde_json::{Value, json};
use tessera::account::server::passkeys::store::Ceremony;
use tessera::account::server::sessions::UserStatus;
use tessera::platform::db::now_millis;
use tessera::platform::secret::hash_secret;
use uuid::Uuid;

use crate::authenticator::{Authenticator, BACKED_UP, PRESENT, VERIFIED};
use crate::fake_smtp::FakeSmtp;
use crate::support::{PASSWORD, TestApp, User, answer};
use crate::token_prices::user_id;

pub const OPTIONS: &str = "/api/account/passkeys/options";
pub const PASSKEYS: &str = "/api/account/passkeys";
pub const SIGN_IN_OPTIONS: &str = "/api/auth/passkey/options";
/// What is wrong, and how to make it so.
type Wrong<'a> = (&'static str, &'a dyn Fn(&mut Authenticator));

const SIGN_IN: &str = "/api/auth/passkey";
const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// Begins a ceremony: its handle, and the options.
pub async fn begin(user: &User, path: &str) -> (String, Value) {
    let (status, mut begun) = user.post_json(path, &json!({})).await;
    assert_eq!(status, 200, "{begun}");
    (begun["data"]["ceremony"].as_str().unwrap().to_owned(), begun["data"]["options"].take())
}

/// Adds a passkey.
pub async fn add(user: &User, device: &mut Authenticator) -> (u16, Value) {
    let (ceremony, options) = begin(user, OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "name": "Laptop", "credential": device.create(&options) });
    user.post_json(PASSKEYS, &body).await
}

/// A user with a passkey.
pub async fn with_passkey(app: &TestApp) -> (User, Authenticator, String) {
    let (user, mut device) = (app.user().await, Authenticator::new());
    let (status, made) = add(&user, &mut device).await;
    assert_eq!(status, 201, "{made}");
    (user, device, made["data"]["id"].as_str().unwrap().to_owned())
}

/// Signs in with a passkey, as nobody yet.
async fn sign_in(app: &TestApp, device: &mut Authenticator) -> (u16, Value) {
    let visitor = app.visitor();
    let (ceremony, options) = begin(&visitor, SIGN_IN_OPTIONS).await;
    visitor.post_json(SIGN_IN, &json!({ "ceremony": ceremony, "credential": device.get(&options) })).await
}

pub async fn passkeys_of(user: &User) -> Vec<Value> {
    let (status, mut listed) = user.get_json(PASSKEYS).await;
    assert_eq!(status, 200, "{listed}");
    serde_json::from_value(listed["data"]["items"].take()).unwrap()
}

/// The session of a user is not fresh any more.
pub async fn age(app: &TestApp, user: &User) {
    for session in app.state.stores.sessions.list(user_id(user).await, now_millis()).await.unwrap() {
        app.state.stores.sessions.confirm(session.token, now_millis() - 11 * 60_000).await.unwrap();
    }
}

#[tokio::test]
async fn a_passkey_signs_in_alone_and_its_owner_hears_of_it() {
    let smtp = FakeSmtp::start().await;
    let app = TestApp::start_with(&[("SMTP_URL", &smtp.url()), ("SIGN_UP_CONFIRM", "false")]).await;
    let (user, mut device) = (app.user().await, Authenticator::new());
    let (ceremony, options) = begin(&user, OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "name": " My \n laptop ", "credential": device.create(&options) });
    let (status, made) = answer(user.post(PASSKEYS).header(USER_AGENT, CHROME).json(&body)).await;
    assert_eq!(status, 201, "{made}");
    let shown = passkeys_of(&user).await;
    assert_eq!(shown, [made["data"].clone()]);
    assert_eq!((&shown[0]["name"], &shown[0]["device"]), (&json!("My laptop"), &json!("Chrome on Linux")));
    assert_eq!(shown[0]["lastUsedAt"], Value::Null);
    let mail = smtp.mail(&user.email, 2).await;
    assert!(mail.text().contains("My laptop"), "{}", mail.text());

    let visitor = app.visitor();
    let (ceremony, options) = begin(&visitor, SIGN_IN_OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "credential": device.get(&options) });
    let response = visitor.post(SIGN_IN).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut signed_in = app.visitor();
    signed_in.keep_cookie(&response);
    assert_eq!(signed_in.get_json("/api/auth/me").await.1["data"]["email"], json!(user.email));
    assert!(passkeys_of(&user).await[0]["lastUsedAt"].is_string());
    // The session of before ends, as with every sign-in.
    let (ceremony, options) = begin(&visitor, SIGN_IN_OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "credential": device.get(&options) });
    let again = signed_in.post(SIGN_IN).json(&body).send().await.unwrap();
    assert_eq!(again.status(), 200);
    assert_eq!(signed_in.get_json("/api/auth/me").await.0, 401);

    let id = shown[0]["id"].as_str().unwrap();
    assert_eq!(answer(user.request(Method::DELETE, &format!("{PASSKEYS}/{id}"))).await.0, 200);
    assert!(smtp.mail(&user.email, 3).await.text().contains("My laptop"));
    assert_eq!(sign_in(&app, &mut device).await.0, 400, "it is gone");
}

#[tokio::test]
async fn what_is_asked_of_authenticators_is_a_passkey_that_signs_in_alone() {
    let app = TestApp::start().await;
    let (user, device, _) = with_passkey(&app).await;
    let (_, options) = begin(&user, OPTIONS).await;
    assert_eq!((&options["rp"]["id"], &options["rp"]["name"]), (&json!("localhost"), &json!("Tessera")));
    assert_eq!(options["user"]["name"], json!(user.email));
    let selection = &options["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "required", "else no browser offers it");
    assert_eq!((&selection["requireResidentKey"], &selection["userVerification"]), (&json!(true), &json!("required")));
    // The same device is not asked twice.
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    let (_, options) = begin(&app.visitor(), SIGN_IN_OPTIONS).await;
    assert_eq!((&options["rpId"], &options["userVerification"]), (&json!("localhost"), &json!("required")));
    assert_eq!(options["allowCredentials"], json!([]), "whose it is, is nobody's to know before");
    assert_eq!(device.user, Uuid::from(user_id(&user).await).as_bytes());
}

#[tokio::test]
async fn an_answer_with_anything_wrong_lets_nobody_in() {
    let app = TestApp::start().await;
    let (_, stranger, _) = with_passkey(&app).await;
    let (user, mut device, _) = with_passkey(&app).await;
    let own = device.user.clone();
    let wrongs: [Wrong<'_>; 9] = [
        ("another origin", &|device| device.origin = "https://localhost:3000".into()),
        ("another port", &|device| device.origin = "http://localhost:3001".into()),
        ("another relying party", &|device| device.rp_id = "example.org".into()),
        ("another challenge", &|device| device.challenge = Some("K2VFtQ_CQ1Pd9aBqf3WkVYw_05pvG5KdyfI0Kbv7dow".into())),
        ("nobody verified", &|device| device.flags = PRESENT),
        ("nobody present", &|device| device.flags = VERIFIED),
        ("a registration", &|device| device.kind = Some("webauthn.create")),
        ("the user of somebody else", &|device| device.user = stranger.user.clone()),
        ("a passkey of somebody else", &|device| device.id = stranger.id.clone()),
    ];
    for (what, spoil) in wrongs {
        let id = device.id.clone();
        spoil(&mut device);
        let (status, refused) = sign_in(&app, &mut device).await;
        assert_eq!((status, &refused["field"]), (400, &json!("credential")), "{what}: {refused}");
        device = Authenticator { id, user: own.clone(), ..restored(device) };
    }
    // A key of one's own, under the name of another's.
    let mut forged = Authenticator::new();
    (forged.id, forged.user) = (device.id.clone(), device.user.clone());
    assert_eq!(sign_in(&app, &mut forged).await.0, 400);
    let (ceremony, options) = begin(&app.visitor(), SIGN_IN_OPTIONS).await;
    let mut credential = device.get(&options);
    credential["response"].as_object_mut().unwrap().remove("userHandle");
    let body = json!({ "ceremony": ceremony, "credential": credential });
    assert_eq!(app.visitor().post_json(SIGN_IN, &body).await.0, 400, "no user handle");
    assert_eq!(sign_in(&app, &mut device).await.0, 200, "and with all of it right, it does");
    assert_eq!(app.state.stores.sessions.list(user_id(&user).await, 0).await.unwrap().len(), 2);
}

/// As it was before it lied.
fn restored(device: Authenticator) -> Authenticator {
    let honest = Authenticator::new();
    let Authenticator { flags, origin, rp_id, challenge, kind, .. } = honest;
    Authenticator { flags, origin, rp_id, challenge, kind, ..device }
}

#[tokio::test]
async fn a_registration_with_anything_wrong_adds_nothing() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let wrongs: [Wrong<'_>; 6] = [
        ("another origin", &|device| device.origin = "https://evil.example".into()),
        ("another relying party", &|device| device.rp_id = "evil.example".into()),
        ("another challenge", &|device| device.challenge = Some("K2VFtQ_CQ1Pd9aBqf3WkVYw_05pvG5KdyfI0Kbv7dow".into())),
        ("nobody verified", &|device| device.flags = PRESENT),
        ("nobody present", &|device| device.flags = VERIFIED),
        ("a sign-in", &|device| device.kind = Some("webauthn.get")),
    ];
    for (what, spoil) in wrongs {
        let mut device = Authenticator::new();
        spoil(&mut device);
        let (status, refused) = add(&user, &mut device).await;
        assert_eq!((status, &refused["field"]), (400, &json!("credential")), "{what}: {refused}");
    }
    assert_eq!(passkeys_of(&user).await, Vec::<Value>::new());
    // One that is on other devices too is as good.
    let mut synced = Authenticator { flags: PRESENT | VERIFIED | BACKED_UP, ..Authenticator::new() };
    assert_eq!(add(&user, &mut synced).await.0, 201);
    assert_eq!(sign_in(&app, &mut synced).await.0, 200);
    // Another account cannot have it besides.
    let other = app.user().await;
    assert_eq!(add(&other, &mut synced).await.0, 409);
    let mut same = Authenticator { user: Vec::new(), ..synced };
    assert_eq!(add(&user, &mut same).await.0, 400, "nor the same one twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_answer_that_comes_twenty_times_one_signs_in() {
    let app = TestApp::start().await;
    let (user, mut device, _) = with_passkey(&app).await;
    let (ceremony, options) = begin(&app.visitor(), SIGN_IN_OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "credential": device.get(&options) });
    let visitor = app.visitor();
    let answers = join_all((0..20).map(|_| visitor.post_json(SIGN_IN, &body))).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|(status, told)| *status == 200 || (*status, &told["field"]) == (400, &json!("ceremony")))
    );
    assert_eq!(app.state.stores.sessions.list(user_id(&user).await, 0).await.unwrap().len(), 2);
    // The same of a registration.
    let (ceremony, options) = begin(&user, OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "credential": Authenticator::new().create(&options) });
    let answers = join_all((0..20).map(|_| user.post_json(PASSKEYS, &body))).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1, "{answers:?}");
    assert_eq!(passkeys_of(&user).await.len(), 2);
}

#[tokio::test]
async fn a_ceremony_ends_after_five_minutes_and_is_good_for_what_it_was_begun_for() {
    let app = TestApp::start().await;
    let (user, mut device, _) = with_passkey(&app).await;
    let store = &app.state.stores.passkeys;
    let (ceremony, options) = begin(&app.visitor(), SIGN_IN_OPTIONS).await;
    let kept = store.take(hash_secret(&ceremony), now_millis()).await.unwrap().unwrap();
    let lasts = kept.expires_at - now_millis();
    assert!((290_000..=300_000).contains(&lasts), "{lasts}");
    store.begin(hash_secret(&ceremony), Ceremony { expires_at: now_millis() - 1, ..kept }).await.unwrap();
    let body = json!({ "ceremony": ceremony, "credential": device.get(&options) });
    let (status, refused) = app.visitor().post_json(SIGN_IN, &body).await;
    assert_eq!((status, &refused["field"]), (400, &json!("ceremony")), "{refused}");
    // Somebody else finishes what a user has begun; or it is finished as something else.
    let other = app.user().await;
    let (ceremony, options) = begin(&user, OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "credential": Authenticator::new().create(&options) });
    assert_eq!(other.post_json(PASSKEYS, &body).await.1["field"], "ceremony");
    assert_eq!(passkeys_of(&other).await, Vec::<Value>::new());
    let (ceremony, options) = begin(&user, OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "credential": device.get(&options) });
    assert_eq!(app.visitor().post_json(SIGN_IN, &body).await.1["field"], "ceremony");
    let (ceremony, mut options) = begin(&user, SIGN_IN_OPTIONS).await;
    options["user"] = json!({ "id": "AAAA" });
    let body = json!({ "ceremony": ceremony, "credential": Authenticator::new().create(&options) });
    assert_eq!(user.post_json(PASSKEYS, &body).await.1["field"], "ceremony");
}

#[tokio::test]
async fn a_counter_that_goes_back_is_refused() {
    let app = TestApp::start().await;
    let (user, mut device) = (app.user().await, Authenticator { counter: Some(5), ..Authenticator::new() });
    assert_eq!(add(&user, &mut device).await.0, 201);
    assert_eq!(sign_in(&app, &mut device).await.0, 200);
    let later = device.counter.map(|count| count + 7);
    for back in [device.counter.map(|count| count - 1), Some(0), None] {
        device.counter = back;
        let (status, refused) = sign_in(&app, &mut device).await;
        assert_eq!((status, &refused["field"]), (400, &json!("credential")), "{back:?}: {refused}");
    }
    device.counter = later;
    assert_eq!(sign_in(&app, &mut device).await.0, 200);
    // One that does not count never does.
    let (_, mut other, _) = with_passkey(&app).await;
    assert_eq!((sign_in(&app, &mut other).await.0, sign_in(&app, &mut other).await.0), (200, 200));
}

#[tokio::test]
async fn who_is_shut_out_is_shut_out() {
    let app = TestApp::start().await;
    let (user, mut device, _) = with_passkey(&app).await;
    let id = user_id(&user).await;
    let status = async |from, to| app.state.stores.accounts.change_status(id, from, to).await.unwrap();
    assert!(status(UserStatus::Active, UserStatus::Disabled).await);
    assert_eq!(sign_in(&app, &mut device).await.0, 403);
    assert!(status(UserStatus::Disabled, UserStatus::Active).await);
    assert_eq!(sign_in(&app, &mut device).await.0, 200);
}

#[tokio::test]
async fn what_one_server_begins_another_one_finishes() {
    let app = TestApp::start().await;
    let beside = app.start_beside(&[]).await;
    let (user, mut device) = (app.user().await, Authenticator::new());
    let (ceremony, options) = begin(&user, OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "credential": device.create(&options) });
    assert_eq!(user.at(beside.addr).post_json(PASSKEYS, &body).await.0, 201);
    let (ceremony, options) = begin(&beside.visitor(), SIGN_IN_OPTIONS).await;
    let body = json!({ "ceremony": ceremony, "credential": device.get(&options) });
    assert_eq!(app.visitor().post_json(SIGN_IN, &body).await.0, 200);
    assert_eq!(beside.visitor().post_json(SIGN_IN, &body).await.0, 400);
}

#[tokio::test]
async fn only_the_owner_adds_or_removes_one_and_the_last_way_stays() {
    let app = TestApp::start().await;
    let (user, _, id) = with_passkey(&app).await;
    let path = format!("{PASSKEYS}/{id}");
    age(&app, &user).await;
    for (status, refused) in
        [user.post_json(OPTIONS, &json!({})).await, answer(user.request(Method::DELETE, &path)).await]
    {
        assert_eq!((status, &refused["field"]), (400, &json!("currentPassword")), "{refused}");
    }
    assert_eq!(user.post_json(OPTIONS, &json!({ "currentPassword": "wrong horse" })).await.0, 400);
    assert_eq!(
        user.post_json(OPTIONS, &json!({ "currentPassword": PASSWORD })).await.0,
        200,
        "which is good for a while"
    );
    // Somebody else's is not there.
    let other = app.user().await;
    assert_eq!(answer(other.request(Method::DELETE, &path)).await.0, 404);
    assert_eq!(answer(other.request(Method::PATCH, &path).json(&json!({ "name": "Mine" }))).await.0, 404);
    for (name, status) in [("", 400), ("x".repeat(61).as_str(), 400), ("Phone", 200)] {
        assert_eq!(answer(user.request(Method::PATCH, &path).json(&json!({ "name": name }))).await.0, status, "{name}");
    }
    assert_eq!(passkeys_of(&user).await[0]["name"], "Phone");
    // Without a password, it is the only way in.
    app.state.stores.accounts.set_password(user_id(&user).await, "").await.unwrap();
    let (status, refused) = answer(user.request(Method::DELETE, &path)).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
    let mut second = Authenticator::new();
    assert_eq!(add(&user, &mut second).await.0, 201);
    assert_eq!(answer(user.request(Method::DELETE, &path)).await.0, 200);
    // A session that is not fresh cannot be made so without a password: whoever has it signs in again.
    age(&app, &user).await;
    assert_eq!(user.post_json(OPTIONS, &json!({})).await.0, 409);
}

#[tokio::test]
async fn there_are_twenty_at_most() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut begun = Vec::new();
    for _ in 0..21 {
        begun.push(begin(&user, OPTIONS).await);
    }
    let mut statuses = Vec::new();
    for (ceremony, options) in begun {
        let body = json!({ "ceremony": ceremony, "credential": Authenticator::new().create(&options) });
        statuses.push(user.post_json(PASSKEYS, &body).await.0);
    }
    assert_eq!((&statuses[..20], statuses[20]), (&[201; 20][..], 409));
    assert_eq!(user.post_json(OPTIONS, &json!({})).await.0, 409);
}

/// Whoever made an account with somebody else's address may have left a passkey.
#[tokio::test]
async fn the_first_reset_by_the_owner_of_an_address_takes_passkeys_away() {
    let smtp = FakeSmtp::start().await;
    let app = TestApp::start_with(&[("SMTP_URL", &smtp.url()), ("SIGN_UP_CONFIRM", "false")]).await;
    let (user, mut device, _) = with_passkey(&app).await;
    let id = user_id(&user).await;
    let reset = async || {
        let known = smtp.mails_to(&user.email).len();
        app.visitor().post_json("/api/auth/reset-password", &json!({ "email": user.email })).await;
        let token = smtp.mail(&user.email, known + 1).await.token();
        let body = json!({ "token": token, "password": "four unrelated words here" });
        assert_eq!(app.visitor().post_json("/api/auth/reset-password/confirm", &body).await.0, 200);
        smtp.mail(&user.email, known + 2).await;
    };
    // The notice of the passkey, and the link of the registration.
    smtp.mail(&user.email, 2).await;
    assert_eq!(sign_in(&app, &mut device).await.0, 200);
    reset().await;
    assert_eq!(sign_in(&app, &mut device).await.0, 400);
    assert_eq!(app.state.stores.passkeys.list(id).await.unwrap(), []);
}

#[tokio::test]
async fn tries_are_limited_like_other_sign_ins() {
    let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "3")]).await;
    let visitor = app.visitor();
    let mut begun = Vec::new();
    for _ in 0..9 {
        begun.push(begin(&visitor, SIGN_IN_OPTIONS).await.0);
    }
    assert_eq!(
        visitor.post_json(SIGN_IN_OPTIONS, &json!({})).await.0,
        429,
        "looking at the page is three times as often"
    );
    let mut device = Authenticator::new();
    let mut statuses = Vec::new();
    for ceremony in begun {
        let credential = device.get(&json!({ "challenge": "AAAA" }));
        statuses.push(visitor.post_json(SIGN_IN, &json!({ "ceremony": ceremony, "credential": credential })).await.0);
    }
    assert_eq!(statuses[..4], [400, 400, 400, 429]);
    // A password from there has to wait as well.
    let form = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(visitor.post_json("/api/auth/login", &form).await.0, 429);
}

/// Whoever takes passkeys away, and ends sessions after it, has nobody come in by one that was already checked.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_by_a_passkey_that_is_being_taken_away() {
    let app = TestApp::start().await;
    for _ in 0..20 {
        let (user, mut device, _) = with_passkey(&app).await;
        let id = user_id(&user).await;
        let (passkeys, sessions) = (app.state.stores.passkeys.clone(), app.state.stores.sessions.clone());
        let visitor = app.visitor();
        let (ceremony, options) = begin(&visitor, SIGN_IN_OPTIONS).await;
        let body = json!({ "ceremony": ceremony, "credential": device.get(&options) });
        let take_away = async {
            passkeys.delete_of_user(id).await.unwrap();
            sessions.delete_of_user(id, None).await.unwrap();
        };
        let (_, ()) = tokio::join!(visitor.post_json(SIGN_IN, &body), take_away);
        assert_eq!(sessions.list(id, 0).await.unwrap(), []);
    }
}
