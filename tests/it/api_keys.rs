//! API keys: making, using, limiting and revoking them.

use serde_json::json;

use crate::responses::{ApiKey, items, refusal};
use crate::support::{TestApp, User, answer};

async fn keys(user: &User) -> Vec<ApiKey> {
    items(user.get_json("/api/account/keys").await)
}

#[tokio::test]
async fn a_key_is_shown_once_and_spends_the_users_credits() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (status, made) = user.post_json("/api/account/keys", &json!({ "name": "  My   script " })).await;
    assert_eq!(status, 201, "{made}");
    let key = made["data"]["key"].as_str().unwrap();
    assert!(key.starts_with("tsk_") && key.len() == 47, "{key}");
    assert_eq!(made["data"]["hint"], key[43..]);
    insta::assert_json_snapshot!(made, {
        ".requestId" => "[id]",
        ".data.id" => "[id]",
        ".data.key" => "[key]",
        ".data.hint" => "[its end]",
        ".data.createdAt" => "[time]",
    }, @r#"
    {
      "data": {
        "budget": null,
        "createdAt": "[time]",
        "expired": false,
        "expiresAt": null,
        "hint": "[its end]",
        "id": "[id]",
        "key": "[key]",
        "lastUsedAt": null,
        "name": "My script",
        "perMinute": null,
        "scopes": [
          "spend",
          "read",
          "manage"
        ],
        "spent": 0
      },
      "requestId": "[id]",
      "success": true
    }
    "#);
    let program = User { key: Some(key.to_owned()), ..user.clone() };
    assert_eq!(program.get_json("/api/auth/me").await.1["data"]["email"], user.email);
    assert_eq!(program.chat("Hello").await.0, 200);
    assert_eq!(user.credits().await["available"], 9);
    let (_, body) = user.get_json("/api/account/keys").await;
    assert!(!body.to_string().contains(key), "{body}");
    let listed = keys(&user).await;
    assert_eq!((listed.len(), listed[0].spent), (1, 1));
    assert!(listed[0].key.is_none() && listed[0].last_used_at.is_some(), "{listed:?}");
    // Nothing that could be used is in the database.
    let files = std::fs::read_dir(app.data_dir()).unwrap().flatten();
    let stored: Vec<u8> =
        files.filter(|file| file.path().is_file()).flat_map(|file| std::fs::read(file.path()).unwrap()).collect();
    assert!(!stored.windows(key.len()).any(|bytes| bytes == key.as_bytes()));
}

#[tokio::test]
async fn a_revoked_or_unknown_key_is_nobody() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let program = user.with_key(&json!({})).await;
    let path = format!("/api/account/keys/{}", keys(&user).await[0].id);
    assert_eq!(answer(other.request(reqwest::Method::DELETE, &path)).await.0, 404);
    assert_eq!(program.chat("Hello").await.0, 200);
    assert_eq!(answer(user.request(reqwest::Method::DELETE, &path)).await.0, 200);
    assert_eq!(program.chat("Hello").await.0, 401);
    assert_eq!(answer(user.request(reqwest::Method::DELETE, &path)).await.0, 404);
    assert_eq!(keys(&user).await.len(), 0);
    // A wrong key is not made up for by a cookie.
    let wrong = User { key: Some(format!("tsk_{}", "x".repeat(43))), ..user.clone() };
    let request = wrong.get("/api/auth/me").header("cookie", user.cookie.clone().unwrap());
    assert_eq!(answer(request).await.0, 401);
}

#[tokio::test]
async fn a_key_makes_and_reads_no_keys() {
    let app = TestApp::start().await;
    let program = app.user().await.with_key(&json!({})).await;
    let another = program.post_json("/api/account/keys", &json!({ "name": "another" })).await;
    assert_eq!(refusal(another), "403 forbidden");
    assert_eq!(program.get_json("/api/account/keys").await.0, 403);
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_said_by_name() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": " \t" }), "name"),
        (json!({ "name": "x".repeat(61) }), "name"),
        (json!({ "name": "x", "perMinute": 0 }), "perMinute"),
        (json!({ "name": "x", "perMinute": 1001 }), "perMinute"),
        (json!({ "name": "x", "budget": 0 }), "budget"),
        (json!({ "name": "x", "budget": -5 }), "budget"),
        (json!({ "name": "x", "perMinute": "many" }), "perMinute"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["everything"] }), "scopes[0]"),
        (json!({ "name": "x", "expiresInDays": 0 }), "expiresInDays"),
        (json!({ "name": "x", "expiresInDays": 3651 }), "expiresInDays"),
    ] {
        let refused = refusal(user.post_json("/api/account/keys", &body).await);
        assert_eq!(refused, format!("400 invalid_input: {field}"), "{body}");
    }
    for n in 0..20 {
        assert_eq!(user.post_json("/api/account/keys", &json!({ "name": format!("key {n}") })).await.0, 201);
    }
    let one_too_many = user.post_json("/api/account/keys", &json!({ "name": "one too many" })).await;
    assert_eq!(refusal(one_too_many), "409 conflict");
}

