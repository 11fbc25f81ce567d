//! `OpenAI`'s and Anthropic's own clients, for Python and Node, against `/v1`: nothing is told them but the address and the key.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{TestApp, User};
use crate::tools::{node, python, told};

#[derive(Debug, Clone, Copy)]
enum Client {
    Python,
    Node,
}

const CLIENTS: [Client; 2] = [Client::Python, Client::Node];

impl Client {
    /// What comes of a scene of `tests/fixtures/openai_client.*`.
    async fn play(self, app: &TestApp, key: &str, scene: &str, message: &str) -> Value {
        let command = match self {
            Self::Python => python("openai_client.py", "openai"),
            Self::Node => node("openai_client.mjs"),
        };
        self.run(command, &format!("http://{}/v1", app.addr), key, scene, message).await
    }

    /// The same of `tests/fixtures/anthropic_client.*`. `end` is that of the address.
    async fn play_messages(self, app: &TestApp, end: &str, key: &str, scene: &str, message: &str) -> Value {
        let command = match self {
            Self::Python => python("anthropic_client.py", "anthropic"),
            Self::Node => node("anthropic_client.mjs"),
        };
        self.run(command, &format!("http://{}{end}", app.addr), key, scene, message).await
    }

    async fn run(self, mut command: Command, base: &str, key: &str, scene: &str, message: &str) -> Value {
        for name in ["OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_LOG", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_LOG"] {
            command.env_remove(name);
        }
        told(command.args([base, key, scene, message]), &format!("{self:?}, {scene}")).await
    }
}

