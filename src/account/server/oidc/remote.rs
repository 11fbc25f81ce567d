//! Requests to identity providers: within time, within a size, and once more where that is worth it.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use tokio::time::sleep;
use url::Url;

use crate::platform::http::outgoing::{BodyError, brief, innermost_cause, read_body};
use crate::platform::http::retries::RetryBudget;

/// Somebody is waiting for a page.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Before the second attempt.
const PAUSE: Duration = Duration::from_millis(400);
/// Keys, metadata and tokens have a few kilobytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Why a provider did not do what it was asked. The texts are for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// The code is that of OAuth (`invalid_grant`), if there is one.
    #[error("answered {status} {code}")]
    Refused { status: u16, code: String },
    /// What it answers must not be believed, or cannot be read.
    #[error("{0}")]
    Wrong(String),
}

impl Failure {
    pub fn wrong(why: impl Into<String>) -> Self {
        Self::Wrong(why.into())
    }

    /// Whether the same request may be answered a moment later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::Wrong(_) => false,
        }
    }
}

/// How OAuth says no.
#[derive(Default, Deserialize)]
#[serde(default)]
struct OAuthError {
    error: String,
}

/// Speaks to one provider.
pub struct Remote {
    http: reqwest::Client,
    retries: RetryBudget,
}

impl Remote {
    /// # Errors
    /// Why there is no HTTP client.
    pub fn new() -> Result<Self, String> {
        // Secrets and codes go to the addresses that the metadata names only: never after a redirect.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| format!("the HTTP client: {error}"))?;
        Ok(Self { http, retries: RetryBudget::default() })
    }

    /// Reads what is at an address, perhaps in the name of somebody.
    pub async fn get(&self, url: &Url, token: Option<&str>) -> Result<Bytes, Failure> {
        let request = || {
            let request = self.http.get(url.clone());
            match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        };
        self.send(request, |(failure, _)| failure.may_pass()).await
    }

    /// Asks for something that needs no words and may be asked for twice, in the name of somebody.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn request(&self, url: &Url, token: &str) -> Result<Bytes, Failure> {
        let request = || {
            let request = self.http.post(url.clone()).header(CONTENT_TYPE, "application/json");
            request.bearer_auth(token).body("{}")
        };
        self.send(request, |(failure, _)| failure.may_pass()).await
    }

    /// Sends a form. A code counts once: it is only sent again if nothing can have arrived.
    pub async fn post(&self, url: &Url, form: &str, authorization: Option<(&str, &str)>) -> Result<Bytes, Failure> {
        let request = || {
            let request = self.http.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            let request = match authorization {
                Some((name, password)) => request.basic_auth(name, Some(password)),
                None => request,
            };
            request.body(form.to_owned())
        };
        self.send(request, |(_, was_not_connected)| *was_not_connected).await
    }

    /// Sends a request, and once more after a failure of which `may_pass` says that it is worth it, as long as not too many are.
    async fn send(
        &self,
        request: impl Fn() -> RequestBuilder + Send,
        may_pass: impl Fn(&(Failure, bool)) -> bool + Send,
    ) -> Result<Bytes, Failure> {
        self.retries.earn();
        match exchange(request()).await {
            Err(failed) if may_pass(&failed) && self.retries.spend() => {
                sleep(PAUSE).await;
                exchange(request()).await
            }
            answer => answer,
        }
        .map_err(|(failure, _)| failure)
    }
}

/// One attempt; with a failure, whether not even a connection was made.
async fn exchange(request: RequestBuilder) -> Result<Bytes, (Failure, bool)> {
    let unreachable = |error: &reqwest::Error| {
        let why = if error.is_timeout() { "no answer in time".to_owned() } else { innermost_cause(error) };
        (Failure::Unreachable(why), error.is_connect())
    };
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    let body = read_body(response, MAX_ANSWER).await.map_err(|error| match error {
        BodyError::TooLarge { most } => (Failure::Wrong(format!("the answer has more than {most} bytes")), false),
        BodyError::Broken(error) => (unreachable(&error).0, false),
    })?;
    if status == StatusCode::OK {
        return Ok(body);
    }
    let code = serde_json::from_slice::<OAuthError>(&body).unwrap_or_default().error;
    Err((Failure::Refused { status: status.as_u16(), code: brief(&code) }, false))
}
