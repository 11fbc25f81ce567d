//! Several servers on one MongoDB and one Redis: what holds on one holds on all.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tessera::app::stores::Stores;
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use crate::contracts;
use crate::fake_openai::FakeOpenAi;
use crate::mongod::{Kind, Mongod};
use crate::program::{Program, variables};
use crate::proxy::Proxy;
use crate::servers::RedisServer;
use crate::support::{User, answer, assert_audit_is_clean};

/// Three servers behind a proxy that gives each connection to the next of them.
struct Cluster {
    _mongod: Mongod,
    _redis: RedisServer,
    upstream: FakeOpenAi,
    servers: Vec<Program>,
    proxy: Proxy,
    stores: Stores,
}

impl Cluster {
    async fn start(more: &[(&str, &str)]) -> Self {
        let (mongod, redis) = (Mongod::start(Kind::ReplicaSet).await, RedisServer::start().await);
        let (uri, upstream) = (mongod.uri(), FakeOpenAi::start().await);
        let mut vars = variables(&upstream, &[("MONGODB_URI", &uri), ("REDIS_URL", &redis.url())]);
        vars.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        // All at once: one of them makes the schema.
        let servers = futures::future::join_all((0..3).map(|_| Program::start(vars.clone()))).await;
        let proxy = Proxy::start(servers.iter().map(|server| server.addr).collect()).await;
        let stores = contracts::open_at(&uri).await;
        Self { _mongod: mongod, _redis: redis, upstream, servers, proxy, stores }
    }

