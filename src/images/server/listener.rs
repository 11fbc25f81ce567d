//! Who hears of the end of images that are shown elsewhere. Images do not know who that is.

use crate::platform::ids::{ImageId, MessageId, UserId};
use async_trait::async_trait;

/// Somebody who shows images. The roof registers it.
#[async_trait]
pub trait ImageListener: Send + Sync {
    /// The image of `user` that `reply` shows has ended, or is gone. Told twice does no harm.
    async fn image_ended(&self, user: UserId, image: ImageId, reply: MessageId);
}
