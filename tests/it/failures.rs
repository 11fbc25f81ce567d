//! Each failure of each kind of provider in each dialect, streamed and not: the error in the shape of the dialect, with `Retry-After` or
//! not, the record of the attempt, the breaker of the provider after it, and that it is charged once or not at all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;

use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::usage::Outcome;
use tokio::time::{Duration, sleep};

use crate::kinds::{Dialect, Kind};
use crate::scripted::Step::{Bytes, Cut, Hold, Reset};
use crate::scripted::{Script, Scripted};
use crate::support::{TestApp, User};

/// Requests at a time.
const AT_ONCE: usize = 16;

impl Kind {
    /// A piece of text.
    fn says(self, text: &str) -> String {
        frame(&match self {
            Self::OpenAi => json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}),
            Self::Gemini => json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]}),
            Self::Anthropic => block_delta(&json!({"type": "text_delta", "text": text})),
        })
    }

    /// A piece of a thought.
    fn thinks(self, text: &str) -> String {
        frame(&match self {
            Self::OpenAi => json!({"choices": [{"index": 0, "delta": {"reasoning_content": text}}]}),
            Self::Gemini => json!({"candidates": [{"content": {"parts": [{"text": text, "thought": true}]}}]}),
            Self::Anthropic => block_delta(&json!({"type": "thinking_delta", "thinking": text})),
        })
    }

    fn ends(self, reason: &str) -> String {
        frame(&match self {
            Self::OpenAi => json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
            Self::Gemini => json!({"candidates": [{"finishReason": reason}]}),
            Self::Anthropic => json!({"type": "message_delta", "delta": {"stop_reason": reason}}),
        })
    }

    /// Its reasons for an end: complete, too long, refused.
    const fn reasons(self) -> [&'static str; 3] {
        match self {
            Self::OpenAi => ["stop", "length", "content_filter"],
            Self::Gemini => ["STOP", "MAX_TOKENS", "SAFETY"],
            Self::Anthropic => ["end_turn", "max_tokens", "refusal"],
        }
    }

    /// The body of an error.
    fn fault(self, code: u16, word: &str, message: &str) -> String {
        match self {
            Self::OpenAi => json!({"error": {"message": message, "type": word, "param": null, "code": word}}),
            Self::Gemini => json!({"error": {"code": code, "message": message, "status": word}}),
            Self::Anthropic => json!({"type": "error", "error": {"type": word, "message": message}}),
        }
        .to_string()
    }

    /// A call of a tool whose arguments are no JSON; without `is_told` only the reason says that there is one.
    fn broken_call(self, is_told: bool) -> String {
        let (told, reason) = match self {
            Self::OpenAi => {
                let function = json!({"name": "look", "arguments": "{\"at\":"});
                let call = json!({"index": 0, "id": "call_1", "type": "function", "function": function});
                (frame(&json!({"choices": [{"delta": {"tool_calls": [call]}}]})), "tool_calls")
            }
            // Its calls come as whole objects, and a reason says that it could not write one.
            Self::Gemini => return self.ends("MALFORMED_FUNCTION_CALL"),
            Self::Anthropic => {
                let block = json!({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}});
                let begun = json!({"type": "content_block_start", "index": 0, "content_block": block});
                let piece = block_delta(&json!({"type": "input_json_delta", "partial_json": "{\"at\":"}));
                (frame(&begun) + &frame(&piece), "tool_use")
            }
        };
        if is_told { told + &self.ends(reason) } else { self.ends(reason) }
    }
}

fn frame(json: &Value) -> String {
    format!("data: {json}\n\n")
}

fn block_delta(delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": 0, "delta": delta})
}

