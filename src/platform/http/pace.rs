//! How a connection goes: what it waits for, and whether bodies come and go.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::Version;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::connections::ConnectionLimits;

/// How often it is looked whether a time is over. No time is shorter.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a connection waits for, and since when.
pub(super) struct Pulse {
    phase: Mutex<Phase>,
    /// The client takes nothing: told here too, so that writing needs no lock while it does.
    is_blocked: AtomicBool,
}

struct Phase {
    /// Requests that have come and are not answered.
    running: usize,
    /// The head of a request has begun, or should have.
    head_since: Option<Instant>,
    /// The last time that an answer went on.
    answered: Instant,
    /// The client takes nothing.
    blocked_since: Option<Instant>,
    /// HTTP/2: what comes between requests need be no head.
    is_multiplexed: bool,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let phase =
            Phase { running: 0, head_since: Some(now), answered: now, blocked_since: None, is_multiplexed: false };
        Self { phase: Mutex::new(phase), is_blocked: AtomicBool::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(self: Arc<Self>, version: Version) -> Running {
        {
            let mut phase = self.lock();
            phase.running += 1;
            phase.head_since = None;
            phase.is_multiplexed = version == Version::HTTP_2;
        }
        Running(self)
    }

    fn has_read(&self) {
        let mut phase = self.lock();
        if phase.running == 0 && !phase.is_multiplexed {
            phase.head_since.get_or_insert_with(Instant::now);
        }
    }

    /// When it was answered is noted at the end of an answer; only a client that has taken nothing meanwhile is later.
    fn has_written<T>(&self, written: &Poll<io::Result<T>>) {
        let is_blocked = written.is_pending();
        if is_blocked == self.is_blocked.load(Ordering::Relaxed) {
            return;
        }
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
        let now = Instant::now();
        let mut phase = self.lock();
        phase.blocked_since = is_blocked.then_some(now);
        phase.answered = now;
    }

    /// Waits until a time is over.
    pub(super) async fn over(&self, limits: &ConnectionLimits) -> &'static str {
        loop {
            let (end, why) = self.next_end(limits).unzip();
            let now = Instant::now();
            match (end, why) {
                (Some(end), Some(why)) if end <= now => return why,
                _ => sleep_until(end.unwrap_or(now + LOOK_EVERY).min(now + LOOK_EVERY)).await,
            }
        }
    }

    fn next_end(&self, limits: &ConnectionLimits) -> Option<(Instant, &'static str)> {
        let phase = self.lock();
        let waiting = match phase.head_since {
            _ if phase.running > 0 => None,
            Some(since) => Some((since + limits.head, "the head of a request")),
            None => Some((phase.answered + limits.idle, "the next request")),
        };
        let blocked = phase.blocked_since.map(|since| (since + limits.stall, "the client to read"));
        waiting.into_iter().chain(blocked).min()
    }
}

/// A request that is not answered yet, or whose body still comes.
pub(super) struct Running(Arc<Pulse>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut phase = self.0.lock();
        phase.running -= 1;
        phase.answered = Instant::now();
    }
}

/// A socket that tells how it goes.
pub(super) struct Watched {
    pub stream: TcpStream,
    pub pulse: Arc<Pulse>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pulse.has_read();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.pulse.has_written(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.pulse.has_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The body of an answer: the request is answered when it has gone.
pub(super) struct AnswerBody {
    body: Body,
    _running: Arc<Running>,
}

impl AnswerBody {
    pub(super) const fn new(body: Body, running: Arc<Running>) -> Self {
        Self { body, _running: running }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request, which has to come on. Only the time counts in which somebody waits for it.
pub(super) struct PacedBody {
    body: Incoming,
    limits: Arc<ConnectionLimits>,
    came: u64,
    waited: Duration,
    /// Since when somebody waits, and until when they do.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    /// What is refused may be answered long before all of it has come.
    _running: Arc<Running>,
}

impl PacedBody {
    pub(super) const fn new(body: Incoming, limits: Arc<ConnectionLimits>, running: Arc<Running>) -> Self {
        Self { body, limits, came: 0, waited: Duration::ZERO, waiting: None, _running: running }
    }

    /// For how long one may wait now.
    fn patience(&self) -> Duration {
        let earned = Duration::from_secs(self.came / self.limits.body_rate.max(1));
        (self.limits.head + earned).saturating_sub(self.waited).min(self.limits.body)
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            if let Some((since, _)) = this.waiting.take() {
                this.waited += since.elapsed();
            }
            let length = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
            this.came += u64::try_from(length).unwrap_or(u64::MAX);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if this.waiting.is_none() {
            let now = Instant::now();
            this.waiting = Some((now, Box::pin(sleep_until(now + this.patience()))));
        }
        if let Some((_, end)) = &mut this.waiting {
            ready!(end.as_mut().poll(cx));
        }
        Poll::Ready(Some(Err("the body came too slowly".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
