//! Each dialect with each kind of provider: a conversation with an image, a thought, a call of a tool and its result loses nothing on
//! the way there and back, also where another kind of provider goes on with it. What a provider cannot take is refused by name.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kinds::{Dialect, Kind};
use crate::scripted::Step::Bytes;
use crate::scripted::{Script, Scripted};
use crate::support::{PNG_URL, TestApp, User};

/// What Gemini takes in the place of a signature.
const NO_SEAL: &str = "skip_thought_signature_validator";

/// A conversation as a provider received it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    system: String,
    question: String,
    is_shown: bool,
    answer: String,
    /// Name and arguments.
    call: (String, Value),
    /// Its own signature of a thought.
    seal: Option<String>,
    result: String,
    /// The result names the call.
    is_bound: bool,
    result_is_shown: bool,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn frames(all: &[Value]) -> Script {
    let events: Vec<_> = all.iter().map(|json| format!("data: {json}\n\n")).collect();
    Script::stream(vec![Bytes(events.concat())])
}

impl Kind {
    const fn model(self) -> &'static str {
        match self {
            Self::OpenAi => "gpt-5.4-mini",
            Self::Gemini => "gemini-3.8-flash",
            Self::Anthropic => "claude-haiku-5-5",
        }
    }

    /// An answer with a thought, a text and a call of a tool.
    fn calls(self) -> Script {
        match self {
            Self::OpenAi => {
                let function = json!({"name": "look", "arguments": "{\"at\":1}"});
                let call = json!({"index": 0, "id": "call_1", "type": "function", "function": function});
                let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
                frames(&[
                    delta(json!({"reasoning_content": "Hm."})),
                    delta(json!({"content": "I look."})),
                    delta(json!({"tool_calls": [call]})),
                    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
                ])
            }
            Self::Gemini => frames(&[
                json!({"candidates": [{"content": {"parts": [{"text": "Hm.", "thought": true}]}}]}),
                json!({"candidates": [{"content": {"parts": [{"text": "I look."}]}}]}),
                json!({"candidates": [{"content": {"parts": [
                    {"functionCall": {"name": "look", "args": {"at": 1}}, "thoughtSignature": "c2ln"}]},
                    "finishReason": "STOP"}]}),
            ]),
            Self::Anthropic => {
                let begins =
                    |at: u32, block: Value| json!({"type": "content_block_start", "index": at, "content_block": block});
                let delta = |at: u32, delta: Value| json!({"type": "content_block_delta", "index": at, "delta": delta});
                frames(&[
                    begins(0, json!({"type": "thinking", "thinking": ""})),
                    delta(0, json!({"type": "thinking_delta", "thinking": "Hm."})),
                    delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
                    begins(1, json!({"type": "text", "text": ""})),
                    delta(1, json!({"type": "text_delta", "text": "I look."})),
                    begins(2, json!({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}})),
                    delta(2, json!({"type": "input_json_delta", "partial_json": "{\"at\":1}"})),
                    json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
                ])
            }
        }
    }

    fn answers(self, words: &str) -> Script {
        match self {
            Self::OpenAi => {
                frames(&[json!({"choices": [{"index": 0, "delta": {"content": words}, "finish_reason": "stop"}]})])
            }
            Self::Gemini => {
                frames(&[json!({"candidates": [{"content": {"parts": [{"text": words}]}, "finishReason": "STOP"}]})])
            }
            Self::Anthropic => frames(&[
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
            ]),
        }
    }

    /// Reads a request that it received.
    fn seen(self, asked: &Value) -> Seen {
        match self {
            Self::OpenAi => {
                let [system, question, answer, result, shown] = &asked["messages"].as_array().unwrap()[..] else {
                    panic!("{asked}")
                };
                let call = &answer["tool_calls"][0];
                let arguments = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
                let is_png = |message: &Value| {
                    let url = message["content"][1]["image_url"]["url"].as_str();
                    url.is_some_and(|url| url.starts_with("data:image/png;base64,"))
                };
                Seen {
                    system: text(&system["content"]),
                    question: text(&question["content"][0]["text"]),
                    is_shown: is_png(question),
                    answer: text(&answer["content"]),
                    call: (text(&call["function"]["name"]), arguments),
                    seal: None,
                    result: text(&result["content"]),
                    is_bound: result["role"] == "tool" && result["tool_call_id"] == call["id"],
                    result_is_shown: is_png(shown),
                }
            }
            Self::Gemini => {
                let [question, answer, result] = &asked["contents"].as_array().unwrap()[..] else { panic!("{asked}") };
                let (said, call) = (&answer["parts"][0], &answer["parts"][1]);
                let is_png = |parts: &Value| parts["parts"][1]["inlineData"]["mimeType"] == "image/png";
                let response = &result["parts"][0]["functionResponse"];
                Seen {
                    system: text(&asked["systemInstruction"]["parts"][0]["text"]),
                    question: text(&question["parts"][0]["text"]),
                    is_shown: is_png(question),
                    answer: text(&said["text"]),
                    call: (text(&call["functionCall"]["name"]), call["functionCall"]["args"].clone()),
                    seal: call["thoughtSignature"].as_str().filter(|seal| *seal != NO_SEAL).map(str::to_owned),
                    result: text(&response["response"]["output"]),
                    is_bound: response["name"] == call["functionCall"]["name"],
                    result_is_shown: is_png(result),
                }
            }
            Self::Anthropic => {
                let [question, answer, result] = &asked["messages"].as_array().unwrap()[..] else { panic!("{asked}") };
                let blocks = answer["content"].as_array().unwrap();
                let block = |kind: &str| blocks.iter().find(|block| block["type"] == kind).cloned().unwrap_or_default();
                let (thought, call, result) = (block("thinking"), block("tool_use"), &result["content"][0]);
                let is_png = |content: &Value| content[1]["source"]["media_type"] == "image/png";
                let seal = thought["signature"].as_str();
                Seen {
                    system: text(&asked["system"][0]["text"]),
                    question: text(&question["content"][0]["text"]),
                    is_shown: is_png(&question["content"]),
                    answer: text(&block("text")["text"]),
                    call: (text(&call["name"]), call["input"].clone()),
                    // The signature is that of the thought, which has to be there too.
                    seal: seal.filter(|_| thought["thinking"] == "Hm.").map(str::to_owned),
                    result: text(&result["content"][0]["text"]),
                    is_bound: result["type"] == "tool_result" && result["tool_use_id"] == call["id"],
                    result_is_shown: is_png(&result["content"]),
                }
            }
        }
    }
}

