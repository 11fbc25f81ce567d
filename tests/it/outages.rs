//! The database gone: cut off between the commit and the answer, frozen, killed and started again.

use std::process::Command;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use serde_json::json;
use tempfile::TempDir;
use tessera::app::stores::Stores;
use tokio::time::{sleep, timeout};

use crate::contracts;
use crate::crash::assert_charged_for_what_is_shown;
use crate::fake_openai::FakeOpenAi;
use crate::mongod::{Kind, Mongod, free_addr};
use crate::program::{Program, variables};
use crate::proxy::Proxy;
use crate::support::{User, assert_audit_is_clean};

/// One server whose every word with its database goes through a proxy.
struct Rig {
    mongod: Mongod,
    proxy: Proxy,
    stores: Stores,
    _server: Program,
    user: User,
    _upstream: FakeOpenAi,
    _data: TempDir,
}

impl Rig {
    async fn start(kind: Kind) -> Self {
        let (mongod, upstream, data) = (Mongod::start(kind).await, FakeOpenAi::start().await, TempDir::new().unwrap());
        let proxy = Proxy::start(vec![mongod.addr()]).await;
        let uri = mongod.uri_through(proxy.addr);
        let server = Program::start(variables(&upstream, &[("MONGODB_URI", &uri), ("FREE_CREDITS", "10000")])).await;
        let mut user = User::new(server.addr);
        user.register().await;
        let past_the_proxy = uri.replace(&proxy.addr.to_string(), &mongod.addr().to_string());
        let stores = contracts::open_at(&past_the_proxy).await;
        Self { mongod, proxy, stores, _server: server, user, _upstream: upstream, _data: data }
    }

