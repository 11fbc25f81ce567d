//! What could be had for nothing, or at the cost of others: answers that end badly because of what was asked, thoughts that only their
//! maker can read, and what a model is found not to take.

use serde_json::{Value, json};
use tessera::generation::BreakerState;
use tessera::platform::amount::Amount;

use crate::kinds::Kind;
use crate::scripted::Step::Bytes;
use crate::scripted::{Script, Scripted};
use crate::support::{TestApp, User};
use crate::token_prices::{Prices, amount};

const MESSAGES: &str = "/v1/messages";
/// For a token of input a thousandth of a credit, and five for one of output.
const PRICES: &str = "[[model]]\nname = \"claude*\"\ninput = 1000\ncached_input = 100\ncache_write = 1250\ncache_write_1h = 2000\noutput = 5000\n";

/// Claude says this, and ends for this reason.
fn says(usage: &Value, blocks: Vec<Value>, reason: &str, output: u32) -> Script {
    let start = json!({"type": "message_start", "message": {"content": [], "usage": usage}});
    let end = json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": output}});
    let all = [vec![start], blocks, vec![end, json!({"type": "message_stop"})]].concat();
    let events: Vec<_> = all.iter().map(|event| format!("data: {event}\n\n")).collect();
    Script::stream(vec![Bytes(events.concat())])
}

