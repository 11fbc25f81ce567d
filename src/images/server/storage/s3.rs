//! Pictures in a bucket of S3, or of anything that speaks it: `MinIO`, R2, Garage, Ceph.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStoreExt, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{MAX_OBJECT_BYTES, ObjectKey, ObjectStore, StorageError};
use crate::generation::brief;

/// Which bucket, and how to get in.
#[derive(Debug, Clone)]
pub struct S3Config {
    pub bucket: String,
    /// `eu-central-1`; many other servers take any.
    pub region: String,
    /// Of another server than Amazon's. The bucket is then the first step of the path.
    pub endpoint: Option<Url>,
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    /// A folder of the bucket; empty for none.
    pub prefix: String,
}

/// Pictures in one bucket.
pub struct S3Store {
    bucket: AmazonS3,
    prefix: Path,
}

impl S3Store {
    /// Asks nobody yet.
    pub fn new(config: S3Config) -> Result<Self, StorageError> {
        let allow_http = config.endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http");
        let options = ClientOptions::new()
            .with_connect_timeout(Duration::from_secs(10))
            .with_timeout(Duration::from_mins(1))
            .with_allow_http(allow_http);
        let retry = RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(90),
            backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
        };
        // Amazon wants the bucket in the host name; with a dot in it, no certificate would match.
        let is_host = config.endpoint.is_none() && !config.bucket.contains('.');
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(config.region)
            .with_access_key_id(config.access_key_id)
            .with_secret_access_key(config.secret_access_key.expose_secret())
            .with_virtual_hosted_style_request(is_host)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = config.endpoint {
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        let bucket = builder.build().map_err(|error| StorageError::Refused(brief(&error.to_string())))?;
        let prefix = Path::parse(config.prefix.trim_matches('/'));
        let prefix = prefix.map_err(|error| StorageError::Refused(brief(&error.to_string())))?;
        Ok(Self { bucket, prefix })
    }

    fn path_of(&self, key: ObjectKey) -> Path {
        self.path_to(&key.to_string())
    }

    fn path_to(&self, place: &str) -> Path {
        self.prefix.parts().chain(place.split('/').map(Into::into)).collect()
    }

    /// `None` for objects that are none of ours.
    fn key_at(&self, path: &Path) -> Option<ObjectKey> {
        let rest: Vec<_> = path.prefix_match(&self.prefix)?.collect();
        let rest: Vec<_> = rest.iter().map(AsRef::as_ref).collect();
        ObjectKey::parse(&rest.join("/"))
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    fn name(&self) -> &'static str {
        "s3"
    }

    async fn put(&self, key: ObjectKey, bytes: Bytes) -> Result<(), StorageError> {
        self.bucket.put(&self.path_of(key), bytes.into()).await.map(|_| ()).map_err(|error| failed(&error))
    }

    async fn get(&self, key: ObjectKey) -> Result<Option<Bytes>, StorageError> {
        let found = match self.bucket.get(&self.path_of(key)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        // It reads exactly as much as this.
        if found.meta.size > MAX_OBJECT_BYTES as u64 {
            return Err(StorageError::Malformed(format!("{} bytes are too many", found.meta.size)));
        }
        found.bytes().await.map(Some).map_err(|error| failed(&error))
    }

    async fn exists(&self, key: ObjectKey) -> Result<bool, StorageError> {
        match self.bucket.head(&self.path_of(key)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn delete(&self, key: ObjectKey) -> Result<(), StorageError> {
        match self.bucket.delete(&self.path_of(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    /// A thousand at a time.
    fn list(&self) -> Option<BoxStream<'_, Result<ObjectKey, StorageError>>> {
        let all = object_store::ObjectStore::list(&self.bucket, Some(&self.path_to("images")));
        let keys = all.filter_map(async |object| match object {
            Ok(object) => self.key_at(&object.location).map(Ok),
            Err(error) => Some(Err(failed(&error))),
        });
        Some(keys.boxed())
    }

    async fn check(&self) -> Result<(), StorageError> {
        let path = self.path_to("images/check");
        self.bucket.put(&path, Bytes::from_static(b"check").into()).await.map_err(|error| failed(&error))?;
        self.bucket.delete(&path).await.map_err(|error| failed(&error))
    }
}

/// The innermost cause only: what is around it repeats addresses.
fn failed(error: &object_store::Error) -> StorageError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = brief(&cause.to_string());
    match error {
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. }
        | object_store::Error::NotFound { .. }
        | object_store::Error::InvalidPath { .. } => StorageError::Refused(text),
        _ => StorageError::Unavailable(text),
    }
}
