//! Finding accounts and opening them, and what became of keys and holds.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt;
use mongodb::bson::{self, doc};
use serde::Deserialize;

use super::MongoCreditStore;
use super::documents::{Account, Cut, Entry, Filed, Once, StoredBalance};
use super::lots::StoredLot;
use crate::credits::server::lots::{AccountState, Lot, Lots, NEVER};
use crate::credits::server::store::{HoldEnd, HoldOutcome, Idempotency, is_failure, welcome_lot};
use crate::credits::{Balance, EntryKind, EntryReason, WorkKind};
use crate::platform::amount::{Amount, micros};
use crate::platform::db::mongo::{Durability, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{OwnerId, UserId, WorkId};

impl MongoCreditStore {
    /// The account as it is stored: what has expired may still be there.
    pub(super) async fn find_account(&self, owner: OwnerId) -> StoreResult<Option<Account>> {
        let accounts = self.accounts.clone();
        run(async move { accounts.find_one(doc! { "_id": to_bson(owner) }).await }).await
    }

    /// The balance; `None` where there is no account, or something has expired.
    pub(super) async fn find_balance(&self, owner: OwnerId) -> StoreResult<Option<Balance>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Found {
            balance: StoredBalance,
            next_expiry: i64,
        }
        let accounts = self.accounts.clone_with_type::<Found>();
        let fields = doc! { "balance": 1, "nextExpiry": 1 };
        let own = doc! { "_id": to_bson(owner) };
        let found = run(async move { accounts.find_one(own).projection(fields).await }).await?;
        let now = self.mongo.now();
        Ok(found.filter(|found| found.next_expiry > now).map(|found| found.balance.into()))
    }

    /// The balance with the lots; `None` where there is no account, or something has expired.
    pub(super) async fn find_state(&self, owner: OwnerId) -> StoreResult<Option<AccountState>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Found {
            balance: StoredBalance,
            lots: Vec<StoredLot>,
            #[serde(with = "micros")]
            overdrawn: Amount,
            next_expiry: i64,
        }
        let accounts = self.accounts.clone_with_type::<Found>();
        let fields = doc! { "balance": 1, "lots": 1, "overdrawn": 1, "nextExpiry": 1 };
        let own = doc! { "_id": to_bson(owner) };
        let found = run(async move { accounts.find_one(own).projection(fields).await }).await?;
        let now = self.mongo.now();
        Ok(found.filter(|found| found.next_expiry > now).map(|found| {
            let lots = found.lots.into_iter().map(Lot::from).collect();
            AccountState { balance: found.balance.into(), lots: Lots::new(lots, found.overdrawn) }
        }))
    }

    /// Makes the account with so many credits, unless somebody was faster.
    pub(super) async fn open_account(&self, owner: OwnerId, free_credits: Amount, request_id: &str) -> StoreResult<()> {
        let (mut recent, mut lots) = (Vec::new(), Vec::new());
        if free_credits.is_positive() {
            let (key, at) = (format!("grant:welcome:{owner}"), self.mongo.now());
            let mut grant = Entry::new(EntryKind::Grant, free_credits, Amount::ZERO, key, request_id, at);
            grant.reason = Some(EntryReason::Welcome.as_str().to_owned());
            let lot = welcome_lot(from_bson(grant.id), free_credits, at);
            grant.lots = vec![lot.share().into()];
            lots.push(StoredLot::from(lot));
            grant.lot = lots.first().cloned();
            recent.push(grant);
        }
        let account = Account {
            owner: to_bson(owner),
            balance: Balance { available: free_credits, held: Amount::ZERO, debt: Amount::ZERO }.into(),
            lots,
            overdrawn: Amount::ZERO,
            next_expiry: NEVER,
            posted: i64::from(free_credits.is_positive()),
            cut_at: Cut::default(),
            open: Vec::new(),
            busy: false,
            recent,
            spending: HashMap::new(),
            spending_until: HashMap::new(),
            forget_at: None,
        };
        let accounts = self.accounts.clone();
        match run(async move { accounts.insert_one(account).await }).await {
            Err(error) if !is_duplicate(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Forgets the idempotency keys of an account, and what is counted in it.
    pub(super) async fn forget_words(&self, owner: OwnerId) -> StoreResult<()> {
        let (ledger, accounts, of) = (self.ledger.clone(), self.accounts.clone(), to_bson(owner));
        run(async move {
            let keyed = doc! { "_id.user": of, "once.key": { "$exists": true } };
            ledger.update_many(keyed, doc! { "$unset": { "once": "" } }).await
        })
        .await?;
        run(async move {
            let forget = doc! {
                "$unset": { "recent.$[].once": "", "forgetAt": "" },
                "$set": { "spending": {}, "spendingUntil": {} },
            };
            accounts.update_one(doc! { "_id": of }, forget).await
        })
        .await?;
        Ok(())
    }

    /// The account as it is now, opened if need be.
    pub(super) async fn open_or_find(&self, owner: OwnerId, request_id: &str) -> StoreResult<Account> {
        if let Some(account) = self.find_live(owner).await? {
            return Ok(account);
        }
        self.open_account(owner, self.free_credits, request_id).await?;
        self.find_live(owner).await?.ok_or_else(|| StoreError::Corrupt(format!("account {owner} went away")))
    }

    /// What became of a user's key: in the account, or in what was filed before the account was read.
    pub(super) async fn find_once(
        &self,
        account: &Account,
        user: UserId,
        idempotency: &Idempotency,
    ) -> StoreResult<Option<HoldOutcome>> {
        let Some(Once { fingerprint, hold, .. }) = self.newest_once(account, to_bson(user), &idempotency.key).await?
        else {
            return Ok(None);
        };
        let hold = from_bson(hold);
        let failed = match self.find_end(account, hold).await? {
            Some((HoldEnd::Release, reason)) => is_failure(reason.as_deref()),
            _ => false,
        };
        Ok(Some(idempotency.compare(&fingerprint.bytes, hold, failed)))
    }

    /// The last hold that was made with a key: one that failed may have come before it.
    async fn newest_once(&self, account: &Account, user: bson::Uuid, key: &str) -> StoreResult<Option<Once>> {
        let mut recent = account.recent.iter().rev().filter_map(|entry| entry.once.as_ref());
        if let Some(found) = recent.find(|once| once.key == key && once.user == user) {
            return Ok(Some(found.clone()));
        }
        let ledger = self.ledger.clone();
        let which = doc! { "_id.user": account.owner, "once.key": key, "once.user": user };
        let filed = run(async move { ledger.find_one(which).sort(doc! { "_id.seq": -1 }).await }).await?;
        Ok(filed.and_then(|filed| filed.entry.once))
    }

    /// A filed entry with one of these keys.
    pub(super) async fn find_filed(&self, keys: Vec<String>) -> StoreResult<Option<Filed>> {
        let ledger = self.ledger.clone();
        run(async move { ledger.find_one(doc! { "key": { "$in": keys } }).await }).await
    }

    /// How a hold ended that is no longer open, with what was charged, and the reason as it is stored.
    pub(super) async fn find_end(
        &self,
        account: &Account,
        id: WorkId,
    ) -> StoreResult<Option<(HoldEnd, Option<String>)>> {
        let keys = [HoldEnd::Settle(Amount::ZERO), HoldEnd::Release].map(|end| end.entry_key(id));
        let ended_in = |entry: &Entry| {
            let at = keys.iter().position(|key| *key == entry.key)?;
            let end = if at == 0 { HoldEnd::Settle(-entry.amount) } else { HoldEnd::Release };
            Some((end, entry.reason.clone()))
        };
        if let Some(end) = account.recent.iter().find_map(ended_in) {
            return Ok(Some(end));
        }
        if account.find_open(id).is_some() {
            return Ok(None);
        }
        let filed = self.find_filed(keys.to_vec()).await?;
        Ok(filed.filter(|filed| filed.place.owner == account.owner).and_then(|filed| ended_in(&filed.entry)))
    }

    /// An entry of an account by its key: there, or in what was filed before the account was read.
    pub(super) async fn find_entry(&self, account: &Account, key: String) -> StoreResult<Option<Filed>> {
        if let Some(filed) = account.filed().find(|filed| filed.entry.key == key) {
            return Ok(Some(filed));
        }
        Ok(self.find_filed(vec![key]).await?.filter(|filed| filed.place.owner == account.owner))
    }

    /// Says of entries from before they said it themselves what their holds were for: that of an image has its id.
    pub(super) async fn complete_work(&self, entries: &mut [Filed]) -> StoreResult<()> {
        #[derive(Deserialize)]
        struct Image {
            #[serde(rename = "_id")]
            id: bson::Uuid,
        }
        let mut unknown: HashMap<WorkId, Vec<&mut Entry>> = HashMap::new();
        for Filed { entry, .. } in entries.iter_mut().filter(|filed| filed.entry.work.is_none()) {
            if let Some(hold) = entry.hold_id() {
                unknown.entry(hold).or_default().push(entry);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let images = self.mongo.collection::<Image>("images", Durability::Durable);
        let of = doc! { "_id": { "$in": unknown.keys().copied().map(to_bson).collect::<Vec<_>>() } };
        let images: Vec<Image> =
            run(async move { images.find(of).projection(doc! { "_id": 1 }).await?.try_collect().await }).await?;
        let images: HashSet<WorkId> = images.into_iter().map(|image| from_bson(image.id)).collect();
        for (hold, entries) in unknown {
            let work = if images.contains(&hold) { WorkKind::Image } else { WorkKind::Chat };
            for entry in entries {
                entry.work = Some(work.as_str().to_owned());
            }
        }
        Ok(())
    }
}
