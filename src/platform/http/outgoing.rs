//! Asking other servers: reading what they answer, up to a limit, and why they do not.

use bytes::{Bytes, BytesMut};
use reqwest::Response;

use crate::platform::redact::redacted;

/// Why a body was not read to its end.
#[derive(Debug)]
pub enum BodyError {
    TooLarge {
        most: usize,
    },
    /// The connection broke, or it took too long.
    Broken(reqwest::Error),
}

/// The whole body, if it is no larger than `most` bytes. What it says of its length is only the first to be checked.
pub async fn read_body(mut response: Response, most: usize) -> Result<Bytes, BodyError> {
    let said = response.content_length().and_then(|length| usize::try_from(length).ok());
    if said.is_some_and(|said| said > most) {
        return Err(BodyError::TooLarge { most });
    }
    let mut body = BytesMut::with_capacity(said.unwrap_or_default());
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + chunk.len() > most {
            return Err(BodyError::TooLarge { most });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
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

/// The start of a text from outside, on one line. A secret is taken out before the text is cut: half of one is one too.
#[must_use]
pub fn brief(text: &str) -> String {
    redacted(text).chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
