//! What becomes of replies whose server was killed.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::store::ChatStore;
use crate::credits::server::store::WorkKind;
use crate::generation::Reserved;
use crate::generation::recovery::{Recover, Recovered};
use crate::platform::error::AppResult;

/// Nobody goes on with a reply: it was stored whole and is charged for, or what there is of it is free.
pub struct ReplyRecovery {
    chats: Arc<dyn ChatStore>,
}

impl ReplyRecovery {
    #[must_use]
    pub fn new(chats: Arc<dyn ChatStore>) -> Self {
        Self { chats }
    }
}

#[async_trait]
impl Recover for ReplyRecovery {
    fn kind(&self) -> WorkKind {
        WorkKind::Chat
    }

    async fn recover(&self, hold: &Reserved) -> AppResult<Recovered> {
        // Only a reply that was charged for has a price; an abandoned one has none.
        let price = self.chats.abandon_reply(hold.id()).await?.unwrap_or(0);
        Ok(if price > 0 { Recovered::Settle } else { Recovered::Release })
    }

    async fn stop_requests(&self, running: Vec<Uuid>) -> AppResult<Vec<Uuid>> {
        Ok(self.chats.stop_requests(running).await?)
    }
}
