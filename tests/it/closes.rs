//! The close of a day: random histories of days, and what the closes come to; races, late entries, and who may change one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;
use tessera::app::stores::Stores;
use tessera::bookkeeping::server::close::{Close, StoredClose};
use tessera::bookkeeping::server::store::{BookStore, ClosedAccount, StoredRun};
use tessera::bookkeeping::server::totals::{Total, Totals};
use tessera::bookkeeping::server::{Bookkeeping, BookkeepingParts, Pace};
use tessera::credits::server::lots::{AccountState, Lot, LotShare};
use tessera::credits::server::store::reading::{AccountCheck, AccountEnd, BookedEntry, LedgerReader};
use tessera::credits::server::store::{HoldEnd, PostingKind};
use tessera::credits::{EntryKind, Origin};
use tessera::generation::Metrics;
use tessera::images::server::storage::FileStore;
use tessera::platform::amount::Amount;
use tessera::platform::db::StoreResult;
use tessera::platform::ids::{EntryId, OwnerId};
use tessera::platform::time::{DAY, HOUR};
use uuid::Uuid;

use crate::contracts::{open, over_every_store};
use crate::ledger::{credits, hold_of, posting};

/// 2026-01-01.
const BEGIN: i64 = 1_767_225_600_000;
pub const AT_ONCE: Pace = Pace { pause: Duration::ZERO, again: Duration::ZERO, sweep: Duration::ZERO };

/// The bookkeeping over these stores, which waits for nothing.
pub fn books_of(stores: &Stores, files: &TempDir) -> Bookkeeping {
    let objects = Arc::new(FileStore::new(files.path().join("images")).unwrap());
    stores.bookkeeping(objects, Metrics::default()).at_pace(AT_ONCE)
}

/// The same over another ledger, and another store of closes.
fn books_over(stores: &Stores, files: &TempDir, ledger: &Arc<Ledger>, store: Arc<dyn BookStore>) -> Bookkeeping {
    let objects = Arc::new(FileStore::new(files.path().join("images")).unwrap());
    Bookkeeping::new(BookkeepingParts {
        database: stores.database.clone(),
        store,
        ledger: ledger.clone(),
        credits: stores.credits.clone(),
        payments: stores.payments.clone(),
        papers: stores.papers.clone(),
        attempts: stores.attempts.clone(),
        images: stores.images.clone(),
        objects,
        metrics: Metrics::default(),
    })
    .at_pace(AT_ONCE)
}

/// A ledger in memory, whose clock is the test's. Its accounts move by the rules of all.
#[derive(Default)]
struct Ledger(Mutex<BTreeMap<OwnerId, (AccountState, Vec<BookedEntry>)>>);

/// What happens to an account.
#[derive(Debug, Clone)]
struct Step {
    account: u8,
    action: u8,
    amount: i64,
    hours: i64,
    is_late: bool,
    closes: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..4_u8, 0..8_u8, 1..50_i64, 0..20_i64, 0..10_u8, 0..4_u8).prop_map(
        |(account, action, amount, hours, late, close)| Step {
            account,
            action,
            amount,
            hours,
            is_late: late == 0,
            closes: close == 0,
        },
    );
    proptest::collection::vec(step, 1..50)
}

fn owner(account: u8) -> OwnerId {
    Uuid::from_u128(1 + u128::from(account)).into()
}

