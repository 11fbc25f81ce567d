//! The port to where pictures are kept: bytes under a key. Keys are made of ids only, never of what a user wrote.

mod cloudinary;
mod files;
mod key;
mod s3;

use async_trait::async_trait;
use bytes::Bytes;
pub use cloudinary::{CloudinaryConfig, CloudinaryStore, HashAlgorithm, parse_cloudinary_url, sign};
pub use files::FileStore;
use futures::stream::BoxStream;
pub use key::{ObjectKey, Rendition};
pub use s3::{S3Config, S3Store};

/// Bytes of an object, at most; more is not read. A picture of the largest size, as PNG without any compression.
pub const MAX_OBJECT_BYTES: usize = 64 * 1024 * 1024;

/// Why a store did not do it. The texts are for logs and say no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// It cannot be reached, is full or in no state to answer; it may be later.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It will not do this however often it is asked: settings, permissions, limits.
    #[error("refused: {0}")]
    Refused(String),
    /// What it answered is no answer.
    #[error("malformed: {0}")]
    Malformed(String),
}

/// Where pictures are kept.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// `files`, `s3`, `cloudinary`.
    fn name(&self) -> &'static str;
    /// Keeps it: all of it or nothing. What was there before under this key is replaced.
    async fn put(&self, key: ObjectKey, bytes: Bytes) -> Result<(), StorageError>;
    /// `None` where there is none.
    async fn get(&self, key: ObjectKey) -> Result<Option<Bytes>, StorageError>;
    /// Whether it is kept, as cheaply as that can be told.
    async fn exists(&self, key: ObjectKey) -> Result<bool, StorageError> {
        Ok(self.get(key).await?.is_some())
    }
    /// Deletes it. One that is gone already is no error.
    async fn delete(&self, key: ObjectKey) -> Result<(), StorageError>;
    /// All keys, in no order, in pages so that memory stays constant; `None` where the service cannot list.
    fn list(&self) -> Option<BoxStream<'_, Result<ObjectKey, StorageError>>>;
    /// Whether it can be reached and written to.
    async fn check(&self) -> Result<(), StorageError>;
}
