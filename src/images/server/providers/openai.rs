//! Any server that speaks `OpenAI`'s images: `POST {base}/images/generations`.
//!
//! Shapes: <https://platform.openai.com/docs/api-reference/images/create>.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Downloader, ImageOrder, ImageProvider, ImageProviderRow, MAX_BYTES, SetUpError, Source, Step};
use crate::generation::{Provider, ProviderConfig, ProviderError, Refusal, brief, unreachable_error};
use crate::images::AspectRatio;
use crate::images::server::body::read_body;
use crate::platform::config::Reader;

/// An OpenAI-compatible image server.
pub const OPENAI: ImageProviderRow = ImageProviderRow {
    name: "openai",
    needs: "OPENAI_IMAGE_MODEL, and OPENAI_API_KEY or OPENAI_BASE_URL",
    read: |reader, _| Some(Arc::new(OpenAiImageConfig::read(reader)?)),
};

/// An OpenAI-compatible image server. There when `OPENAI_IMAGE_MODEL` is set.
#[derive(Debug, Clone)]
pub struct OpenAiImageConfig {
    /// `OPENAI_API_KEY` (none: compatible servers often need no key).
    pub api_key: Option<SecretString>,
    /// `OPENAI_IMAGE_MODEL`.
    pub model: String,
    /// `OPENAI_BASE_URL` (<https://api.openai.com/v1>).
    pub base_url: Url,
}

impl OpenAiImageConfig {
    fn read(reader: &mut Reader) -> Option<Self> {
        let model = reader.text("OPENAI_IMAGE_MODEL")?.to_owned();
        let api_key = reader.text("OPENAI_API_KEY").map(SecretString::from);
        if api_key.is_none() && reader.text("OPENAI_BASE_URL").is_none() {
            reader.problem("OPENAI_API_KEY", "or OPENAI_BASE_URL is needed when OPENAI_IMAGE_MODEL is set");
        }
        // What is wrong with it was said where chat reads it.
        let base_url = reader.quiet_url("OPENAI_BASE_URL", "https://api.openai.com/v1");
        Some(Self { api_key, model, base_url })
    }
}

impl ProviderConfig<dyn ImageProvider> for OpenAiImageConfig {
    fn build(&self) -> Result<Arc<dyn ImageProvider>, String> {
        let provider =
            OpenAiImageProvider::new(self.clone()).map_err(|error| format!("OPENAI_IMAGE_MODEL: {error}"))?;
        Ok(Arc::new(provider))
    }
}

/// Base64 makes four bytes of three; then there is what is around it.
const MAX_ANSWER: usize = MAX_BYTES.div_ceil(3) * 4 + 64 * 1024;
/// These models take minutes.
const LONGEST: Duration = Duration::from_mins(5);

/// A client of one OpenAI-compatible server. It answers once the picture is there, so there is nothing to ask after.
pub struct OpenAiImageProvider {
    config: OpenAiImageConfig,
    url: String,
    http: reqwest::Client,
    downloader: Downloader,
}

impl OpenAiImageProvider {
    pub fn new(config: OpenAiImageConfig) -> Result<Self, SetUpError> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build();
        let http = http.map_err(|error| SetUpError(format!("the HTTP client: {error}")))?;
        let url = format!("{}/images/generations", config.base_url.as_str().trim_end_matches('/'));
        // Servers of one's own may answer with an address of their own; no server with any other.
        let downloader = Downloader::new(&[], Some(&config.base_url))?;
        Ok(Self { config, url, http, downloader })
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: &'a str,
    n: u8,
    size: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'static str>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Vec<Image>,
}

#[derive(Deserialize)]
struct Image {
    b64_json: Option<String>,
    url: Option<String>,
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error: ErrorPart,
}

#[derive(Default, Deserialize)]
struct ErrorPart {
    #[serde(default)]
    message: Option<String>,
    /// A text at `OpenAI`; others have numbers.
    #[serde(default)]
    code: Option<serde_json::Value>,
}

impl Provider for OpenAiImageProvider {
    fn name(&self) -> &'static str {
        OPENAI.name
    }

    fn model(&self) -> String {
        self.config.model.clone()
    }
}

#[async_trait]
impl ImageProvider for OpenAiImageProvider {
    /// The seed has no place in these requests.
    async fn start(&self, order: &ImageOrder) -> Result<Step, ProviderError> {
        // These always answer with Base64 and know no `response_format`; others answer with an address unless told.
        let is_gpt = ["gpt-image", "chatgpt-image"].iter().any(|prefix| self.config.model.starts_with(prefix));
        let body = Body {
            model: &self.config.model,
            prompt: &order.prompt,
            n: 1,
            size: nearest_size(order.aspect_ratio),
            output_format: is_gpt.then_some("png"),
            response_format: (!is_gpt).then_some("b64_json"),
        };
        let mut call = self.http.post(&self.url).timeout(order.time_left.min(LONGEST)).json(&body);
        if let Some(key) = &self.config.api_key {
            call = call.bearer_auth(key.expose_secret());
        }
        let response = call.send().await.map_err(|error| unreachable_error(&error))?;
        if !response.status().is_success() {
            return Err(refused(&Refusal::read(response).await));
        }
        let source = read_answer(&read_body(response, MAX_ANSWER).await?)?;
        Ok(Step::Made { remote_id: None, source })
    }

