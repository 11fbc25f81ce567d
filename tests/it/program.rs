//! The real program as a process of its own, to be killed.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;

use crate::fake_openai::FakeOpenAi;
use crate::mongod::free_addr;
use crate::support::User;

/// What every program of the tests is started with. `DATA_DIR` or `MONGODB_URI` come on top.
pub fn variables(upstream: &FakeOpenAi, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut vars: Vec<(String, String)> = [
        ("OPENAI_BASE_URL", upstream.base_url().as_str()),
        ("CHAT_PROVIDERS", "openai"),
        ("FREE_CREDITS", "100"),
        ("RATE_LIMIT_PER_MINUTE", "100000"),
        ("CHAT_CACHE", "off"),
        ("RUST_LOG", "error"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    for (name, value) in more {
        vars.retain(|(known, _)| known != name);
        vars.push(((*name).to_owned(), (*value).to_owned()));
    }
    vars
}

/// A running program.
pub struct Program {
    child: Child,
    pub addr: SocketAddr,
    vars: Vec<(String, String)>,
    folder: TempDir,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Program {
    /// With nothing but these variables, until it answers.
    pub async fn start(vars: Vec<(String, String)>) -> Self {
        let (folder, addr) = (TempDir::new().unwrap(), free_addr());
        let child = spawn(&folder, addr, &vars);
        let program = Self { child, addr, vars, folder };
        program.until_it_answers().await;
        program
    }

    /// Starts it again where it was.
    pub async fn restart(&mut self) {
        self.child = spawn(&self.folder, self.addr, &self.vars);
        self.until_it_answers().await;
    }

    async fn until_it_answers(&self) {
        let visitor = User::new(self.addr);
        for _ in 0..800 {
            if visitor.get("/healthz").send().await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("the server did not start");
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }

    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for it to end by itself.
    pub async fn ended_well(mut self) -> bool {
        tokio::task::spawn_blocking(move || self.child.wait().is_ok_and(|status| status.success())).await.unwrap()
    }
}

fn spawn(folder: &TempDir, addr: SocketAddr, vars: &[(String, String)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tessera"))
        .current_dir(folder.path())
        .env_clear()
        .env("SITE_ADDR", addr.to_string())
        .env("DATA_DIR", folder.path())
        .envs(vars.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}
