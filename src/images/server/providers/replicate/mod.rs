//! Models at Replicate: a prediction is created, and asked after by its id.
//! <https://replicate.com/docs/reference/http>

mod config;
mod model;
mod prediction;
mod refusal;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
pub use config::{REPLICATE, ReplicateConfig, WebhookConfig};
use model::Model;
use prediction::{Prediction, is_id, read_prediction};
use refusal::{Asked, refused};
use reqwest::header::HeaderName;
use reqwest::{RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;
use url::Url;
pub use webhook::{NoPrediction, Report, read_report};

use super::{Downloader, ImageOrder, ImageProvider, MAX_BYTES, SetUpError, Source, Step};
use crate::generation::{Provider, ProviderError, Refusal, read_body, unreachable_error};

/// `https://api.replicate.com/v1`: where [`ReplicateConfig::base_url`] points unless a test or a proxy stands in.
pub const BASE_URL: &str = "https://api.replicate.com/v1";
/// Files are at `replicate.delivery` and below.
const DELIVERY: &[&str] = &["replicate.delivery"];
/// For one request.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The shortest and the longest time after which it gives up, in seconds: models run for half an hour at most.
const CANCEL_AFTER: std::ops::RangeInclusive<u64> = 5..=30 * 60;
/// A prediction repeats its input and has logs, but no files.
const MAX_ANSWER: usize = 1024 * 1024;

const CANCEL_AFTER_HEADER: HeaderName = HeaderName::from_static("cancel-after");

/// A client of one model at Replicate.
pub struct ReplicateProvider {
    config: ReplicateConfig,
    model: Model,
    http: reqwest::Client,
    downloader: Downloader,
}

impl ReplicateProvider {
    pub fn new(config: ReplicateConfig) -> Result<Self, SetUpError> {
        let model = Model::parse(&config.model)
            .ok_or_else(|| SetUpError("a model at Replicate is owner/name or owner/name:version".to_owned()))?;
        // The token goes to the base URL only: never after a redirect, and not to where files are.
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build();
        let http = http.map_err(|error| SetUpError(format!("the HTTP client: {error}")))?;
        let is_official = config.base_url.as_str().trim_end_matches('/') == BASE_URL;
        let downloader = Downloader::new(DELIVERY, (!is_official).then_some(&config.base_url))?;
        Ok(Self { config, model, http, downloader })
    }

    /// An address below the base URL, whose path may end in a slash or not.
    fn address(&self, steps: &[&str]) -> Result<Url, ProviderError> {
        let mut url = self.config.base_url.clone();
        let wrong = || ProviderError::Unavailable("the base URL cannot have a path".to_owned());
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(steps);
        Ok(url)
    }

    async fn ask(&self, call: RequestBuilder, asked: Asked) -> Result<Prediction, ProviderError> {
        let call = call.bearer_auth(self.config.token.expose_secret());
        let response = call.send().await.map_err(|error| unreachable_error(&error))?;
        if !response.status().is_success() {
            return Err(refused(asked, &Refusal::read(response).await));
        }
        Prediction::parse(&read_body(response, MAX_ANSWER).await?)
    }

    /// Where this order is reported to.
    fn webhook_for(&self, order: &ImageOrder) -> Option<Url> {
        let mut url = self.config.webhook.as_ref()?.url.clone();
        // It takes nothing else.
        if url.scheme() != "https" {
            return None;
        }
        url.query_pairs_mut().append_pair("job", &order.id.to_string());
        Some(url)
    }
}

impl Provider for ReplicateProvider {
    fn name(&self) -> &'static str {
        REPLICATE.name
    }

    fn model(&self) -> String {
        self.config.model.clone()
    }
}

#[async_trait]
impl ImageProvider for ReplicateProvider {
    /// There is no key that would make two of these one. Where the answer is lost, the deadline bounds what it costs,
    /// and the report, which knows the job, may still bring the picture.
    async fn start(&self, order: &ImageOrder) -> Result<Step, ProviderError> {
        let mut body = json!({ "input": self.model.input(order) });
        if let Some(version) = self.model.version() {
            body["version"] = version.into();
        }
        if let Some(webhook) = self.webhook_for(order) {
            body["webhook"] = webhook.as_str().into();
            body["webhook_events_filter"] = json!(["start", "completed"]);
        }
        let seconds_left = order.time_left.as_secs();
        let cancel_after = seconds_left.clamp(*CANCEL_AFTER.start(), *CANCEL_AFTER.end());
        // It is not asked to wait for the picture: until its id is here, a server that dies pays for what nobody finds again.
        let call = self
            .http
            .post(self.address(&self.model.steps())?)
            .header(CANCEL_AFTER_HEADER, format!("{cancel_after}s"))
            .json(&body);
        read_prediction(&self.ask(call, Asked::ToStart).await?.trust_output())
    }

    async fn look(&self, remote_id: &str) -> Result<Step, ProviderError> {
        check_id(remote_id)?;
        let call = self.http.get(self.address(&["predictions", remote_id])?);
        let prediction = self.ask(call, Asked::ById).await?;
        if prediction.id != remote_id {
            return Err(ProviderError::Malformed("another prediction than the one asked for".to_owned()));
        }
        read_prediction(&prediction)
    }

    async fn cancel(&self, remote_id: &str) -> Result<(), ProviderError> {
        check_id(remote_id)?;
        let call = self.http.post(self.address(&["predictions", remote_id, "cancel"])?);
        let call = call.bearer_auth(self.config.token.expose_secret());
        let response = call.send().await.map_err(|error| unreachable_error(&error))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            // It is gone, so it does not run.
            StatusCode::NOT_FOUND => Ok(()),
            _ => Err(refused(Asked::ById, &Refusal::read(response).await)),
        }
    }

    async fn fetch(&self, source: Source) -> Result<Bytes, ProviderError> {
        match source {
            Source::Url(url) => self.downloader.get(&url).await,
            Source::Bytes(bytes) if bytes.len() <= MAX_BYTES => Ok(bytes),
            Source::Bytes(_) => Err(ProviderError::Malformed("the picture is too large".to_owned())),
        }
    }
}

fn check_id(remote_id: &str) -> Result<(), ProviderError> {
    if is_id(remote_id) { Ok(()) } else { Err(ProviderError::Malformed("no id of a prediction".to_owned())) }
}