fn word() -> Vec<Value> {
    vec![json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Well."}})]
}

fn well() -> Script {
    says(&json!({"input_tokens": 20, "output_tokens": 1}), word(), "end_turn", 10)
}

struct Servers {
    app: TestApp,
    claude: Scripted,
    user: User,
    program: User,
    _prices: Prices,
}

/// A server with a model of Claude's that thinks where it is asked to.
async fn start(vars: &[(&str, &str)]) -> Servers {
    let claude = Scripted::start(well()).await;
    let (prices, base) = (Prices::of(PRICES), format!("http://{}", claude.addr));
    let own = [
        ("CHAT_PROVIDERS", "anthropic"),
        ("ANTHROPIC_BASE_URL", base.as_str()),
        ("ANTHROPIC_API_KEY", "k"),
        ("ANTHROPIC_MODEL", "claude-opus-5"),
        ("PRICES_FILE", prices.path()),
        ("CHAT_CACHE", "off"),
        ("FREE_CREDITS", "1000"),
    ];
    let app = TestApp::start_with(&[&own[..], vars].concat()).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    Servers { app, claude, user, program, _prices: prices }
}

fn asks(more: &Value) -> Value {
    let mut body =
        json!({"model": "anthropic", "max_tokens": 1000, "messages": [{"role": "user", "content": "Go on."}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn paid(servers: &Servers, body: &Value) -> (Amount, String) {
    let before = amount(&servers.user.credits().await["available"]);
    let response = servers.program.post(MESSAGES).json(body).send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, 200, "{text}");
    (before - amount(&servers.user.credits().await["available"]), text)
}

#[tokio::test]
async fn what_is_blocked_in_the_middle_is_free_only_so_often() {
    let app = TestApp::start_with(&[("FREE_STOPS_PER_DAY", "1")]).await;
    let user = app.user().await;
    let (status, told) = user.chat("#tokens=3 #blocked").await;
    assert_eq!(status, 502, "{told}");
    let calls = app.upstream.calls();
    assert_eq!((user.chat("hello").await.0, app.upstream.calls()), (429, calls));
    assert_eq!(user.credits().await, json!({"available": 10, "held": 0, "debt": 0, "plan": "free"}));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn to_think_and_to_say_nothing_is_free_only_so_often() {
    let thought = |text: String| {
        vec![json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": text}})]
    };
    let blank =
        vec![json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " \n"}})];
    let usage = json!({"input_tokens": 20, "output_tokens": 1});
    for (blocks, output, is_counted) in [
        (thought("Hm. ".repeat(500)), 600, true),
        (blank.clone(), 600, true),
        (blank, 2, false),
        (Vec::new(), 1, false),
    ] {
        let servers = start(&[("FREE_STOPS_PER_DAY", "1")]).await;
        servers.claude.play(says(&usage, blocks, "end_turn", output));
        let body = asks(&json!({"model": "anthropic@high"}));
        assert_eq!(servers.program.post_json(MESSAGES, &body).await.0, 502);
        servers.claude.play(well());
        let (status, told) = servers.program.post_json(MESSAGES, &body).await;
        assert_eq!((status, servers.claude.calls()), if is_counted { (429, 1) } else { (200, 2) }, "{told}");
        servers.app.assert_books_balance().await;
    }
}

#[tokio::test]
async fn an_answer_with_too_many_calls_ends_there_and_is_paid_for() {
    let servers = start(&[("MAX_OUTPUT_TOKENS", "4000")]).await;
    let mut calls = Vec::new();
    for at in 0..140 {
        let block = json!({"type": "tool_use", "id": format!("t{at}"), "name": "note", "input": {}});
        calls.push(json!({"type": "content_block_start", "index": at, "content_block": block}));
        let delta = json!({"type": "input_json_delta", "partial_json": "{\"said\":\"useful\"}"});
        calls.push(json!({"type": "content_block_delta", "index": at, "delta": delta}));
    }
    servers.claude.play(says(&json!({"input_tokens": 40, "output_tokens": 1}), calls, "tool_use", 900));
    let tools = json!([{"name": "note", "input_schema": {"type": "object"}}]);
    for is_stream in [false, true] {
        let (charged, text) =
            paid(&servers, &asks(&json!({"tools": tools, "stream": is_stream, "max_tokens": 4000}))).await;
        assert_eq!(text.matches("useful").count(), 128, "{text}");
        assert!(text.contains(r#""stop_reason":"max_tokens""#), "{text}");
        // At least a token for each name and for each word of the arguments.
        assert!(charged > Amount::from_micros(128 * 4 * 5000), "{charged}");
    }
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn thoughts_that_only_their_maker_reads_are_paid_for_where_it_says_so() {
    let servers = start(&[]).await;
    let seal = format!("anthropic.{}", "x".repeat(24_000));
    let thought = json!({"type": "thinking", "thinking": "", "signature": seal});
    let call = json!({"type": "tool_use", "id": "t", "name": "note", "input": {}});
    let messages = json!([
        {"role": "user", "content": "Go on."},
        {"role": "assistant", "content": [thought, call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "Done."}]},
    ]);
    let tools = json!([{"name": "note", "input_schema": {"type": "object"}}]);
    let body = asks(&json!({"messages": messages, "tools": tools}));
    for (input, charged) in [(5000, "5.05"), (40, "0.09")] {
        servers.claude.play(says(&json!({"input_tokens": input, "output_tokens": 1}), word(), "end_turn", 10));
        assert_eq!(paid(&servers, &body).await.0.to_string(), charged, "read or not, it is what was used");
    }
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn what_was_written_to_a_cache_in_parts_is_charged_as_their_sum() {
    let servers = start(&[]).await;
    let creation = json!({"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50});
    let usage = json!({"input_tokens": 100, "cache_creation": creation, "output_tokens": 1});
    servers.claude.play(says(&usage, word(), "end_turn", 10));
    let control = json!({"type": "ephemeral", "ttl": "1h"});
    let (charged, _) = paid(&servers, &asks(&json!({"system": "word ".repeat(300), "cache_control": control}))).await;
    // 100, 187.5, 100 and 50 thousandths.
    assert_eq!(charged.to_string(), "0.4375");
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn marks_of_a_response_are_not_those_of_the_next() {
    let servers = start(&[]).await;
    let mut previous = Value::Null;
    for _ in 0..6 {
        let part = json!({"type": "input_text", "text": "Go on.", "cache_control": {"type": "ephemeral"}});
        let body = json!({"model": "anthropic", "input": [{"role": "user", "content": [part]}], "previous_response_id": previous});
        let (status, told) = servers.program.post_json("/v1/responses", &body).await;
        assert_eq!(status, 200, "{told}");
        previous = told["id"].clone();
        let asked = servers.claude.asked().pop().unwrap().to_string();
        assert_eq!(asked.matches("cache_control").count(), 1, "{asked}");
    }
}

#[tokio::test]
async fn who_wants_no_thoughts_pays_for_none_whatever_the_effort() {
    let servers = start(&[]).await;
    let off = json!({"type": "disabled"});
    for more in [
        json!({"thinking": off, "output_config": {"effort": "high"}}),
        json!({"thinking": off, "model": "anthropic@high"}),
    ] {
        paid(&servers, &asks(&more)).await;
        let asked = servers.claude.asked().pop().unwrap();
        assert_eq!(
            (asked.get("thinking"), asked.get("output_config"), &asked["max_tokens"]),
            (None, None, &json!(1000))
        );
    }
    paid(&servers, &asks(&json!({"model": "anthropic@high"}))).await;
    assert_eq!(servers.claude.asked().pop().unwrap()["output_config"], json!({"effort": "high"}));
}

#[tokio::test]
async fn a_model_goes_on_thinking_for_others_where_one_asks_what_does_not_go_with_it() {
    let servers = start(&[]).await;
    servers.claude.answer(|asked| {
        let refuse = |message: &str| {
            let error = json!({"type": "invalid_request_error", "message": message});
            Script::body(400, json!({"type": "error", "error": error}).to_string())
        };
        let is_begun = asked["messages"].as_array().unwrap().last().unwrap()["role"] == "assistant";
        if asked.get("thinking").is_some() && asked["tool_choice"]["type"] == "any" {
            return refuse("Thinking may not be enabled when tool_choice forces tool use.");
        }
        if asked.get("thinking").is_some() && is_begun {
            return refuse("Prefilling is not supported when thinking is enabled.");
        }
        if asked["output_config"]["effort"] == "max" {
            return refuse("output_config.effort: this model does not know max");
        }
        well()
    });
    let tools = json!([{"name": "note", "input_schema": {"type": "object"}}]);
    let begun = json!([{"role": "user", "content": "Go on."}, {"role": "assistant", "content": "So"}]);
    for more in [
        json!({"tools": tools, "tool_choice": {"type": "any"}}),
        json!({"messages": begun}),
        json!({"output_config": {"effort": "max"}}),
    ] {
        let mut body = asks(&json!({"output_config": {"effort": "high"}}));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        paid(&servers, &body).await;
        paid(&servers, &asks(&json!({"model": "anthropic@high"}))).await;
        let asked = servers.claude.asked().pop().unwrap();
        assert_eq!(asked["thinking"]["type"], "adaptive", "{more}");
        assert_eq!(asked["output_config"], json!({"effort": "high"}), "{more}");
    }
}

#[tokio::test]
async fn a_part_of_a_second_to_wait_is_told_as_a_whole_one() {
    let servers = start(&[]).await;
    let body = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}).to_string();
    servers.claude.play(Script { headers: "retry-after: 2.5\r\n", ..Script::body(429, body) });
    let response = servers.program.post(MESSAGES).json(&asks(&json!({}))).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "3"));
}

/// The same with one model of another kind, that answers whatever is played.
async fn start_beside(kind: Kind, model: &str, vars: &[(&str, &str)]) -> Servers {
    let upstream = Scripted::start(well()).await;
    let prices =
        Prices::of(&format!("[[model]]\nname = \"{model}\"\ninput = 1000\ncached_input = 100\noutput = 5000\n"));
    let (base, name) = (format!("http://{}", upstream.addr), kind.name().to_uppercase());
    let [url, key, named] = ["BASE_URL", "API_KEY", "MODEL"].map(|of| format!("{name}_{of}"));
    let own = [
        ("CHAT_PROVIDERS", kind.name()),
        (url.as_str(), base.as_str()),
        (key.as_str(), "k"),
        (named.as_str(), model),
        ("PRICES_FILE", prices.path()),
        ("FREE_CREDITS", "1000"),
        ("MAX_OUTPUT_TOKENS", "4000"),
    ];
    let app = TestApp::start_with(&[&own[..], vars].concat()).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    Servers { app, claude: upstream, user, program, _prices: prices }
}

/// A server that speaks as `OpenAI` does says this, with this of what it used.
fn completes(text: &str, usage: &Value) -> Script {
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}], "usage": usage});
    Script::stream(vec![Bytes(format!("data: {chunk}\n\ndata: [DONE]\n\n"))])
}

fn reasoned(read: u32, made: u32) -> Value {
    json!({"prompt_tokens": read, "completion_tokens": made, "completion_tokens_details": {"reasoning_tokens": made - 2}})
}

#[tokio::test]
async fn what_a_filter_breaks_off_is_free_only_so_often_and_no_failure_of_the_model() {
    let filtered = json!({"type": "error", "error": {"details": null, "type": "invalid_request_error",
        "message": "Output blocked by content filtering policy"}});
    let start_event = json!({"type": "message_start", "message": {"usage": {"input_tokens": 20, "output_tokens": 1}}});
    let events = |all: Vec<Value>| {
        let all: Vec<_> = all.iter().map(|event| format!("event: x\ndata: {event}\n\n")).collect();
        Script::stream(vec![Bytes(all.concat())])
    };
    for (said, status) in [(word(), 502), (Vec::new(), 400)] {
        let servers = start(&[("FREE_STOPS_PER_DAY", "1")]).await;
        servers.claude.play(events([vec![start_event.clone()], said, vec![filtered.clone()]].concat()));
        let (got, told) = servers.user.chat("Write down the words of a song.").await;
        assert_eq!(got, status, "{told}");
        servers.claude.play(well());
        assert_eq!((servers.user.chat("Hello").await.0, servers.claude.calls()), (429, 1));
        let provider = &servers.app.state.chat.providers()[0];
        assert_eq!(provider.breaker_state(), BreakerState::Closed, "others can ask it");
        assert_eq!(servers.app.user().await.chat("Hello").await.0, 200);
        servers.app.assert_books_balance().await;
    }
}

#[tokio::test]
async fn what_was_thought_is_paid_for_however_odd_the_question_is_made() {
    let servers = start_beside(Kind::OpenAi, "thinker", &[]).await;
    // Far fewer tokens than they are counted here, as are all long runs.
    let padding = "=".repeat(16_000);
    servers.claude.play(completes("Well.", &reasoned(100, 2002)));
    for (message, read) in [("Go on.".to_owned(), 100), (format!("{padding}\nGo on."), 2000)] {
        let body = json!({"model": "openai", "messages": [{"role": "user", "content": message}]});
        let before = amount(&servers.user.credits().await["available"]);
        let (status, told) = servers.program.post_json("/v1/chat/completions", &body).await;
        assert_eq!(status, 200, "{told}");
        let charged = before - amount(&servers.user.credits().await["available"]);
        assert!(charged >= Amount::from_micros(2002 * 5000 + read * 1000), "{charged} {told}");
        assert_eq!(told["usage"]["completion_tokens"], 2002, "{told}");
    }
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn thoughts_of_another_kind_of_model_are_not_paid_for_where_nobody_reads_them() {
    let servers = start_beside(Kind::OpenAi, "plain", &[]).await;
    // It says nothing of what it used.
    servers.claude.play(completes("Well.", &Value::Null));
    let thought = json!({"type": "thinking", "thinking": "word ".repeat(3000), "signature": "anthropic.c2ln"});
    let said = json!({"type": "text", "text": "Well?"});
    let mut body = asks(&json!({"model": "openai"}));
    body["messages"] = json!([{"role": "user", "content": "Go on."},
        {"role": "assistant", "content": [thought, said]}, {"role": "user", "content": "Go on."}]);
    let (charged, _) = paid(&servers, &body).await;
    assert!(charged < Amount::from_micros(100_000), "{charged}");
    assert!(!servers.claude.asked()[0].to_string().contains("word word"));
}

#[tokio::test]
async fn an_effort_that_gemini_does_not_know_changes_nothing_for_others() {
    for (model, effort, field, refused) in [
        ("gemini-3-pro", "medium", "thinkingLevel", "Thinking level MEDIUM is not supported for this model."),
        ("gemini-2.5-flash", "high", "thinkingBudget", "thinking_budget: this thinking is too much"),
    ] {
        let servers = start_beside(Kind::Gemini, model, &[]).await;
        let level = json!({"thinkingLevel": "LOW", "includeThoughts": true});
        servers.claude.answer(move |asked| {
            let config = &asked["generationConfig"]["thinkingConfig"];
            if config["thinkingLevel"] == "MEDIUM" || config["thinkingBudget"] == 8192 {
                let error = json!({"code": 400, "message": refused, "status": "INVALID_ARGUMENT"});
                return Script::body(400, json!({ "error": error }).to_string());
            }
            let answer = json!({"candidates": [{"content": {"parts": [{"text": "Well."}]}, "finishReason": "STOP"}]});
            Script::stream(vec![Bytes(format!("data: {answer}\n\n"))])
        });
        let mut body = asks(&json!({"model": "gemini", "output_config": {"effort": effort}}));
        paid(&servers, &body).await;
        assert_eq!(servers.claude.calls(), 2);
        body.as_object_mut().unwrap().remove("output_config");
        paid(&servers, &body).await;
        let asked = servers.claude.asked().pop().unwrap();
        let config = &asked["generationConfig"]["thinkingConfig"];
        let expected = if field == "thinkingLevel" { level } else { json!({"includeThoughts": true}) };
        assert_eq!(*config, expected, "{model}");
    }
}

#[tokio::test]
async fn a_thought_that_was_changed_ends_the_thinking_of_nobody_else() {
    let servers = start(&[]).await;
    servers.claude.answer(|asked| {
        let has_thought = asked["messages"].to_string().contains("forged");
        if has_thought && asked.get("thinking").is_some() {
            let message = "messages.1.content.0: Invalid `signature` in `thinking` block";
            let error = json!({"type": "invalid_request_error", "message": message});
            return Script::body(400, json!({"type": "error", "error": error}).to_string());
        }
        well()
    });
    let mut body = asks(&json!({"model": "anthropic@high"}));
    let plain = body.clone();
    let thought = json!({"type": "thinking", "thinking": "Hm.", "signature": "anthropic.forged"});
    body["messages"] = json!([{"role": "user", "content": "Go on."},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "Well?"}]},
        {"role": "user", "content": "Go on."}]);
    paid(&servers, &body).await;
    paid(&servers, &plain).await;
    assert_eq!(servers.claude.asked().pop().unwrap()["thinking"]["type"], "adaptive");
}

