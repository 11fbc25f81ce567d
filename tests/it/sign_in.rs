//! Who may try a password how often, which passwords and addresses are taken, and how they are compared.

use futures::future::join_all;
use reqwest::Response;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use tessera::account::Role;
use tessera::account::server::password::Passwords;
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User;
use tessera::platform::ids::UserId;

use crate::mongod::{Kind, Mongod};
use crate::support::{PASSWORD, TestApp, User as Client};

/// A sign-in from this address, as a proxy tells it.
async fn sign_in(app: &TestApp, from: &str, email: &str, password: &str, cookie: Option<&str>) -> Response {
    let body = json!({"email": email, "password": password});
    let request = app.visitor().post("/api/auth/login").header("x-forwarded-for", from).json(&body);
    let request = match cookie {
        Some(cookie) => request.header(COOKIE, cookie),
        None => request,
    };
    request.send().await.unwrap()
}

/// The cookie of this name that an answer sets, as it is sent back.
fn cookie(response: &Response, name: &str) -> Option<String> {
    let all = response.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let found =
        all.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.starts_with(&format!("{name}=")));
    found.map(str::to_owned)
}

async fn register(app: &TestApp, email: &str, password: &str) -> (u16, Value) {
    app.visitor().post_json("/api/auth/register", &json!({"email": email, "password": password})).await
}

const PROXIED: [(&str, &str); 2] = [("TRUSTED_PROXIES", "127.0.0.1"), ("RATE_LIMIT_PER_MINUTE", "8")];

