//! What is the same in every dialect of `/v1`: what fails, what it costs, what is recorded, and what a connection that is gone
//! leaves.

use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use reqwest::Response;
use serde_json::{Value, json};
use tessera::usage::Outcome;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::kept_responses::kept_of;
use crate::kinds::Dialect;
use crate::support::{PNG_URL, TestApp, User};

impl Dialect {
    fn text_request(self, content: &str, is_stream: bool) -> Value {
        let messages = json!([{ "role": "user", "content": content }]);
        match self {
            Self::Chat => json!({ "model": "tessera", "messages": messages, "stream": is_stream }),
            Self::Messages => {
                json!({ "model": "tessera", "max_tokens": 500, "messages": messages, "stream": is_stream })
            }
            Self::Responses => json!({ "model": "tessera", "input": content, "stream": is_stream }),
        }
    }

    async fn send(self, program: &User, content: &str, is_stream: bool) -> Response {
        program.post(self.path()).json(&self.text_request(content, is_stream)).send().await.unwrap()
    }

    /// The text of a whole answer, and why it ended.
    fn told(self, answer: &Value) -> (String, String) {
        let (text, reason) = match self {
            Self::Chat => (&answer["choices"][0]["message"]["content"], &answer["choices"][0]["finish_reason"]),
            Self::Messages => (&answer["content"][0]["text"], &answer["stop_reason"]),
            Self::Responses => (&answer["output"][0]["content"][0]["text"], &answer["status"]),
        };
        (text.as_str().unwrap().to_owned(), reason.as_str().unwrap().to_owned())
    }

    const fn reasons(self) -> (&'static str, &'static str) {
        match self {
            Self::Chat => ("stop", "length"),
            Self::Messages => ("end_turn", "max_tokens"),
            Self::Responses => ("completed", "incomplete"),
        }
    }

    /// Whether this is an error in its own shape, with a text.
    fn is_error(self, body: &Value) -> bool {
        let has_text = body["error"]["message"].as_str().is_some_and(|text| !text.is_empty());
        let is_own = match self {
            Self::Chat | Self::Responses => body["error"].get("param").is_some() && body["error"].get("code").is_some(),
            Self::Messages => {
                body["type"] == "error" && body["error"]["type"].is_string() && body["request_id"].is_string()
            }
        };
        has_text && is_own
    }
}

