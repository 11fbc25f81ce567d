//! `OpenAI`'s own clients, for Python and Node, against `/v1`: nothing is told them but the address and the key.

use serde_json::{Value, json};

use crate::support::{TestApp, User};
use crate::tools::{node, python};

#[derive(Debug, Clone, Copy)]
enum Client {
    Python,
    Node,
}

const CLIENTS: [Client; 2] = [Client::Python, Client::Node];

impl Client {
    /// What comes of a scene of `tests/fixtures/openai_client.*`.
    async fn play(self, app: &TestApp, key: &str, scene: &str, message: &str) -> Value {
        let mut command = match self {
            Self::Python => python("openai_client.py", "openai"),
            Self::Node => node("openai_client.mjs"),
        };
        for name in ["OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_LOG"] {
            command.env_remove(name);
        }
        let base = format!("http://{}/v1", app.addr);
        let output = command.args([&base, key, scene, message]).output().await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{self:?}, {scene}: {error}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{self:?}, {scene}: {error}"))
    }
}

async fn user_with_key(app: &TestApp) -> (User, String) {
    let user = app.user().await;
    let key = user.with_key(&json!({})).await.key.unwrap();
    (user, key)
}

/// The error is of this class among others.
fn assert_is(error: &Value, kind: &str, status: u16) {
    assert!(error["kinds"].as_array().unwrap().contains(&json!(kind)), "{error}");
    assert_eq!(error["status"], status, "{error}");
}

#[tokio::test]
async fn they_list_models_chat_and_stream() {
    let app = TestApp::start().await;
    for client in CLIENTS {
        let (user, key) = user_with_key(&app).await;
        let models = client.play(&app, &key, "models", "").await;
        assert_eq!(models, json!({ "names": ["tessera", "fake-model"], "one": "tessera" }), "{client:?}");
        let chat = client.play(&app, &key, "chat", "Hello").await;
        let text = "word1 word2 word3 ";
        assert_eq!(chat, json!({ "text": text, "reason": "stop", "usage": 14, "parts": text }), "{client:?}");
        let stream = client.play(&app, &key, "stream", "Hello").await;
        let (plain, counted) = (&stream["plain"], &stream["counted"]);
        assert_eq!(plain, &json!({ "text": text, "chunks": 5, "usage": null }), "{client:?}");
        assert_eq!(counted, &json!({ "text": text, "chunks": 6, "usage": 14 }), "{client:?}");
        assert_eq!(user.credits().await["available"], 6, "{client:?}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn each_refusal_is_their_own_class_of_error() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "1")]).await;
    for client in CLIENTS {
        let (user, key) = user_with_key(&app).await;
        let unknown = client.play(&app, "tsk_not-a-key", "refused", "Hello").await;
        assert_is(&unknown, "AuthenticationError", 401);
        let model = client.play(&app, &key, "refused-model", "").await;
        assert_is(&model, "NotFoundError", 404);
        assert_eq!(model["code"], "model_not_found");
        let long = client.play(&app, &key, "refused", &"x".repeat(49_153)).await;
        assert_is(&long, "BadRequestError", 400);
        assert_eq!(long["code"], "context_length_exceeded");
        let tools = client.play(&app, &key, "refused-tools", "").await;
        assert_is(&tools, "BadRequestError", 400);
        assert!(tools["message"].as_str().unwrap().contains("Tools are not called here"), "{tools}");
        let broken = client.play(&app, &key, "broken", "#tokens=2 #cut").await;
        let kinds = broken["kinds"].as_array().unwrap();
        assert!(kinds.contains(&json!("APIError")) && !broken["message"].as_str().unwrap().is_empty(), "{broken}");
        assert_eq!(user.credits().await, json!({ "available": 1, "held": 0, "debt": 0, "plan": "free" }));
        assert_eq!(user.chat("Hello").await.0, 200);
        let calls = app.upstream.calls();
        let before = requests(&app).await;
        let broke = client.play(&app, &key, "refused", "Hello").await;
        assert_is(&broke, if matches!(client, Client::Node) { "APIError" } else { "APIStatusError" }, 402);
        assert_eq!(broke["code"], "insufficient_quota");
        assert_eq!(requests(&app).await - before, 1, "{client:?} tries again what cannot work");
        assert_eq!(app.upstream.calls(), calls);
    }
    app.assert_books_balance().await;
}

/// How many completions were asked for.
async fn requests(app: &TestApp) -> u64 {
    let text = app.visitor().get("/metrics").send().await.unwrap().text().await.unwrap();
    let counts = text.lines().filter(|line| line.contains("_count{") && line.contains("/v1/chat/completions"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn too_many_requests_are_their_rate_limit_error() {
    for client in CLIENTS {
        let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "1")]).await;
        let (user, key) = user_with_key(&app).await;
        assert_eq!(user.chat("Hello").await.0, 200);
        let limited = client.play(&app, &key, "refused-now", "Hello").await;
        assert_is(&limited, "RateLimitError", 429);
        assert_eq!(limited["code"], "rate_limit_exceeded");
    }
}
