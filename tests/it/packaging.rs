//! What is installed and released: the scripts, with the program of the tests and a site of three files.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tessera::chat::server::providers::local::DEFAULT_LOCAL_MODEL;
use tokio::time::sleep;

use crate::mongod::free_addr;
use crate::support::User;

fn run(program: impl AsRef<Path>, arguments: &[&str], vars: &[(&str, &Path)]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join(program));
    let output = command.args(arguments).current_dir(root).envs(vars.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// As a build leaves it, and staged.
fn stage(folder: &Path) {
    let built = folder.join("built");
    fs::create_dir_all(built.join("site/pkg")).unwrap();
    // What debuggers want to know is most of it.
    let strip = Command::new("strip").arg("-o").arg(built.join("tessera")).arg(env!("CARGO_BIN_EXE_tessera")).status();
    assert!(strip.unwrap().success());
    fs::write(built.join("hash.txt"), "js: J\nwasm: W\ncss: C\nmanifest: M\nsplit: S\n").unwrap();
    fs::write(built.join("site/pkg/tessera.C.css"), "body {}").unwrap();
    fs::write(built.join("site/favicon.ico"), "icon").unwrap();
    let vars = [("TESSERA_PROGRAM", &*built.join("tessera")), ("TESSERA_SITE", &*built.join("site"))];
    run("scripts/stage.sh", &[folder.join("stage").to_str().unwrap()], &vars);
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.file_type().unwrap().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn what_is_installed_serves_its_site_from_anywhere_and_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    stage(folder.path());
    let (installer, root) = (folder.path().join("stage/install.sh"), folder.path().join("root"));
    let vars = [("DESTDIR", &*root), ("PREFIX", Path::new("/opt/tessera"))];
    run(&installer, &[], &vars);
    // Again, over itself.
    run(&installer, &[], &vars);
    let prefix = root.join("opt/tessera");
    assert_eq!(fs::read_link(prefix.join("bin/tessera")).unwrap(), Path::new("/opt/tessera/lib/tessera/tessera"));
    let unit = fs::read_to_string(root.join("etc/systemd/system/tessera.service")).unwrap();
    assert!(unit.contains("\nExecStart=/opt/tessera/lib/tessera/tessera\n") && !unit.contains("@PREFIX@"), "{unit}");

    let (work, addr) = (folder.path().join("work"), free_addr());
    fs::create_dir(&work).unwrap();
    let mut command = Command::new(prefix.join("lib/tessera/tessera"));
    command.current_dir(&work).env_clear().env("SITE_ADDR", addr.to_string()).env("RUST_LOG", "error");
    let _server = Server(command.stdin(Stdio::null()).spawn().unwrap());
    let visitor = User::new(addr);
    for _ in 0..800 {
        if visitor.get("/healthz").send().await.is_ok() {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    let page = visitor.get("/").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("/pkg/tessera.C.css"), "{page}");
    for (path, text) in [("/pkg/tessera.C.css", "body {}"), ("/favicon.ico", "icon")] {
        let response = visitor.get(path).send().await.unwrap();
        let is_bundle = path.starts_with("/pkg/");
        // What never changes is not asked for again: nothing about the copy and the request, which others have.
        assert_eq!(response.headers()["cache-control"].to_str().unwrap().ends_with("immutable"), is_bundle, "{path}");
        for name in ["last-modified", "accept-ranges", "x-request-id"] {
            assert_eq!(response.headers().contains_key(name), !is_bundle, "{path}: {name}");
        }
        assert!(!is_bundle || !response.headers().contains_key("etag"), "{path}");
        assert_eq!(response.text().await.unwrap(), text, "{path}");
    }
    let missing = visitor.get("/pkg/tessera.X.css").send().await.unwrap();
    assert!(missing.status() == 404 && missing.headers().contains_key("x-request-id"));

    run(&installer, &["uninstall"], &vars);
    assert_eq!(files_below(&root), 0);
}

#[test]
fn a_release_names_what_it_is_made_of() {
    let folder = TempDir::new().unwrap();
    let (bill, licences) = (folder.path().join("bill.json"), folder.path().join("licences"));
    run("scripts/bill_of_materials.py", &[bill.to_str().unwrap(), licences.to_str().unwrap()], &[]);
    let text = fs::read_to_string(&bill).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    let names: Vec<_> =
        read["components"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    // Of the server, of the browser's part; and not of the tests.
    for (name, is_in) in [("axum", true), ("rusqlite", true), ("console_error_panic_hook", true), ("wiremock", false)] {
        assert_eq!(names.contains(&name), is_in, "{name}");
    }
    assert!(read["components"].as_array().unwrap().iter().all(|part| part["licenses"].is_array()));
    let licences = fs::read_to_string(&licences).unwrap();
    for part in ["llama-cpp-sys-2", "(llama.cpp)", "SIL Open Font License", "aws-lc-sys"] {
        assert!(licences.contains(part), "{part}");
    }
    // Of the same sources, the same file.
    let again = folder.path().join("again.json");
    run("scripts/bill_of_materials.py", &[again.to_str().unwrap(), "/dev/null"], &[]);
    assert_eq!(fs::read_to_string(again).unwrap(), text);
}

#[test]
fn the_image_is_built_with_the_compiler_and_has_the_model_of_set_up() {
    let read = |name: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let (setup, dockerfile) = (read("scripts/setup.sh"), read("Dockerfile"));
    let rust = setup.lines().find_map(|line| line.strip_prefix("readonly RUST=")).unwrap();
    for line in
        [format!("FROM rust:{rust}-bookworm AS build"), format!("ENV LOCAL_MODEL=/opt/tessera/{DEFAULT_LOCAL_MODEL}")]
    {
        assert!(dockerfile.lines().any(|found| found == line), "{line}");
    }
    // What Cargo or the scripts need must not be kept out of the build.
    let kept_out = read(".dockerignore");
    for needed in ["tests", "benches", "deploy", "scripts", "docs", ".cargo", ".env.example", "vendor", "crates"] {
        assert!(kept_out.lines().all(|line| line != needed), "{needed}");
    }
}
