//! Credits that come or go without a hold.

use mongodb::bson::{self, doc};

use super::batch::Change;
use super::documents::Entry;
use super::lots::{StoredLot, StoredShare, moved_to, unchanged};
use super::{MongoCreditStore, TRIES, busy};
use crate::credits::server::store::{LotTerms, NewPosting, PostingOutcome};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{from_bson, to_bson};

impl MongoCreditStore {
    /// As [`crate::credits::server::store::CreditStore::post`].
    pub(super) async fn post_once(&self, posting: &NewPosting) -> StoreResult<PostingOutcome> {
        let key = posting.entry_key();
        for _ in 0..TRIES {
            let account = self.open_or_find(posting.owner, &posting.request_id).await?;
            let before = account.balance();
            if self.find_entry(&account, key.clone()).await?.is_some() {
                return Ok(PostingOutcome::Repeated(before));
            }
            let (mut state, at) = (account.state(), self.mongo.now());
            let mut entry = Entry::new(
                posting.kind.entry_kind(),
                posting.amount,
                Amount::ZERO,
                key.clone(),
                &posting.request_id,
                at,
            );
            entry.id = to_bson(posting.entry_id());
            let Some((amount, shares)) = posting.apply(&mut state, from_bson(entry.id), at) else {
                return Ok(PostingOutcome::Insufficient { available: before.available });
            };
            entry.amount = amount;
            entry.debt_change = state.balance.debt - before.debt;
            entry.reason.clone_from(&posting.reason);
            entry.lots = shares.into_iter().map(StoredShare::from).collect();
            entry.lot = entry.lots.first().filter(|_| posting.amount.is_positive()).map(|share| {
                let (share, LotTerms { paid, expires_at, .. }) = (share.clone(), posting.terms.clone());
                let StoredShare { id, origin, amount } = share;
                StoredLot { id, origin, amount, left: amount, paid, expires_at, at }
            });
            let update = doc! {
                "$set": moved_to(&state)?,
                "$inc": { "posted": 1_i64 },
                "$push": { "recent": bson::serialize_to_bson(&entry)? },
            };
            let change = Change { guard: unchanged(&account), update, entry: entry.id, alone: true };
            if let Some(after) = self.update(posting.owner, change).await? {
                return Ok(PostingOutcome::Posted(after.balance()));
            }
        }
        Err(busy(posting.owner))
    }
}
