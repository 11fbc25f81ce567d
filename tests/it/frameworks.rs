//! Frameworks over the clients of `OpenAI` and Anthropic, against `/v1`: a plain reply, a stream, two rounds of tools, a form, a refusal
//! and a stream that breaks off, in each dialect that they speak.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::official_clients::{requests_at, user_with_key};
use crate::support::{TestApp, User};
use crate::tools::{node, python, told};

const TEXT: &str = "word1 word2 word3 ";

/// The server, with the address and the keys that the scripts are told: one that can pay, and one that cannot.
struct Scene {
    app: TestApp,
    user: User,
    settings: [String; 3],
}

impl Scene {
    async fn start() -> Self {
        let app = TestApp::start_with(&[("FREE_CREDITS", "100"), ("OPENAI_EMBEDDING_MODEL", "fake-embedding")]).await;
        let (user, key) = user_with_key(&app).await;
        let poor = user.with_key(&json!({ "budget": 0.5 })).await.key.unwrap();
        let settings = [format!("http://{}/v1", app.addr), key, poor];
        Self { app, user, settings }
    }

    /// Each of these answers was paid once, and so many requests were made: what cannot work is not tried again.
    async fn assert_asked(&self, requests: u64, paid: RangeInclusive<u64>, what: &str) {
        let mut asked = 0;
        for route in ["/v1/chat/completions", "/v1/messages", "/v1/responses"] {
            asked += requests_at(&self.app, route).await;
        }
        assert_eq!(asked, requests, "{what}");
        let left = self.user.credits().await["available"].as_u64().unwrap();
        assert!(paid.contains(&(100 - left)), "{what}: {left} left");
        self.app.assert_books_balance().await;
    }
}

fn says(error: &Value, text: &str) -> bool {
    error.as_str().unwrap().contains(text)
}

/// What a client of `frameworks_client.py` makes of each of its dialects.
async fn assert_all_works(client: &str, packages: &str, ways: u64) {
    let scene = Scene::start().await;
    let mut command = python("frameworks_client.py", packages);
    let told = told(command.arg(client).args(&scene.settings), client).await;
    let round = json!({ "answer": TEXT, "seen": [1, 3] });
    for (way, told) in told.as_object().unwrap() {
        assert_eq!((&told["whole"], &told["streamed"]), (&json!(TEXT), &json!(TEXT)), "{client}, {way}");
        assert_eq!(told["rounds"], json!({ "whole": round, "streamed": round }), "{client}, {way}");
        assert_eq!(told["form"], json!({ "at": 7 }), "{client}, {way}");
        assert!(says(&told["refused"], "has only 0.5 left"), "{client}, {way}: {told}");
        assert!(says(&told["broken"], "Nothing was charged"), "{client}, {way}: {told}");
    }
    // Of eleven requests for each, two fail.
    scene.assert_asked(11 * ways, 9 * ways..=9 * ways, client).await;
}

#[tokio::test]
async fn openai_agents_and_langchain_do_all_they_can() {
    assert_all_works("OpenAiAgents", "agents", 1).await;
    assert_all_works("LangChain", "langchain", 2).await;
}

#[tokio::test]
async fn pydantic_ai_and_llm_do_all_they_can() {
    assert_all_works("PydanticAi", "frameworks", 3).await;
    assert_all_works("Llm", "frameworks", 1).await;
}

#[tokio::test]
async fn instructor_gets_a_form_and_asks_again_where_it_is_wrong() {
    let scene = Scene::start().await;
    let mut command = python("frameworks_client.py", "instructor:anthropic");
    let told = told(command.arg("Instructor").args(&scene.settings), "instructor").await;
    let form = json!({ "at": 7 });
    for (way, told) in told.as_object().unwrap() {
        assert_eq!([&told["whole"], &told["streamed"], &told["form"]], [&form; 3], "{way}");
        assert_eq!(told["rounds"]["whole"], json!({ "answer": 3, "seen": [1, 3] }), "{way}");
        assert!(says(&told["refused"], "has only 0.5 left"), "{way}: {told}");
        // It reads the half of a form before it reads that it is one.
        let broken = if way == "json_schema" { "expected value" } else { "Nothing was charged" };
        assert!(says(&told["broken"], broken), "{way}: {told}");
    }
    // Who reads half a form may be gone before the answer breaks off, and pays for what was read.
    scene.assert_asked(7 * 3, 5 * 3..=5 * 3 + 1, "instructor").await;
}

#[tokio::test]
async fn the_ai_sdk_does_all_it_can_with_each_provider() {
    for provider in ["responses", "chat", "compatible", "anthropic"] {
        let scene = Scene::start().await;
        let told = told(node("ai_client.mjs").arg(provider).args(&scene.settings), provider).await;
        let plain = json!({ "text": TEXT, "reason": "stop", "usage": 3 });
        assert_eq!((&told["whole"], &told["streamed"]), (&plain, &plain), "{provider}");
        let round = json!({ "seen": [1, 3], "text": TEXT, "steps": 3 });
        assert_eq!(told["rounds"], json!({ "whole": round, "streamed": round }), "{provider}");
        assert_eq!(told["form"], json!({ "zone": "x" }), "{provider}");
        assert!(says(&told["refused"], "has only 0.5 left"), "{provider}: {told}");
        assert!(says(&told["broken"], "Nothing was charged"), "{provider}: {told}");
        let embeds = told["embeddings"].is_array();
        assert_eq!(embeds, provider == "chat" || provider == "compatible", "{provider}");
        if embeds {
            assert_eq!(told["embeddings"].to_string().replace(".0", ""), "[[0.5,0],[0.5,1]]", "{provider}");
        }
        let paid = 9 + u64::from(embeds);
        scene.assert_asked(11, paid..=paid, provider).await;
    }
}
