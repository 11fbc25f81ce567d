//! A mail server of the tests: it takes mails, refuses them, has no time, does not answer, or wants TLS first.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// What becomes of the next mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Accept,
    /// For good.
    Refuse,
    /// For now.
    Busy,
    /// It says nothing any more.
    Hang,
}

/// A mail that was taken.
#[derive(Debug, Clone)]
pub struct Received {
    pub to: String,
    pub data: String,
}

impl Received {
    /// A header, unfolded.
    pub fn header(&self, name: &str) -> String {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    }

    /// The plain text.
    pub fn text(&self) -> String {
        self.part("text/plain")
    }

    /// One of the alternatives, decoded.
    pub fn part(&self, kind: &str) -> String {
        let boundary =
            self.header("Content-Type").split("boundary=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let boundary = format!("--{boundary}");
        let part = self.data.split(&boundary).skip(1).find(|part| part.contains(kind)).unwrap();
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        let encoding = head.lines().find_map(|line| line.strip_prefix("Content-Transfer-Encoding: ")).unwrap_or("7bit");
        match encoding.trim() {
            "base64" => {
                let compact: String = body.chars().filter(|c| !c.is_whitespace()).collect();
                String::from_utf8(BASE64_STANDARD.decode(compact).unwrap()).unwrap()
            }
            "quoted-printable" => unquoted(body),
            _ => body.to_owned(),
        }
        .replace("\r\n", "\n")
    }

    /// The path of the link in it.
    pub fn link(&self) -> String {
        let text = self.text();
        let line = text.lines().find(|line| line.starts_with("http")).unwrap_or_else(|| panic!("no link in {text}"));
        url::Url::parse(line).unwrap().path().to_owned()
    }

    pub fn token(&self) -> String {
        self.link().rsplit('/').next().unwrap().to_owned()
    }
}

fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'=' && rest.len() >= 2 {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
            rest = &rest[2..];
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Behaviour>>,
    received: Mutex<Vec<Received>>,
    tries: Mutex<usize>,
}

/// A running server.
pub struct FakeSmtp {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

impl FakeSmtp {
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// One that takes nothing before TLS.
    pub async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::default()));
        let served = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, tls) = (served.clone(), tls.clone());
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    if stream.write_all(b"220 fake ESMTP\r\n").await.is_err() {
                        return;
                    }
                    if shared.talk(&mut stream, tls.is_some()).await != Some(true) {
                        return;
                    }
                    let Ok(stream) = tls.unwrap().accept(stream.into_inner()).await else { return };
                    shared.talk(&mut BufReader::new(stream), false).await;
                });
            }
        });
        Self { addr, shared }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.addr)
    }

    /// What becomes of the next mails; then they are taken again.
    pub fn will(&self, behaviours: &[Behaviour]) {
        self.shared.script.lock().unwrap().extend(behaviours);
    }

    /// How often somebody tried to hand over a mail.
    pub fn tries(&self) -> usize {
        *self.shared.tries.lock().unwrap()
    }

    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// All mails to this address so far.
    pub fn mails_to(&self, to: &str) -> Vec<Received> {
        self.received().into_iter().filter(|mail| mail.to == to).collect()
    }

    /// The mail with this number to an address, once it is there. The first is 1.
    pub async fn mail(&self, to: &str, number: usize) -> Received {
        for _ in 0..800 {
            if let Some(mail) = self.mails_to(to).into_iter().nth(number - 1) {
                return mail;
            }
            sleep(Duration::from_millis(25)).await;
        }
        panic!("mail {number} to {to} did not come; there are {:?}", self.received());
    }
}

impl Shared {
    /// Whether TLS is to begin now.
    async fn talk<S>(&self, stream: &mut BufReader<S>, wants_tls: bool) -> Option<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut to = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let command = line.trim_end().to_owned();
            let answer = match command.split([' ', ':']).next().unwrap().to_ascii_uppercase().as_str() {
                "EHLO" if wants_tls => "250-fake\r\n250 STARTTLS",
                "EHLO" => "250-fake\r\n250-8BITMIME\r\n250-AUTH PLAIN\r\n250 SMTPUTF8",
                "AUTH" => "235 welcome",
                "STARTTLS" => {
                    stream.write_all(b"220 go on\r\n").await.ok()?;
                    return Some(true);
                }
                _ if wants_tls => "530 TLS first",
                "RCPT" => {
                    *self.tries.lock().unwrap() += 1;
                    to = command.split('<').nth(1).unwrap().split('>').next().unwrap().to_owned();
                    let behaviour = self.script.lock().unwrap().pop_front().unwrap_or(Behaviour::Accept);
                    match behaviour {
                        Behaviour::Accept => "250 ok",
                        Behaviour::Refuse => "550 no such mailbox",
                        Behaviour::Busy => "451 try again later",
                        Behaviour::Hang => std::future::pending().await,
                    }
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await.ok()?;
                    let mut data = String::new();
                    loop {
                        let mut line = String::new();
                        if stream.read_line(&mut line).await.ok()? == 0 {
                            return None;
                        }
                        if line == ".\r\n" {
                            break;
                        }
                        data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    }
                    self.received.lock().unwrap().push(Received { to: to.clone(), data });
                    "250 taken"
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await.ok()?;
                    return None;
                }
                _ => "250 ok",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        }
    }
}
