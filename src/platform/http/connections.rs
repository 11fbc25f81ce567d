//! Connections: how many there may be, and how long each may take over what.
//!
//! What a client has to do is timed: to say what it wants, to send its body, to read the answer, to come back. What the
//! server does for it is not: an answer may take as long as it takes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::pace::{AnswerBody, PacedBody, Pulse, Watched};

/// The longest head of a request.
const MAX_HEAD: usize = 64 * 1024;
/// How long to wait when no connection can be taken, because there are no more file descriptors for one.
const PAUSE: Duration = Duration::from_millis(200);

/// What a connection may take.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// To send the head of a request: from when the connection is made, or from its first byte.
    pub head: Duration,
    /// For the next piece of a body.
    pub body: Duration,
    /// Bytes a second that a body has to come with, beyond its first `head`.
    pub body_rate: u64,
    /// To take a piece of the answer.
    pub stall: Duration,
    /// Between an answer and the next request.
    pub idle: Duration,
    /// How many one address may have (an IPv6 address by its /64).
    pub per_address: usize,
    /// How many there may be. Others wait until one ends.
    pub total: usize,
}

impl ConnectionLimits {
    /// Those of a server.
    #[must_use]
    pub const fn new(per_address: usize, total: usize) -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            body_rate: 16 * 1024,
            stall: Duration::from_mins(1),
            idle: Duration::from_secs(75),
            per_address,
            total,
        }
    }
}

/// Serves until `closing`, and then until the requests that have come are answered. Addresses that are `exempt`, such as
/// proxies, may have any number of connections.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: ConnectionLimits,
    exempt: impl Fn(IpAddr) -> bool,
    closing: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.total));
    let addresses = Arc::new(Addresses::default());
    let limits = Arc::new(limits);
    // Each connection holds a sender.
    let (open, mut all_closed) = mpsc::channel::<()>(1);
    let next = async || {
        let slot = slots.clone().acquire_owned().await.ok()?;
        Some((slot, accept(&listener).await))
    };
    while let Some((slot, (stream, peer))) = tokio::select! {
        next = next() => next,
        () = closing.cancelled() => None,
    } {
        let place = if exempt(peer.ip().to_canonical()) {
            None
        } else {
            let Some(place) = addresses.clone().enter(peer.ip(), limits.per_address) else {
                tracing::debug!(%peer, "an address has too many connections");
                continue;
            };
            Some(place)
        };
        let (app, limits, closing, open) = (app.clone(), limits.clone(), closing.clone(), open.clone());
        tokio::spawn(async move {
            serve_connection(stream, peer, app, limits, closing).await;
            drop((slot, place, open));
        });
    }
    drop((listener, open));
    all_closed.recv().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken");
                sleep(PAUSE).await;
            }
        }
    }
}

