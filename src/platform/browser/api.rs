//! Requests to the HTTP API of this site, and the one way in which each can fail. What a feature asks for is in its own
//! `client.rs`; streams of events are in `subscription.rs`.

use std::time::Duration;

use gloo_net::http::{Request, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use web_sys::AbortSignal;

use super::json::{read_data, read_json};
use super::time::sleep;
use crate::i18n::{Text, fill, t};

/// How often a request is sent before the user is asked what to do.
const MOST_TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// Why the server did not do what it was asked. The default: there was no answer, or none that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// [`crate::platform::error::AppError::code`]; empty when none was told.
    pub code: String,
    /// For people; empty when there was no answer: what that means, the feature says ([`Failure::or_text`]).
    pub text: String,
    /// Seconds until the same may be tried again, if the server says so.
    pub retry_after: Option<u32>,
}

impl Failure {
    /// One that the browser finds out by itself.
    #[must_use]
    pub fn of_text(text: Text) -> Self {
        Self { text: t(text).to_owned(), ..Self::default() }
    }

    /// The same, with these words where there was no answer.
    #[must_use]
    pub fn or_text(mut self, unanswered: Text) -> Self {
        if self.text.is_empty() {
            t(unanswered).clone_into(&mut self.text);
        }
        self
    }

    /// Whether the same request can succeed a moment later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.status, 0 | 429 | 502..=504)
    }

    /// The session has ended: only signing in helps.
    #[must_use]
    pub fn is_signed_out(&self) -> bool {
        self.status == 401
    }

    fn read(status: u16, retry_after: Option<u32>, body: &str) -> Self {
        #[derive(Deserialize)]
        struct Body {
            code: String,
            error: String,
        }
        if let Some(Body { code, error }) = read_json(body) {
            return Self { status, code, text: error, retry_after };
        }
        // A proxy in between answers with a page of its own.
        let text = fill(Text::AnsweredWithStatus, &[("status", &status.to_string())]);
        Self { status, text, ..Self::default() }
    }
}

/// A request that has not been sent yet.
#[must_use]
pub struct ApiRequest {
    builder: RequestBuilder,
    body: Option<String>,
}

/// A request that reads what is at a path.
pub fn get(path: &str) -> ApiRequest {
    ApiRequest { builder: Request::get(path), body: None }
}

/// A request that begins something.
pub fn post(path: &str) -> ApiRequest {
    ApiRequest { builder: Request::post(path), body: None }
}

/// A request that changes what is at a path.
pub fn patch(path: &str) -> ApiRequest {
    ApiRequest { builder: Request::patch(path), body: None }
}

/// A request that deletes what is at a path.
pub fn delete(path: &str) -> ApiRequest {
    ApiRequest { builder: Request::delete(path), body: None }
}

impl ApiRequest {
    /// With a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self { builder: self.builder.header(name, value), ..self }
    }

    /// With an idempotency key, so that it may be sent again: whatever it begins, it begins once.
    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// With this as its body. A struct of texts and numbers, which can always be written.
    pub fn json<T: Serialize>(self, body: &T) -> Self {
        self.body(serde_json::to_string(body).unwrap_or_default())
    }

    /// With a body that is JSON already.
    pub fn body(self, json: String) -> Self {
        Self { body: Some(json), ..self.header("Content-Type", "application/json") }
    }

    /// Given up as soon as the signal says so.
    pub(super) fn until(self, signal: &AbortSignal) -> Self {
        Self { builder: self.builder.abort_signal(Some(signal)), ..self }
    }

    /// What the server answers, once its head is there.
    pub(super) async fn respond(self) -> Result<Response, Failure> {
        let request = match self.body {
            Some(body) => self.builder.body(body),
            None => self.builder.build(),
        };
        let response = request.map_err(|_| Failure::default())?.send().await.map_err(|_| Failure::default())?;
        if response.ok() {
            return Ok(response);
        }
        let retry_after = response.headers().get("retry-after").and_then(|seconds| seconds.parse().ok());
        let body = response.text().await.map_err(|_| Failure::default())?;
        Err(Failure::read(response.status(), retry_after, &body))
    }

    /// Sends it.
    ///
    /// # Errors
    /// What the server said, or that there was no answer.
    pub async fn send(self) -> Result<Answer, Failure> {
        let text = self.respond().await?.text().await;
        text.map(Answer).map_err(|_| Failure::default())
    }

    /// Sends it; the data of the answer, and its `ETag`. One that has not changed is a failure with the status 304.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_for_tag<T: DeserializeOwned>(self) -> Result<(T, String), Failure> {
        let response = self.respond().await?;
        let tag = response.headers().get("etag").unwrap_or_default();
        let text = response.text().await.map_err(|_| Failure::default())?;
        Ok((Answer(text).data()?, tag))
    }
}

/// The body of a successful answer.
#[derive(Debug)]
pub struct Answer(String);

impl Answer {
    /// Its data.
    ///
    /// # Errors
    /// It is not of that shape.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        read_data(&self.0).ok_or_else(Failure::default)
    }
}

/// The tries of a request that has an idempotency key and got no answer: it may have arrived after all.
#[derive(Debug, Default)]
pub struct Tries(u32);

impl Tries {
    /// Waits until it is time for another one; `false` if there were enough.
    pub async fn again(&mut self) -> bool {
        self.0 += 1;
        if self.0 == MOST_TRIES {
            return false;
        }
        sleep(PAUSE * self.0).await;
        true
    }
}

/// A key that no other request of this user has: time and chance. `crypto.randomUUID` is missing where a site is not
/// served over https.
#[must_use]
pub fn new_idempotency_key() -> String {
    let chance = || format!("{:08x}", (js_sys::Math::random() * f64::from(u32::MAX)).to_bits());
    format!("{:x}-{}{}", js_sys::Date::now().to_bits(), chance(), chance())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_the_words_of_the_server() {
        let body = r#"{"success":false,"error":"Not now.","code":"rate_limited","requestId":"1"}"#;
        let failure = Failure::read(429, Some(7), body).or_text(Text::Unreachable);
        assert_eq!((failure.status, &*failure.code, &*failure.text), (429, "rate_limited", "Not now."));
        assert_eq!(failure.retry_after, Some(7));
        assert!(failure.may_pass());
    }

    #[test]
    fn a_page_of_a_proxy_is_told_by_its_status() {
        let failure = Failure::read(413, None, "<html>Too large</html>").or_text(Text::Unreachable);
        assert_eq!(failure.text, "The server responded with status 413.");
        assert!(failure.code.is_empty());
        assert!(!failure.may_pass());
    }

    #[test]
    fn without_an_answer_the_feature_says_what_that_means() {
        let failure = Failure::default();
        assert!(failure.may_pass());
        assert_eq!(failure.or_text(Text::Unreachable).text, t(Text::Unreachable));
    }
}
