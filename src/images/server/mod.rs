//! Images on the server: ordering, generating, storing and serving them.

pub mod api;
pub mod avatar;
pub mod config;
mod events;
mod forms;
pub mod garbage;
pub mod generate;
mod leaving;
pub mod listener;
pub mod order;
pub mod page;
pub mod picture;
pub mod providers;
pub mod recovery;
pub mod room;
pub mod service;
pub mod storage;
pub mod store;
pub mod subscribe;
pub mod webhook;

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::Notify;

use self::config::ImagesConfig;
use self::listener::ImageListener;
use self::providers::GuardedImageProvider;
use self::room::Room;
use self::storage::ObjectStore;
use self::store::ImageStore;
use crate::credits::server::prices::PriceBook;
use crate::generation::Generation;
use crate::platform::site::Site;

/// Images, from the order to the gallery. Cheap to clone.
#[derive(Clone)]
pub struct Images(Arc<ImagesParts>);

/// What [`Images`] is made of.
pub struct ImagesParts {
    pub site: Site,
    pub config: ImagesConfig,
    /// What an image costs.
    pub prices: PriceBook,
    pub max_prompt_chars: usize,
    pub store: Arc<dyn ImageStore>,
    /// In the order in which they are asked; never empty.
    pub providers: Vec<Arc<GuardedImageProvider>>,
    pub objects: Arc<dyn ObjectStore>,
    /// What the images of a user may take.
    pub room: Room,
    /// Told when there are files to delete.
    pub cleaner: Notify,
    pub generation: Generation,
    /// Told when an image ends that is shown in a conversation.
    pub listener: Arc<dyn ImageListener>,
}

impl Images {
    #[must_use]
    pub fn new(parts: ImagesParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Images {
    type Target = ImagesParts;

    fn deref(&self) -> &ImagesParts {
        &self.0
    }
}
