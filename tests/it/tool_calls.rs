//! Calls of tools through every dialect and kind of provider: what a model calls reaches the client, what came of it the model, and
//! both are paid for like words.

use serde_json::{Value, json};

use crate::fake_gemini::FakeGemini;
use crate::kinds::Dialect;
use crate::support::{PNG_URL, TestApp, User};

/// What a tool gives.
const RESULT: &str = "20 C in Rome";

fn schema() -> Value {
    json!({ "type": "object", "properties": { "zone": { "type": "string" }, "at": { "type": "integer" } } })
}

/// Id, name and arguments.
type Call = (String, String, Value);

impl Dialect {
    fn tools(self) -> Value {
        match self {
            Self::Chat => json!([{ "type": "function", "function":
                { "name": "look", "description": "Looks.", "parameters": schema() } }]),
            Self::Messages => json!([{ "name": "look", "description": "Looks.", "input_schema": schema() }]),
            Self::Responses => json!([{ "type": "function", "name": "look", "description": "Looks.",
                "parameters": schema() }, { "type": "web_search" }]),
        }
    }

    fn body(self, model: &str, said: &[Value], is_stream: bool) -> Value {
        let field = if self == Self::Responses { "input" } else { "messages" };
        let mut body = json!({ "model": model, "tools": self.tools(), "stream": is_stream });
        body[field] = json!(said);
        if self == Self::Messages {
            body["max_tokens"] = json!(500);
        }
        body
    }

    /// What an answer is sent back as, and what came of each of its calls.
    fn go_on(self, answer: &Value, calls: &[Call], result: &str) -> Vec<Value> {
        match self {
            Self::Chat => {
                let results =
                    calls.iter().map(|(id, ..)| json!({ "role": "tool", "tool_call_id": id, "content": result }));
                std::iter::once(answer["choices"][0]["message"].clone()).chain(results).collect()
            }
            Self::Messages => {
                let results =
                    calls.iter().map(|(id, ..)| json!({ "type": "tool_result", "tool_use_id": id, "content": result }));
                let results: Vec<_> = results.collect();
                vec![
                    json!({ "role": "assistant", "content": answer["content"] }),
                    json!({ "role": "user", "content": results }),
                ]
            }
            Self::Responses => {
                let results = calls
                    .iter()
                    .map(|(id, ..)| json!({ "type": "function_call_output", "call_id": id, "output": result }));
                answer["output"].as_array().unwrap().iter().cloned().chain(results).collect()
            }
        }
    }

