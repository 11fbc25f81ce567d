//! Answers that were given before: the cache's contract, and what users see of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tessera::platform::cache::{Cache, LocalCache, RedisCache};
use tokio::time::sleep;
use uuid::Uuid;

use crate::leaving::{erase, until_erased};
use crate::servers::RedisServer;
use crate::support::{TestApp, User, answer};

/// What every adapter does.
async fn contract(cache: Arc<dyn Cache>) {
    let (key, long) = (Uuid::now_v7().to_string(), Duration::from_mins(1));
    assert_eq!(cache.get(&key).await, None);
    cache.put(&key, vec![0, 255, 10], long).await;
    assert_eq!(cache.get(&key).await, Some(vec![0, 255, 10]));
    assert!(!cache.claim(&key, b"mine", long).await);
    cache.release(&key, b"mine").await;
    assert!(cache.get(&key).await.is_some(), "only its own value");
    cache.put(&key, b"mine".to_vec(), long).await;
    cache.release(&key, b"mine").await;
    assert_eq!(cache.get(&key).await, None);

    let claims = join_all((0..50_u8).map(|n| {
        let (cache, key) = (cache.clone(), key.clone());
        async move { cache.claim(&key, &[n], Duration::from_millis(300)).await }
    }));
    assert_eq!(claims.await.into_iter().filter(|won| *won).count(), 1);
    sleep(Duration::from_millis(350)).await;
    assert_eq!(cache.get(&key).await, None, "it runs out");
    assert!(cache.claim(&key, b"next", long).await);
}

/// What is kept of somebody is forgotten, and nothing else.
async fn forget(cache: &dyn Cache) {
    let long = Duration::from_mins(1);
    let keys: Vec<String> = (0..4).map(|_| Uuid::now_v7().to_string()).collect();
    let [ada, bob] = ["ada", "bob"].map(|name| format!("{name}-{}", keys[0]));
    cache.put_of(&ada, &keys[0], b"one".to_vec(), long).await;
    // The index outlives the shorter of the two.
    cache.put_of(&ada, &keys[1], b"two".to_vec(), Duration::from_millis(100)).await;
    cache.put_of(&bob, &keys[2], b"three".to_vec(), long).await;
    cache.put(&keys[3], b"four".to_vec(), long).await;
    sleep(Duration::from_millis(150)).await;
    assert_eq!(cache.get(&keys[0]).await, Some(b"one".to_vec()));
    assert!(cache.forget(&ada).await && cache.forget(&ada).await);
    assert_eq!([cache.get(&keys[0]).await, cache.get(&keys[1]).await], [None, None]);
    assert!(cache.get(&keys[2]).await.is_some() && cache.get(&keys[3]).await.is_some());
}

#[tokio::test]
async fn the_cache_in_this_process_keeps_the_contract() {
    contract(Arc::new(LocalCache::default())).await;
    forget(&LocalCache::default()).await;
}

#[tokio::test]
async fn the_cache_in_redis_keeps_the_contract_and_goes_on_without() {
    let mut server = RedisServer::start().await;
    let cache = Arc::new(RedisCache::new(server.connect().await));
    contract(cache.clone()).await;
    forget(cache.as_ref()).await;
    server.kill();
    contract(cache.clone()).await;
    cache.put_of("ada", "key", b"value".to_vec(), Duration::from_mins(1)).await;
    assert!(!cache.forget("ada").await, "what is in Redis could not be reached");
    assert_eq!(cache.get("key").await, None, "what is here is gone all the same");
}