impl Dialect {
    /// An image as a part of a message.
    fn picture(self) -> Value {
        let (_, data) = PNG_URL.split_once("base64,").unwrap();
        match self {
            Self::Chat => json!({"type": "image_url", "image_url": {"url": PNG_URL}}),
            Self::Responses => json!({"type": "input_image", "image_url": PNG_URL}),
            Self::Messages => {
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
            }
        }
    }

    fn words(self, words: &str) -> Value {
        json!({"type": if self == Self::Responses { "input_text" } else { "text" }, "text": words})
    }

    /// The first request: a system prompt, an image and a tool.
    fn image_request(self, model: &str) -> Value {
        let schema = json!({"type": "object", "properties": {"at": {"type": "integer"}}});
        let question = json!({"role": "user", "content": [self.words("What is it?"), self.picture()]});
        match self {
            Self::Chat => {
                let function = json!({"name": "look", "description": "Looks.", "parameters": schema});
                json!({"model": model, "messages": [{"role": "system", "content": "Be brief."}, question],
                    "tools": [{"type": "function", "function": function}]})
            }
            Self::Responses => {
                let tool = json!({"type": "function", "name": "look", "description": "Looks.", "parameters": schema});
                json!({"model": model, "instructions": "Be brief.", "input": [question], "tools": [tool],
                    "store": false, "include": ["reasoning.encrypted_content"]})
            }
            Self::Messages => {
                let tool = json!({"name": "look", "description": "Looks.", "input_schema": schema});
                json!({"model": model, "system": "Be brief.", "messages": [question], "tools": [tool],
                    "max_tokens": 900, "thinking": {"type": "adaptive"}})
            }
        }
    }

    /// The next request: with the answer as it was received, and the result of its call.
    fn next_request(self, mut body: Value, answer: &Value) -> Value {
        let result = json!([self.words("20 C"), self.picture()]);
        match self {
            Self::Chat => {
                let message = &answer["choices"][0]["message"];
                let id = &message["tool_calls"][0]["id"];
                let messages = body["messages"].as_array_mut().unwrap();
                messages.extend([message.clone(), json!({"role": "tool", "tool_call_id": id, "content": result})]);
            }
            Self::Responses => {
                let output = answer["output"].as_array().unwrap();
                let id = &output.last().unwrap()["call_id"];
                let input = body["input"].as_array_mut().unwrap();
                input.extend(output.iter().cloned());
                input.push(json!({"type": "function_call_output", "call_id": id, "output": result}));
            }
            Self::Messages => {
                let content = &answer["content"];
                let id = &content.as_array().unwrap().last().unwrap()["id"];
                let messages = body["messages"].as_array_mut().unwrap();
                let result = json!({"type": "tool_result", "tool_use_id": id, "content": result});
                messages.extend([
                    json!({"role": "assistant", "content": content}),
                    json!({"role": "user", "content": [result]}),
                ]);
            }
        }
        body
    }
}

