//! Asking and being answered: what is charged, what is kept, what can be watched.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::{TestApp, answer};

#[tokio::test]
async fn an_answer_is_charged_once_and_kept() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (status, body) = user.chat("Hello there").await;
    assert_eq!(status, 200, "{body}");
    let data = &body["data"];
    assert_eq!(data["reply"], "word1 word2 word3 ");
    assert_eq!((&data["credits"], &data["remainingCredits"]), (&json!(1), &json!(9)));
    assert_eq!((&data["cached"], &data["fallback"]), (&json!(false), &json!(false)));
    assert_eq!((&data["provider"], &data["model"]), (&json!("openai"), &json!("fake-model")));
    assert_eq!(user.ledger_kinds().await, ["grant", "hold", "settle"]);
    let (_, conversation) =
        user.get_json(&format!("/api/conversations/{}", data["conversationId"].as_str().unwrap())).await;
    let messages = conversation["data"]["messages"].as_array().unwrap();
    assert_eq!(conversation["data"]["title"], "Hello there");
    assert_eq!((&messages[0]["author"], &messages[0]["content"]), (&json!("user"), &json!("Hello there")));
    assert_eq!((&messages[1]["id"], &messages[1]["state"]), (&data["messageId"], &json!("complete")));
    assert_eq!(messages[1]["usage"], json!({"inputTokens": 11, "outputTokens": 3}));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_single_message_is_read_by_its_author_only() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let (_, body) = user.chat("Hello **there**").await;
    let path = format!("/api/chat/{}", body["data"]["messageId"].as_str().unwrap());
    let (status, message) = user.get_json(&path).await;
    assert_eq!((status, &message["data"]["state"]), (200, &json!("complete")));
    assert_eq!(message["data"]["html"], "<p dir=\"auto\">word1 word2 word3</p>\n");
    let (status, refused) = other.get_json(&path).await;
    assert_eq!((status, &refused["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn two_hundred_at_once_with_ten_credits_get_ten_answers() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let sends: Vec<_> = (0..200)
        .map(|n| {
            let user = user.clone();
            tokio::spawn(async move { user.chat(&format!("question {n}")).await })
        })
        .collect();
    let (mut answered, mut refused) = (0, 0);
    for send in sends {
        match send.await.unwrap() {
            (200, _) => answered += 1,
            (402, body) => {
                assert_eq!(body["code"], "insufficient_credits");
                assert_eq!((&body["needed"], &body["available"]), (&json!(1), &json!(0)));
                refused += 1;
            }
            (status, body) => panic!("{status}: {body}"),
        }
    }
    assert_eq!((answered, refused), (10, 190));
    assert_eq!(app.upstream.calls(), 10, "nobody is asked without a hold");
    assert_eq!(user.credits().await, json!({"available": 0, "held": 0, "debt": 0, "plan": "free"}));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn whatever_goes_wrong_is_free() {
    let app = TestApp::start_with(&[("CHAT_TIMEOUT_SECS", "1")]).await;
    for (message, status, code) in [
        ("#status=500", 502, "provider_failed"),
        ("#status=401", 502, "provider_failed"),
        ("#status=400", 400, "provider_refused"),
        ("#status=429", 429, "rate_limited"),
        ("#cut #tokens=0", 502, "provider_failed"),
        ("#cut #tokens=2", 502, "provider_failed"),
        ("#error #tokens=2", 502, "provider_failed"),
        ("#garbage", 502, "provider_failed"),
        ("#empty", 502, "provider_failed"),
        ("#blocked #tokens=0", 400, "provider_refused"),
        ("#stall #tokens=0", 504, "provider_timeout"),
        ("#stall #tokens=2", 504, "provider_timeout"),
    ] {
        let user = app.user().await;
        let (got, body) = user.chat(message).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{message}: {body}");
        assert!(body["error"].as_str().unwrap().contains("Nothing was charged"), "{body}");
        assert_eq!(user.credits().await["available"], 10, "{message}");
        assert_eq!(user.ledger_kinds().await, ["grant", "hold", "release"], "{message}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_server_that_ends_without_done_has_still_answered() {
    let app = TestApp::start().await;
    assert_eq!(app.user().await.chat("#nodone").await.0, 200);
}

#[tokio::test]
async fn a_stream_tells_everything_in_order() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=2"})).await;
    let (start, data) = events.next_named("start").await;
    assert_eq!(start.id.as_deref(), Some("0"));
    assert_eq!((&data["credits"], &data["provider"]), (&json!(1), &json!("openai")));
    let mut names = Vec::new();
    let mut done = Value::Null;
    while let Some(event) = events.next().await {
        assert!(event.id.is_some());
        names.push(event.event.clone());
        done = serde_json::from_str(&event.data).unwrap();
    }
    assert_eq!(names, ["token", "token", "done"]);
    assert_eq!(
        done,
        json!({"cached": false, "remainingCredits": 9, "credits": 1, "usage": {"inputTokens": 11, "outputTokens": 2}})
    );
}

#[tokio::test]
async fn a_cut_stream_ends_in_an_error_and_keeps_the_text() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=2 #cut"})).await;
    let (_, start) = events.next_named("start").await;
    let (text, last) = events.rest().await;
    let error: Value = serde_json::from_str(&last.data).unwrap();
    assert_eq!((text.as_str(), last.event.as_str()), ("word1 word2 ", "error"));
    assert_eq!((&error["code"], &error["charged"]), (&json!("provider_failed"), &json!(false)));
    let (_, conversation) =
        user.get_json(&format!("/api/conversations/{}", start["conversationId"].as_str().unwrap())).await;
    let reply = &conversation["data"]["messages"][1];
    assert_eq!(
        (&reply["state"], &reply["content"], &reply["credits"]),
        (&json!("incomplete"), &json!("word1 word2 "), &json!(0))
    );
    assert_eq!(user.credits().await["available"], 10);
}

#[tokio::test]
async fn a_generation_goes_on_without_its_connection_and_can_be_resumed_anywhere() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=8 #pause=40"})).await;
    let (_, start) = events.next_named("start").await;
    let id = start["messageId"].as_str().unwrap().to_owned();
    events.next_named("token").await;
    let (second, _) = events.next_named("token").await;
    drop(events);
    // Two more watchers while it runs: one from the start, one from where the first was cut off.
    let whole = user.watch(&id, None).await;
    let tail = user.watch(&id, second.id.as_deref()).await;
    let expected = "word1 word2 word3 word4 word5 word6 word7 word8 ";
    let (whole, last) = whole.rest().await;
    assert_eq!((whole.as_str(), last.event.as_str()), (expected, "done"));
    assert_eq!(tail.rest().await.0, expected["word1 word2 ".len()..]);
    // And after it has ended.
    assert_eq!(user.watch(&id, None).await.rest().await.0, expected);
    assert_eq!(user.watch(&id, second.id.as_deref()).await.rest().await.0, expected["word1 word2 ".len()..]);
    let seen_all = answer(user.get(&format!("/api/chat/{id}/events")).header("last-event-id", "end")).await;
    assert_eq!(seen_all.0, 204);
    let odd = answer(user.get(&format!("/api/chat/{id}/events")).header("last-event-id", "-5x")).await;
    assert_eq!((odd.0, odd.1["field"].as_str()), (400, Some("Last-Event-ID")));
    assert_eq!(user.credits().await["available"], 9);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn stopping_before_the_first_token_is_free_and_reaches_upstream() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#stall #tokens=0"})).await;
    let (_, start) = events.next_named("start").await;
    while app.upstream.seen.open.load(Ordering::SeqCst) == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    let path = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
    assert_eq!(user.post_json(&path, &json!({})).await.0, 200);
    let (_, done) = events.next_named("done").await;
    assert_eq!((&done["credits"], &done["remainingCredits"]), (&json!(0), &json!(10)));
    assert_eq!(user.ledger_kinds().await, ["grant", "hold", "release"]);
    timeout(Duration::from_secs(2), async {
        while app.upstream.seen.open.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the call upstream is cancelled");
    app.assert_books_balance().await;
}

#[tokio::test]
async fn stopping_after_a_token_keeps_the_text_and_the_price_stands() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#stall #tokens=2"})).await;
    let (_, start) = events.next_named("start").await;
    events.next_named("token").await;
    events.next_named("token").await;
    let path = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
    // Twice, and by somebody else: only the owner's first counts.
    assert_eq!(app.user().await.post_json(&path, &json!({})).await.0, 404);
    assert_eq!(user.post_json(&path, &json!({})).await.0, 200);
    assert_eq!(user.post_json(&path, &json!({})).await.0, 200);
    let (_, done) = events.next_named("done").await;
    assert_eq!((&done["credits"], &done["remainingCredits"]), (&json!(1), &json!(9)));
    let (_, conversation) =
        user.get_json(&format!("/api/conversations/{}", start["conversationId"].as_str().unwrap())).await;
    let reply = &conversation["data"]["messages"][1];
    assert_eq!((&reply["state"], &reply["content"]), (&json!("stopped"), &json!("word1 word2 ")));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn an_idempotency_key_charges_once() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let send = |body: Value, key: &'static str| {
        let user = user.clone();
        tokio::spawn(async move { answer(user.post("/api/chat").header("idempotency-key", key).json(&body)).await })
    };
    let body = json!({"message": "once #pause=20"});
    let answers: Vec<_> = (0..10).map(|_| send(body.clone(), "key-1")).collect();
    let mut seen = Vec::new();
    for answer in answers {
        let (status, body) = answer.await.unwrap();
        assert_eq!(status, 200, "{body}");
        seen.push(body["data"]["messageId"].clone());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "the same answer for all");
    let other = send(json!({"message": "something else"}), "key-1").await.unwrap();
    assert_eq!((other.0, other.1["code"].as_str()), (409, Some("idempotency_mismatch")));
    // Keys are per user.
    let stranger = app.user().await;
    let (status, other) = answer(stranger.post("/api/chat").header("idempotency-key", "key-1").json(&body)).await;
    assert_eq!(status, 200);
    assert_ne!(other["data"]["messageId"], seen[0]);
    assert_eq!((user.credits().await["available"].as_i64(), app.upstream.calls()), (Some(9), 2));
    let odd = answer(user.post("/api/chat").header("idempotency-key", " ").json(&body)).await;
    assert_eq!((odd.0, odd.1["field"].as_str()), (400, Some("Idempotency-Key")));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn bad_messages_cost_nothing_and_name_their_field() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let elsewhere = uuid::Uuid::now_v7().to_string();
    for (body, status, field) in [
        (json!({}), 400, Some("message")),
        (json!({"message": " \n\t "}), 400, Some("message")),
        (json!({"message": "x".repeat(1001)}), 400, Some("message")),
        (json!({"message": "hi", "provider": "clippy"}), 400, Some("provider")),
        (json!({"message": "hi", "model": "m"}), 400, Some("model")),
        // Only what is listed: whatever else went upstream would be had at the price of what is.
        (json!({"message": "hi", "provider": "openai", "model": "o1-pro"}), 400, Some("model")),
        (json!({"message": "hi", "provider": "openai", "model": "fake-model "}), 400, Some("model")),
        (json!({"message": "hi", "provider": "openai", "model": ""}), 400, Some("model")),
        (json!({"message": "/image a fox", "provider": "openai", "model": "o1-pro"}), 400, Some("model")),
        (json!({"message": "hi", "conversationId": "7"}), 400, Some("conversationId")),
        (json!({"message": "hi", "replaces": elsewhere}), 400, Some("replaces")),
        (json!({"message": "hi", "conversationId": elsewhere}), 404, None),
        (json!({"message": "x".repeat(70_000)}), 400, Some("message")),
    ] {
        let (got, answer) = user.post_json("/api/chat", &body).await;
        assert_eq!((got, answer["field"].as_str()), (status, field), "{answer}");
    }
    // A thousand characters are a thousand characters, in any script.
    assert_eq!(app.upstream.calls(), 0);
    assert_eq!(user.chat(&"字".repeat(1000)).await.0, 200);
    assert_eq!(user.credits().await["available"], 9);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn the_model_sees_the_conversation_and_edits_replace_the_past() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, first) = user.chat("first question").await;
    let conversation = first["data"]["conversationId"].as_str().unwrap();
    let second =
        user.post_json("/api/chat", &json!({"message": "second question", "conversationId": conversation})).await;
    assert_eq!(second.0, 200);
    let sent = || {
        let last = app.upstream.seen.last.lock().unwrap();
        let (headers, body) = last.as_ref().unwrap();
        assert_eq!(headers["authorization"], "Bearer sk-test-key");
        let turns: Vec<_> = body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|turn| turn["content"].as_str().unwrap().to_owned())
            .collect();
        turns
    };
    assert_eq!(sent(), ["first question", "word1 word2 word3 ", "second question"]);
    let read =
        async || user.get_json(&format!("/api/conversations/{conversation}")).await.1["data"]["messages"].clone();
    let messages = read().await;
    let body = json!({"message": "better question", "conversationId": conversation, "replaces": messages[0]["id"]});
    assert_eq!(user.post_json("/api/chat", &body).await.0, 200);
    assert_eq!(sent(), ["better question"]);
    let texts: Vec<_> = read().await.as_array().unwrap().iter().map(|message| message["content"].clone()).collect();
    assert_eq!(texts, ["better question", "word1 word2 word3 "]);
    // A reply cannot be replaced, and nothing is charged for trying.
    let replaces_reply = json!({"message": "x", "conversationId": conversation, "replaces": read().await[1]["id"]});
    assert_eq!(user.post_json("/api/chat", &replaces_reply).await.0, 404);
    assert_eq!(user.credits().await["available"], 7);
}

