//! The record of attempts: the contract of its store, and what each way of failing leaves in it.

use serde_json::json;
use tessera::platform::ids::{ApiKeyId, AttemptId, UserId, WorkId};
use tessera::usage::{Attempt, Outcome};
use uuid::Uuid;

use crate::contracts::over_every_store;
use crate::fake_gemini::FakeGemini;
use crate::support::TestApp;

fn attempt(request_id: &str) -> Attempt {
    Attempt {
        id: AttemptId::now_v7(),
        request_id: request_id.to_owned(),
        reply: WorkId::now_v7(),
        user: UserId::now_v7(),
        key: None,
        provider: "gemini".into(),
        model: "gemini-3.8-flash".into(),
        input_tokens: u32::MAX,
        output_tokens: 5,
        is_estimated: true,
        cost_micros: None,
        latency_ms: 1200,
        first_token_ms: None,
        outcome: Outcome::RateLimited,
        price_version: None,
        at: tessera::platform::db::now_millis(),
    }
}

over_every_store! {
    async fn attempts_are_kept_as_they_are_and_once(stores) {
        let attempts = stores.attempts;
        let first = attempt("r1");
        let second = Attempt {
            outcome: Outcome::Ok,
            price_version: Some("590e18fd26".into()),
            key: Some(ApiKeyId::now_v7()),
            is_estimated: false,
            cost_micros: Some(i64::MAX),
            first_token_ms: Some(0),
            ..attempt("r1")
        };
        attempts.record(Vec::new()).await.unwrap();
        attempts.record(vec![first.clone(), attempt("r2")]).await.unwrap();
        // As if the answer to the first write had been lost.
        let changed = Attempt { model: "other".into(), ..first.clone() };
        attempts.record(vec![changed, second.clone()]).await.unwrap();
        assert_eq!(attempts.find_by_request("r1").await.unwrap(), [first, second]);
        assert_eq!(attempts.find_by_request("r2").await.unwrap().len(), 1);
        assert!(attempts.find_by_request("r3").await.unwrap().is_empty());
    }

    async fn old_attempts_are_forgotten(stores) {
        let attempts = stores.attempts;
        attempts.record(vec![attempt("r")]).await.unwrap();
        attempts.forget_before(tessera::platform::db::now_millis() - 60_000).await.unwrap();
        assert_eq!(attempts.find_by_request("r").await.unwrap().len(), 1);
        attempts.forget_before(tessera::platform::db::now_millis() + 1).await.unwrap();
        assert!(attempts.find_by_request("r").await.unwrap().is_empty());
    }
}

/// Gemini first, then OpenAI, whose model has a price.
async fn two_providers(gemini: &FakeGemini) -> TestApp {
    let base = gemini.base_url();
    TestApp::start_with(&[
        ("CHAT_PROVIDERS", "gemini,openai"),
        ("GEMINI_API_KEY", "gemini-key"),
        ("GEMINI_BASE_URL", base.as_str()),
        ("MODEL_PRICES", "fake-model=1/2,gemini-3.8-flash=10/100"),
        ("FREE_CREDITS", "100"),
        ("CHAT_TIMEOUT_SECS", "1"),
    ])
    .await
}

/// What was recorded for a message, one line for each attempt: provider, outcome, tokens, `~` if estimated, cost.
async fn record_of(app: &TestApp, message: &str) -> Vec<String> {
    let user = app.user().await;
    let request_id = Uuid::now_v7().to_string();
    let sent = user.post("/api/chat").header("x-request-id", &request_id).json(&json!({"message": message}));
    sent.send().await.unwrap();
    recorded(app, &request_id).await
}

async fn recorded(app: &TestApp, request_id: &str) -> Vec<String> {
    app.state.generation.usage.flush().await;
    let attempts = app.state.stores.attempts.find_by_request(request_id).await.unwrap();
    let line = |attempt: &Attempt| {
        assert_eq!(attempt.first_token_ms.is_some(), attempt.output_tokens > 0, "{attempt:?}");
        assert!(attempt.first_token_ms.unwrap_or(0) <= attempt.latency_ms && attempt.at > 0);
        format!(
            "{} {} {}+{}{} {}",
            attempt.provider,
            attempt.outcome.as_str(),
            attempt.input_tokens,
            attempt.output_tokens,
            if attempt.is_estimated { "~" } else { "" },
            attempt.cost_micros.map_or("?".to_owned(), |cost| cost.to_string()),
        )
    };
    attempts.iter().map(line).collect()
}

#[tokio::test]
async fn every_attempt_is_recorded_with_what_came_of_it() {
    const ANSWERED: &str = "openai ok 11+1 13";
    for (failure, recorded) in [
        ("#status=500", "gemini unavailable 0+0 0"),
        ("#status=429", "gemini rate_limited 0+0 0"),
        ("#status=400", "gemini rejected 0+0 0"),
        ("#prompt", "gemini blocked 7+0 70"),
        ("#garbage", "gemini malformed 7+0~ 70"),
        ("#tokens=0 #stall", "gemini timeout 9+0~ 90"),
    ] {
        let gemini = FakeGemini::start().await;
        let app = two_providers(&gemini).await;
        let record = record_of(&app, &format!("#tokens=1 gemini: {failure}")).await;
        assert_eq!(record, [recorded, ANSWERED], "{failure}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_has_cost_something_all_the_same() {
    for (failure, recorded) in [
        ("#cut", "gemini cut 7+5 570"),
        ("#error", "gemini cut 7+5 570"),
        ("#safety", "gemini blocked 7+5 570"),
        ("#stall", "gemini timeout 7+5 570"),
        ("#tokens=20 #cut", "gemini cut 7+28~ 2870"),
    ] {
        let gemini = FakeGemini::start().await;
        let app = two_providers(&gemini).await;
        assert_eq!(record_of(&app, &format!("gemini: {failure}")).await, [recorded], "{failure}");
    }
}

#[tokio::test]
async fn a_stopped_answer_is_recorded_and_a_model_without_a_price_has_no_cost() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=50 #pause=100"})).await;
    let (_, start) = events.next_named("start").await;
    events.next_named("token").await;
    let stop = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
    assert_eq!(user.post_json(&stop, &json!({})).await.0, 200);
    let (_, ledger) = user.get_json("/api/credits/ledger").await;
    let request_id = ledger["data"]["items"][0]["requestId"].as_str().unwrap();
    assert_eq!(recorded(&app, request_id).await, ["openai stopped 6+2~ ?"]);
}

#[tokio::test]
async fn an_answer_that_was_given_before_is_no_attempt() {
    let app = TestApp::start_with(&[("CHAT_CACHE", "shared")]).await;
    assert_eq!(record_of(&app, "again").await.len(), 1);
    assert!(record_of(&app, "again").await.is_empty());
}
