//! `tessera backup` and `tessera restore`, from the command line, beside a server that is at work.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tokio::task::JoinHandle;

use crate::contracts::open_at;
use crate::mongod::{Kind, Mongod};
use crate::servers::until;
use crate::support::{TestApp, User, assert_audit_is_clean};

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

/// Several conversations, until they are aborted.
fn chat_on(user: &User, many: usize) -> Vec<JoinHandle<()>> {
    let talk = || {
        let user = user.clone();
        tokio::spawn(async move {
            loop {
                assert_eq!(user.chat("#tokens=2").await.0, 200);
            }
        })
    };
    (0..many).map(|_| talk()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_one_consistent_file_and_can_be_restored() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "10000")]).await;
    let user = app.user().await;
    let load = chat_on(&user, 8);
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
    load.iter().for_each(JoinHandle::abort);
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
    assert!(refused(&tessera(data.path(), &["restore", "text"])).contains("text: it is no backup of Tessera"));
    rusqlite::Connection::open(data.path().join("other.db"))
        .unwrap()
        .execute("CREATE TABLE t (n INTEGER)", [])
        .unwrap();
    assert!(
        refused(&tessera(data.path(), &["restore", "other.db"])).contains("other.db: it is no database of Tessera")
    );
    assert!(!data.path().join("tessera.db").exists());
    let output = with_mongo("mongodb://127.0.0.1:9/x", data.path(), &["backup", "x.db"]);
    assert!(refused(&output).contains("MONGODB_URI"));
    assert!(!data.path().join("x.db").exists());
}

