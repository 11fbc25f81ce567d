//! Any server that speaks `OpenAI`'s images: `POST {base}/images/generations`.
//!
//! Shapes: <https://platform.openai.com/docs/api-reference/images/create>.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Downloader, ImageOrder, ImageProvider, ImageProviderRow, MAX_BYTES, SetUpError, Source, Step};
use crate::generation::{
    Fault, Learned, Provider, ProviderConfig, ProviderError, Refusal, Refused, brief, read_body, unreachable_error,
};
use crate::images::AspectRatio;
use crate::platform::base64::{Undecoded, decode_leniently};
use crate::platform::config::Reader;
use crate::platform::lenient::{self, All, Odd};

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

/// Base64 makes four bytes of three, and may be in lines; then there is what is around it.
const MAX_ANSWER: usize = MAX_BYTES.div_ceil(3) * 4 / 16 * 17 + 64 * 1024;
/// What can be left out where a server does not take it.
const OPTIONAL: &[&str] = &["response_format", "size", "n", "output_format"];
/// These models take minutes.
const LONGEST: Duration = Duration::from_mins(5);

/// A client of one OpenAI-compatible server. It answers once the picture is there, so there is nothing to ask after.
pub struct OpenAiImageProvider {
    config: OpenAiImageConfig,
    url: String,
    http: reqwest::Client,
    downloader: Downloader,
    /// What this server does not take.
    learned: Learned,
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
        Ok(Self { config, url, http, downloader, learned: Learned::new(OPTIONAL) })
    }
}

impl OpenAiImageProvider {
    fn body<'a>(&'a self, order: &'a ImageOrder, without: Refused) -> Body<'a> {
        // These always answer with Base64 and know no `response_format`; others answer with an address unless told.
        let is_gpt = ["gpt-image", "chatgpt-image"].iter().any(|prefix| self.config.model.starts_with(prefix));
        let [no_response_format, no_size, no_number, no_output_format] = [0, 1, 2, 3].map(|at| without.has(at));
        Body {
            model: &self.config.model,
            prompt: &order.prompt,
            n: (!no_number).then_some(1),
            size: (!no_size).then(|| nearest_size(order.aspect_ratio)),
            output_format: (is_gpt && !no_output_format).then_some("png"),
            response_format: (!is_gpt && !no_response_format).then_some("b64_json"),
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'static str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    data: Odd<All<Image>>,
    error: Odd<Fault>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Image {
    b64_json: Odd<String>,
    url: Odd<String>,
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
        let mut without = self.learned.refused();
        loop {
            let body = self.body(order, without);
            let mut call = self.http.post(&self.url).timeout(order.time_left.min(LONGEST)).json(&body);
            if let Some(key) = &self.config.api_key {
                call = call.bearer_auth(key.expose_secret());
            }
            let response = call.send().await.map_err(|error| unreachable_error(&error))?;
            if response.status().is_success() {
                self.learned.keep(without);
                let source = read_answer(&read_body(response, MAX_ANSWER).await?)?;
                return Ok(Step::Made { remote_id: None, source });
            }
            let refusal = Refusal::read(response).await;
            let error = refused(&refusal);
            let more = self.learned.more(without, &refusal.fault(), |_| true);
            match more.filter(|_| matches!(error, ProviderError::Rejected(_))) {
                Some(more) => {
                    tracing::warn!(provider = OPENAI.name, %error, "asked again without what was refused");
                    without = more;
                }
                None => return Err(error),
            }
        }
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
    let text = String::from_utf8_lossy(body);
    let Answer { data, error: Odd(fault) } =
        lenient::read(&text).map_err(|_| malformed(&format!("no answer: {}", brief(&text))))?;
    if fault.is_set() {
        return Err(malformed(&brief(&fault.text())));
    }
    let is_there = |image: &Image| !image.b64_json.0.is_empty() || !image.url.0.is_empty();
    let image = data.0.0.into_iter().find(is_there).ok_or_else(|| malformed("an answer without a picture"))?;
    let (Odd(base64), Odd(url)) = (image.b64_json, image.url);
    if !base64.is_empty() {
        return read_base64(&base64);
    }
    if url.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:")) {
        return read_base64(&url);
    }
    Url::parse(&url).map(Source::Url).map_err(|_| malformed("a picture without bytes"))
}

/// Base64 as servers write it: perhaps in a data URL, in lines, in the letters for addresses, without padding.
fn read_base64(text: &str) -> Result<Source, ProviderError> {
    let is_url = text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:"));
    let text = if is_url { text.split_once(',').map_or("", |(_, data)| data) } else { text };
    let bytes = decode_leniently(text.as_bytes(), MAX_BYTES).map_err(|why| {
        ProviderError::Malformed(match why {
            Undecoded::Malformed => "the picture is not Base64".to_owned(),
            Undecoded::TooLong => "the picture is too large".to_owned(),
        })
    })?;
    Ok(Source::Bytes(bytes.into()))
}

fn refused(refusal: &Refusal) -> ProviderError {
    let (status, fault) = (refusal.status, refusal.fault());
    // Never a key: `OpenAI` itself cuts keys in its messages.
    let text = brief(&format!("{status} {}", fault.text()));
    let is_the_operators = status.is_server_error()
        || ["insufficient_quota", "billing_hard_limit_reached"].iter().any(|code| fault.is(code))
        || matches!(status.as_u16(), 401..=404);
    if ["moderation_blocked", "content_policy_violation"].iter().any(|code| fault.is(code)) {
        ProviderError::Blocked(text)
    } else if is_the_operators {
        ProviderError::Unavailable(text)
    } else if status == StatusCode::TOO_MANY_REQUESTS {
        ProviderError::RateLimited { retry_after: refusal.retry_after }
    } else {
        ProviderError::Rejected(text)
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
        for odd in ["YWJj\\r\\n", "YW\\nJj", " data:image/png;base64,YWJj", "data:IMAGE/PNG;charset=x;base64,YWJj"] {
            let odd = odd.trim_start();
            assert_eq!(
                read_answer(format!(r#"{{"data":[{{"b64_json":"{odd}"}}]}}"#).as_bytes()).unwrap(),
                bytes,
                "{odd}"
            );
        }
        for odd in ["-_8", "-_8=", "+/8=", "+/8"] {
            let source = read_answer(format!(r#"{{"data":{{"b64_json":"{odd}","url":5}}}}"#).as_bytes()).unwrap();
            assert_eq!(source, Source::Bytes(Bytes::from_static(&[0xfb, 0xff])), "{odd}");
        }
        let url = read_answer(br#"{"data":[null,{"b64_json":null,"url":"data:image/png;base64,YWJj"}]}"#).unwrap();
        assert_eq!(url, bytes);
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
