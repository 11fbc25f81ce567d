//! A server of the bench: this release, or the one that is named to compare with.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Vars;

/// A checkout with a release build.
pub struct Program(PathBuf);

impl Program {
    pub fn release() -> Self {
        Self(PathBuf::from(env!("CARGO_MANIFEST_DIR")))
    }

    /// The build to compare with, where one is named.
    pub fn before() -> Option<Self> {
        std::env::var_os("BEFORE").map(|checkout| Self(checkout.into()))
    }

    pub fn start(&self, vars: &Vars) -> Server {
        let addr = crate::mongod::free_addr();
        let mut command = Command::new(self.0.join("target/release/tessera"));
        command.current_dir(&self.0).envs(vars).env("SITE_ADDR", addr.to_string());
        let child = command.env("RUST_LOG", "warn").stderr(Stdio::null()).spawn();
        let server =
            Server { child: child.expect("target/release/tessera: run make build first, there as here"), addr };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Ok(mut connection) = std::net::TcpStream::connect(addr) {
                connection.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
                let mut answer = String::new();
                _ = connection.read_to_string(&mut answer);
                if answer.starts_with("HTTP/1.0 200") {
                    return server;
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server did not start");
    }
}

pub struct Server {
    child: Child,
    pub addr: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Server {
    /// What it has had of the processors, in microseconds.
    pub fn cpu_micros(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        // Hundredths of a second, in user and in system mode.
        let ticks = [fields[11], fields[12]].map(|ticks| ticks.parse::<f64>().unwrap());
        ticks.iter().sum::<f64>() * 1e4
    }

    /// What is resident, in MiB.
    pub fn resident_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    /// A new user's cookie and API key.
    pub async fn sign_up(&self, http: &Client) -> (String, String) {
        let email = format!("{}@example.org", Uuid::now_v7().simple());
        let body = json!({"email": email, "password": "correct horse battery"});
        let response = http.post(format!("http://{}/api/auth/register", self.addr)).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 201);
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let request = http.post(format!("http://{}/api/account/keys", self.addr)).header(COOKIE, &cookie);
        let made: Value = request.json(&json!({"name": "bench"})).send().await.unwrap().json().await.unwrap();
        (cookie, made["data"]["key"].as_str().unwrap().to_owned())
    }
}
