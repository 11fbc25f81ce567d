//! What services behind HTTP say when they do not do what they are asked, without the secrets that may be in it.

use std::time::Duration;

use futures::StreamExt;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

use super::ProviderError;

/// An answer that is no success.
pub struct Refusal {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

impl Refusal {
    /// Reads as much of it as is worth reading.
    pub async fn read(response: Response) -> Self {
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
#[must_use]
pub fn brief(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// What it means that no answer came.
#[must_use]
pub fn unreachable_error(error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() { ProviderError::Timeout } else { ProviderError::Unavailable(innermost_cause(error)) }
}

/// The innermost cause of an error, without its URL, which may carry a password.
#[must_use]
pub fn innermost_cause(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    if text.is_empty() { "the request failed".to_owned() } else { text }
}