impl Ledger {
    fn step(&self, step: &Step, at: i64) {
        let mut accounts = self.0.lock().unwrap();
        let (account, entries) = accounts.entry(owner(step.account)).or_default();
        let (amount, id) = (credits(step.amount), EntryId::now_v7());
        let came = |account: &mut AccountState, kind, origin| {
            let lot = Lot { id: Uuid::from(id).into(), origin, amount, left: amount, paid: None, expires_at: None, at };
            let share = lot.share();
            account.add(lot);
            Some((kind, amount, Amount::ZERO, vec![share]))
        };
        let held = account.balance.held;
        let moved: Option<(EntryKind, Amount, Amount, Vec<LotShare>)> = match step.action {
            0 => came(account, EntryKind::Purchase, Origin::Bought),
            1 => came(account, EntryKind::Grant, Origin::Promo),
            2 if account.balance.available >= amount && account.balance.debt.is_zero() => {
                account.hold(amount);
                Some((EntryKind::Hold, Amount::ZERO, amount, Vec::new()))
            }
            3 | 4 if held.is_positive() => {
                let used = if step.action == 3 { amount.min(held) } else { Amount::ZERO };
                let kind = if step.action == 3 { EntryKind::Settle } else { EntryKind::Release };
                let shares = account.end(held, used);
                Some((kind, -used, -held, shares))
            }
            5 => account.remove(amount, Some(None)).map(|shares| (EntryKind::Refund, -amount, Amount::ZERO, shares)),
            6 => account.remove(amount, None).map(|shares| (EntryKind::Adjust, -amount, Amount::ZERO, shares)),
            _ => None,
        };
        let Some((kind, amount, held_change, lots)) = moved else { return };
        let number = i64::try_from(entries.len()).unwrap() + 1;
        let available_after = account.balance.available;
        entries.push(BookedEntry { number, id, kind, amount, held_change, available_after, lots, at });
    }

    /// What all accounts have, by their own books.
    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (account, _) in self.0.lock().unwrap().values() {
            totals.available += account.balance.available.into();
            totals.held += account.balance.held.into();
            totals.debt += account.balance.debt.into();
            totals.overdrawn += account.lots.overdrawn().into();
            for lot in account.lots.as_slice() {
                *totals.origins.entry(lot.origin.as_str().to_owned()).or_default() += lot.left.into();
            }
        }
        totals
    }

    fn entries(&self) -> Vec<BookedEntry> {
        self.0.lock().unwrap().values().flat_map(|(_, entries)| entries.clone()).collect()
    }
}

#[async_trait]
impl LedgerReader for Ledger {
    async fn accounts(&self, after: OwnerId, limit: usize) -> StoreResult<Vec<AccountEnd>> {
        let accounts = self.0.lock().unwrap();
        let later = accounts.iter().filter(|(owner, _)| **owner > after);
        let end = |(owner, (_, entries)): (&OwnerId, &(AccountState, Vec<BookedEntry>))| AccountEnd {
            owner: *owner,
            last: i64::try_from(entries.len()).unwrap(),
        };
        Ok(later.map(end).take(limit).collect())
    }

    async fn entries(&self, owner: OwnerId, after: i64, limit: usize) -> StoreResult<Vec<BookedEntry>> {
        let accounts = self.0.lock().unwrap();
        let entries = accounts.get(&owner).map(|(_, entries)| entries.clone()).unwrap_or_default();
        Ok(entries.into_iter().filter(|entry| entry.number > after).take(limit).collect())
    }

    async fn check_accounts(&self, _: OwnerId, _: usize) -> StoreResult<Vec<AccountCheck>> {
        Ok(Vec::new())
    }

    async fn check_account(&self, _: OwnerId) -> StoreResult<Option<AccountCheck>> {
        Ok(None)
    }
}

async fn all_closes(store: &dyn BookStore) -> Vec<Close> {
    let mut closes = store.list_closes(i64::MAX, 1000).await.unwrap();
    closes.reverse();
    closes.iter().map(|close| close.read().unwrap()).collect()
}

