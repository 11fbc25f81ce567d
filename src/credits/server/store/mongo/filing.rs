//! Moving the entries of accounts into the ledger's own collection, page by page, in the background.

use std::sync::PoisonError;

use mongodb::bson::{self, doc};
use mongodb::options::ReadConcern;

use super::MongoCreditStore;
use super::documents::{Account, Cut, Filed, between};
use crate::platform::db::mongo::{is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::OwnerId;

impl MongoCreditStore {
    /// Moves the entries of an account into the ledger, in the background.
    pub(super) fn file_soon(&self, owner: OwnerId) {
        if !self.filing.lock().unwrap_or_else(PoisonError::into_inner).insert(owner) {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            if let Err(error) = store.file(owner).await {
                tracing::warn!(%error, %owner, "entries stay in the account for now");
            }
            store.filing.lock().unwrap_or_else(PoisonError::into_inner).remove(&owner);
        });
    }

    async fn file(&self, owner: OwnerId) -> StoreResult<()> {
        let (accounts, own) = (self.accounts.clone(), doc! { "_id": to_bson(owner) });
        // Only what no server of the database can lose any more, as it would stay in the ledger.
        let lasting = ReadConcern::majority();
        let found = run(async move { accounts.find_one(own).read_concern(lasting).await }).await?;
        let Some(account) = found else { return Ok(()) };
        let filed: Vec<Filed> = account.filed().collect();
        let Some(last) = filed.last() else { return Ok(()) };
        let (count, cut) = (filed.len(), Cut { seq: last.place.seq, available: last.available });
        let ledger = self.ledger.clone();
        match run(async move { ledger.insert_many(filed).ordered(false).await }).await {
            Err(error) if is_duplicate(&error) => self.check_filed(&account, cut.seq, count).await?,
            other => {
                other?;
            }
        }
        // Only what was copied is cut: entries that came meanwhile stay.
        let copied = i64::try_from(count).unwrap_or(i64::MAX);
        let rest = doc! { "$slice": ["$recent", copied, i64::from(i32::MAX)] };
        let update = vec![doc! { "$set": { "recent": rest, "cutAt": bson::serialize_to_bson(&cut)? } }];
        let guard = doc! { "_id": account.owner, "cutAt.seq": account.cut_at.seq };
        let accounts = self.accounts.clone();
        run(async move { accounts.update_one(guard, update).await }).await?;
        Ok(())
    }

    /// Entries that were there already must be these very ones: another server, or one that died here, copied them.
    async fn check_filed(&self, account: &Account, last: i64, count: usize) -> StoreResult<()> {
        let (ledger, range) = (self.ledger.clone(), between(account.owner, account.cut_at.seq + 1, last));
        let there = run(async move { ledger.count_documents(range).await }).await?;
        if usize::try_from(there).ok() == Some(count) {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!("{there} of {count} entries of {} can be filed", account.owner)))
    }
}