#[tokio::test]
async fn wrong_passwords_from_elsewhere_keep_nobody_out() {
    let app = TestApp::start_with(&PROXIED).await;
    let user = app.user().await;
    let guess = async |from: String| {
        let tries = (0..6).map(|_| sign_in(&app, &from, &user.email, "wrong horse", None));
        let mut statuses: Vec<_> = join_all(tries).await.iter().map(|response| response.status().as_u16()).collect();
        statuses.sort_unstable();
        statuses
    };
    // Each of them is refused after half of the limit: so many guesses at one account from one address.
    let guessers = join_all((1..=4).map(|n| guess(format!("203.0.113.{n}")))).await;
    for statuses in guessers {
        assert_eq!(statuses, [401, 401, 401, 401, 429, 429]);
    }
    // The owner comes from elsewhere with a browser that nobody knows: slower, and let in.
    let response = sign_in(&app, "198.51.100.7", &user.email, PASSWORD, None).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_device_that_signed_in_before_is_known_by_its_cookie() {
    let app = TestApp::start_with(&PROXIED).await;
    let (email, other) = ("ada@example.org", "bob@example.org");
    let body = json!({"email": email, "password": PASSWORD});
    let registered = app.visitor().post("/api/auth/register").json(&body).send().await.unwrap();
    let device = cookie(&registered, "tessera_device").expect("a device cookie");
    let set = registered.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned());
    let set = set.into_iter().find(|cookie| cookie.starts_with("tessera_device=")).unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Max-Age="), "{set}");
    let body = json!({"email": other, "password": PASSWORD});
    let of_another = app.visitor().post("/api/auth/register").json(&body).send().await.unwrap();
    let of_another = cookie(&of_another, "tessera_device").unwrap();
    // Somebody behind the same address uses up what strangers have there.
    let from = "203.0.113.9";
    join_all((0..4).map(|_| sign_in(&app, from, email, "wrong horse", None))).await;
    let middle = device.len() - 5;
    let forged = format!(
        "{}{}{}",
        &device[..middle],
        if device.as_bytes()[middle] == b'A' { "B" } else { "A" },
        &device[middle + 1..]
    );
    assert_eq!(sign_in(&app, from, email, PASSWORD, None).await.status(), 429);
    let welcome = sign_in(&app, from, email, PASSWORD, Some(&device)).await;
    assert_eq!(welcome.status(), 200);
    assert!(cookie(&welcome, "tessera_device").is_some() && cookie(&welcome, "tessera_session").is_some());
    // Cookies that were not given to this account open nothing.
    let from = "203.0.113.11";
    join_all((0..4).map(|_| sign_in(&app, from, email, "wrong horse", None))).await;
    for stranger in [forged, of_another, "tessera_device=".to_owned()] {
        assert_eq!(sign_in(&app, from, email, PASSWORD, Some(&stranger)).await.status(), 429, "{stranger}");
    }
    // A known device is no free guesser either.
    let from = async |n: usize| sign_in(&app, &format!("192.0.2.{n}"), email, "wrong horse", Some(&device)).await;
    let mut statuses = Vec::new();
    for n in 0..4 {
        statuses.push(from(n).await.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
}

#[tokio::test]
async fn a_password_that_guessers_try_first_is_refused() {
    let app = TestApp::start().await;
    let email = "grace.hopper@example.org";
    for weak in [
        "password",
        "Password1",
        "12345678",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "abcdefgh",
        "letmein123",
        "grace.hopper@example.org",
        "Grace.Hopper@Example.ORG",
        "gracehopper",
        "grace.hopper1",
        "ｐａｓｓｗｏｒｄ",
    ] {
        let (status, body) = register(&app, email, weak).await;
        assert_eq!((status, body["field"].as_str()), (400, Some("password")), "{weak}: {body}");
    }
    assert_eq!(register(&app, email, PASSWORD).await.0, 201);
}

#[tokio::test]
async fn a_password_is_the_same_however_it_is_typed() {
    let app = TestApp::start().await;
    let email = "ada@example.org";
    // Decomposed, as some keyboards write it, and with digits of full width.
    assert_eq!(register(&app, email, "cafe\u{301} lampe １７ rouge").await.0, 201);
    for (password, status) in
        [("café lampe 17 rouge", 200), ("cafe\u{301} lampe 17 rouge", 200), ("cafe lampe 17 rouge", 401)]
    {
        let body = json!({"email": email, "password": password});
        assert_eq!(app.visitor().post_json("/api/auth/login", &body).await.0, status, "{password}");
    }
}

#[tokio::test]
async fn an_address_is_the_same_however_it_is_written() {
    let app = TestApp::start().await;
    for (first, same) in [
        ("ada@bücher.example", vec!["ADA@BÜCHER.EXAMPLE", "ada@xn--bcher-kva.example", "ada@bu\u{308}cher.example"]),
        (
            "eve@example.org",
            vec!["Eve@Example.ORG", "eve@ｅｘａｍｐｌｅ.org", "ｅｖｅ@example.org", "eve@example。org"],
        ),
        ("jose\u{301}@example.org", vec!["josé@example.org", "JOSÉ@example.org"]),
    ] {
        assert_eq!(register(&app, first, PASSWORD).await.0, 201, "{first}");
        for same in same {
            assert_eq!(register(&app, same, PASSWORD).await.0, 409, "{same}");
            let body = json!({"email": same, "password": PASSWORD});
            assert_eq!(app.visitor().post_json("/api/auth/login", &body).await.0, 200, "{same}");
        }
    }
    // Those of other scripts are addresses like any other, but none that only looks like one of ASCII.
    for good in ["张伟@例子.中国", "иван@пример.рф", "møller@example.dk", "ada+tessera@example.org"]
    {
        assert_eq!(register(&app, good, PASSWORD).await.0, 201, "{good}");
    }
    for lookalike in ["\u{430}da@example.org", "асе@example.org", "ada@ех\u{430}mple.org", "eve\u{200b}@example.org"]
    {
        let (status, body) = register(&app, lookalike, PASSWORD).await;
        assert_eq!((status, body["field"].as_str()), (400, Some("email")), "{lookalike:?}: {body}");
    }
}

/// Who registered before there was one form, or with a password as it was typed, still signs in, and is nobody else's.
#[tokio::test]
async fn accounts_from_before_are_found_as_they_were_stored() {
    let app = TestApp::start_with(&[("ADMIN_EMAILS", "ada@bücher.example")]).await;
    let stored = User {
        id: UserId::now_v7(),
        email: "ada@xn--bcher-kva.example".into(),
        name: "Ada".into(),
        password_hash: Some(Passwords::default().hash(PASSWORD.into()).await.unwrap()),
        email_verified_at: None,
        role: Role::User,
        status: UserStatus::Active,
    };
    assert!(app.state.stores.accounts.create_user(stored).await.unwrap());
    for typed in ["ada@bücher.example", "Ada@xn--bcher-kva.example", "ada@bu\u{308}cher.example"] {
        assert_eq!(register(&app, typed, PASSWORD).await.0, 409, "{typed}");
        let body = json!({"email": typed, "password": PASSWORD});
        let (status, signed_in) = app.visitor().post_json("/api/auth/login", &body).await;
        assert_eq!((status, signed_in["data"]["user"]["role"].as_str()), (200, Some("ADMIN")), "{typed}");
    }
}

async fn make_forty_keys(user: Client) {
    let made = join_all((0..40).map(|n| {
        let user = user.clone();
        async move { user.post_json("/api/account/keys", &json!({"name": format!("key {n}")})).await.0 }
    }))
    .await;
    assert_eq!(made.iter().filter(|status| **status == 201).count(), 20, "{made:?}");
    assert!(made.iter().all(|status| matches!(status, 201 | 409)), "{made:?}");
    let (_, listed) = user.get_json("/api/account/keys").await;
    let keys = listed["data"]["items"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 20);
    // One that is gone makes room for one.
    let path = format!("/api/account/keys/{}", keys[7]["id"].as_str().unwrap());
    assert_eq!(user.request(reqwest::Method::DELETE, &path).send().await.unwrap().status(), 200);
    assert_eq!(user.post_json("/api/account/keys", &json!({"name": "in its place"})).await.0, 201);
    assert_eq!(user.post_json("/api/account/keys", &json!({"name": "one more"})).await.0, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_more_keys_than_a_user_may_have_whatever_comes_at_once() {
    make_forty_keys(TestApp::start().await.user().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_more_keys_than_a_user_may_have_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let app = TestApp::start_with(&[("MONGODB_URI", &mongod.uri())]).await;
    make_forty_keys(app.user().await).await;
}
