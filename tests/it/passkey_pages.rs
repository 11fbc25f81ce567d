//! What pages show of passkeys, and the examples of the documentation.

use reqwest::header::COOKIE;
use serde_json::{Value, json};
use tessera::account::Role;
use tessera::account::server::passkeys::store::{Ceremony, StoredPasskey};
use tessera::account::server::second_factor::store::HalfSignIn;
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User as StoredUser;
use tessera::platform::db::now_millis;
use tessera::platform::ids::PasskeyId;
use tessera::platform::secret::hash_secret;

use crate::authenticator::Authenticator;
use crate::passkeys::{OPTIONS, SIGN_IN_OPTIONS, add, age, begin, passkeys_of, with_passkey};
use crate::support::{PASSWORD, TestApp, User};

/// Whose the passkey of the examples is.
const ADA: &str = "01939b7e-0000-7000-8000-0123456789ab";

/// The same, after the first step of signing in.
pub async fn half_signed_in_with_passkey(app: &TestApp) -> User {
    let half = HalfSignIn {
        user: ADA.parse().unwrap(),
        password: hash_secret(""),
        next: "/chat".into(),
        tries: 0,
        expires_at: now_millis() + 60_000,
    };
    app.state.stores.second_factors.put_half(hash_secret("of an example"), half).await.unwrap();
    User { cookie: Some("tessera_second_step=of an example".into()), ..app.visitor() }
}

