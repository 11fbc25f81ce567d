//! Anthropic's own ways, and what a model thinks, in each dialect: apart from the answer, told once that has begun, and never sent back
//! as text.

use serde_json::{Value, json};

use crate::scripted::Step::{Bytes, Cut, Hold};
use crate::scripted::{Script, Scripted};
use crate::support::{TestApp, User};

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

fn delta(at: u32, delta: &Value) -> String {
    event(&json!({"type": "content_block_delta", "index": at, "delta": delta}))
}

/// An answer of Claude's: a signed thought and two pieces of text.
fn answer() -> String {
    let usage =
        json!({"input_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 1});
    [
        event(&json!({"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": usage}})),
        event(
            &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
        ),
        delta(0, &json!({"type": "thinking_delta", "thinking": "Two times "})),
        delta(0, &json!({"type": "thinking_delta", "thinking": "three."})),
        delta(0, &json!({"type": "signature_delta", "signature": "c2ln"})),
        event(&json!({"type": "content_block_stop", "index": 0})),
        event(&json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}})),
        delta(1, &json!({"type": "text_delta", "text": "It is "})),
        delta(1, &json!({"type": "text_delta", "text": "six."})),
        event(&json!({"type": "content_block_stop", "index": 1})),
        event(&json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 12, "output_tokens_details": {"thinking_tokens": 7}}})),
        event(&json!({"type": "message_stop"})),
    ]
    .concat()
}

async fn start(vars: &[(&str, &str)]) -> (TestApp, Scripted, User, User) {
    let upstream = Scripted::start(Script::stream(vec![Bytes(answer())])).await;
    let base = format!("http://{}", upstream.addr);
    let own = [
        ("CHAT_PROVIDERS", "anthropic"),
        ("ANTHROPIC_BASE_URL", base.as_str()),
        ("ANTHROPIC_API_KEY", "k"),
        ("CHAT_TIMEOUT_SECS", "1"),
        ("FREE_CREDITS", "1000"),
    ];
    let app = TestApp::start_with(&[&own[..], vars].concat()).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    (app, upstream, user, program)
}

/// The data of a stream, with the names of its events.
async fn stream(program: &User, path: &str, body: &Value) -> Vec<(String, Value)> {
    let text = program.post(path).json(body).send().await.unwrap().text().await.unwrap();
    let mut events = Vec::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(named) = line.strip_prefix("event: ") {
            named.clone_into(&mut name);
        }
        if let Some(data) = line.strip_prefix("data: ").and_then(|data| serde_json::from_str(data).ok()) {
            events.push((std::mem::take(&mut name), data));
        }
    }
    events
}

