//! Giving back what a request was charged: once, and never more than that.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::credits::checked_reason;
use super::traces::WorkMoney;
use super::{Admin, Authority};
use crate::audit::{Action, AuditEntry};
use crate::credits::Origin;
use crate::credits::server::store::{HoldId, LotTerms, NewPosting, PostingKind, PostingOutcome};
use crate::i18n::{Text, t};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{UserId, WorkId};

/// Why credits are given back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GoodwillRequest {
    /// 1 to 200 characters. The user reads it in the ledger.
    pub reason: String,
    /// The reply or image that is meant, where the request id is that of several which were charged.
    pub work_id: Option<String>,
}

/// What was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Goodwill {
    /// All that was charged.
    pub amount: Amount,
    pub user_id: String,
    pub work_id: String,
    /// It was given back before: nothing has changed.
    pub repeated: bool,
}

/// Names what is given back for some work, once and for all. Keys of adjustments begin otherwise.
pub(super) fn goodwill_key(work: WorkId) -> String {
    format!("goodwill:{work}")
}

impl Admin {
    /// Gives back what some work of a request was charged, as a lot of goodwill.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a request that nothing is known of, work that is none of its, or a user who is gone; [`AppError::InvalidInput`] naming the
    /// field; [`AppError::Conflict`] where nothing was charged.
    pub async fn give_goodwill(
        &self,
        by: Authority,
        request_id: &str,
        request: &GoodwillRequest,
    ) -> AppResult<Goodwill> {
        let reason = checked_reason(&request.reason)?;
        let known = self.show_trace(by, request_id).await?.work;
        let meant = pick(&known, request.work_id.as_deref().filter(|id| !id.is_empty()))?;
        let user: UserId = meant.user_id.parse().map_err(|_| AppError::Internal)?;
        let work: WorkId = meant.work_id.parse().map_err(|_| AppError::Internal)?;
        // Nothing comes to an account that is gone.
        self.directory.find(user).await?.ok_or(AppError::NotFound)?;
        let nothing = || AppError::Conflict(t(Text::NothingWasChargedFor).to_owned());
        // As it was charged: the settlement itself.
        let settled = self.credits.find_settlement(HoldId { id: work, owner: user.into() }).await?;
        let amount = -settled.ok_or_else(nothing)?.amount;
        if !amount.is_positive() {
            return Err(nothing());
        }
        let key = goodwill_key(work);
        let posting = NewPosting {
            owner: user.into(),
            kind: PostingKind::Adjust,
            amount,
            key: key.clone(),
            request_id: current_request_id(),
            reason: Some(reason.clone()),
            terms: LotTerms { origin: Some(Origin::Goodwill), ..LotTerms::default() },
        };
        let repeated = match self.credits.post(posting).await? {
            PostingOutcome::Posted(_) => false,
            PostingOutcome::Repeated(_) => true,
            PostingOutcome::Insufficient { .. } => return Err(AppError::Internal),
        };
        // Also where it was done before: whoever did so may have been cut off.
        let about = json!({ "amount": amount, "requestId": request_id, "work": work, "reason": reason });
        let written = AuditEntry::new(by.actor(), Action::GoodwillGiven, Some(user)).after(about);
        self.log().record(written.once(key)).await;
        Ok(Goodwill { amount, user_id: user.to_string(), work_id: work.to_string(), repeated })
    }
}

/// The work that is meant: the one that is named, else the only one that was charged.
fn pick<'a>(known: &'a [WorkMoney], named: Option<&str>) -> AppResult<&'a WorkMoney> {
    if let Some(id) = named {
        return known.iter().find(|work| work.work_id == id).ok_or(AppError::NotFound);
    }
    let mut charged = known.iter().filter(|work| work.charged.is_positive());
    let one = charged.next().ok_or_else(|| AppError::Conflict(t(Text::NothingWasChargedFor).to_owned()))?;
    match charged.next() {
        None => Ok(one),
        Some(_) => Err(AppError::invalid("workId", "Several were charged under this request id. Say which one.")),
    }
}
