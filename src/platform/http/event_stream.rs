//! Event streams: `text/event-stream`, as it leaves.
//!
//! Axum's own makes a piece of a body of each event, which goes through all layers, and sets a timer with it. An answer has
//! thousands of them, often a handful at once: those leave together.

use std::convert::Infallible;
use std::fmt::Write;
use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use futures::{Stream, StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::envelope::{KEEP_ALIVE, UNCHANGED};
use crate::platform::jobs::{JobEvent, Position};
use crate::platform::limits::Slot;

/// So many events leave together at most.
const MOST_AT_ONCE: usize = 64;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event(String);

impl Event {
    /// One without a name and an id.
    #[must_use]
    pub fn of_data(data: &str) -> Self {
        let mut text = String::with_capacity(data.len() + 8);
        write_data(data, &mut text);
        Self(text)
    }

    /// One with a name and without an id.
    #[must_use]
    pub fn named(name: &str, data: &str) -> Self {
        let mut text = String::with_capacity(data.len() + name.len() + 24);
        text.push_str("event: ");
        text.push_str(name);
        text.push('\n');
        write_data(data, &mut text);
        Self(text)
    }

    /// Nothing but a sign of life.
    #[must_use]
    pub fn comment() -> Self {
        Self(":\n\n".to_owned())
    }
}

impl From<&JobEvent> for Event {
    fn from(JobEvent { name, data, position }: &JobEvent) -> Self {
        let mut text = String::with_capacity(data.len() + name.len() + 48);
        // Writing to a text does not fail.
        _ = match position {
            Position::At(at) => write!(text, "id: {at}\nevent: "),
            Position::End => write!(text, "id: end\nevent: "),
        };
        text.push_str(name);
        text.push('\n');
        write_data(data, &mut text);
        Self(text)
    }
}

fn write_data(data: &str, text: &mut String) {
    // JSON has one line.
    for line in data.split(['\r', '\n']) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
}

/// A stream whose events leave as they come, whatever proxy is between. It keeps the slot as long as it lives.
pub fn event_stream<S>(events: S, slot: Option<Slot>) -> Response
where
    S: Stream<Item = Event> + Send + 'static,
{
    let pieces = events.ready_chunks(MOST_AT_ONCE).map(move |events| {
        _ = &slot;
        together(events)
    });
    let mut response = Response::new(Body::from_stream(not_silent(pieces).map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(UNCHANGED));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn together(events: Vec<Event>) -> Bytes {
    let mut events = events.into_iter();
    let Event(mut all) = events.next().unwrap_or_else(|| Event(String::new()));
    for Event(text) in events {
        all.push_str(&text);
    }
    all.into()
}

/// Puts a comment where nothing is said for [`KEEP_ALIVE`].
fn not_silent(pieces: impl Stream<Item = Bytes> + Send + 'static) -> impl Stream<Item = Bytes> + Send + 'static {
    let begun = Instant::now();
    let (mut said, mut look) = (begun, Box::pin(sleep_until(begun + KEEP_ALIVE)));
    let mut pieces = Box::pin(pieces);
    stream::poll_fn(move |cx| {
        if let Poll::Ready(piece) = pieces.as_mut().poll_next(cx) {
            said = Instant::now();
            return Poll::Ready(piece);
        }
        while look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let is_due = now >= said + KEEP_ALIVE;
            if is_due {
                said = now;
            }
            look.as_mut().reset(said + KEEP_ALIVE);
            if is_due {
                return Poll::Ready(Some(Event::comment().0.into()));
            }
        }
        Poll::Pending
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::sse::{SseEvent, SseParser};

    #[tokio::test]
    async fn events_leave_as_they_come_and_together_where_they_come_together() {
        let event = |at, data: &str| {
            Event::from(&JobEvent { name: "token".into(), data: data.to_owned(), position: Position::At(at) })
        };
        let end = Event::from(&JobEvent { name: "done".into(), data: "{}".to_owned(), position: Position::End });
        let (sender, later) = futures::channel::mpsc::unbounded();
        let events = stream::iter([Event::comment(), event(1, "{\"a\":1}"), event(7, "two\nlines")]).chain(later);
        let mut body = event_stream(events, None).into_body().into_data_stream();
        let first = body.next().await.unwrap().unwrap();
        sender.unbounded_send(end).unwrap();
        drop(sender);
        let second = body.next().await.unwrap().unwrap();
        assert!(body.next().await.is_none());
        let read = |bytes: &Bytes| SseParser::new().push(bytes).unwrap();
        let told = |id: &str, event: &str, data: &str| SseEvent {
            id: Some(id.to_owned()),
            event: event.to_owned(),
            data: data.to_owned(),
        };
        assert_eq!(read(&first), [told("1", "token", "{\"a\":1}"), told("7", "token", "two\nlines")]);
        assert_eq!(read(&second), [told("end", "done", "{}")]);
        assert!(first.starts_with(b":\n\n"));
    }
}