fn with_mongo(uri: &str, data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tessera"))
        .args(arguments)
        .current_dir(data)
        .env_clear()
        .envs([("RUST_LOG", "warn".as_ref()), ("DATA_DIR", data.as_os_str()), ("MONGODB_URI", uri.as_ref())])
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_mongodb_under_load_is_of_one_moment_and_can_be_restored() {
    let mongod = Mongod::start(Kind::ReplicaSet).await;
    let uri = mongod.uri();
    let app = TestApp::start_with(&[("MONGODB_URI", &uri), ("FREE_CREDITS", "10000")]).await;
    let user = app.user().await;
    assert_eq!(user.make_image("a pear").await.0, 200);
    let load = chat_on(&user, 4);
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, last) = (app.data_dir().to_owned(), file("3.backup"));
    for name in ["1.backup", "2.backup", "3.backup"] {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let (uri, data, to) = (uri.clone(), data.clone(), file(name));
        let made = tokio::task::spawn_blocking(move || with_mongo(&uri, &data, &["backup", &to]));
        succeeded(&made.await.unwrap());
    }
    load.iter().for_each(JoinHandle::abort);
    // Proved in a database of its own, of which nothing is left.
    let output = with_mongo(&mongod.uri(), folder.path(), &["check", "--backup", &last]);
    succeeded(&output);
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(line.contains("is whole: 1 accounts") && line.contains("1 images with their files"), "{line}");
    assert!(!mongod.databases().await.iter().any(|name| name.starts_with("tessera_check_")));
    for name in ["1.backup", "3.backup"] {
        let (empty, there) = (TempDir::new().unwrap(), mongod.uri());
        succeeded(&with_mongo(&there, empty.path(), &["restore", &file(name)]));
        let restored = open_at(&there).await;
        let before = restored.credits.audit().await.unwrap();
        assert!(before.entries > 1 && before.drifts.is_empty(), "{before:?}");
        let known = tessera::account::Email::parse(&user.email).unwrap();
        assert!(restored.accounts.find_user(&known).await.unwrap().is_some());
        assert_eq!(mongod.shape(&there).await, mongod.shape(&uri).await, "indexes and all");
        // The images are there as well, and what was there is not replaced by mistake.
        assert!(files_below(empty.path()).keys().any(|path| path.starts_with("images")));
        let output = with_mongo(&there, empty.path(), &["restore", &last]);
        assert!(refused(&output).contains("the database is not empty: --force"));
        succeeded(&with_mongo(&there, empty.path(), &["restore", "--force", &last]));
        assert!(open_at(&there).await.credits.audit().await.unwrap().entries >= before.entries);
        // A server goes on with it; what was in the making is ended as after a crash.
        let vars = [("MONGODB_URI", there.as_str()), ("DATA_DIR", empty.path().to_str().unwrap())];
        let app = TestApp::start_with(&vars).await;
        assert_eq!(app.visitor().get_json("/readyz").await.0, 200);
        app.assert_books_balance().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_mongodb_that_cannot_be_used_changes_nothing() {
    let (mongod, alone) = (Mongod::start(Kind::ReplicaSet).await, Mongod::start(Kind::Standalone).await);
    let folder = TempDir::new().unwrap();
    let (data, file) = (folder.path(), folder.path().join("x.backup"));
    let file = file.to_str().unwrap();
    assert!(refused(&with_mongo(&mongod.uri(), data, &["backup", file])).contains("there is no database of Tessera"));
    let (uri, other) = (mongod.uri(), alone.uri());
    drop((open_at(&uri).await, open_at(&other).await));
    let standalone = refused(&with_mongo(&other, data, &["backup", file]));
    assert!(standalone.contains("make it a replica set"), "{standalone}");
    assert!(files_below(data).is_empty(), "nothing is left of those");
    succeeded(&with_mongo(&uri, data, &["backup", file]));
    // A standalone server takes it all the same. The other store does not.
    succeeded(&with_mongo(&alone.uri(), data, &["restore", file]));
    assert!(refused(&tessera(data, &["restore", file])).contains("it is of MongoDB: set MONGODB_URI"));
    assert!(refused(&tessera(data, &["check", "--backup", file])).contains("set MONGODB_URI"));
    let app = TestApp::start().await;
    let embedded = data.join("embedded.backup");
    succeeded(&tessera(app.data_dir(), &["backup", embedded.to_str().unwrap()]));
    let output = with_mongo(&mongod.uri(), data, &["restore", embedded.to_str().unwrap()]);
    assert!(refused(&output).contains("it is of SQLite: leave MONGODB_URI unset"));
    // Cut off anywhere, it is refused before anything is replaced.
    let bytes = std::fs::read(file).unwrap();
    let (half, target) = (data.join("half.backup"), mongod.uri());
    for part in [1, 2, 3] {
        std::fs::write(&half, &bytes[..bytes.len() * part / 4]).unwrap();
        refused(&with_mongo(&target, data, &["restore", half.to_str().unwrap()]));
    }
    assert!(mongod.shape(&target).await.is_empty());
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
    plain_copy(app.data_dir(), &wrong);
    rusqlite::Connection::open(&wrong).unwrap().execute("UPDATE accounts SET available = available + 1", []).unwrap();
    assert!(refused(&check(&wrong)).contains("the ledger sums to"));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&wrong, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(&check(&wrong)).contains("wrong.db: it is damaged: it ends in the middle"));
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
            files.any(|file| file.unwrap().path().extension().is_some_and(|extension| extension == "backup"))
        })
    };
    until(has_one).await;
    assert_eq!(mode(&dir), 0o700);
    app.assert_books_balance().await;
}

/// A backup as 0.2 made it: the database alone.
fn plain_copy(data: &Path, to: &Path) {
    let database = rusqlite::Connection::open(data.join("tessera.db")).unwrap();
    database.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
}

fn with_key(data: &Path, key: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    command.args(arguments).current_dir(data).env_clear();
    command.envs([("RUST_LOG", "warn"), ("DATA_DIR", data.to_str().unwrap()), ("BACKUP_KEY", key)]).output().unwrap()
}

