//! The port to image providers: an order goes out, and it is asked after until there is a picture.

mod download;
mod openai;
pub mod replicate;
mod sketch_provider;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
pub use download::Downloader;
pub use openai::{OpenAiImageConfig, OpenAiImageProvider};
pub use replicate::ReplicateProvider;
pub use sketch_provider::SketchProvider;
use url::Url;

use crate::generation::{Guarded, Provider, ProviderError, ProviderRow};
use crate::images::AspectRatio;
use crate::platform::ids::ImageId;

/// A row of [`PROVIDERS`].
pub type ImageProviderRow = ProviderRow<dyn ImageProvider>;

/// The image providers of this version. Those that are configured are asked in this order, unless `IMAGE_PROVIDERS` sets
/// another.
pub const PROVIDERS: &[ImageProviderRow] = &[replicate::REPLICATE, openai::OPENAI, sketch_provider::SKETCH];

/// Bytes of a picture as it comes from a provider, at most.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// What is to be painted.
#[derive(Debug, Clone)]
pub struct ImageOrder {
    /// Of the job; it goes into the address that the provider reports to.
    pub id: ImageId,
    pub prompt: String,
    pub aspect_ratio: AspectRatio,
    pub seed: u32,
    /// After this nobody waits for it any more.
    pub time_left: Duration,
}

/// How far a provider has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It works on; ask again with this id.
    Working { remote_id: String },
    /// It has painted. Fetch the source, once.
    Made { remote_id: Option<String>, source: Source },
}

/// Where a picture is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Bytes(Bytes),
    Url(Url),
}

/// A painter with its breaker.
pub type GuardedImageProvider = Guarded<dyn ImageProvider>;

/// Somebody who paints: `replicate`, `openai` or `sketch`.
#[async_trait]
pub trait ImageProvider: Provider {
    /// Whether what it makes comes from a model. `false` for the sketch painter.
    fn is_ai(&self) -> bool {
        true
    }
    /// Hands an order in. Where the error is `Timeout` or `Unavailable`, it may have been taken nevertheless.
    async fn start(&self, order: &ImageOrder) -> Result<Step, ProviderError>;
    /// What became of it. Only for those who gave a remote id.
    ///
    /// # Errors
    /// `Unavailable`, `RateLimited` and `Timeout` say that nobody knows: ask again ([`may_pass`]). The others are the
    /// end of it.
    async fn look(&self, remote_id: &str) -> Result<Step, ProviderError> {
        _ = remote_id;
        Err(ProviderError::Rejected(format!("{} gives no ids", self.name())))
    }
    /// Nobody wants it any more. What has ended already stays as it is.
    async fn cancel(&self, remote_id: &str) -> Result<(), ProviderError> {
        _ = remote_id;
        Ok(())
    }
    /// The bytes of a source, at most [`MAX_BYTES`].
    async fn fetch(&self, source: Source) -> Result<Bytes, ProviderError>;
}

/// Whether an error of [`ImageProvider::look`] or [`ImageProvider::fetch`] may be gone when asked again.
#[must_use]
pub fn may_pass(error: &ProviderError) -> bool {
    match error {
        ProviderError::Unavailable(_) | ProviderError::RateLimited { .. } | ProviderError::Timeout => true,
        ProviderError::Rejected(_)
        | ProviderError::TooLong { .. }
        | ProviderError::Blocked(_)
        | ProviderError::Empty { .. }
        | ProviderError::Malformed(_) => false,
    }
}

/// Why a provider or a store cannot be built. The text is for the operator and says no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SetUpError(pub String);
