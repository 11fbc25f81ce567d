//! `/api/chat/{id}/receipt`: what an answer cost, by which price, and which credits paid for it.

use axum::extract::{FromRef, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Chat;
use super::store::StoredReply;
use crate::account::server::Account;
use crate::account::server::caller::{READ, SPEND, Scoped};
use crate::chat::Receipt;
use crate::credits::server::store::HoldId;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{Answer, ApiResult, Envelope, PathId};
use crate::platform::ids::{MessageId, UserId};

/// The routes of receipts.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Chat: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(read))
}

/// Get the receipt of a reply.
#[utoipa::path(get, path = "/api/chat/{id}/receipt", operation_id = "read_receipt", tag = "Chat",
    params(("id" = Uuid, Path, description = "ID of the reply.")),
    responses((status = 200, description = "What it cost.", body = Envelope<Receipt>)))]
async fn read(
    State(chat): State<Chat>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
    PathId(id): PathId<MessageId>,
) -> ApiResult<Receipt> {
    Ok(Answer(chat.load_receipt(caller.id, id).await?))
}

impl Chat {
    async fn load_receipt(&self, user: UserId, id: MessageId) -> AppResult<Receipt> {
        let StoredReply { conversation, message: reply } =
            self.store.find_message(user, id).await?.ok_or(AppError::NotFound)?;
        let hold = HoldId { id: id.into(), owner: user.into() };
        let credits = &self.generation.credits;
        let (settlement, most, conversation_credits) = tokio::try_join!(
            credits.find_settlement(hold),
            credits.hold_ceiling(hold),
            self.store.sum_charged(user, conversation),
        )?;
        let charged = settlement.as_ref().map(|entry| -entry.amount);
        Ok(Receipt {
            message_id: reply.id,
            credits: charged.unwrap_or_default(),
            most,
            conversation_credits,
            cached: reply.cached,
            provider: reply.provider,
            model: reply.model,
            usage: reply.usage,
            // That of who answered, which the ledger only knows as what was held.
            price_version: settlement.as_ref().and_then(|entry| reply.price_version.or(entry.price_version.clone())),
            charged_at: settlement.as_ref().map(|entry| entry.created_at.clone()),
            lots: settlement.map(|entry| entry.lots).unwrap_or_default(),
        })
    }
}
