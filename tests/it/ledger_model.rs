//! Random histories of an account against a model of it, over every store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tessera::credits::server::lots::{AccountState, Lot};
use tessera::credits::server::store::{
    CreditStore, ExtendOutcome, Hold, HoldEnd, HoldOutcome, LotTerms, NewHold, NewPosting, PostingKind, PostingOutcome,
    SpendLimit,
};
use tessera::credits::{Balance, EntryKind, Origin};
use tessera::platform::amount::Amount;
use tessera::platform::db::now_millis;
use tessera::platform::ids::{BudgetId, LotId, OwnerId, WorkId};

use crate::contracts;
use crate::ledger::{credits, hold_of, posting, with_key};
use crate::mongod::Kind;

/// What two budgets may come to, in credits.
const BUDGETS: [i64; 2] = [6, 11];

/// One step of a random history. Amounts are quarters of a credit.
#[derive(Debug, Clone)]
enum Step {
    Hold {
        slot: u8,
        amount: i64,
        least: i64,
        key: Option<u8>,
        body: u8,
        budget: Option<u8>,
    },
    Extend {
        slot: u8,
        by: i64,
    },
    End {
        slot: u8,
        used: Option<i64>,
    },
    Post {
        kind: PostingKind,
        amount: i64,
        key: u8,
        expired: bool,
    },
    /// The caller is gone before it hears what came of its hold.
    LostHold {
        slot: u8,
        amount: i64,
        micros: u64,
    },
    /// The caller is gone before it hears what came of the extension.
    LostExtension {
        slot: u8,
        by: i64,
        micros: u64,
    },
    /// The caller is gone before it hears what came of the end.
    LostEnd {
        slot: u8,
        used: Option<i64>,
        micros: u64,
    },
}

fn quarters(count: i64) -> Amount {
    Amount::from_micros(count * 250_000)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let posting = prop_oneof![
        (Just(PostingKind::Grant), 1..80i64),
        (Just(PostingKind::Purchase), 1..80i64),
        (Just(PostingKind::Refund), -80..0i64),
        (Just(PostingKind::Adjust), prop_oneof![-80..0i64, 1..80i64]),
    ];
    let (slot, used) = (0..6u8, proptest::option::of(0..24i64));
    let hold = (slot.clone(), 1..20i64, 1..20i64, proptest::option::of(0..3u8), 0..2u8, proptest::option::of(0..2u8));
    let step = prop_oneof![
        4 => hold.prop_map(|(slot, amount, least, key, body, budget)| {
            Step::Hold { slot, amount, least: least.min(amount), key, body, budget }
        }),
        3 => (slot.clone(), 1..16i64).prop_map(|(slot, by)| Step::Extend { slot, by }),
        4 => (slot.clone(), used.clone()).prop_map(|(slot, used)| Step::End { slot, used }),
        2 => (posting, 0..4u8, any::<bool>())
            .prop_map(|((kind, amount), key, expired)| Step::Post { kind, amount, key, expired }),
        1 => (slot.clone(), 1..20i64, 0..1500u64)
            .prop_map(|(slot, amount, micros)| Step::LostHold { slot, amount, micros }),
        1 => (slot.clone(), 1..16i64, 0..1500u64).prop_map(|(slot, by, micros)| Step::LostExtension { slot, by, micros }),
        1 => (slot, used, 0..1500u64).prop_map(|(slot, used, micros)| Step::LostEnd { slot, used, micros }),
    ];
    proptest::collection::vec(step, 1..16)
}

