//! Servers of others that tests start, freeze and kill: the real ones, each on a port of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tessera::platform::redis::Redis;
use tessera::platform::redis::RedisConfig;
use tokio::time::sleep;

use crate::mongod::free_addr;

/// A Redis that keeps nothing on disk.
pub struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    pub async fn start() -> Self {
        let mut server = Self { port: free_addr().port(), arguments: Vec::new(), child: None };
        server.arguments = vec!["--port".to_owned(), server.port.to_string()];
        server.start_again().await;
        server
    }

    /// Over TLS only, with `redis.crt` and `redis.key` of this folder.
    pub async fn start_tls(folder: &Path) -> Self {
        let mut server = Self { port: free_addr().port(), arguments: Vec::new(), child: None };
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        server.arguments = [
            ("--port", "0".to_owned()),
            ("--tls-port", server.port.to_string()),
            ("--tls-cert-file", file("redis.crt")),
            ("--tls-key-file", file("redis.key")),
            ("--tls-auth-clients", "no".to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
        server.start_again().await;
        server
    }

    /// At the same port as before, empty.
    pub async fn start_again(&mut self) {
        let child = Command::new("redis-server")
            .args(&self.arguments)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.child = Some(child);
        for _ in 0..400 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(25)).await;
        }
        panic!("redis-server did not start");
    }

    pub fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn tls_url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.port)
    }

    /// The program's own handle, once it has a connection.
    pub async fn connect(&self) -> Redis {
        let redis = Redis::open(&RedisConfig { url: self.url().into() }).unwrap();
        until(|| redis.problem().is_none()).await;
        redis
    }

    /// What is in it, past the program.
    pub async fn look(&self) -> redis::aio::MultiplexedConnection {
        redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A frozen process dies of it too.
            _ = child.kill();
            _ = child.wait();
        }
    }

    /// The connections stay, and nobody answers.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until it is so, for 15 s at most.
pub async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("it did not come to that");
}
