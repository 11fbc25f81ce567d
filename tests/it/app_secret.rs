//! `APP_SECRET`: keys of authenticator apps are worth nothing without it, it can be changed, and a wrong one shuts nobody out who has
//! recovery codes.

use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use tessera::account::server::second_factor::{AppKey, KEY_BYTES, code_at, open_key};
use tessera::platform::db::now_millis;
use tessera::platform::ids::UserId;
use totp_rs::Secret;

use crate::contracts::over_every_store;
use crate::stores::new_user;
use crate::support::{PASSWORD, TestApp, User, answer};
use crate::token_prices::user_id;

const PLAIN: [u8; KEY_BYTES] = *b"12345678901234567890";
const OTHER: &str = "another secret than that of the others";
/// That of [`TestApp`].
const SECRET: &str = "the secret of all servers of the tests";
const RECOVERY: &str = "K7QM-2XWD-9FHB-TR4C";

over_every_store! {
    async fn a_key_is_replaced_only_as_it_was_read(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let factors = stores.second_factors.clone();
        assert!(factors.list_keys().await.unwrap().is_empty());
        assert!(factors.begin(user, vec![1; 49], 1).await.unwrap());
        assert!(factors.begin(other, PLAIN.to_vec(), 1).await.unwrap());
        assert!(factors.confirm(user, vec![1; 49], 3, vec![[7; 32]], 2).await.unwrap());
        let mut keys = factors.list_keys().await.unwrap();
        keys.sort();
        let mut expected = vec![(user, vec![1; 49]), (other, PLAIN.to_vec())];
        expected.sort();
        assert_eq!(keys, expected);
        assert!(!factors.replace_key(user, vec![2; 49], vec![3; 49]).await.unwrap(), "it is another one");
        assert!(factors.replace_key(user, vec![1; 49], vec![2; 49]).await.unwrap());
        assert!(!factors.replace_key(user, vec![1; 49], vec![3; 49]).await.unwrap());
        let app = factors.find(user).await.unwrap().unwrap();
        assert_eq!((app.key, app.confirmed_at, app.codes_left), (vec![2; 49], Some(2), 1));
        assert_eq!(factors.find(other).await.unwrap().unwrap().key, PLAIN);
    }
}

/// Sets two steps up by the forms. Returns the key as the app has it.
async fn set_up(user: &User) -> AppKey {
    let fields = [("action", "begin"), ("currentPassword", PASSWORD)];
    let page = user.post_form("/account/two-steps", &fields).send().await.unwrap().text().await.unwrap();
    let shown = page.split("select-all\">").nth(1).unwrap().split('<').next().unwrap().replace(' ', "");
    let key: AppKey = Secret::try_from_base32(shown).unwrap().as_bytes().try_into().unwrap();
    let code = code_at(&key, now_millis());
    let done = user.post_form("/account/two-steps/confirm", &[("code", &code)]).send().await.unwrap();
    assert_eq!(done.status(), 200);
    key
}

async fn stored(app: &TestApp, user: UserId) -> Vec<u8> {
    app.state.stores.second_factors.find(user).await.unwrap().unwrap().key
}

/// The status of the second step with a code.
async fn second_step(app: &TestApp, user: &User, code: &str) -> u16 {
    let mut half = User { cookie: None, ..user.at(app.addr) };
    let body = json!({ "email": half.email, "password": PASSWORD });
    let response = half.post("/api/auth/login").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 401);
    half.keep_cookie(&response);
    answer(half.post("/api/auth/second-step").json(&json!({ "code": code }))).await.0
}

/// A code that was not used: each one counts once, and the last step is behind what is shown now.
fn next_code(key: &AppKey) -> String {
    code_at(key, now_millis() + 30_000)
}

#[tokio::test]
async fn a_key_is_stored_sealed_for_its_user_alone() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let key = set_up(&user).await;
    let (id, of_other) = (user_id(&user).await, user_id(&other).await);
    let sealed = stored(&app, id).await;
    assert!(sealed.len() > KEY_BYTES && !sealed.windows(8).any(|part| part == &key[..8]));
    let secret = &app.state.account.secret;
    assert_eq!(open_key(secret, id, &sealed), Some((key, true)));
    assert_eq!(open_key(secret, of_other, &sealed), None, "put into the row of somebody else");
    assert_eq!(second_step(&app, &user, &next_code(&key)).await, 200);
}

