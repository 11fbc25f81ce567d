//! Giving bought credits back for their buyer, however long ago they were bought.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Admin, Authority};
use crate::audit::{Action, AuditEntry};
use crate::payments::server::Payments;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::PaymentId;
use crate::platform::money::{Money, WrittenMoney};

/// What could be given back of a purchase now.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundOffer {
    pub user_id: String,
    /// Credits that are neither spent nor held.
    pub credits: Amount,
    #[schema(value_type = WrittenMoney)]
    pub money: Money,
}

/// What was given back.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundDone {
    pub credits: Amount,
    #[schema(value_type = WrittenMoney)]
    pub money: Money,
    /// Whether the provider has done its part, or still will.
    pub done: bool,
}

impl Admin {
    /// What could be given back of a purchase.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Conflict`] where there is nothing.
    pub async fn preview_refund(&self, _: Authority, payments: &Payments, id: PaymentId) -> AppResult<RefundOffer> {
        let (user, preview) = payments.preview_refund_for_buyer(id).await?;
        Ok(RefundOffer { user_id: user.to_string(), credits: preview.credits, money: preview.money })
    }

    /// Gives back what a buyer has not used of a purchase. While that is on its way, asking again is asking after it; once it is done,
    /// there is nothing left.
    ///
    /// # Errors
    /// As [`Admin::preview_refund`]; [`AppError::Unavailable`] where nothing is known yet: it goes on by itself.
    pub async fn refund(&self, by: Authority, payments: &Payments, id: PaymentId) -> AppResult<RefundDone> {
        let payment = payments.store.find(id).await?.ok_or(AppError::NotFound)?;
        // One that is on its way is asked after, whoever began it.
        let number = payment.books.open_request().map_or(payment.books.requests.len(), |open| open.number as usize);
        let refunded = payments.refund_for_buyer(id).await?;
        let about = json!({ "payment": id, "credits": refunded.credits, "money": refunded.money });
        let written = AuditEntry::new(by.actor(), Action::RefundOrdered, Some(payment.user)).after(about);
        self.log().record(written.once(format!("refund:{id}:{number}"))).await;
        Ok(RefundDone { credits: refunded.credits, money: refunded.money, done: refunded.is_done })
    }
}