    async fn fetch(&self, source: Source) -> Result<Bytes, ProviderError> {
        match source {
            Source::Bytes(bytes) => Ok(bytes),
            Source::Url(url) => self.downloader.get(&url).await,
        }
    }
}

/// Of the three sizes, the one whose shape is nearest.
fn nearest_size(ratio: AspectRatio) -> &'static str {
    let (width, height) = ratio.size();
    // The borders are the geometric means of 1 and 1.5: √1.5 is 1.2247.
    if width * 10_000 > height * 12_247 {
        "1536x1024"
    } else if height * 10_000 > width * 12_247 {
        "1024x1536"
    } else {
        "1024x1024"
    }
}

fn read_answer(body: &[u8]) -> Result<Source, ProviderError> {
    let malformed = |what: &str| ProviderError::Malformed(what.to_owned());
    let answer: Answer = serde_json::from_slice(body).map_err(|error| malformed(&brief(&error.to_string())))?;
    let image = answer.data.into_iter().next().ok_or_else(|| malformed("an answer without a picture"))?;
    if let Some(text) = image.b64_json.filter(|text| !text.is_empty()) {
        // Some servers answer with a data URL.
        let text = text.split_once(";base64,").map_or(&*text, |(_, text)| text);
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| malformed("the picture is not Base64"))?;
        if bytes.len() > MAX_BYTES {
            return Err(malformed("the picture is too large"));
        }
        return Ok(Source::Bytes(bytes.into()));
    }
    let url = image.url.and_then(|url| Url::parse(&url).ok()).ok_or_else(|| malformed("a picture without bytes"))?;
    Ok(Source::Url(url))
}

fn refused(Refusal { status, retry_after, body }: &Refusal) -> ProviderError {
    let error = serde_json::from_slice::<ErrorBody>(body).unwrap_or_default().error;
    let code = error.code.as_ref().and_then(|code| code.as_str()).unwrap_or_default();
    // Never a key: `OpenAI` itself cuts keys in its messages.
    let text = brief(&format!("{status} {code} {}", error.message.unwrap_or_default()));
    let is_the_operators = status.is_server_error()
        || ["insufficient_quota", "billing_hard_limit_reached"].contains(&code)
        || matches!(status.as_u16(), 401..=404);
    match code {
        "moderation_blocked" | "content_policy_violation" => ProviderError::Blocked(text),
        _ if is_the_operators => ProviderError::Unavailable(text),
        _ if *status == StatusCode::TOO_MANY_REQUESTS => ProviderError::RateLimited { retry_after: *retry_after },
        _ => ProviderError::Rejected(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ratio_has_the_size_of_the_nearest_shape() {
        let sizes = AspectRatio::ALL.map(|ratio| (ratio.as_str(), nearest_size(ratio)));
        let wide = ["21:9", "16:9", "3:2", "4:3"];
        for (ratio, size) in sizes {
            let turned: String = ratio.split(':').rev().collect::<Vec<_>>().join(":");
            let wanted = match ratio {
                _ if wide.contains(&ratio) => "1536x1024",
                _ if wide.contains(&&*turned) => "1024x1536",
                _ => "1024x1024",
            };
            assert_eq!(size, wanted, "{ratio}");
        }
    }

    #[test]
    fn answers_have_bytes_or_an_address() {
        let bytes = Source::Bytes(Bytes::from_static(b"abc"));
        assert_eq!(read_answer(br#"{"created":1,"data":[{"b64_json":"YWJj"}]}"#).unwrap(), bytes);
        assert_eq!(read_answer(br#"{"data":[{"b64_json":"data:image/png;base64,YWJj","url":null}]}"#).unwrap(), bytes);
        let url = read_answer(br#"{"data":[{"b64_json":"","url":"http://localhost:8080/a.png"}]}"#).unwrap();
        assert_eq!(url, Source::Url(Url::parse("http://localhost:8080/a.png").unwrap()));
        for body in [
            &b""[..],
            b"[]",
            b"{}",
            br#"{"data":[]}"#,
            br#"{"data":[{}]}"#,
            br#"{"data":[{"b64_json":"%"}]}"#,
            br#"{"data":[{"url":"a.png"}]}"#,
        ] {
            assert!(matches!(read_answer(body), Err(ProviderError::Malformed(_))));
        }
        let large = format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, "AAAA".repeat(MAX_BYTES / 3 + 1));
        assert_eq!(read_answer(large.as_bytes()), Err(ProviderError::Malformed("the picture is too large".into())));
    }
}