/// What the books should say, kept the simplest way.
struct Model {
    account: AccountState,
    open: BTreeMap<WorkId, Amount>,
    ended: BTreeMap<WorkId, HoldEnd>,
    keys: BTreeMap<u8, (u8, WorkId)>,
    postings: BTreeSet<(&'static str, u8)>,
    worth: Amount,
    /// What each budget has come to.
    spent: [Amount; 2],
    budget_of: BTreeMap<WorkId, usize>,
}

/// Ten thousand histories, several at once, each of an account of its own in one database.
async fn any_history_agrees_with_the_model(kind: Option<Kind>) {
    const THREADS: u32 = 40;
    let server = contracts::server(kind).await;
    let fixture = contracts::open(server.as_ref()).await;
    let runtime = tokio::runtime::Handle::current();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (store, runtime) = (fixture.stores.credits.clone(), runtime.clone());
            tokio::task::spawn_blocking(move || {
                let config =
                    ProptestConfig { cases: 10_000 / THREADS, failure_persistence: None, ..ProptestConfig::default() };
                TestRunner::new(config).run(&steps(), |steps| {
                    runtime.block_on(replay(store.clone(), steps));
                    Ok(())
                })
            })
        })
        .collect();
    for thread in threads {
        thread.await.unwrap().unwrap();
    }
    let report = fixture.stores.credits.audit().await.unwrap();
    assert!(report.drifts.is_empty(), "{:#?}", report.drifts);
    assert!(report.accounts >= 10_000, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_history_agrees_with_the_model_over_sqlite() {
    any_history_agrees_with_the_model(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_history_agrees_with_the_model_over_mongodb() {
    any_history_agrees_with_the_model(Some(Kind::Standalone)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_history_agrees_with_the_model_over_a_replica_set() {
    any_history_agrees_with_the_model(Some(Kind::ReplicaSet)).await;
}

/// The count of a budget, as a hold of it has it.
fn limit_of(budget: usize) -> SpendLimit {
    let most = Some(credits(BUDGETS[budget]));
    SpendLimit { counter: format!("budget_{budget}@2026-11-28"), most, budget: Some(BudgetId::now_v7()), until: None }
}

/// Waits for what nobody waits for any more: what comes after it, of another account, is done.
async fn until_done(store: &dyn CreditStore) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..2 {
        let hold = hold_of(OwnerId::now_v7(), 1);
        let held = hold.held();
        store.hold(hold).await.unwrap();
        store.end_hold(&held, HoldEnd::Release, None).await.unwrap();
    }
}

#[expect(clippy::too_many_lines, reason = "a step is a few lines each")]
async fn replay(store: Arc<dyn CreditStore>, steps: Vec<Step>) {
    let user = OwnerId::now_v7();
    let mut model = Model {
        account: AccountState::default(),
        open: BTreeMap::new(),
        ended: BTreeMap::new(),
        keys: BTreeMap::new(),
        postings: BTreeSet::new(),
        worth: Amount::ZERO,
        spent: [Amount::ZERO; 2],
        budget_of: BTreeMap::new(),
    };
    model.add(Origin::Promo, credits(10), None);
    let mut slots: BTreeMap<u8, Hold> = BTreeMap::new();
    for step in steps {
        model.expire();
        match step {
            Step::Hold { slot, amount, least, key, body, budget } => {
                let budget = budget.map(usize::from);
                let limits = budget.map(limit_of).into_iter().collect();
                let ceiling = quarters(amount + 40);
                let mut hold =
                    NewHold { amount: quarters(amount), least: quarters(least), ceiling, limits, ..hold_of(user, 1) };
                if let Some(key) = key {
                    hold = with_key(hold, &key.to_string(), body);
                }
                let mut held = hold.held();
                let before = key.and_then(|key| model.keys.get(&key).copied());
                let left = budget.map_or(Amount::MAX, |budget| model.left(budget));
                let available = model.account.balance.spendable();
                match (store.hold(hold).await.unwrap(), before) {
                    (HoldOutcome::Repeated(id), Some((seen, first))) => assert_eq!((seen, first), (body, id)),
                    (HoldOutcome::Mismatch, Some((seen, _))) => assert_ne!(seen, body),
                    (HoldOutcome::Held { amount: got, balance }, None) => {
                        assert_eq!(got, quarters(amount).min(available).min(left));
                        assert!(got >= quarters(least));
                        held.amount = got;
                        model.hold(&held, budget);
                        model.keys.extend(key.map(|key| (key, (body, held.id))));
                        slots.insert(slot, held);
                        assert_eq!(balance, model.account.balance);
                    }
                    (HoldOutcome::Insufficient { available: told }, None) => {
                        assert!(told == available && available < quarters(least));
                    }
                    (HoldOutcome::OverBudget { left: told, budget: Some(_) }, None) => {
                        assert!(told == left && left < quarters(least));
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::Extend { slot, by } => {
                let Some(hold) = slots.get_mut(&slot) else { continue };
                let to = (hold.amount + quarters(by)).min(hold.ceiling);
                let outcome = store.extend_hold(hold, to).await.unwrap();
                // As its holder knows it, with its limits.
                model.extend(hold, to, outcome);
            }
            Step::End { slot, used } => {
                let Some(hold) = slots.get(&slot) else { continue };
                let (end, balance) = store.end_hold(hold, end_of(used), None).await.unwrap().unwrap();
                model.end(hold.id, end_of(used), end);
                assert_eq!(balance, model.account.balance);
                let settlement = store.find_settlement(hold.hold_id()).await.unwrap();
                let charged = match end {
                    HoldEnd::Settle(charged) => Some(-charged),
                    HoldEnd::Release => None,
                };
                assert_eq!(settlement.map(|entry| entry.amount), charged);
            }
            Step::Post { kind, amount, key, expired } => {
                if expired {
                    // Two that get their grace in the same millisecond here, and in another there, are used in another order.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                let terms = LotTerms { expires_at: expired.then_some(1000), ..LotTerms::default() };
                let new = NewPosting { amount: quarters(amount), terms, ..posting(user, kind, 1, &key.to_string()) };
                let outcome = store.post(new.clone()).await.unwrap();
                model.post(&new, key, outcome);
            }
            Step::LostHold { slot, amount, micros } => {
                let hold = NewHold {
                    amount: quarters(amount),
                    least: quarters(amount),
                    ceiling: quarters(60),
                    ..hold_of(user, 1)
                };
                let held = hold.held();
                let lost = store.clone();
                let asked = tokio::spawn(async move { lost.hold(hold).await });
                tokio::time::sleep(Duration::from_micros(micros)).await;
                asked.abort();
                // Whether it came through shows when it is ended; what was asked may still be on its way.
                until_done(store.as_ref()).await;
                if let Some((end, _)) = store.end_hold(&held, HoldEnd::Release, None).await.unwrap() {
                    model.hold(&held, None);
                    model.end(held.id, HoldEnd::Release, end);
                    slots.insert(slot, held);
                }
            }
            Step::LostExtension { slot, by, micros } => {
                let Some(hold) = slots.get_mut(&slot) else { continue };
                let to = (hold.amount + quarters(by)).min(hold.ceiling);
                let (lost, asked) = (store.clone(), hold.clone());
                let asked = tokio::spawn(async move { lost.extend_hold(&asked, to).await });
                tokio::time::sleep(Duration::from_micros(micros)).await;
                asked.abort();
                until_done(store.as_ref()).await;
                // Asked again it is done once, and its holder, who knows nothing of it, ends all of it.
                let outcome = store.extend_hold(hold, to).await.unwrap();
                let mut known = hold.clone();
                model.extend(&mut known, to, outcome);
            }
            Step::LostEnd { slot, used, micros } => {
                let Some(hold) = slots.get(&slot).cloned() else { continue };
                let (lost, asked) = (store.clone(), hold.clone());
                let asked = tokio::spawn(async move { lost.end_hold(&asked, end_of(used), None).await });
                tokio::time::sleep(Duration::from_micros(micros)).await;
                asked.abort();
                let other = if used.is_some() { HoldEnd::Release } else { HoldEnd::Settle(quarters(1)) };
                let (end, _) = store.end_hold(&hold, other, None).await.unwrap().unwrap();
                let expected = model.ended.get(&hold.id).copied().unwrap_or(end);
                model.end(hold.id, expected, end);
            }
        }
        model.compare(store.as_ref(), user).await;
    }
    model.expire();
    // Opens the account, if nothing did.
    model.compare(store.as_ref(), user).await;
    let ledger = store.ledger(user, None, 1000).await.unwrap().unwrap();
    let worth: Amount = ledger.items.iter().map(|entry| entry.amount).sum();
    assert_eq!(worth, model.worth);
    let Balance { available, held, debt } = model.account.balance;
    assert_eq!(worth, available + held - debt);
    for entry in ledger.items.iter().filter(|entry| !entry.amount.is_zero()) {
        // Every credit that comes or goes has its lot, but for what is taken beyond all of them, while something is owed.
        let shares: Amount = entry.lots.iter().map(|share| share.amount).sum();
        let size = if entry.amount.is_negative() { -entry.amount } else { entry.amount };
        let takes = matches!(entry.kind, EntryKind::Refund | EntryKind::Settle | EntryKind::Adjust);
        assert!(shares == size || (shares < size && takes && entry.amount.is_negative()), "{entry:?}");
    }
}

fn end_of(used: Option<i64>) -> HoldEnd {
    used.map_or(HoldEnd::Release, |used| HoldEnd::Settle(quarters(used)))
}

impl Model {
    fn add(&mut self, origin: Origin, amount: Amount, expires_at: Option<i64>) {
        self.worth += amount;
        let at = i64::try_from(self.postings.len()).unwrap();
        self.account.add(Lot { id: LotId::now_v7(), origin, amount, left: amount, paid: None, expires_at, at });
    }

    /// Whatever is done next does this first.
    fn expire(&mut self) {
        for expired in self.account.expire(now_millis()) {
            self.worth -= expired.share.amount;
        }
    }

    fn left(&self, budget: usize) -> Amount {
        (credits(BUDGETS[budget]) - self.spent[budget]).max(Amount::ZERO)
    }

    async fn compare(&mut self, store: &dyn CreditStore, user: OwnerId) {
        // As it was left; reading it ends what has expired.
        let before = store.account(user, "r").await.unwrap();
        self.expire();
        let lots = |account: &AccountState| {
            let lots = account.lots.as_slice().iter();
            lots.map(|lot| (lot.origin, lot.left, lot.amount, lot.expires_at.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(before.balance, self.account.balance);
        assert_eq!(lots(&before), lots(&self.account));
        assert_eq!(before.lots.overdrawn(), self.account.lots.overdrawn());
        assert_eq!(store.balance(user, "r").await.unwrap(), self.account.balance);
        let spending = store.spending(user).await.unwrap();
        for (budget, spent) in self.spent.iter().enumerate() {
            assert_eq!(spending.get(&limit_of(budget).counter).copied().unwrap_or_default(), *spent);
        }
    }

    fn hold(&mut self, hold: &Hold, budget: Option<usize>) {
        assert!(self.account.balance.spendable() >= hold.amount);
        self.account.hold(hold.amount);
        self.open.insert(hold.id, hold.amount);
        if let Some(budget) = budget {
            self.spent[budget] += hold.amount;
            assert!(self.spent[budget] <= credits(BUDGETS[budget]));
            self.budget_of.insert(hold.id, budget);
        }
    }

    fn extend(&mut self, hold: &mut Hold, to: Amount, outcome: ExtendOutcome) {
        let Some(before) = self.open.get(&hold.id).copied() else {
            assert_eq!(outcome, ExtendOutcome::Ended);
            return;
        };
        let more = to - before;
        let budget = self.budget_of.get(&hold.id).copied();
        let left = budget.map_or(Amount::MAX, |budget| self.left(budget));
        let available = self.account.balance.spendable();
        match outcome {
            ExtendOutcome::Extended(balance) => {
                if more.is_positive() {
                    assert!(more <= available && more <= left);
                    self.account.hold(more);
                    self.open.insert(hold.id, to);
                    if let Some(budget) = budget {
                        self.spent[budget] += more;
                    }
                }
                hold.amount = hold.amount.max(to);
                assert_eq!(balance, self.account.balance);
            }
            ExtendOutcome::Insufficient { available: told } => assert!(told == available && available < more),
            ExtendOutcome::OverBudget { left: told, .. } => assert!(told == left && left < more),
            ExtendOutcome::Ended => panic!("{} is open", hold.id),
        }
    }

    fn end(&mut self, id: WorkId, asked: HoldEnd, ended: HoldEnd) {
        let Some(amount) = self.open.remove(&id) else {
            assert_eq!(ended, self.ended[&id], "an ended hold stays as it ended");
            return;
        };
        let charged = match (asked, ended) {
            (HoldEnd::Settle(used), HoldEnd::Settle(charged)) => {
                assert_eq!(charged, used.min(amount), "never more than what is held");
                charged
            }
            (HoldEnd::Release, HoldEnd::Release) => Amount::ZERO,
            other => panic!("{other:?}"),
        };
        self.account.end(amount, charged);
        self.worth -= charged;
        if let Some(budget) = self.budget_of.get(&id) {
            self.spent[*budget] -= amount - charged;
        }
        self.ended.insert(id, ended);
    }

    fn post(&mut self, new: &NewPosting, key: u8, outcome: PostingOutcome) {
        let before = self.account.balance;
        let kind = new.kind.entry_kind().as_str();
        if self.postings.contains(&(kind, key)) {
            assert_eq!(outcome, PostingOutcome::Repeated(before));
            return;
        }
        if new.amount.is_negative() {
            let refund_of = (new.kind == PostingKind::Refund).then_some(None);
            if self.account.remove(-new.amount, refund_of).is_none() {
                assert_eq!(outcome, PostingOutcome::Insufficient { available: before.available });
                return;
            }
            self.worth += new.amount;
        } else {
            let origin = match new.kind {
                PostingKind::Grant => Origin::Gift,
                PostingKind::Adjust => Origin::Goodwill,
                PostingKind::Purchase | PostingKind::Refund => Origin::Bought,
            };
            self.add(origin, new.amount, new.terms.expires_at);
        }
        assert_eq!(outcome, PostingOutcome::Posted(self.account.balance));
        self.postings.insert((kind, key));
    }
}