#[tokio::test]
async fn who_wants_no_thoughts_names_no_effort_to_others_either() {
    let servers = start_beside(Kind::OpenAi, "thinker", &[]).await;
    servers.claude.play(completes("Well.", &reasoned(20, 4)));
    let more = json!({"model": "openai", "thinking": {"type": "disabled"}, "output_config": {"effort": "high"}});
    for (thinking, effort) in [("disabled", None), ("adaptive", Some("high"))] {
        let mut body = asks(&more);
        body["thinking"]["type"] = thinking.into();
        paid(&servers, &body).await;
        let asked = servers.claude.asked().pop().unwrap();
        assert_eq!(asked.get("reasoning_effort").and_then(Value::as_str), effort);
    }
}

#[tokio::test]
async fn a_limit_that_a_server_does_not_take_leaves_nobody_without_one() {
    let servers = start_beside(Kind::OpenAi, "thinker", &[]).await;
    servers.claude.answer(|asked| {
        let refuse = |message: &str| Script::body(400, json!({"error": {"message": message}}).to_string());
        let [new, old] = ["max_completion_tokens", "max_tokens"].map(|field| asked[field].as_u64());
        match new.or(old) {
            Some(0..16) => refuse("Invalid 'max_completion_tokens' or max_tokens: below minimum value, expected >= 16"),
            Some(2001..) => refuse("Invalid value, the valid range of max_completion_tokens, max_tokens is [16, 2000]"),
            _ => completes("Well.", &reasoned(20, 4)),
        }
    });
    let ask = |tokens: u32| json!({"model": "openai", "max_completion_tokens": tokens, "messages": [{"role": "user", "content": "Go on."}]});
    for (tokens, status, calls) in [(3, 400, 1), (3000, 200, 3), (1000, 200, 1)] {
        let before = servers.claude.calls();
        let (got, told) = servers.program.post_json("/v1/chat/completions", &ask(tokens)).await;
        assert_eq!((got, servers.claude.calls() - before), (status, calls), "{tokens}: {told}");
    }
    assert_eq!(servers.claude.asked().pop().unwrap()["max_completion_tokens"], 1000);
}