#[tokio::test]
async fn fifty_at_once_stay_within_the_budget_of_their_key() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let program = user.with_key(&json!({ "budget": 3 })).await;
    let sends: Vec<_> = (0..50)
        .map(|n| {
            let program = program.clone();
            tokio::spawn(async move { program.chat(&format!("question {n}")).await })
        })
        .collect();
    let mut answered = 0;
    for send in sends {
        match send.await.unwrap() {
            (200, _) => answered += 1,
            refused => assert_eq!(refusal(refused), "402 insufficient_credits: 0 of 1"),
        }
    }
    assert_eq!((answered, app.upstream.calls()), (3, 3));
    assert_eq!(user.credits().await["available"], 7);
    assert_eq!(keys(&user).await[0].spent, 3);
    // Whatever fails is given back to the budget too.
    let program = user.with_key(&json!({ "budget": 1 })).await;
    for _ in 0..3 {
        assert_eq!(program.chat("#status=500").await.0, 502);
    }
    assert_eq!(keys(&user).await[0].spent, 0);
    assert_eq!(program.chat("now").await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_key_has_a_limit_of_its_own_within_that_of_its_user() {
    let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "5")]).await;
    let user = app.user().await;
    let slow = user.with_key(&json!({ "perMinute": 2 })).await;
    let other = user.with_key(&json!({ "perMinute": 100 })).await;
    let send = async |user: &User| {
        let response = user.post("/api/chat").json(&json!({ "message": "Hello" })).send().await.unwrap();
        let left = response.headers()["ratelimit-remaining"].to_str().unwrap().to_owned();
        (response.status().as_u16(), left)
    };
    assert_eq!(send(&slow).await, (200, "1".into()));
    assert_eq!(send(&slow).await, (200, "0".into()));
    assert_eq!(send(&slow).await, (429, "0".into()));
    // What its own limit refuses does not count against the user's.
    assert_eq!(send(&other).await, (200, "2".into()));
    assert_eq!(send(&user).await, (200, "1".into()));
    assert_eq!(send(&user).await, (200, "0".into()));
    assert_eq!(send(&other).await, (429, "0".into()));
}

#[tokio::test]
async fn the_account_page_makes_and_revokes_keys_without_a_script() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let html = async |request: reqwest::RequestBuilder| {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store");
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let form = [("name", "From a <form>"), ("perMinute", "5"), ("budget", "")];
    let made = user.post_form("/account", &form).send().await.unwrap();
    // Loading the page again asks for the page, and not for another key.
    assert_eq!((made.status().as_u16(), &made.headers()["location"]), (303, &"/account".parse().unwrap()));
    let cookie = made.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("Path=/account") && cookie.contains("Max-Age=60"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();
    let shown = user.get("/account").header("cookie", cookie).send().await.unwrap();
    let taken_back = shown.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(taken_back.starts_with("tessera_new_key=;") && taken_back.contains("Max-Age=0"), "{taken_back}");
    let page = shown.text().await.unwrap();
    let start = page.find("tsk_").unwrap();
    let program = User { key: Some(page[start..start + 47].to_owned()), ..user.clone() };
    assert!(page.contains("Never used"), "to be shown is no use");
    assert_eq!(program.chat("Hello").await.0, 200);
    let (status, page) = html(user.get("/account")).await;
    assert!(status == 200 && page.contains("From a &lt;form&gt;") && !page.contains(program.key.as_ref().unwrap()));
    assert_eq!(keys(&user).await.len(), 1);
    let places = ["id=\"keys\"", "id=\"new-key\"", "id=\"budgets\""].map(|id| page.find(id).unwrap());
    assert!(places.is_sorted(), "the form for a key is below the keys: {places:?}");
    // Who signs in next in this browser is not shown what was another's.
    let (status, page) = html(app.user().await.get("/account").header("cookie", cookie)).await;
    assert!(status == 200 && !page.contains(program.key.as_ref().unwrap()));
    let listed = keys(&user).await;
    assert_eq!((listed[0].per_minute, listed[0].budget), (Some(5), None));
    // What is wrong is said, and what was typed stays.
    let (status, page) = html(user.post_form("/account", &[("name", "kept"), ("budget", "1.5.5")])).await;
    assert!(
        status == 400 && page.contains("six decimals") && page.contains("value=\"kept\"") && page.contains("1.5.5")
    );
    let revoked = user.post_form("/account", &[("revoke", &*listed[0].id)]).send().await.unwrap();
    assert_eq!((revoked.status().as_u16(), &revoked.headers()["location"]), (303, &"/account".parse().unwrap()));
    assert_eq!(program.chat("Hello").await.0, 401);
    let signed_out = app.visitor().get("/account").send().await.unwrap();
    assert_eq!(signed_out.headers()["location"], "/sign-in?next=%2Faccount");
    assert_eq!(user.with_key(&json!({})).await.get("/account").send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say_and_no_more() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let spends = user.with_key(&json!({ "scopes": ["spend", "spend"] })).await;
    assert_eq!(keys(&user).await[0].scopes, ["spend"]);
    assert_eq!(spends.chat("Hello").await.0, 200);
    let (status, refused) = spends.get_json("/api/conversations").await;
    assert_eq!((status, &refused["code"]), (403, &json!("forbidden")));
    assert!(refused["error"].as_str().unwrap().contains("read"), "{refused}");
    let reads = user.with_key(&json!({ "scopes": ["read"] })).await;
    let (status, refused) = reads.post_json("/v1/chat/completions", &json!({ "model": "tessera" })).await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("forbidden")));
    assert_eq!(reads.get_json("/api/conversations").await.1["data"]["items"].as_array().unwrap().len(), 1);
    // Without a word about it, all of it.
    user.with_key(&json!({})).await;
    assert_eq!(keys(&user).await[0].scopes, ["spend", "read", "manage"]);
}

