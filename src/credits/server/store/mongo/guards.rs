//! What an account must be like for a hold, and by which names its entries and its spending are found.

use mongodb::bson::{Document, doc};

use super::MongoCreditStore;
use crate::credits::EntryKind;
use crate::credits::server::store::{HoldOutcome, NewHold, SpendingKey};
use crate::platform::db::StoreResult;
use crate::platform::ids::{ApiKeyId, WorkId};

impl MongoCreditStore {
    /// The cause of a hold that was refused, or what it expects to find next time.
    pub(super) async fn look_before_hold(&self, hold: &NewHold) -> StoreResult<Result<HoldOutcome, Document>> {
        let account = self.account(hold.user, &hold.request_id).await?;
        if account.is_open(hold.id) {
            return Ok(Ok(HoldOutcome::Held(account.balance())));
        }
        let mut guard = guard_of(hold);
        if let Some(idempotency) = &hold.idempotency {
            match self.find_once(&account, idempotency).await? {
                None => _ = guard.insert("recent.once.key", doc! { "$ne": &idempotency.key }),
                // The key stays where it is, and what comes later wins: nothing may come in between. `posted` counts whatever
                // happens to an account.
                Some(HoldOutcome::Failed(_)) => _ = guard.insert("posted", account.posted),
                Some(outcome) => return Ok(Ok(outcome)),
            }
            guard.insert("cut.seq", account.cut.seq);
        }
        if account.available < hold.amount {
            return Ok(Ok(HoldOutcome::Insufficient { available: account.available }));
        }
        if let Some(SpendingKey { id, budget: Some(budget) }) = hold.key {
            let left = budget - account.spending.get(&id.to_string()).copied().unwrap_or(0);
            if left < hold.amount {
                return Ok(Ok(HoldOutcome::OverBudget { left: left.max(0) }));
            }
        }
        Ok(Err(guard))
    }
}

/// What an account must be like for this hold.
pub(super) fn guard_of(hold: &NewHold) -> Document {
    let mut guard = doc! { "available": { "$gte": hold.amount } };
    if let Some(SpendingKey { id, budget: Some(budget) }) = hold.key {
        // Of a key that has spent nothing there is no field, which is not greater than 0 either.
        let most = (budget - hold.amount).max(0);
        guard.insert(spending_field(id), doc! { "$not": { "$gt": most } });
    }
    guard
}

pub(super) fn spending_field(key: ApiKeyId) -> String {
    format!("spending.{key}")
}

pub(super) fn hold_key(id: WorkId) -> String {
    format!("{}:{id}", EntryKind::Hold.as_str())
}