/// Waits for a server to have sealed the plain key of a user.
async fn until_sealed(app: &TestApp, by: &TestApp, user: UserId) {
    for _ in 0..600 {
        if open_key(&by.state.account.secret, user, &stored(app, user).await) == Some((PLAIN, true)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("it was not sealed");
}

/// A row from before, with two steps on.
async fn plain_user(app: &TestApp) -> User {
    let user = app.user().await;
    let (id, factors) = (user_id(&user).await, &app.state.stores.second_factors);
    let codes = vec![tessera::credits::server::codes::hash_code(RECOVERY).unwrap()];
    assert!(factors.begin(id, PLAIN.to_vec(), now_millis()).await.unwrap());
    assert!(factors.confirm(id, PLAIN.to_vec(), 0, codes, now_millis()).await.unwrap());
    user
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_before_are_read_and_sealed_at_the_next_start_and_with_the_next_secret() {
    let first = TestApp::start().await;
    let user = plain_user(&first).await;
    let id = user_id(&user).await;
    assert_eq!(second_step(&first, &user, &code_at(&PLAIN, now_millis() - 30_000)).await, 200);
    let second = first.start_beside(&[]).await;
    until_sealed(&first, &second, id).await;
    assert_eq!(second_step(&first, &user, &code_at(&PLAIN, now_millis())).await, 200);
    // Rotated: read with the one of before, and sealed with the new one.
    let third = first.start_beside(&[("APP_SECRET", OTHER), ("APP_SECRET_OLD", SECRET)]).await;
    until_sealed(&first, &third, id).await;
    let last = first.start_beside(&[("APP_SECRET", OTHER)]).await;
    assert_eq!(open_key(&last.state.account.secret, id, &stored(&first, id).await), Some((PLAIN, true)));
    assert_eq!(second_step(&last, &user, &next_code(&PLAIN)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_secret_recovery_codes_still_work_and_check_names_it() {
    let first = TestApp::start().await;
    let user = plain_user(&first).await;
    let id = user_id(&user).await;
    let second = first.start_beside(&[]).await;
    until_sealed(&first, &second, id).await;
    let wrong = first.start_beside(&[("APP_SECRET", OTHER)]).await;
    assert_eq!(second_step(&wrong, &user, &code_at(&PLAIN, now_millis())).await, 400);
    assert_eq!(second_step(&wrong, &user, RECOVERY).await, 200);
    assert_eq!(second_step(&first, &user, &code_at(&PLAIN, now_millis())).await, 200, "the key is still there");
    let check = |secret: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
        command.arg("check").current_dir(first.data_dir()).env_clear();
        command.envs([
            ("APP_SECRET", secret),
            ("CHAT_PROVIDERS", "openai"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
        ]);
        command.env("DATA_DIR", first.data_dir());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let of_secret = |table: String| table.lines().find(|line| line.contains("  secret ")).unwrap().to_owned();
    assert!(of_secret(check(SECRET)).starts_with("ok "));
    let refused = of_secret(check(OTHER));
    assert!(
        refused.starts_with("FAILED") && refused.contains("APP_SECRET: ") && refused.contains("1 of 1"),
        "{refused}"
    );
}

#[test]
fn a_backup_says_what_belongs_to_it() {
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str], more: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
        command.args(arguments).current_dir(folder.path()).env_clear().envs(more.iter().copied());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let quiet = ("CHAT_PROVIDERS", "openai");
    let upstream = ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
    run(&["check"], &[quiet, upstream]);
    assert!(folder.path().join("data/app.secret").exists());
    let said = run(&["backup", "one.db"], &[quiet, upstream]);
    assert!(said.contains("data/app.secret belongs to it"), "{said}");
    let said = run(&["backup", "two.db"], &[quiet, upstream, ("APP_SECRET", SECRET)]);
    assert!(said.contains("\nAPP_SECRET belongs to it"), "{said}");
    let kept = std::fs::read(folder.path().join("two.db")).unwrap();
    let secret = std::fs::read_to_string(folder.path().join("data/app.secret")).unwrap();
    assert!(!kept.windows(SECRET.len()).any(|part| part == SECRET.as_bytes() || part == secret.trim().as_bytes()));
}