    /// Sends messages, several at a time, for so long. Returns how many were answered and how many were not.
    async fn load(&self, time: Duration) -> (usize, usize) {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let user = self.user.clone();
                tokio::spawn(async move {
                    let (begun, mut answered, mut failed) = (Instant::now(), 0, 0);
                    while begun.elapsed() < time {
                        match user.chat("#tokens=3 #pause=5").await.0 {
                            200 => answered += 1,
                            503 | 500 => failed += 1,
                            other => panic!("{other}"),
                        }
                    }
                    (answered, failed)
                })
            })
            .collect();
        let mut sum = (0, 0);
        for worker in workers {
            let (answered, failed) = worker.await.unwrap();
            sum = (sum.0 + answered, sum.1 + failed);
        }
        sum
    }

    async fn assert_every_hold_is_ended(&self) {
        let begun = Instant::now();
        while self.stores.credits.audit().await.unwrap().open_holds > 0 {
            assert!(begun.elapsed() < Duration::from_mins(1), "every hold is ended within a minute");
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// Once the trouble is over: everything is as it should be, within a minute.
    async fn assert_it_recovers(&self) {
        self.assert_every_hold_is_ended().await;
        assert_audit_is_clean(self.stores.credits.as_ref()).await;
        let begun = Instant::now();
        while self.user.get("/readyz").send().await.unwrap().status() != 200 {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is ready again by itself");
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(self.user.chat("#tokens=1").await.0, 200);
        // A hold that nobody waited for any more may have been made after the first look.
        self.assert_every_hold_is_ended().await;
        assert_charged_for_what_is_shown(&self.user).await;
    }

    /// While the database is gone, everybody is told so, soon.
    async fn assert_it_says_so(&self) {
        let within = async |path: &'static str, expected: u16| {
            let begun = Instant::now();
            let status = self.user.get(path).send().await.unwrap().status().as_u16();
            assert_eq!(status, expected, "{path}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{path} took {:?}", begun.elapsed());
        };
        let begun = Instant::now();
        let (status, body) = self.user.chat("#tokens=1").await;
        assert_eq!((status, &body["code"]), (503, &json!("unavailable")));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        tokio::join!(
            within("/chat", 503),
            within("/dashboard", 503),
            within("/api/credits", 503),
            within("/readyz", 503),
            within("/healthz", 200),
            within("/", 200),
        );
    }
}

async fn answers_that_never_arrive(kind: Kind) {
    let rig = Rig::start(kind).await;
    rig.proxy.cut(20);
    let (answered, failed) = rig.load(Duration::from_secs(8)).await;
    // Towards a replica set the driver asks again by itself, and the server knows that it has been asked.
    assert!(answered > 10 && (failed > 0 || kind == Kind::ReplicaSet), "{answered} answered, {failed} failed");
    rig.proxy.cut(0);
    rig.assert_it_recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_never_arrive_from_a_standalone_server_charge_nobody_twice() {
    answers_that_never_arrive(Kind::Standalone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_never_arrive_from_a_replica_set_charge_nobody_twice() {
    answers_that_never_arrive(Kind::ReplicaSet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_used_is_named_without_its_password() {
    let start = async |uri: String| {
        let run = move || {
            Command::new(env!("CARGO_BIN_EXE_tessera"))
                .env_clear()
                .envs([("MONGODB_URI", uri.as_str()), ("SITE_ADDR", "127.0.0.1:0"), ("RUST_LOG", "warn")])
                .output()
                .unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let begun = Instant::now();
    let nobody = start(format!("mongodb://ada:hunter2@{}/x", free_addr())).await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert!(nobody.starts_with("tessera: MONGODB_URI: ") && !nobody.contains("hunter2"), "{nobody}");
    assert_eq!(nobody.lines().count(), 1, "{nobody}");
    assert!(nobody.contains("Connection refused") && !nobody.contains("Topology"), "{nobody}");
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    drop(contracts::open_at(&uri).await);
    let options = mongodb::options::ClientOptions::parse(&uri).await.unwrap();
    let name = options.default_database.clone().unwrap();
    let meta = mongodb::Client::with_options(options).unwrap().database(&name).collection::<Document>("meta");
    meta.update_one(doc! { "_id": "schema" }, doc! { "$set": { "version": 99_i64 } }).await.unwrap();
    let newer = start(uri).await;
    assert!(newer.starts_with("tessera: MONGODB_URI: the database is of version 99, and Tessera "), "{newer}");
    assert!(newer.contains("restore a backup of before the update") && newer.lines().count() == 1, "{newer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_freezes_for_half_a_minute_is_waited_for() {
    let rig = Rig::start(Kind::Standalone).await;
    let mut events = rig.user.chat_stream(&json!({"message": "#tokens=30 #pause=100"})).await;
    events.next_named("token").await;
    rig.mongod.freeze();
    let frozen = Instant::now();
    rig.assert_it_says_so().await;
    // Tokens go on: the stream needs no database.
    events.next_named("token").await;
    sleep(Duration::from_secs(30).saturating_sub(frozen.elapsed())).await;
    rig.mongod.thaw();
    // Charged and whole, or free and said so: the sweeper and the job agree.
    let (_, last) = timeout(Duration::from_secs(30), events.rest()).await.unwrap();
    assert!(matches!(last.event.as_str(), "done" | "error"), "{last:?}");
    rig.assert_it_recovers().await;
}

/// Two servers with twenty answers each, half of which are finished while the database is gone for longer than a lease.
async fn every_answer_survives(outage: impl AsyncFnOnce(&mut Mongod)) {
    let (mut mongod, upstream) = (Mongod::start(Kind::Standalone).await, FakeOpenAi::start().await);
    let vars = variables(&upstream, &[("MONGODB_URI", &mongod.uri())]);
    let servers = [Program::start(vars.clone()).await, Program::start(vars).await];
    let mut user = User::new(servers[0].addr);
    user.register().await;
    let mut streams = Vec::new();
    for n in 0..40 {
        let message = format!("#tokens={} #pause=500", if n % 4 < 2 { 24 } else { 80 });
        let mut events = user.at(servers[n % 2].addr).chat_stream(&json!({"message": message})).await;
        events.next_named("token").await;
        streams.push(events.rest());
    }
    // By then they are in the journal.
    sleep(Duration::from_millis(500)).await;
    let (ends, ()) = tokio::join!(futures::future::join_all(streams), outage(&mut mongod));
    let lost = ends.iter().filter(|(_, last)| last.event != "done").count();
    assert_eq!(lost, 0, "of 40 answers");
    assert_eq!(user.credits().await, json!({"available": 60, "held": 0, "debt": 0, "plan": "free"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_lost_while_the_database_is_frozen_for_longer_than_a_lease() {
    every_answer_survives(async |mongod| {
        mongod.freeze();
        sleep(Duration::from_secs(35)).await;
        mongod.thaw();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_lost_while_the_database_is_dead_for_longer_than_a_lease() {
    every_answer_survives(async |mongod| {
        mongod.kill();
        sleep(Duration::from_secs(35)).await;
        mongod.restart().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_under_way_when_the_database_freezes_wait_once() {
    let rig = Rig::start(Kind::Standalone).await;
    let sends: Vec<_> = (0..40)
        .map(|n| {
            let user = rig.user.clone();
            tokio::spawn(async move {
                sleep(Duration::from_millis(20 * n)).await;
                let begun = Instant::now();
                (user.chat("#tokens=1").await.0, begun.elapsed())
            })
        })
        .collect();
    sleep(Duration::from_millis(400)).await;
    rig.mongod.freeze();
    sleep(Duration::from_secs(8)).await;
    rig.mongod.thaw();
    for send in sends {
        let (status, took) = send.await.unwrap();
        // What was answered by the model before waits to be stored, and is charged.
        assert!(status == 200 || (status == 503 && took < Duration::from_millis(4500)), "{status} after {took:?}");
    }
    rig.assert_it_recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_and_started_again_is_found_again() {
    let mut rig = Rig::start(Kind::ReplicaSet).await;
    for _ in 0..3 {
        let (load, ()) = tokio::join!(rig.load(Duration::from_secs(2)), async {
            sleep(Duration::from_millis(700)).await;
        });
        assert!(load.0 > 0);
        let mut events = rig.user.chat_stream(&json!({"message": "#tokens=20 #pause=80"})).await;
        // By then the message is in the journal. Sooner, it could be gone with the server, and the answer free.
        sleep(Duration::from_millis(300)).await;
        events.next_named("token").await;
        rig.mongod.kill();
        rig.assert_it_says_so().await;
        rig.mongod.restart().await;
        // The answer was longer than the outage: it is whole.
        let (_, last) = timeout(Duration::from_secs(30), events.rest()).await.unwrap();
        assert_eq!(last.event, "done");
    }
    rig.assert_it_recovers().await;
}
