//! What comes from outside is odd, and the answer survives it: each oddity, for all kinds of providers, over every way in.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tessera::usage::Outcome;
use tokio::time::sleep;

use crate::kinds::Kind;
use crate::scripted::Step::{Bytes, Cut, Hold, Pause, Repeat, Reset};
use crate::scripted::{Script, Scripted, Step};
use crate::support::{TestApp, User};

/// What comes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    /// It is whole, and paid for.
    Whole(&'static str),
    /// It breaks off after some text, which is free.
    Incomplete(&'static str),
    /// There is none, and it is free.
    Nothing,
}
use Comes::{Incomplete, Nothing, Whole};

const HELLO: Comes = Whole("Hello, world.");

fn frame(json: &str) -> String {
    format!("data: {json}\n\n")
}

/// A piece of text as each kind says it.
fn says(kind: Kind, text: &str) -> String {
    frame(&match kind {
        Kind::OpenAi => {
            json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}).to_string()
        }
        Kind::Gemini => {
            json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}]}).to_string()
        }
        Kind::Anthropic => anthropic_delta(&json!({"type": "text_delta", "text": text})).to_string(),
    })
}

fn anthropic_delta(delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": 0, "delta": delta})
}

/// The text of the answer that most are about.
fn hello(kind: Kind) -> String {
    ["Hello", ", ", "world."].map(|text| says(kind, text)).concat()
}

fn finish(kind: Kind) -> String {
    frame(match kind {
        Kind::OpenAi => r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        Kind::Gemini => r#"{"candidates":[{"finishReason":"STOP","index":0}]}"#,
        Kind::Anthropic => r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}"#,
    })
}

fn bytes(pieces: &[&str]) -> Vec<Step> {
    vec![Bytes(pieces.concat())]
}