pub async fn user_with_key(app: &TestApp) -> (User, String) {
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
async fn they_embed() {
    let app = TestApp::start_with(&[("OPENAI_EMBEDDING_MODEL", "fake-embedding")]).await;
    for client in CLIENTS {
        let (user, key) = user_with_key(&app).await;
        let embedded = client.play(&app, &key, "embeddings", "fake-embedding").await;
        let expected = json!({ "two": [[0.5, 0.0], [0.5, 1.0]], "one": [0.5, 0.0], "usage": 4 });
        let numbers = |value: &Value| value.to_string().replace(".0", "");
        assert_eq!(numbers(&embedded), numbers(&expected), "{client:?}");
        assert_eq!(user.credits().await["available"], 8, "{client:?}");
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
        assert!(tools["message"].as_str().unwrap().contains("are not called here"), "{tools}");
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
    requests_at(app, "/v1/chat/completions").await
}

/// The same of this route.
pub async fn requests_at(app: &TestApp, route: &str) -> u64 {
    let text = app.visitor().get("/metrics").send().await.unwrap().text().await.unwrap();
    let counts = text.lines().filter(|line| line.contains("_count{") && line.contains(&format!("\"{route}\"")));
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

#[tokio::test]
async fn they_go_on_with_responses() {
    let app = TestApp::start().await;
    for client in CLIENTS {
        let (user, key) = user_with_key(&app).await;
        let text = "word1 word2 word3 ";
        let mut told = client.play(&app, &key, "responses", "Hello").await;
        let gone = told["gone"].take();
        let expected = json!({
            "text": text, "second": text, "usage": 14, "found": text, "items": ["user"], "deltas": 3, "streamed": text,
            "gone": null,
        });
        assert_eq!(told, expected, "{client:?}");
        assert_is(&gone, "NotFoundError", 404);
        assert_eq!(user.credits().await["available"], 7, "{client:?}");
        let broken = client.play(&app, &key, "broken-responses", "#tokens=2 #cut").await;
        let kinds = broken["kinds"].as_array().unwrap();
        assert!(kinds.contains(&json!("APIError")) && !broken["message"].as_str().unwrap().is_empty(), "{broken}");
        let poor = user.with_key(&json!({ "budget": 1 })).await.key.unwrap();
        assert_eq!(client.play(&app, &poor, "refused-responses", "Hello").await["message"], "no error");
        let before = requests_at(&app, "/v1/responses").await;
        let broke = client.play(&app, &poor, "refused-responses", "Hello").await;
        assert_eq!((&broke["status"], &broke["code"]), (&json!(402), &json!("insufficient_quota")), "{broke}");
        assert_eq!(requests_at(&app, "/v1/responses").await - before, 1, "{client:?} tries again what cannot work");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn those_of_anthropic_ask_stream_and_count() {
    let app = TestApp::start().await;
    for client in CLIENTS {
        for end in ["", "/v1"] {
            let (user, key) = user_with_key(&app).await;
            let told = json!({ "text": "word1 word2 word3 ", "reason": "end_turn", "usage": 3 });
            let asked = client.play_messages(&app, end, &key, "ask", "Hello").await;
            assert_eq!(asked, json!({ "first": told, "second": told }), "{client:?}");
            let stream = client.play_messages(&app, end, &key, "stream", "Hello").await;
            assert_eq!(stream, json!({ "text": told["text"], "whole": told, "input": 11 }), "{client:?}");
            let counted = client.play_messages(&app, end, &key, "count", "Hello").await;
            assert!(counted["tokens"].as_u64().unwrap() > 0, "{client:?}: {counted}");
            assert_eq!(counted["models"], json!(["tessera", "fake-model"]), "{client:?}");
            assert_eq!(user.credits().await["available"], 7, "{client:?}");
        }
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn each_refusal_is_an_error_of_anthropics_clients_and_what_cannot_work_is_asked_once() {
    let app = TestApp::start().await;
    for client in CLIENTS {
        let (user, key) = user_with_key(&app).await;
        let unknown = client.play_messages(&app, "", "tsk_not-a-key", "refused", "Hello").await;
        assert_is(&unknown, "AuthenticationError", 401);
        let tools = client.play_messages(&app, "", &key, "refused-tools", "").await;
        assert_is(&tools, "BadRequestError", 400);
        assert!(tools["message"].as_str().unwrap().contains("are not run here"), "{tools}");
        let broken = client.play_messages(&app, "", &key, "broken", "#tokens=2 #cut").await;
        assert!(broken["kinds"].as_array().unwrap().contains(&json!("APIError")), "{broken}");
        let poor = user.with_key(&json!({ "budget": 1 })).await.key.unwrap();
        assert_eq!(client.play_messages(&app, "", &poor, "refused", "Hello").await["message"], "no error");
        let before = requests_at(&app, "/v1/messages").await;
        let broke = client.play_messages(&app, "", &poor, "refused", "Hello").await;
        assert_eq!((&broke["status"], &broke["type"]), (&json!(402), &json!("billing_error")), "{broke}");
        assert_eq!(requests_at(&app, "/v1/messages").await - before, 1, "{client:?} tries again what cannot work");
        assert_eq!(user.credits().await, json!({ "available": 9, "held": 0, "debt": 0, "plan": "free" }));
    }
    app.assert_books_balance().await;
}

/// What asks for a call, and what the two rounds after it come to.
const CALLS: &str = "Look. #calls=look:{\"at\":1}";

fn rounds(reason: &str) -> Value {
    let rounds = json!([[["look", { "at": 1 }]], [["look", { "at": 3 }]], []]);
    let told = json!({ "rounds": rounds, "text": "word1 word2 word3 ", "reason": reason });
    json!({ "whole": told, "streamed": told })
}

#[tokio::test]
async fn they_call_tools_for_two_rounds_and_get_answers_in_a_form() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "100")]).await;
    for client in CLIENTS {
        let (user, key) = user_with_key(&app).await;
        assert_eq!(client.play(&app, &key, "tools", CALLS).await, rounds("stop"), "{client:?}");
        assert_eq!(client.play(&app, &key, "responses-tools", CALLS).await, rounds("completed"), "{client:?}");
        assert_eq!(client.play_messages(&app, "", &key, "tools", CALLS).await, rounds("end_turn"), "{client:?}");
        assert_eq!(user.credits().await["available"], 100 - 18, "{client:?}");
        let form = client.play(&app, &key, "form", "Where? #say={\"zone\":\"x\"}").await;
        assert_eq!(form, json!({ "chat": { "zone": "x" }, "responses": { "zone": "x" } }), "{client:?}");
        let form = client.play_messages(&app, "", &key, "form", "Where? #say={\"at\":7}").await;
        assert_eq!(form, json!({ "at": 7 }), "{client:?}");
    }
    app.assert_books_balance().await;
}
