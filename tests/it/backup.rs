//! `tessera backup` and `tessera restore`, from the command line, beside a server that is at work.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;

use crate::servers::until;
use crate::support::{TestApp, assert_audit_is_clean};

fn tessera(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tessera"))
        .args(arguments)
        .current_dir(data)
        .env_clear()
        .envs([("RUST_LOG", "warn".as_ref()), ("DATA_DIR", data.as_os_str())])
        .output()
        .unwrap()
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn stores(data: &Path) -> Stores {
    let vars = [("DATA_DIR".to_owned(), data.to_str().unwrap().to_owned())];
    Stores::open(&Config::from_vars(&vars.into()).unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_one_consistent_file_and_can_be_restored() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "10000")]).await;
    let user = app.user().await;
    let load: Vec<_> = (0..8)
        .map(|_| {
            let user = user.clone();
            tokio::spawn(async move {
                loop {
                    assert_eq!(user.chat("#tokens=2").await.0, 200);
                }
            })
        })
        .collect();
    let folder = TempDir::new().unwrap();
    let mut sizes = Vec::new();
    for n in 0..5 {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        let file = folder.path().join(format!("backup-{n}.db"));
        let (data, target) = (app.data_dir().to_owned(), file.clone());
        let output = tokio::task::spawn_blocking(move || tessera(&data, &["backup", target.to_str().unwrap()]));
        succeeded(&output.await.unwrap());
        sizes.push(file);
    }
    load.iter().for_each(tokio::task::JoinHandle::abort);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "one file each: {left:?}");
    for file in sizes {
        let target = TempDir::new().unwrap();
        succeeded(&tessera(target.path(), &["restore", file.to_str().unwrap()]));
        let restored = stores(target.path()).await;
        assert_audit_is_clean(restored.credits.as_ref()).await;
        assert!(restored.credits.audit().await.unwrap().entries > 1);
        let found = restored.accounts.find_user(&tessera::account::Email::parse(&user.email).unwrap()).await.unwrap();
        assert!(found.is_some());
    }
}

#[tokio::test]
async fn a_restore_replaces_nothing_unless_told() {
    let app = TestApp::start().await;
    let user = app.user().await;
    user.chat("#tokens=2").await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("backup.db");
    let file = file.to_str().unwrap();
    succeeded(&tessera(app.data_dir(), &["backup", file]));
    assert!(refused(&tessera(app.data_dir(), &["backup", file])).contains("exists already"));
    user.chat("#tokens=2").await;
    assert_eq!(user.credits().await["available"], 8);
    assert!(refused(&tessera(app.data_dir(), &["restore", file])).contains("not empty"));
    assert_eq!(user.credits().await["available"], 8);
    // Under the eyes of a running server, which goes on with what is there then.
    succeeded(&tessera(app.data_dir(), &["restore", "--force", file]));
    assert_eq!(user.credits().await, json!({"available": 9, "held": 0, "debt": 0, "plan": "free"}));
    assert_eq!(user.chat("#tokens=2").await.0, 200);
    app.assert_books_balance().await;
}

#[test]
fn what_is_no_backup_is_refused_by_name() {
    let data = TempDir::new().unwrap();
    assert!(refused(&tessera(data.path(), &["backup", "x.db"])).contains("DATA_DIR: there is no database"));
    assert!(refused(&tessera(data.path(), &["restore", "missing.db"])).contains("missing.db"));
    std::fs::write(data.path().join("text"), "hello".repeat(1000)).unwrap();
    assert!(refused(&tessera(data.path(), &["restore", "text"])).contains("text: it is no database of Tessera"));
    rusqlite::Connection::open(data.path().join("other.db"))
        .unwrap()
        .execute("CREATE TABLE t (n INTEGER)", [])
        .unwrap();
    assert!(
        refused(&tessera(data.path(), &["restore", "other.db"])).contains("other.db: it is no database of Tessera")
    );
    assert!(!data.path().join("tessera.db").exists());
    let output = Command::new(env!("CARGO_BIN_EXE_tessera"))
        .args(["backup", "x.db"])
        .current_dir(data.path())
        .env_clear()
        .env("MONGODB_URI", "mongodb://127.0.0.1:9/x")
        .output()
        .unwrap();
    assert!(refused(&output).contains("mongodump"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_proved_without_restoring_it() {
    let app = TestApp::start().await;
    app.user().await.chat("#tokens=2").await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("backup.db");
    succeeded(&tessera(app.data_dir(), &["backup", file.to_str().unwrap()]));
    // With nothing of the server it is from, and as one of MongoDB.
    let check = |file: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
        command.args(["check", "--backup"]).arg(file).current_dir(folder.path()).env_clear();
        command.envs([("MONGODB_URI", "mongodb://127.0.0.1:9/x".as_ref()), ("TMPDIR", folder.path().as_os_str())]);
        command.output().unwrap()
    };
    let output = check(&file);
    succeeded(&output);
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(line.contains("is whole: 1 accounts, 3 entries"), "{line}");
    // A credit from nowhere; half a file; none.
    let wrong = folder.path().join("wrong.db");
    std::fs::copy(&file, &wrong).unwrap();
    rusqlite::Connection::open(&wrong).unwrap().execute("UPDATE accounts SET available = available + 1", []).unwrap();
    assert!(refused(&check(&wrong)).contains("the ledger sums to"));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&wrong, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(&check(&wrong)).contains("wrong.db"));
    assert!(refused(&check(&folder.path().join("missing.db"))).contains("missing.db"));
    // Nothing is left.
    let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["backup.db", "wrong.db"]);
}

#[tokio::test]
async fn a_server_backs_itself_up() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("backups");
    let app = TestApp::start_with(&[("BACKUP_DIR", dir.to_str().unwrap())]).await;
    let has_one = || {
        std::fs::read_dir(&dir).is_ok_and(|mut files| {
            files.any(|file| file.unwrap().path().extension().is_some_and(|extension| extension == "db"))
        })
    };
    until(has_one).await;
    assert_eq!(mode(&dir), 0o700);
    app.assert_books_balance().await;
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Whatever the umask of whoever starts it, and what an earlier program left open.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_on_the_machine_can_read_what_is_stored() {
    let root = TempDir::new().unwrap();
    let data = root.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(data.join("tessera.db"), "").unwrap();
    std::fs::set_permissions(data.join("tessera.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let opened = stores(&data).await;
    assert_eq!(mode(&data), 0o700);
    for file in ["tessera.db", "tessera.db-wal", "tessera.db-shm"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    let file = root.path().join("backup.db");
    succeeded(&tessera(&data, &["backup", file.to_str().unwrap()]));
    assert_eq!(mode(&file), 0o600);
    drop(opened);
    let elsewhere = root.path().join("a/b");
    let output = Command::new(env!("CARGO_BIN_EXE_tessera"))
        .args(["restore", file.to_str().unwrap()])
        .env_clear()
        .envs([("DATA_DIR", elsewhere.as_os_str())])
        .output()
        .unwrap();
    succeeded(&output);
    assert_eq!((mode(&elsewhere), mode(&elsewhere.join("tessera.db"))), (0o700, 0o600));
}
