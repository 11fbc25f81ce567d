//! Durable debits per second, next to what the same commits cost the database itself in the same run.
//!
//! `cargo bench --features ssr --bench ledger`. A debit is a hold: it is answered when it is on disk.
#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a program for people, with small numbers")]

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tessera::credits::store::{CreditStore, HoldOutcome, NewHold, SqliteCreditStore, WorkKind};
use tessera::server::db::sqlite::Sqlite;
use uuid::Uuid;

const RUN: Duration = Duration::from_secs(3);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "Ledger (SQLite, synchronous=FULL), {RUN:?} each").unwrap();
    writeln!(
        out,
        "{:>12} {:>12} {:>10} {:>10} {:>14} {:>8}",
        "concurrency", "debits/s", "p50 ms", "p99 ms", "raw commits/s", "ratio"
    )
    .unwrap();
    for concurrency in [1, 32, 256] {
        // Before and after, so that a machine that slows down does not favour one side.
        let before = raw_commits();
        let (rate, mut latencies) = runtime.block_on(debits(concurrency));
        let raw = f64::midpoint(before, raw_commits());
        latencies.sort_unstable();
        let at = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1e3;
        writeln!(
            out,
            "{concurrency:>12} {rate:>12.0} {:>10.2} {:>10.2} {raw:>14.0} {:>8.2}",
            at(50),
            at(99),
            rate / raw
        )
        .unwrap();
    }
}

async fn debits(concurrency: usize) -> (f64, Vec<Duration>) {
    let data = TempDir::new().unwrap();
    let db = Sqlite::open(&data.path().join("bench.db")).unwrap();
    let store = Arc::new(SqliteCreditStore::new(db, i64::MAX / 4));
    let started = Instant::now();
    let workers: Vec<_> = (0..concurrency)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let user = Uuid::now_v7();
                let mut latencies = Vec::new();
                while started.elapsed() < RUN {
                    let hold = NewHold {
                        id: Uuid::now_v7(),
                        user,
                        kind: WorkKind::Chat,
                        amount: 1,
                        request_id: "bench".into(),
                        idempotency: None,
                        lease_until: i64::MAX,
                    };
                    let asked = Instant::now();
                    assert!(matches!(store.hold(hold).await.unwrap(), HoldOutcome::Held(_)));
                    latencies.push(asked.elapsed());
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
fn raw_commits() -> f64 {
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