    /// A user whose every request goes to another server.
    async fn user(&self) -> User {
        let mut user = User::without_keep_alive(self.proxy.addr);
        user.register().await;
        user
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_at_once_over_three_servers_get_what_was_paid_for() {
    let cluster = Cluster::start(&[]).await;
    let user = cluster.user().await;
    let sends: Vec<_> = (0..500)
        .map(|n| {
            let user = user.clone();
            tokio::spawn(async move { user.chat(&format!("#tokens=2 {n}")).await })
        })
        .collect();
    let (mut answered, mut refused) = (0, 0);
    for send in sends {
        match send.await.unwrap() {
            (200, _) => answered += 1,
            (402, _) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((answered, refused, cluster.upstream.calls()), (100, 400, 100));
    assert_eq!(user.credits().await, json!({"available": 0, "held": 0, "debt": 0, "plan": "free"}));
    assert_audit_is_clean(cluster.stores.credits.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_a_minute_holds_over_all_servers_together() {
    let cluster = Cluster::start(&[("RATE_LIMIT_PER_MINUTE", "20")]).await;
    let user = cluster.user().await;
    let sends: Vec<_> = (0..90)
        .map(|n| {
            let user = user.clone();
            tokio::spawn(async move { user.chat(&format!("#tokens=1 {n}")).await })
        })
        .collect();
    let begun = Instant::now();
    let (mut answered, mut refused) = (0, 0);
    for send in sends {
        match send.await.unwrap() {
            (200, _) => answered += 1,
            (429, body) => {
                assert_eq!(body["code"], "rate_limited");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    // One comes back every three seconds.
    let back = begun.elapsed().as_secs() / 3 + 1;
    assert!((20..=20 + back).contains(&answered), "{answered} answered, {refused} refused in {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begun_on_one_server_is_resumed_and_stopped_on_another() {
    let cluster = Cluster::start(&[]).await;
    let user = cluster.user().await;
    let on = |server: usize| user.at(cluster.servers[server].addr);
    let mut events = on(0).chat_stream(&json!({"message": "#tokens=40 #pause=50"})).await;
    let (_, start) = events.next_named("start").await;
    let id = start["messageId"].as_str().unwrap();
    let (seen, token) = events.next_named("token").await;
    let seen = seen.id.unwrap();
    let (whole, resumed) = tokio::join!(async { on(1).watch(id, None).await.rest().await }, async {
        on(2).watch(id, Some(&seen)).await.rest().await
    });
    let (text, last) = events.rest().await;
    let first = token["text"].as_str().unwrap();
    assert_eq!((last.event.as_str(), whole.1.event.as_str(), resumed.1.event.as_str()), ("done", "done", "done"));
    assert_eq!(format!("{first}{text}"), whole.0);
    assert_eq!(text, resumed.0);

    let mut events = on(0).chat_stream(&json!({"message": "#tokens=3 #stall"})).await;
    let (_, start) = events.next_named("start").await;
    events.next_named("token").await;
    let id = start["messageId"].as_str().unwrap();
    let begun = Instant::now();
    assert_eq!(on(2).post_json(&format!("/api/chat/{id}/stop"), &json!({})).await.0, 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(events.rest().await.1.event, "done");
    assert_eq!(on(1).get_json(&format!("/api/chat/{id}")).await.1["data"]["state"], "stopped");
    assert_eq!(user.credits().await["available"], 98);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_answer_whichever_server_is_asked() {
    let mut cluster = Cluster::start(&[]).await;
    let user = cluster.user().await;
    let send = |key: &'static str, message: &'static str| {
        let request = user.post("/api/chat").header("idempotency-key", key).json(&json!({"message": message}));
        tokio::spawn(answer(request))
    };
    let tries: Vec<_> = (0..12).map(|_| send("k-1", "#tokens=5 #pause=20")).collect();
    let mut ids = Vec::new();
    for task in tries {
        let (status, body) = task.await.unwrap();
        assert_eq!(status, 200, "{body}");
        ids.push(body["data"]["messageId"].clone());
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!((cluster.upstream.calls(), user.credits().await["available"].as_i64()), (1, Some(99)));
    // And after all of them have been started anew.
    for server in &mut cluster.servers {
        server.kill();
        server.restart().await;
    }
    let (status, body) = send("k-1", "#tokens=5 #pause=20").await.unwrap();
    assert_eq!((status, &body["data"]["messageId"]), (200, &ids[0]));
    assert_eq!(send("k-1", "something else").await.unwrap().1["code"], "idempotency_mismatch");
    assert_eq!((cluster.upstream.calls(), user.credits().await["available"].as_i64()), (1, Some(99)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_first_and_dies_hangs_nobody_on_another_server() {
    let mut cluster = Cluster::start(&[("CHAT_CACHE", "shared")]).await;
    let user = cluster.user().await;
    let question = json!({"message": "#tokens=3 #pause=1500"});
    let mut first = user.at(cluster.servers[0].addr).chat_stream(&question).await;
    first.next_named("start").await;
    let waiting = {
        let (user, question) = (user.at(cluster.servers[1].addr), question.clone());
        tokio::spawn(async move { user.post_json("/api/chat", &question).await })
    };
    sleep(Duration::from_millis(500)).await;
    assert_eq!(cluster.upstream.calls(), 1, "the second waits for the first");
    cluster.servers[0].kill();
    let killed = Instant::now();
    let (status, answer) = waiting.await.unwrap();
    assert_eq!((status, &answer["data"]["cached"]), (200, &json!(false)), "{answer}");
    assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
    assert_eq!(cluster.upstream.calls(), 2);
    let (status, answer) = user.at(cluster.servers[2].addr).post_json("/api/chat", &question).await;
    assert_eq!((status, &answer["data"]["cached"]), (200, &json!(true)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_held_is_given_back_by_the_others() {
    let mut cluster = Cluster::start(&[]).await;
    let user = cluster.user().await;
    let doomed = user.at(cluster.servers[0].addr);
    let mut streams = Vec::new();
    for n in 0..20 {
        let mut events = doomed.chat_stream(&json!({"message": format!("#tokens={} #stall", n % 3)})).await;
        let (_, start) = events.next_named("start").await;
        streams.push((start["messageId"].as_str().unwrap().to_owned(), events));
    }
    sleep(Duration::from_millis(1200)).await;
    assert_eq!(user.credits().await, json!({"available": 80, "held": 20, "debt": 0, "plan": "free"}));
    cluster.servers[0].kill();
    let killed = Instant::now();
    // Another server tells who goes on watching how it ended.
    let other = user.at(cluster.servers[1].addr);
    let watched = other.watch(&streams[1].0, None).await.rest();
    while user.credits().await["held"] != 0 {
        assert!(killed.elapsed() < Duration::from_mins(1), "every hold is ended within a minute");
        sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(user.credits().await["available"], 100);
    let (text, last) = watched.await;
    assert_eq!((text.as_str(), last.event.as_str()), ("word1 ", "error"));
    assert_audit_is_clean(cluster.stores.credits.as_ref()).await;
}

/// As in an update: one server after another ends and is started again, while people use them. `make rehearsal` does it for longer, with
/// another version, and with what else goes wrong.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_restarted_one_after_another_lose_nothing() {
    let mut cluster = Cluster::start(&[("FREE_CREDITS", "100000")]).await;
    let user = cluster.user().await;
    let (stop, stopped) = watch::channel(false);
    let people: Vec<_> = (0..12)
        .map(|_| {
            let (user, stopped) = (user.clone(), stopped.clone());
            tokio::spawn(async move {
                let mut answers = 0;
                while !*stopped.borrow() {
                    until_answered(&user).await;
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    for server in &mut cluster.servers {
        sleep(Duration::from_millis(500)).await;
        server.restart_gracefully().await;
    }
    sleep(Duration::from_millis(500)).await;
    stop.send(true).unwrap();
    let mut answers = 0;
    for person in people {
        answers += person.await.unwrap();
    }
    assert!(answers > 12, "{answers}");
    assert_eq!(user.credits().await, json!({"available": 100_000 - answers, "held": 0, "debt": 0, "plan": "free"}));
    assert_audit_is_clean(cluster.stores.credits.as_ref()).await;
}

/// Sends a message, with the same key again and again, until the whole answer is there.
async fn until_answered(user: &User) {
    let (key, begun) = (Uuid::now_v7().to_string(), Instant::now());
    loop {
        let request = user.post("/api/chat").header("idempotency-key", &key);
        let sent = request.json(&json!({"message": "#tokens=5 #pause=20"})).send().await;
        if let Ok(response) = sent
            && response.status() == 200
            && let Ok(body) = response.json::<Value>().await
            && body["success"] == true
        {
            assert_eq!(body["data"]["reply"].as_str().unwrap().trim(), "word1 word2 word3 word4 word5");
            return;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "it is lost");
        sleep(Duration::from_millis(100)).await;
    }
}