#[tokio::test]
async fn conversations_are_listed_searched_renamed_and_deleted_by_their_owner_only() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(
            user.chat(&format!("topic number {n}")).await.1["data"]["conversationId"].as_str().unwrap().to_owned(),
        );
    }
    let (_, page) = user.get_json("/api/conversations?limit=2").await;
    assert_eq!(page["data"]["items"].as_array().unwrap().len(), 2);
    assert_eq!(page["data"]["items"][0]["id"], ids[2].as_str());
    let cursor = page["data"]["nextCursor"].as_str().unwrap();
    let (_, rest) = user.get_json(&format!("/api/conversations?limit=2&cursor={cursor}")).await;
    assert_eq!((&rest["data"]["items"][0]["id"], &rest["data"]["nextCursor"]), (&json!(ids[0]), &Value::Null));
    for (query, count) in [("q=number%201", 1), ("q=WORD2", 3), ("q=%25", 0), ("q=nothing", 0)] {
        let (_, found) = user.get_json(&format!("/api/conversations?{query}")).await;
        assert_eq!(found["data"]["items"].as_array().unwrap().len(), count, "{query}");
    }
    for odd in ["cursor=x", "limit=0", "limit=101", "limit=x"] {
        assert_eq!(user.get_json(&format!("/api/conversations?{odd}")).await.0, 400, "{odd}");
    }
    let path = format!("/api/conversations/{}", ids[0]);
    let patch = |who: &crate::support::User, title: &str| {
        answer(who.request(reqwest::Method::PATCH, &path).json(&json!({"title": title})))
    };
    assert_eq!(patch(&user, "  A  new\ntitle ").await.0, 200);
    assert_eq!(user.get_json(&path).await.1["data"]["title"], "A new title");
    assert_eq!(patch(&user, " ").await.1["field"], "title");
    let stranger = app.user().await;
    assert_eq!(patch(&stranger, "mine").await.0, 404);
    assert_eq!(stranger.get_json(&path).await.0, 404);
    assert_eq!(answer(stranger.request(reqwest::Method::DELETE, &path)).await.0, 404);
    assert_eq!(answer(user.request(reqwest::Method::DELETE, &path)).await.0, 200);
    assert_eq!(user.get_json(&path).await.0, 404);
    assert_eq!(user.get_json("/api/conversations/not-an-id").await.0, 404);
}

