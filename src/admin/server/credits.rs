//! Giving credits and taking them.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Admin, Authority};
use crate::audit::{Action, AuditEntry};
use crate::credits::server::store::{LotTerms, NewPosting, PostingKind, PostingOutcome};
use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::UserId;

/// Most characters of a reason.
pub(super) const MAX_REASON_CHARS: usize = 200;

/// Credits to give or to take.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct CreditsChange {
    /// Below 0: credits are taken, at most those that are available.
    pub amount: Amount,
    /// 1 to 200 characters. The user reads it in the ledger.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adjusted {
    pub amount: Amount,
    /// What could be spent right after it.
    pub available_after: Amount,
    /// It was done before, by the same `Idempotency-Key`.
    pub repeated: bool,
}

impl Admin {
    /// Gives or takes credits, once per key. What is given pays debt first.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::InvalidInput`] naming the field; [`AppError::Conflict`] for more than there is;
    /// [`AppError::IdempotencyMismatch`] for a key that came with something else.
    pub async fn adjust_credits(
        &self,
        by: Authority,
        id: UserId,
        key: Option<String>,
        change: CreditsChange,
    ) -> AppResult<Adjusted> {
        let reason = checked(&change)?;
        let key = checked_key(key)?;
        self.directory.find(id).await?.ok_or(AppError::NotFound)?;
        let key = format!("admin:{key}");
        let posting = NewPosting {
            owner: id.into(),
            kind: PostingKind::Adjust,
            amount: change.amount,
            key: key.clone(),
            request_id: current_request_id(),
            reason: Some(reason.clone()),
            terms: LotTerms::default(),
        };
        let repeated = match self.credits.post(posting).await? {
            PostingOutcome::Posted(_) => false,
            PostingOutcome::Repeated(_) => true,
            PostingOutcome::Insufficient { available } => {
                let problem = fill(Text::OnlySoManyToTake, &[("available", &available.as_entry())]);
                return Err(AppError::Conflict(problem));
            }
        };
        let entry = self.credits.find_posting(id.into(), PostingKind::Adjust, &key).await?.ok_or(AppError::Internal)?;
        if entry.amount != change.amount || entry.reason.as_ref() != Some(&reason) {
            return Err(AppError::IdempotencyMismatch);
        }
        let adjusted = Adjusted { amount: entry.amount, available_after: entry.available_after, repeated };
        // Also where it was done before: whoever did so may have been cut off.
        let about = json!({ "amount": adjusted.amount, "available": adjusted.available_after, "reason": reason });
        let written = AuditEntry::new(by.actor(), Action::CreditsAdjusted, Some(id)).after(about);
        self.log().record(written.once(format!("adjust:{id}:{key}"))).await;
        Ok(adjusted)
    }
}

/// What names this one time, made where nothing does.
pub(super) fn checked_key(key: Option<String>) -> AppResult<String> {
    match key {
        Some(key) if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(key),
        Some(_) => Err(AppError::invalid("Idempotency-Key", "The key is 1 to 255 visible ASCII characters.")),
        None => Ok(Uuid::now_v7().to_string()),
    }
}

/// The reason, in one line.
pub(super) fn checked(change: &CreditsChange) -> AppResult<String> {
    if change.amount.is_zero() {
        return Err(AppError::invalid("amount", t(Text::AmountOfNothing)));
    }
    checked_reason(&change.reason)
}

/// A reason that users read, in one line.
pub(super) fn checked_reason(reason: &str) -> AppResult<String> {
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if !(1..=MAX_REASON_CHARS).contains(&reason.chars().count()) || reason.contains(char::is_control) {
        return Err(AppError::invalid("reason", fill(Text::ReasonNeeded, &[("most", &MAX_REASON_CHARS.to_string())])));
    }
    Ok(reason)
}