/// What the examples of the documentation use: a ceremony of each kind whose challenge is known, and the passkey of the sign-in.
/// Returns the id of one that the user has.
pub async fn add_passkey_examples(app: &TestApp, user: &User) -> String {
    const CHALLENGE: &str = "K2VFtQ_CQ1Pd9aBqf3WkVYw_05pvG5KdyfI0Kbv7dow";
    const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnEO915Le5qI2j0VqFmGdZ6kSQV7a6gd78mq19VYsuVWhRANCAATMaWE79Q-39Qa9i4L4T97SL5o58gzoivkvRmLKMq380WGWQmTYcGvpKtZBKYdIUeyMns0jvPCyY8ofJVEE3Zvq";
    let store = &app.state.stores.passkeys;
    let ada = StoredUser {
        id: ADA.parse().unwrap(),
        email: "ada.lovelace@example.org".into(),
        name: "Ada".into(),
        password_hash: None,
        email_verified_at: None,
        role: Role::User,
        status: UserStatus::Active,
    };
    app.state.stores.accounts.create_user(ada.clone()).await.unwrap();
    let site = app.state.account.relying_party.as_ref().unwrap();
    let (challenge, state) = site.start_passkey_registration(ada.id.into(), "ada", "Ada", None).unwrap();
    let mut device = Authenticator::of_key(KEY, b"example-passkey1");
    let credential = device.create(&serde_json::to_value(&challenge.public_key).unwrap());
    let made = site.finish_passkey_registration(&serde_json::from_value(credential).unwrap(), &state).unwrap();
    let passkey = StoredPasskey {
        id: PasskeyId::now_v7(),
        user: ada.id,
        credential_id: b"example-passkey1".to_vec(),
        credential: serde_json::to_string(&made).unwrap(),
        counter: 0,
        name: "Phone".into(),
        device: String::new(),
        created_at: now_millis(),
        last_used_at: None,
    };
    store.add(passkey, 20).await.unwrap();
    for (path, who, name) in [
        (OPTIONS, user, "the-ceremony-of-a-registration"),
        (SIGN_IN_OPTIONS, &app.visitor(), "the-ceremony-of-a-sign-in"),
        (SIGN_IN_OPTIONS, &app.visitor(), "the-ceremony-of-a-second-step"),
    ] {
        let (handle, options) = begin(who, path).await;
        let ceremony = store.take(hash_secret(&handle), 0).await.unwrap().unwrap();
        let state = ceremony.state.replace(options["challenge"].as_str().unwrap(), CHALLENGE);
        store.begin(hash_secret(name), Ceremony { state, ..ceremony }).await.unwrap();
    }
    let (_, made) = add(user, &mut Authenticator::new()).await;
    made["data"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn at_an_address_that_can_have_none_pages_say_so() {
    let app = TestApp::start_with(&[("PUBLIC_URL", "http://127.0.0.1:3000")]).await;
    let user = app.user().await;
    for path in [OPTIONS, SIGN_IN_OPTIONS] {
        let (status, refused) = user.post_json(path, &json!({})).await;
        assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
        assert!(refused["error"].as_str().unwrap().contains("http://127.0.0.1:3000"), "{refused}");
    }
    let account = user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(account.contains("Passkeys are off"), "{account}");
    assert!(!account.contains("/account/passkeys/new"));
    assert_eq!(user.get("/account/passkeys/new").send().await.unwrap().status(), 404);
    let page = app.visitor().get("/sign-in").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.split("script-src ").nth(1).unwrap().starts_with("'sha256-") && !policy.ends_with("'self'"),
        "{policy}"
    );
    let page = page.text().await.unwrap();
    assert!(!page.contains("webauthn") && !page.contains("/scripts/"), "{page}");
}

#[tokio::test]
async fn pages_have_one_script_for_it_and_forms_that_need_none() {
    let app = TestApp::start().await;
    let (user, _, id) = with_passkey(&app).await;
    let sign_in = app.visitor().get("/sign-in").send().await.unwrap().text().await.unwrap();
    assert!(sign_in.contains(r#"autocomplete="username webauthn""#));
    let script = sign_in.split(r#"src="/scripts/"#).nth(1).unwrap().split('"').next().unwrap();
    let response = app.visitor().get(&format!("/scripts/{script}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/javascript"));
    assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert!(
        !headers["permissions-policy"].to_str().unwrap().contains("publickey-credentials"),
        "they are allowed here"
    );
    assert!(response.text().await.unwrap().contains("navigator.credentials"));
    assert_eq!(app.visitor().get("/scripts/passkeys-0000000000000000.js").send().await.unwrap().status(), 404);
    let sign_up = app.visitor().get("/sign-up").send().await.unwrap().text().await.unwrap();
    assert!(!sign_up.contains("/scripts/") && !sign_up.contains("webauthn"));

    let account = user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(account.contains("/account/passkeys/new") && account.contains("JavaScript must be on"));
    assert!(!account.contains("/scripts/"), "nothing of it where the app is");
    let new = user.get("/account/passkeys/new").send().await.unwrap();
    assert!(new.headers()["content-security-policy"].to_str().unwrap().ends_with("script-src 'self'"));
    let new = new.text().await.unwrap();
    assert!(
        new.contains("JavaScript must be on") && new.contains("disabled"),
        "without its script, the form does nothing"
    );

    let said = async |fields: &[(&str, &str)]| {
        let response = user.post_form("/account/passkeys", fields).send().await.unwrap();
        response.headers()["location"].to_str().unwrap().to_owned()
    };
    assert_eq!(said(&[("id", &id), ("name", "Phone <1>")]).await, "/account?said=passkey-renamed");
    let account = user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(account.contains("Phone &lt;1&gt;"));
    age(&app, &user).await;
    assert_eq!(said(&[("id", &id), ("currentPassword", "")]).await, "/account?said=confirm");
    assert_eq!(said(&[("id", &id), ("currentPassword", "wrong horse")]).await, "/account?said=wrong-password");
    assert_eq!(said(&[("id", &id), ("currentPassword", PASSWORD)]).await, "/account?said=passkey-removed");
    assert_eq!(passkeys_of(&user).await, Vec::<Value>::new());
    let page = user.get("/account?said=passkey-removed").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("The passkey is removed."));
    let page = user.get("/account").header(COOKIE, format!("{}; language=zh-Hans", user.cookie.as_deref().unwrap()));
    assert!(page.send().await.unwrap().text().await.unwrap().contains("通行密钥"));
}