    fn calls(self, answer: &Value) -> Vec<Call> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let parsed = |value: &Value| serde_json::from_str::<Value>(value.as_str().unwrap()).unwrap();
        let all = match self {
            Self::Chat => &answer["choices"][0]["message"]["tool_calls"],
            Self::Messages => &answer["content"],
            Self::Responses => &answer["output"],
        };
        let all = all.as_array().cloned().unwrap_or_default();
        match self {
            Self::Chat => all
                .iter()
                .map(|call| {
                    let function = &call["function"];
                    (text(&call["id"]), text(&function["name"]), parsed(&function["arguments"]))
                })
                .collect(),
            Self::Messages => all
                .iter()
                .filter(|block| block["type"] == "tool_use")
                .map(|block| (text(&block["id"]), text(&block["name"]), block["input"].clone()))
                .collect(),
            Self::Responses => all
                .iter()
                .filter(|item| item["type"] == "function_call")
                .map(|item| (text(&item["call_id"]), text(&item["name"]), parsed(&item["arguments"])))
                .collect(),
        }
    }

    /// The answer that the events of a stream come to.
    fn whole(self, events: &[Value]) -> Value {
        match self {
            Self::Chat => {
                let (mut text, mut calls, mut reason) = (String::new(), Vec::<Value>::new(), Value::Null);
                for choice in events.iter().map(|event| &event["choices"][0]) {
                    text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
                    for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                        let at = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                        if at == calls.len() {
                            assert_eq!(call["type"], "function");
                            calls.push(call.clone());
                        } else {
                            let more = call["function"]["arguments"].as_str().unwrap();
                            let arguments = calls[at]["function"]["arguments"].as_str().unwrap().to_owned() + more;
                            calls[at]["function"]["arguments"] = json!(arguments);
                        }
                    }
                    if choice["finish_reason"].is_string() {
                        reason = choice["finish_reason"].clone();
                    }
                }
                let content = if text.is_empty() { Value::Null } else { json!(text) };
                let message = json!({ "role": "assistant", "content": content, "tool_calls": calls });
                json!({ "choices": [{ "message": message, "finish_reason": reason }] })
            }
            Self::Messages => {
                let (mut blocks, mut inputs, mut open) = (Vec::<Value>::new(), Vec::<String>::new(), None);
                let mut reason = Value::Null;
                for event in events {
                    match event["type"].as_str().unwrap() {
                        "content_block_start" => {
                            assert_eq!((open, &event["index"]), (None, &json!(blocks.len())));
                            open = Some(blocks.len());
                            blocks.push(event["content_block"].clone());
                            inputs.push(String::new());
                        }
                        "content_block_delta" => {
                            let at = open.unwrap();
                            assert_eq!(event["index"], at);
                            let delta = &event["delta"];
                            inputs[at].push_str(delta["partial_json"].as_str().or(delta["text"].as_str()).unwrap());
                        }
                        "content_block_stop" => {
                            let at = open.take().unwrap();
                            match blocks[at]["type"].as_str().unwrap() {
                                "text" => blocks[at]["text"] = json!(inputs[at]),
                                _ => blocks[at]["input"] = serde_json::from_str(&inputs[at]).unwrap(),
                            }
                        }
                        "message_delta" => reason = event["delta"]["stop_reason"].clone(),
                        _ => {}
                    }
                }
                json!({ "content": blocks, "stop_reason": reason })
            }
            Self::Responses => {
                for (at, event) in events.iter().enumerate() {
                    assert_eq!(event["sequence_number"], at);
                }
                let mut names: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
                names.dedup();
                if let Some(first) = names.iter().position(|name| name.contains("arguments")) {
                    let around = [
                        "response.output_item.added",
                        "response.function_call_arguments.delta",
                        "response.function_call_arguments.done",
                        "response.output_item.done",
                    ];
                    assert_eq!(names[first - 1..first + 3], around);
                }
                let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
                let items: Vec<_> = done.map(|event| event["item"].clone()).collect();
                let last = &events.last().unwrap()["response"];
                assert_eq!(last["output"], json!(items));
                last.clone()
            }
        }
    }

    fn reason(self, answer: &Value) -> &str {
        match self {
            Self::Chat => answer["choices"][0]["finish_reason"].as_str(),
            Self::Messages => answer["stop_reason"].as_str(),
            Self::Responses => answer["status"].as_str(),
        }
        .unwrap()
    }

    const fn reason_of_calls(self) -> &'static str {
        match self {
            Self::Chat => "tool_calls",
            Self::Messages => "tool_use",
            Self::Responses => "completed",
        }
    }

    fn text(self, answer: &Value) -> String {
        match self {
            Self::Chat => answer["choices"][0]["message"]["content"].clone(),
            Self::Messages => answer["content"][0]["text"].clone(),
            Self::Responses => answer["output"][0]["content"][0]["text"].clone(),
        }
        .as_str()
        .unwrap_or_default()
        .to_owned()
    }

    async fn ask(self, program: &User, model: &str, said: &[Value], is_stream: bool) -> Value {
        let response = program.post(self.path()).json(&self.body(model, said, is_stream)).send().await.unwrap();
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, 200, "{self:?}: {body}");
        if !is_stream {
            return serde_json::from_str(&body).unwrap();
        }
        let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
        let events: Vec<Value> = data.filter_map(|data| serde_json::from_str(data).ok()).collect();
        self.whole(&events)
    }
}

async fn program(app: &TestApp) -> (User, User) {
    let user = app.user().await;
    (user.with_key(&json!({})).await, user)
}

