//! A disk that is full, a database that somebody else keeps locked, and one that is damaged.
//!
//! The disk is full by a limit of the process (`RLIMIT_FSIZE`), which needs no mount and no rights.

use std::io::{Seek, SeekFrom, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::fake_openai::FakeOpenAi;
use crate::program::{Program, variables};
use crate::support::User;

async fn until_ready(user: &User) {
    let ready = async {
        while user.get("/readyz").send().await.unwrap().status() != 200 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), ready).await.expect("it is ready again by itself");
}

/// Nothing can be stored: all are told so, none waits longer than one patience, and it is not ready.
async fn assert_it_says_so(user: &User) {
    let begun = Instant::now();
    let answers = join_all((0..8).map(|_| user.chat("#tokens=1"))).await;
    for (status, body) in answers {
        assert_eq!((status, &body["code"]), (503, &json!("unavailable")), "{body}");
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(4500), "{took:?}");
    let begun = Instant::now();
    let (status, ready) = user.get_json("/readyz").await;
    assert_eq!((status, &ready["database"]), (503, &json!(false)), "{ready}");
    assert!(begun.elapsed() < Duration::from_millis(4500), "{:?}", begun.elapsed());
    assert_eq!(user.get("/healthz").send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_forgotten_when_there_is_room() {
    let upstream = FakeOpenAi::start().await;
    let program = Program::start(variables(&upstream, &[])).await;
    let mut user = User::new(program.addr);
    user.register().await;
    assert_eq!(user.chat("#tokens=1").await.0, 200);
    let mut events = user.chat_stream(&json!({"message": "#tokens=30 #pause=100"})).await;
    events.next_named("token").await;
    program.fill_disk();
    sleep(Duration::from_secs(2)).await;
    assert_it_says_so(&user).await;
    // What can still be read is read.
    assert_eq!(user.get("/api/credits").send().await.unwrap().status(), 200);
    program.clear_disk();
    until_ready(&user).await;
    // What was on its way waited for the room.
    assert_eq!(events.rest().await.1.event, "done");
    assert_eq!(user.chat("#tokens=1").await.0, 200);
    assert_eq!(user.credits().await, json!({"available": 97, "held": 0, "debt": 0, "plan": "free"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_somebody_else_keeps_is_waited_for_once() {
    let upstream = FakeOpenAi::start().await;
    let program = Program::start(variables(&upstream, &[])).await;
    let mut user = User::new(program.addr);
    user.register().await;
    let lock = rusqlite::Connection::open(program.data_dir().join("tessera.db")).unwrap();
    lock.busy_timeout(Duration::from_secs(10)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_it_says_so(&user).await;
    lock.execute_batch("ROLLBACK").unwrap();
    until_ready(&user).await;
    assert_eq!(user.chat("#tokens=1").await.0, 200);
    // Nothing of what was refused was done later.
    assert_eq!(user.credits().await, json!({"available": 99, "held": 0, "debt": 0, "plan": "free"}));
}

/// Two servers over one file, and the lock kept for longer than a lease: neither takes the other's work for dead.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_kept_for_longer_than_a_lease_ends_no_work() {
    let upstream = FakeOpenAi::start().await;
    let program = Program::start(variables(&upstream, &[])).await;
    let beside = program.start_beside().await;
    let mut user = User::new(program.addr);
    user.register().await;
    let mut streams = Vec::new();
    for n in 0..20 {
        // Half of them end while it is locked.
        let message = format!("#tokens={} #pause=500", if n % 2 == 0 { 20 } else { 110 });
        let mut events = user.chat_stream(&json!({"message": message})).await;
        events.next_named("token").await;
        streams.push(events.rest());
    }
    let lock = rusqlite::Connection::open(program.data_dir().join("tessera.db")).unwrap();
    lock.busy_timeout(Duration::from_secs(10)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let unlock = async {
        sleep(Duration::from_secs(40)).await;
        lock.execute_batch("ROLLBACK").unwrap();
    };
    let (ends, ()) = tokio::join!(join_all(streams), unlock);
    for (_, last) in ends {
        assert_eq!(last.event, "done", "{last:?}");
    }
    assert_eq!(user.credits().await, json!({"available": 80, "held": 0, "debt": 0, "plan": "free"}));
    drop(beside);
}

#[test]
fn check_finds_a_damaged_page() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tessera.db");
    let check = || {
        let mut check = Command::new(env!("CARGO_BIN_EXE_tessera"));
        check.arg("check").env_clear().envs([("DATA_DIR", folder.path().to_str().unwrap()), ("RUST_LOG", "off")]);
        check.envs([("CHAT_PROVIDERS", "openai"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")]);
        String::from_utf8(check.current_dir(folder.path()).output().unwrap().stdout).unwrap()
    };
    assert!(check().contains("ok      database"));
    // The first page of a table.
    let database = rusqlite::Connection::open(&path).unwrap();
    let number = |query| database.query_row(query, [], |row| row.get::<_, u64>(0)).unwrap();
    let root = number("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'");
    let size = number("PRAGMA page_size");
    drop(database);
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start((root - 1) * size)).unwrap();
    file.write_all(&[0x5a; 64]).unwrap();
    drop(file);
    let table = check();
    assert!(table.contains("FAILED  database"), "{table}");
}