#[tokio::test]
async fn deleting_a_conversation_in_mid_answer_stops_it_and_charges_for_what_was_read() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#stall #tokens=2"})).await;
    let (_, start) = events.next_named("start").await;
    events.next_named("token").await;
    let path = format!("/api/conversations/{}", start["conversationId"].as_str().unwrap());
    assert_eq!(answer(user.request(reqwest::Method::DELETE, &path)).await.0, 200);
    let (_, done) = events.next_named("done").await;
    assert_eq!(done["credits"], 1);
    assert_eq!(user.credits().await, json!({"available": 9, "held": 0, "debt": 0, "plan": "free"}));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn the_next_provider_answers_when_the_first_cannot() {
    let second = crate::fake_openai::FakeOpenAi::start().await;
    // The local provider has no model here, so OpenAI is the one to fall back to.
    let app = TestApp::start_with(&[
        ("CHAT_PROVIDERS", "local,openai"),
        ("LOCAL_MODEL", "/nowhere/model.gguf"),
        ("OPENAI_BASE_URL", &second.base_url()),
    ])
    .await;
    let user = app.user().await;
    let (status, body) = user.chat("hello").await;
    assert_eq!(
        (status, &body["data"]["provider"], &body["data"]["fallback"]),
        (200, &json!("openai"), &json!(true)),
        "{body}"
    );
    let (_, stored) = user.get_json(&format!("/api/chat/{}", body["data"]["messageId"].as_str().unwrap())).await;
    assert_eq!(stored["data"]["fallbackFrom"], "local");
    let mut events = user.chat_stream(&json!({"message": "hello"})).await;
    let (_, fallback) = events.next_named("fallback").await;
    assert_eq!(fallback, json!({"from": "local", "to": "openai", "model": "fake-model"}));
    assert_eq!(user.credits().await["available"], 8);
}

