//! A server that plays exact bytes at exact moments, whatever it is asked: what comes from providers is odd in ways that no
//! well-behaved server could be told to be.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What is played after the head of an answer. After the last step the body ends as it should.
#[derive(Debug, Clone)]
pub enum Step {
    Bytes(String),
    /// In milliseconds.
    Pause(u64),
    /// The connection closes in the middle of the body.
    Cut,
    /// It is reset.
    Reset,
    /// Nothing more, and no end.
    Hold,
    /// The same bytes every so many milliseconds, without end.
    Repeat(&'static str, u64),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Script {
    pub status: u16,
    pub content_type: &'static str,
    /// Lines of the head besides the usual ones.
    pub headers: &'static str,
    pub steps: Vec<Step>,
}

impl Script {
    pub fn stream(steps: Vec<Step>) -> Self {
        Self { status: 200, content_type: "text/event-stream", headers: "", steps }
    }

    pub fn body(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "application/json", headers: "", steps: vec![Step::Bytes(body.into())] }
    }
}

type Write = dyn Fn(&Value) -> Script + Send + Sync;

/// A running server.
pub struct Scripted {
    pub addr: SocketAddr,
    write: Arc<Mutex<Arc<Write>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Scripted {
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let write: Arc<Write> = Arc::new(move |_: &Value| script.clone());
        let server = Self { addr, write: Arc::new(Mutex::new(write)), asked: Arc::default() };
        let (write, asked) = (server.write.clone(), server.asked.clone());
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(connection, write.clone(), asked.clone()));
            }
        });
        server
    }

    /// From now on this is the answer.
    pub fn play(&self, script: Script) {
        self.answer(move |_| script.clone());
    }

    /// From now on the answer is made of the question.
    pub fn answer(&self, write: impl Fn(&Value) -> Script + Send + Sync + 'static) {
        *self.write.lock().unwrap() = Arc::new(write);
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    pub fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// One request on each connection.
async fn serve(mut connection: TcpStream, write: Arc<Mutex<Arc<Write>>>, asked: Arc<Mutex<Vec<Value>>>) {
    connection.set_nodelay(true).unwrap();
    let Some(body) = read_request(&mut connection).await else { return };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let write = write.lock().unwrap().clone();
    asked.lock().unwrap().push(body.clone());
    let Script { status, content_type, headers, steps } = write(&body);
    let head = format!(
        "HTTP/1.1 {status} Played\r\ncontent-type: {content_type}\r\n{headers}transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    if connection.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    for step in steps {
        match step {
            Step::Bytes(bytes) => {
                if send(&mut connection, &bytes).await.is_err() {
                    return;
                }
            }
            Step::Pause(millis) => sleep(Duration::from_millis(millis)).await,
            Step::Cut => return,
            Step::Reset => {
                // What was sent before is to arrive.
                sleep(Duration::from_millis(30)).await;
                connection.set_zero_linger().unwrap();
                return;
            }
            Step::Hold => {
                // Until the other side closes.
                let mut rest = [0; 64];
                while connection.read(&mut rest).await.is_ok_and(|count| count > 0) {}
                return;
            }
            Step::Repeat(bytes, millis) => loop {
                sleep(Duration::from_millis(millis)).await;
                if send(&mut connection, bytes).await.is_err() {
                    return;
                }
            },
        }
    }
    drop(connection.write_all(b"0\r\n\r\n").await);
    drop(connection.shutdown().await);
}

async fn send(connection: &mut TcpStream, bytes: &str) -> std::io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    connection.write_all(format!("{:x}\r\n{bytes}\r\n", bytes.len()).as_bytes()).await
}

async fn read_request(connection: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut all, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let count = connection.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        all.extend_from_slice(&piece[..count]);
        let Some(end) = all.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
        let length = head.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse::<usize>().ok()?;
        if all.len() >= end + 4 + length {
            return Some(all.split_off(end + 4));
        }
    }
}
