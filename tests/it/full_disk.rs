//! A disk that is full, a database that somebody else keeps locked, and one that is damaged.
//!
//! The disk is full by a limit of the process (`RLIMIT_FSIZE`), which needs no mount and no rights.

use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::fake_openai::FakeOpenAi;
use crate::fake_replicate::{FakeReplicate, TOKEN};
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

/// The disk fills up while a provider makes an image: whatever comes of it, it is charged if and only if it can be seen.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_being_made_on_a_full_disk_is_whole_or_free() {
    let (upstream, fake) = (FakeOpenAi::start().await, FakeReplicate::start().await);
    let vars = [("REPLICATE_API_TOKEN", TOKEN), ("REPLICATE_BASE_URL", &*fake.url), ("IMAGE_PROVIDERS", "replicate")];
    let program = Program::start(variables(&upstream, &vars)).await;
    let mut user = User::new(program.addr);
    user.register().await;
    let (status, ordered) = user.order_image("#takes=2000").await;
    assert_eq!(status, 202, "{ordered}");
    let path = format!("/api/images/{}", ordered["data"]["id"].as_str().unwrap());
    program.fill_disk();
    sleep(Duration::from_secs(5)).await;
    assert_it_says_so(&user).await;
    program.clear_disk();
    until_ready(&user).await;
    let mut image = json!(null);
    for _ in 0..300 {
        image = user.get_json(&path).await.1["data"].clone();
        if image["status"] != "running" {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    let charged = match image["status"].as_str() {
        Some("complete") => 2,
        Some("failed") => 0,
        _ => panic!("it has no end: {image}"),
    };
    assert_eq!(user.get(&format!("{path}/file")).send().await.unwrap().status(), if charged > 0 { 200 } else { 404 });
    assert_eq!(user.credits().await, json!({"available": 100 - charged, "held": 0, "debt": 0, "plan": "free"}));
    assert_eq!(user.make_image("and another").await.0, 200);
}

/// Ends the program, whatever comes of it, and returns what it wrote.
fn run_in(folder: &Path, script: &str) -> String {
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, env!("CARGO_BIN_EXE_tessera")])
        .current_dir(folder)
        .env_clear()
        .envs([
            ("DATA_DIR", folder.join("data").to_str().unwrap()),
            ("SITE_ADDR", "127.0.0.1:0"),
            ("PATH", "/usr/bin:/bin"),
        ])
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// As a disk that was mounted read-only, or a unit that lets the server write elsewhere only.
#[test]
fn a_folder_that_is_read_only_is_named_at_the_start() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let script = "mount --bind data data && mount -o remount,bind,ro data && exec \"$0\"";
    for known in [false, true] {
        if known {
            rusqlite::Connection::open(data.join("tessera.db")).unwrap().execute_batch("CREATE TABLE t (n)").unwrap();
        }
        let told = run_in(folder.path(), script);
        let line = told.lines().last().unwrap();
        assert!(line.starts_with("tessera: DATA_DIR: ") && line.contains("Read-only file system"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_named_at_the_start_with_what_helps() {
    let upstream = FakeOpenAi::start().await;
    let mut program = Program::start_with_log(variables(&upstream, &[]), Stdio::piped).await;
    let mut user = User::new(program.addr);
    user.register().await;
    assert_eq!(user.chat("#tokens=2").await.0, 200);
    let data = program.data_dir().to_owned();
    let tessera = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
        command.args(arguments).current_dir(&data).env_clear().env("DATA_DIR", &data).output().unwrap()
    };
    assert!(tessera(&["backup", "good.backup"]).status.success());
    program.kill();
    let path = program.data_dir().join("tessera.db");
    // Of the log as well, which would mend it.
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "journal_mode", "DELETE").unwrap();
    damage(&path, "messages");
    program.restart().await;
    let mut log = BufReader::new(program.take_log().unwrap());
    let found = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        while log.read_line(&mut line).unwrap() > 0 && !line.contains("the database is damaged") {
            line.clear();
        }
        line
    });
    let line = timeout(Duration::from_secs(30), found).await.unwrap().unwrap();
    assert!(line.contains("restore the last backup (tessera restore --force FILE)"), "{line}");
    program.kill();
    // Nothing of it can be read.
    std::fs::write(&path, vec![0x5a; 8192]).unwrap();
    for log in ["tessera.db-wal", "tessera.db-shm"] {
        _ = std::fs::remove_file(path.with_file_name(log));
    }
    let script = format!("export DATA_DIR={}; exec \"$0\"", path.parent().unwrap().display());
    let told = run_in(path.parent().unwrap(), &script);
    assert!(told.contains("DATA_DIR: sqlite: file is not a database: the database is damaged"), "{told}");
    // What helps, helps.
    let output = tessera(&["restore", "--force", "good.backup"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read(data.join("tessera.db.damaged")).unwrap(), vec![0x5a; 8192]);
    program.restart().await;
    assert_eq!(user.credits().await["available"], 99);
}

/// Writes over the first page of a table.
fn damage(path: &Path, table: &str) {
    let database = rusqlite::Connection::open(path).unwrap();
    let number = |query: &str| database.query_row(query, [], |row| row.get::<_, u64>(0)).unwrap();
    let root = number(&format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"));
    let size = number("PRAGMA page_size");
    drop(database);
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start((root - 1) * size)).unwrap();
    file.write_all(&[0x5a; 64]).unwrap();
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
    damage(&path, "messages");
    let table = check();
    let line = table.lines().find(|line| line.starts_with("FAILED  database")).unwrap_or_else(|| panic!("{table}"));
    assert!(line.contains("restore the last backup"), "{line}");
}