/// Lets a history happen over several servers, and compares what its closes come to with the ledger.
async fn live(stores: &Stores, files: &TempDir, history: &[Step], is_leased: bool) {
    let ledger = Arc::new(Ledger::default());
    let store: Arc<dyn BookStore> =
        if is_leased { stores.books.clone() } else { Arc::new(Unleased(stores.books.clone())) };
    let servers: Vec<_> = (0..3).map(|_| books_over(stores, files, &ledger, store.clone())).collect();
    let close = async |now: i64| {
        let at_once = servers.iter().map(|books| books.close_days_at(now));
        for closed in futures::future::join_all(at_once).await {
            closed.unwrap();
        }
    };
    let mut now = BEGIN;
    for step in history {
        now += step.hours * HOUR;
        ledger.step(step, if step.is_late { now - 40 * HOUR } else { now });
        if step.closes {
            close(now).await;
        }
    }
    close(now + 3 * DAY).await;
    let closes = all_closes(stores.books.as_ref()).await;
    assert_eq!(servers[0].verify_closes().await.unwrap(), Vec::<String>::new());
    assert_eq!(closes.last().unwrap().closing, ledger.totals());
    let (entries, sum) = (ledger.entries(), |of: fn(&Close) -> u64| closes.iter().map(of).sum::<u64>());
    assert_eq!(sum(|close| close.entries), entries.len() as u64);
    for kind in EntryKind::ALL {
        let booked: Amount = entries.iter().filter(|entry| entry.kind == kind).map(|entry| entry.amount).sum();
        let kinds = closes.iter().flat_map(|close| &close.kinds).filter(|sum| sum.kind == kind);
        let closed = kinds.fold(Total::ZERO, |sum, kind| sum + kind.amount);
        assert_eq!(closed.amount(), booked, "{kind:?}");
    }
    for (before, close) in closes.iter().zip(&closes[1..]) {
        assert_eq!(before.day.tomorrow().unwrap(), close.day);
        let begin = close.day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond();
        assert!(close.late.named.iter().all(|entry| entry.at < begin), "{:?}", close.late);
    }
}

/// A store whose leases everybody gets: as if all servers were slow.
struct Unleased(Arc<dyn BookStore>);

#[async_trait]
impl BookStore for Unleased {
    async fn add_close(&self, close: StoredClose) -> StoreResult<bool> {
        self.0.add_close(close).await
    }

    async fn find_close(&self, number: i64) -> StoreResult<Option<StoredClose>> {
        self.0.find_close(number).await
    }

    async fn list_closes(&self, before: i64, limit: usize) -> StoreResult<Vec<StoredClose>> {
        self.0.list_closes(before, limit).await
    }

    async fn keep_accounts(&self, accounts: Vec<ClosedAccount>) -> StoreResult<()> {
        tokio::task::yield_now().await;
        self.0.keep_accounts(accounts).await
    }

    async fn closed_accounts(&self, after: OwnerId, until: OwnerId) -> StoreResult<Vec<ClosedAccount>> {
        self.0.closed_accounts(after, until).await
    }

    async fn forget_accounts(&self, accounts: Vec<(OwnerId, Uuid)>) -> StoreResult<()> {
        self.0.forget_accounts(accounts).await
    }

    async fn add_run(&self, run: StoredRun, keep: usize) -> StoreResult<()> {
        self.0.add_run(run, keep).await
    }

    async fn list_runs(&self, before: Uuid, limit: usize) -> StoreResult<Vec<StoredRun>> {
        self.0.list_runs(before, limit).await
    }

    async fn take_lease(&self, _: &'static str, _: Uuid, _: i64, _: i64) -> StoreResult<bool> {
        Ok(true)
    }

