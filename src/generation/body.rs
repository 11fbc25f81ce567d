//! Reading what a server answers, up to a limit.

use bytes::{Bytes, BytesMut};
use reqwest::Response;

use super::error::{ProviderError, unreachable_error};

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

impl From<BodyError> for ProviderError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { most } => Self::Malformed(format!("the answer has more than {most} bytes")),
            BodyError::Broken(error) => unreachable_error(&error),
        }
    }
}
