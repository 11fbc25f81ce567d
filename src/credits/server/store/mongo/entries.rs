//! Reading the entries of an account: in the account itself, and in what was filed of it.

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};

use super::MongoCreditStore;
use super::documents::{Account, Filed, between};
use crate::credits::{LedgerEntry, Page};
use crate::platform::db::mongo::run;
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::OwnerId;

impl MongoCreditStore {
    /// As [`crate::credits::server::store::CreditStore::ledger`].
    pub(super) async fn find_page(
        &self,
        owner: OwnerId,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<LedgerEntry>>> {
        match self.find_account(owner).await? {
            Some(account) => self.page_of(account, cursor, limit).await,
            None => Ok(place_before(cursor).map(|_| Page { items: Vec::new(), next_cursor: None })),
        }
    }

    /// The same of an account that was read.
    pub(super) async fn page_of(
        &self,
        account: Account,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<LedgerEntry>>> {
        let Some(before) = place_before(cursor) else { return Ok(None) };
        let mut filed: Vec<Filed> = account.filed().filter(|filed| filed.place.seq < before).collect();
        filed.reverse();
        filed.truncate(limit + 1);
        let last = account.cut_at.seq.min(before - 1);
        if last > 0 {
            self.add_older(&mut filed, between(account.owner, 0, last), limit + 1).await?;
        }
        let more = filed.len() > limit;
        filed.truncate(limit);
        let next_cursor = filed.last().filter(|_| more).map(|last| last.place.seq.to_string());
        Ok(Some(Page { items: self.shown(filed).await?, next_cursor }))
    }

    /// As [`crate::credits::server::store::CreditStore::entries_of_request`].
    pub(super) async fn find_of_request(
        &self,
        owner: OwnerId,
        request_id: &str,
        limit: usize,
    ) -> StoreResult<Vec<LedgerEntry>> {
        let Some(account) = self.find_account(owner).await? else { return Ok(Vec::new()) };
        let mut filed: Vec<Filed> = account.filed().filter(|filed| filed.entry.request_id == request_id).collect();
        filed.reverse();
        filed.truncate(limit);
        let mut range = between(account.owner, 0, account.cut_at.seq);
        range.insert("requestId", request_id);
        self.add_older(&mut filed, range, limit).await?;
        filed.reverse();
        self.shown(filed).await
    }

    /// Adds the newest of what was filed, up to `limit` in all.
    async fn add_older(&self, filed: &mut Vec<Filed>, which: Document, limit: usize) -> StoreResult<()> {
        let missing = limit.saturating_sub(filed.len());
        if missing > 0 {
            let ledger = self.ledger.clone();
            let older: Vec<Filed> = run(async move {
                let entries = ledger.find(which).sort(doc! { "_id": -1 });
                entries.limit(to_i64(missing)).await?.try_collect().await
            })
            .await?;
            filed.extend(older);
        }
        Ok(())
    }

    async fn shown(&self, mut filed: Vec<Filed>) -> StoreResult<Vec<LedgerEntry>> {
        self.complete_work(&mut filed).await?;
        filed.iter().map(|filed| filed.entry.to_ledger_entry(filed.available)).collect()
    }
}

/// Before which entry a page ends; `None` for a cursor that is none of ours.
fn place_before(cursor: Option<&str>) -> Option<i64> {
    match cursor {
        None => Some(i64::MAX),
        Some(cursor) => cursor.parse().ok().filter(|seq| *seq > 0),
    }
}