/// A server with a model of each kind, each under the name of its kind.
async fn start() -> (TestApp, Vec<Scripted>, TempDir, User, User) {
    let (mut file, mut servers) = ("only = true\n".to_owned(), Vec::new());
    for kind in Kind::ALL {
        let server = Scripted::start(kind.answers("Well.")).await;
        let (name, model, addr) = (kind.name(), kind.model(), server.addr);
        write!(
            file,
            "[[provider]]\nname = \"at-{name}\"\nkind = \"{name}\"\nbase_url = \"http://{addr}/v1\"\nkey = \"PAIR_API_KEY\"\n\
             [[provider.model]]\nname = \"{model}\"\n[[alias]]\nname = \"{name}\"\nmodels = [\"at-{name}\"]\n"
        )
        .unwrap();
        servers.push(server);
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("providers.toml");
    std::fs::write(&path, file).unwrap();
    let vars = [("PROVIDERS_FILE", path.to_str().unwrap()), ("PAIR_API_KEY", "k"), ("FREE_CREDITS", "1000")];
    let app = TestApp::start_with(&vars).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    (app, servers, folder, user, program)
}

#[tokio::test]
async fn nothing_of_a_turn_is_lost_between_any_dialect_and_any_kind_of_provider() {
    let (app, servers, _folder, _, program) = start().await;
    for dialect in Dialect::ALL {
        for (kind, server) in Kind::ALL.into_iter().zip(&servers) {
            let what = format!("{dialect:?} with {kind:?}");
            server.play(kind.calls());
            let question = dialect.image_request(kind.name());
            let (status, answer) = program.post_json(dialect.path(), &question).await;
            assert_eq!(status, 200, "{what}: {answer}");
            assert!(answer.to_string().contains("Hm."), "{what}: what was thought is told: {answer}");
            server.play(kind.answers("Well."));
            // The conversation goes on with the same model, and with the others.
            for (next, server) in Kind::ALL.into_iter().zip(&servers) {
                let mut body = dialect.next_request(question.clone(), &answer);
                body["model"] = next.name().into();
                let (status, last) = program.post_json(dialect.path(), &body).await;
                assert_eq!(status, 200, "{what}, then {next:?}: {last}");
                let asked = server.asked().pop().unwrap();
                let is_own = next == kind && kind != Kind::OpenAi;
                let expected = Seen {
                    system: "Be brief.".to_owned(),
                    question: "What is it?".to_owned(),
                    is_shown: true,
                    answer: "I look.".to_owned(),
                    call: ("look".to_owned(), json!({"at": 1})),
                    seal: is_own.then(|| "c2ln".to_owned()),
                    result: "20 C".to_owned(),
                    is_bound: true,
                    result_is_shown: true,
                };
                assert_eq!(next.seen(&asked), expected, "{what}, then {next:?}: {asked}");
                // Only the model that had the thought gets it back, and as a thought.
                let is_thinker = is_own && kind == Kind::Anthropic;
                assert_eq!(asked.to_string().matches("Hm.").count(), usize::from(is_thinker), "{what}, then {next:?}");
            }
        }
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_a_stream_of_chat_completions_tells_of_a_thought_goes_back_sealed() {
    let (_app, servers, _folder, _, program) = start().await;
    let (dialect, kind) = (Dialect::Chat, Kind::Anthropic);
    servers[2].play(kind.calls());
    let mut body = dialect.image_request(kind.name());
    body["stream"] = true.into();
    let stream = program.post(dialect.path()).json(&body).send().await.unwrap().text().await.unwrap();
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let deltas: Vec<Value> = data
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .map(|chunk| chunk["choices"][0]["delta"].clone())
        .collect();
    let details: Vec<_> = deltas.iter().filter_map(|delta| delta["reasoning_details"].as_array()).flatten().collect();
    assert_eq!(details, [&json!({"type": "reasoning.text", "text": "Hm.", "signature": "anthropic.c2ln"})]);
}

#[tokio::test]
async fn what_a_kind_of_provider_cannot_carry_is_refused_by_name_and_free() {
    let (app, servers, _folder, user, program) = start().await;
    let before = user.credits().await;
    for (dialect, kind, more, name) in [
        (Dialect::Chat, Kind::Anthropic, json!({"frequency_penalty": 0.5}), "frequency_penalty"),
        (Dialect::Chat, Kind::Anthropic, json!({"presence_penalty": -1}), "presence_penalty"),
        (Dialect::Chat, Kind::Anthropic, json!({"logit_bias": {"1": 5}}), "logit_bias"),
        (Dialect::Chat, Kind::Gemini, json!({"logit_bias": {"1": 5}}), "logit_bias"),
        (Dialect::Chat, Kind::Anthropic, json!({"response_format": {"type": "json_object"}}), "response_format"),
        (Dialect::Chat, Kind::OpenAi, json!({"functions": [{"name": "look"}]}), "functions"),
        (Dialect::Chat, Kind::OpenAi, json!({"function_call": {"name": "look"}}), "function_call"),
        (Dialect::Chat, Kind::OpenAi, json!({"tools": [{"type": "custom", "custom": {"name": "x"}}]}), "tools[0]"),
        (Dialect::Chat, Kind::OpenAi, json!({"messages": [{"role": "function", "name": "x", "content": "y"}]}), "role"),
        (
            Dialect::Chat,
            Kind::OpenAi,
            json!({"messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": null, "function_call": {"name": "x", "arguments": "{}"}}]}),
            "function_call",
        ),
        (
            Dialect::Chat,
            Kind::OpenAi,
            json!({"messages": [{"role": "user", "content": [
            {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}]}),
            "input_audio",
        ),
        (
            Dialect::Responses,
            Kind::OpenAi,
            json!({"input": [{"role": "user", "content": [
            {"type": "input_file", "file_id": "f"}]}]}),
            "input_file",
        ),
        (Dialect::Responses, Kind::OpenAi, json!({"input": [{"type": "mcp_call", "id": "m"}]}), "mcp_call"),
        (Dialect::Messages, Kind::Anthropic, json!({"top_k": 5}), "top_k"),
        (
            Dialect::Messages,
            Kind::Anthropic,
            json!({"tools": [{"type": "web_search_20260318", "name": "w"}]}),
            "tools[0]",
        ),
        (
            Dialect::Messages,
            Kind::Anthropic,
            json!({"messages": [{"role": "user", "content": [
            {"type": "document", "source": {"type": "text", "data": "x"}}]}]}),
            "document",
        ),
    ] {
        let mut body = dialect.image_request(kind.name());
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, refused) = program.post_json(dialect.path(), &body).await;
        assert_eq!(status, 400, "{more}: {refused}");
        let error = &refused["error"];
        let told = format!("{} {}", error["param"].as_str().unwrap_or_default(), error["message"].as_str().unwrap());
        assert!(told.contains(name), "{more}: {refused}");
    }
    assert!(servers.iter().all(|server| server.calls() == 0));
    assert_eq!(user.credits().await, before);
    // Options without an effect are taken by every provider, and a provider gets those that it knows.
    for (kind, more) in [
        (Kind::Anthropic, json!({"frequency_penalty": 0, "presence_penalty": 0, "logit_bias": {}})),
        (Kind::Gemini, json!({"frequency_penalty": 0.5})),
        (Kind::OpenAi, json!({"logit_bias": {"1": 5}, "presence_penalty": 1})),
    ] {
        let mut body = Dialect::Chat.image_request(kind.name());
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = program.post_json(Dialect::Chat.path(), &body).await;
        assert_eq!(status, 200, "{more}: {answer}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn how_closely_an_image_is_looked_at_reaches_who_knows_it_and_says_nothing_to_others() {
    let (app, servers, _folder, user, program) = start().await;
    let with = |dialect: Dialect, kind: Kind, detail: Value| {
        let mut body = dialect.image_request(kind.name());
        let at = if dialect == Dialect::Chat { "/messages/1/content/1/image_url" } else { "/input/0/content/1" };
        body.pointer_mut(at).unwrap()["detail"] = detail;
        body
    };
    for dialect in [Dialect::Chat, Dialect::Responses] {
        for (kind, server) in Kind::ALL.into_iter().zip(&servers) {
            for (detail, is_stream) in [("auto", false), ("low", true), ("high", false), ("original", true)] {
                let mut body = with(dialect, kind, detail.into());
                body["stream"] = is_stream.into();
                let response = program.post(dialect.path()).json(&body).send().await.unwrap();
                let (status, text) = (response.status(), response.text().await.unwrap());
                assert!(status == 200 && text.contains("Well."), "{dialect:?} with {kind:?}: {text}");
                let asked = server.asked().pop().unwrap();
                if kind == Kind::OpenAi {
                    assert_eq!(
                        asked["messages"][1]["content"][1]["image_url"]["detail"], detail,
                        "{dialect:?}: {asked}"
                    );
                } else {
                    assert!(!asked.to_string().contains("detail"), "{dialect:?} with {kind:?}: {asked}");
                }
            }
        }
        let (before, calls) = (user.credits().await, servers[0].calls());
        for detail in [json!("huge"), json!("")] {
            let (status, refused) = program.post_json(dialect.path(), &with(dialect, Kind::OpenAi, detail)).await;
            assert_eq!(status, 400, "{refused}");
            assert!(refused["error"]["param"].as_str().unwrap().ends_with("detail"), "{refused}");
        }
        assert_eq!((user.credits().await, servers[0].calls()), (before, calls));
        // Nothing is as if it were not there.
        let (status, answer) = program.post_json(dialect.path(), &with(dialect, Kind::OpenAi, Value::Null)).await;
        assert_eq!(status, 200, "{answer}");
        assert!(!servers[0].asked().pop().unwrap().to_string().contains("detail"), "{dialect:?}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn custom_tools_of_responses_are_called_with_a_text_whoever_answers() {
    let (app, servers, _folder, _, program) = start().await;
    let format = json!({"type": "grammar", "syntax": "lark", "definition": "start: /.+/"});
    let tool = json!({"type": "custom", "name": "look", "description": "Looks.", "format": format});
    for (kind, server) in Kind::ALL.into_iter().zip(&servers) {
        let calls = match kind {
            Kind::OpenAi => {
                let function = json!({"name": "look", "arguments": "{\"input\":\"at\\n1\"}"});
                let call = json!({"index": 0, "id": "call_1", "type": "function", "function": function});
                frames(&[
                    json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}),
                ])
            }
            Kind::Gemini => frames(&[json!({"candidates": [{"content": {"parts": [
                {"functionCall": {"name": "look", "args": {"input": "at\n1"}}}]}, "finishReason": "STOP"}]})]),
            Kind::Anthropic => {
                let block = json!({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"input": "at\n1"}});
                frames(&[
                    json!({"type": "content_block_start", "index": 0, "content_block": block}),
                    json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
                ])
            }
        };
        for is_stream in [false, true] {
            server.play(calls.clone());
            let mut body = json!({"model": kind.name(), "input": [{"role": "user", "content": "Look."}],
                "tools": [tool], "tool_choice": {"type": "custom", "name": "look"}, "stream": is_stream, "store": false});
            let text = program.post("/v1/responses").json(&body).send().await.unwrap().text().await.unwrap();
            let answer: Value = if is_stream {
                let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
                let events: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
                let names: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
                let expected = [
                    "response.created",
                    "response.in_progress",
                    "response.output_item.added",
                    "response.custom_tool_call_input.delta",
                    "response.custom_tool_call_input.done",
                    "response.output_item.done",
                    "response.completed",
                ];
                assert_eq!(names, expected, "{kind:?}");
                assert_eq!((&events[3]["delta"], &events[4]["input"]), (&json!("at\n1"), &json!("at\n1")), "{kind:?}");
                events.last().unwrap()["response"].clone()
            } else {
                serde_json::from_str(&text).unwrap()
            };
            let call = &answer["output"][0];
            assert_eq!(
                (&call["type"], &call["name"]),
                (&json!("custom_tool_call"), &json!("look")),
                "{kind:?}: {answer}"
            );
            assert_eq!((&call["input"], &call["status"]), (&json!("at\n1"), &json!("completed")), "{kind:?}");
            let asked = server.asked().pop().unwrap().to_string();
            assert!(asked.contains("start: /.+/") && asked.contains(r#""required":["input"]"#), "{kind:?}: {asked}");
            // The result names its call.
            server.play(kind.answers("Well."));
            let input = body["input"].as_array_mut().unwrap();
            input.push(call.clone());
            input.push(json!({"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "20 C"}));
            body["tool_choice"] = "auto".into();
            let text = program.post("/v1/responses").json(&body).send().await.unwrap().text().await.unwrap();
            assert!(text.contains("Well."), "{kind:?}: {text}");
            let asked = server.asked().pop().unwrap().to_string();
            let asked = asked.replace(r"\\", r"\");
            assert!(asked.contains("20 C") && asked.contains(r"at\n1"), "{kind:?}: {asked}");
        }
    }
    app.assert_books_balance().await;
}
