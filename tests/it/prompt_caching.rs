//! What a client marks with `cache_control`: Anthropic gets it where it was, others nothing of it. What is written to the cache has a
//! price of its own, which is held before, charged by what the provider says, and never more than was shown.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::generation::BreakerState;
use tessera::platform::amount::Amount;
use tokio::time::sleep;

use crate::scripted::Step::{Bytes, Hold};
use crate::scripted::{Script, Scripted};
use crate::support::{PNG_URL, TestApp, User};
use crate::token_prices::{Prices, amount};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
/// For a token of input a thousandth of a credit, and five for one of output.
const WITHOUT_HOURS: &str =
    "[[model]]\nname = \"claude-haiku-5-5\"\ninput = 1000\ncached_input = 100\ncache_write = 1250\noutput = 5000\n";
const WITH_HOURS: &str = "[[model]]\nname = \"claude-haiku-5-5\"\ninput = 1000\ncached_input = 100\ncache_write = 1250\n\
    cache_write_1h = 2000\noutput = 5000\n";

/// A server with Claude, and with models that know no marks.
struct Servers {
    app: TestApp,
    claude: Scripted,
    others: [Scripted; 2],
    user: User,
    program: User,
    _kept: (TempDir, Prices),
}

/// Claude says one word, and this of what it used: new, written, of that for an hour, read, and made.
fn says(usage: [u32; 5]) -> Script {
    let [input, written, hour, read, output] = usage;
    let begun = json!({
        "input_tokens": input, "cache_creation_input_tokens": written, "cache_read_input_tokens": read, "output_tokens": 1,
        "cache_creation": {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour},
    });
    let events = [
        json!({"type": "message_start", "message": {"content": [], "usage": begun}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Well."}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": output}}),
        json!({"type": "message_stop"}),
    ];
    Script::stream(vec![Bytes(events.map(|event| format!("data: {event}\n\n")).concat())])
}

async fn start(prices: &str, credits: &str) -> Servers {
    let claude = Scripted::start(says([300, 0, 0, 0, 10])).await;
    let openai = json!({"choices": [{"index": 0, "delta": {"content": "Well."}, "finish_reason": "stop"}]});
    let gemini = json!({"candidates": [{"content": {"parts": [{"text": "Well."}]}, "finishReason": "STOP"}]});
    let stream = |event: Value| Script::stream(vec![Bytes(format!("data: {event}\n\n"))]);
    let others = [Scripted::start(stream(openai)).await, Scripted::start(stream(gemini)).await];
    let mut file = "only = true\n".to_owned();
    for (kind, model, addr) in [
        ("anthropic", "claude-haiku-5-5", claude.addr),
        ("openai", "gpt-5.4-mini", others[0].addr),
        ("gemini", "gemini-3.8-flash", others[1].addr),
    ] {
        write!(
            file,
            "[[provider]]\nname = \"at-{kind}\"\nkind = \"{kind}\"\nbase_url = \"http://{addr}/v1\"\nkey = \"SOME_API_KEY\"\n\
             [[provider.model]]\nname = \"{model}\"\n[[alias]]\nname = \"{kind}\"\nmodels = [\"at-{kind}\"]\n"
        )
        .unwrap();
    }
    file.push_str("[[alias]]\nname = \"chain\"\nmodels = [\"at-openai\", \"at-anthropic\"]\n");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("providers.toml");
    std::fs::write(&path, file).unwrap();
    let prices = Prices::of(prices);
    let app = TestApp::start_with(&[
        ("PROVIDERS_FILE", path.to_str().unwrap()),
        ("PRICES_FILE", prices.path()),
        ("SOME_API_KEY", "k"),
        ("MODEL_PRICES", "claude-haiku-5-5=1/5/0.10/1.25/2"),
        ("FREE_CREDITS", credits),
        ("MAX_OUTPUT_TOKENS", "200"),
    ])
    .await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    Servers { app, claude, others, user, program, _kept: (folder, prices) }
}

