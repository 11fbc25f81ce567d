//! What people call replies and images, where they see what they cost.

use std::sync::Arc;

use async_trait::async_trait;

use super::store::{ChatStore, Part};
use crate::credits::server::{WorkName, WorkNames};
use crate::images::server::store::ImageStore;
use crate::platform::db::StoreResult;
use crate::platform::ids::{UserId, WorkId};
use crate::platform::work_kind::WorkKind;

/// A reply is called by its conversation, an image by its prompt.
pub struct ShownWork {
    pub replies: Arc<dyn ChatStore>,
    pub images: Arc<dyn ImageStore>,
}

#[async_trait]
impl WorkNames for ShownWork {
    async fn name(&self, user: UserId, kind: WorkKind, id: WorkId) -> StoreResult<Option<WorkName>> {
        if kind == WorkKind::Image {
            let image = self.images.find(user, id.into()).await?;
            return Ok(image.map(|image| WorkName { name: image.prompt, href: format!("/images/{}", image.id) }));
        }
        let Some(reply) = self.replies.find_message(user, id.into()).await? else { return Ok(None) };
        // What clients of `/v1` ask belongs to no conversation that is shown.
        let conversation = self.replies.find_part(user, reply.conversation, Part::Before(None, 0)).await?;
        Ok(conversation.map(|found| WorkName { name: found.title, href: format!("/chat/{}", found.id) }))
    }
}
