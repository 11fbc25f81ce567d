//! Random histories of an account against a model of it, over every store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tessera::credits::Balance;
use tessera::credits::server::store::{CreditStore, Hold, HoldEnd, HoldOutcome, PostingKind, PostingOutcome};
use tessera::platform::ids::{UserId, WorkId};

use crate::contracts;
use crate::ledger::{hold_of, posting, with_key};
use crate::mongod::Kind;

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Hold {
        slot: u8,
        amount: i64,
        key: Option<u8>,
        body: u8,
    },
    End {
        slot: u8,
        settle: bool,
    },
    Post {
        kind: PostingKind,
        amount: i64,
        key: u8,
    },
    /// The caller is gone before it hears what came of its hold.
    LostHold {
        slot: u8,
        amount: i64,
        micros: u64,
    },
    /// The caller is gone before it hears what came of the end.
    LostEnd {
        slot: u8,
        settle: bool,
        micros: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let posting = prop_oneof![
        (Just(PostingKind::Grant), 1..20i64),
        (Just(PostingKind::Purchase), 1..20i64),
        (Just(PostingKind::Refund), -20..0i64),
        (Just(PostingKind::Adjust), prop_oneof![-20..0i64, 1..20i64]),
    ];
    let step = prop_oneof![
        4 => (0..6u8, 1..5i64, proptest::option::of(0..3u8), 0..2u8)
            .prop_map(|(slot, amount, key, body)| Step::Hold { slot, amount, key, body }),
        4 => (0..6u8, any::<bool>()).prop_map(|(slot, settle)| Step::End { slot, settle }),
        2 => (posting, 0..4u8).prop_map(|((kind, amount), key)| Step::Post { kind, amount, key }),
        1 => (0..6u8, 1..5i64, 0..1500u64).prop_map(|(slot, amount, micros)| Step::LostHold { slot, amount, micros }),
        1 => (0..6u8, any::<bool>(), 0..1500u64).prop_map(|(slot, settle, micros)| Step::LostEnd { slot, settle, micros }),
    ];
    proptest::collection::vec(step, 1..16)
}

