//! Several providers: Gemini's own ways, who answers when the first cannot, and that nobody pays for failures.

use serde_json::json;
use tempfile::TempDir;
use tessera::app::state::AppState;

use crate::fake_gemini::FakeGemini;
use crate::support::{TestApp, User};

/// Gemini first, then OpenAI, and a user.
async fn two_providers(vars: &[(&str, &str)]) -> (TestApp, FakeGemini, User) {
    let gemini = FakeGemini::start().await;
    let base = gemini.base_url();
    let mut all = vec![
        ("CHAT_PROVIDERS", "gemini,openai"),
        ("GEMINI_API_KEY", "gemini-key"),
        ("GEMINI_BASE_URL", base.as_str()),
        ("FREE_CREDITS", "100"),
    ];
    all.extend_from_slice(vars);
    let app = TestApp::start_with(&all).await;
    let user = app.user().await;
    (app, gemini, user)
}

#[tokio::test]
async fn gemini_answers_with_its_key_in_a_header_and_its_thoughts_left_out() {
    let (app, gemini, user) = two_providers(&[]).await;
    let (status, body) = user.chat("gemini: #thought").await;
    assert_eq!(status, 200, "{body}");
    let data = &body["data"];
    assert_eq!((&data["reply"], &data["provider"]), (&json!("gem1 gem2 "), &json!("gemini")));
    assert_eq!((&data["model"], &data["fallback"]), (&json!("gemini-3.8-flash"), &json!(false)));
    let (call, query, headers, sent) = gemini.seen.last.lock().unwrap().clone().unwrap();
    assert_eq!((call.as_str(), query.as_str()), ("gemini-3.8-flash:streamGenerateContent", "alt=sse"));
    assert_eq!(headers["x-goog-api-key"], "gemini-key");
    assert_eq!(sent["contents"], json!([{"role": "user", "parts": [{"text": "gemini: #thought"}]}]));
    let path = format!("/api/chat/{}", data["messageId"].as_str().unwrap());
    let (_, message) = user.get_json(&path).await;
    assert_eq!(message["data"]["usage"], json!({"inputTokens": 7, "outputTokens": 5, "reasoningTokens": 3}));
    let (status, body) = user.chat("gemini: #max").await;
    assert_eq!((status, &body["data"]["reply"]), (200, &json!("gem1 gem2 ")), "cut at the limit is an answer");
    app.assert_books_balance().await;
}

#[tokio::test]
async fn whatever_fails_before_the_first_token_lets_the_next_answer() {
    for failure in [
        "#status=500",
        "#status=429",
        "#status=400",
        "#status=404",
        "#key",
        "#prompt",
        "#empty",
        "#garbage",
        "#tokens=0 #safety",
        "#tokens=0 #error",
        "#tokens=0 #cut",
        "#tokens=0 #max",
        "#tokens=0 #stall",
    ] {
        let (app, gemini, user) = two_providers(&[("CHAT_TIMEOUT_SECS", "2")]).await;
        let (status, body) = user.chat(&format!("#tokens=1 gemini: {failure}")).await;
        assert_eq!(status, 200, "{failure}: {body}");
        let data = &body["data"];
        assert_eq!((&data["reply"], &data["provider"]), (&json!("word1 "), &json!("openai")), "{failure}");
        assert_eq!((&data["fallback"], &data["credits"]), (&json!(true), &json!(1)), "{failure}");
        assert_eq!((gemini.calls(), app.upstream.calls()), (1, 1), "{failure}: each is asked once");
        assert_eq!(user.ledger_kinds().await, ["grant", "hold", "settle"], "{failure}");
        app.assert_books_balance().await;
    }
}

#[tokio::test]
async fn after_the_first_token_nobody_else_is_asked_and_it_is_free() {
    for (failure, status) in [("#safety", 502), ("#error", 502), ("#cut", 502), ("#stall", 504)] {
        let (app, _, user) = two_providers(&[("CHAT_TIMEOUT_SECS", "1")]).await;
        let (answered, body) = user.chat(&format!("gemini: {failure}")).await;
        assert_eq!(answered, status, "{failure}: {body}");
        assert_eq!(app.upstream.calls(), 0, "{failure}");
        assert_eq!(user.ledger_kinds().await, ["grant", "hold", "release"], "{failure}");
        let (_, list) = user.get_json("/api/conversations").await;
        let path = format!("/api/conversations/{}", list["data"]["items"][0]["id"].as_str().unwrap());
        let (_, conversation) = user.get_json(&path).await;
        let reply = &conversation["data"]["messages"][1];
        assert_eq!((&reply["content"], &reply["state"]), (&json!("gem1 gem2 "), &json!("incomplete")), "{failure}");
        app.assert_books_balance().await;
    }
}

#[tokio::test]
async fn when_all_fail_the_last_word_counts() {
    for (last, status, code) in [
        ("#status=500", 502, "provider_failed"),
        ("#status=429", 429, "rate_limited"),
        ("#stall #tokens=0", 504, "provider_timeout"),
    ] {
        let (app, gemini, user) = two_providers(&[("CHAT_TIMEOUT_SECS", "1")]).await;
        let (answered, body) = user.chat(&format!("{last} gemini: #status=503")).await;
        assert_eq!((answered, &body["code"]), (status, &json!(code)), "{last}: {body}");
        assert_eq!((gemini.calls(), app.upstream.calls()), (1, 1));
        assert_eq!(user.credits().await["available"], 100, "{last}");
        app.assert_books_balance().await;
    }
}

