//! `/metrics`: what is counted, and who may see it.

use serde_json::json;

use crate::fake_gemini::FakeGemini;
use crate::fake_openai::FakeOpenAi;
use crate::fake_replicate::{FakeReplicate, TOKEN};
use crate::program::{Program, variables};
use crate::support::{TestApp, User};

/// The value of a sample such as `tessera_jobs_running` or `tessera_x_total{a="b"}`.
fn value(text: &str, sample: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn what_happens_is_counted_by_route_provider_and_outcome() {
    let gemini = FakeGemini::start().await;
    let base = gemini.base_url();
    let app = TestApp::start_with(&[
        ("CHAT_PROVIDERS", "gemini,openai"),
        ("GEMINI_API_KEY", "gemini-key"),
        ("GEMINI_BASE_URL", base.as_str()),
        ("MODEL_PRICES", "gemini-3.8-flash=10/100"),
        ("CHAT_CACHE", "shared"),
        ("RATE_LIMIT_PER_MINUTE", "10"),
    ])
    .await;
    let user = app.user().await;
    for _ in 0..2 {
        assert_eq!(user.chat("gemini: hello").await.0, 200);
    }
    for n in 0..5 {
        assert_eq!(user.chat(&format!("#tokens=1 {n} gemini: #status=503")).await.0, 200);
    }
    while user.chat("gemini: hello").await.0 != 429 {}
    user.get("/no/such/page?secret=1").send().await.unwrap();
    let response = user.get("/metrics").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    for (sample, expected) in [
        (r#"tessera_chat_attempts_total{provider="gemini",outcome="ok"}"#, 1.0),
        (r#"tessera_chat_attempts_total{provider="gemini",outcome="unavailable"}"#, 5.0),
        (r#"tessera_chat_attempts_total{provider="openai",outcome="ok"}"#, 5.0),
        (r#"tessera_chat_first_token_seconds_count{provider="openai"}"#, 5.0),
        (r#"tessera_chat_tokens_total{provider="gemini",direction="output"}"#, 5.0),
        (r#"tessera_chat_cost_micro_usd_total{provider="gemini"}"#, 570.0),
        (r#"tessera_chat_unpriced_attempts_total{provider="openai"}"#, 5.0),
        (r#"tessera_chat_breaker{provider="gemini"}"#, 2.0),
        (r#"tessera_chat_breaker{provider="openai"}"#, 0.0),
        (r#"tessera_chat_cache_lookups_total{result="miss"}"#, 6.0),
        (r#"tessera_chat_fallbacks_total{result="asked"}"#, 5.0),
        (r#"tessera_credit_moves_total{kind="hold"}"#, 6.0),
        (r#"tessera_credit_moves_total{kind="settle"}"#, 6.0),
        (r#"tessera_rate_limited_total{route="/api/chat",method="POST"}"#, 1.0),
        (r#"tessera_http_requests_total{route="/api/chat",method="POST",status="4xx"}"#, 1.0),
        (r#"tessera_http_requests_total{route="other",method="GET",status="4xx"}"#, 1.0),
        ("tessera_jobs_running", 0.0),
        ("tessera_usage_records_lost_total", 0.0),
    ] {
        assert_eq!(value(&text, sample), Some(expected), "{sample} in\n{text}");
    }
    assert!(!text.contains("secret") && !text.contains(&user.email));
    // The format from before, for who asks for it.
    let classic =
        user.get("/metrics").header("accept", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1").send().await.unwrap();
    assert_eq!(classic.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let classic = classic.text().await.unwrap();
    let counter = "# TYPE tessera_credit_moves_total counter\ntessera_credit_moves_total{kind=";
    assert!(classic.contains(counter) && classic.contains("# HELP tessera_credit_moves_total "), "{classic}");
    assert!(!classic.contains("# EOF") && classic.contains("tessera_chat_breaker{provider=\"gemini\"} 2"), "{classic}");
    let (_, ready) = user.get_json("/readyz").await;
    assert_eq!(ready["chatProviders"][0]["breaker"], json!("open"));
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_counted_as_images() {
    let replicate = FakeReplicate::start().await;
    let app = TestApp::start_with(&[
        ("REPLICATE_API_TOKEN", TOKEN),
        ("REPLICATE_BASE_URL", &replicate.url),
        ("IMAGE_PROVIDERS", "replicate,sketch"),
        ("FREE_CREDITS", "50"),
    ])
    .await;
    let user = app.user().await;
    for n in 0..5 {
        assert_eq!(user.make_image(&format!("{n} #status=500")).await.0, 200);
    }
    let text = user.get("/metrics").send().await.unwrap().text().await.unwrap();
    for (sample, expected) in [
        (r#"tessera_image_attempts_total{provider="replicate",outcome="unavailable"}"#, 5.0),
        (r#"tessera_image_attempts_total{provider="sketch",outcome="ok"}"#, 5.0),
        (r#"tessera_image_fallbacks_total{result="asked"}"#, 5.0),
        (r#"tessera_image_breaker{provider="replicate"}"#, 2.0),
        (r#"tessera_image_breaker{provider="sketch"}"#, 0.0),
    ] {
        assert_eq!(value(&text, sample), Some(expected), "{sample} in\n{text}");
    }
    assert!(!text.contains("tessera_chat_fallbacks_total{"), "{text}");
    let help = text.lines().find(|line| line.starts_with("# HELP tessera_jobs_running")).unwrap();
    assert!(help.contains("images"), "{help}");
}

#[tokio::test]
async fn without_a_token_only_this_machine_sees_them() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    assert_eq!(visitor.get_json("/metrics").await.0, 200);
    for (name, value) in [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9"), ("via", "1.1 proxy")] {
        let response = visitor.get("/metrics").header(name, value).send().await.unwrap();
        assert_eq!(response.status(), 404, "{name}");
    }
}

#[tokio::test]
async fn with_a_token_everybody_needs_it() {
    let app = TestApp::start_with(&[("METRICS_TOKEN", "scrape-me")]).await;
    let visitor = app.visitor();
    for header in [None, Some("Bearer scrape-m"), Some("Bearer scrape-me "), Some("scrape-me"), Some("Basic scrape-me")]
    {
        let request = visitor.get("/metrics");
        let request = match header {
            Some(header) => request.header("authorization", header),
            None => request,
        };
        let response = request.send().await.unwrap();
        // Trailing white space is cut from headers on the way.
        let expected = if header == Some("Bearer scrape-me ") { 200 } else { 401 };
        assert_eq!(response.status(), expected, "{header:?}");
        if expected == 401 {
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
        }
    }
    let response = visitor.get("/metrics").bearer_auth("scrape-me").header("x-forwarded-for", "203.0.113.9");
    assert_eq!(response.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_server_tells_its_memory_and_leaves_huge_pages() {
    let program = Program::start(variables(&FakeOpenAi::start().await, &[])).await;
    let text = User::new(program.addr).get("/metrics").send().await.unwrap().text().await.unwrap();
    let [resident, committed] = ["resident", "committed"]
        .map(|kind| value(&text, &format!(r#"tessera_memory_bytes{{kind="{kind}"}}"#)).expect("a figure"));
    assert!(resident > 1e6 && committed > 1e6, "{resident} {committed}");
    // Linux says so since 6.0.
    assert_ne!(program.status("THP_enabled").as_deref(), Some("1"));
}
