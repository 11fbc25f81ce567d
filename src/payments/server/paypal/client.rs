//! Requests to PayPal: with a token, within time, and once more where that is worth it.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use url::Url;

use super::super::provider::ProviderError;
use super::config::PayPalConfig;
use super::refusal::{Asked, refused};
use super::token::{Granted, Tokens};
use crate::generation::{BodyError, Refusal, RetryBudget, innermost_cause, read_body};

/// Before the second attempt.
const PAUSE: Duration = Duration::from_millis(400);
/// An order with all its payments has a few kilobytes.
const MAX_ANSWER: usize = 512 * 1024;
/// The longest key that PayPal takes.
const MAX_KEY: usize = 108;

const REQUEST_ID: HeaderName = HeaderName::from_static("paypal-request-id");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Speaks to PayPal in the name of the seller.
pub(super) struct Client {
    config: PayPalConfig,
    http: reqwest::Client,
    tokens: Tokens,
    retries: RetryBudget,
}

/// A request. It may be sent again: what changes something has a key, by which PayPal knows it again.
pub(super) struct Call<'a> {
    asked: Asked,
    method: Method,
    steps: &'a [&'a str],
    query: Vec<(&'static str, String)>,
    key: Option<String>,
    body: Option<Vec<u8>>,
}

impl<'a> Call<'a> {
    pub(super) const fn get(asked: Asked, steps: &'a [&'a str]) -> Self {
        Self { asked, method: Method::GET, steps, query: Vec::new(), key: None, body: None }
    }

    pub(super) fn post(asked: Asked, steps: &'a [&'a str], body: &impl Serialize) -> Result<Self, ProviderError> {
        let body =
            serde_json::to_vec(body).map_err(|error| ProviderError::Refused(format!("our own body: {error}")))?;
        Ok(Self { asked, method: Method::POST, steps, query: Vec::new(), key: None, body: Some(body) })
    }

    pub(super) fn with_query(self, query: Vec<(&'static str, String)>) -> Self {
        Self { query, ..self }
    }

    /// With a `PayPal-Request-Id`: the same for the same request, whoever repeats it.
    pub(super) fn with_key(self, key: String) -> Result<Self, ProviderError> {
        let is_key = key.len() <= MAX_KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key {
            Ok(Self { key: Some(key), ..self })
        } else {
            Err(ProviderError::Refused("a key that PayPal would not take".to_owned()))
        }
    }
}

/// Why there is no answer.
enum Failure {
    Refused(Refusal),
    Unreachable(String),
    Unreadable,
}

impl Failure {
    /// Whether the same request may be answered a moment later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status.is_server_error() || refusal.status == StatusCode::CONFLICT,
            Self::Unreachable(_) => true,
            Self::Unreadable => false,
        }
    }
}

impl Client {
    pub(super) fn new(config: PayPalConfig) -> Result<Self, String> {
        // Secret and token go to the base URL only: never after a redirect.
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| format!("PAYPAL_BASE_URL: the HTTP client: {error}"))?;
        Ok(Self { config, http, tokens: Tokens::default(), retries: RetryBudget::default() })
    }

    /// Gets a token, which shows that PayPal is there and knows us. Says where it is, or what is wrong.
    pub(super) async fn sign_in(&self) -> Result<String, String> {
        match self.tokens.get(self.grant()).await {
            Ok(_) => Ok(self.config.base_url.to_string()),
            Err(Failure::Refused(refusal)) if refusal.status == StatusCode::UNAUTHORIZED => {
                Err("PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET are not those of an app there".to_owned())
            }
            Err(Failure::Refused(refusal)) => Err(refusal.status.to_string()),
            Err(Failure::Unreachable(why)) => Err(why),
            Err(Failure::Unreadable) => Err("its answer cannot be read".to_owned()),
        }
    }

    /// Sends a request and reads what is answered.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, ProviderError> {
        let body = self.send(call).await?;
        serde_json::from_slice(&body).map_err(|error| {
            tracing::error!(asked = ?call.asked, %error, "an answer of PayPal cannot be read");
            ProviderError::Unreadable
        })
    }

    /// Sends a request whose answer says no more than that it was done.
    pub(super) async fn tell(&self, call: &Call<'_>) -> Result<(), ProviderError> {
        self.send(call).await.map(drop)
    }

    async fn send(&self, call: &Call<'_>) -> Result<Bytes, ProviderError> {
        self.retries.earn();
        let mut answer = self.attempt(call).await;
        if answer.as_ref().is_err_and(Failure::may_pass) && self.retries.spend() {
            sleep(PAUSE).await;
            answer = self.attempt(call).await;
        }
        answer.map_err(|failure| told(call.asked, failure))
    }

    /// With a new token where the old one is not taken, once.
    async fn attempt(&self, call: &Call<'_>) -> Result<Bytes, Failure> {
        let token = self.tokens.get(self.grant()).await?;
        match self.exchange(self.request(call, &token)).await {
            Err(Failure::Refused(refusal)) if refusal.status == StatusCode::UNAUTHORIZED => {
                self.tokens.forget(&token).await;
                let token = self.tokens.get(self.grant()).await?;
                self.exchange(self.request(call, &token)).await
            }
            answer => answer,
        }
    }

    fn request(&self, call: &Call<'_>, token: &SecretString) -> RequestBuilder {
        let mut address = self.address(call.steps);
        if !call.query.is_empty() {
            address.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self
            .http
            .request(call.method.clone(), address)
            .bearer_auth(token.expose_secret())
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &call.key {
            // All that the comparison with our own record takes, not only a status.
            request = request.header(REQUEST_ID, key).header(PREFER, "return=representation");
        }
        match &call.body {
            Some(body) => request.body(body.clone()),
            None => request,
        }
    }

    async fn grant(&self) -> Result<Granted, Failure> {
        let request = self
            .http
            .post(self.address(&["v1", "oauth2", "token"]))
            .basic_auth(&self.config.client_id, Some(self.config.client_secret.expose_secret()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let body = self.exchange(request).await?;
        serde_json::from_slice(&body).map_err(|_| Failure::Unreadable)
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Bytes, Failure> {
        let unreachable = |error: &reqwest::Error| {
            let why = if error.is_timeout() { "no answer in time".to_owned() } else { innermost_cause(error) };
            Failure::Unreachable(why)
        };
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        if !response.status().is_success() {
            return Err(Failure::Refused(Refusal::read(response).await));
        }
        read_body(response, MAX_ANSWER).await.map_err(|error| match error {
            BodyError::TooLarge { .. } => Failure::Unreadable,
            BodyError::Broken(error) => unreachable(&error),
        })
    }

    /// An address below the base URL, whose path may end in a slash or not.
    fn address(&self, steps: &[&str]) -> Url {
        let mut url = self.config.base_url.clone();
        // Only `http` and `https` are configured, and these have paths.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(steps);
        }
        url
    }
}

/// A failure as the caller knows it. The reason is said here, once.
fn told(asked: Asked, failure: Failure) -> ProviderError {
    match failure {
        Failure::Refused(refusal) => refused(asked, &refusal),
        Failure::Unreachable(why) => {
            tracing::warn!(?asked, why, "PayPal cannot be reached");
            ProviderError::Unavailable
        }
        Failure::Unreadable => {
            tracing::error!(?asked, "an answer of PayPal cannot be read");
            ProviderError::Unreadable
        }
    }
}