#[tokio::test]
async fn claude_answers_and_its_thoughts_are_kept_with_the_answer() {
    let (app, upstream, user, _) = start(&[]).await;
    let (status, body) = user.chat("What is 2 * 3?").await;
    assert_eq!((status, &body["data"]["reply"]), (200, &json!("It is six.")), "{body}");
    assert_eq!((&body["data"]["provider"], &body["data"]["model"]), (&json!("anthropic"), &json!("claude-haiku-5-5")));
    let asked = upstream.asked().pop().unwrap();
    assert_eq!(asked["messages"], json!([{"role": "user", "content": [{"type": "text", "text": "What is 2 * 3?"}]}]));
    assert_eq!((&asked["stream"], asked["max_tokens"].is_u64()), (&json!(true), true));
    let (_, message) = user.get_json(&format!("/api/chat/{}", body["data"]["messageId"].as_str().unwrap())).await;
    let message = &message["data"];
    assert_eq!(message["thinking"]["text"], "Two times three.");
    let usage = json!({"inputTokens": 13, "outputTokens": 12, "cachedInputTokens": 4, "reasoningTokens": 7});
    assert_eq!(message["usage"], usage);
    // In exports, and nowhere for others.
    let id = body["data"]["conversationId"].as_str().unwrap();
    let export = user.get(&format!("/api/conversations/{id}/export")).send().await.unwrap().text().await.unwrap();
    assert!(export.contains("> Two times three.\n"), "{export}");
    let (_, link) = user.post_json(&format!("/api/conversations/{id}/share"), &json!({})).await;
    let shared = link["data"]["url"].as_str().unwrap();
    let shared = user.get(&shared[shared.find("/share/").unwrap()..]).send().await.unwrap().text().await.unwrap();
    assert!(shared.contains("It is six.") && !shared.contains("Two times"));
    // The page shows them folded, and the next prompt does not have them.
    let page = user.get(&format!("/chat/{id}")).send().await.unwrap().text().await.unwrap();
    let folded = page.split("<details").find(|part| part.contains("data-thoughts")).unwrap();
    assert!(folded.contains("Thought for 1 s") && folded.contains("Two times three."), "{folded}");
    user.post_json("/api/chat", &json!({"message": "And 3 * 3?", "conversationId": id})).await;
    let asked = upstream.asked().pop().unwrap();
    assert_eq!(asked["messages"][1], json!({"role": "assistant", "content": [{"type": "text", "text": "It is six."}]}));
    assert!(!asked.to_string().contains("Two times"));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn chat_completions_tell_thoughts_apart_from_the_content() {
    let (app, upstream, _, program) = start(&[]).await;
    let path = "/v1/chat/completions";
    let mut body =
        json!({"model": "tessera", "messages": [{"role": "user", "content": "2 * 3?"}], "reasoning_effort": "high"});
    let (_, whole) = program.post_json(path, &body).await;
    let message = &whole["choices"][0]["message"];
    assert_eq!(
        (&message["content"], &message["reasoning_content"]),
        (&json!("It is six."), &json!("Two times three."))
    );
    assert_eq!(whole["usage"]["completion_tokens_details"]["reasoning_tokens"], 7);
    assert_eq!(upstream.asked().pop().unwrap()["output_config"], json!({"effort": "high"}));
    body["stream"] = true.into();
    let chunks = stream(&program, path, &body).await;
    let deltas: Vec<_> = chunks.iter().map(|(_, chunk)| chunk["choices"][0]["delta"].clone()).collect();
    let text = |name: &str| deltas.iter().filter_map(|delta| delta[name].as_str()).collect::<String>();
    assert_eq!((text("reasoning_content").as_str(), text("content").as_str()), ("Two times three.", "It is six."));
    let thought = deltas.iter().position(|delta| delta["reasoning_content"].is_string()).unwrap();
    assert!(deltas[..thought].iter().all(|delta| delta["content"].as_str().unwrap_or_default().is_empty()));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn messages_tell_thoughts_with_their_signature_to_whom_asks_and_take_them_back() {
    let (app, upstream, _, program) = start(&[]).await;
    let path = "/v1/messages";
    let mut body = json!({"model": "tessera", "max_tokens": 100, "messages": [{"role": "user", "content": "2 * 3?"}]});
    let (_, plain) = program.post_json(path, &body).await;
    assert_eq!(plain["content"], json!([{"type": "text", "text": "It is six."}]), "who does not ask is not told");
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 2048});
    let (_, whole) = program.post_json(path, &body).await;
    let thought = json!({"type": "thinking", "thinking": "Two times three.", "signature": "anthropic.c2ln"});
    assert_eq!(whole["content"], json!([thought, {"type": "text", "text": "It is six."}]));
    assert_eq!(whole["usage"]["output_tokens_details"]["thinking_tokens"], 7);
    body["stream"] = true.into();
    let events = stream(&program, path, &body).await;
    let names: Vec<_> = events.iter().map(|(name, data)| (name.as_str(), data["index"].as_u64())).collect();
    let (start, delta, stop) = ("content_block_start", "content_block_delta", "content_block_stop");
    let expected = [
        ("message_start", None),
        ("ping", None),
        (start, Some(0)),
        (delta, Some(0)),
        (delta, Some(0)),
        (stop, Some(0)),
        (start, Some(1)),
        (delta, Some(1)),
        (delta, Some(1)),
        (stop, Some(1)),
        ("message_delta", None),
        ("message_stop", None),
    ];
    assert_eq!(names, expected);
    assert_eq!(events[3].1["delta"], json!({"type": "thinking_delta", "thinking": "Two times three."}));
    assert_eq!(events[4].1["delta"], json!({"type": "signature_delta", "signature": "anthropic.c2ln"}));
    // It goes back as it was; what nobody here has signed does not.
    body["messages"] = json!([
        {"role": "user", "content": "2 * 3?"},
        {"role": "assistant", "content": [thought, {"type": "thinking", "thinking": "strange", "signature": "c2ln"},
            {"type": "text", "text": "It is six."}]},
        {"role": "user", "content": "Sure?"},
    ]);
    stream(&program, path, &body).await;
    let asked = upstream.asked().pop().unwrap();
    let back = json!({"type": "thinking", "thinking": "Two times three.", "signature": "c2ln"});
    assert_eq!(asked["messages"][1]["content"], json!([back, {"type": "text", "text": "It is six."}]));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn responses_tell_thoughts_as_an_item_of_their_own() {
    let (app, upstream, _, program) = start(&[]).await;
    let path = "/v1/responses";
    let mut body = json!({"model": "tessera", "input": "2 * 3?"});
    let (_, plain) = program.post_json(path, &body).await;
    assert_eq!(plain["output"].as_array().unwrap().len(), 1, "who does not ask is not told");
    body["reasoning"] = json!({"effort": "low", "summary": "auto"});
    let (_, whole) = program.post_json(path, &body).await;
    let [reasoning, message] = &whole["output"].as_array().unwrap()[..] else { panic!("{whole}") };
    assert_eq!((&reasoning["type"], &message["type"]), (&json!("reasoning"), &json!("message")));
    assert_eq!(reasoning["summary"], json!([{"type": "summary_text", "text": "Two times three."}]));
    assert_eq!(message["content"][0]["text"], "It is six.");
    // Both can be named, and what was thought goes back as it was, as it is signed.
    let next = json!({"model": "tessera", "input": [
        {"type": "item_reference", "id": reasoning["id"]}, {"type": "item_reference", "id": message["id"]},
        {"role": "user", "content": "Sure?"}]});
    assert_eq!(program.post_json(path, &next).await.0, 200);
    assert!(!upstream.asked().pop().unwrap().to_string().contains("Two times"));
    let next = json!({"model": "tessera", "previous_response_id": whole["id"], "input": "Sure?"});
    assert_eq!(program.post_json(path, &next).await.0, 200);
    let asked = upstream.asked().pop().unwrap();
    let thought = json!({"type": "thinking", "thinking": "Two times three.", "signature": "c2ln"});
    assert_eq!(asked["messages"][1]["content"], json!([thought, {"type": "text", "text": "It is six."}]));
    body["stream"] = true.into();
    let events = stream(&program, path, &body).await;
    let names: Vec<_> = events.iter().map(|(name, _)| name.strip_prefix("response.").unwrap()).collect();
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(names, expected);
    let numbers: Vec<_> = events.iter().map(|(_, data)| data["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..16).collect::<Vec<_>>());
    assert_eq!((&events[8].1["output_index"], &events[10].1["output_index"]), (&json!(1), &json!(1)));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn each_failure_of_claude_is_told_and_free_streamed_and_not() {
    let (app, upstream, user, program) = start(&[]).await;
    let error = |status: u16, kind: &str| {
        let body = json!({"type": "error", "error": {"type": kind, "message": "on purpose"}, "request_id": "req_1"});
        Script::body(status, body.to_string())
    };
    let text = delta(1, &json!({"type": "text_delta", "text": "It is "}));
    let overloaded = event(&json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}));
    let refusal = event(&json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}}));
    let long = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "prompt is too long: 208310 tokens > 200000 maximum"}});
    for (name, script, status) in [
        ("invalid", error(400, "invalid_request_error"), 400),
        ("key", error(401, "authentication_error"), 502),
        ("billing", error(402, "billing_error"), 502),
        ("model", error(404, "not_found_error"), 502),
        ("too large", error(413, "request_too_large"), 400),
        ("too long", Script::body(400, long.to_string()), 400),
        ("rate limit", error(429, "rate_limit_error"), 429),
        ("fails", error(500, "api_error"), 502),
        ("timeout", error(504, "timeout_error"), 504),
        ("overloaded", error(529, "overloaded_error"), 502),
        ("overloaded in the stream", Script::stream(vec![Bytes(overloaded.clone())]), 502),
        ("overloaded in the middle", Script::stream(vec![Bytes(text.clone() + &overloaded)]), 502),
        ("refused", Script::stream(vec![Bytes(refusal)]), 400),
        ("cut", Script::stream(vec![Bytes(text.clone()), Cut]), 502),
        ("silent", Script::stream(vec![Hold]), 504),
    ] {
        upstream.play(script);
        let body = json!({"model": "tessera", "messages": [{"role": "user", "content": "2 * 3?"}]});
        let (got, told) = program.post_json("/v1/chat/completions", &body).await;
        assert_eq!((got, told["error"].is_object()), (status, true), "{name}: {told}");
        let (_, last) = user.chat_stream(&json!({"message": "2 * 3?"})).await.rest().await;
        assert_eq!(last.event, "error", "{name}");
        assert_eq!(user.credits().await["available"], 1000, "{name}");
    }
    assert!(user.ledger_kinds().await.iter().all(|kind| kind != "settle"));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_a_model_does_not_take_is_left_out_and_remembered() {
    let (_app, upstream, user, _) = start(&[]).await;
    upstream.answer(|asked| {
        if asked.get("thinking").is_some() {
            let error = json!({"type": "invalid_request_error", "message": "thinking: Extra inputs are not permitted"});
            return Script::body(400, json!({"type": "error", "error": error}).to_string());
        }
        Script::stream(vec![Bytes(answer())])
    });
    for calls in [2, 3] {
        assert_eq!(user.chat("2 * 3?").await.0, 200);
        assert_eq!(upstream.calls(), calls);
    }
}