/// The data of each event.
fn data_of(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

async fn program(app: &TestApp) -> (User, User) {
    let user = app.user().await;
    (user.with_key(&json!({})).await, user)
}

async fn settled(user: &User) -> Value {
    for _ in 0..200 {
        let credits = user.credits().await;
        if credits["held"] == 0 {
            return credits;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a hold stays");
}

/// What the attempts of a request came to.
async fn outcomes(app: &TestApp, request: &str) -> Vec<Outcome> {
    app.state.generation.usage.flush().await;
    let found = app.state.stores.attempts.find_by_request(request).await.unwrap();
    found.into_iter().map(|attempt| attempt.outcome).collect()
}

#[tokio::test]
async fn every_dialect_says_the_same_and_costs_the_same() {
    let app = TestApp::start().await;
    for dialect in Dialect::ALL {
        let (program, user) = program(&app).await;
        let answer: Value = dialect.send(&program, "Hello", false).await.json().await.unwrap();
        let (whole, cut) = dialect.reasons();
        assert_eq!(dialect.told(&answer), ("word1 word2 word3 ".to_owned(), whole.to_owned()), "{dialect:?}");
        let cut_off: Value = dialect.send(&program, "#tokens=2 #finish=length", false).await.json().await.unwrap();
        assert_eq!(dialect.told(&cut_off), ("word1 word2 ".to_owned(), cut.to_owned()), "{dialect:?}");
        let stream = dialect.send(&program, "Hello", true).await.text().await.unwrap();
        for word in ["word1 ", "word2 ", "word3 "] {
            assert!(stream.contains(word), "{dialect:?}: {stream}");
        }
        assert_eq!(answer["tessera"], json!({ "credits": 1, "remainingCredits": 9, "cached": false }), "{dialect:?}");
        assert_eq!(settled(&user).await["available"], 7, "{dialect:?}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn each_failure_has_its_status_its_shape_its_record_and_no_charge() {
    // What happens, the status where nothing was sent before, and what is written down.
    let before = [
        ("#status=500", 502, Outcome::Unavailable),
        ("#status=429", 429, Outcome::RateLimited),
        ("#status=400", 400, Outcome::Rejected),
        ("#garbage", 502, Outcome::Malformed),
        ("#empty", 502, Outcome::Rejected),
    ];
    let midway = [
        ("#tokens=2 #cut", 502, Outcome::Cut),
        ("#tokens=2 #error", 502, Outcome::Cut),
        ("#tokens=2 #stall", 504, Outcome::Timeout),
    ];
    for dialect in Dialect::ALL {
        for (failure, status, outcome) in before.into_iter().chain(midway) {
            // What fails often is not asked for a time.
            let app = TestApp::start_with(&[("CHAT_TIMEOUT_SECS", "1")]).await;
            let (program, user) = program(&app).await;
            for is_stream in [false, true] {
                let what = format!("{dialect:?}, {failure}, stream: {is_stream}");
                let response = dialect.send(&program, failure, is_stream).await;
                let request = response.headers()["x-request-id"].to_str().unwrap().to_owned();
                let has_begun = is_stream && failure.contains("#tokens");
                let (got, body) = (response.status().as_u16(), response.text().await.unwrap());
                if has_begun {
                    assert_eq!(got, 200, "{what}");
                    let events = data_of(&body);
                    let last = events.last().unwrap();
                    match dialect {
                        Dialect::Responses => {
                            let told = &events[events.len() - 2];
                            assert!(told["type"] == "error" && dialect.is_error(told), "{what}: {told}");
                            assert_eq!(last["type"], "response.failed", "{what}");
                            assert_eq!(last["response"]["status"], "failed", "{what}");
                            assert_eq!(last["response"]["output"][0]["content"][0]["text"], "word1 word2 ", "{what}");
                        }
                        _ => assert!(dialect.is_error(last), "{what}: {last}"),
                    }
                    assert!(body.contains("word2"), "{what}: {body}");
                } else {
                    assert_eq!(got, status, "{what}: {body}");
                    assert!(dialect.is_error(&serde_json::from_str(&body).unwrap()), "{what}: {body}");
                }
                let recorded = outcomes(&app, &request).await;
                assert_eq!(recorded.last(), Some(&outcome), "{what}: {recorded:?}");
                assert!(data_of(&body).iter().all(|event| event["type"] != "response.completed"), "{what}: {body}");
            }
            assert_eq!(settled(&user).await["available"], 10, "{dialect:?}, {failure}");
            app.assert_books_balance().await;
        }
    }
}

#[tokio::test]
async fn what_nobody_can_mend_by_trying_again_is_not_tried_again_and_the_way_to_credits_is_told() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "1")]).await;
    for dialect in Dialect::ALL {
        let (program, user) = program(&app).await;
        assert_eq!(user.chat("Hello").await.0, 200);
        for is_stream in [false, true] {
            let response = dialect.send(&program, "Hello", is_stream).await;
            assert_eq!(response.status(), 402, "{dialect:?}");
            assert_eq!(response.headers()["x-should-retry"], "false", "{dialect:?}");
            let body: Value = response.json().await.unwrap();
            assert!(dialect.is_error(&body), "{dialect:?}: {body}");
            assert!(body["error"]["message"].as_str().unwrap().ends_with("/buy-credits"), "{dialect:?}: {body}");
            let kind = if dialect == Dialect::Messages { "billing_error" } else { "insufficient_quota" };
            assert_eq!(body["error"]["type"], kind, "{dialect:?}");
        }
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_key_that_came_before_gives_the_same_answer_once_in_every_dialect() {
    let app = TestApp::start().await;
    for dialect in Dialect::ALL {
        let (program, user) = program(&app).await;
        let send = async |content: &str, is_stream: bool| {
            let request = program.post(dialect.path()).header("idempotency-key", "once");
            request.json(&dialect.text_request(content, is_stream)).send().await.unwrap()
        };
        let first: Value = send("Hello", false).await.json().await.unwrap();
        let again: Value = send("Hello", false).await.json().await.unwrap();
        assert_eq!((&first["id"], dialect.told(&first)), (&again["id"], dialect.told(&again)), "{dialect:?}");
        assert_eq!(send("Another", false).await.status(), 409, "{dialect:?}");
        assert_eq!(settled(&user).await["available"], 9, "{dialect:?}");
        // A budget holds, whatever is spoken.
        let poor = user.with_key(&json!({ "budget": 1 })).await;
        assert_eq!(dialect.send(&poor, "one", false).await.status(), 200, "{dialect:?}");
        assert_eq!(dialect.send(&poor, "two", true).await.status(), 402, "{dialect:?}");
    }
    assert_eq!(app.upstream.calls(), 6);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn the_same_question_is_found_in_the_cache_whatever_is_spoken() {
    let app = TestApp::start_with(&[("CHAT_CACHE", "shared"), ("MAX_OUTPUT_TOKENS", "500")]).await;
    let (program, user) = program(&app).await;
    for dialect in Dialect::ALL {
        assert_eq!(dialect.send(&program, "Hello", false).await.status(), 200);
    }
    assert_eq!((app.upstream.calls(), &settled(&user).await["available"]), (1, &json!(9)));
}

#[tokio::test]
async fn a_closed_connection_stops_the_work_and_is_free_in_every_dialect() {
    let app = TestApp::start().await;
    for dialect in Dialect::ALL {
        let (program, user) = program(&app).await;
        for is_stream in [false, true] {
            let body = dialect.text_request("#pause=60000", is_stream);
            let request = tokio::spawn(program.post(dialect.path()).json(&body).send());
            while app.upstream.seen.open.load(Ordering::SeqCst) == 0 {
                sleep(Duration::from_millis(5)).await;
            }
            request.abort();
            assert_eq!(settled(&user).await["available"], 10, "{dialect:?}, stream: {is_stream}");
        }
        assert_eq!(kept_of(&app, &user).await, []);
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_is_not_served_says_what_is_in_the_shape_of_who_asks() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    for (path, dialect, status) in [
        ("/v1/messages/batches", Dialect::Messages, 404),
        ("/v1/images/variations", Dialect::Chat, 404),
        ("/v1/images/edits", Dialect::Chat, 404),
        ("/v1/models", Dialect::Chat, 405),
        ("/v1/responses/resp_1", Dialect::Responses, 405),
    ] {
        let (got, body) = program.post_json(path, &json!({})).await;
        assert_eq!(got, status, "{path}: {body}");
        assert!(dialect.is_error(&body), "{path}: {body}");
        assert!(body["error"]["message"].as_str().unwrap().contains("POST /v1/messages"), "{path}: {body}");
    }
}

/// What somebody says: who, what, and whether with a picture.
type Said = (&'static str, String, bool);

/// The same talk in each dialect.
fn in_words_of(dialect: Dialect, talk: &[Said]) -> Value {
    let (_, data) = PNG_URL.split_once("base64,").unwrap();
    let source = json!({ "type": "base64", "media_type": "image/png", "data": data });
    let parts = |kind: &str, text: &str, image: Value, is_shown: bool| {
        let mut parts = vec![json!({ "type": kind, "text": text })];
        parts.extend(is_shown.then_some(image));
        Value::from(parts)
    };
    let messages = |as_said: &dyn Fn(&Said) -> Value| talk.iter().map(as_said).collect::<Vec<_>>();
    match dialect {
        Dialect::Chat => {
            let image = json!({ "type": "image_url", "image_url": { "url": PNG_URL } });
            let messages = messages(
                &|(role, text, shown)| json!({ "role": role, "content": parts("text", text, image.clone(), *shown) }),
            );
            json!({ "model": "tessera", "messages": messages, "max_tokens": 77, "temperature": 0.5, "top_p": 0.25 })
        }
        Dialect::Messages => {
            let image = json!({ "type": "image", "source": source });
            let mut messages = messages(
                &|(role, text, shown)| json!({ "role": role, "content": parts("text", text, image.clone(), *shown) }),
            );
            // What the system says first has a place of its own.
            let system = if talk[0].0 == "system" { messages.remove(0)["content"].take() } else { Value::Null };
            // What another model thought is no part of the talk.
            for message in messages.iter_mut().filter(|message| message["role"] == "assistant") {
                let thought = json!({ "type": "thinking", "thinking": "Hm", "signature": "c2ln" });
                message["content"].as_array_mut().unwrap().insert(0, thought);
            }
            let sampling = json!({ "max_tokens": 77, "temperature": 0.5, "top_p": 0.25 });
            let mut body = json!({ "model": "tessera", "messages": messages, "system": system });
            body.as_object_mut().unwrap().extend(sampling.as_object().unwrap().clone());
            body
        }
        Dialect::Responses => {
            let image = json!({ "type": "input_image", "image_url": PNG_URL });
            let mut items = messages(&|(role, text, shown)| {
                let kind = if *role == "assistant" { "output_text" } else { "input_text" };
                json!({ "type": "message", "role": role, "content": parts(kind, text, image.clone(), *shown) })
            });
            items.insert(0, json!({ "type": "reasoning", "id": "rs_1", "summary": [] }));
            json!({
                "model": "tessera", "input": items, "max_output_tokens": 77, "temperature": 0.5, "top_p": 0.25,
                "store": false,
            })
        }
    }
}

/// A talk that ends with a question.
fn talk() -> impl Strategy<Value = Vec<Said>> {
    // Without `#`, which tells the provider of these tests what to do.
    let text = || "[ -\"$-~\né語🙂]{0,40}x";
    let said = (prop_oneof![Just("system"), Just("user"), Just("assistant")], text(), any::<bool>())
        .prop_map(|(role, text, shown)| (role, text, shown && role == "user"));
    (proptest::collection::vec(said, 0..6), text(), any::<bool>()).prop_map(|(mut before, text, shown)| {
        // Four images are shown at most.
        let mut shown_before = 0;
        for said in &mut before {
            shown_before += usize::from(said.2);
            said.2 &= shown_before < 4;
        }
        before.push(("user", text, shown));
        before
    })
}

/// Whatever is said reaches the provider word by word, in whatever dialect it was said.
#[test]
fn nothing_of_a_talk_is_lost_between_dialects() {
    let runtime = Runtime::new().unwrap();
    let (app, program) = runtime.block_on(async {
        let app = TestApp::start_with(&[("FREE_CREDITS", "1000"), ("RATE_LIMIT_PER_MINUTE", "10000")]).await;
        let (program, _) = program(&app).await;
        (app, program)
    });
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let ran = TestRunner::new(config).run(&talk(), |talk| {
        let asked = Dialect::ALL.map(|dialect| {
            runtime.block_on(async {
                let (status, answer) = program.post_json(dialect.path(), &in_words_of(dialect, &talk)).await;
                assert_eq!(status, 200, "{dialect:?}: {answer}");
                app.upstream.seen.last.lock().unwrap().clone().unwrap().1
            })
        });
        prop_assert_eq!(&asked[0], &asked[1]);
        prop_assert_eq!(&asked[0], &asked[2]);
        let sent = asked[0]["messages"].as_array().unwrap();
        prop_assert_eq!(sent.len(), talk.len());
        for ((role, text, shown), sent) in talk.iter().zip(sent) {
            prop_assert_eq!(&sent["role"], role);
            let content = &sent["content"];
            let told = content.as_str().or_else(|| content[0]["text"].as_str());
            prop_assert_eq!(told, Some(text.as_str()));
            prop_assert_eq!(content[1]["type"] == "image_url", *shown);
        }
        Ok(())
    });
    ran.unwrap();
}
