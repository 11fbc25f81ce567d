//! Durable debits per second over each store, next to what the same commits cost the database itself in the same run.
//!
//! `cargo bench --features ssr --bench ledger`. A debit is a hold and then its settlement: two commits, each answered
//! when it is on disk and each counted. The raw cost is one row a commit in SQLite, and one guarded
//! `findOneAndUpdate` of a small document, at the same concurrency and as durable, in MongoDB.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::cast_precision_loss, reason = "a program for people")]

#[path = "../tests/it/mongod.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod mongod;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mongod::{Kind, Mongod};
use mongodb::bson::{Document, doc};
use secrecy::SecretString;
use tempfile::TempDir;
use tessera::credits::server::store::{
    CreditStore, ExtendOutcome, Hold, HoldEnd, HoldOutcome, MongoCreditStore, NewHold, SqliteCreditStore, WorkKind,
};
use tessera::platform::amount::Amount;
use tessera::platform::db::mongo::{Durability, Mongo};
use tessera::platform::db::sqlite::Sqlite;
use tessera::platform::ids::{UserId, WorkId};

const RUN: Duration = Duration::from_secs(3);
/// How long an answer of a whole message takes.
const ANSWER: Duration = Duration::from_millis(100);
const RICH: Amount = Amount::MAX;

fn say(text: &str) {
    std::io::stdout().write_all(format!("{text}\n").as_bytes()).unwrap();
}

#[tokio::main]
async fn main() {
    heading("SQLite, synchronous=FULL; raw: one row a commit, one after the other");
    for concurrency in [1, 32, 256] {
        let data = TempDir::new().unwrap();
        let db = Sqlite::open(&data.path().join("bench.db")).unwrap();
        // Before and after, so that a machine that slows down does not favour one side.
        let before = raw_sqlite();
        let store: Arc<dyn CreditStore> = Arc::new(SqliteCreditStore::new(db, RICH));
        let figures = debits(store.clone(), concurrency).await;
        report(concurrency, figures, f64::midpoint(before, raw_sqlite()));
        compare_messages(&store, concurrency).await;
    }
    for kind in [Kind::Standalone, Kind::ReplicaSet] {
        heading(&format!("MongoDB, {kind:?}, majority and journal; raw: guarded findOneAndUpdate"));
        let server = Mongod::start(kind).await;
        for concurrency in [1, 32, 256] {
            let mongo = Mongo::open(&SecretString::from(server.uri())).await.unwrap();
            let before = raw_mongo(&mongo, concurrency).await;
            let store: Arc<dyn CreditStore> = Arc::new(MongoCreditStore::new(mongo.clone(), RICH));
            let figures = debits(store.clone(), concurrency).await;
            report(concurrency, figures, f64::midpoint(before, raw_mongo(&mongo, concurrency).await));
            compare_messages(&store, concurrency).await;
        }
    }
}

/// What a message costs its user in time besides the answer itself, with two extensions and without.
async fn compare_messages(store: &Arc<dyn CreditStore>, concurrency: usize) {
    let mut p50 = [0.0; 2];
    for (figure, extensions) in p50.iter_mut().zip([0, 2]) {
        let mut latencies = messages(store.clone(), concurrency, extensions).await;
        latencies.sort_unstable();
        *figure = latencies[latencies.len() / 2].as_secs_f64() * 1e3;
    }
    let [plain, breathing] = p50;
    let ratio = (breathing + ANSWER.as_secs_f64() * 1e3) / (plain + ANSWER.as_secs_f64() * 1e3);
    say(&format!(
        "             whole message, p50 ms beside its answer: {plain:.2}; with two extensions {breathing:.2} ({ratio:.2} in all)"
    ));
}

fn heading(what: &str) {
    say(&format!("\nLedger over {what}; {RUN:?} each"));
    say(" concurrency    commits/s     p50 ms     p99 ms         raw/s    ratio");
}

fn report(concurrency: usize, (rate, mut latencies): (f64, Vec<Duration>), raw: f64) {
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1e3;
    say(&format!("{concurrency:>12} {rate:>12.0} {:>10.2} {:>10.2} {raw:>13.0} {:>8.2}", at(50), at(99), rate / raw));
}

