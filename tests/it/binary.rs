//! The program from the command line: what it says when something is wrong, and its commands.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::platform::ids::OwnerId;

use crate::mongod::free_addr;
use crate::support::TestApp;

/// Runs the program in a folder of its own with nothing but these variables.
fn tessera(folder: &TempDir, arguments: &[&str], vars: &[(&str, &str)]) -> Output {
    tessera_in(folder.path(), arguments, vars)
}

fn tessera_in(folder: &Path, arguments: &[&str], vars: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tessera"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("RUST_LOG", "warn")
        .envs(vars.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_wrong_variable_stops_the_start_with_one_line_that_names_it() {
    let folder = TempDir::new().unwrap();
    let output = tessera(&folder, &[], &[("CHAT_CREDITS", "0")]);
    assert!(!output.status.success());
    assert_eq!(text(&output.stderr), "tessera: CHAT_CREDITS: 0 is less than 0.000001\n");
    let output = tessera(
        &folder,
        &[],
        &[("SITE_ADDR", "x"), ("REDIS_URL", "https://:hunter2@localhost"), ("OPENAI_BASE_URL", "user:hunter2@x")],
    );
    let stderr = text(&output.stderr);
    assert_eq!(stderr.lines().count(), 3, "{stderr}");
    assert!(!stderr.contains("hunter2"), "{stderr}");
}

#[test]
fn the_file_env_is_read_and_the_environment_wins() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(".env"), "CHAT_CREDITS=0\nIMAGE_CREDITS=2\n").unwrap();
    let output = tessera(&folder, &["audit"], &[]);
    assert!(text(&output.stderr).contains("CHAT_CREDITS"));
    let output = tessera(&folder, &["audit"], &[("CHAT_CREDITS", "1")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_wrong_line_of_the_file_env_is_told_without_its_value() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(".env"), "# Mine\nOPENAI_API_KEY=sk hunter2\n").unwrap();
    let output = tessera(&folder, &["check"], &[]);
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with("tessera: .env:2: OPENAI_API_KEY: ") && !stderr.contains("hunter2"), "{stderr}");
    // That of a folder above is somebody else's.
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let output = tessera_in(&inner, &["audit"], &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_variable_that_is_almost_a_setting_is_told() {
    let folder = TempDir::new().unwrap();
    let output = tessera(&folder, &["audit"], &[("MONGODB_URL", "mongodb://127.0.0.1:9")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("MONGODB_URL is no setting: is MONGODB_URI meant?"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_version_names_what_was_built() {
    let output = tessera(&TempDir::new().unwrap(), &["--version"], &[("CHAT_CREDITS", "0")]);
    let version = text(&output.stdout);
    let (version, commit) = version.trim_end().split_once(" (").unwrap();
    assert_eq!(version, concat!("tessera ", env!("CARGO_PKG_VERSION")));
    // Only a release names a commit (scripts/build.sh).
    let built = option_env!("TESSERA_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("of no known commit");
    assert_eq!(commit, format!("{built})"));
}

#[test]
fn init_writes_what_the_server_reads_once() {
    let folder = TempDir::new().unwrap();
    let set = ["init", "--set", "CHAT_CREDITS=3", "--set", "PUBLIC_URL=https://chat.example.org"];
    // A wrong variable elsewhere is not in its way.
    let output = tessera(&folder, &set, &[("IMAGE_CREDITS", "0")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = tessera(&folder, &["check"], &[]);
    assert!(text(&output.stdout).contains("→ https://chat.example.org/"), "{}", text(&output.stdout));
    let output = tessera(&folder, &set, &[]);
    assert!(!output.status.success());
    assert_eq!(text(&output.stderr), "tessera: .env exists already, and stays as it is\n");
}

#[tokio::test]
async fn health_says_what_the_server_here_says() {
    let folder = TempDir::new().unwrap();
    let app = TestApp::start().await;
    let ask = |addr: String| {
        let folder = folder.path().to_owned();
        tokio::task::spawn_blocking(move || tessera_in(&folder, &["health"], &[("SITE_ADDR", &addr)]))
    };
    for host in ["127.0.0.1", "0.0.0.0"] {
        let output = ask(format!("{host}:{}", app.addr.port())).await.unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("\"ready\":true"), "{}", text(&output.stdout));
    }
    let output = ask(free_addr().to_string()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("SITE_ADDR: nobody answers"), "{}", text(&output.stderr));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = tessera(&folder, &[], &[("SITE_ADDR", &addr)]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains(&format!("SITE_ADDR: {addr}")), "{}", text(&output.stderr));
}

#[test]
fn a_data_dir_that_cannot_be_used_is_named() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let output = tessera(&folder, &[], &[("DATA_DIR", "file/inside"), ("SITE_ADDR", "127.0.0.1:0")]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("DATA_DIR"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn audit_is_clean_on_a_new_database_and_exits_1_on_drift() {
    let folder = TempDir::new().unwrap();
    let config =
        Config::from_vars(&[("DATA_DIR".to_owned(), folder.path().join("data").to_str().unwrap().to_owned())].into())
            .unwrap();
    let stores = Stores::open(&config).await.unwrap();
    stores.credits.balance(OwnerId::now_v7(), "r").await.unwrap();
    let output = tessera(&folder, &["audit"], &[]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), "1 accounts, 1 entries, 0 open holds: clean\n");
    let by_hand = rusqlite::Connection::open(folder.path().join("data/tessera.db")).unwrap();
    by_hand.execute("UPDATE accounts SET available = 11", []).unwrap();
    let output = tessera(&folder, &["audit"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("the ledger sums to 10"), "{}", text(&output.stdout));
}

#[test]
fn admin_grant_needs_a_user_that_is_there() {
    let folder = TempDir::new().unwrap();
    let output = tessera(&folder, &["admin", "grant", "nobody@example.org"], &[]);
    assert!(!output.status.success());
    assert_eq!(text(&output.stderr), "tessera: nobody@example.org: no account has this address\n");
}

#[test]
fn check_names_every_part_and_how_to_get_the_model() {
    let folder = TempDir::new().unwrap();
    let output = tessera(
        &folder,
        &["check"],
        &[
            ("LOCAL_MODEL", "missing.gguf"),
            ("CHAT_PROVIDERS", "openai,local"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    let table = text(&output.stdout);
    for part in ["ok      configuration", "ok      database", "FAILED  chat: openai", "FAILED  chat: local"] {
        assert!(table.contains(part), "{part} in\n{table}");
    }
    assert!(table.contains("missing.gguf") && table.contains("LOCAL_MODEL"), "{table}");
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    assert!(tessera(&folder, &["audit"], &[]).status.success());
    let database = rusqlite::Connection::open(folder.path().join("data/tessera.db")).unwrap();
    database.pragma_update(None, "user_version", 999).unwrap();
    let refused = |arguments: &[&str]| {
        let output = tessera(&folder, arguments, &[("SITE_ADDR", "127.0.0.1:0")]);
        assert!(!output.status.success(), "{arguments:?}");
        text(&output.stderr)
    };
    let known = concat!(": the database is of version 999, and Tessera ", env!("CARGO_PKG_VERSION"), " knows ");
    for arguments in [&[][..], &["audit"]] {
        let line = refused(arguments);
        assert!(line.contains(&known[2..]) && line.contains("restore a backup of before the update"), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
    assert!(refused(&[]).starts_with(&format!("tessera: DATA_DIR{known}")));
    let version: usize = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 999);
}

/// As where somebody has moved the program alone, or unpacked half of a release.
#[test]
fn check_misses_files_of_the_site() {
    let program = Path::new(env!("CARGO_BIN_EXE_tessera"));
    // Beside it, so that a link is enough.
    let folder = TempDir::new_in(program.parent().unwrap()).unwrap();
    std::fs::hard_link(program, folder.path().join("tessera")).unwrap();
    std::fs::write(folder.path().join("Leptos.toml"), "output-name = \"tessera\"\nsite-root = \"site\"\n").unwrap();
    std::fs::write(folder.path().join("hash.txt"), "js: a1\nwasm: b2\ncss: c3\n").unwrap();
    let check = || {
        let mut command = Command::new(folder.path().join("tessera"));
        command.arg("check").current_dir(folder.path()).env_clear().env("RUST_LOG", "off");
        command.envs([("CHAT_PROVIDERS", "openai"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")]);
        text(&command.output().unwrap().stdout)
    };
    let site = folder.path().join("site/pkg");
    std::fs::create_dir_all(&site).unwrap();
    for missing in ["c3.css", "a1.js", "b2.wasm"] {
        let table = check();
        let line = table.lines().find(|line| line.starts_with("FAILED  site")).unwrap_or_else(|| panic!("{table}"));
        assert!(line.contains(&format!("site/pkg/tessera.{missing} is missing")), "{line}");
        std::fs::write(site.join(format!("tessera.{missing}")), "").unwrap();
    }
    let table = check();
    assert!(table.contains("ok      site "), "{table}");
}

#[test]
fn check_with_the_real_model_ends_well() {
    let folder = TempDir::new().unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/SmolLM2-135M-Instruct.Q4_1.gguf");
    // It used to crash on the way out, while the model was still computing.
    let output = tessera(&folder, &["check"], &[("LOCAL_MODEL", model)]);
    assert!(output.status.success(), "{:?}: {}", output.status, text(&output.stdout));
    assert!(text(&output.stdout).contains("ok      chat: local"));
}