#[tokio::test]
async fn what_claude_is_told_of_tools_is_paid_for_as_it_counts() {
    let servers = start(&[]).await;
    let tools = json!([{"name": "note", "input_schema": {"type": "object"}}]);
    for read in [375, 420, 850] {
        servers.claude.play(says(&json!({"input_tokens": read, "output_tokens": 1}), word(), "end_turn", 10));
        let (charged, _) = paid(&servers, &asks(&json!({ "tools": tools }))).await;
        assert_eq!(charged, Amount::from_micros(read * 1000 + 50_000));
    }
    // Without tools, nobody knows what that should be.
    servers.claude.play(says(&json!({"input_tokens": 850, "output_tokens": 1}), word(), "end_turn", 10));
    assert!(paid(&servers, &asks(&json!({}))).await.0 < Amount::from_micros(100_000));
    servers.app.assert_books_balance().await;
}

#[tokio::test]
async fn what_one_blocks_and_the_next_refuses_is_free_only_so_often() {
    let refused = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "not this"}});
    let next = Scripted::start(Script::body(400, refused.to_string())).await;
    let base = format!("http://{}", next.addr);
    let vars = [
        ("CHAT_PROVIDERS", "openai,anthropic"),
        ("ANTHROPIC_BASE_URL", base.as_str()),
        ("ANTHROPIC_API_KEY", "k"),
        ("FREE_STOPS_PER_DAY", "1"),
    ];
    let servers = start_beside(Kind::OpenAi, "thinker", &vars).await;
    let thought = json!({"choices": [{"delta": {"reasoning_content": "Hm. ".repeat(500)}}]});
    let end = json!({"choices": [{"delta": {}, "finish_reason": "content_filter"}]});
    servers.claude.play(Script::stream(vec![Bytes(format!("data: {thought}\n\ndata: {end}\n\n"))]));
    assert_eq!((servers.user.chat("Go on.").await.0, next.calls()), (400, 1));
    assert_eq!((servers.user.chat("Go on.").await.0, next.calls()), (429, 1));
    servers.app.assert_books_balance().await;
}