/// A long system prompt that is to be cached, about 300 tokens.
fn marked(ttl: Option<&str>) -> Value {
    let mut control = json!({"type": "ephemeral"});
    if let Some(ttl) = ttl {
        control["ttl"] = ttl.into();
    }
    json!({"model": "anthropic", "max_tokens": 100,
        "system": [{"type": "text", "text": "word ".repeat(300), "cache_control": control}],
        "messages": [{"role": "user", "content": "Hello"}]})
}

fn unmarked() -> Value {
    let mut body = marked(None);
    body["system"] = "word ".repeat(300).into();
    body
}

/// Asks, and returns the message as it is in the end, however it comes.
async fn ask(program: &User, mut body: Value, is_stream: bool) -> Value {
    body["stream"] = is_stream.into();
    let response = program.post(MESSAGES).json(&body).header("cache-control", "no-cache").send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, 200, "{text}");
    if !is_stream {
        return serde_json::from_str(&text).unwrap();
    }
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let of = |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("{text}"));
    let mut message = of("message_start")["message"].clone();
    for field in ["usage", "tessera"] {
        message[field] = of("message_delta")[field].clone();
    }
    message
}

/// The receipt of a message.
async fn receipt(user: &User, message: &Value) -> Value {
    let id = message["id"].as_str().unwrap().trim_start_matches("msg_");
    let (status, receipt) = user.get_json(&format!("/api/chat/{id}/receipt")).await;
    assert_eq!(status, 200, "{receipt}");
    receipt["data"].clone()
}