impl Dialect {
    /// The field with the limit of tokens.
    const fn limit(self) -> &'static str {
        match self {
            Self::Chat => "max_completion_tokens",
            Self::Responses => "max_output_tokens",
            Self::Messages => "max_tokens",
        }
    }

    fn request(self, model: &str, is_stream: bool) -> Value {
        let schema = json!({"type": "object", "properties": {"at": {"type": "integer"}}});
        let (said, tools) = match self {
            Self::Chat => {
                let function = json!({"name": "look", "parameters": schema});
                (json!([{"role": "user", "content": "Hello?"}]), json!([{"type": "function", "function": function}]))
            }
            Self::Responses => (json!("Hello?"), json!([{"type": "function", "name": "look", "parameters": schema}])),
            Self::Messages => {
                (json!([{"role": "user", "content": "Hello?"}]), json!([{"name": "look", "input_schema": schema}]))
            }
        };
        let mut body = json!({"model": model, "stream": is_stream, self.limit(): 500});
        body[if self == Self::Responses { "input" } else { "messages" }] = said;
        // A request with tools that is refused does not count against a provider, so others have none.
        if model.contains("call") {
            body["tools"] = tools;
        }
        body
    }

    /// Type and code of an error; a problem where it does not have the shape of the dialect.
    fn error_of(self, body: &Value) -> Result<(String, String), String> {
        let error = &body["error"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let is_own = match self {
            Self::Chat | Self::Responses => error.get("param").is_some() && error.get("code").is_some(),
            Self::Messages => body["type"] == "error" && body["request_id"].is_string(),
        };
        if !is_own || text(&error["message"]).is_empty() {
            return Err(format!("no error of its own: {body}"));
        }
        Ok((text(&error["type"]), text(&error["code"])))
    }
}

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The provider failed.
    Failed,
    TimedOut,
    /// The provider allows no request for so many seconds.
    Limited(u64),
    /// The provider does not take the request, or refuses to answer.
    Refused,
    TooLong,
    /// The limit of tokens that the client chose left no answer.
    NothingLeft,
    /// An answer, which is charged. It ends for this reason, as chat completions name it.
    Answer(&'static str),
}
use Told::{Answer, Failed, Limited, NothingLeft, Refused, TimedOut, TooLong};

impl Told {
    const fn status(self) -> u16 {
        match self {
            Failed => 502,
            TimedOut => 504,
            Limited(_) => 429,
            Refused | TooLong | NothingLeft => 400,
            Answer(_) => 200,
        }
    }

    /// Type and code of the error.
    const fn named(self, dialect: Dialect) -> (&'static str, &'static str) {
        match (dialect, self) {
            (Dialect::Messages, Failed) => ("api_error", ""),
            (Dialect::Messages, TimedOut) => ("timeout_error", ""),
            (Dialect::Messages, Limited(_)) => ("rate_limit_error", ""),
            (Dialect::Messages, _) | (_, NothingLeft) => ("invalid_request_error", ""),
            (_, Failed) => ("server_error", "provider_failed"),
            (_, TimedOut) => ("server_error", "provider_timeout"),
            (_, Limited(_)) => ("requests", "rate_limit_exceeded"),
            (_, Refused) => ("invalid_request_error", "provider_refused"),
            (_, TooLong) => ("invalid_request_error", "context_length_exceeded"),
            (_, Answer(_)) => ("", ""),
        }
    }
}

/// What a provider does.
enum Does {
    Plays(Script),
    /// Nothing listens at its address.
    IsGone,
    /// It accepts connections and never answers.
    IsMute,
}
use Does::{IsGone, IsMute, Plays};

/// A failure, and what comes of it.
struct Failure {
    name: &'static str,
    does: Does,
    told: Told,
    outcome: Outcome,
    /// A part of the answer came before.
    has_begun: bool,
    /// It counts against the provider, which rests after five in a row.
    is_sick: bool,
}

