//! Registering, signing in and out, sessions.

use reqwest::header::SET_COOKIE;
use serde_json::json;
use tessera::platform::amount::Amount;
use tessera::platform::ids::UserId;

use crate::responses::refusal;
use crate::support::{PASSWORD, TestApp, answer};

#[tokio::test]
async fn a_new_user_is_signed_in_and_has_the_free_credits() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (status, me) = user.get_json("/api/auth/me").await;
    assert_eq!((status, me["data"]["email"].as_str()), (200, Some(user.email.as_str())));
    insta::assert_json_snapshot!(me, {
        ".requestId" => "[id]",
        ".data.id" => "[id]",
        ".data.email" => "[email]",
    }, @r#"
    {
      "data": {
        "email": "[email]",
        "id": "[id]",
        "name": "Ada",
        "role": "USER"
      },
      "requestId": "[id]",
      "success": true
    }
    "#);
    assert_eq!(user.credits().await, json!({"available": 10, "held": 0, "debt": 0, "plan": "free"}));
    assert_eq!(user.ledger_kinds().await, ["grant"]);
}

#[tokio::test]
async fn fifty_first_requests_at_once_make_one_grant() {
    let app = TestApp::start().await;
    // A user that exists, but whose account nobody has opened yet.
    let user = app.user().await;
    let id = UserId::now_v7();
    let opened: Vec<_> = (0..50)
        .map(|n| {
            let state = app.state.clone();
            tokio::spawn(async move { state.stores.credits.balance(id.into(), &format!("first-{n}")).await.unwrap() })
        })
        .collect();
    for balance in opened {
        assert_eq!(balance.await.unwrap().available, Amount::credits(10));
    }
    let page = app.state.stores.credits.ledger(id.into(), None, 100).await.unwrap().unwrap();
    assert_eq!(page.items.len(), 1);
    // And over HTTP, with every kind of request at once.
    let requests: Vec<_> = (0..50)
        .map(|n| {
            let user = user.clone();
            let path = ["/api/credits", "/api/credits/ledger", "/api/auth/me", "/chat", "/dashboard"][n % 5];
            tokio::spawn(async move { user.get(path).send().await.unwrap().status() })
        })
        .collect();
    for status in requests {
        assert_eq!(status.await.unwrap(), 200);
    }
    assert_eq!(user.ledger_kinds().await, ["grant"]);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn the_same_address_registers_once_even_at_once() {
    let app = TestApp::start().await;
    let body = json!({"email": "Twice@Example.org ", "password": PASSWORD});
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let (visitor, body) = (app.visitor(), body.clone());
            tokio::spawn(async move { visitor.post_json("/api/auth/register", &body).await })
        })
        .collect();
    let mut created = 0;
    for answer in tries {
        match answer.await.unwrap() {
            (201, _) => created += 1,
            refused => assert_eq!(refusal(refused), "409 conflict"),
        }
    }
    assert_eq!(created, 1);
}

#[tokio::test]
async fn bad_input_names_its_field() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    for (body, field) in [
        (json!({"email": "nonsense", "password": PASSWORD}), "email"),
        (json!({"email": "a@example.org", "password": "short"}), "password"),
        (json!({"email": "a@example.org", "password": "x".repeat(129)}), "password"),
        (json!({"email": "a@example.org", "password": PASSWORD, "name": "x".repeat(81)}), "name"),
        (json!({"email": 7, "password": PASSWORD}), "email"),
        (json!([1, 2]), "body"),
    ] {
        let refused = refusal(visitor.post_json("/api/auth/register", &body).await);
        assert_eq!(refused, format!("400 invalid_input: {field}"), "{body}");
    }
    let login = async |body: &'static str, kind: &str| {
        refusal(answer(visitor.post("/api/auth/login").body(body).header("content-type", kind)).await)
    };
    assert_eq!(login("email=a", "text/plain").await, "415 unsupported_media_type");
    assert_eq!(login("{", "application/json").await, "400 invalid_input: body");
}

#[tokio::test]
async fn wrong_password_and_unknown_address_get_the_same_answer() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let visitor = app.visitor();
    let wrong = visitor.post_json("/api/auth/login", &json!({"email": user.email, "password": "wrong horse"})).await;
    let unknown =
        visitor.post_json("/api/auth/login", &json!({"email": "nobody@example.org", "password": "wrong horse"})).await;
    assert_eq!(wrong.0, 401);
    assert_eq!((wrong.0, &wrong.1["error"], &wrong.1["code"]), (unknown.0, &unknown.1["error"], &unknown.1["code"]));
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let app = TestApp::start().await;
    let mut user = app.user().await;
    let other = user.clone();
    let response = user.post("/api/auth/logout").send().await.unwrap();
    assert!(response.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(other.get_json("/api/auth/me").await.0, 401);
    let response = user
        .post("/api/auth/login")
        .json(&json!({"email": user.email.to_uppercase(), "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    user.keep_cookie(&response);
    assert_eq!(user.get_json("/api/auth/me").await.0, 200);
}

#[tokio::test]
async fn cookies_are_out_of_reach_of_scripts_and_secure_over_https() {
    for (url, name, secure) in [
        ("http://localhost:3000", "tessera_session=", false),
        ("https://chat.example.org", "__Host-tessera_session=", true),
    ] {
        let app = TestApp::start_with(&[("PUBLIC_URL", url)]).await;
        let body = json!({"email": "a@example.org", "password": PASSWORD});
        let response = app.visitor().post("/api/auth/register").json(&body).send().await.unwrap();
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        assert!(
            cookie.starts_with(name)
                && cookie.contains("HttpOnly")
                && cookie.contains("SameSite=Lax")
                && cookie.contains("Path=/"),
            "{cookie}"
        );
        assert_eq!(cookie.contains("Secure"), secure, "{cookie}");
    }
}

#[tokio::test]
async fn sign_in_and_registration_are_limited() {
    let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "4")]).await;
    let user = app.user().await;
    let login = json!({"email": user.email, "password": "wrong horse"});
    assert_eq!(user.post_json("/api/auth/login", &login).await.0, 401);
    assert_eq!(user.post_json("/api/auth/login", &login).await.0, 401);
    let response = user.post("/api/auth/login").json(&login).send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    for n in 0..3 {
        let body = json!({"email": format!("n{n}@example.org"), "password": PASSWORD});
        assert_eq!(user.post_json("/api/auth/register", &body).await.0, 201);
    }
    let body = json!({"email": "late@example.org", "password": PASSWORD});
    assert_eq!(refusal(user.post_json("/api/auth/register", &body).await), "429 rate_limited");
}

#[tokio::test]
async fn admin_emails_become_admins() {
    let app = TestApp::start_with(&[("ADMIN_EMAILS", "Boss@Example.org, other@example.org")]).await;
    let mut boss = app.visitor();
    boss.email = "boss@example.org".to_owned();
    boss.register().await;
    assert_eq!(boss.get_json("/api/auth/me").await.1["data"]["role"], "ADMIN");
    assert_eq!(app.user().await.get_json("/api/auth/me").await.1["data"]["role"], "USER");
}

#[tokio::test]
async fn nothing_is_shown_without_a_session() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    for cookie in [None, Some("tessera_session=made-up"), Some("tessera_session=")] {
        visitor.cookie = cookie.map(str::to_owned);
        for path in ["/api/auth/me", "/api/credits", "/api/credits/ledger", "/api/conversations"] {
            assert_eq!(refusal(visitor.get_json(path).await), "401 unauthenticated", "{path}");
        }
        assert_eq!(visitor.chat("hello").await.0, 401);
    }
    app.assert_books_balance().await;
}