/// The client went away before it was taken.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    limits: Arc<ConnectionLimits>,
    closing: CancellationToken,
) {
    // Without this a stream waits 40 ms for each of its small packets.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let pulse = Arc::new(Pulse::new());
    let io = TokioIo::new(Watched { stream, pulse: pulse.clone() });
    let (its_pulse, its_limits) = (pulse.clone(), limits.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let running = Arc::new(its_pulse.clone().begin(request.version()));
        let (limits, its_running) = (its_limits.clone(), running.clone());
        let mut request = request.map(|body| Body::new(PacedBody::new(body, limits, its_running)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let app = app.clone();
        async move {
            let Ok(response) = app.oneshot(request).await;
            Ok::<_, Infallible>(response.map(|body| AnswerBody::new(body, running)))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(MAX_HEAD);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(limits.head).keep_alive_timeout(limits.stall);
    let mut connection = pin!(builder.serve_connection(io, service));
    // They are looked at only when they have something to say, and not with every piece of a stream.
    let mut ends: FuturesUnordered<BoxFuture<'_, Option<&str>>> = FuturesUnordered::new();
    ends.push(pulse.over(&limits).map(Some).boxed());
    ends.push(closing.cancelled().map(|()| None).boxed());
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%peer, %error, "a connection broke");
                }
                return;
            }
            Some(end) = ends.next() => {
                if let Some(why) = end {
                    tracing::debug!(%peer, why, "a connection took too long");
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// How many connections each address has.
#[derive(Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One connection of an address, as long as it lives.
struct Place {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: Arc<Self>, address: IpAddr, most: usize) -> Option<Place> {
        let address = network_of(address);
        {
            let mut addresses = self.lock();
            let count = addresses.entry(address).or_insert(0);
            if *count >= most {
                return None;
            }
            *count += 1;
        }
        Some(Place { addresses: self, address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock();
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

/// An IPv6 address by its /64, which is what one customer gets.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    const MANY: Duration = Duration::from_mins(1);

    fn patient() -> ConnectionLimits {
        ConnectionLimits {
            head: MANY,
            body: MANY,
            body_rate: 1,
            stall: MANY,
            idle: MANY,
            ..ConnectionLimits::new(100, 100)
        }
    }

    async fn start(limits: ConnectionLimits) -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let endless = || Body::from_stream(futures::stream::repeat(Ok::<_, Infallible>(vec![7_u8; 65_536])));
        let slow = async || {
            sleep(Duration::from_millis(600)).await;
            "well"
        };
        let app = Router::new()
            .route("/", get(async || "well"))
            .route("/slow", get(slow))
            .route("/endless", get(async move || endless()))
            .route("/", post(async |body: String| body));
        let closing = CancellationToken::new();
        tokio::spawn(serve(listener, app, limits, |_| false, closing.clone()));
        (addr, closing)
    }

    async fn send(addr: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// What comes until it is closed.
    async fn rest(mut stream: TcpStream) -> String {
        let mut text = Vec::new();
        _ = timeout(MANY / 2, stream.read_to_end(&mut text)).await.unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }

    const ASK: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const SHORT: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn a_head_has_its_time_from_the_connection_or_its_first_byte_on() {
        let (addr, _) = start(ConnectionLimits { head: SHORT, ..patient() }).await;
        assert_eq!(rest(send(addr, "").await).await, "");
        assert_eq!(rest(send(addr, "GET / HT").await).await, "");
        let mut stream = send(addr, ASK).await;
        stream.read_exact(&mut [0; 15]).await.unwrap();
        sleep(SHORT * 2).await;
        stream.write_all(b"GET /").await.unwrap();
        assert!(rest(stream).await.ends_with("well"), "an idle connection lives longer");
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed_and_a_slow_answer_is_waited_for() {
        let (addr, _) = start(ConnectionLimits { idle: SHORT, ..patient() }).await;
        assert!(rest(send(addr, ASK).await).await.ends_with("well"));
        assert!(rest(send(addr, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await).await.ends_with("well"));
    }

    #[tokio::test]
    async fn a_body_has_to_come_on() {
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsome";
        let (addr, _) = start(ConnectionLimits { body: SHORT, ..patient() }).await;
        assert!(rest(send(addr, head).await).await.starts_with("HTTP/1.1 400"));
        // Drop by drop it is too slow as well.
        let (addr, _) = start(ConnectionLimits { head: SHORT, body_rate: 1000, ..patient() }).await;
        let mut stream = send(addr, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n").await;
        let drip = async {
            // Until it is closed.
            while stream.write_all(b"x").await.is_ok() {
                sleep(SHORT / 10).await;
            }
        };
        timeout(MANY, drip).await.unwrap();
    }

    #[tokio::test]
    async fn who_does_not_read_the_answer_is_left() {
        let (addr, _) = start(ConnectionLimits { stall: SHORT, ..patient() }).await;
        let stream = send(addr, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
        // It is looked for that every five seconds.
        sleep(Duration::from_secs(7)).await;
        // What is in between is still read; then it ends.
        rest(stream).await;
    }

    #[tokio::test]
    async fn at_the_end_what_was_asked_is_answered_and_idle_connections_are_closed() {
        let (addr, closing) = start(patient()).await;
        let mut idle = send(addr, ASK).await;
        idle.read_exact(&mut [0; 15]).await.unwrap();
        let slow = send(addr, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
        sleep(Duration::from_millis(100)).await;
        closing.cancel();
        let told = tokio::join!(rest(idle), rest(slow));
        assert!(told.0.ends_with("well") && told.1.ends_with("well"), "{told:?}");
        assert!(TcpStream::connect(addr).await.is_err());
    }

    #[test]
    fn a_customer_of_ipv6_counts_once() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