/// A hold of a user, and what is needed to end it.
fn new_hold(user: UserId) -> (NewHold, Hold) {
    let amount = Amount::credits(1);
    let hold = NewHold {
        id: WorkId::now_v7(),
        owner: user.into(),
        user,
        kind: WorkKind::Chat,
        amount,
        least: amount,
        ceiling: Amount::credits(3),
        price_version: String::new(),
        request_id: "bench".into(),
        idempotency: None,
        key: None,
        limits: Vec::new(),
        lease_until: i64::MAX,
    };
    let taken = hold.held();
    (hold, taken)
}

/// Each worker spends for a user of its own.
async fn debits(store: Arc<dyn CreditStore>, concurrency: usize) -> (f64, Vec<Duration>) {
    at_once(concurrency, move |user| {
        let store = store.clone();
        async move {
            let (hold, taken) = new_hold(user);
            let asked = Instant::now();
            assert!(matches!(store.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
            let settled = Instant::now();
            store.end_hold(&taken, HoldEnd::Settle(Amount::MAX), None).await.unwrap();
            vec![settled - asked, settled.elapsed()]
        }
    })
    .await
}

/// Whole messages: a hold, the answer, during which the hold may be extended twice, and the settlement. As in a reply, nobody
/// waits for an extension before the next one, or the end.
async fn messages(store: Arc<dyn CreditStore>, concurrency: usize, extensions: i64) -> Vec<Duration> {
    let (_, latencies) = at_once(concurrency, move |user| {
        let store = store.clone();
        async move {
            let (hold, mut taken) = new_hold(user);
            let begun = Instant::now();
            assert!(matches!(store.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
            let (mut known, beside) = (taken.clone(), store.clone());
            let extended = tokio::spawn(async move {
                for n in 0..extensions {
                    let to = Amount::credits(2 + n);
                    assert!(matches!(beside.extend_hold(&known, to).await.unwrap(), ExtendOutcome::Extended(_)));
                    known.amount = to;
                }
                known
            });
            tokio::time::sleep(ANSWER).await;
            taken.amount = extended.await.unwrap().amount;
            store.end_hold(&taken, HoldEnd::Settle(Amount::credits(1)), None).await.unwrap();
            vec![begun.elapsed().saturating_sub(ANSWER)]
        }
    })
    .await;
    latencies
}

/// Runs `work` again and again in so many tasks. Returns pieces of work per second, and how long each took.
async fn at_once<F, Fut>(concurrency: usize, work: F) -> (f64, Vec<Duration>)
where
    F: Fn(UserId) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Vec<Duration>> + Send,
{
    let started = Instant::now();
    let workers: Vec<_> = (0..concurrency)
        .map(|_| {
            let work = work.clone();
            tokio::spawn(async move {
                let (user, mut latencies) = (UserId::now_v7(), Vec::new());
                while started.elapsed() < RUN {
                    latencies.append(&mut work(user).await);
                }
                latencies
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    (all.len() as f64 / started.elapsed().as_secs_f64(), all)
}

/// One row and one fsync per commit, nothing else: what the disk gives.
fn raw_sqlite() -> f64 {
    let data = TempDir::new().unwrap();
    let db = rusqlite::Connection::open(data.path().join("raw.db")).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.pragma_update(None, "synchronous", "FULL").unwrap();
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", []).unwrap();
    let started = Instant::now();
    let mut commits = 0.0;
    while started.elapsed() < RUN / 3 {
        db.prepare_cached("INSERT INTO t (n) VALUES (1)").unwrap().execute([]).unwrap();
        commits += 1.0;
    }
    commits / started.elapsed().as_secs_f64()
}

/// The least that a guarded debit can be: one small document, one field.
async fn raw_mongo(mongo: &Mongo, concurrency: usize) -> f64 {
    let raw = mongo.collection::<Document>("raw", Durability::Durable);
    let (rate, _) = at_once(concurrency, move |user| {
        let raw = raw.clone();
        async move {
            let id = tessera::platform::db::mongo::to_bson(user);
            let asked = Instant::now();
            let guard = doc! { "_id": id, "available": { "$gte": 1_i64 } };
            let update = doc! { "$inc": { "available": -1_i64 } };
            let after = raw.find_one_and_update(guard, update).await.unwrap();
            if after.is_none() {
                raw.insert_one(doc! { "_id": id, "available": RICH.micros() }).await.unwrap();
            }
            vec![asked.elapsed()]
        }
    })
    .await;
    rate
}
