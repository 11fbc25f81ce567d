//! A small TCP proxy: between users and servers, or between servers and their database, where it can cut answers off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running proxy.
pub struct Proxy {
    pub addr: SocketAddr,
    control: Arc<Control>,
}

#[derive(Default)]
struct Control {
    next: AtomicUsize,
    /// Of a thousand answers, how many are swallowed, with the connection they came on.
    cut: AtomicU32,
    answers: AtomicU32,
    /// Milliseconds that each answer takes longer.
    delay: AtomicU32,
}

impl Proxy {
    /// Gives each connection to the next of these servers; one that does not listen is left out.
    pub async fn start(targets: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, control) = (listener.local_addr().unwrap(), Arc::new(Control::default()));
        let proxy = Self { addr, control: control.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (targets, control) = (targets.clone(), control.clone());
                tokio::spawn(async move {
                    for _ in 0..targets.len() {
                        let turn = control.next.fetch_add(1, Ordering::SeqCst);
                        if let Ok(server) = TcpStream::connect(targets[turn % targets.len()]).await {
                            return forward(client, server, &control).await;
                        }
                    }
                });
            }
        });
        proxy
    }

    /// From now on each answer comes so much later.
    pub fn delay(&self, time: Duration) {
        self.control.delay.store(u32::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// From now on so many of a thousand answers never arrive: what was asked for has been done.
    pub fn cut(&self, per_mille: u32) {
        self.control.cut.store(per_mille, Ordering::SeqCst);
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, control: &Control) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
    let asking = async {
        _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    let answering = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count) = from_server.read(&mut buffer).await {
            // Spread evenly, in an order that nobody else keeps to.
            let number = control.answers.fetch_add(1, Ordering::SeqCst).wrapping_mul(617) % 1000;
            let cut = number < control.cut.load(Ordering::SeqCst);
            let delay = Duration::from_millis(control.delay.load(Ordering::SeqCst).into());
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            if count == 0 || cut || to_client.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = answering => {}
    }
}
