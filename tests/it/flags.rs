//! Feature flags over HTTP: what is off is off everywhere, at once, and takes nothing from anybody.

use std::time::Duration;

use reqwest::header::COOKIE;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tessera::platform::work_kind::WorkKind;
use tokio::time::{sleep, timeout};

use crate::fake_clerk::FakeClerk;
use crate::fake_oidc::FakeIdp;
use crate::oidc::Browser;
use crate::support::{PASSWORD, PNG_URL, TestApp, User, answer};

impl User {
    async fn put_json(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(self.request(Method::PUT, path).json(body)).await
    }

    /// A flag as it is.
    async fn flag(&self, name: &str) -> Value {
        let (status, list) = self.get_json("/api/admin/flags").await;
        assert_eq!(status, 200, "{list}");
        let items = list["data"]["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name}: {list}")).clone()
    }

    /// Sets a flag over what it is.
    async fn set_flag(&self, name: &str, mut setting: Value) {
        setting["version"] = self.flag(name).await["version"].clone();
        let (status, changed) = self.put_json(&format!("/api/admin/flags/{name}"), &setting).await;
        assert_eq!(status, 200, "{changed}");
    }

    async fn switch(&self, name: &str, is_on: bool) {
        self.set_flag(name, json!({ "state": if is_on { "on" } else { "off" } })).await;
    }

    async fn html(&self, path: &str) -> (u16, String) {
        let response = self.get(path).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

fn ask(message: &str) -> Value {
    json!({ "message": message })
}

fn ask_v1() -> Value {
    json!({ "model": "tessera", "messages": [{ "role": "user", "content": "Hello" }] })
}

/// That something is refused because it is off, in words for people.
fn assert_off((status, body): (u16, Value), words: &str) {
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")), "{body}");
    assert!(body["error"].as_str().unwrap().contains(words), "{body}");
}

/// The same in OpenAI's shape.
fn assert_off_v1((status, body): (u16, Value), words: &str) {
    assert_eq!((status, &body["error"]["type"]), (403, &json!("invalid_request_error")), "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains(words), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_that_is_off_is_off_by_every_way_and_costs_nothing() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let key = user.with_key(&json!({})).await;
    admin.switch("chat", false).await;
    assert_off(user.chat("Hello").await, "Chat is switched off");
    assert_off(user.chat("/image a fox").await, "Chat is switched off");
    assert_off(admin.chat("Hello").await, "Chat is switched off");
    assert_off_v1(key.post_json("/v1/chat/completions", &ask_v1()).await, "Chat is switched off");
    assert_off(user.post_json("/api/chat/estimate", &ask("Hello")).await, "Chat is switched off");
    let form = user.post_form("/chat", &[("message", "Hello")]).send().await.unwrap();
    let status = form.status();
    assert!(status.is_client_error() || status.is_redirection(), "{status}");
    let (status, html) = user.html("/chat").await;
    assert!(status == 200 && html.contains("Chat is switched off"), "{html}");
    assert_eq!(app.upstream.calls(), 0);
    assert_eq!(user.credits().await["available"], 10);
    assert_eq!(user.ledger_kinds().await, ["grant"]);
    // Images are another matter, and what was said is there.
    assert_eq!(user.make_image("a fox").await.0, 200);
    assert_eq!(user.get_json("/api/conversations").await.0, 200);
    admin.switch("chat", true).await;
    assert_eq!(user.chat("Hello").await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_are_off_are_off_by_every_way_and_cost_nothing() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let key = user.with_key(&json!({})).await;
    admin.switch("images", false).await;
    let off = "Creating images is switched off";
    assert_off(user.make_image("a fox").await, off);
    assert_off(user.chat("/image a fox").await, off);
    assert_off(user.post_json("/api/chat/estimate", &ask("/image a fox")).await, off);
    assert_off_v1(
        key.post_json("/v1/images/generations", &json!({ "prompt": "a fox", "size": "1536x640" })).await,
        off,
    );
    let (status, html) = user.html("/images").await;
    assert!(status == 200 && html.contains(off), "{html}");
    assert_eq!(
        user.get_json("/api/image").await.1["data"]["problem"].as_str().map(|text| text.contains(off)),
        Some(true)
    );
    assert_eq!((user.credits().await["available"].clone(), user.ledger_kinds().await.len()), (json!(10), 1));
    assert_eq!(user.chat("Hello").await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smaller_flags_close_what_they_name_and_no_more() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let key = user.with_key(&json!({})).await;
    let (_, said) = user.chat("Hello").await;
    let share = format!("/api/conversations/{}/share", said["data"]["conversationId"].as_str().unwrap());
    let (_, link) = user.post_json(&share, &json!({})).await;
    let link = link["data"]["url"].as_str().unwrap().to_owned();
    let link = link.split_once("/share/").map(|(_, token)| format!("/share/{token}")).unwrap();

    admin.switch("attachments", false).await;
    assert_off(user.post_json("/api/chat", &json!({ "message": "Look", "images": [PNG_URL] })).await, "Sending images");
    let shown = json!([{ "type": "image_url", "image_url": { "url": PNG_URL } }]);
    let shown = json!({ "model": "tessera", "messages": [{ "role": "user", "content": shown }] });
    assert_off_v1(key.post_json("/v1/chat/completions", &shown).await, "Sending images");
    assert_eq!(user.chat("Hello").await.0, 200);

    admin.switch("share_links", false).await;
    assert_off(user.post_json(&share, &json!({})).await, "Shared links");
    let (status, html) = app.visitor().html(&link).await;
    assert!(status == 403 && html.contains("Shared links are switched off"), "{html}");
    let image = format!("{link}/images/{}/file", uuid::Uuid::now_v7());
    assert_eq!(app.visitor().html(&image).await.0, 403);
    // For some only: what they share, anybody can read.
    admin.set_flag("share_links", json!({ "state": "roles", "roles": ["ADMIN"] })).await;
    assert_eq!((user.post_json(&share, &json!({})).await.0, app.visitor().html(&link).await.0), (403, 200));
    admin.switch("share_links", true).await;
    // Ending one is always possible.
    assert_eq!(answer(user.request(Method::DELETE, &share)).await.0, 200);

    admin.switch("codes", false).await;
    assert_off(user.post_json("/api/credits/redeem", &json!({ "code": "NO-SUCH-CODE" })).await, "Redeeming codes");

    admin.switch("v1", false).await;
    for path in ["/v1/models", "/v1/models/tessera"] {
        assert_off_v1(key.get_json(path).await, "/v1 is switched off");
    }
    assert_off_v1(key.post_json("/v1/chat/completions", &ask_v1()).await, "/v1 is switched off");
    assert_off_v1(key.post_json("/v1/images/generations", &json!({ "prompt": "a fox" })).await, "/v1 is switched off");
    assert_eq!(key.chat("Hello").await.0, 200, "the API is not /v1");
    admin.switch("v1", true).await;

    admin.switch("api_keys", false).await;
    assert_off(key.chat("Hello").await, "API keys are switched off");
    assert_off_v1(key.get_json("/v1/models").await, "API keys are switched off");
    assert_off(user.post_json("/api/account/keys", &json!({ "name": "another" })).await, "API keys are switched off");
    assert_eq!(user.chat("Hello").await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signs_up_by_any_way_where_that_is_off_but_everybody_signs_in() {
    let idp = FakeIdp::start().await;
    let app = crate::oidc::start(&idp, &[]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let known = json!({ "sub": "known", "email": "known@example.org", "email_verified": true });
    Browser::at(&app).come_back(&idp, &known).await;
    admin.switch("sign_up", false).await;
    let form = json!({ "email": "new@example.org", "password": PASSWORD });
    assert_off(app.visitor().post_json("/api/auth/register", &form).await, "New accounts");
    let fields = [("email", "new@example.org"), ("password", PASSWORD)];
    let sent = app.visitor().post_form("/sign-up", &fields).send().await.unwrap();
    assert_eq!(sent.status(), 403);
    assert!(sent.text().await.unwrap().contains("New accounts"));
    let (status, html) = app.visitor().html("/sign-up").await;
    assert!(status == 403 && html.contains("Not available right now") && html.contains("New accounts"), "{html}");
    let mut stranger = Browser::at(&app);
    let ada = json!({ "sub": "ada", "email": "ada@example.org", "email_verified": true });
    let refused = stranger.come_back(&idp, &ada).await;
    assert_eq!(stranger.me().await, None, "{refused:?}");
    // Those who have an account.
    let mut back = Browser::at(&app);
    back.come_back(&idp, &known).await;
    assert!(back.me().await.is_some());
    let form = json!({ "email": user.email, "password": PASSWORD });
    assert_eq!(app.visitor().post_json("/api/auth/login", &form).await.0, 200);
    assert_eq!(app.visitor().html("/sign-in").await.0, 200);
    admin.switch("sign_up", true).await;
    app.user().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_new_comes_from_clerk_where_sign_up_is_off() {
    let clerk = FakeClerk::start("http://localhost:3000", false).await;
    let app = TestApp::start_with(&clerk.vars()).await;
    for (id, email) in [("user_1", "ada@example.org"), ("user_2", "eve@example.org")] {
        clerk.add_user(id, email, true);
    }
    let me = async |id: &str| {
        let request = Client::new().get(format!("http://{}/api/auth/me", app.addr));
        request.bearer_auth(clerk.token(id)).send().await.unwrap().status()
    };
    assert_eq!(me("user_1").await, StatusCode::OK);
    let (name, version, actor) = ("sign_up", 0, tessera::audit::Actor::Operator);
    let off = tessera::flags::Setting { rule: tessera::flags::Rule::Off, ..tessera::flags::Setting::default() };
    app.state.generation.flags.change(actor, name, version, off).await.unwrap();
    assert_eq!((me("user_1").await, me("user_2").await), (StatusCode::OK, StatusCode::FORBIDDEN));
    // What Clerk reports is taken, so that it does not come again and again.
    assert_eq!(clerk.deliver(app.addr, "user.created", "user_2").await, 200);
    assert_eq!(me("user_2").await, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_before_purchases_were_switched_off_is_credited() {
    let (app, provider) = TestApp::start_selling(&[]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let (_, bought) = user.post_json("/api/credits/purchase", &json!({ "pack": "500" })).await;
    let order = bought["data"]["orderId"].as_str().unwrap().to_owned();
    provider.approve(&order);
    admin.switch("purchases", false).await;
    assert_off(user.post_json("/api/credits/purchase", &json!({ "pack": "500" })).await, "Buying credits");
    assert_off(user.post_json("/api/credits/subscribe", &json!({ "plan": "plus" })).await, "Buying credits");
    let (status, html) = user.html("/buy-credits").await;
    assert!(
        status == 200 && html.contains("Buying credits is switched off") && !html.contains("name=\"pack\""),
        "{html}"
    );
    let sent = user.post_form("/buy-credits", &[("pack", "500")]).send().await.unwrap();
    assert_eq!(sent.status(), 403);
    let (status, done) = user.post_json("/api/credits/capture", &json!({ "orderId": order })).await;
    assert_eq!((status, &done["data"]), (200, &json!({ "status": "credited", "credits": 500 })));
    assert_eq!(user.credits().await["available"], 510);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_runs_goes_on_and_a_retry_gets_what_was_paid_for() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let slow = ask("Hello #tokens=12 #pause=60");
    let mut stream = user.chat_stream(&slow).await;
    stream.next_named("token").await;
    let keyed = |path: &str, body: &Value| user.post(path).header("idempotency-key", path).json(body);
    let (_, first) = answer(keyed("/api/chat", &ask("Once"))).await;
    let (_, image) = answer(keyed("/api/image", &json!({ "prompt": "a fox", "aspectRatio": "21:9" }))).await;
    admin.switch("chat", false).await;
    admin.switch("images", false).await;
    let (_, end) = stream.rest().await;
    assert_eq!(end.event, "done", "{}", end.data);
    let (status, again) = answer(keyed("/api/chat", &ask("Once"))).await;
    assert_eq!((status, &again["data"]["messageId"]), (200, &first["data"]["messageId"]), "{again}");
    let (status, again) = answer(keyed("/api/image", &json!({ "prompt": "a fox", "aspectRatio": "21:9" }))).await;
    assert!(status < 300 && again["data"]["id"] == image["data"]["id"], "{again}");
    assert_off(user.post_json("/api/chat", &ask("Once")).await, "Chat is switched off");
    // Two replies and an image, each once.
    assert_eq!(user.credits().await["available"], 10 - 2 - 2);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_off_is_left_out_as_if_it_were_not_there() {
    let vars = [("CHAT_PROVIDERS", "openai,gemini"), ("GEMINI_API_KEY", "g")];
    let gemini = crate::fake_gemini::FakeGemini::start().await;
    let base = gemini.base_url();
    let app = TestApp::start_with(&[&vars[..], &[("GEMINI_BASE_URL", &*base)]].concat()).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let key = user.with_key(&json!({})).await;
    let names = async |user: &User| {
        let (_, list) = user.get_json("/api/providers").await;
        list["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&user).await, ["openai", "gemini"]);
    admin.switch("provider_chat_openai", false).await;
    assert_eq!(names(&user).await, ["gemini"]);
    let (_, models) = key.get_json("/v1/models").await;
    assert!(!models.to_string().contains("fake-model"), "{models}");
    assert_eq!(key.get_json("/v1/models/fake-model").await.0, 404);
    let named = json!({ "model": "fake-model", "messages": [{ "role": "user", "content": "Hello" }] });
    let (status, refused) = key.post_json("/v1/chat/completions", &named).await;
    assert_eq!((status, &refused["error"]["code"]), (404, &json!("model_not_found")), "{refused}");
    let (status, refused) = user.post_json("/api/chat", &json!({ "message": "Hi", "provider": "openai" })).await;
    assert_eq!((status, &refused["field"]), (400, &json!("provider")), "{refused}");
    let (status, answered) = user.chat("Hello").await;
    assert_eq!((status, &answered["data"]["provider"]), (200, &json!("gemini")), "{answered}");
    assert_eq!(answered["data"]["fallback"], false, "nobody failed");
    assert!(!user.html("/chat").await.1.contains("value=\"openai\""));
    let breaker = app.state.chat.providers().iter().find(|one| one.name() == "openai").unwrap().breaker_state();
    assert_eq!((breaker.as_str(), app.upstream.calls()), ("closed", 0));
    // Both off: nobody answers, and it says so.
    admin.switch("provider_chat_gemini", false).await;
    assert_off(user.chat("Hello").await, "No model is available");
    assert!(user.html("/chat").await.1.contains("No model is available"));
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_its_cap_a_provider_rests_until_tomorrow_and_the_next_one_answers() {
    let prices = ("MODEL_PRICES", "fake-model=1000/1000");
    let app = TestApp::start_with(&[prices]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let key = user.with_key(&json!({})).await;
    admin.set_flag("provider_chat_openai", json!({ "state": "on", "dailyCapMicros": 1_000 })).await;
    // One that runs goes on over it: so much is the overshoot.
    assert_eq!(user.chat("Hello").await.0, 200);
    let before = user.credits().await["available"].clone();
    let (status, paused) = user.chat("Hello").await;
    assert_eq!((status, &paused["code"]), (503, &json!("unavailable")), "{paused}");
    assert!(paused["error"].as_str().unwrap().contains("until tomorrow"), "{paused}");
    let response = key.post("/v1/chat/completions").json(&ask_v1()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["x-should-retry"].to_str().unwrap()), (503, "false"));
    assert!(user.html("/chat").await.1.contains("until tomorrow"));
    let flag = admin.flag("provider_chat_openai").await;
    assert!(flag["spentTodayMicros"].as_i64().unwrap() >= 1_000, "{flag}");
    assert!(admin.html("/admin/flags").await.1.contains("Cap reached"));
    assert_eq!((user.credits().await["available"].clone(), app.upstream.calls()), (before, 1));
    let alerted = async || {
        let text = app.visitor().html("/metrics").await.1;
        text.contains("tessera_flag_alerts_total{reason=\"cap_reached\"} 1")
    };
    timeout(Duration::from_secs(20), async {
        while !alerted().await {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .unwrap();
    admin.set_flag("provider_chat_openai", json!({ "state": "on" })).await;
    assert_eq!(user.chat("Hello").await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_knows_within_five_seconds_and_keeps_what_it_knows() {
    let app = TestApp::start().await;
    let beside = app.start_beside(&[]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let there = user.at(beside.addr);
    assert_eq!(there.chat("Hello").await.0, 200);
    admin.switch("chat", false).await;
    let off = async || while there.chat("Hello").await.0 != 403 {};
    timeout(Duration::from_secs(5), off()).await.unwrap();
    let hello = json!({ "version": 0, "en": "Hello there" });
    assert_eq!(admin.put_json("/api/admin/announcement", &hello).await.0, 200);
    let seen = async || while !there.html("/sign-in/link").await.1.contains("Hello there") {};
    timeout(Duration::from_secs(5), seen()).await.unwrap();
    // A server that starts now knows from its first request on.
    let late = app.start_beside(&[]).await;
    assert_off(user.at(late.addr).chat("Hello").await, "Chat is switched off");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_role_and_by_percentage_the_same_users_stay_in() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut users = Vec::new();
    for _ in 0..6 {
        users.push(app.user().await);
    }
    let allowed = async || {
        let mut allowed = Vec::new();
        for user in &users {
            allowed.push(user.post_json("/api/chat/estimate", &ask("Hello")).await.0 == 200);
        }
        allowed
    };
    admin.set_flag("chat", json!({ "state": "roles", "roles": ["ADMIN"] })).await;
    assert!(!allowed().await.contains(&true));
    assert_eq!(admin.chat("Hello").await.0, 200);
    let mut before = vec![false; users.len()];
    for percent in [0.0, 12.5, 50.0, 99.99, 100.0] {
        admin.set_flag("chat", json!({ "state": "percent", "percent": percent })).await;
        let now = allowed().await;
        assert_eq!(now, allowed().await);
        assert!(before.iter().zip(&now).all(|(before, now)| !before || *now), "{percent}: {before:?} {now:?}");
        before = now;
    }
    assert!(!before.contains(&false));
    let flag = admin.flag("chat").await;
    assert_eq!((&flag["state"], &flag["percent"], &flag["stale"]), (&json!("percent"), &json!(100), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_over_what_was_seen_and_written_down() {
    let app = TestApp::start().await;
    let (admin, other) = (app.admin().await, app.admin().await);
    let path = "/api/admin/flags/images";
    let off = json!({ "version": 0, "state": "off" });
    for _ in 0..2 {
        let (status, changed) = admin.put_json(path, &off).await;
        assert_eq!((status, &changed["data"]["version"]), (200, &json!(1)), "{changed}");
    }
    let (status, refused) = other.put_json(path, &json!({ "version": 0, "state": "on" })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
    let (_, log) = admin.get_json("/api/admin/audit?action=flag_changed").await;
    let log = log["data"]["items"].as_array().unwrap();
    assert_eq!((log.len(), &log[0]["actor"]), (1, &json!(admin.id().await)), "{log:?}");
    assert_eq!(log[0]["before"], json!({ "flag": "images", "setting": { "state": "on" } }));
    assert_eq!(log[0]["after"], json!({ "flag": "images", "setting": { "state": "off" } }));
    assert_eq!(admin.flag("images").await["changedBy"], json!(admin.id().await));
    for (name, body, expected) in [
        ("images", json!({ "version": 1, "state": "percent" }), "percent"),
        ("images", json!({ "version": 1, "state": "percent", "percent": 100.5 }), "percent"),
        ("images", json!({ "version": 1, "state": "roles", "roles": [] }), "roles"),
        (
            "images",
            json!({ "version": 1, "state": "on", "safeguard": { "errorPercent": 0 } }),
            "safeguard.errorPercent",
        ),
        ("images", json!({ "version": 1, "state": "on", "dailyCapMicros": 5 }), "dailyCapMicros"),
        ("sign_up", json!({ "version": 0, "state": "percent", "percent": 5 }), "state"),
        ("provider_chat_openai", json!({ "version": 0, "state": "on", "dailyCapMicros": 0 }), "dailyCapMicros"),
        ("provider_chat_openai", json!({ "version": 0, "state": "maybe" }), "state"),
        // What cannot be done here is off, and stays off.
        ("automatic_top_up", json!({ "version": 0, "state": "on" }), "state"),
        ("automatic_top_up", json!({ "version": 0, "state": "percent", "percent": 5 }), "state"),
    ] {
        let (status, refused) = admin.put_json(&format!("/api/admin/flags/{name}"), &body).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some(expected)), "{body}: {refused}");
    }
    assert_eq!(admin.flag("automatic_top_up").await["state"], "off");
    assert!(admin.html("/admin/flags").await.1.contains("Automatic top-up (not available"));
    assert_eq!(admin.put_json("/api/admin/flags/sign_in", &off).await.0, 404);
    assert_eq!(admin.put_json("/api/admin/flags/announcement", &off).await.0, 404);
    assert_eq!(admin.put_json("/api/admin/flags/provider_chat_gemini", &off).await.0, 404, "it is not configured");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_and_signing_in_stay_whatever_is_off() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, list) = admin.get_json("/api/admin/flags").await;
    for item in list["data"]["items"].as_array().unwrap() {
        admin.switch(item["name"].as_str().unwrap(), false).await;
    }
    for path in
        ["/admin/flags", "/admin/users", "/admin/audit", "/chat", "/images", "/dashboard", "/account", "/buy-credits"]
    {
        assert_eq!(admin.html(path).await.0, 200, "{path}");
    }
    for path in ["/", "/sign-in", "/healthz", "/readyz"] {
        assert_eq!(app.visitor().html(path).await.0, 200, "{path}");
    }
    let form = json!({ "email": admin.email, "password": PASSWORD });
    assert_eq!(app.visitor().post_json("/api/auth/login", &form).await.0, 200);
    admin.switch("chat", true).await;
    assert!(app.state.generation.flags.closed(WorkKind::Chat, "openai", None).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_once_and_changes_without_a_script() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (status, html) = admin.html("/admin/flags").await;
    assert!(status == 200 && html.contains("Never changed") && !html.contains("<script"), "{html}");
    let edit = admin.html("/admin/flags?flag=provider_chat_openai").await.1;
    for part in ["name=\"state\"", "name=\"cap\"", "name=\"errors\"", "name=\"version\" value=\"0\""] {
        assert!(edit.contains(part), "{part}: {edit}");
    }
    assert!(!admin.html("/admin/flags?flag=sign_up").await.1.contains("name=\"percent\""));
    let query = "do=change&flag=images&version=0&state=percent&percent=12.5&errors=40";
    let asked = admin.html(&format!("/admin/flags?{query}")).await.1;
    assert!(asked.contains("About 12.5 of 100 users") && asked.contains("Confirm"), "{asked}");
    assert_eq!(admin.flag("images").await["state"], "on", "it only asked");
    let fields = [
        ("do", "change"),
        ("flag", "images"),
        ("version", "0"),
        ("state", "percent"),
        ("percent", "12.5"),
        ("errors", "40"),
    ];
    let sent = admin.post_form("/admin/flags", &fields).send().await.unwrap();
    assert_eq!(sent.status(), 303);
    let flag = admin.flag("images").await;
    assert_eq!((&flag["percent"], &flag["safeguard"]), (&json!(12.5), &json!({ "errorPercent": 40 })), "{flag}");
    let html = admin.html("/admin/flags").await.1;
    assert!(
        html.contains("About 12.5 of 100 users") && html.contains(&format!("Changed by {}", admin.email)),
        "{html}"
    );
    // Over what is not there any more, and nonsense.
    let stale = [("do", "change"), ("flag", "images"), ("version", "0"), ("state", "on")];
    let sent = admin.post_form("/admin/flags", &stale).send().await.unwrap();
    assert_eq!(sent.status(), 409);
    assert!(sent.text().await.unwrap().contains("changed in the meantime"));
    assert_eq!(admin.html("/admin/flags?do=change&flag=images&version=1&state=percent&percent=x").await.0, 400);
    assert_eq!(admin.html("/admin/flags?flag=nothing").await.0, 404);
    let zh = admin.get("/admin/flags").header(COOKIE, format!("{}; language=zh", admin.cookie.clone().unwrap()));
    assert!(zh.send().await.unwrap().text().await.unwrap().contains("功能开关"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_is_on_every_page_until_it_is_closed() {
    let app = TestApp::start().await;
    let (admin, user, visitor) = (app.admin().await, app.user().await, app.visitor());
    let pages = ["/", "/sign-in", "/sign-up", "/reset-password", "/nowhere"];
    let signed_in = ["/chat", "/images", "/dashboard", "/account", "/buy-credits"];
    let text = "Maintenance <b>at noon</b> & later";
    let (shown, line) = ("Maintenance &lt;b&gt;at noon&lt;/b&gt; &amp; later", "data-announcement");
    let change = json!({ "version": 0, "kind": "warning", "en": text, "zh": "中午维护", "dismissible": true });
    assert!(!visitor.html("/").await.1.contains(line));
    assert_eq!(admin.put_json("/api/admin/announcement", &change).await.0, 200);
    for path in pages {
        let html = visitor.html(path).await.1;
        assert!(html.contains(shown) && html.contains("action=\"/notices\""), "{path}: {html}");
    }
    for path in signed_in {
        assert!(user.html(path).await.1.contains(shown), "{path}");
    }
    assert!(admin.html("/admin/flags").await.1.contains(shown));
    let zh = visitor.get("/").header("accept-language", "zh").send().await.unwrap();
    assert!(zh.text().await.unwrap().contains("中午维护"));
    // Closed in this browser, by a plain form; others go on seeing it.
    let fields = [("announcement", "1"), ("next", "/sign-in")];
    let closed = visitor.post_form("/notices", &fields).send().await.unwrap();
    assert_eq!((closed.status().as_u16(), closed.headers()["location"].to_str().unwrap()), (303, "/sign-in"));
    let cookie = closed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    for path in ["/", "/sign-in"] {
        let html = visitor.get(path).header(COOKIE, &cookie).send().await.unwrap().text().await.unwrap();
        assert!(!html.contains(line), "{path}: {html}");
        assert!(visitor.html(path).await.1.contains(line));
    }
    // Another one is news, and one that cannot be closed stays.
    let urgent = json!({ "version": 1, "en": "Now" });
    assert_eq!(admin.put_json("/api/admin/announcement", &urgent).await.0, 200);
    let fixed = visitor.get("/").header(COOKIE, "announcement=2").send().await.unwrap().text().await.unwrap();
    assert!(fixed.contains(line) && !fixed.contains("action=\"/notices\""), "{fixed}");
    let later = json!({ "version": 2, "en": "Later", "from": "2999-01-01" });
    assert_eq!(admin.put_json("/api/admin/announcement", &later).await.0, 200);
    assert!(!visitor.html("/").await.1.contains(line));
    let over = json!({ "version": 3, "en": "Over", "until": "2001-01-01" });
    assert_eq!(admin.put_json("/api/admin/announcement", &over).await.0, 200);
    assert!(!visitor.html("/sign-in").await.1.contains(line));
    for (body, field) in [
        (json!({ "version": 4, "en": "x".repeat(301) }), "en"),
        (json!({ "version": 4, "zh": "好" }), "en"),
        (json!({ "version": 4, "en": "x", "from": "2002-01-01", "until": "2001-01-01" }), "until"),
    ] {
        let (status, refused) = admin.put_json("/api/admin/announcement", &body).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some(field)), "{refused}");
    }
    // On the page, asked once.
    let asked = admin.html("/admin/flags?do=announce&version=4&en=By+form&kind=info").await.1;
    assert!(asked.contains("Show this on every page?") && asked.contains("By form"), "{asked}");
    let fields = [("do", "announce"), ("version", "4"), ("en", "By form"), ("kind", "info"), ("dismissible", "on")];
    assert_eq!(admin.post_form("/admin/flags", &fields).send().await.unwrap().status(), 303);
    assert!(visitor.html("/").await.1.contains("By form"));
    let (_, log) = admin.get_json("/api/admin/audit?action=announcement_changed").await;
    assert_eq!(log["data"]["items"].as_array().unwrap().len(), 5);
}
