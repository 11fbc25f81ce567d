//! What all chat providers behind HTTP share: asking for an event stream and reading it.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use reqwest::header::{ACCEPT, HeaderMap};
use reqwest::{RequestBuilder, Response};
use tokio::time::{Instant, timeout_at};

use super::decoder::{Decoder, ReadPiece};
use super::{ProviderError, TokenStream};
use crate::generation::{Refusal, innermost_cause, unreachable_error};

/// After its finish reason an answer is whole, though the server may neither say so nor close: so long what may still come, the
/// usage, is waited for.
const AFTER_FINISH: Duration = Duration::from_millis(1200);
/// As long, where a server has said more after a finish reason.
const AFTER_MORE: Duration = Duration::from_secs(2);

/// A client for a provider, which sends these headers with every request. Only the connection has a timeout of its own: the job watches
/// over the rest.
pub fn build_client(headers: HeaderMap) -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .default_headers(headers)
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .build()
        .map_err(|error| format!("the HTTP client: {error}"))
}

/// Asks for an event stream. What is no success comes back as a refusal.
pub(super) async fn ask(call: RequestBuilder) -> Result<Result<Response, Refusal>, ProviderError> {
    let response = call.header(ACCEPT, "text/event-stream").send().await.map_err(|error| unreachable_error(&error))?;
    if response.status().is_success() { Ok(Ok(response)) } else { Ok(Err(Refusal::read(response).await)) }
}

struct Reading {
    bytes: BoxStream<'static, Result<bytes::Bytes, reqwest::Error>>,
    decoder: Decoder,
    /// What the decoder said of the end when `until` was set.
    endings: u32,
    until: Instant,
}

/// Turns the body of an answer into tokens.
pub(super) fn read_answer(response: Response, read: ReadPiece) -> TokenStream {
    let bytes = response.bytes_stream().boxed();
    // In a box: it goes from hand to hand with every event.
    let reading = Box::new(Reading { bytes, decoder: Decoder::new(read), endings: 0, until: Instant::now() });
    stream::unfold(reading, |mut reading| async move {
        loop {
            if let Some(event) = reading.decoder.next() {
                return Some((event, reading));
            }
            if reading.decoder.is_over() {
                return None;
            }
            reading.advance().await;
        }
    })
    .boxed()
}

impl Reading {
    /// Takes what comes next.
    async fn advance(&mut self) {
        let next = if self.decoder.endings() == 0 {
            self.bytes.next().await
        } else {
            if self.decoder.endings() != self.endings {
                self.endings = self.decoder.endings();
                self.until = Instant::now() + if self.decoder.goes_on() { AFTER_MORE } else { AFTER_FINISH };
            }
            timeout_at(self.until, self.bytes.next()).await.unwrap_or(None)
        };
        match next {
            Some(Ok(chunk)) => self.decoder.push(&chunk),
            Some(Err(error)) => self.decoder.fail(cut_error(&error)),
            // Not every server says [DONE].
            None => self.decoder.end(),
        }
    }
}

fn cut_error(error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() {
        ProviderError::Timeout
    } else {
        ProviderError::Malformed(format!("the stream was cut: {}", innermost_cause(error)))
    }
}