/// All failures of a kind of provider.
fn failures(kind: Kind) -> Vec<Failure> {
    let [stop, length, refused] = kind.reasons();
    let hello = kind.says("Hello");
    let stream = |pieces: &[&str]| Plays(Script::stream(vec![Bytes(pieces.concat())]));
    let status = |code: u16, word: &str| Plays(Script::body(code, kind.fault(code, word, "on purpose")));
    let busy = |headers: &'static str| {
        let script = Script::body(429, kind.fault(429, "rate_limit_error", "slow down"));
        Plays(Script { headers, ..script })
    };
    let then = |begin: &str, step| Plays(Script::stream(vec![Bytes(begin.to_owned()), step]));
    let too_long = match kind {
        Kind::OpenAi => "This model's maximum context length is 2048 tokens.",
        Kind::Gemini => "The input token count exceeds the maximum number of tokens allowed 2048.",
        Kind::Anthropic => "prompt is too long: 208310 tokens > 200000 maximum",
    };
    let filtered = match kind {
        Kind::OpenAi => status(400, "content_filter"),
        Kind::Gemini => stream(&[&frame(&json!({"promptFeedback": {"blockReason": "SAFETY"}}))]),
        Kind::Anthropic => stream(&[&kind.ends(refused)]),
    };
    let page = Script { content_type: "text/html", ..Script::body(200, "<html><body>Sign in</body></html>") };
    let fault = kind.fault(500, "api_error", "on purpose");
    let in_stream = frame(&serde_json::from_str(&fault).unwrap());
    // Anthropic's own word for it says that it is down.
    let faulty = if kind == Kind::Anthropic { Outcome::Unavailable } else { Outcome::Malformed };
    let bad = |name, does, told, outcome| Failure { name, does, told, outcome, has_begun: false, is_sick: true };
    let fair = |name, does, told, outcome| Failure { is_sick: false, ..bad(name, does, told, outcome) };
    let cut = |name, does, told, outcome| Failure { has_begun: true, ..bad(name, does, told, outcome) };
    let mut all = vec![
        bad("gone", IsGone, Failed, Outcome::Unavailable),
        bad("key", status(401, "authentication_error"), Failed, Outcome::Unavailable),
        bad("forbidden", status(403, "permission_error"), Failed, Outcome::Unavailable),
        bad("no-model", status(404, "not_found_error"), Failed, Outcome::Unavailable),
        fair("bad-request", status(400, "invalid_request_error"), Refused, Outcome::Rejected),
        fair(
            "too-long",
            Plays(Script::body(400, kind.fault(400, "invalid_request_error", too_long))),
            TooLong,
            Outcome::Rejected,
        ),
        fair("filter", filtered, Refused, Outcome::Blocked),
        bad("busy", busy("retry-after: 7\r\n"), Limited(7), Outcome::RateLimited),
        bad("busy-for-hours", busy("retry-after: 7200\r\n"), Limited(7200), Outcome::RateLimited),
        bad("busy-for-some-time", busy(""), Limited(0), Outcome::RateLimited),
        bad("error-500", status(500, "api_error"), Failed, Outcome::Unavailable),
        bad("error-503", status(503, "overloaded_error"), Failed, Outcome::Unavailable),
        bad("page", Plays(page), Failed, Outcome::Malformed),
        bad("error-in-200", Plays(Script::body(200, fault)), Failed, faulty),
        bad("error-in-stream", stream(&[&in_stream]), Failed, faulty),
        bad("cut-before", Plays(Script::stream(vec![Cut])), Failed, Outcome::Malformed),
        bad("reset-before", Plays(Script::stream(vec![Reset])), Failed, Outcome::Malformed),
        bad("mute", IsMute, TimedOut, Outcome::Timeout),
        bad("silent", Plays(Script::stream(vec![Hold])), TimedOut, Outcome::Timeout),
        bad("thinks-and-is-silent", then(&kind.thinks("Hm."), Hold), TimedOut, Outcome::Timeout),
        cut("cut", then(&hello, Cut), Failed, Outcome::Cut),
        cut("reset", then(&hello, Reset), Failed, Outcome::Cut),
        cut("ends-early", stream(&[&hello]), Failed, Outcome::Cut),
        cut("error-midway", stream(&[&hello, &in_stream]), Failed, Outcome::Cut),
        cut("garbage-midway", stream(&[&hello, "data: {\"choices\":[{\"del\n\n"]), Failed, Outcome::Cut),
        cut("silent-midway", then(&hello, Hold), TimedOut, Outcome::Timeout),
        cut("unknown-reason", stream(&[&hello, &kind.ends("no-such-reason")]), Failed, Outcome::Cut),
        Failure {
            is_sick: false,
            ..cut("filter-midway", stream(&[&hello, &kind.ends(refused)]), Failed, Outcome::Blocked)
        },
        fair("empty", stream(&[&kind.ends(stop)]), Failed, Outcome::Rejected),
        fair("blank", stream(&[&kind.says(" \n"), &kind.ends(stop)]), Failed, Outcome::Rejected),
        fair("only-thoughts", stream(&[&kind.thinks("Hm."), &kind.ends(stop)]), Failed, Outcome::Rejected),
        fair(
            "limit-without-a-word",
            stream(&[&kind.thinks("Hm."), &kind.ends(length)]),
            NothingLeft,
            Outcome::Rejected,
        ),
        fair("call-that-is-none", stream(&[&kind.broken_call(false)]), Refused, Outcome::Rejected),
        fair("limit", stream(&[&hello, &kind.ends(length)]), Answer("length"), Outcome::Ok),
        fair("well", stream(&[&hello, &kind.ends(stop)]), Answer("stop"), Outcome::Ok),
    ];
    // Where pieces of arguments can come, they may be no JSON: that is for who runs tools to judge, as each dialect has it.
    if kind != Kind::Gemini {
        all.push(fair("call-broken", stream(&[&kind.broken_call(true)]), Answer("tool_calls"), Outcome::Ok));
    }
    all
}

