//! Pictures at Cloudinary: signed uploads and deletions, and fetching by the delivery URL.
//! <https://cloudinary.com/documentation/image_upload_api_reference>

mod config;
mod signature;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
pub use config::{CloudinaryConfig, parse_cloudinary_url};
use futures::stream::BoxStream;
use reqwest::multipart::{Form, Part};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
pub use signature::{HashAlgorithm, sign};
use url::Url;

use super::{MAX_OBJECT_BYTES, ObjectKey, ObjectStore, Rendition, StorageError};
use crate::generation::{BodyError, Refusal, brief, read_body};

/// How often something is tried that may be over soon.
const ATTEMPTS: u32 = 3;
/// Before the second attempt; twice as long before the third.
const PAUSE: Duration = Duration::from_millis(400);
/// An upload of some megabytes, over a slow line.
const TIMEOUT: Duration = Duration::from_mins(1);
/// What is answered to uploads and deletions is far smaller.
const MAX_ANSWER: usize = 256 * 1024;

/// Pictures in one product environment of Cloudinary.
///
/// They are public to those who know their address, and the address holds 74 random bits of the id.
pub struct CloudinaryStore {
    config: CloudinaryConfig,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Uploaded {
    public_id: String,
    version: u64,
    signature: String,
}

#[derive(Deserialize)]
struct Destroyed {
    result: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorMessage,
}

#[derive(Deserialize)]
struct ErrorMessage {
    message: String,
}

impl CloudinaryStore {
    pub fn new(config: CloudinaryConfig) -> Result<Self, StorageError> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build();
        let http = http.map_err(|error| StorageError::Refused(format!("the HTTP client: {error}")))?;
        Ok(Self { config, http })
    }

    /// Signs and sends; the answer is a success.
    async fn call(
        &self,
        action: &str,
        parameters: &[(&'static str, &str)],
        file: Option<(Bytes, ObjectKey)>,
    ) -> Result<Bytes, StorageError> {
        let url = address(&self.config.base_url, &["v1_1", &self.config.cloud_name, "image", action])?;
        // Not older than an hour, says Cloudinary: so each attempt has its own.
        let timestamp = jiff::Timestamp::now().as_second().to_string();
        let mut sent = parameters.to_vec();
        sent.push(("timestamp", &timestamp));
        let signature = sign(&sent, &self.config.api_secret, self.config.algorithm);
        sent.push(("signature", &signature));
        sent.push(("api_key", &self.config.api_key));
        let mut form = Form::new();
        for (name, value) in sent {
            form = form.text(name, value.to_owned());
        }
        if let Some((bytes, key)) = file {
            let length = bytes.len() as u64;
            let part = Part::stream_with_length(bytes, length).file_name(key.file_name());
            let part = part.mime_str(key.rendition().media_type()).map_err(|error| unreachable(&error))?;
            form = form.part("file", part);
        }
        let response = self.http.post(url).multipart(form).send().await.map_err(|error| unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        read_body(response, MAX_ANSWER).await.map_err(broken)
    }

    async fn upload(&self, key: ObjectKey, bytes: Bytes) -> Result<(), StorageError> {
        let public_id = public_id(key);
        // A copy at the edge of the network must not outlive what it is a copy of.
        let parameters = [("public_id", &*public_id), ("overwrite", "1"), ("invalidate", "1")];
        let answer = self.call("upload", &parameters, Some((bytes, key))).await?;
        let uploaded: Uploaded = parse_answer(&answer)?;
        let Uploaded { version, signature, .. } = &uploaded;
        if uploaded.public_id != public_id {
            return Err(StorageError::Malformed(format!("it was kept as {}", brief(&uploaded.public_id))));
        }
        if signature::is_signed(&public_id, *version, signature, &self.config.api_secret, self.config.algorithm) {
            Ok(())
        } else {
            Err(StorageError::Malformed("the answer is not signed by Cloudinary".to_owned()))
        }
    }

    async fn destroy(&self, key: ObjectKey) -> Result<(), StorageError> {
        let public_id = public_id(key);
        let answer = self.call("destroy", &[("public_id", &*public_id), ("invalidate", "1")], None).await?;
        match &*parse_answer::<Destroyed>(&answer)?.result {
            "ok" | "not found" => Ok(()),
            other => Err(StorageError::Malformed(format!("deleting gave {}", brief(other)))),
        }
    }

    async fn download(&self, key: ObjectKey) -> Result<Option<Bytes>, StorageError> {
        let path = key.to_string();
        let steps = [&*self.config.cloud_name, "image", "upload"].into_iter().chain(path.split('/'));
        let url = address(&self.config.delivery_url, &steps.collect::<Vec<_>>())?;
        let response = self.http.get(url).send().await.map_err(|error| unreachable(&error))?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => read_body(response, MAX_OBJECT_BYTES).await.map(Some).map_err(broken),
            _ => Err(refused(response).await),
        }
    }
}

#[async_trait]
impl ObjectStore for CloudinaryStore {
    fn name(&self) -> &'static str {
        "cloudinary"
    }

    async fn put(&self, key: ObjectKey, bytes: Bytes) -> Result<(), StorageError> {
        retry(|| self.upload(key, bytes.clone())).await
    }

    async fn get(&self, key: ObjectKey) -> Result<Option<Bytes>, StorageError> {
        retry(|| self.download(key)).await
    }

    async fn delete(&self, key: ObjectKey) -> Result<(), StorageError> {
        retry(|| self.destroy(key)).await
    }

    /// Listing belongs to the Admin API: it allows a few hundred calls an hour and often another key.
    fn list(&self) -> Option<BoxStream<'_, Result<ObjectKey, StorageError>>> {
        None
    }