fn question(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

#[tokio::test]
async fn two_rounds_of_calls_in_every_dialect_whole_and_streamed() {
    let app = TestApp::start().await;
    for dialect in Dialect::ALL {
        for is_stream in [false, true] {
            let what = format!("{dialect:?}, stream: {is_stream}");
            let (program, user) = program(&app).await;
            let mut said = vec![question("Weather? #calls=look:{\"at\":1}|look:{\"at\":2}")];
            let first = dialect.ask(&program, "tessera", &said, is_stream).await;
            let calls = dialect.calls(&first);
            let told: Vec<_> =
                calls.iter().map(|(_, name, arguments)| (name.as_str(), arguments["at"].clone())).collect();
            assert_eq!(told, [("look", json!(1)), ("look", json!(2))], "{what}: {first}");
            assert_eq!(dialect.reason(&first), dialect.reason_of_calls(), "{what}");
            let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
            assert_eq!(asked["tools"][0]["function"]["name"], "look", "{what}");
            assert_eq!(asked["tools"].as_array().unwrap().len(), 1, "{what}");
            said.extend(dialect.go_on(&first, &calls, "Once more #calls=look:{\"at\":3}"));
            let second = dialect.ask(&program, "tessera", &said, is_stream).await;
            let calls = dialect.calls(&second);
            assert_eq!((calls.len(), &calls[0].2["at"]), (1, &json!(3)), "{what}: {second}");
            said.extend(dialect.go_on(&second, &calls, RESULT));
            let last = dialect.ask(&program, "tessera", &said, is_stream).await;
            assert_eq!(dialect.text(&last), "word1 word2 word3 ", "{what}: {last}");
            let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
            let roles: Vec<_> =
                asked["messages"].as_array().unwrap().iter().map(|said| said["role"].as_str().unwrap()).collect();
            assert_eq!(roles, ["user", "assistant", "tool", "tool", "assistant", "tool"], "{what}");
            assert_eq!(asked["messages"][1]["content"], Value::Null, "{what}");
            assert_eq!(asked["messages"][1]["tool_calls"][1]["function"]["arguments"], "{\"at\":2}", "{what}");
            assert_eq!(asked["messages"][5]["content"], RESULT, "{what}");
            assert_eq!(asked["messages"][5]["tool_call_id"], asked["messages"][4]["tool_calls"][0]["id"], "{what}");
            // An answer of nothing but calls is one.
            assert_eq!(user.credits().await["available"], 7, "{what}");
        }
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_gemini_thought_before_a_call_comes_back_to_it_through_every_dialect() {
    let gemini = FakeGemini::start().await;
    let base = gemini.base_url();
    let app = TestApp::start_with(&[
        ("CHAT_PROVIDERS", "openai,gemini"),
        ("GEMINI_API_KEY", "gemini-key"),
        ("GEMINI_BASE_URL", base.as_str()),
        ("FREE_CREDITS", "100"),
    ])
    .await;
    for dialect in Dialect::ALL {
        for is_stream in [false, true] {
            let what = format!("{dialect:?}, stream: {is_stream}");
            let (program, _) = program(&app).await;
            let model = "gemini-3.8-flash";
            let mut said = vec![question("Weather? #calls=look:{\"at\":1}|look:{\"at\":2}")];
            let first = dialect.ask(&program, model, &said, is_stream).await;
            let calls = dialect.calls(&first);
            assert_eq!((calls.len(), &calls[1].2["at"]), (2, &json!(2)), "{what}: {first}");
            assert_eq!(dialect.reason(&first), dialect.reason_of_calls(), "{what}");
            assert!(calls.iter().all(|(id, ..)| id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))));
            said.extend(dialect.go_on(&first, &calls, RESULT));
            let last = dialect.ask(&program, model, &said, is_stream).await;
            assert_eq!(dialect.text(&last), "gem1 gem2 ", "{what}: {last}");
            let asked = gemini.seen.last.lock().unwrap().clone().unwrap().3;
            let contents = &asked["contents"];
            let parts = &contents[1]["parts"];
            assert_eq!(parts[0]["functionCall"], json!({ "name": "look", "args": { "at": 1 } }), "{what}: {asked}");
            assert_eq!(parts[0]["thoughtSignature"], "c2lnbmF0dXJl", "{what}");
            assert_eq!(parts[1].get("thoughtSignature"), None, "{what}");
            let result = json!({ "functionResponse": { "name": "look", "response": { "output": RESULT } } });
            assert_eq!(contents[2], json!({ "role": "user", "parts": [result, result] }), "{what}");
            let declared = &asked["tools"][0]["functionDeclarations"][0];
            assert_eq!(declared["parametersJsonSchema"], schema(), "{what}");
            // The same talk, gone on with by another model.
            let other = dialect.ask(&program, "fake-model", &said, is_stream).await;
            assert_eq!(dialect.text(&other), "word1 word2 word3 ", "{what}");
            let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
            let id = asked["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
            assert!(id.len() <= 40 && asked["messages"][2]["tool_call_id"] == id, "{what}: {id}");
        }
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_repeated_key_gets_the_same_calls_for_nothing() {
    let app = TestApp::start().await;
    for dialect in Dialect::ALL {
        let (program, user) = program(&app).await;
        let said = [question("Weather? #calls=look:{\"at\":1}")];
        let mut all = Vec::new();
        for _ in 0..2 {
            let body = dialect.body("tessera", &said, false);
            let request = program.post(dialect.path()).header("Idempotency-Key", "once").json(&body);
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            all.push(dialect.calls(&answer));
        }
        assert_eq!((all[0].len(), &all[0]), (1, &all[1]), "{dialect:?}");
        assert_eq!(user.credits().await["available"], 9, "{dialect:?}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn requests_with_tools_are_not_answered_from_the_cache() {
    let app = TestApp::start_with(&[("CHAT_CACHE", "user")]).await;
    let (program, user) = program(&app).await;
    let said = [question("Weather? #calls=look:{\"at\":1}")];
    for _ in 0..2 {
        let answer = Dialect::Chat.ask(&program, "tessera", &said, false).await;
        assert_eq!(Dialect::Chat.calls(&answer).len(), 1);
    }
    // Nor is one without any that asks the same.
    let body = json!({ "model": "tessera", "messages": said });
    let answer: Value = program.post("/v1/chat/completions").json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(Dialect::Chat.text(&answer), "word1 word2 word3 ");
    assert_eq!((app.upstream.calls(), &user.credits().await["available"]), (3, &json!(7)));
}

#[tokio::test]
async fn a_response_that_is_kept_is_gone_on_with_by_its_calls() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let dialect = Dialect::Responses;
    for is_stream in [false, true] {
        let first = dialect.ask(&program, "tessera", &[question("Hi #calls=look:{\"at\":1}")], is_stream).await;
        let call = dialect.calls(&first).remove(0);
        let (status, found) = program.get_json(&format!("/v1/responses/{}", first["id"].as_str().unwrap())).await;
        assert_eq!((status, &found["output"]), (200, &first["output"]));
        let output = json!({ "type": "function_call_output", "call_id": call.0, "output": RESULT });
        let mut body = dialect.body("tessera", std::slice::from_ref(&output), false);
        body["previous_response_id"] = first["id"].clone();
        let (status, second) = program.post_json(dialect.path(), &body).await;
        assert_eq!((status, dialect.text(&second).as_str()), (200, "word1 word2 word3 "), "{second}");
        let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
        assert_eq!(asked["messages"][2]["content"], RESULT);
        // By the name of the item alone.
        let reference = json!({ "type": "item_reference", "id": first["output"][0]["id"] });
        let said = [question("Hi"), reference, output];
        let third = dialect.ask(&program, "tessera", &said, false).await;
        assert_eq!(dialect.text(&third), "word1 word2 word3 ");
    }
}

#[tokio::test]
async fn what_a_tool_shows_reaches_the_model() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let data = PNG_URL.split(',').nth(1).unwrap();
    let shown = json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": data } });
    let content = json!([{ "type": "text", "text": "Here." }, shown]);
    let said = [
        question("Show me."),
        json!({ "role": "assistant", "content": [{ "type": "tool_use", "id": "a", "name": "look", "input": {} }] }),
        json!({ "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "a", "content": content, "is_error": true }] }),
    ];
    let answer = Dialect::Messages.ask(&program, "tessera", &said, false).await;
    assert_eq!(Dialect::Messages.text(&answer), "word1 word2 word3 ");
    let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
    assert_eq!(asked["messages"][2]["content"], "Error: Here.");
    assert_eq!(asked["messages"][3]["role"], "user");
    let url = asked["messages"][3]["content"][1]["image_url"]["url"].as_str().unwrap();
    assert!(url.starts_with("data:image/png;base64,"), "{url}");
}

/// openai-agents 0.24.0 ends a run with an error where an id comes again.
#[tokio::test]
async fn a_call_has_an_id_that_no_earlier_one_has_also_where_a_server_counts_from_nought() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    for dialect in Dialect::ALL {
        let mut said = vec![question("Hi #numbered #calls=look:{\"at\":1}")];
        let mut ids = Vec::new();
        for _ in 0..2 {
            let asked = program.post(dialect.path()).json(&dialect.body("tessera", &said, false));
            let answer: Value = asked.send().await.unwrap().json().await.unwrap();
            let calls = dialect.calls(&answer);
            assert_eq!(calls.len(), 1, "{answer}");
            ids.push(calls[0].0.clone());
            said.extend(dialect.go_on(&answer, &calls, "#numbered #calls=look:{\"at\":2}"));
        }
        assert_ne!(ids[0], ids[1], "{dialect:?}");
    }
}

#[tokio::test]
async fn one_call_at_a_time_is_one_whoever_makes_more() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    for is_stream in [false, true] {
        let mut body =
            Dialect::Chat.body("tessera", &[question("Hi #calls=look:{\"at\":1}|look:{\"at\":2}")], is_stream);
        body["parallel_tool_calls"] = json!(false);
        let text = program.post("/v1/chat/completions").json(&body).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("call_0_look") && !text.contains("call_1_look"), "{text}");
        let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
        assert_eq!(asked["parallel_tool_calls"], false);
    }
}

#[tokio::test]
async fn tools_count_as_what_is_said() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    for dialect in Dialect::ALL {
        let mut body = dialect.body("tessera", &[question("Hi")], false);
        let description = json!("x".repeat(50_000));
        match dialect {
            Dialect::Chat => body["tools"][0]["function"]["description"] = description,
            _ => body["tools"][0]["description"] = description,
        }
        let (status, answer) = program.post_json(dialect.path(), &body).await;
        assert_eq!(status, 400, "{dialect:?}: {answer}");
        if dialect != Dialect::Messages {
            assert_eq!(answer["error"]["code"], "context_length_exceeded", "{dialect:?}");
        }
    }
    assert_eq!((app.upstream.calls(), &user.credits().await["available"]), (0, &json!(10)));
    let mut body = Dialect::Messages.body("tessera", &[question("Hi")], false);
    let counted =
        async |body: &Value| program.post_json("/v1/messages/count_tokens", body).await.1["input_tokens"].as_u64();
    let with = counted(&body).await;
    body.as_object_mut().unwrap().remove("tools");
    assert!(with > counted(&body).await, "{with:?}");
}

#[tokio::test]
async fn an_answer_with_a_form_has_it_in_every_dialect() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    // Models go by the order of the fields.
    let schema = r#"{"type":"object","properties":{"zone":{"type":"string"},"at":{"type":"integer"}}}"#;
    let body = |start: &str, rest: &str| format!(r#"{{"model":"tessera",{start},{rest}}}"#);
    let said = r#""messages":[{"role":"user","content":"Where? #say={\"zone\":\"x\"}"}]"#;
    for (dialect, body) in [
        (
            Dialect::Chat,
            body(
                said,
                &format!(
                    r#""response_format":{{"type":"json_schema","json_schema":{{"name":"place","strict":true,"schema":{schema}}}}}"#
                ),
            ),
        ),
        (
            Dialect::Messages,
            body(
                said,
                &format!(r#""max_tokens":99,"output_config":{{"format":{{"type":"json_schema","schema":{schema}}}}}"#),
            ),
        ),
        (
            Dialect::Responses,
            body(
                &said.replacen("messages", "input", 1),
                &format!(r#""text":{{"format":{{"type":"json_schema","name":"place","schema":{schema}}}}}"#),
            ),
        ),
    ] {
        let request = program.post(dialect.path()).header("content-type", "application/json").body(body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(dialect.text(&answer), r#"{"zone":"x"}"#, "{dialect:?}: {answer}");
        let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
        let format = &asked["response_format"];
        assert_eq!(
            (&format["type"], &format["json_schema"]["schema"]["type"]),
            (&json!("json_schema"), &json!("object"))
        );
    }
}

#[tokio::test]
async fn calls_that_break_off_or_fail_are_free() {
    let app = TestApp::start_with(&[("CHAT_TIMEOUT_SECS", "1")]).await;
    for dialect in Dialect::ALL {
        let (program, user) = program(&app).await;
        for is_stream in [false, true] {
            let body = dialect.body("tessera", &[question("Hi #calls=look:{\"at\":1} #cut")], is_stream);
            let text = program.post(dialect.path()).json(&body).send().await.unwrap().text().await.unwrap();
            assert!(text.contains("error") && !text.contains("completed\""), "{dialect:?}: {text}");
        }
        assert_eq!(user.credits().await["available"], 10, "{dialect:?}");
    }
    app.assert_books_balance().await;
}