#[tokio::test]
async fn a_key_expires() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let program = user.with_key(&json!({ "expiresInDays": 1 })).await;
    assert_eq!(program.chat("Hello").await.0, 200);
    let listed = keys(&user).await;
    let expires: jiff::Timestamp = listed[0].expires_at.as_ref().unwrap().parse().unwrap();
    let left = expires.duration_since(jiff::Timestamp::now());
    assert!((86_000..=86_400).contains(&left.as_secs()), "{left:?}");
    assert_eq!((listed[0].expired, listed.len()), (false, 1));
    // In the place of tomorrow.
    let database = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    database.execute("UPDATE api_keys SET expires_at = 1", []).unwrap();
    assert_eq!(program.chat("Hello").await.0, 401);
    assert!(keys(&user).await[0].expired);
    let page = user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Expired"));
}

#[tokio::test]
async fn what_the_keys_of_a_user_read_is_limited_and_what_people_read_is_not() {
    let app = TestApp::start_with(&[("READ_LIMIT_PER_MINUTE", "3")]).await;
    let user = app.user().await;
    let (one, two) = (user.with_key(&json!({})).await, user.with_key(&json!({})).await);
    for program in [&one, &two, &one] {
        assert_eq!(program.get_json("/api/conversations").await.0, 200);
    }
    for path in ["/api/credits", "/v1/models"] {
        let response = two.get(path).send().await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["ratelimit-limit"]), (429, &"3".parse().unwrap()));
        assert!(response.headers().contains_key("retry-after"));
    }
    // Spending has a limit of its own.
    assert_eq!(two.chat("Hello").await.0, 200);
    for _ in 0..5 {
        assert_eq!(user.get_json("/api/conversations").await.0, 200);
    }
}

#[tokio::test]
async fn the_form_for_a_key_asks_for_scopes_and_days() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let html = async |fields: &[(&str, &str)]| {
        let response = user.post_form("/account", fields).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, page) = html(&[("name", "reader"), ("scoped", "1"), ("read", "on"), ("days", "30")]).await;
    assert_eq!(status, 303, "{page}");
    let listed = keys(&user).await;
    assert_eq!(listed[0].scopes, ["read"]);
    assert!(listed[0].expires_at.is_some());
    // A key that may do nothing is no key, and no box that was emptied comes back checked.
    let (status, page) = html(&[("name", "kept"), ("scoped", "1")]).await;
    assert!(status == 400 && page.contains("at least one") && page.contains("value=\"kept\""), "{status}");
    let checked = |page: &str| {
        ["key-spend", "key-read", "key-manage"].map(|id| {
            let tag = page.split(&format!("id=\"{id}\"")).nth(1).unwrap();
            tag.split('>').next().unwrap().contains(" checked")
        })
    };
    assert_eq!(checked(&page), [false; 3]);
    let fresh = user.get("/account").send().await.unwrap().text().await.unwrap();
    assert_eq!(checked(&fresh), [true, true, false]);
}