#[tokio::test]
async fn whoever_can_be_asked_is_listed_in_order_with_size_price_and_health() {
    let app = TestApp::start_with(&[
        ("CHAT_PROVIDERS", "local,openai"),
        ("LOCAL_MODEL", "/nowhere/model.gguf"),
        ("OPENAI_CONTEXT_TOKENS", "32000"),
        ("CHAT_CREDITS", "3"),
    ])
    .await;
    let user = app.user().await;
    let (status, body) = user.get_json("/api/providers").await;
    assert_eq!(status, 200, "{body}");
    let problem = &body["data"][0]["problem"];
    assert!(problem.as_str().unwrap().contains("LOCAL_MODEL") && !body.to_string().contains("/nowhere"), "{body}");
    let version = &body["data"][0]["price"]["version"];
    assert!(version.as_str().is_some_and(|version| version.len() == 10), "{body}");
    let price = json!({"kind": "flat", "version": version, "credits": 3});
    assert_eq!(
        body["data"],
        json!([
            {"name": "local", "model": "model", "contextTokens": null, "credits": 3, "price": price,
             "maxMessageChars": 1000, "problem": problem, "seesImages": false,
             "label": "Local", "provider": "local", "isAlias": false, "maxOutputTokens": null, "least": 3,
             "perToken": false, "thinks": null, "callsTools": null},
            {"name": "openai", "model": "fake-model", "contextTokens": 32000, "credits": 3, "price": price,
             "maxMessageChars": 1000, "problem": null, "seesImages": true,
             "label": "OpenAI", "provider": "openai", "isAlias": false, "maxOutputTokens": null, "least": 3,
             "perToken": false, "thinks": null, "callsTools": null},
        ])
    );
    assert_eq!(app.visitor().get_json("/api/providers").await.0, 401);
}