    async fn lease_until(&self, name: &'static str) -> StoreResult<i64> {
        self.0.lease_until(name).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_closes_of_any_history_sum_to_the_ledger() {
    let runtime = tokio::runtime::Handle::current();
    let ran = tokio::task::spawn_blocking(move || {
        let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
        TestRunner::new(config).run(&(steps(), any::<bool>()), |(history, is_leased)| {
            runtime.block_on(async {
                let (fixture, files) = (open(None).await, TempDir::new().unwrap());
                live(&fixture.stores, &files, &history, is_leased).await;
            });
            Ok(())
        })
    });
    ran.await.unwrap().unwrap();
}

/// A history of some weeks, the same every time.
fn weeks() -> Vec<Step> {
    let mut dice = 7_u64;
    let mut throw = |most: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % most
    };
    let mut step = || Step {
        account: u8::try_from(throw(4)).unwrap(),
        action: u8::try_from(throw(8)).unwrap(),
        amount: i64::try_from(throw(50)).unwrap() + 1,
        hours: i64::try_from(throw(20)).unwrap(),
        is_late: throw(10) == 0,
        closes: throw(4) == 0,
    };
    (0..120).map(|_| step()).collect()
}

over_every_store! {
    async fn servers_that_close_at_once_make_one_close_of_each_day(stores) {
        let files = TempDir::new().unwrap();
        live(&stores, &files, &weeks(), false).await;
    }

    async fn one_server_at_a_time_has_a_lease(stores) {
        let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
        let take = async |holder, now, until| stores.books.take_lease("a", holder, now, until).await.unwrap();
        assert!(take(one, 10, 20).await && take(one, 15, 25).await);
        assert!(!take(two, 24, 40).await);
        assert_eq!(stores.books.lease_until("a").await.unwrap(), 25);
        assert!(take(two, 25, 40).await && !take(one, 30, 50).await);
        assert_eq!(stores.books.lease_until("b").await.unwrap(), 0);
    }

    async fn runs_are_kept_up_to_a_number(stores) {
        for _ in 0..5 {
            let run = StoredRun { id: Uuid::now_v7(), body: "{}".to_owned() };
            stores.books.add_run(run, 3).await.unwrap();
        }
        let runs = stores.books.list_runs(Uuid::max(), 10).await.unwrap();
        assert!(runs.len() == 3 && runs.is_sorted_by(|one, two| one.id > two.id));
        assert_eq!(stores.books.list_runs(runs[0].id, 1).await.unwrap(), runs[1..2]);
    }

    async fn the_real_ledger_is_closed_as_its_accounts_are(stores) {
        let files = TempDir::new().unwrap();
        let books = books_of(&stores, &files);
        let now = stores.database.now();
        let today = now - now % DAY;
        let mut owners = Vec::new();
        for number in 0..5_i64 {
            let owner = OwnerId::now_v7();
            owners.push(owner);
            stores.credits.post(posting(owner, PostingKind::Purchase, 20 + number, "a")).await.unwrap();
            // Enough that entries are filed in MongoDB.
            for _ in 0..40 {
                let hold = hold_of(owner, 2);
                stores.credits.hold(hold.clone()).await.unwrap();
                let end = HoldEnd::Settle(Amount::from_micros(100_000));
                stores.credits.end_hold(&hold.held(), end, None).await.unwrap();
            }
            stores.credits.hold(hold_of(owner, 3)).await.unwrap();
            // More than there is: debt.
            stores.credits.post(posting(owner, PostingKind::Refund, -60, "b")).await.unwrap();
        }
        assert_eq!(books.close_days_at(today + DAY + 2 * HOUR).await.unwrap().len(), 1);
        let closes = all_closes(stores.books.as_ref()).await;
        let mut totals = Totals::default();
        for owner in &owners {
            let account = stores.credits.account(*owner, "r").await.unwrap();
            totals.available += account.balance.available.into();
            totals.held += account.balance.held.into();
            totals.debt += account.balance.debt.into();
            totals.overdrawn += account.lots.overdrawn().into();
            for lot in account.lots.as_slice() {
                *totals.origins.entry(lot.origin.as_str().to_owned()).or_default() += lot.left.into();
            }
        }
        assert!(!totals.debt.is_zero() && !totals.held.is_zero() && closes[0].accounts == 5);
        assert_eq!(closes[0].closing, totals);
        // The next day has what comes now, as corrections: that day is closed.
        stores.credits.post(posting(owners[0], PostingKind::Adjust, 7, "late")).await.unwrap();
        assert_eq!(books.close_days_at(today + DAY + 3 * HOUR).await.unwrap().len(), 0);
        assert_eq!(books.close_days_at(today + 2 * DAY + 2 * HOUR).await.unwrap().len(), 1);
        let second = all_closes(stores.books.as_ref()).await.remove(1);
        assert_eq!((second.entries, second.late.entries, second.late.amount.amount()), (1, 1, credits(7)));
        assert_eq!((second.late.named[0].account, second.late.named[0].kind), (owners[0], EntryKind::Adjust));
        assert_eq!(books.verify_closes().await.unwrap(), Vec::<String>::new());
    }

    async fn a_page_of_checks_says_what_each_account_is(stores) {
        let mut owners: Vec<OwnerId> = (0..7).map(|_| OwnerId::now_v7()).collect();
        for (number, owner) in owners.iter().enumerate() {
            let amount = i64::try_from(number).unwrap() + 10;
            stores.credits.post(posting(*owner, PostingKind::Purchase, amount, "a")).await.unwrap();
            stores.credits.hold(hold_of(*owner, 3)).await.unwrap();
        }
        owners.sort_unstable();
        let (mut after, mut found) = (OwnerId::min(), Vec::new());
        loop {
            let page = stores.ledger.check_accounts(after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.owner;
            found.extend(page);
        }
        assert_eq!(found.iter().map(|check| check.owner).collect::<Vec<_>>(), owners);
        for check in found {
            assert!(check.agrees() && check.open == credits(3) && check.purchased >= credits(10), "{check:?}");
            assert_eq!(stores.ledger.check_account(check.owner).await.unwrap(), Some(check));
            let entries = stores.ledger.entries(check.owner, 0, 100).await.unwrap();
            assert_eq!(entries.len() as u64, check.entries);
            let rest = stores.ledger.entries(check.owner, entries[0].number, 1).await.unwrap();
            assert_eq!(rest, entries[1..2]);
        }
        assert_eq!(stores.ledger.check_account(OwnerId::now_v7()).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_cannot_be_changed_even_by_hand_and_the_chain_shows_who_does_it_all_the_same() {
    let (fixture, files) = (open(None).await, TempDir::new().unwrap());
    let books = books_of(&fixture.stores, &files);
    let owner = OwnerId::now_v7();
    fixture.stores.credits.post(posting(owner, PostingKind::Purchase, 5, "a")).await.unwrap();
    let now = fixture.stores.database.now();
    books.close_days_at(now + DAY + 2 * HOUR).await.unwrap();
    books.close_days_at(now + 2 * DAY + 2 * HOUR).await.unwrap();
    let database = rusqlite::Connection::open(fixture.file("tessera.db")).unwrap();
    for change in ["UPDATE closes SET body = '{}'", "UPDATE closes SET hash = 'x'", "DELETE FROM closes"] {
        let refused = database.execute(change, []).unwrap_err().to_string();
        assert!(refused.contains("a close never changes"), "{refused}");
    }
    assert!(books.verify_closes().await.unwrap().is_empty());
    // Whoever owns the file can do anything, but not unseen.
    database.execute_batch("DROP TRIGGER closes_no_update").unwrap();
    database
        .execute("UPDATE closes SET body = replace(body, '\"entries\":1', '\"entries\":2') WHERE number = 1", [])
        .unwrap();
    let problems = books.verify_closes().await.unwrap();
    assert!(problems.iter().any(|problem| problem.contains("its hash is of another text")), "{problems:?}");
    // With the hash made anew, the next one tells.
    let body: String = database.query_row("SELECT body FROM closes WHERE number = 1", [], |row| row.get(0)).unwrap();
    let close: Close = serde_json::from_str(&body).unwrap();
    let sealed = StoredClose::seal(&close).unwrap();
    database.execute("UPDATE closes SET body = ?1, hash = ?2 WHERE number = 1", [&sealed.body, &sealed.hash]).unwrap();
    let problems = books.verify_closes().await.unwrap();
    assert!(problems.iter().any(|problem| problem.contains("the chain is broken")), "{problems:?}");
    // What is kept of an account is compared too.
    database.execute_batch("UPDATE closed_accounts SET books = replace(books, '\"worth\":', '\"worth\":1')").unwrap();
    let problems = books.verify_closes().await.unwrap();
    assert!(problems.iter().any(|problem| problem.contains("is not what its accounts come to")), "{problems:?}");
}
