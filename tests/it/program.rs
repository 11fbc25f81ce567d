//! The real program as a process of its own, to be killed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
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
        ("APP_SECRET", "the secret of all servers of the tests"),
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
    folder: Arc<TempDir>,
    log: fn() -> Stdio,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Program {
    /// With nothing but these variables, until it answers.
    pub async fn start(vars: Vec<(String, String)>) -> Self {
        Self::start_with_log(vars, Stdio::inherit).await
    }

    /// With its log going there.
    pub async fn start_with_log(vars: Vec<(String, String)>, log: fn() -> Stdio) -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), vars, log).await
    }

    /// A second one over the same files.
    pub async fn start_beside(&self) -> Self {
        Self::start_in(self.folder.clone(), self.vars.clone(), self.log).await
    }

    async fn start_in(folder: Arc<TempDir>, vars: Vec<(String, String)>, log: fn() -> Stdio) -> Self {
        let addr = free_addr();
        let child = spawn(&folder, addr, &vars, log());
        let program = Self { child, addr, vars, folder, log };
        program.until_it_answers().await;
        program
    }

    /// Starts it again where it was.
    pub async fn restart(&mut self) {
        self.child = spawn(&self.folder, self.addr, &self.vars, (self.log)());
        self.until_it_answers().await;
    }

    /// As a service manager does it: SIGTERM, and the next is started when it has ended.
    pub async fn restart_gracefully(&mut self) {
        self.terminate();
        while self.child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(20)).await;
        }
        self.restart().await;
    }

    /// Its `DATA_DIR`.
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The end of its log that can be read, where it was started with a pipe.
    pub const fn take_log(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    async fn until_it_answers(&self) {
        let visitor = User::new(self.addr);
        for _ in 0..3000 {
            if visitor.get("/healthz").send().await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("the server did not start");
    }

    fn in_proc(&self) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string())
    }

    /// What Linux says of the process under this name.
    pub fn status(&self, name: &str) -> Option<String> {
        let status = std::fs::read_to_string(self.in_proc().join("status")).unwrap();
        status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
    }

    /// The most bytes that were resident since this was asked last.
    pub fn peak_memory(&self) -> usize {
        let peak = self.status("VmHWM").unwrap();
        // Of what `clear_refs` knows, this sets the peak to what is resident now.
        std::fs::write(self.in_proc().join("clear_refs"), "5").unwrap();
        peak.strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }

    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// As a machine that is suspended: nothing runs, connections stay.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// From now on its disk is full: no file of it can grow.
    pub fn fill_disk(&self) {
        self.limit_files("1");
    }

    pub fn clear_disk(&self) {
        self.limit_files("unlimited");
    }

    fn limit_files(&self, bytes: &str) {
        let (pid, limit) = (self.child.id().to_string(), format!("--fsize={bytes}:unlimited"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for it to end by itself.
    pub async fn ended_well(mut self) -> bool {
        tokio::task::spawn_blocking(move || self.child.wait().is_ok_and(|status| status.success())).await.unwrap()
    }
}

fn spawn(folder: &TempDir, addr: SocketAddr, vars: &[(String, String)], log: Stdio) -> Child {
    // A file that may not grow is an error of the write then, as on a full disk, and no signal.
    Command::new("/bin/sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\"", env!("CARGO_BIN_EXE_tessera")])
        .current_dir(folder.path())
        .env_clear()
        .env("SITE_ADDR", addr.to_string())
        .env("DATA_DIR", folder.path())
        .envs(vars.iter().map(|(name, value)| (name, value)))
        .stderr(log)
        .spawn()
        .unwrap()
}
