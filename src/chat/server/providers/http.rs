//! What all chat providers behind HTTP share: asking for an event stream and reading it.

use std::collections::VecDeque;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use reqwest::header::ACCEPT;
use reqwest::{RequestBuilder, Response};

use super::{Finish, ProviderError, ProviderEvent, TokenStream};
use crate::chat::Usage;
use crate::generation::{Refusal, innermost_cause, unreachable_error};
use crate::platform::sse::SseParser;

/// A client for a provider. Only the connection has a timeout of its own: the job watches over the rest.
pub(super) fn build_client() -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .build()
        .map_err(|error| format!("the HTTP client: {error}"))
}

/// What is known of an answer while it comes.
#[derive(Default)]
pub(super) struct Progress {
    /// What the finish reason means, once it has come: only that tells an answer that ended from one that was broken off.
    pub finish: Option<Finish>,
    pub usage: Option<Usage>,
}

impl Progress {
    /// The stream has ended: was that the whole answer?
    pub(super) fn end(&self) -> Event {
        match self.finish {
            Some(finish) => Ok(ProviderEvent::Done { finish, usage: self.usage }),
            None => Err(ProviderError::Malformed("the stream was cut".into())),
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

fn cut_error(error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() {
        ProviderError::Timeout
    } else {
        ProviderError::Malformed(format!("the stream was cut: {}", innermost_cause(error)))
    }
}
