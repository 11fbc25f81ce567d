//! What all providers behind HTTP share: reading an event stream, and saying what went wrong without saying secrets.

use std::collections::VecDeque;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

use super::{ProviderError, ProviderEvent, TokenStream};
use crate::chat::sse::SseParser;

/// Understands the events of one provider.
pub(super) trait AnswerReader: Send + 'static {
    /// What an event means; often nothing.
    fn read(&mut self, data: &str) -> Vec<Result<ProviderEvent, ProviderError>>;

    /// The body has ended: was that the whole answer?
    fn end(&mut self) -> Result<ProviderEvent, ProviderError>;
}

/// Turns the body of an event stream into tokens.
pub(super) fn read_answer(response: reqwest::Response, reader: impl AnswerReader) -> TokenStream {
    struct Reading<R> {
        bytes: BoxStream<'static, Result<Vec<u8>, ProviderError>>,
        parser: SseParser,
        ready: VecDeque<Result<ProviderEvent, ProviderError>>,
        reader: R,
        over: bool,
    }
    let bytes = response.bytes_stream().map(|chunk| chunk.map(Into::into).map_err(|error| cut_error(&error))).boxed();
    let reading = Reading { bytes, parser: SseParser::new(), ready: VecDeque::new(), reader, over: false };
    stream::unfold(reading, |mut reading| async move {
        loop {
            if let Some(event) = reading.ready.pop_front() {
                if !matches!(event, Ok(ProviderEvent::Token(_))) {
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
                        for event in events {
                            reading.ready.extend(reading.reader.read(&event.data));
                        }
                    }
                    Err(_) => reading.ready.push_back(Err(ProviderError::Malformed("an event is too large".into()))),
                },
                Some(Err(error)) => reading.ready.push_back(Err(error)),
                None => {
                    let end = reading.reader.end();
                    reading.ready.push_back(end);
                }
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
    pub(super) async fn read(response: reqwest::Response) -> Self {
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

pub(super) fn unreachable_error(error: &reqwest::Error) -> ProviderError {
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
