//! Checking every account against its entries, those it has with it and those that were filed.

use futures::TryStreamExt;
use mongodb::bson::doc;

use super::MongoCreditStore;
use super::documents::{Account, Cut, Entry, Filed, between};
use super::lots::StoredLot;
use super::published::GivenBack;
use crate::credits::Balance;
use crate::credits::server::lots::NEVER;
use crate::credits::server::store::{AuditReport, Drift};
use crate::platform::amount::Amount;
use crate::platform::db::mongo::from_bson;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::OwnerId;

/// Documents that are in memory at a time, of accounts and of entries.
const AT_A_TIME: u32 = 1000;

impl MongoCreditStore {
    /// Constant memory, and right under load.
    pub(super) async fn walk_books(&self) -> StoreResult<AuditReport> {
        let (accounts, ledger) = (self.accounts.clone(), self.ledger.clone());
        // Two walks side by side in the order of users. Not bounded by a request's patience: this is for the command line.
        let mut accounts = accounts.find(doc! {}).sort(doc! { "_id": 1 }).batch_size(AT_A_TIME).await?;
        let mut ledger = ledger.find(doc! {}).sort(doc! { "_id": 1 }).batch_size(AT_A_TIME).await?;
        let mut report = AuditReport::default();
        let mut given_back = GivenBack::new(self.published.clone());
        let mut next = ledger.try_next().await?;
        while let Some(account) = accounts.try_next().await? {
            let mut books = Books::default();
            while let Some(filed) = next.take_if(|filed| filed.place.owner <= account.owner) {
                if filed.place.owner < account.owner {
                    report.entries += 1;
                    report.drifts.push(orphan(&filed));
                } else if filed.place.seq <= account.cut_at.seq {
                    books.add(&filed);
                }
                report.drifts.extend(given_back.add(filed.place.owner, &filed.entry).await?);
                next = ledger.try_next().await?;
            }
            let mut problems = books.compare(&account);
            let mut account = account;
            if !problems.is_empty() {
                // The walks may have met an account that was being filed between them: look at it alone.
                (account, books) = self.read_books(from_bson(account.owner)).await?;
                problems = books.compare(&account);
            }
            report.accounts += 1;
            report.entries += books.count + u64::try_from(account.recent.len()).unwrap_or_default();
            report.open_holds += u64::try_from(account.open.len()).unwrap_or_default();
            let oldest = account.open.iter().map(|hold| hold.at.timestamp_millis()).min();
            report.oldest_hold = report.oldest_hold.into_iter().chain(oldest).min();
            let owner = from_bson(account.owner);
            report.drifts.extend(problems.into_iter().map(|problem| Drift { owner, problem }));
            for entry in &account.recent {
                report.drifts.extend(given_back.add(account.owner, entry).await?);
            }
        }
        while let Some(filed) = next {
            report.entries += 1;
            report.drifts.push(orphan(&filed));
            next = ledger.try_next().await?;
        }
        report.drifts.extend(given_back.look().await?);
        Ok(report)
    }

    /// One account and its filed entries, read in this order: what was cut from the account has been filed before.
    async fn read_books(&self, owner: OwnerId) -> StoreResult<(Account, Books)> {
        let account =
            self.find_account(owner).await?.ok_or_else(|| StoreError::Corrupt(format!("account {owner} went away")))?;
        let mut books = Books::default();
        let range = between(account.owner, i64::MIN, account.cut_at.seq);
        let mut entries = self.ledger.find(range).sort(doc! { "_id": 1 }).await?;
        while let Some(filed) = entries.try_next().await? {
            books.add(&filed);
        }
        Ok((account, books))
    }
}

fn orphan(filed: &Filed) -> Drift {
    Drift { owner: from_bson(filed.place.owner), problem: format!("entry {} has no account", filed.place.seq) }
}

/// What the filed entries of an account come to.
#[derive(Debug, Default)]
struct Books {
    count: u64,
    worth: Amount,
    held: Amount,
    available: Amount,
    /// The first entry that does not follow from the one before.
    broken: Option<i64>,
}

impl Books {
    fn add(&mut self, filed: &Filed) {
        self.count += 1;
        self.worth += filed.entry.amount;
        self.held += filed.entry.held_change;
        self.available += filed.entry.available_change();
        let follows = u64::try_from(filed.place.seq).ok() == Some(self.count) && filed.available == self.available;
        if !follows && self.broken.is_none() {
            self.broken = Some(filed.place.seq);
        }
    }

    /// What is wrong with an account, whose entries up to the cut these are.
    fn compare(&self, account: &Account) -> Vec<String> {
        let mut problems = Vec::new();
        let Balance { available, held, debt } = account.balance();
        if let Some(seq) = self.broken {
            problems.push(format!("entry {seq} does not follow from the one before"));
        }
        if u64::try_from(account.cut_at.seq).ok() != Some(self.count) || account.cut_at.available != self.available {
            let Cut { seq, available } = account.cut_at;
            problems.push(format!(
                "{seq} entries are filed and {available} were available then, the ledger has {} and {}",
                self.count, self.available
            ));
        }
        let recent = |of: fn(&Entry) -> Amount| account.recent.iter().map(of).sum::<Amount>();
        let worth = self.worth + recent(|entry| entry.amount);
        if worth != available + held - debt {
            problems.push(format!("the ledger sums to {worth}, the account to {available} + {held} - {debt}"));
        }
        let (ledger_held, open) = (
            self.held + recent(|entry| entry.held_change),
            account.open.iter().map(|hold| hold.amount).sum::<Amount>(),
        );
        if ledger_held != held || open != held {
            problems.push(format!("{held} are held, the ledger says {ledger_held} and the open holds {open}"));
        }
        let last = self.available + recent(Entry::available_change);
        if last != available {
            problems.push(format!("{available} are available, the last entry says {last}"));
        }
        let lots = account.lots.iter().map(|lot| lot.left).sum::<Amount>() - account.overdrawn;
        if lots != available + held - debt {
            problems.push(format!("the lots come to {lots}, the account to {available} + {held} - {debt}"));
        }
        // The first may be used up, until the next time that all are written.
        let is_wrong = |(at, lot): (usize, &StoredLot)| {
            lot.left.is_negative() || lot.left > lot.amount || (at > 0 && lot.left.is_zero())
        };
        if account.overdrawn.is_negative() || account.lots.iter().enumerate().any(is_wrong) {
            problems.push(format!("a lot has what it cannot have, or {} are overdrawn", account.overdrawn));
        }
        let next_expiry = account.lots.first().and_then(|lot| lot.expires_at).unwrap_or(NEVER);
        if account.next_expiry != next_expiry {
            problems.push(format!("a lot expires at {next_expiry}, the account says {}", account.next_expiry));
        }
        if account.posted != account.cut_at.seq + i64::try_from(account.recent.len()).unwrap_or(i64::MAX) {
            problems.push(format!("{} entries were posted, {} are there", account.posted, account.recent.len()));
        }
        problems
    }
}