#[tokio::test]
async fn marks_reach_anthropic_where_they_were_and_nobody_else() {
    let servers = start(WITH_HOURS, "1000").await;
    let (plain, hour) = (json!({"type": "ephemeral"}), json!({"type": "ephemeral", "ttl": "1h"}));
    let (_, data) = PNG_URL.split_once("base64,").unwrap();
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}});
    let with = |mut block: Value, control: &Value| {
        block["cache_control"] = control.clone();
        block
    };
    let body = json!({
        "model": "anthropic", "max_tokens": 100, "cache_control": plain,
        "system": [with(json!({"type": "text", "text": "Stays."}), &hour), {"type": "text", "text": "Changes."}],
        "tools": [with(json!({"name": "look", "input_schema": {"type": "object"}}), &hour)],
        "messages": [
            {"role": "user", "content": [with(image.clone(), &plain), {"type": "text", "text": "What is it?"}]},
            {"role": "assistant", "content": [with(json!({"type": "tool_use", "id": "t", "name": "look", "input": {}}), &plain)]},
            {"role": "user", "content": [with(json!({"type": "tool_result", "tool_use_id": "t", "content": [
                {"type": "text", "text": "20 C"}, image]}), &plain)]},
        ],
    });
    for is_stream in [false, true] {
        ask(&servers.program, body.clone(), is_stream).await;
        let asked = servers.claude.asked().pop().unwrap();
        assert_eq!(asked["cache_control"], plain);
        assert_eq!(asked["system"], body["system"]);
        assert_eq!(asked["tools"], body["tools"]);
        // The image, which is written anew, stays before the text, as its mark is about it alone.
        let image = asked["messages"][0]["content"][0]["source"]["data"].as_str().unwrap();
        let messages: Value = serde_json::from_str(&asked["messages"].to_string().replace(image, data)).unwrap();
        assert_eq!(messages, body["messages"]);
    }
    for (at, kind) in ["openai", "gemini"].into_iter().enumerate() {
        let mut body = body.clone();
        body["model"] = kind.into();
        ask(&servers.program, body, false).await;
        let asked = servers.others[at].asked().pop().unwrap().to_string();
        assert!(
            !asked.contains("cache_control") && !asked.contains("ephemeral") && asked.contains("Changes."),
            "{asked}"
        );
    }
    // As clients of chat completions send it.
    let parts = json!([with(json!({"type": "text", "text": "Long."}), &plain), {"type": "text", "text": "Short."}]);
    let tool = json!({"type": "function", "function": {"name": "look"}, "cache_control": hour});
    let body = json!({"model": "anthropic", "messages": [{"role": "user", "content": parts}], "tools": [tool]});
    let (status, answer) = servers.program.post_json(CHAT, &body).await;
    assert_eq!(status, 200, "{answer}");
    let asked = servers.claude.asked().pop().unwrap();
    assert_eq!((&asked["messages"][0]["content"], &asked["tools"][0]["cache_control"]), (&parts, &hour));
    // Beside a plain text, as LiteLLM does.
    let call = json!({"id": "t", "type": "function", "function": {"name": "look", "arguments": "{}"}});
    let body = json!({"model": "anthropic", "tools": [{"type": "function", "function": {"name": "look"}}], "messages": [
        {"role": "system", "content": "Stays.", "cache_control": hour},
        {"role": "user", "content": "Long.", "cache_control": plain},
        {"role": "assistant", "content": null, "tool_calls": [call], "cache_control": plain},
        {"role": "tool", "tool_call_id": "t", "content": "20 C", "cache_control": plain},
    ]});
    let (status, answer) = servers.program.post_json(CHAT, &body).await;
    assert_eq!(status, 200, "{answer}");
    let asked = servers.claude.asked().pop().unwrap();
    assert_eq!(asked["system"], json!([with(json!({"type": "text", "text": "Stays."}), &hour)]));
    for message in asked["messages"].as_array().unwrap() {
        let content = message["content"].as_array().unwrap();
        assert_eq!((content.len(), &content[0]["cache_control"]), (1, &plain), "{message}");
    }
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn what_is_written_to_the_cache_is_charged_by_its_own_price_and_told() {
    let servers = start(WITH_HOURS, "1000").await;
    servers.claude.play(says([100, 200, 50, 30, 10]));
    for is_stream in [false, true] {
        let message = ask(&servers.program, marked(Some("1h")), is_stream).await;
        // 100 new, 150 for five minutes, 50 for an hour, 30 read, 10 made.
        let charged = amount(&message["tessera"]["credits"]);
        assert_eq!(charged.to_string(), "0.4405", "{message}");
        let usage = &message["usage"];
        assert_eq!(
            *usage,
            json!({
                "input_tokens": 100, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
                "output_tokens": 10, "output_tokens_details": {"thinking_tokens": 0},
            })
        );
        let receipt = receipt(&servers.user, &message).await;
        assert_eq!(
            receipt["usage"],
            json!({"inputTokens": 330, "outputTokens": 10, "cachedInputTokens": 30, "cacheWriteTokens": 200,
                "cacheWrite1hTokens": 50})
        );
        assert_eq!(amount(&receipt["credits"]), charged);
    }
    // What it costs the operator: 100, 187.5, 100, 3 and 50 millionths of a dollar.
    let body = marked(Some("1h"));
    let response = servers.program.post(MESSAGES).json(&body).header("cache-control", "no-cache").send().await.unwrap();
    let request = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(response.text().await.unwrap().contains("Well."));
    servers.app.state.generation.usage.flush().await;
    let attempts = servers.app.state.stores.attempts.find_by_request(&request).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.cost_micros).collect::<Vec<_>>(), [Some(441)]);
    let (_, providers) = servers.user.get_json("/api/providers").await;
    let rates = &providers["data"][0]["price"]["rates"];
    assert_eq!((&rates["cacheWrite"], &rates["cacheWrite1h"]), (&json!(1250), &json!(2000)));
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn the_hold_covers_what_may_be_written_and_nobody_pays_for_what_they_did_not_ask() {
    let servers = start(WITH_HOURS, "1000").await;
    // It claims to have written all of it for an hour, whatever it was asked.
    servers.claude.play(says([0, 330, 330, 0, 10]));
    let mut most = Vec::new();
    for (body, charged) in [(unmarked(), "0.38"), (marked(None), "0.4625"), (marked(Some("1h")), "0.71")] {
        let message = ask(&servers.program, body, false).await;
        assert_eq!(amount(&message["tessera"]["credits"]).to_string(), charged, "{message}");
        let receipt = receipt(&servers.user, &message).await;
        assert!(amount(&receipt["most"]) >= amount(&receipt["credits"]), "{receipt}");
        most.push(amount(&receipt["most"]));
    }
    // The context, which may be a quarter longer than it is counted, at a quarter more, and at twice as much.
    let more = |of: Amount| of - most[0];
    assert!(most[0] < most[1] && most[1] < most[2], "{most:?}");
    assert_eq!(more(most[2]).micros(), 4 * more(most[1]).micros());
    // What cannot be is not charged: written is no more than what is new.
    servers.claude.play(says([10, u32::MAX - 400, 0, 300, 10]));
    let message = ask(&servers.program, marked(None), false).await;
    assert_eq!(message["usage"]["cache_creation_input_tokens"], 0, "{message}");
    assert!(amount(&message["tessera"]["credits"]) < Amount::from_micros(500_000), "{message}");
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn nobody_overdraws_by_what_is_written() {
    // It pays for the context, and not for writing it for an hour.
    let servers = start(WITH_HOURS, "0.8").await;
    servers.claude.play(says([0, 320, 320, 0, 4]));
    let (status, refused) = servers.program.post_json(MESSAGES, &marked(Some("1h"))).await;
    assert_eq!((status, servers.claude.calls()), (402, 0), "{refused}");
    let mut cheap = marked(Some("1h"));
    cheap["max_credits"] = json!(0.5);
    let (status, refused) = servers.program.post_json(MESSAGES, &cheap).await;
    assert_eq!((status, servers.claude.calls()), (400, 0), "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().starts_with("max_credits"), "{refused}");
    ask(&servers.program, unmarked(), false).await;
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn an_hour_without_a_price_and_marks_that_are_none_are_refused_by_name_and_free() {
    let servers = start(WITHOUT_HOURS, "1000").await;
    let before = servers.user.credits().await;
    let wrong = |control: Value| {
        let mut body = marked(None);
        body["system"][0]["cache_control"] = control;
        body
    };
    for (body, name) in [
        (marked(Some("1h")), "cache_control.ttl"),
        (marked(Some("2h")), "system[0].cache_control"),
        (wrong(json!({"type": "persistent"})), "system[0].cache_control"),
        (wrong(json!("ephemeral")), "system[0].cache_control"),
    ] {
        let (status, refused) = servers.program.post_json(MESSAGES, &body).await;
        assert_eq!(status, 400, "{refused}");
        assert!(refused["error"]["message"].as_str().unwrap().contains(name), "{name}: {refused}");
    }
    assert_eq!((servers.user.credits().await, servers.claude.calls()), (before, 0));
    for control in [Value::Null, json!({"type": "ephemeral", "ttl": "5m", "scope": "global"})] {
        ask(&servers.program, wrong(control), false).await;
    }
    // Who keeps no cache by request has nothing to refuse.
    let mut body = marked(Some("1h"));
    body["model"] = "openai".into();
    ask(&servers.program, body, false).await;
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn what_anthropic_refuses_of_marks_is_the_fault_of_the_request() {
    let servers = start(WITH_HOURS, "1000").await;
    let before = servers.user.credits().await;
    let problem = "A maximum of 4 blocks with cache_control may be provided. Found 5.";
    let error = json!({"type": "error", "error": {"type": "invalid_request_error", "message": problem}});
    servers.claude.play(Script::body(400, error.to_string()));
    let block = json!({"type": "text", "text": "word", "cache_control": {"type": "ephemeral"}});
    let body =
        json!({"model": "anthropic", "max_tokens": 100, "messages": [{"role": "user", "content": vec![block; 5]}]});
    for is_stream in [false, true] {
        for _ in 0..6 {
            let mut body = body.clone();
            body["stream"] = is_stream.into();
            let (status, refused) = servers.program.post_json(MESSAGES, &body).await;
            assert_eq!(status, 400, "{refused}");
            assert!(refused["error"]["message"].as_str().unwrap().contains("A maximum of 4 blocks"), "{refused}");
        }
    }
    assert_eq!(servers.user.credits().await, before);
    assert_eq!(servers.claude.asked().pop().unwrap()["messages"][0]["content"].as_array().unwrap().len(), 5);
    let providers = servers.app.state.chat.providers();
    assert!(
        providers
            .iter()
            .all(|provider| provider.breaker_state() == BreakerState::Closed && provider.refuses().is_none())
    );
    servers.claude.play(says([300, 0, 0, 0, 10]));
    ask(&servers.program, marked(None), false).await;
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn who_answers_in_the_place_of_another_keeps_what_has_a_price_there() {
    // The first in the chain keeps nothing by request, and is dearer.
    let first = "[[model]]\nname = \"gpt-5.4-mini\"\ninput = 3000\ncached_input = 300\noutput = 9000\n";
    for (prices, ttl, written, charged) in [
        // 100 new, 200 for five minutes, 10 made.
        (WITHOUT_HOURS, "5m", [100, 200, 0, 0, 10], "0.4"),
        (WITH_HOURS, "1h", [100, 200, 200, 0, 10], "0.55"),
        // It keeps for an hour what it was not asked to.
        (WITHOUT_HOURS, "5m", [100, 200, 200, 0, 10], "0.4"),
    ] {
        let servers = start(&format!("{first}{prices}"), "1000").await;
        servers.others[0].play(Script::body(503, "{}"));
        servers.claude.play(says(written));
        let mut body = marked(Some("1h"));
        body["model"] = "chain".into();
        body["tools"] = json!([{"name": "look", "input_schema": {"type": "object"},
            "cache_control": {"type": "ephemeral", "ttl": "1h"}}]);
        for is_stream in [false, true] {
            let message = ask(&servers.program, body.clone(), is_stream).await;
            assert_eq!(amount(&message["tessera"]["credits"]).to_string(), charged, "{message}");
            let asked = servers.claude.asked().pop().unwrap();
            let control = json!({"type": "ephemeral", "ttl": ttl});
            assert_eq!(
                (&asked["system"][0]["cache_control"], &asked["tools"][0]["cache_control"]),
                (&control, &control)
            );
        }
        servers.app.assert_books_balance().await;
    }
    // At the price of the first, which knows no writing, where that is less.
    let cheap = first.replace("3000", "900").replace("9000", "4000");
    let servers = start(&format!("{cheap}{WITHOUT_HOURS}"), "1000").await;
    servers.others[0].play(Script::body(503, "{}"));
    servers.claude.play(says([100, 200, 0, 0, 10]));
    let mut body = marked(Some("1h"));
    body["model"] = "chain".into();
    let message = ask(&servers.program, body, false).await;
    assert_eq!(amount(&message["tessera"]["credits"]).to_string(), "0.31", "{message}");
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn what_is_read_from_a_cache_stays_cheap_where_the_reply_has_no_last_word_of_what_it_used() {
    let servers = start(WITH_HOURS, "1000").await;
    let usage = json!({"input_tokens": 20, "cache_read_input_tokens": 300, "output_tokens": 1});
    let begun = json!({"type": "message_start", "message": {"content": [], "usage": usage}});
    let text =
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word ".repeat(30)}});
    let begun = format!("data: {begun}\n\ndata: {text}\n\n");
    let end = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n";
    servers.claude.play(Script::stream(vec![Bytes(format!("{begun}{end}"))]));
    let message = ask(&servers.program, unmarked(), false).await;
    // 20 new, 300 read, and 31 made, as they are counted here.
    assert_eq!(amount(&message["tessera"]["credits"]).to_string(), "0.205", "{message}");
    // Stopped in the middle.
    servers.claude.play(Script::stream(vec![Bytes(begun), Hold]));
    let mut body = unmarked();
    body["stream"] = true.into();
    let before = amount(&servers.user.credits().await["available"]);
    let mut reply = servers.program.post(MESSAGES).json(&body).send().await.unwrap();
    let mut told = String::new();
    while !told.contains("word word") {
        told.push_str(std::str::from_utf8(&reply.chunk().await.unwrap().unwrap()).unwrap());
    }
    drop(reply);
    while servers.user.credits().await["held"] != 0 {
        sleep(Duration::from_millis(25)).await;
    }
    assert_eq!((before - amount(&servers.user.credits().await["available"])).to_string(), "0.205");
    servers.app.assert_books_balance().await;
}
