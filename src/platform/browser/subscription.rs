//! Events of something that goes on at the server, over as many connections as it takes. The browser's `EventSource`
//! would do for those that begin with a `GET`; a message is a `POST`, and one mechanism is enough for both.

use std::time::Duration;

use gloo_net::http::Response;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader};

use super::api::{ApiRequest, Failure, get};
use super::time::sleep;
use crate::platform::sse::{SseEvent, SseParser};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a subscription has to say next.
pub enum Heard {
    /// The events that came, perhaps none: a sign of life.
    Events(Vec<SseEvent>),
    /// The connection is lost. The next call waits a little and makes another one.
    Dropped,
    /// There is nothing more to come.
    Over,
    /// The server refused, and would again.
    Refused(Failure),
}

/// Dropping it closes the connection; what it tells of goes on.
pub struct Subscription {
    path: String,
    /// What the server sent last, to go on from there.
    last_id: Option<String>,
    connection: Option<Connection>,
    abort: AbortController,
    /// Before the next connection.
    pause: Duration,
}

struct Connection {
    reader: ReadableStreamDefaultReader,
    parser: SseParser,
}

impl Subscription {
    /// To the events at a path of the API, from the first on. The first call of [`Self::next`] connects.
    ///
    /// # Errors
    /// None, in a browser.
    pub fn new(path: String) -> Result<Self, Failure> {
        let abort = AbortController::new().map_err(|_| Failure::default())?;
        Ok(Self { path, last_id: None, connection: None, abort, pause: Duration::ZERO })
    }

    /// To the events that answer a request. Once they tell where they can be had again, [`Self::set_path`].
    ///
    /// # Errors
    /// What the server said, or that there was no answer.
    pub async fn of(request: ApiRequest) -> Result<Self, Failure> {
        let mut this = Self::new(String::new())?;
        this.pause = FIRST_PAUSE;
        if this.connect(request).await? { Ok(this) } else { Err(Failure::default()) }
    }

    /// Where it goes on when the connection is lost.
    pub fn set_path(&mut self, path: String) {
        self.path = path;
    }

    /// Ends it, from wherever it is waited for.
    #[must_use]
    pub fn handle(&self) -> AbortController {
        self.abort.clone()
    }

    /// Waits for what comes next.
    pub async fn next(&mut self) -> Heard {
        if self.connection.is_none() {
            if !self.pause.is_zero() {
                sleep(self.pause).await;
            }
            self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            let mut request = get(&self.path);
            if let Some(id) = &self.last_id {
                request = request.header("Last-Event-ID", id);
            }
            match self.connect(request).await {
                Ok(true) => {}
                Ok(false) => return Heard::Over,
                Err(failure) if failure.may_pass() => return Heard::Dropped,
                Err(failure) => return Heard::Refused(failure),
            }
        }
        let heard = match &mut self.connection {
            Some(connection) => connection.next().await,
            None => None,
        };
        let Some(events) = heard else {
            self.connection = None;
            return Heard::Dropped;
        };
        let last = events.last().and_then(|event| event.id.as_ref());
        if last.is_some() && last != self.last_id.as_ref() {
            self.last_id = last.cloned();
            self.pause = FIRST_PAUSE;
        }
        Heard::Events(events)
    }

    /// Whether there is anything to hear.
    async fn connect(&mut self, request: ApiRequest) -> Result<bool, Failure> {
        let request = request.header("Accept", "text/event-stream").until(&self.abort.signal());
        let response = request.respond().await?;
        if response.status() == 204 {
            return Ok(false);
        }
        self.connection = Some(Connection::of(&response)?);
        Ok(true)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

impl Connection {
    fn of(response: &Response) -> Result<Self, Failure> {
        let body = response.body().ok_or_else(Failure::default)?;
        Ok(Self { reader: body.get_reader().unchecked_into(), parser: SseParser::new() })
    }

    /// `None` when it is over, for whatever reason.
    async fn next(&mut self) -> Option<Vec<SseEvent>> {
        let result = JsFuture::from(self.reader.read()).await.ok()?;
        let value = js_sys::Reflect::get(&result, &JsValue::from_str("value")).ok()?;
        let bytes = value.dyn_into::<js_sys::Uint8Array>().ok()?.to_vec();
        self.parser.push(&bytes).ok()
    }
}
