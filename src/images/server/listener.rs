//! Who hears of the end of images that are shown elsewhere. Images do not know who that is.

use async_trait::async_trait;
use uuid::Uuid;

/// Somebody who shows images. The roof registers it.
#[async_trait]
pub trait ImageListener: Send + Sync {
    /// The image of `user` that `reply` shows has ended, or is gone. Told twice does no harm.
    async fn image_ended(&self, user: Uuid, image: Uuid, reply: Uuid);
}
