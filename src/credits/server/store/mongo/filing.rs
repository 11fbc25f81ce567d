//! Moving the entries of accounts into the ledger's own collection, page by page, in the background.

use std::sync::PoisonError;

use mongodb::bson::{self, doc};

use super::MongoCreditStore;
use super::documents::{Account, Cut, Filed, between};
use crate::platform::db::mongo::{is_duplicate, run};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::UserId;

impl MongoCreditStore {
    /// Moves the entries of an account into the ledger, in the background.
    pub(super) fn file_soon(&self, user: UserId) {
        if !self.filing.lock().unwrap_or_else(PoisonError::into_inner).insert(user) {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            if let Err(error) = store.file(user).await {
                tracing::warn!(%error, %user, "entries stay in the account for now");
            }
            store.filing.lock().unwrap_or_else(PoisonError::into_inner).remove(&user);
        });
    }

    async fn file(&self, user: UserId) -> StoreResult<()> {
        let Some(account) = self.find_account(user).await? else { return Ok(()) };
        let filed: Vec<Filed> = account.filed().collect();
        let Some(last) = filed.last() else { return Ok(()) };
        let (count, cut) = (filed.len(), Cut { seq: last.place.seq, available: last.available_after });
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
        let update = vec![doc! { "$set": { "recent": rest, "cut": bson::serialize_to_bson(&cut)? } }];
        let guard = doc! { "_id": account.user, "cut.seq": account.cut.seq };
        let accounts = self.accounts.clone();
        run(async move { accounts.update_one(guard, update).await }).await?;
        Ok(())
    }

    /// Entries that were there already must be these very ones: another server, or one that died here, copied them.
    async fn check_filed(&self, account: &Account, last: i64, count: usize) -> StoreResult<()> {
        let (ledger, range) = (self.ledger.clone(), between(account.user, account.cut.seq + 1, last));
        let there = run(async move { ledger.count_documents(range).await }).await?;
        if usize::try_from(there).ok() == Some(count) {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!("{there} of {count} entries of {} can be filed", account.user)))
    }
}
