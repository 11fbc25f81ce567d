//! Scripts in Python and Node, with the packages that set-up (`scripts/setup.sh test`) fetches.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::mongod::tools_cache;

/// A script of `tests/fixtures`, with the packages of a folder of the cache, or of several with colons between.
pub fn python(script: &str, packages: &str) -> Command {
    let mut command = Command::new("python3");
    let packages = std::env::join_paths(packages.split(':').map(|folder| tools_cache().join(folder))).unwrap();
    command.arg(fixture(script)).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    alone(command)
}

/// A script of `tests/fixtures`, with the Node packages of the cache.
pub fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(fixture(script)).env("NODE_PATH", tools_cache().join("npm/node_modules"));
    alone(command)
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The line of JSON that such a script writes; `what` is said where it fails.
pub async fn told(command: &mut Command, what: &str) -> Value {
    let output = command.output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {error}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{what}: {error}"))
}

/// Ends with the test, and talks to this machine only.
fn alone(mut command: Command) -> Command {
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(proxy);
    }
    command.env("NO_PROXY", "*").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}