/// What somebody asked is asked anew by others once they are erased, and what others asked is still there.
async fn erasure_reaches_what_was_answered(vars: &[(&str, &str)]) {
    for scope in ["shared", "user"] {
        let app = TestApp::start_with(&[&[("CHAT_CACHE", scope)], vars].concat()).await;
        let (ada, bob) = (app.user().await, app.user().await);
        ask(&ada, json!({"message": "#tokens=2 the words of ada"})).await;
        ask(&bob, json!({"message": "#tokens=2 the words of bob"})).await;
        let again = ask(&ada, json!({"message": "#tokens=2 the words of ada"})).await;
        assert_eq!(again["cached"], true, "it is kept");
        let receipt = erase(&ada).await;
        until_erased(&app.visitor(), &receipt).await;
        assert_eq!(ask(&bob, json!({"message": "#tokens=2 the words of ada"})).await["cached"], false, "{scope}");
        assert_eq!(ask(&bob, json!({"message": "#tokens=2 the words of bob"})).await["cached"], true, "{scope}");
        app.assert_books_balance().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn erasure_reaches_what_was_answered_in_this_process() {
    erasure_reaches_what_was_answered(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasure_reaches_what_was_answered_in_redis() {
    let server = RedisServer::start().await;
    let app = TestApp::start_with(&[("CHAT_CACHE", "shared"), ("REDIS_URL", &server.url())]).await;
    let ada = app.user().await;
    ask(&ada, json!({"message": "#tokens=2 hello"})).await;
    let kept = async || -> Vec<String> {
        redis::cmd("KEYS").arg("tessera:cache*").query_async(&mut server.look().await).await.unwrap()
    };
    // It is kept beside the answer.
    for _ in 0..200 {
        if kept().await.iter().any(|key| key.starts_with("tessera:cache-of:")) {
            break;
        }
        sleep(Duration::from_millis(25)).await;
    }
    let before = kept().await;
    assert!(before.len() >= 2, "{before:?}");
    let receipt = erase(&ada).await;
    until_erased(&app.visitor(), &receipt).await;
    assert_eq!(kept().await, Vec::<String>::new());
    erasure_reaches_what_was_answered(&[("REDIS_URL", &server.url())]).await;
}

async fn app(more: &[(&str, &str)]) -> TestApp {
    TestApp::start_with(&[&[("CHAT_CACHE", "shared")], more].concat()).await
}

async fn ask(user: &User, body: Value) -> Value {
    let (status, answer) = user.post_json("/api/chat", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

#[tokio::test]
async fn the_same_question_is_answered_at_once_and_free() {
    let app = app(&[]).await;
    let (ada, bob) = (app.user().await, app.user().await);
    let first = ask(&ada, json!({"message": "#tokens=4 hello"})).await;
    assert_eq!((&first["cached"], &first["credits"]), (&json!(false), &json!(1)));
    let again = ask(&bob, json!({"message": "  #tokens=4 hello "})).await;
    assert_eq!(
        (&again["cached"], &again["credits"], &again["remainingCredits"]),
        (&json!(true), &json!(0), &json!(10))
    );
    assert_eq!(
        (&again["reply"], &again["provider"], &again["model"]),
        (&first["reply"], &first["provider"], &first["model"])
    );
    assert_eq!((app.upstream.calls(), bob.ledger_kinds().await), (1, vec!["grant".to_owned()]));
    // It is a message like any other, and what follows has it in its context.
    let conversation = again["conversationId"].as_str().unwrap();
    let (_, shown) = bob.get_json(&format!("/api/conversations/{conversation}")).await;
    assert_eq!(
        (&shown["data"]["messages"][1]["cached"], &shown["data"]["messages"][1]["state"]),
        (&json!(true), &json!("complete"))
    );
    let other = ask(&bob, json!({"message": "#tokens=4 hello", "conversationId": conversation})).await;
    assert_eq!(other["cached"], false, "another context is another question");
    // As a stream, too.
    let mut events = ada.chat_stream(&json!({"message": "#tokens=4 hello"})).await;
    assert_eq!(events.next_named("start").await.1["credits"], 0);
    assert_eq!(events.next_named("token").await.1["text"], first["reply"]);
    let (_, done) = events.next_named("done").await;
    assert_eq!((&done["cached"], &done["credits"]), (&json!(true), &json!(0)));
    // A new answer can be had, and is the one that is kept then.
    assert_eq!(ask(&ada, json!({"message": "#tokens=4 hello", "fresh": true})).await["cached"], false);
    assert_eq!(app.upstream.calls(), 3);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn who_has_no_credits_left_still_gets_what_was_answered_before() {
    let app = app(&[("FREE_CREDITS", "1")]).await;
    let (ada, bob) = (app.user().await, app.user().await);
    ask(&ada, json!({"message": "one"})).await;
    ask(&bob, json!({"message": "two"})).await;
    assert_eq!(ask(&bob, json!({"message": "one"})).await["cached"], true);
    assert_eq!(bob.chat("three").await.0, 402);
    assert_eq!(bob.credits().await["available"], 0);
}

#[tokio::test]
async fn a_picked_provider_and_another_user_can_be_other_questions() {
    let app = app(&[]).await;
    let user = app.user().await;
    ask(&user, json!({"message": "hello"})).await;
    assert_eq!(ask(&user, json!({"message": "hello", "provider": "openai"})).await["cached"], false);
    let named = json!({"message": "hello", "provider": "openai", "model": "fake-model"});
    assert_eq!(ask(&user, named).await["cached"], true, "the provider's own model is what it answers with anyway");

    let app = self::app(&[("CHAT_CACHE", "user")]).await;
    let (ada, bob) = (app.user().await, app.user().await);
    ask(&ada, json!({"message": "hello"})).await;
    assert_eq!(ask(&bob, json!({"message": "hello"})).await["cached"], false);
    assert_eq!(ask(&ada, json!({"message": "hello"})).await["cached"], true);
    let app = self::app(&[("CHAT_CACHE_TTL_SECS", "1")]).await;
    let user = app.user().await;
    ask(&user, json!({"message": "hello"})).await;
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(ask(&user, json!({"message": "hello"})).await["cached"], false);
}

#[tokio::test]
async fn only_whole_answers_are_kept() {
    let app = app(&[]).await;
    let user = app.user().await;
    for broken in ["#tokens=2 #cut", "#status=500", "#empty"] {
        for _ in 0..2 {
            assert!(user.chat(broken).await.0 >= 500, "{broken}");
        }
    }
    assert_eq!(app.upstream.calls(), 6);
    let mut events = user.chat_stream(&json!({"message": "#tokens=2 #stall"})).await;
    let (_, start) = events.next_named("start").await;
    events.next_named("token").await;
    user.post_json(&format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap()), &json!({})).await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=2 #stall"})).await;
    assert_eq!(events.next_named("start").await.1["credits"], 1);
}

#[tokio::test]
async fn an_answer_is_whole_only_where_its_end_says_so() {
    let app = app(&[("FREE_CREDITS", "100")]).await;
    let user = app.user().await;
    for reason in ["stop", "eos", "eos_token", "stop_sequence", "end_turn"] {
        let asked = format!("#tokens=2 #finish={reason}");
        assert_eq!(ask(&user, json!({ "message": &asked })).await["cached"], false, "{reason}");
        assert_eq!(ask(&user, json!({ "message": &asked })).await["cached"], true, "{reason}");
    }
    // Cut at its limit, it is an answer that is paid for, but nobody else's.
    for reason in ["length", "max_tokens", "model_length", "model_context_window_exceeded"] {
        for _ in 0..2 {
            let cut = ask(&user, json!({ "message": format!("#tokens=2 #finish={reason}") })).await;
            assert_eq!((&cut["cached"], &cut["credits"]), (&json!(false), &json!(1)), "{reason}");
        }
    }
    let before = user.credits().await;
    for reason in [
        "",
        "null",
        "error",
        "abort",
        "network_error",
        "insufficient_system_resource",
        "safety",
        "content_filter",
        "sensitive",
        "tool_calls",
        "function_call",
        "STOPPED",
        "what-nobody-knows",
    ] {
        for _ in 0..2 {
            let mut events = user.chat_stream(&json!({ "message": format!("#tokens=2 #finish={reason}") })).await;
            let (_, start) = events.next_named("start").await;
            let (text, last) = events.rest().await;
            assert_eq!((text.as_str(), last.event.as_str()), ("word1 word2 ", "error"), "{reason}: {}", last.data);
            let path = format!("/api/chat/{}", start["messageId"].as_str().unwrap());
            let (_, kept) = user.get_json(&path).await;
            assert_eq!(
                (&kept["data"]["state"], &kept["data"]["content"], &kept["data"]["credits"]),
                (&json!("incomplete"), &json!("word1 word2 "), &json!(0)),
                "{reason}"
            );
        }
    }
    assert_eq!(user.credits().await, before);
    assert_eq!(app.upstream.calls(), 5 + 2 * 4 + 2 * 13);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_are_one_call_over_two_servers() {
    let redis = RedisServer::start().await;
    for vars in [vec![], vec![("REDIS_URL", redis.url())]] {
        let vars: Vec<_> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let app = app(&vars).await;
        let beside = app.start_beside(&[&[("CHAT_CACHE", "shared")], &*vars].concat()).await;
        let user = app.user().await;
        if app.state.redis.is_some() {
            crate::servers::until(|| {
                [&app, &beside].iter().all(|app| app.state.redis.as_ref().unwrap().problem().is_none())
            })
            .await;
        }
        let sends = (0..100).map(|n| {
            // Without Redis, servers know nothing of each other.
            let at = if n % 2 == 1 && !vars.is_empty() { beside.addr } else { app.addr };
            let user = user.at(at);
            tokio::spawn(async move { ask(&user, json!({"message": "#tokens=5 #pause=40"})).await })
        });
        let answers: Vec<Value> = join_all(sends).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(app.upstream.calls(), 1, "{vars:?}");
        assert_eq!(answers.iter().filter(|answer| answer["cached"] == false).count(), 1);
        assert_eq!(user.credits().await["available"], 9);
        app.assert_books_balance().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_first_and_fails_hangs_nobody() {
    let app = app(&[("FREE_CREDITS", "3")]).await;
    let user = app.user().await;
    let begun = Instant::now();
    let sends = (0..5).map(|_| {
        let user = user.clone();
        tokio::spawn(async move { user.chat("#status=500 #pause=100").await.0 })
    });
    let statuses: Vec<_> = join_all(sends).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(statuses, [502; 5]);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(user.credits().await["available"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stays_with_its_answer_however_it_was_found() {
    let app = app(&[]).await;
    let (ada, bob) = (app.user().await, app.user().await);
    let send = async |user: &User, key: &str, message: &str| {
        let request = user.post("/api/chat").header("idempotency-key", key).json(&json!({"message": message}));
        let (status, body) = answer(request).await;
        (status, body["data"]["messageId"].as_str().unwrap_or_default().to_owned(), body)
    };
    // Paid for, then sent again when the answer is kept; and again while it is being written.
    let (first, again) = (send(&ada, "a", "#tokens=4").await, send(&ada, "a", "#tokens=4").await);
    assert_eq!(first.1, again.1);
    let (one, two) = tokio::join!(send(&ada, "b", "#tokens=5 #pause=60"), async {
        sleep(Duration::from_millis(120)).await;
        send(&ada, "b", "#tokens=5 #pause=60").await
    });
    assert_eq!(one.1, two.1);
    assert_eq!(ada.credits().await["available"], 8);
    // Given free, then sent again.
    let (first, again) = (send(&bob, "c", "#tokens=4").await, send(&bob, "c", "#tokens=4").await);
    assert_eq!((first.1, &first.2["data"]["cached"]), (again.1, &json!(true)));
    assert_eq!(send(&bob, "c", "#tokens=9").await.0, 409);
    assert_eq!(app.upstream.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_waited_for_another_begins_with_a_whole_lease() {
    let app = app(&[("CHAT_TIMEOUT_SECS", "2")]).await;
    let user = app.user().await;
    let question = json!({"message": "#tokens=1 #stall"});
    let sends = (0..2).map(|_| user.post_json("/api/chat", &question));
    assert!(join_all(sends).await.into_iter().all(|(status, _)| status == 504));
    // The second began when the first was given up: its hold must not look as old as its request.
    let database = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    let shortest: i64 =
        database.query_row("SELECT min(lease_until - created_at) FROM holds", [], |row| row.get(0)).unwrap();
    assert_eq!(app.upstream.calls(), 2);
    assert!(shortest > 29_000, "{shortest} ms");
}