/// A failure in one dialect, streamed or not.
struct Cell {
    dialect: Dialect,
    is_stream: bool,
    /// The model that is asked for.
    name: String,
    told: Told,
    outcome: Outcome,
    has_begun: bool,
}

/// The reason of an answer, and its text.
fn read_answer(dialect: Dialect, body: &str, is_stream: bool) -> Option<(String, String)> {
    let words = |reason: &str| {
        match reason {
            "end_turn" | "completed" => "stop",
            "max_tokens" | "incomplete" => "length",
            "tool_use" => "tool_calls",
            other => other,
        }
        .to_owned()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = if is_stream { data_of(body) } else { Vec::new() };
    let whole: Value = if is_stream { Value::Null } else { serde_json::from_str(body).ok()? };
    Some(match (dialect, is_stream) {
        (Dialect::Chat, false) => {
            let choice = &whole["choices"][0];
            (words(choice["finish_reason"].as_str()?), text(&choice["message"]["content"]))
        }
        (Dialect::Chat, true) => {
            let choices = events.iter().map(|event| &event["choices"][0]);
            let reason = choices.clone().find_map(|choice| choice["finish_reason"].as_str())?;
            (words(reason), choices.map(|choice| text(&choice["delta"]["content"])).collect())
        }
        (Dialect::Messages, false) => (words(whole["stop_reason"].as_str()?), text(&whole["content"][0]["text"])),
        (Dialect::Messages, true) => {
            let reason = events.iter().find_map(|event| event["delta"]["stop_reason"].as_str())?;
            (words(reason), events.iter().map(|event| text(&event["delta"]["text"])).collect())
        }
        (Dialect::Responses, _) => {
            let last = if is_stream { &events.last()?["response"] } else { &whole };
            let is_call = last["output"][0]["type"] == "function_call";
            let reason = if is_call { "tool_calls" } else { last["status"].as_str()? };
            (words(reason), text(&last["output"][0]["content"][0]["text"]))
        }
    })
}

fn data_of(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

impl Cell {
    /// Asks. Returns the request and what is wrong with what came.
    async fn ask(&self, program: &User) -> (String, Vec<String>) {
        let Self { dialect, is_stream, told, .. } = *self;
        let response = program.post(dialect.path()).json(&dialect.request(&self.name, is_stream)).send().await.unwrap();
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (request, again, after) = (header("x-request-id"), header("x-should-retry"), header("retry-after"));
        let status = response.status().as_u16();
        let body = response.text().await.unwrap_or_default();
        let mut wrong = Vec::new();
        let is_midway = is_stream && self.has_begun;
        let expected = if is_midway { 200 } else { told.status() };
        if status != expected {
            wrong.push(format!("status {status} and not {expected}: {body}"));
            return (request, wrong);
        }
        // Clients wait for seconds, not for hours; nothing else says when to come back.
        let (wanted_again, wanted_after) = match told {
            Limited(0) => ("", String::new()),
            Limited(seconds) => (if seconds > 60 { "false" } else { "" }, seconds.to_string()),
            _ => ("", String::new()),
        };
        if (again.as_str(), &after) != (wanted_again, &wanted_after) {
            wrong.push(format!("x-should-retry {again:?}, retry-after {after:?}"));
        }
        if let Answer(reason) = told {
            let said = if reason == "tool_calls" { "" } else { "Hello" };
            if read_answer(dialect, &body, is_stream) != Some((reason.to_owned(), said.to_owned())) {
                wrong.push(format!("another answer: {body}"));
            }
            return (request, wrong);
        }
        let error = if is_midway {
            let events = data_of(&body);
            let finished = ["[DONE]", "response.completed", "message_stop", "\"finish_reason\":\"stop\""];
            if !body.contains("Hello") || finished.iter().any(|end| body.contains(end)) {
                wrong.push(format!("what came is missing, or looks whole: {body}"));
            }
            let told = events.len().checked_sub(if dialect == Dialect::Responses { 2 } else { 1 });
            if dialect == Dialect::Responses
                && events.last().is_none_or(|last| {
                    (&last["type"], &last["response"]["status"]) != (&json!("response.failed"), &json!("failed"))
                })
            {
                wrong.push(format!("it does not end as failed: {body}"));
            }
            told.and_then(|at| events.get(at).cloned()).unwrap_or_default()
        } else {
            serde_json::from_str(&body).unwrap_or_default()
        };
        let (kind, code) = told.named(dialect);
        match dialect.error_of(&error) {
            // In an event of Responses the code is never missing.
            Ok((got, _)) if got == kind && code.is_empty() => {}
            Ok(got) if got == (kind.to_owned(), code.to_owned()) => {}
            Ok(got) => wrong.push(format!("another error {got:?}: {error}")),
            Err(problem) => wrong.push(problem),
        }
        let turns = if dialect == Dialect::Responses { "input" } else { "messages" };
        if told == TooLong && dialect != Dialect::Messages && error["error"]["param"] != turns {
            wrong.push(format!("it does not name {turns}: {error}"));
        }
        if told == NothingLeft && !error["error"]["message"].as_str().unwrap_or_default().contains(dialect.limit()) {
            wrong.push(format!("it does not name {}: {error}", dialect.limit()));
        }
        (request, wrong)
    }
}

/// Kinds of the ledger's entries of each request.
async fn ledger(user: &User) -> BTreeMap<String, Vec<String>> {
    let (mut all, mut cursor) = (BTreeMap::<String, Vec<String>>::new(), String::new());
    loop {
        let (_, page) = user.get_json(&format!("/api/credits/ledger?limit=100{cursor}")).await;
        for entry in page["data"]["items"].as_array().unwrap() {
            let request = entry["requestId"].as_str().unwrap_or_default().to_owned();
            all.entry(request).or_default().insert(0, entry["kind"].as_str().unwrap().to_owned());
        }
        match page["data"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn settled(user: &User) -> Value {
    for _ in 0..300 {
        let credits = user.credits().await;
        if credits["held"] == 0 {
            return credits;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a hold stays");
}

async fn every_failure_of(kind: Kind) {
    let (mut file, mut servers, mut mutes) = ("only = true\n".to_owned(), Vec::new(), Vec::new());
    let (mut cells, mut health) = (Vec::new(), BTreeMap::new());
    for Failure { name, does, told, outcome, has_begun, is_sick } in failures(kind) {
        let address = match does {
            IsGone => "127.0.0.1:9".to_owned(),
            IsMute => {
                // The system takes connections, and nobody reads from them.
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap().to_string();
                mutes.push(listener);
                address
            }
            Plays(script) => {
                let server = Scripted::start(script).await;
                let address = server.addr.to_string();
                servers.push(server);
                address
            }
        };
        let kind = kind.name();
        write!(
            file,
            "[[provider]]\nname = \"at-{name}\"\nkind = \"{kind}\"\nbase_url = \"http://{address}/v1\"\nkey = \"FAIL_API_KEY\"\n\
             [[provider.model]]\nname = \"m-{name}\"\n[[alias]]\nname = \"{name}\"\nmodels = [\"at-{name}\"]\n"
        )
        .unwrap();
        health.insert(format!("at-{name}"), is_sick);
        for dialect in Dialect::ALL {
            for is_stream in [false, true] {
                let name = name.to_owned();
                cells.push(Cell { dialect, is_stream, name, told, outcome, has_begun });
            }
        }
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("providers.toml");
    std::fs::write(&path, file).unwrap();
    let vars = [
        ("PROVIDERS_FILE", path.to_str().unwrap()),
        ("FAIL_API_KEY", "k"),
        ("CHAT_TIMEOUT_SECS", "1"),
        ("FREE_CREDITS", "1000"),
        ("FREE_STOPS_PER_DAY", "10000"),
    ];
    let app = TestApp::start_with(&vars).await;
    let user = app.user().await;
    let program = &user.with_key(&json!({})).await;
    let asked: Vec<_> = stream::iter(&cells)
        .map(|cell| async move { (cell, cell.ask(program).await) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let credits = settled(&user).await;
    app.state.generation.usage.flush().await;
    let entries = ledger(&user).await;
    let (mut problems, mut charged) = (Vec::new(), 0);
    for (cell, (request, mut wrong)) in asked {
        let is_paid = matches!(cell.told, Answer(_));
        charged += u64::from(is_paid);
        let booked = entries.get(&request).cloned().unwrap_or_default();
        if booked != ["hold", if is_paid { "settle" } else { "release" }] {
            wrong.push(format!("booked: {booked:?}"));
        }
        let attempts = app.state.stores.attempts.find_by_request(&request).await.unwrap();
        let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome).collect();
        if outcomes != [cell.outcome] {
            wrong.push(format!("recorded: {outcomes:?} and not {:?}", cell.outcome));
        }
        let Cell { dialect, is_stream, name, .. } = cell;
        let place = format!("{kind:?}, {name}, {dialect:?}, stream: {is_stream}");
        problems.extend(wrong.into_iter().map(|wrong| format!("{place}: {wrong}")));
    }
    let (_, ready) = user.get_json("/readyz").await;
    for provider in ready["chatProviders"].as_array().unwrap() {
        let name = provider["name"].as_str().unwrap();
        if (provider["breaker"] != "closed") != health[name] {
            problems.push(format!("{kind:?}, {name}: its breaker is {}", provider["breaker"]));
        }
    }
    problems.sort();
    assert!(problems.is_empty(), "{}\n{}", problems.len(), problems.join("\n"));
    assert_eq!(credits["available"], 1000 - charged, "{kind:?}");
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_of_openai_is_told_in_each_dialect_and_paid_for_once_or_not_at_all() {
    every_failure_of(Kind::OpenAi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_of_gemini_is_told_in_each_dialect_and_paid_for_once_or_not_at_all() {
    every_failure_of(Kind::Gemini).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_of_anthropic_is_told_in_each_dialect_and_paid_for_once_or_not_at_all() {
    every_failure_of(Kind::Anthropic).await;
}
