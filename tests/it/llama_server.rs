//! A real OpenAI-compatible server: llama.cpp's own, with the model that set-up fetches, behind the provider `openai`.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use crate::local::model_path;
use crate::support::TestApp;
use crate::tools::python;

/// Loading the model and writing an answer takes seconds; tests share few cores.
const PATIENCE: Duration = Duration::from_mins(2);

/// The server, which ends with the test, and its address.
async fn start_llama() -> (Child, String) {
    let mut server = python("llama_server.py", "xllamacpp")
        .arg(model_path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("xllamacpp: run scripts/setup.sh test first");
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = timeout(PATIENCE, lines.next_line()).await.expect("llama.cpp starts").unwrap();
    (server, address.expect("llama.cpp starts: run scripts/setup.sh test first"))
}

#[tokio::test]
async fn a_real_compatible_server_answers_with_its_usage() {
    let (_server, address) = start_llama().await;
    let base = format!("{address}/v1");
    let vars = [("OPENAI_BASE_URL", base.as_str()), ("OPENAI_MODEL", "SmolLM2"), ("CHAT_TIMEOUT_SECS", "120")];
    let app = TestApp::start_with(&vars).await;
    let user = app.user().await;
    let events = user.chat_stream(&json!({ "message": "What is the capital of France?" })).await;
    let events = timeout(PATIENCE, events.all()).await.unwrap();
    let tokens = events.iter().filter(|event| event.event == "token").count();
    assert!(tokens > 3, "streamed in {tokens} pieces");
    let done = events.last().unwrap();
    assert_eq!(done.event, "done", "{done:?}");
    let done: serde_json::Value = serde_json::from_str(&done.data).unwrap();
    assert!(done["usage"]["inputTokens"].as_u64().unwrap() > 8, "{done}");
    assert!(done["usage"]["outputTokens"].as_u64().unwrap() >= 4, "{done}");
    assert_eq!((&done["credits"], &done["cached"]), (&json!(1), &json!(false)));
    let text: String = events
        .iter()
        .filter(|event| event.event == "token")
        .map(|event| {
            serde_json::from_str::<serde_json::Value>(&event.data).unwrap()["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(text.contains("Paris"), "{text}");
    assert_eq!(user.ledger_kinds().await, ["grant", "hold", "settle"]);
    app.assert_books_balance().await;
}
