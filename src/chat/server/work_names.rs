//! What people call replies and images, where they see what they cost.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::store::ChatStore;
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
    async fn names(&self, user: UserId, work: Vec<(WorkKind, WorkId)>) -> StoreResult<HashMap<WorkId, WorkName>> {
        let (images, replies): (Vec<_>, Vec<_>) = work.into_iter().partition(|(kind, _)| *kind == WorkKind::Image);
        let images = images.into_iter().map(|(_, id)| id.into()).collect();
        let replies = replies.into_iter().map(|(_, id)| id.into()).collect();
        // What clients of `/v1` ask belongs to no conversation that is shown.
        let (prompts, titles) =
            tokio::try_join!(self.images.find_prompts(user, images), self.replies.find_titles(user, replies))?;
        let images = prompts.into_iter().map(|(id, name)| {
            let href = format!("/images/{id}");
            (id.into(), WorkName { name, href })
        });
        let replies = titles.into_iter().map(|(id, conversation, name)| {
            let href = format!("/chat/{conversation}");
            (id.into(), WorkName { name, href })
        });
        Ok(images.chain(replies).collect())
    }
}