#[tokio::test]
async fn a_picked_provider_is_asked_first() {
    let (_app, gemini, user) = two_providers(&[]).await;
    let body = json!({"message": "#tokens=1 gemini:", "provider": "openai", "model": "fake-model"});
    let (_, answer) = user.post_json("/api/chat", &body).await;
    assert_eq!((&answer["data"]["provider"], &answer["data"]["model"]), (&json!("openai"), &json!("fake-model")));
    assert_eq!(gemini.calls(), 0);
    let elsewhere = json!({"message": "x", "provider": "openai", "model": "gemini-3.8-flash"});
    assert_eq!(user.post_json("/api/chat", &elsewhere).await.1["field"], "model", "a model belongs to its provider");
    let body = json!({"message": "#status=500 gemini:", "provider": "openai", "model": "fake-model"});
    let (_, answer) = user.post_json("/api/chat", &body).await;
    assert_eq!((&answer["data"]["provider"], &answer["data"]["fallback"]), (&json!("gemini"), &json!(true)));
    assert_eq!(answer["data"]["model"], "gemini-3.8-flash", "the picked model was the other provider's");
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_out_and_everybody_can_see_it() {
    let (app, gemini, user) = two_providers(&[]).await;
    for _ in 0..8 {
        let (status, body) = user.chat("#tokens=1 gemini: #status=503").await;
        assert_eq!((status, &body["data"]["fallback"]), (200, &json!(true)), "{body}");
    }
    assert_eq!(gemini.calls(), 5, "after five failures in a row it rests");
    assert_eq!(app.upstream.calls(), 8);
    let (status, ready) = user.get_json("/readyz").await;
    assert_eq!(status, 200);
    let trouble = ready["chatProviders"][0]["problem"].as_str().unwrap();
    assert!(trouble.contains("failed several times"), "{trouble}");
    assert_eq!(ready["chatProviders"][1]["problem"], json!(null));
}

#[tokio::test]
async fn a_refused_request_says_nothing_about_the_provider() {
    let (_app, gemini, user) = two_providers(&[]).await;
    for _ in 0..7 {
        user.chat("#tokens=1 gemini: #prompt").await;
    }
    assert_eq!(gemini.calls(), 7);
}

#[tokio::test]
async fn a_provider_that_fails_now_and_then_costs_few_retries_and_nobody_an_answer() {
    let (app, gemini, user) = two_providers(&[("FREE_CREDITS", "1000")]).await;
    // Never five in a row.
    for n in 0..150 {
        let trouble = if n % 2 == 0 { "#status=503" } else { "" };
        let (status, body) = user.chat(&format!("#tokens=1 gemini: {trouble}")).await;
        assert_eq!(status, 200, "{body}");
    }
    let retries = gemini.calls() + app.upstream.calls() - 150;
    assert!((31..=50).contains(&retries), "{retries} retries of 150 requests: thirty, and a tenth");
    assert!(gemini.calls() < 110, "it rests when the budget is spent");
}

#[tokio::test]
async fn prompts_that_a_provider_blocks_do_not_make_it_rest() {
    let (app, gemini, user) = two_providers(&[]).await;
    for _ in 0..45 {
        assert_eq!(user.chat("#tokens=1 gemini: #prompt").await.0, 200);
    }
    assert_eq!((gemini.calls(), app.upstream.calls()), (45, 45), "nor do they take from the budget that all share");
    for _ in 0..4 {
        assert_eq!(user.chat("#tokens=1 gemini: #status=503").await.0, 200);
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn an_answer_of_who_stood_in_is_not_kept_for_others() {
    let (app, gemini, user) = two_providers(&[("CHAT_CACHE", "shared")]).await;
    let asked = "#tokens=1 gemini: #status=503";
    for _ in 0..2 {
        let (status, body) = user.chat(asked).await;
        assert_eq!((status, &body["data"]["fallback"], &body["data"]["cached"]), (200, &json!(true), &json!(false)));
    }
    assert_eq!((gemini.calls(), app.upstream.calls()), (2, 2));
}

#[tokio::test]
async fn a_flood_of_gemini_ends_at_the_limit() {
    let (app, _, user) = two_providers(&[]).await;
    let (status, body) = user.chat("gemini: #flood=40").await;
    let length = body["data"]["reply"].as_str().unwrap().len();
    assert!(status == 200 && (1024..=32 * 1024).contains(&length), "{status}, {length} bytes");
    app.assert_books_balance().await;
}

#[tokio::test]
async fn the_only_provider_is_asked_even_if_it_fails() {
    let data = TempDir::new().unwrap();
    let gemini = FakeGemini::start().await;
    let base = gemini.base_url();
    let vars = [("CHAT_PROVIDERS", "gemini"), ("GEMINI_API_KEY", "k"), ("GEMINI_BASE_URL", base.as_str())];
    let config = crate::support::config(&data, "http://127.0.0.1:9/v1", &vars);
    let state = AppState::build(config, crate::support::site_options()).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut user = User::new(listener.local_addr().unwrap());
    tokio::spawn(tessera::app::serve::run(state, listener));
    user.register().await;
    for _ in 0..7 {
        assert_eq!(user.chat("gemini: #status=500").await.0, 502);
    }
    assert_eq!(gemini.calls(), 7);
    assert_eq!(user.chat("gemini: hello").await.0, 200, "and it answers as soon as it can");
}