    /// Deletes what cannot be there: that is signed and needs the same rights, but leaves nothing behind.
    async fn check(&self) -> Result<(), StorageError> {
        self.destroy(ObjectKey::new(uuid::Uuid::nil().into(), Rendition::Full)).await
    }
}

/// The key without its last extension, which Cloudinary keeps as the format.
fn public_id(key: ObjectKey) -> String {
    let path = key.to_string();
    path.rsplit_once('.').map_or(path.clone(), |(id, _)| id.to_owned())
}

fn address(base: &Url, steps: &[&str]) -> Result<Url, StorageError> {
    let mut url = base.clone();
    let wrong = || StorageError::Refused("the base URL cannot have a path".to_owned());
    url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(steps);
    Ok(url)
}

/// Tries again where that may help. Nothing is done twice: an upload replaces what it has uploaded before.
async fn retry<T, F: Future<Output = Result<T, StorageError>>>(once: impl Fn() -> F) -> Result<T, StorageError> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match once().await {
            Err(StorageError::Unavailable(_)) => {}
            done => return done,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    once().await
}

fn parse_answer<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T, StorageError> {
    serde_json::from_slice(answer).map_err(|error| StorageError::Malformed(brief(&error.to_string())))
}

/// What an answer means that is no success. Cloudinary's texts show what was signed, but never the secret.
async fn refused(response: Response) -> StorageError {
    let refusal = Refusal::read(response).await;
    let said = serde_json::from_slice::<ErrorBody>(&refusal.body).map(|body| body.error.message);
    let text = format!("{} {}", refusal.status, brief(&said.unwrap_or_default()));
    match refusal.status.as_u16() {
        // 420 is its own 429, and 423 is what is still being worked on.
        420 | 423 | 429 | 500.. => StorageError::Unavailable(text),
        _ => StorageError::Refused(text),
    }
}

fn unreachable(error: &reqwest::Error) -> StorageError {
    StorageError::Unavailable(crate::generation::unreachable_error(error).to_string())
}

fn broken(error: BodyError) -> StorageError {
    match error {
        BodyError::TooLarge { most } => StorageError::Malformed(format!("the answer has more than {most} bytes")),
        BodyError::Broken(error) => unreachable(&error),
    }
}