#[tokio::test]
async fn a_stream_is_for_who_would_take_one() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for (accept, kind) in [
        ("text/event-stream", "text/event-stream"),
        ("Text/Event-Stream, */*", "text/event-stream"),
        ("text/event-stream;q=0", "application/json"),
        ("application/json, text/event-stream;q=0.5", "application/json"),
    ] {
        let request = user.post("/api/chat").header("accept", accept).json(&json!({"message": "hello"}));
        let response = request.send().await.unwrap();
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind), "{accept}");
    }
}

#[tokio::test]
async fn what_is_not_of_the_right_type_is_named() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for (body, field) in [
        (json!(["hi"]), "body"),
        (json!({}), "message"),
        (json!({"message": 5}), "message"),
        (json!({"message": "hi", "images": [5]}), "images[0]"),
        (json!({"message": "hi", "fresh": "yes"}), "fresh"),
        (json!({"message": "hi", "model": {}}), "model"),
    ] {
        let (status, answer) = user.post_json("/api/chat", &body).await;
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{body}: {answer}");
        let text = answer["error"].as_str().unwrap();
        assert!(!text.contains("struct") && !text.contains("line 1"), "{text}");
    }
    assert_eq!((app.upstream.calls(), user.ledger_kinds().await), (0, vec!["grant".to_owned()]));
}

#[tokio::test]
async fn why_a_provider_refuses_is_told_whether_the_reply_streams_or_not() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let ask = async |message: &str| user.post("/api/chat").json(&json!({"message": message})).send().await.unwrap();
    let limited = ask("#status=429").await;
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    let limited: Value = limited.json().await.unwrap();
    assert_eq!((&limited["code"], &limited["retryAfterSecs"]), (&json!("rate_limited"), &json!(7)), "{limited}");
    let (_, told) = user.chat_stream(&json!({"message": "#status=429 again"})).await.next_named("error").await;
    assert_eq!((&told["code"], &told["retryAfterSecs"]), (&json!("rate_limited"), &json!(7)), "{told}");
    let refused = ask("#status=400").await;
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (400, false));
    let refused: Value = refused.json().await.unwrap();
    assert!(refused["error"].as_str().unwrap().contains("refused on purpose"), "{refused}");
    assert!(refused.get("retryAfterSecs").is_none(), "{refused}");
    assert_eq!(user.credits().await["available"], 10);
    app.assert_books_balance().await;
}
