//! Finding accounts and opening them, and what became of keys and holds.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt;
use mongodb::bson::{self, doc};
use serde::Deserialize;

use super::MongoCreditStore;
use super::documents::{Account, Cut, Entry, Filed, Once};
use crate::credits::server::store::{HoldEnd, HoldOutcome, Idempotency, is_failure};
use crate::credits::{Balance, EntryKind, EntryReason, WorkKind};
use crate::platform::db::mongo::{Durability, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{UserId, WorkId};

impl MongoCreditStore {
    pub(super) async fn find_account(&self, user: UserId) -> StoreResult<Option<Account>> {
        let accounts = self.accounts.clone();
        run(async move { accounts.find_one(doc! { "_id": to_bson(user) }).await }).await
    }

    pub(super) async fn find_balance(&self, user: UserId) -> StoreResult<Option<Balance>> {
        let accounts = self.accounts.clone_with_type::<Balance>();
        run(async move {
            let fields = doc! { "_id": 0, "available": 1, "held": 1, "debt": 1 };
            accounts.find_one(doc! { "_id": to_bson(user) }).projection(fields).await
        })
        .await
    }

    /// Makes the account with its free credits, unless somebody was faster.
    pub(super) async fn open_account(&self, user: UserId, request_id: &str) -> StoreResult<()> {
        let mut recent = Vec::new();
        if self.free_credits > 0 {
            let key = format!("grant:welcome:{user}");
            let mut grant = Entry::new(EntryKind::Grant, self.free_credits, 0, key, request_id, self.mongo.now());
            grant.reason = Some(EntryReason::Welcome.as_str().to_owned());
            recent.push(grant);
        }
        let account = Account {
            user: to_bson(user),
            available: self.free_credits,
            held: 0,
            debt: 0,
            posted: i64::from(self.free_credits > 0),
            cut: Cut::default(),
            open: Vec::new(),
            busy: false,
            recent,
            spending: HashMap::new(),
        };
        let accounts = self.accounts.clone();
        match run(async move { accounts.insert_one(account).await }).await {
            Err(error) if !is_duplicate(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// The account, opened if need be.
    pub(super) async fn account(&self, user: UserId, request_id: &str) -> StoreResult<Account> {
        if let Some(account) = self.find_account(user).await? {
            return Ok(account);
        }
        self.open_account(user, request_id).await?;
        self.find_account(user).await?.ok_or_else(|| StoreError::Corrupt(format!("account {user} went away")))
    }

    /// What became of a key: in the account, or in what was filed before the account was read.
    pub(super) async fn find_once(
        &self,
        account: &Account,
        idempotency: &Idempotency,
    ) -> StoreResult<Option<HoldOutcome>> {
        let Some(Once { fingerprint, hold, .. }) = self.newest_once(account, &idempotency.key).await? else {
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
    async fn newest_once(&self, account: &Account, key: &str) -> StoreResult<Option<Once>> {
        let mut recent = account.recent.iter().rev().filter_map(|entry| entry.once.as_ref());
        if let Some(found) = recent.find(|once| once.key == key) {
            return Ok(Some(found.clone()));
        }
        let (ledger, which) = (self.ledger.clone(), doc! { "_id.user": account.user, "once.key": key });
        let filed = run(async move { ledger.find_one(which).sort(doc! { "_id.seq": -1 }).await }).await?;
        Ok(filed.and_then(|filed| filed.entry.once))
    }

    /// A filed entry with one of these keys.
    pub(super) async fn find_filed(&self, keys: Vec<String>) -> StoreResult<Option<Filed>> {
        let ledger = self.ledger.clone();
        run(async move { ledger.find_one(doc! { "key": { "$in": keys } }).await }).await
    }

    /// How a hold ended that is no longer open, and the reason as it is stored.
    pub(super) async fn find_end(
        &self,
        account: &Account,
        id: WorkId,
    ) -> StoreResult<Option<(HoldEnd, Option<String>)>> {
        let ends = [HoldEnd::Settle, HoldEnd::Release];
        let ended_in = |entry: &Entry| {
            let end = ends.into_iter().find(|end| end.entry_key(id) == entry.key)?;
            Some((end, entry.reason.clone()))
        };
        if let Some(end) = account.recent.iter().find_map(ended_in) {
            return Ok(Some(end));
        }
        if account.is_open(id) {
            return Ok(None);
        }
        let filed = self.find_filed(ends.map(|end| end.entry_key(id)).to_vec()).await?;
        Ok(filed.filter(|filed| filed.place.user == account.user).and_then(|filed| ended_in(&filed.entry)))
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
