//! A reply that one server writes, watched on another: with Redis token by token, without it in pieces, always whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use redis::AsyncCommands;
use serde_json::{Value, json};
use tessera::platform::ids::WorkId;
use tessera::platform::jobs::{JobEvent, JobFeed, Position, RedisJobFeed};
use tessera::platform::sse::SseEvent;
use tokio::time::{sleep, timeout};

use crate::fake_gemini::FakeGemini;
use crate::servers::{RedisServer, until};
use crate::support::{EventReader, PNG_URL, TestApp, User, answer};

fn token(end: u64) -> Arc<JobEvent> {
    Arc::new(JobEvent { name: "token".into(), data: format!("\"é{end}\""), position: Position::At(end) })
}

fn end() -> Arc<JobEvent> {
    Arc::new(JobEvent { name: "done".into(), data: "{}".to_owned(), position: Position::End })
}

#[tokio::test]
async fn early_and_late_readers_of_the_feed_see_the_same() {
    let server = RedisServer::start().await;
    let (here, there) = (RedisJobFeed::new(server.connect().await), RedisJobFeed::new(server.connect().await));
    let (job, other) = (WorkId::now_v7(), WorkId::now_v7());
    let early = tokio::spawn(there.read(job).collect::<Vec<_>>());
    // More than are written or read in one go.
    let mut events: Vec<_> = (1..=2000).map(token).collect();
    events.push(end());
    for event in &events {
        here.publish(job, event.clone());
        here.publish(other, token(1));
    }
    let expected: Vec<JobEvent> = events.iter().map(|event| event.as_ref().clone()).collect();
    assert_eq!(timeout(Duration::from_secs(10), early).await.unwrap().unwrap(), expected);
    let late = timeout(Duration::from_secs(10), there.read(job).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(late, expected);
    let ttl: i64 = server.look().await.ttl(format!("tessera:job:{job}")).await.unwrap();
    assert!((1..=600).contains(&ttl), "{ttl}");
    // A job that nobody knows says nothing, and does not end either.
    assert!(timeout(Duration::from_millis(300), there.read(WorkId::now_v7()).next()).await.is_err());
}

#[tokio::test]
async fn a_feed_whose_redis_goes_away_loses_events_and_goes_on() {
    let mut server = RedisServer::start().await;
    let redis = server.connect().await;
    let feed = RedisJobFeed::new(redis.clone());
    let job = WorkId::now_v7();
    let mut events = feed.read(job);
    feed.publish(job, token(1));
    assert_eq!(events.next().await.unwrap().position, Position::At(1));
    server.kill();
    let started = Instant::now();
    for n in 2..20_000 {
        feed.publish(job, token(n));
    }
    assert!(started.elapsed() < Duration::from_millis(500), "publishing never waits: {:?}", started.elapsed());
    until(|| redis.problem().is_some()).await;
    server.start_again().await;
    until(|| redis.problem().is_none()).await;
    feed.publish(job, token(20_000));
    feed.publish(job, end());
    let rest: Vec<_> = timeout(Duration::from_secs(10), events.collect()).await.unwrap();
    assert_eq!(rest.last().unwrap().position, Position::End);
    assert_eq!(rest[rest.len() - 2].position, Position::At(20_000));
}

/// Two servers with one database, the second with or without Redis, and a user who is known to both.
async fn two_servers(vars: &[(&str, &str)]) -> (TestApp, TestApp, User, User) {
    let one = TestApp::start_with(vars).await;
    let two = one.start_beside(vars).await;
    let user = one.user().await;
    let mut there = User::new(two.addr);
    there.cookie.clone_from(&user.cookie);
    (one, two, user, there)
}

fn text_of(events: &[SseEvent]) -> String {
    let tokens = events.iter().filter(|event| event.event == "token");
    tokens
        .map(|event| serde_json::from_str::<Value>(&event.data).unwrap()["text"].as_str().unwrap().to_owned())
        .collect()
}

/// Every token is where its id says, counted from what was seen before.
fn assert_in_order(events: &[SseEvent], mut seen: usize) {
    for event in events.iter().filter(|event| event.event == "token") {
        seen += text_of(std::slice::from_ref(event)).len();
        assert_eq!(event.id.as_deref(), Some(seen.to_string().as_str()));
    }
}

fn words(count: usize) -> String {
    (1..=count).flat_map(|n| ["word".to_owned(), n.to_string(), " ".to_owned()]).collect()
}

/// A reply of 40 words in 2.4 s, watched on the other server from the start, from the middle, and when it is over.
async fn watch_from_elsewhere(one: &TestApp, user: &User, there: &User) -> Vec<SseEvent> {
    let mut events = user.chat_stream(&json!({"message": "#tokens=40 #pause=60"})).await;
    let (_, start) = events.next_named("start").await;
    let id = start["messageId"].as_str().unwrap().to_owned();
    let from_start = tokio::spawn({
        let (there, id) = (there.clone(), id.clone());
        async move { there.watch(&id, None).await.all().await }
    });
    let mut last = None;
    for _ in 0..8 {
        last = events.next_named("token").await.0.id;
    }
    let from_middle = there.watch(&id, last.as_deref()).await.all();
    let (from_middle, rest) = tokio::join!(from_middle, events.rest());
    let from_start = from_start.await.unwrap();
    let afterwards = there.watch(&id, None).await.all().await;
    let expected = words(40);
    assert_eq!(rest.0, expected[words(8).len()..]);
    assert_eq!((text_of(&from_start), text_of(&afterwards)), (expected.clone(), expected.clone()));
    assert_eq!(text_of(&from_middle), expected[words(8).len()..]);
    assert_in_order(&from_start, 0);
    assert_in_order(&from_middle, words(8).len());
    assert_eq!(serde_json::from_str::<Value>(&from_start[0].data).unwrap(), start);
    for events in [&from_start, &from_middle, &afterwards] {
        let last = events.last().unwrap();
        assert_eq!((last.event.as_str(), last.id.as_deref()), ("done", Some("end")));
        let done: Value = serde_json::from_str(&last.data).unwrap();
        assert_eq!(done["remainingCredits"], user.credits().await["available"]);
        assert_eq!((&done["credits"], &done["usage"]["outputTokens"]), (&json!(1), &json!(40)));
        assert_eq!(events.iter().filter(|event| event.event == "done" || event.event == "start").count(), {
            1 + usize::from(!std::ptr::eq(events, &raw const from_middle))
        });
    }
    one.assert_books_balance().await;
    from_start
}

#[tokio::test]
async fn with_redis_another_server_shows_a_reply_token_by_token() {
    let server = RedisServer::start().await;
    let (one, two, user, there) = two_servers(&[("REDIS_URL", &server.url())]).await;
    until(|| [&one, &two].iter().all(|app| app.state.redis.as_ref().unwrap().problem().is_none())).await;
    let events = watch_from_elsewhere(&one, &user, &there).await;
    assert_eq!(events.len(), 42, "start, 40 tokens, done");
    assert_eq!(serde_json::from_str::<Value>(&events[41].data).unwrap()["reply"], Value::Null, "the job's own word");
}

#[tokio::test]
async fn without_redis_another_server_shows_a_reply_in_pieces() {
    let (one, _two, user, there) = two_servers(&[]).await;
    let events = watch_from_elsewhere(&one, &user, &there).await;
    assert!((4..42).contains(&events.len()), "start, some pieces, done: {}", events.len());
}

#[tokio::test]
async fn a_redis_that_freezes_or_dies_under_a_reply_costs_no_byte() {
    for dies in [false, true] {
        let mut server = RedisServer::start().await;
        let (one, two, user, there) = two_servers(&[("REDIS_URL", &server.url())]).await;
        until(|| [&one, &two].iter().all(|app| app.state.redis.as_ref().unwrap().problem().is_none())).await;
        let watched = tokio::spawn({
            let (user, there) = (user.clone(), there.clone());
            async move { watch_from_elsewhere(&one, &user, &there).await }
        });
        sleep(Duration::from_millis(900)).await;
        if dies {
            server.kill();
        } else {
            server.freeze();
            sleep(Duration::from_millis(900)).await;
            server.thaw();
        }
        let events = timeout(Duration::from_secs(10), watched).await.unwrap().unwrap();
        assert!(events.len() > 6, "{}", events.len());
    }
}

#[tokio::test]
async fn an_answer_that_another_server_writes_is_waited_for() {
    let server = RedisServer::start().await;
    for vars in [&[("REDIS_URL", server.url())][..], &[]] {
        let vars: Vec<_> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (_one, two, user, there) = two_servers(&vars).await;
        if let Some(redis) = &two.state.redis {
            until(|| redis.problem().is_none()).await;
        }
        let body = json!({"message": "#tokens=10 #pause=60"});
        let ask = |user: &User| {
            let request = user.post("/api/chat").header("idempotency-key", "once").json(&body);
            tokio::spawn(async move { (request.send().await.unwrap().json::<Value>().await.unwrap(), Instant::now()) })
        };
        let first = ask(&user);
        sleep(Duration::from_millis(200)).await;
        let ((first, first_at), (second, second_at)) = tokio::try_join!(first, ask(&there)).unwrap();
        let later = second_at.saturating_duration_since(first_at);
        eprintln!("the other server answered {later:?} later, with Redis: {}", two.state.redis.is_some());
        assert_eq!(first["data"], second["data"]);
        assert_eq!(first["data"]["remainingCredits"], 9);
    }
}

#[tokio::test]
async fn a_failed_or_stopped_reply_ends_on_another_server_as_well() {
    let server = RedisServer::start().await;
    for url in [Some(server.url()), None] {
        let vars: Vec<_> = url.iter().map(|url| ("REDIS_URL", url.as_str())).collect();
        let (one, _two, user, there) = two_servers(&vars).await;
        for (message, expected) in [("#tokens=2 #pause=30 #cut", "error"), ("#tokens=2 #stall", "done")] {
            let mut events = user.chat_stream(&json!({"message": message})).await;
            let (_, start) = events.next_named("start").await;
            let id = start["messageId"].as_str().unwrap();
            let watched = there.watch(id, None).await.all();
            let stop = async {
                events.next_named("token").await;
                events.next_named("token").await;
                if expected == "done" {
                    user.post_json(&format!("/api/chat/{id}/stop"), &json!({})).await;
                }
            };
            let (watched, ()) = timeout(Duration::from_secs(5), async { tokio::join!(watched, stop) }).await.unwrap();
            assert_eq!((text_of(&watched), watched.last().unwrap().event.as_str()), (words(2), expected));
        }
        assert_eq!(user.credits().await["available"], 9, "the stopped one is paid");
        one.assert_books_balance().await;
    }
}

#[tokio::test]
async fn what_the_feed_lost_doubled_or_mixed_up_is_mended_from_the_store() {
    let server = RedisServer::start().await;
    // The writer has no feed, so that the test can be a bad one.
    let one = TestApp::start_with(&[]).await;
    let two = one.start_beside(&[("REDIS_URL", &server.url())]).await;
    until(|| two.state.redis.as_ref().unwrap().problem().is_none()).await;
    let user = one.user().await;
    let mut there = User::new(two.addr);
    there.cookie.clone_from(&user.cookie);
    let mut events = user.chat_stream(&json!({"message": "#tokens=40 #pause=50"})).await;
    let (_, start) = events.next_named("start").await;
    let id: WorkId = start["messageId"].as_str().unwrap().parse().unwrap();
    let watched = tokio::spawn({
        let there = there.clone();
        async move { there.watch(&id.to_string(), None).await.all().await }
    });
    let feed = RedisJobFeed::new(server.connect().await);
    let publish = |from: usize, to: usize| {
        let (text, end) = (words(to)[words(from).len()..].to_owned(), words(to).len() as u64);
        let event =
            JobEvent { name: "token".into(), data: json!({"text": text}).to_string(), position: Position::At(end) };
        feed.publish(id, Arc::new(event));
    };
    for n in 1..=40 {
        events.next_named("token").await;
        match n % 8 {
            // Lost; late, after the next; twice; together with what was there already.
            3 => {}
            5 => {
                publish(n, n + 1);
                publish(n - 1, n);
            }
            7 => (0..2).for_each(|_| publish(n - 1, n)),
            0 => publish(n - 4, n),
            _ => publish(n - 1, n),
        }
    }
    // An end that comes before the last tokens were told.
    let done = json!({"cached": false, "remainingCredits": 9, "credits": 1, "usage": null}).to_string();
    events.next_named("done").await;
    feed.publish(id, Arc::new(JobEvent { name: "done".into(), data: done, position: Position::End }));
    let watched = timeout(Duration::from_secs(5), watched).await.unwrap().unwrap();
    assert_eq!(text_of(&watched), words(40));
    assert_in_order(&watched, 0);
    assert!(watched.len() > 10, "more than the store alone would give: {}", watched.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_told_as_it_was_held_whatever_it_is_now() {
    let app = TestApp::start().await;
    let other = app.start_beside(&[("CHAT_CREDITS", "3"), ("IMAGE_CREDITS", "5")]).await;
    let user = app.user().await;
    let there = user.at(other.addr);
    let told = async |path: String| {
        let response = there.get(&path).send().await.unwrap();
        EventReader::new(response).next_named("start").await.1["credits"].as_i64().unwrap()
    };
    let of_reply = async |id: &Value| told(format!("/api/chat/{}/events", id.as_str().unwrap())).await;
    let mut running = user.chat_stream(&json!({"message": "#tokens=1 #stall"})).await;
    let (_, start) = running.next_named("start").await;
    assert_eq!(of_reply(&start["messageId"]).await, 1);
    let (_, ended) = user.chat("hello").await;
    assert_eq!(of_reply(&ended["data"]["messageId"]).await, 1);
    let (_, shown) = user.chat("/image 21:9 a fox").await;
    assert_eq!(of_reply(&shown["data"]["messageId"]).await, 2);

    let body = json!({"prompt": "a fox", "aspectRatio": "21:9"});
    let order = async |user: &User| answer(user.post("/api/image").header("idempotency-key", "k").json(&body)).await;
    let (first, again) = (order(&user).await, order(&there).await);
    assert_eq!((first.0, again.0), (202, 202), "{first:?} {again:?}");
    assert_eq!((&first.1["data"]["credits"], &again.1["data"]["credits"]), (&json!(2), &json!(2)));
    let id = first.1["data"]["id"].as_str().unwrap();
    assert_eq!(again.1["data"]["id"].as_str(), Some(id));
    assert_eq!(told(format!("/api/images/{id}/events")).await, 2);
}

/// The first event that somebody sees on the other server, and the names of all.
async fn provider_told(there: &User, id: &str) -> (String, Vec<SseEvent>) {
    let events = there.watch(id, None).await.all().await;
    let start: Value = serde_json::from_str(&events[0].data).unwrap();
    assert_eq!(events[0].event, "start");
    (format!("{}/{}", start["provider"].as_str().unwrap(), start["model"].as_str().unwrap()), events)
}

#[tokio::test]
async fn who_watches_on_another_server_is_told_who_answers_when_the_first_cannot_see() {
    let (_one, _two, user, there) = two_servers(&[("CHAT_PROVIDERS", "local,openai")]).await;
    let png = PNG_URL;
    let (status, shown) =
        user.post_json("/api/chat", &json!({"message": "#tokens=1", "images": [png], "provider": "openai"})).await;
    assert_eq!(status, 200, "{shown}");
    let conversation = &shown["data"]["conversationId"];
    let mut events =
        user.chat_stream(&json!({"message": "#tokens=10 #pause=60", "conversationId": conversation})).await;
    let (_, start) = events.next_named("start").await;
    assert_eq!(start["provider"], "openai");
    let (told, seen) = provider_told(&there, start["messageId"].as_str().unwrap()).await;
    assert_eq!(told, "openai/fake-model");
    assert!(seen.iter().all(|event| event.event != "fallback"), "it was the first to be asked");
}

#[tokio::test]
async fn who_watches_on_another_server_is_told_who_answers_after_a_fallback() {
    let gemini = FakeGemini::start().await;
    let base = gemini.base_url();
    let vars = [
        ("CHAT_PROVIDERS", "gemini,openai"),
        ("GEMINI_API_KEY", "gemini-key"),
        ("GEMINI_BASE_URL", base.as_str()),
        ("CHAT_TIMEOUT_SECS", "4"),
    ];
    let (_one, _two, user, there) = two_servers(&vars).await;
    // It fails at once: who comes later is told of the second.
    let mut events = user.chat_stream(&json!({"message": "#tokens=20 #pause=60 gemini: #status=503"})).await;
    let (_, start) = events.next_named("start").await;
    assert_eq!(start["provider"], "gemini");
    for _ in 0..3 {
        events.next_named("token").await;
    }
    let (told, _) = provider_told(&there, start["messageId"].as_str().unwrap()).await;
    assert_eq!(told, "openai/fake-model");
    // It fails after two seconds: who was there before is told of it.
    let mut events = user.chat_stream(&json!({"message": "#tokens=3 gemini: #tokens=0 #stall"})).await;
    let (_, start) = events.next_named("start").await;
    let (told, seen) = provider_told(&there, start["messageId"].as_str().unwrap()).await;
    assert_eq!(told, "gemini/gemini-3.8-flash");
    assert_eq!(
        seen.iter().map(|event| event.event.as_str()).take(3).collect::<Vec<_>>(),
        ["start", "fallback", "token"]
    );
    let fallback: Value = serde_json::from_str(&seen[1].data).unwrap();
    assert_eq!(fallback, json!({"from": "gemini", "to": "openai", "model": "fake-model"}));
    assert_eq!(text_of(&seen), words(3));
}
