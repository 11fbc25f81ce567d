//! Reading the books of all accounts, page by page. The numbers of entries are those of their account.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde::Deserialize;

use super::MongoCreditStore;
use super::documents::{Account, Entry, Filed, between};
use crate::credits::EntryKind;
use crate::credits::server::lots::LotShare;
use crate::credits::server::store::reading::{AccountCheck, AccountEnd, BookedEntry, LedgerReader};
use crate::platform::amount::Amount;
use crate::platform::db::mongo::{from_bson, run, to_bson};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::OwnerId;

/// Filed entries that are read in one operation.
const AT_A_TIME: i64 = 2000;

/// How far an account is, and nothing else of it.
#[derive(Deserialize)]
struct End {
    #[serde(rename = "_id")]
    owner: mongodb::bson::Uuid,
    posted: i64,
}

impl Filed {
    fn booked(&self) -> StoreResult<BookedEntry> {
        let Entry { kind, .. } = &self.entry;
        Ok(BookedEntry {
            number: self.place.seq,
            id: from_bson(self.entry.id),
            kind: EntryKind::parse(kind).ok_or_else(|| StoreError::Corrupt(format!("ledger kind {kind:?}")))?,
            amount: self.entry.amount,
            held_change: self.entry.held_change,
            available_after: self.available,
            lots: self.entry.lots.iter().cloned().map(LotShare::from).collect(),
            at: self.entry.at.timestamp_millis(),
        })
    }
}

impl MongoCreditStore {
    async fn accounts_where(&self, which: Document, limit: usize) -> StoreResult<Vec<Account>> {
        let (accounts, limit) = (self.accounts.clone(), to_i64(limit));
        run(async move { accounts.find(which).sort(doc! { "_id": 1 }).limit(limit).await?.try_collect().await }).await
    }

    /// What the books of an account come to. Its filed entries are read after it: what was cut from it had been filed before.
    async fn compare(&self, account: Account) -> StoreResult<AccountCheck> {
        let mut check = AccountCheck {
            owner: from_bson(account.owner),
            balance: account.balance(),
            ledger: Amount::ZERO,
            ledger_held: Amount::ZERO,
            last_available: Amount::ZERO,
            lots: account.lots.iter().map(|lot| lot.left).sum::<Amount>() - account.overdrawn,
            open: account.open.iter().map(|hold| hold.amount).sum(),
            purchased: Amount::ZERO,
            entries: 0,
        };
        let mut add = |entry: &Entry| {
            check.entries += 1;
            check.ledger += entry.amount;
            check.ledger_held += entry.held_change;
            check.last_available += entry.available_change();
            if entry.kind == EntryKind::Purchase.as_str() {
                check.purchased += entry.amount;
            }
        };
        let mut after = 0;
        loop {
            let (ledger, range) = (self.ledger.clone(), between(account.owner, after + 1, account.cut_at.seq));
            let filed: Vec<Filed> = run(async move {
                ledger.find(range).sort(doc! { "_id": 1 }).limit(AT_A_TIME).await?.try_collect().await
            })
            .await?;
            let Some(last) = filed.last() else { break };
            after = last.place.seq;
            for filed in &filed {
                add(&filed.entry);
            }
        }
        for entry in &account.recent {
            add(entry);
        }
        Ok(check)
    }
}

#[async_trait]
impl LedgerReader for MongoCreditStore {
    async fn accounts(&self, after: OwnerId, limit: usize) -> StoreResult<Vec<AccountEnd>> {
        let (accounts, limit) = (self.accounts.clone_with_type::<End>(), to_i64(limit));
        let found: Vec<End> = run(async move {
            let ends = accounts.find(doc! { "_id": { "$gt": to_bson(after) } }).projection(doc! { "posted": 1 });
            ends.sort(doc! { "_id": 1 }).limit(limit).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(|end| AccountEnd { owner: from_bson(end.owner), last: end.posted }).collect())
    }

    async fn entries(&self, owner: OwnerId, after: i64, limit: usize) -> StoreResult<Vec<BookedEntry>> {
        let Some(account) = self.find_account(owner).await? else { return Ok(Vec::new()) };
        let (ledger, range) = (self.ledger.clone(), between(account.owner, after + 1, account.cut_at.seq));
        let most = to_i64(limit);
        let filed: Vec<Filed> =
            run(async move { ledger.find(range).sort(doc! { "_id": 1 }).limit(most).await?.try_collect().await })
                .await?;
        let recent = account.filed().filter(|entry| entry.place.seq > after);
        let left = limit.saturating_sub(filed.len());
        filed.iter().map(Filed::booked).chain(recent.take(left).map(|entry| entry.booked())).collect()
    }

    async fn check_accounts(&self, after: OwnerId, limit: usize) -> StoreResult<Vec<AccountCheck>> {
        let mut checks = Vec::new();
        for account in self.accounts_where(doc! { "_id": { "$gt": to_bson(after) } }, limit).await? {
            checks.push(self.compare(account).await?);
        }
        Ok(checks)
    }

    async fn check_account(&self, owner: OwnerId) -> StoreResult<Option<AccountCheck>> {
        match self.find_account(owner).await? {
            Some(account) => self.compare(account).await.map(Some),
            None => Ok(None),
        }
    }
}