/// What the books should say, kept the simplest way.
struct Model {
    balance: Balance,
    open: BTreeMap<WorkId, i64>,
    ended: BTreeMap<WorkId, HoldEnd>,
    keys: BTreeMap<u8, (u8, WorkId)>,
    postings: BTreeSet<(&'static str, u8)>,
    worth: i64,
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

async fn replay(store: Arc<dyn CreditStore>, steps: Vec<Step>) {
    let user = UserId::now_v7();
    let mut model = Model {
        balance: Balance { available: 10, held: 0, debt: 0 },
        open: BTreeMap::new(),
        ended: BTreeMap::new(),
        keys: BTreeMap::new(),
        postings: BTreeSet::new(),
        worth: 10,
    };
    let mut slots: BTreeMap<u8, Hold> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Hold { slot, amount, key, body } => {
                let mut hold = hold_of(user, amount);
                if let Some(key) = key {
                    hold = with_key(hold, &key.to_string(), body);
                }
                let held = hold.held();
                let before = key.and_then(|key| model.keys.get(&key).copied());
                match (store.hold(hold).await.unwrap(), before) {
                    (HoldOutcome::Repeated(id), Some((seen, first))) => assert_eq!((seen, first), (body, id)),
                    (HoldOutcome::Mismatch, Some((seen, _))) => assert_ne!(seen, body),
                    (HoldOutcome::Held(balance), None) => {
                        model.hold(&held);
                        model.keys.extend(key.map(|key| (key, (body, held.id))));
                        slots.insert(slot, held);
                        assert_eq!(balance, model.balance);
                    }
                    (HoldOutcome::Insufficient { available }, None) => {
                        assert!(available == model.balance.available && available < amount);
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::End { slot, settle } => {
                let Some(hold) = slots.get(&slot) else { continue };
                let (end, balance) = store.end_hold(hold, end_of(settle), None).await.unwrap().unwrap();
                model.end(hold, end_of(settle), end);
                assert_eq!(balance, model.balance);
            }
            Step::Post { kind, amount, key } => {
                let outcome = store.post(posting(user, kind, amount, &key.to_string())).await.unwrap();
                model.post(kind, amount, key, outcome);
            }
            Step::LostHold { slot, amount, micros } => {
                let hold = hold_of(user, amount);
                let held = hold.held();
                let lost = store.clone();
                let asked = tokio::spawn(async move { lost.hold(hold).await });
                tokio::time::sleep(Duration::from_micros(micros)).await;
                asked.abort();
                // Whether it came through shows when it is ended; what was asked may still be on its way.
                tokio::time::sleep(Duration::from_millis(150)).await;
                if let Some((end, _)) = store.end_hold(&held, HoldEnd::Release, None).await.unwrap() {
                    model.hold(&held);
                    model.end(&held, HoldEnd::Release, end);
                    slots.insert(slot, held);
                }
            }
            Step::LostEnd { slot, settle, micros } => {
                let Some(hold) = slots.get(&slot).cloned() else { continue };
                let (lost, asked) = (store.clone(), hold.clone());
                let asked = tokio::spawn(async move { lost.end_hold(&asked, end_of(settle), None).await });
                tokio::time::sleep(Duration::from_micros(micros)).await;
                asked.abort();
                let (end, _) = store.end_hold(&hold, end_of(!settle), None).await.unwrap().unwrap();
                let expected = model.ended.get(&hold.id).copied().unwrap_or(end);
                model.end(&hold, expected, end);
            }
        }
        assert_eq!(store.balance(user, "r").await.unwrap(), model.balance);
    }
    // Opens the account, if nothing did.
    assert_eq!(store.balance(user, "r").await.unwrap(), model.balance);
    let ledger = store.ledger(user, None, 1000).await.unwrap().unwrap();
    let worth: i64 = ledger.items.iter().map(|entry| entry.amount).sum();
    assert_eq!(worth, model.worth);
    let Balance { available, held, debt } = model.balance;
    assert_eq!(worth, available + held - debt);
}

const fn end_of(settle: bool) -> HoldEnd {
    if settle { HoldEnd::Settle } else { HoldEnd::Release }
}

impl Model {
    fn hold(&mut self, hold: &Hold) {
        assert!(self.balance.available >= hold.amount);
        self.balance.available -= hold.amount;
        self.balance.held += hold.amount;
        self.open.insert(hold.id, hold.amount);
    }

    fn end(&mut self, hold: &Hold, asked: HoldEnd, ended: HoldEnd) {
        let Some(amount) = self.open.remove(&hold.id) else {
            assert_eq!(ended, self.ended[&hold.id], "an ended hold stays as it ended");
            return;
        };
        assert_eq!(ended, asked);
        self.balance.held -= amount;
        match ended {
            HoldEnd::Settle => self.worth -= amount,
            HoldEnd::Release => self.balance.available += amount,
        }
        self.ended.insert(hold.id, ended);
    }

    fn post(&mut self, kind: PostingKind, amount: i64, key: u8, outcome: PostingOutcome) {
        let before = self.balance;
        if self.postings.contains(&(kind.entry_kind().as_str(), key)) {
            assert_eq!(outcome, PostingOutcome::Repeated(before));
            return;
        }
        let worth = before.available - before.debt + amount;
        if kind == PostingKind::Adjust && amount < 0 && before.available < -amount {
            assert_eq!(outcome, PostingOutcome::Insufficient { available: before.available });
            return;
        }
        // What is available and what is owed never stand side by side, save where a refund met an older debt.
        let after = match outcome {
            PostingOutcome::Posted(after) => after,
            other => panic!("{other:?}"),
        };
        assert_eq!((after.available - after.debt, after.held), (worth, before.held));
        assert!(
            after.available >= 0
                && after.debt >= 0
                && (amount < 0 || after.debt == 0 || after.available == before.available)
        );
        self.postings.insert((kind.entry_kind().as_str(), key));
        self.balance = after;
        self.worth += amount;
    }
}
