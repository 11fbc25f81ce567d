//! Who asks, and how long it takes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::Client;
use reqwest::header::COOKIE;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::server::Server;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub enum Ask {
    Chat,
    Messages,
    Responses,
    UnstoredResponses,
    /// What was answered before.
    Cached,
    /// What the browser shows.
    Page(&'static str),
}

impl Ask {
    pub const DIALECTS: [Self; 4] = [Self::Chat, Self::Messages, Self::Responses, Self::UnstoredResponses];

    /// What tables call it.
    pub fn name(self) -> String {
        match self {
            Self::Page(path) => path.to_owned(),
            other => format!("{other:?}"),
        }
    }

    /// Where it is asked, with what, and what the last event has.
    fn message(self) -> (&'static str, Value, &'static str) {
        // No two questions are alike, so none is in the cache.
        let content = match self {
            Self::Cached => "hello".to_owned(),
            _ => format!("hello {}", Uuid::now_v7()),
        };
        let messages = json!([{"role": "user", "content": content}]);
        let body = |more: Value| {
            let mut body = json!({"model": "mock", "stream": true});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let response = |stored: bool| body(json!({"input": content, "store": stored}));
        match self {
            Self::Messages => ("messages", body(json!({"messages": messages, "max_tokens": 500})), "message_stop"),
            Self::Responses => ("responses", response(true), "response.completed"),
            Self::UnstoredResponses => ("responses", response(false), "response.completed"),
            Self::Chat | Self::Cached | Self::Page(_) => {
                ("chat/completions", body(json!({"messages": messages})), "[DONE]")
            }
        }
    }
}

#[derive(Clone)]
pub struct Caller {
    http: Client,
    addr: SocketAddr,
    key: String,
    cookie: String,
}

impl Caller {
    pub fn direct(http: &Client, upstream: SocketAddr) -> Self {
        Self { http: http.clone(), addr: upstream, key: "none".to_owned(), cookie: String::new() }
    }

    pub async fn through(http: &Client, server: &Server) -> Self {
        let (cookie, key) = server.sign_up(http).await;
        Self { http: http.clone(), addr: server.addr, key, cookie }
    }

    /// Until the first token and until the end, in microseconds.
    pub async fn call(&self, ask: Ask) -> (f64, f64) {
        let begun = Instant::now();
        let micros = || begun.elapsed().as_secs_f64() * 1e6;
        if let Ask::Page(path) = ask {
            let page = self.http.get(format!("http://{}{path}", self.addr)).header(COOKIE, &self.cookie);
            let page = page.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
            assert!(page.windows(7).any(|part| part == b"</html>"), "{path} is no page");
            return (micros(), micros());
        }
        let (path, body, end) = ask.message();
        let url = format!("http://{}/v1/{path}", self.addr);
        let mut response = self.http.post(url).bearer_auth(&self.key).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let (mut seen, mut first) = (Vec::new(), None);
        while let Some(bytes) = response.chunk().await.unwrap() {
            seen.extend_from_slice(&bytes);
            if first.is_none() && seen.windows(5).any(|window| window == b"word1") {
                first = Some(micros());
            }
        }
        let whole = micros();
        let seen = String::from_utf8_lossy(&seen);
        assert!(seen.ends_with("\n\n") && seen.contains(end), "{seen}");
        (first.unwrap(), whole)
    }

    /// Asks so many times at once until then; how long each took, in microseconds.
    pub async fn call_together(&self, ask: Ask, at_once: usize, lasts: Duration) -> Vec<f64> {
        let begun = Instant::now();
        let workers: Vec<_> = (0..at_once)
            .map(|_| {
                let caller = self.clone();
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    while begun.elapsed() < lasts {
                        took.push(caller.call(ask).await.1);
                    }
                    took
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.await.unwrap());
        }
        all
    }
}

/// The value that this part of them is at most; sorts them.
pub fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part) as usize]
}

pub fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 0.5)
}
