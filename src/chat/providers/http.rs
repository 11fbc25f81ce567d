//! What all providers behind HTTP share: reading an event stream, and saying what went wrong without saying secrets.

use std::collections::VecDeque;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use reqwest::header::{ACCEPT, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};

use super::{ProviderError, ProviderEvent, TokenStream};
use crate::chat::Usage;
use crate::chat::sse::SseParser;

/// What is known of an answer while it comes.
#[derive(Default)]
pub(super) struct Progress {
    /// A finish reason has come: only that tells a whole answer from a cut one.
    pub finished: bool,
    pub usage: Option<Usage>,
}

impl Progress {
    /// The stream has ended: was that the whole answer?
    pub(super) fn end(&self) -> Event {
        if self.finished {
            Ok(ProviderEvent::Done { usage: self.usage })
        } else {
            Err(ProviderError::Malformed("the stream was cut".into()))
        }
    }
}

/// What an event of the stream means.
pub(super) type Event = Result<ProviderEvent, ProviderError>;

/// Understands the data of one event; often it means nothing.
pub(super) type ReadEvent = fn(data: &str, progress: &mut Progress) -> Vec<Event>;

/// Asks for an event stream. `refused` says what an answer means that is no success.
pub(super) async fn ask(
    call: RequestBuilder,
    read: ReadEvent,
    refused: fn(&Refusal) -> ProviderError,
) -> Result<TokenStream, ProviderError> {
    let response = call.header(ACCEPT, "text/event-stream").send().await.map_err(|error| unreachable_error(&error))?;
    if response.status().is_success() {
        Ok(read_answer(response, read))
    } else {
        Err(refused(&Refusal::read(response).await))
    }
}

/// Turns the body of an event stream into tokens.
fn read_answer(response: Response, read: ReadEvent) -> TokenStream {
    struct Reading {
        bytes: BoxStream<'static, Result<Vec<u8>, ProviderError>>,
        parser: SseParser,
        ready: VecDeque<Event>,
        progress: Progress,
        over: bool,
    }
    let bytes = response.bytes_stream().map(|chunk| chunk.map(Into::into).map_err(|error| cut_error(&error))).boxed();
    let progress = Progress::default();
    let reading = Reading { bytes, parser: SseParser::new(), ready: VecDeque::new(), progress, over: false };
    stream::unfold(reading, move |mut reading| async move {
        loop {
            if let Some(event) = reading.ready.pop_front() {
                if !matches!(event, Ok(ProviderEvent::Token(_) | ProviderEvent::Usage(_))) {
                    reading.over = true;
                    reading.ready.clear();
                }
                return Some((event, reading));
            }
            if reading.over {
                return None;
            }
            match reading.bytes.next().await {
                Some(Ok(chunk)) => match reading.parser.push(&chunk) {
                    Ok(events) => {
                        for event in events.iter().filter(|event| !event.data.is_empty()) {
                            let before = reading.progress.usage;
                            let read = read(&event.data, &mut reading.progress);
                            let said = reading.progress.usage.filter(|said| before != Some(*said));
                            reading.ready.extend(said.map(|usage| Ok(ProviderEvent::Usage(usage))));
                            reading.ready.extend(read);
                        }
                    }
                    Err(_) => reading.ready.push_back(Err(ProviderError::Malformed("an event is too large".into()))),
                },
                Some(Err(error)) => reading.ready.push_back(Err(error)),
                // Not every server says [DONE].
                None => reading.ready.push_back(reading.progress.end()),
            }
        }
    })
    .boxed()
}

/// An answer that is no success.
pub(super) struct Refusal {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

impl Refusal {
    async fn read(response: Response) -> Self {
        /// More of an error body is not worth reading.
        const MOST: usize = 16 * 1024;
        let status = response.status();
        let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            body.extend_from_slice(&chunk);
            if body.len() > MOST {
                break;
            }
        }
        Self { status, retry_after: seconds.map(Duration::from_secs), body }
    }
}

/// The start of a text from outside, on one line.
pub(super) fn brief(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

fn unreachable_error(error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() { ProviderError::Timeout } else { ProviderError::Unavailable(chain(error)) }
}

fn cut_error(error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() {
        ProviderError::Timeout
    } else {
        ProviderError::Malformed(format!("the stream was cut: {}", chain(error)))
    }
}

/// The innermost cause of an error, without its URL, which may carry a password.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    if text.is_empty() { "the request failed".to_owned() } else { text }
}