/// What a server of this kind may send, by name.
#[expect(clippy::too_many_lines, reason = "a table")]
fn oddities(kind: Kind) -> Vec<(String, Vec<Step>, Comes)> {
    let (hello, finish) = (&*hello(kind), &*finish(kind));
    let mut all: Vec<(String, Vec<Step>, Comes)> = Vec::new();
    let mut add = |name: &str, steps: Vec<Step>, comes: Comes| all.push((name.to_owned(), steps, comes));
    add("as it should be", bytes(&[hello, finish, "data: [DONE]\n\n"]), HELLO);
    // The end of the stream.
    for (name, end) in [("nothing", ""), ("one line feed", "\n"), ("one line end", "\r\n")] {
        add(&format!("the last event ends with {name}"), bytes(&[hello, finish.trim_end(), end]), HELLO);
    }
    for (name, end) in [("reset", Reset), ("cut", Cut)] {
        add(&format!("{name} after the finish reason"), vec![Bytes(format!("{hello}{finish}")), end.clone()], HELLO);
        add(
            &format!("{name} after a finish reason without its line end"),
            vec![Bytes(format!("{hello}{}", finish.trim_end())), end],
            HELLO,
        );
    }
    for broken in
        ["{\"choices\":[", "{\"candidates\":[{\"con", "<html>", "\u{0}", "{}", "[]", "null", "7", "\"x\"", "[{", "ping"]
    {
        add(
            &format!("{broken:?} after the finish reason"),
            bytes(&[hello, finish, &frame(broken), "data: [DONE]\n\n"]),
            HELLO,
        );
    }
    let fault = frame(r#"{"error":{"message":"late","code":500}}"#);
    add("an error after the finish reason", bytes(&[hello, finish, &fault]), HELLO);
    add("an error before it", bytes(&[hello, &fault, finish]), Incomplete("Hello, world."));
    add("an error before a word", bytes(&[&fault]), Nothing);
    add(
        "a broken event in the middle",
        bytes(&[hello, &frame("{\"choices\":[{\"delta\":{\"cont"), finish]),
        Incomplete("Hello, world."),
    );
    add("cut before the finish reason", vec![Bytes(hello.to_owned()), Cut], Incomplete("Hello, world."));
    add("no finish reason", bytes(&[hello]), Incomplete("Hello, world."));
    // After the finish reason.
    for (name, step) in [
        ("silence", Hold),
        ("pings", Repeat(": ping\n\n", 100)),
        ("empty chunks", Repeat("data: {\"choices\":[]}\n\n", 100)),
        ("chunks of nothing", Repeat("data: {\"candidates\":[{\"index\":0}],\"choices\":[{\"delta\":{}}]}\n\n", 100)),
    ] {
        add(&format!("{name} after the finish reason"), vec![Bytes(format!("{hello}{finish}")), step], HELLO);
    }
    // Beside the text.
    let not_json = ["NaN", "-Infinity", "\"a\tb\""];
    for odd in ["null", "\"\"", "\"7\"", "-35", "12.0", "1e999", "true", "[]", "{}", "[null]", "18446744073709551616"]
        .into_iter()
        .chain(not_json)
    {
        let beside = match kind {
            Kind::OpenAi => [
                format!(r#"{{"choices":{odd}}}"#),
                format!(r#"{{"choices":[],"usage":{odd}}}"#),
                format!(r#"{{"usage":{{"prompt_tokens":{odd},"completion_tokens":{odd}}}}}"#),
                format!(r#"{{"choices":[{{"index":{odd},"delta":{odd},"logprobs":{odd}}}]}}"#),
                format!(
                    r#"{{"id":{odd},"created":{odd},"model":{odd},"choices":[{{"delta":{{"role":{odd},"tool_calls":{odd}}}}}]}}"#
                ),
            ],
            Kind::Gemini => [
                format!(r#"{{"candidates":{odd}}}"#),
                format!(r#"{{"usageMetadata":{odd}}}"#),
                format!(
                    r#"{{"usageMetadata":{{"promptTokenCount":{odd},"candidatesTokenCount":{odd},"thoughtsTokenCount":{odd}}}}}"#
                ),
                format!(r#"{{"candidates":[{{"index":{odd},"content":{odd},"safetyRatings":{odd}}}]}}"#),
                format!(
                    r#"{{"promptFeedback":{odd},"modelVersion":{odd},"candidates":[{{"content":{{"parts":{odd},"role":{odd}}}}}]}}"#
                ),
            ],
            Kind::Anthropic => [
                format!(r#"{{"type":{odd},"index":{odd}}}"#),
                format!(r#"{{"type":"message_start","message":{odd}}}"#),
                format!(r#"{{"type":"message_delta","delta":{odd},"usage":{odd}}}"#),
                format!(
                    r#"{{"type":"message_delta","delta":{{}},"usage":{{"input_tokens":{odd},"output_tokens":{odd},"cache_read_input_tokens":{odd}}}}}"#
                ),
                format!(
                    r#"{{"type":"content_block_start","index":{odd},"content_block":{{"type":"thinking","thinking":{odd},"signature":{odd}}}}}"#
                ),
            ],
        };
        let beside: String = beside.iter().map(|json| frame(json)).collect();
        add(&format!("{odd} beside the text"), bytes(&[&beside, hello, &beside, finish, &beside]), HELLO);
    }
    let unset = match kind {
        Kind::OpenAi => {
            let delta = |delta: &str| format!(r#"{{"choices":[{{"delta":{delta},"finish_reason":null}}]}}"#);
            let content = |content: &str| delta(&format!(r#"{{"content":{content}}}"#));
            [
                content("5"),
                content("null"),
                content("[]"),
                content("{}"),
                content("false"),
                delta("\"\""),
                r#"{"choices":[{"delta":{},"finish_reason":0}]}"#.to_owned(),
                r#"{"choices":[{"delta":{},"finish_reason":""}]}"#.to_owned(),
                r#"{"choices":[null],"error":{}}"#.to_owned(),
                r#"{"error":null}"#.to_owned(),
                r#"{"error":""}"#.to_owned(),
                r#"{"usage":null,"usage":{},"choices":null,"choices":[]}"#.to_owned(),
            ]
        }
        Kind::Gemini => {
            let parts = |parts: &str| format!(r#"{{"candidates":[{{"content":{{"parts":{parts}}}}}]}}"#);
            [
                parts("null"),
                parts("[{}]"),
                parts("[{\"text\":null}]"),
                parts("[{\"text\":5}]"),
                parts("[null,7]"),
                parts("[{\"functionCall\":{}}]"),
                r#"{"candidates":[{"finishReason":""}]}"#.to_owned(),
                r#"{"candidates":[{"finishReason":0,"content":null}]}"#.to_owned(),
                r#"{"candidates":[{"finishReason":"FINISH_REASON_UNSPECIFIED"}]}"#.to_owned(),
                r#"{"promptFeedback":{"blockReason":"BLOCK_REASON_UNSPECIFIED"},"error":{}}"#.to_owned(),
                r#"{"promptFeedback":{"blockReason":null},"error":null}"#.to_owned(),
                r#"{"usageMetadata":{"promptTokenCount":"7","candidatesTokenCount":"2"}}"#.to_owned(),
            ]
        }
        Kind::Anthropic => [
            r#"{"type":"ping"}"#.to_owned(),
            r#"{"type":"unheard-of","delta":{"type":"text_delta","text":"x"}}"#.to_owned(),
            r#"{"type":"content_block_stop","index":0}"#.to_owned(),
            r#"{"type":"content_block_delta","delta":null}"#.to_owned(),
            anthropic_delta(&json!({"type": "text_delta", "text": null})).to_string(),
            anthropic_delta(&json!({"type": "text_delta", "text": 5})).to_string(),
            anthropic_delta(&json!({"type": "citations_delta", "citation": {"text": "x"}})).to_string(),
            anthropic_delta(&json!({"type": "unheard-of", "text": "x"})).to_string(),
            r#"{"type":"message_delta","delta":{"stop_reason":null}}"#.to_owned(),
            r#"{"type":"message_delta","delta":{"stop_reason":0}}"#.to_owned(),
            r#"{"type":"message_delta","delta":{},"error":{}}"#.to_owned(),
            r#"{"type":"message_delta","delta":{},"usage":null,"error":null}"#.to_owned(),
        ],
    };
    for unset in unset {
        add(&format!("{unset} in the middle"), bytes(&[hello, &frame(&unset), finish, &frame(&unset)]), HELLO);
    }
    // Other forms.
    let parted = format!("{hello}{finish}data: [DONE]\n\n").replace("\n\n", "\n");
    add("events parted by one line feed", bytes(&[&parted]), HELLO);
    add("events parted by one line end", bytes(&[&parted.replace('\n', "\r\n")]), HELLO);
    let lines = parted.replace("data: [DONE]\n", "").replace("data: ", "");
    add("a JSON object on each line", bytes(&[&lines]), HELLO);
    add("a list of JSON objects", bytes(&["[", &lines.trim_end().replace('\n', "\n,\r\n"), "]"]), HELLO);
    let whole = match kind {
        Kind::OpenAi => {
            json!({"object": "chat.completion", "choices": [{"message": {"content": "Hello, world."}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
        }
        Kind::Gemini => {
            json!({"candidates": [{"content": {"parts": [{"text": "Hello, "}, {"text": "world."}]}, "finishReason": "STOP"}]})
        }
        Kind::Anthropic => {
            json!({"type": "message", "role": "assistant", "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2},
                "content": [{"type": "thinking", "thinking": "Hmm.", "signature": "s"}, {"type": "text", "text": "Hello, "},
                    {"type": "text", "text": "world."}]})
        }
    };
    add("JSON instead of a stream", bytes(&[&whole.to_string()]), HELLO);
    add("JSON over many lines", bytes(&[&serde_json::to_string_pretty(&whole).unwrap()]), HELLO);
    add("all of it in one event", bytes(&[&frame(&whole.to_string())]), HELLO);
    add("an error for JSON", bytes(&[r#"{"error":{"message":"no","code":"overloaded"}}"#]), Nothing);
    add("an error as a text", bytes(&[r#"{"error":"no"}"#]), Nothing);
    add("a page", bytes(&["<html><body>Sign in</body></html>"]), Nothing);
    add("nothing at all", bytes(&[""]), Nothing);
    // Thoughts.
    add(
        "thoughts between tags",
        bytes(&[&says(kind, "<thi"), &says(kind, "nk>Hmm"), &says(kind, ".</think>\n\n"), hello, finish]),
        HELLO,
    );
    add("only thoughts between tags", bytes(&[&says(kind, "<think>Hmm"), &says(kind, ".</think>"), finish]), Nothing);
    add("thoughts that do not end", bytes(&[&says(kind, "<think>Hmm."), finish]), Nothing);
    add("a tag that is none", bytes(&[&says(kind, "<thin"), finish]), Whole("<thin"));
    add("white space", bytes(&[&says(kind, " \n"), finish]), Nothing);
    let thought = |text: &str| {
        let part = json!({"type": "thinking", "thinking": [{"type": "text", "text": text}]});
        let parts = match kind {
            Kind::OpenAi => vec![
                json!({"choices": [{"delta": {"reasoning_content": text, "content": null}}]}),
                json!({"choices": [{"delta": {"reasoning": text, "content": ""}}]}),
                json!({"choices": [{"delta": {"content": [part]}}]}),
                json!({"choices": [{"delta": {"content": part}}]}),
            ],
            Kind::Gemini => vec![
                json!({"candidates": [{"content": {"parts": [{"text": text, "thought": true}]}}]}),
                json!({"candidates": [{"content": {"parts": [{"text": "", "thoughtSignature": "abc"}]}}]}),
            ],
            Kind::Anthropic => vec![
                anthropic_delta(&json!({"type": "thinking_delta", "thinking": text})),
                anthropic_delta(&json!({"type": "signature_delta", "signature": "abc"})),
                json!({"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "x"}}),
            ],
        };
        parts.iter().map(|json| frame(&json.to_string())).collect::<String>()
    };
    add("thoughts", bytes(&[&thought("Hmm."), hello, &thought("Well."), finish]), HELLO);
    add("only thoughts", bytes(&[&thought("Hmm."), finish]), Nothing);
    let slow: Vec<Step> = (0..6).flat_map(|_| [Bytes(thought("Hmm.")), Pause(600)]).collect();
    let slow = [slow, vec![Bytes(format!("{hello}{finish}"))]].concat();
    add("thoughts for longer than the timeout", slow, HELLO);
    if kind == Kind::OpenAi {
        let content = |content: Value| frame(&json!({"choices": [{"delta": {"content": content}}]}).to_string());
        let parts = content(
            json!([{"type": "text", "text": "Hello, "}, {"type": "unheard-of", "text": "x"}, {"type": "text", "text": "wor"}]),
        );
        add("parts of text", bytes(&[&parts, &content(json!({"type": "text", "text": "ld."})), finish]), HELLO);
        let message =
            |text: &str| frame(&json!({"choices": [{"message": {"role": "assistant", "content": text}}]}).to_string());
        add("messages instead of deltas", bytes(&[&message("Hello, "), &message("world."), finish]), HELLO);
        add("the message once more at the end", bytes(&[hello, &message("Hello, world."), finish]), HELLO);
        let both = frame(r#"{"choices":[{"delta":{},"message":{"content":"Hello, world."},"finish_reason":"stop"}]}"#);
        add("the message beside the last delta", bytes(&[hello, &both]), HELLO);
        add(
            "JSON without a finish reason",
            bytes(&[r#"{"choices":[{"message":{"content":"Hello, world."}}]}"#]),
            HELLO,
        );
        add(
            "half of a surrogate pair beside the text",
            bytes(&[&frame(r#"{"id":"\ud83d","choices":[{"delta":{"content":"Hello, world."}}]}"#), finish]),
            HELLO,
        );
    } else if kind == Kind::Anthropic {
        let stop = frame(r#"{"type":"message_stop"}"#);
        let ends =
            |reason: &str| frame(&json!({"type": "message_delta", "delta": {"stop_reason": reason}}).to_string());
        add("the end without a stop reason", bytes(&[hello, &stop]), HELLO);
        add("the end once more", bytes(&[hello, finish, &stop, &stop]), HELLO);
        add("as one that was cut", bytes(&[hello, &ends("max_tokens"), &stop]), HELLO);
        add("another end", bytes(&[hello, &ends("stop_sequence"), &stop]), HELLO);
        add("the limit without a word", bytes(&[&ends("max_tokens"), &stop]), Nothing);
        add("nothing but an end", bytes(&[&stop]), Nothing);
        add("a refusal", bytes(&[&ends("refusal"), &stop]), Nothing);
        add("a refusal in the middle", bytes(&[hello, &ends("refusal"), &stop]), Incomplete("Hello, world."));
        add("an end that nobody knows", bytes(&[hello, &ends("unheard-of")]), Incomplete("Hello, world."));
        let overloaded =
            frame(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#);
        add("overloaded before a word", bytes(&[&overloaded]), Nothing);
        add("overloaded in the middle", bytes(&[hello, &overloaded]), Incomplete("Hello, world."));
        add("overloaded after the end", bytes(&[hello, finish, &overloaded]), HELLO);
    } else {
        add(
            "a finish reason in each piece",
            bytes(&[&hello.replace(r#""index":0"#, r#""index":0,"finishReason":"STOP""#)]),
            HELLO,
        );
        add(
            "the limit without a word",
            bytes(&[&frame(
                r#"{"candidates":[{"finishReason":"MAX_TOKENS"}],"usageMetadata":{"thoughtsTokenCount":9}}"#,
            )]),
            Nothing,
        );
        add("a prompt that is blocked", bytes(&[&frame(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#)]), Nothing);
    }
    all
}

/// An app whose only provider plays scripts.
async fn app_of(kind: Kind, upstream: &Scripted, more: &[(&str, &str)]) -> TestApp {
    let base = format!("http://{}", upstream.addr);
    let own: &[(&str, &str)] = match kind {
        Kind::OpenAi => &[("OPENAI_BASE_URL", base.as_str())],
        Kind::Gemini => &[("CHAT_PROVIDERS", "gemini"), ("GEMINI_BASE_URL", base.as_str()), ("GEMINI_API_KEY", "k")],
        Kind::Anthropic => {
            &[("CHAT_PROVIDERS", "anthropic"), ("ANTHROPIC_BASE_URL", base.as_str()), ("ANTHROPIC_API_KEY", "k")]
        }
    };
    let vars = [own, &[("FREE_CREDITS", "100000"), ("CHAT_TIMEOUT_SECS", "2")][..], more].concat();
    TestApp::start_with(&vars).await
}

async fn app(kind: Kind) -> (TestApp, Scripted) {
    let upstream = Scripted::start(Script::stream(Vec::new())).await;
    (app_of(kind, &upstream, &[]).await, upstream)
}

/// Asks in one of four ways. Returns what came of it.
async fn ask(way: usize, user: &User, program: &User) -> (String, bool) {
    let question = json!({"model": "tessera", "messages": [{"role": "user", "content": "Hello?"}], "stream": way == 3});
    match way {
        0 => {
            let (text, last) = user.chat_stream(&json!({"message": "Hello?"})).await.rest().await;
            (text, last.event == "done")
        }
        1 => {
            let (status, body) = user.chat("Hello?").await;
            (body["data"]["reply"].as_str().unwrap_or_default().to_owned(), status == 200)
        }
        2 => {
            let (status, body) = program.post_json("/v1/chat/completions", &question).await;
            (body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned(), status == 200)
        }
        _ => {
            let response = program.post("/v1/chat/completions").json(&question).send().await.unwrap();
            let body = response.text().await.unwrap();
            let chunks = body.lines().filter_map(|line| line.strip_prefix("data: "));
            let chunks: Vec<Value> = chunks.filter_map(|data| serde_json::from_str(data).ok()).collect();
            let text = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
            (text, body.ends_with("data: [DONE]\n\n"))
        }
    }
}

async fn available(user: &User) -> i64 {
    for _ in 0..100 {
        let credits = user.credits().await;
        if credits["held"] == 0 {
            return credits["available"].as_i64().unwrap();
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a hold stays");
}

async fn every_oddity(kind: Kind) {
    let tasks = oddities(kind).into_iter().map(|(name, steps, comes)| async move {
        let (app, upstream) = app(kind).await;
        let user = app.user().await;
        let program = user.with_key(&json!({})).await;
        upstream.play(Script::stream(steps));
        let mut problems = Vec::new();
        for way in 0..4 {
            let (before, begun) = (available(&user).await, Instant::now());
            let (text, is_whole) = ask(way, &user, &program).await;
            let charged = before - available(&user).await;
            let (wanted, price) = match comes {
                Whole(text) => ((text, true), 1),
                // Whole bodies of what broke off are errors.
                Incomplete(_) if [1, 2].contains(&way) => (("", false), 0),
                Incomplete(text) => ((text, false), 0),
                Nothing => (("", false), 0),
            };
            if (text.as_str(), is_whole) != wanted || charged != price {
                problems.push(format!("{kind:?}, way {way}, {name}: {text:?}, whole: {is_whole}, charged: {charged}"));
            }
            if begun.elapsed() > Duration::from_secs(9) {
                problems.push(format!("{kind:?}, way {way}, {name}: {:?}", begun.elapsed()));
            }
        }
        app.assert_books_balance().await;
        problems
    });
    let mut problems = Vec::new();
    let mut tasks: Vec<_> = tasks.collect();
    while !tasks.is_empty() {
        let some: Vec<_> = tasks.drain(..tasks.len().min(12)).collect();
        problems.extend(futures::future::join_all(some).await.concat());
    }
    assert!(problems.is_empty(), "{}\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn oddities_of_openai_cost_no_answer() {
    every_oddity(Kind::OpenAi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oddities_of_gemini_cost_no_answer() {
    every_oddity(Kind::Gemini).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oddities_of_anthropic_cost_no_answer() {
    every_oddity(Kind::Anthropic).await;
}

#[tokio::test]
async fn an_answer_is_whole_soon_after_its_finish_reason_and_recorded_so() {
    for kind in Kind::ALL {
        let upstream = Scripted::start(Script::stream(vec![Bytes(hello(kind) + &finish(kind)), Hold])).await;
        let app = app_of(kind, &upstream, &[("CHAT_TIMEOUT_SECS", "30")]).await;
        let user = app.user().await;
        let begun = Instant::now();
        let response = user.post("/api/chat").json(&json!({"message": "Hello?"})).send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(response.status(), 200);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        let attempts = recorded(&app, &id).await;
        assert_eq!((attempts.len(), attempts[0].outcome, attempts[0].is_estimated), (1, Outcome::Ok, true));
    }
}

async fn recorded(app: &TestApp, request: &str) -> Vec<tessera::usage::Attempt> {
    for _ in 0..100 {
        let found = app.state.stores.attempts.find_by_request(request).await.unwrap();
        if !found.is_empty() {
            return found;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing was recorded");
}

#[tokio::test]
async fn thoughts_that_end_and_do_not_begin_are_learned() {
    let kind = Kind::OpenAi;
    let upstream = Scripted::start(Script::stream(Vec::new())).await;
    let base = format!("http://{}/v1", upstream.addr);
    let app = TestApp::start_with(&[("OPENAI_BASE_URL", base.as_str()), ("CHAT_CACHE", "off")]).await;
    let user = app.user().await;
    let play = |pieces: &[&str]| {
        let said: String = pieces.iter().map(|text| says(kind, text)).collect();
        upstream.play(Script::stream(bytes(&[&said, &finish(kind)])));
    };
    let tokens = async |user: &User| {
        let events = user.chat_stream(&json!({"message": "hi"})).await.all().await;
        let text = |name: &str, field: &str| -> String {
            let named = events.iter().filter(|event| event.event == name);
            named
                .filter_map(|event| serde_json::from_str::<Value>(&event.data).ok()?[field].as_str().map(str::to_owned))
                .collect()
        };
        (text("token", "text"), text("done", "reply"))
    };
    play(&["Hmm.", "\n</th", "ink>\n\n", "Six."]);
    // The first time it is known at the end.
    let (heard, reply) = tokens(&user).await;
    assert_eq!((heard.as_str(), reply.as_str()), ("Hmm.\n</think>\n\nSix.", "Six."));
    let (status, answer) = user.chat("again").await;
    assert_eq!((status, &answer["data"]["reply"]), (200, &json!("Six.")), "{answer}");
    assert_eq!(tokens(&user).await, ("Six.".to_owned(), String::new()));
    // Only thoughts are no answer, and free.
    play(&["Hmm.", "\n</think>\n"]);
    let before = user.credits().await["available"].clone();
    assert_eq!(user.chat("nothing").await.0, 502);
    assert_eq!(user.credits().await["available"], before);
    // Another model is behind the server now.
    play(&["Sev", "en."]);
    assert_eq!(tokens(&user).await.0, "Seven.");
    let events = user.chat_stream(&json!({"message": "hi"})).await.all().await;
    assert_eq!(events.iter().filter(|event| event.event == "token").count(), 2);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn who_watches_is_told_what_the_model_thinks_once_the_answer_has_begun() {
    let (app, upstream) = app(Kind::OpenAi).await;
    let user = app.user().await;
    let thought = frame(r#"{"choices":[{"delta":{"reasoning_content":"secret"}}]}"#);
    upstream.play(Script::stream(bytes(&[
        &thought,
        &thought,
        &says(Kind::OpenAi, "<think>secret</think>"),
        &says(Kind::OpenAi, "Six."),
        &finish(Kind::OpenAi),
    ])));
    let events = user.chat_stream(&json!({"message": "2 * 3?"})).await.all().await;
    let names: Vec<_> = events.iter().map(|event| event.event.as_str()).collect();
    // That it thinks, what it thought, and what it says.
    assert_eq!(names, ["start", "thinking", "thinking", "token", "done"]);
    let texts = events
        .iter()
        .filter(|event| event.event == "thinking")
        .map(|event| serde_json::from_str::<Value>(&event.data).unwrap()["text"].as_str().unwrap().to_owned());
    assert_eq!(texts.collect::<Vec<_>>(), ["", "secretsecretsecret"]);
    // It is kept with the answer, and the next prompt does not have it.
    let (_, list) = user.get_json("/api/conversations").await;
    let id = list["data"]["items"][0]["id"].as_str().unwrap();
    let (_, stored) = user.get_json(&format!("/api/conversations/{id}")).await;
    let message = &stored["data"]["messages"][1];
    assert_eq!((&message["content"], &message["thinking"]["text"]), (&json!("Six."), &json!("secretsecretsecret")));
    user.post_json("/api/chat", &json!({"message": "And 3 * 3?", "conversationId": id})).await;
    let asked = upstream.asked().pop().unwrap();
    assert_eq!(asked["messages"][1]["content"], "Six.");
    assert!(!asked.to_string().contains("secret"));
}

#[tokio::test]
async fn thoughts_are_read_by_nobody_who_does_not_pay_for_an_answer() {
    for kind in Kind::ALL {
        let (app, upstream) = app(kind).await;
        let user = app.user().await;
        let program = user.with_key(&json!({})).await;
        let thought = match kind {
            Kind::OpenAi => json!({"choices": [{"delta": {"reasoning_content": "secret"}}]}),
            Kind::Gemini => json!({"candidates": [{"content": {"parts": [{"text": "secret", "thought": true}]}}]}),
            Kind::Anthropic => anthropic_delta(&json!({"type": "thinking_delta", "thinking": "secret"})),
        };
        let thought = frame(&thought.to_string());
        // Only thoughts; thoughts and white space; and one that is stopped while it thinks.
        for end in [finish(kind), says(kind, " \n") + &finish(kind), says(kind, " ")] {
            upstream.play(Script::stream(bytes(&[&thought, &thought, &end])));
            let before = available(&user).await;
            let events = user.chat_stream(&json!({"message": "2 * 3?"})).await.all().await;
            assert!(events.iter().all(|event| !event.data.contains("secret")), "{kind:?}: {events:?}");
            for stream in [false, true] {
                let body =
                    json!({"model": "tessera", "stream": stream, "messages": [{"role": "user", "content": "2 * 3?"}]});
                let answer =
                    program.post("/v1/chat/completions").json(&body).send().await.unwrap().text().await.unwrap();
                assert!(!answer.contains("secret"), "{kind:?}: {answer}");
            }
            let (_, list) = user.get_json("/api/conversations").await;
            let path = format!("/api/conversations/{}", list["data"]["items"][0]["id"].as_str().unwrap());
            assert!(!user.get_json(&path).await.1.to_string().contains("secret"), "{kind:?}");
            assert_eq!(available(&user).await, before, "{kind:?}");
        }
        app.assert_books_balance().await;
    }
}

/// Two providers: one that plays scripts, then one that is well.
async fn beside_a_healthy_one(more: &[(&str, &str)]) -> (TestApp, Scripted, User) {
    let upstream = Scripted::start(Script::stream(Vec::new())).await;
    let base = format!("http://{}", upstream.addr);
    let own = [
        ("CHAT_PROVIDERS", "gemini,openai"),
        ("GEMINI_BASE_URL", base.as_str()),
        ("GEMINI_API_KEY", "k"),
        ("FREE_CREDITS", "100000"),
        ("CHAT_TIMEOUT_SECS", "2"),
        ("RATE_LIMIT_PER_MINUTE", "100000"),
    ];
    let app = TestApp::start_with(&[&own[..], more].concat()).await;
    let user = app.user().await;
    (app, upstream, user)
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_healthy_provider_199_of_200_questions_are_answered() {
    let kind = Kind::Gemini;
    let broken = [
        ("always breaks off", Script::stream(vec![Bytes(hello(kind)), Cut])),
        ("ends without a finish reason", Script::stream(vec![Bytes(hello(kind))])),
        ("refuses", Script::body(422, r#"{"detail":[{"loc":["body"],"msg":"no"}]}"#)),
        ("does not know the path", Script::body(404, "nothing here")),
        ("fails", Script::body(500, "{}")),
        ("answers with a page", Script::stream(bytes(&["<html>Sign in"]))),
        ("has an error for JSON", Script::body(200, r#"{"error":{"message":"no"}}"#)),
        ("answers with nothing", Script::stream(Vec::new())),
        ("only thinks", Script::stream(bytes(&[&says(kind, "<think>Hmm.</think>"), &finish(kind)]))),
        ("blocks everything", Script::stream(bytes(&[&frame(r#"{"promptFeedback":{"blockReason":"OTHER"}}"#)]))),
        ("resets", Script::stream(vec![Reset])),
    ];
    let tries = broken.into_iter().map(|(name, script)| async move {
        let (app, upstream, user) = beside_a_healthy_one(&[]).await;
        upstream.play(script);
        let mut answered = 0;
        for _ in 0..200 {
            answered += usize::from(user.chat("#tokens=1").await.0 == 200);
        }
        assert!(answered >= 199, "{name}: {answered}");
        assert_eq!(available(&user).await, 100_000 - i64::try_from(answered).unwrap(), "{name}");
        app.assert_books_balance().await;
        let (_, ready) = user.get_json("/readyz").await;
        // What somebody asks may be the reason of what is blocked, and of an answer that is empty.
        let is_visible = ready["chatProviders"][0]["problem"].is_string();
        assert_eq!(is_visible, !["only thinks", "blocks everything"].contains(&name), "{name}: {ready}");
    });
    let tries: Vec<_> = tries.collect();
    futures::future::join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_was_well_and_breaks_off_costs_one_answer_and_one_for_each_trial() {
    let kind = Kind::Gemini;
    let (app, upstream, user) = beside_a_healthy_one(&[]).await;
    upstream.play(Script::stream(bytes(&[&hello(kind), &finish(kind)])));
    for _ in 0..10 {
        assert_eq!(user.chat("#tokens=1").await.1["data"]["provider"], "gemini");
    }
    upstream.play(Script::stream(vec![Bytes(hello(kind)), Cut]));
    let mut answered = 0;
    for _ in 0..200 {
        answered += usize::from(user.chat("#tokens=1").await.0 == 200);
    }
    // On a machine that is slow today, 200 questions outlast the first pause, and its trial is the second.
    assert!(answered >= 198, "{answered}");
    assert_eq!(available(&user).await, 100_000 - 10 - i64::try_from(answered).unwrap());
    app.assert_books_balance().await;
}

#[tokio::test]
async fn failures_with_pictures_say_nothing_about_text() {
    let upstream = Scripted::start(Script::stream(Vec::new())).await;
    let app = app_of(Kind::OpenAi, &upstream, &[]).await;
    let user = app.user().await;
    upstream.answer(|asked| {
        if asked["messages"].to_string().contains("image_url") {
            return Script::body(500, r#"{"error":{"message":"internal error"}}"#);
        }
        Script::stream(bytes(&[&hello(Kind::OpenAi), &finish(Kind::OpenAi)]))
    });
    let shown = json!({"message": "What is this?", "images": [crate::support::PNG_URL]});
    for _ in 0..7 {
        assert_ne!(user.post_json("/api/chat", &shown).await.0, 200);
    }
    let (_, ready) = user.get_json("/readyz").await;
    assert_eq!(
        (&ready["chatProviders"][0]["breaker"], &ready["chatProviders"][0]["problem"]),
        (&json!("closed"), &Value::Null)
    );
    assert_eq!(upstream.calls(), 3, "then it is known not to see");
    assert_eq!(user.chat("Hello?").await.0, 200);
    // Where something was shown before, the text goes alone.
    let (_, list) = user.get_json("/api/conversations?limit=50").await;
    let shown = list["data"]["items"].as_array().unwrap().iter().find(|item| item["title"] == "What is this?").unwrap();
    let next = json!({"message": "And now?", "conversationId": shown["id"]});
    assert_eq!(user.post_json("/api/chat", &next).await.0, 200);
}

/// An OpenAI-compatible server that takes only these fields.
fn strict(known: &'static [&'static str]) -> impl Fn(&Value) -> Script + Send + Sync {
    move |asked| {
        let unknown: Vec<_> = asked.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str())).collect();
        if unknown.is_empty() {
            return Script::stream(bytes(&[&hello(Kind::OpenAi), &finish(Kind::OpenAi)]));
        }
        let told = |key: &&String| json!({"type": "extra_forbidden", "loc": ["body", key], "msg": "Extra inputs are not permitted", "input": 1});
        Script::body(422, json!({"detail": unknown.iter().map(told).collect::<Vec<_>>()}).to_string())
    }
}

#[tokio::test]
async fn what_a_strict_server_does_not_take_is_left_out_and_remembered() {
    let (app, upstream) = app(Kind::OpenAi).await;
    let user = app.user().await;
    upstream.answer(strict(&["model", "messages", "stream", "max_tokens", "temperature"]));
    for calls in [2, 3] {
        assert_eq!(user.chat("Hello?").await.0, 200);
        assert_eq!(upstream.calls(), calls, "it is asked again once, and then known");
    }
    let asked = upstream.asked().pop().unwrap();
    assert_eq!((&asked["max_tokens"], &asked["max_completion_tokens"]), (&json!(1024), &Value::Null));
    // One after the other, and as OpenAI says it; what was asked for is never left out.
    let (app, upstream) = self::app(Kind::OpenAi).await;
    let user = app.user().await;
    upstream.answer(|asked| {
        let refuse = |param: &str| {
            let message =
                format!("Unsupported parameter: '{param}' is not supported with this model. Use 'max_tokens' instead.");
            Script::body(
                400,
                json!({"error": {"message": message, "param": param, "code": "unsupported_parameter"}}).to_string(),
            )
        };
        for param in ["max_completion_tokens", "max_tokens", "stream_options", "temperature"] {
            if asked.get(param).is_some() {
                return refuse(param);
            }
        }
        Script::stream(bytes(&[&hello(Kind::OpenAi), &finish(Kind::OpenAi)]))
    });
    assert_eq!(user.chat("Hello?").await.0, 200);
    assert_eq!(upstream.calls(), 4);
    let program = user.with_key(&json!({})).await;
    let warm = json!({"model": "tessera", "temperature": 0.5, "messages": [{"role": "user", "content": "Hello?"}]});
    let before = available(&user).await;
    let (status, body) = program.post_json("/v1/chat/completions", &warm).await;
    assert_eq!((status, upstream.calls(), available(&user).await), (400, 5, before), "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains("'temperature' is not supported"), "{body}");
}

/// An OpenAI-compatible server that takes so many bytes.
fn narrow(most: usize, names_window: bool) -> impl Fn(&Value) -> Script + Send + Sync {
    move |asked| {
        let bytes_asked: usize =
            asked["messages"].as_array().unwrap().iter().map(|turn| turn["content"].as_str().unwrap().len()).sum();
        if bytes_asked <= most {
            return Script::stream(bytes(&[&hello(Kind::OpenAi), &finish(Kind::OpenAi)]));
        }
        let message = if names_window { "This model's maximum context length is 2048 tokens." } else { "Too long." };
        Script::body(400, json!({"error": {"message": message, "code": "context_length_exceeded"}}).to_string())
    }
}

#[tokio::test]
async fn a_conversation_outlives_the_window_of_its_server() {
    for (vars, names_window, most_calls) in [
        (&[("MAX_MESSAGE_CHARS", "5000")][..], true, 13),
        (&[("MAX_MESSAGE_CHARS", "5000")][..], false, 16),
        (&[("MAX_MESSAGE_CHARS", "5000"), ("OPENAI_CONTEXT_TOKENS", "2048")][..], false, 12),
    ] {
        let upstream = Scripted::start(Script::stream(Vec::new())).await;
        upstream.answer(narrow(4500, names_window));
        let app = app_of(Kind::OpenAi, &upstream, vars).await;
        let user = app.user().await;
        let mut conversation = Value::Null;
        for turn in 0..12 {
            let asked = json!({"message": format!("{turn} {}", "word ".repeat(150)), "conversationId": conversation});
            let (status, body) = user.post_json("/api/chat", &asked).await;
            assert_eq!(status, 200, "turn {turn}: {body}");
            conversation = body["data"]["conversationId"].clone();
        }
        assert!(upstream.calls() <= most_calls, "{vars:?}: {}", upstream.calls());
        // Who watches is told that not all was read, and others are not.
        let names = async |asked: Value| -> Vec<String> {
            user.chat_stream(&asked).await.all().await.into_iter().map(|event| event.event).collect()
        };
        let told = names(json!({"message": "And now?", "conversationId": conversation})).await;
        assert_eq!(told[..3], ["start", "shortened", "token"], "{vars:?}");
        assert!(!names(json!({"message": "Short?"})).await.contains(&"shortened".to_owned()));
        // What is too long by itself is told as such, to people and to programs.
        let before = available(&user).await;
        let (status, body) = user.chat(&"word ".repeat(999)).await;
        assert_eq!((status, &body["code"]), (400, &json!("context_length_exceeded")), "{body}");
        let program = user.with_key(&json!({})).await;
        let long = json!({"model": "tessera", "messages": [{"role": "user", "content": "word ".repeat(999)}]});
        let (status, body) = program.post_json("/v1/chat/completions", &long).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!("context_length_exceeded")), "{body}");
        assert_eq!(available(&user).await, before);
        app.assert_books_balance().await;
    }
}

#[tokio::test]
async fn what_a_refusal_says_of_a_window_is_believed_once_it_has_helped() {
    let upstream = Scripted::start(Script::stream(Vec::new())).await;
    let app = app_of(Kind::OpenAi, &upstream, &[]).await;
    let user = app.user().await;
    let well = || Script::stream(bytes(&[&hello(Kind::OpenAi), &finish(Kind::OpenAi)]));
    upstream.answer(move |_| well());
    let mut conversation = Value::Null;
    for _ in 0..3 {
        let (_, body) =
            user.post_json("/api/chat", &json!({"message": "Hello?", "conversationId": conversation})).await;
        conversation = body["data"]["conversationId"].clone();
    }
    // A server may repeat words of the request, as if they were its own.
    let told = "Invalid value: 'context length 256'";
    upstream.answer(move |_| Script::body(400, json!({"error": {"message": told}}).to_string()));
    let next = json!({"message": "Hello?", "conversationId": conversation});
    assert_eq!(user.post_json("/api/chat", &next).await.0, 400);
    upstream.answer(move |_| well());
    let long = json!({"message": "word ".repeat(190), "conversationId": conversation});
    assert_eq!(user.post_json("/api/chat", &long).await.0, 200);
    let sent = upstream.asked().pop().unwrap();
    assert_eq!(sent["messages"].as_array().unwrap().len(), 8, "all of it: {sent}");
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_program_that_sends_too_much_is_told_so_and_not_answered_to_half_of_it() {
    let upstream = Scripted::start(Script::stream(Vec::new())).await;
    upstream.answer(narrow(600, true));
    let app = app_of(Kind::OpenAi, &upstream, &[]).await;
    let (user, before) = (app.user().await, 100_000);
    let program = user.with_key(&json!({})).await;
    // What the conversation of somebody else has shown of the server changes nothing.
    let mut conversation = Value::Null;
    for _ in 0..2 {
        let asked = json!({"message": "word ".repeat(80), "conversationId": conversation});
        let (status, body) = user.post_json("/api/chat", &asked).await;
        assert_eq!(status, 200, "{body}");
        conversation = body["data"]["conversationId"].clone();
    }
    let turn = |role: &str| json!({"role": role, "content": "word ".repeat(60)});
    let long = json!({"model": "tessera", "messages": [turn("user"), turn("assistant"), turn("user")]});
    let (status, body) = program.post_json("/v1/chat/completions", &long).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("context_length_exceeded")), "{body}");
    assert_eq!(available(&user).await, before - 2);
}

#[tokio::test]
async fn what_a_program_chooses_says_nothing_of_a_provider() {
    let upstream = Scripted::start(Script::stream(Vec::new())).await;
    let app = app_of(Kind::OpenAi, &upstream, &[]).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    let asked = |more: Value| {
        let mut body = json!({"model": "tessera", "messages": [{"role": "user", "content": "Hello?"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (field, value) in [("reasoning_effort", "context length 256"), ("verbosity", "image input is not supported")] {
        let (status, body) = program.post_json("/v1/chat/completions", &asked(json!({ field: value }))).await;
        assert_eq!((status, &body["error"]["param"]), (400, &json!(field)), "{body}");
    }
    assert_eq!(upstream.calls(), 0);
    upstream.answer(|_| Script::body(500, r#"{"error":{"message":"failed to parse grammar: no image support"}}"#));
    let schema = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}});
    let image = json!([{"type": "image_url", "image_url": {"url": crate::support::PNG_URL}}]);
    for number in 0..8 {
        let mut body = asked(schema.clone());
        if number % 2 == 0 {
            body["messages"][0]["content"] = image.clone();
        }
        assert_eq!(program.post_json("/v1/chat/completions", &body).await.0, 502);
    }
    let (_, ready) = user.get_json("/readyz").await;
    assert_eq!(ready["chatProviders"][0]["breaker"], "closed", "{ready}");
    upstream.answer(|_| Script::stream(bytes(&[&hello(Kind::OpenAi), &finish(Kind::OpenAi)])));
    let shown = json!({"message": "What is this?", "images": [crate::support::PNG_URL]});
    assert_eq!(user.post_json("/api/chat", &shown).await.0, 200, "it is not taken for blind");
}

#[tokio::test]
async fn a_limit_that_is_too_large_for_a_model_is_left_out_once_and_not_for_ever() {
    const FIELDS: [&str; 2] = ["max_completion_tokens", "max_tokens"];
    let upstream = Scripted::start(Script::stream(Vec::new())).await;
    let limit_of = |asked: &Value| FIELDS.iter().find_map(|field| asked[field].as_i64());
    upstream.answer(move |asked| {
        for field in FIELDS {
            if asked[field].as_i64().is_some_and(|tokens| tokens > 500) {
                let told = format!("{field} is too large: 900. This model supports at most 500 completion tokens.");
                return Script::body(400, json!({"error": {"message": told, "param": field}}).to_string());
            }
        }
        Script::stream(bytes(&[&hello(Kind::OpenAi), &finish(Kind::OpenAi)]))
    });
    let app = app_of(Kind::OpenAi, &upstream, &[]).await;
    let program = app.user().await.with_key(&json!({})).await;
    for (tokens, sent) in [(900, None), (5, Some(5)), (900, None), (400, Some(400))] {
        let messages = json!([{"role": "user", "content": "Hello?"}]);
        let body = json!({"model": "tessera", "max_tokens": tokens, "messages": messages});
        let (status, answer) = program.post_json("/v1/chat/completions", &body).await;
        assert_eq!((status, limit_of(&upstream.asked().pop().unwrap())), (200, sent), "{answer}");
    }
}

#[tokio::test]
async fn what_a_model_makes_of_a_prompt_says_nothing_of_its_server() {
    for (kind, reasons) in [
        (Kind::OpenAi, &["tool_calls", "content_filter"][..]),
        (Kind::Gemini, &["MALFORMED_FUNCTION_CALL", "OTHER", "SAFETY"][..]),
        (Kind::Anthropic, &["refusal"][..]),
    ] {
        let (app, upstream) = app(kind).await;
        let user = app.user().await;
        for reason in reasons {
            let end = match kind {
                Kind::OpenAi => json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
                Kind::Gemini => json!({"candidates": [{"index": 0, "finishReason": reason}]}),
                Kind::Anthropic => json!({"type": "message_delta", "delta": {"stop_reason": reason}}),
            };
            upstream.answer(move |_| Script::stream(bytes(&[&frame(&end.to_string())])));
            for _ in 0..6 {
                assert_eq!(user.chat("Hello?").await.0, 400, "{reason}");
            }
        }
        let (_, ready) = user.get_json("/readyz").await;
        assert_eq!(ready["chatProviders"][0]["breaker"], "closed", "{ready}");
        app.assert_books_balance().await;
    }
}

#[tokio::test]
async fn answers_without_a_word_by_choice_are_counted_and_others_are_not() {
    let upstream = Scripted::start(Script::stream(Vec::new())).await;
    let app = app_of(Kind::OpenAi, &upstream, &[("FREE_STOPS_PER_DAY", "2")]).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    let body = json!({"model": "tessera", "messages": [{"role": "user", "content": "Hello?"}], "stop": ["A"]});
    // The provider broke off, or gave nothing: no choice of the user's.
    upstream.answer(|_| Script::stream(bytes(&["data: {}\n\n"])));
    for _ in 0..3 {
        assert_eq!(program.post_json("/v1/chat/completions", &body).await.0, 502);
    }
    upstream.answer(|_| Script::stream(bytes(&[&finish(Kind::OpenAi)])));
    for _ in 0..2 {
        let (status, answer) = program.post_json("/v1/chat/completions", &body).await;
        assert!(status == 400 && answer["error"]["message"].as_str().unwrap().contains("stop"), "{answer}");
    }
    let calls = upstream.calls();
    assert_eq!(program.post_json("/v1/chat/completions", &body).await.0, 429);
    assert_eq!(upstream.calls(), calls);
    assert_eq!(available(&user).await, 100_000);
}

#[tokio::test]
async fn a_picture_in_a_form_that_gemini_does_not_take_is_sent_in_another() {
    let (app, upstream) = app(Kind::Gemini).await;
    let user = app.user().await;
    upstream.play(Script::stream(bytes(&[&hello(Kind::Gemini), &finish(Kind::Gemini)])));
    let gif = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
    let (status, body) = user.post_json("/api/chat", &json!({"message": "What is this?", "images": [gif]})).await;
    assert_eq!(status, 200, "{body}");
    let sent = upstream.asked().pop().unwrap();
    assert_eq!(sent["contents"][0]["parts"][1]["inlineData"]["mimeType"], "image/png");
    let next = json!({"message": "And now?", "conversationId": body["data"]["conversationId"]});
    assert_eq!(user.post_json("/api/chat", &next).await.0, 200);
}

#[tokio::test]
async fn a_provider_that_was_at_work_leaves_the_next_its_time() {
    let (app, upstream, user) = beside_a_healthy_one(&[]).await;
    let thought =
        frame(&json!({"candidates": [{"content": {"parts": [{"text": "Hmm.", "thought": true}]}}]}).to_string());
    let steps: Vec<Step> = (0..4).flat_map(|_| [Bytes(thought.clone()), Pause(700)]).chain([Cut]).collect();
    upstream.play(Script::stream(steps));
    let (status, body) = user.chat("#tokens=1 #pause=500").await;
    assert_eq!((status, &body["data"]["provider"]), (200, &json!("openai")), "{body}");
    app.assert_books_balance().await;
}