/// Every file below a folder with what is in it, but for the database, whose log is beside it.
fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.file_name().unwrap().to_str().unwrap().starts_with("tessera.db") {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

const KEY: &str = "four unrelated words here";

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_brings_images_and_secrets_back_on_an_empty_machine() {
    let app = TestApp::start().await;
    let user = app.user().await;
    assert_eq!(user.make_image("a lighthouse").await.0, 200);
    assert_eq!(user.make_image("a bridge").await.0, 200);
    std::fs::write(app.data_dir().join("app.secret"), "what only the server knows").unwrap();
    // Nobody needs it.
    std::fs::write(app.data_dir().join("notes.txt"), "mine").unwrap();
    let mut expected = files_below(app.data_dir());
    expected.remove(Path::new("notes.txt"));
    assert_eq!(expected.len(), 5, "{:?}", expected.keys());
    let folder = TempDir::new().unwrap();
    for (name, key) in [("plain.backup", ""), ("sealed.backup", KEY)] {
        let file = folder.path().join(name);
        let file = file.to_str().unwrap();
        succeeded(&with_key(app.data_dir(), key, &["backup", file]));
        assert_eq!(mode(Path::new(file)), 0o600);
        let bytes = std::fs::read(file).unwrap();
        let shows = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert_eq!(
            (shows(&user.email), shows("what only the server knows")),
            (key.is_empty(), key.is_empty()),
            "{name}"
        );
        let checked = with_key(folder.path(), key, &["check", "--backup", file]);
        succeeded(&checked);
        let line = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(line.contains("1 accounts, 5 entries") && line.contains("2 images with their files"), "{line}");

        let empty = TempDir::new().unwrap();
        let data = empty.path().join("data");
        std::fs::create_dir(&data).unwrap();
        // The secret of a server that ran here before, without anybody.
        std::fs::write(data.join("app.secret"), "of nobody").unwrap();
        succeeded(&with_key(&data, key, &["restore", file]));
        assert_eq!(files_below(&data), expected, "{name}");
        let restored = TestApp::start_with(&[("DATA_DIR", data.to_str().unwrap())]).await;
        restored.assert_books_balance().await;
        let mut again = restored.visitor();
        again.cookie.clone_from(&user.cookie);
        for image in again.images().await {
            let response = again.get(&format!("/api/images/{}/file", image.id)).send().await.unwrap();
            assert_eq!(response.status(), 200);
        }
        assert_eq!(again.images().await.len(), 2);
        assert_eq!(restored.count_files().await, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_backup_opens_with_its_key_alone() {
    let app = TestApp::start().await;
    app.user().await.chat("#tokens=2").await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.backup");
    succeeded(&with_key(app.data_dir(), KEY, &["backup", file.to_str().unwrap()]));
    let bytes = std::fs::read(&file).unwrap();
    let target = folder.path().join("target");
    let refuse = |key: &str, expected: &str| {
        for arguments in [&["restore", file.to_str().unwrap()][..], &["check", "--backup", file.to_str().unwrap()]] {
            std::fs::create_dir_all(&target).unwrap();
            let problem = refused(&with_key(&target, key, arguments));
            assert!(problem.contains(expected), "{arguments:?}: {problem}");
            assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0, "nothing of it is left");
        }
    };
    refuse("", "it is encrypted: set BACKUP_KEY");
    refuse("four other words here", "BACKUP_KEY is not the one that it was encrypted with");
    refuse("short", "BACKUP_KEY: has fewer than 16 characters");
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    refuse(KEY, "it is damaged, or ends in the middle");
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    std::fs::write(&file, changed).unwrap();
    refuse(KEY, "it is damaged");
    std::fs::write(&file, bytes).unwrap();
    succeeded(&with_key(&target, KEY, &["restore", file.to_str().unwrap()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_before_is_restored_and_an_image_without_its_file_is_missed() {
    let app = TestApp::start().await;
    let user = app.user().await;
    assert_eq!(user.make_image("a lighthouse").await.0, 200);
    let folder = TempDir::new().unwrap();
    let old = folder.path().join("old.db");
    plain_copy(app.data_dir(), &old);
    let old = old.to_str().unwrap();
    // With a key, too: it is for those that are encrypted.
    succeeded(&with_key(&folder.path().join("."), KEY, &["check", "--backup", old]));
    let target = TempDir::new().unwrap();
    succeeded(&with_key(target.path(), KEY, &["restore", old]));
    assert_audit_is_clean(stores(target.path()).await.credits.as_ref()).await;
    std::fs::remove_dir_all(app.data_dir().join("images")).unwrap();
    let lost = folder.path().join("lost.backup");
    let lost = lost.to_str().unwrap();
    succeeded(&tessera(app.data_dir(), &["backup", lost]));
    let problem = refused(&tessera(target.path(), &["check", "--backup", lost]));
    assert!(problem.contains("1 of 1 images are without their files"), "{problem}");
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
