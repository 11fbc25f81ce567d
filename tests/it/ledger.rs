//! The contract of every [`CreditStore`]: the promise about money, over each adapter alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;
use tessera::credits::EntryKind;
use tessera::credits::store::{CreditStore, HoldEnd, HoldOutcome, Idempotency, NewHold, SqliteCreditStore, WorkKind};
use tessera::server::db::sqlite::{Sqlite, now_millis};
use uuid::Uuid;

use crate::support::assert_audit_is_clean;

/// An adapter over an empty database, and what keeps it alive.
struct Fixture {
    store: Arc<dyn CreditStore>,
    _data: TempDir,
}

fn sqlite() -> Fixture {
    let data = TempDir::new().unwrap();
    let db = Sqlite::open(&data.path().join("test.db")).unwrap();
    Fixture { store: Arc::new(SqliteCreditStore::new(db, 10)), _data: data }
}

fn hold_of(user: Uuid, amount: i64) -> NewHold {
    NewHold {
        id: Uuid::now_v7(),
        user,
        kind: WorkKind::Chat,
        amount,
        request_id: "request".into(),
        idempotency: None,
        lease_until: now_millis() + 60_000,
    }
}

fn with_key(mut hold: NewHold, key: &str, body: u8) -> NewHold {
    hold.idempotency = Some(Idempotency { key: key.into(), fingerprint: [body; 32] });
    hold
}

/// Runs the body over every adapter.
macro_rules! over_every_store {
    ($(async fn $name:ident($store:ident) $body:block)*) => {
        mod sqlite_store {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let fixture = super::sqlite();
                super::bodies::$name(fixture.store.clone()).await;
                super::assert_audit_is_clean(fixture.store.as_ref()).await;
            })*
        }
        mod bodies {
            use super::*;
            $(pub async fn $name($store: Arc<dyn CreditStore>) $body)*
        }
    };
}

over_every_store! {
    async fn an_account_opens_once_with_its_grant(store) {
        let user = Uuid::now_v7();
        let opened: Vec<_> = (0..50).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                if n % 2 == 0 {
                    store.balance(user, "first").await.unwrap();
                } else {
                    let hold = hold_of(user, 1);
                    let id = hold.id;
                    if let HoldOutcome::Held(_) = store.hold(hold).await.unwrap() {
                        store.end_hold(id, HoldEnd::Release, None).await.unwrap();
                    }
                }
            })
        }).collect();
        for task in opened { task.await.unwrap(); }
        assert_eq!(store.balance(user, "later").await.unwrap().available, 10);
        let page = store.ledger(user, None, 1000).await.unwrap().unwrap();
        assert_eq!(page.items.iter().filter(|entry| entry.kind == EntryKind::Grant).count(), 1);
    }

    async fn parallel_holds_never_take_more_than_there_is(store) {
        let user = Uuid::now_v7();
        let holds: Vec<_> = (0..100).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.hold(hold_of(user, 3)).await.unwrap() })
        }).collect();
        let mut held = 0;
        for outcome in holds {
            match outcome.await.unwrap() {
                HoldOutcome::Held(_) => held += 1,
                HoldOutcome::Insufficient { available } => assert!(available < 3),
                other => panic!("{other:?}"),
            }
        }
        let balance = store.balance(user, "r").await.unwrap();
        assert_eq!((held, balance.available, balance.held), (3, 1, 9));
    }

    async fn a_hold_ends_once_whoever_ends_it(store) {
        let user = Uuid::now_v7();
        let hold = hold_of(user, 2);
        let id = hold.id;
        store.hold(hold).await.unwrap();
        let ends: Vec<_> = (0..20).map(|n| {
            let store = store.clone();
            let end = if n % 2 == 0 { HoldEnd::Settle } else { HoldEnd::Release };
            tokio::spawn(async move { store.end_hold(id, end, None).await.unwrap().unwrap().0 })
        }).collect();
        let mut seen = Vec::new();
        for end in ends { seen.push(end.await.unwrap()); }
        assert!(seen.iter().all(|end| *end == seen[0]), "everybody is told the same end");
        let balance = store.balance(user, "r").await.unwrap();
        let expected = if seen[0] == HoldEnd::Settle { 8 } else { 10 };
        assert_eq!((balance.available, balance.held), (expected, 0));
        assert_eq!(store.ledger(user, None, 100).await.unwrap().unwrap().items.len(), 3);
        assert!(store.end_hold(Uuid::now_v7(), HoldEnd::Settle, None).await.unwrap().is_none());
    }

    async fn a_key_is_good_for_one_hold(store) {
        let user = Uuid::now_v7();
        let first = with_key(hold_of(user, 1), "k", 1);
        let id = first.id;
        let tries: Vec<_> = (0..20).map(|n| {
            let store = store.clone();
            let hold = if n == 0 { first.clone() } else { with_key(hold_of(user, 1), "k", 1) };
            tokio::spawn(async move { (hold.id, store.hold(hold).await.unwrap()) })
        }).collect();
        let (mut made, mut repeated) = (Vec::new(), Vec::new());
        for task in tries {
            match task.await.unwrap() {
                (id, HoldOutcome::Held(_)) => made.push(id),
                (_, HoldOutcome::Repeated(id)) => repeated.push(id),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((made.len(), repeated.len()), (1, 19));
        assert!(repeated.iter().all(|id| *id == made[0]));
        assert_eq!(store.hold(with_key(hold_of(user, 1), "k", 2)).await.unwrap(), HoldOutcome::Mismatch);
        // Another user's key is another key, and an ended hold is still remembered until its key is forgotten.
        assert!(matches!(store.hold(with_key(hold_of(Uuid::now_v7(), 1), "k", 2)).await.unwrap(), HoldOutcome::Held(_)));
        store.end_hold(made[0], HoldEnd::Release, None).await.unwrap();
        assert_eq!(store.hold(with_key(hold_of(user, 1), "k", 1)).await.unwrap(), HoldOutcome::Repeated(made[0]));
        store.forget_keys(now_millis() + 1).await.unwrap();
        assert!(matches!(store.hold(with_key(hold_of(user, 1), "k", 9)).await.unwrap(), HoldOutcome::Held(_)));
        let _ = id;
    }

    async fn stale_holds_are_those_that_nobody_renewed(store) {
        let user = Uuid::now_v7();
        let now = now_millis();
        let mut ids = Vec::new();
        for lease in [now - 2000, now - 1000, now + 60_000] {
            let mut hold = hold_of(user, 1);
            hold.lease_until = lease;
            ids.push(hold.id);
            store.hold(hold).await.unwrap();
        }
        let stale = async || store.stale_holds(now, 10).await.unwrap().into_iter().map(|hold| hold.id).collect::<Vec<_>>();
        assert_eq!(stale().await, ids[..2]);
        store.renew_holds(vec![ids[0]], now + 1000).await.unwrap();
        assert_eq!(stale().await, [ids[1]]);
        store.end_hold(ids[1], HoldEnd::Release, Some("gone".into())).await.unwrap();
        // A renewal does not bring an ended hold back.
        store.renew_holds(vec![ids[1]], now - 5000).await.unwrap();
        assert!(stale().await.is_empty());
        assert_eq!(store.stale_holds(now + 120_000, 1).await.unwrap().len(), 1, "the limit is kept");
    }

    async fn the_ledger_is_paged_by_key_and_belongs_to_one_user(store) {
        let (user, other) = (Uuid::now_v7(), Uuid::now_v7());
        for _ in 0..4 {
            for user in [user, other] {
                let hold = hold_of(user, 1);
                let id = hold.id;
                store.hold(hold).await.unwrap();
                store.end_hold(id, HoldEnd::Settle, None).await.unwrap();
            }
        }
        let (mut cursor, mut all) = (None::<String>, Vec::new());
        loop {
            let page = store.ledger(user, cursor.as_deref(), 4).await.unwrap().unwrap();
            assert!(page.items.len() <= 4);
            all.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() { break; }
        }
        assert_eq!(all.len(), 9);
        assert_eq!(all.last().unwrap().kind, EntryKind::Grant);
        assert_eq!(all[0].available_after, 6);
        assert_eq!(all.iter().map(|entry| entry.amount).sum::<i64>(), 6);
        for odd in ["x", "-1", "0", ""] {
            assert!(store.ledger(user, Some(odd), 4).await.unwrap().is_none(), "{odd:?}");
        }
    }
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Hold { slot: u8, amount: i64 },
    End { slot: u8, settle: bool },
    Look,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..6u8, 1..5i64).prop_map(|(slot, amount)| Step::Hold { slot, amount }),
        (0..6u8, any::<bool>()).prop_map(|(slot, settle)| Step::End { slot, settle }),
        Just(Step::Look),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What the books should say, kept the simplest way.
#[derive(Default)]
struct Model {
    available: i64,
    held: BTreeMap<Uuid, i64>,
    ended: BTreeMap<Uuid, HoldEnd>,
}

#[test]
fn any_history_agrees_with_the_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    let fixture = sqlite();
    let store = fixture.store.clone();
    proptest!(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }, |(steps in steps())| {
        runtime.block_on(replay(store.as_ref(), steps));
    });
    runtime.block_on(assert_audit_is_clean(store.as_ref()));
}

async fn replay(store: &dyn CreditStore, steps: Vec<Step>) {
    let user = Uuid::now_v7();
    let mut model = Model { available: 10, ..Model::default() };
    let mut slots: BTreeMap<u8, Uuid> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Hold { slot, amount } => {
                let hold = hold_of(user, amount);
                let id = hold.id;
                match store.hold(hold).await.unwrap() {
                    HoldOutcome::Held(balance) => {
                        assert!(model.available >= amount);
                        model.available -= amount;
                        model.held.insert(id, amount);
                        slots.insert(slot, id);
                        assert_eq!(balance.available, model.available);
                    }
                    HoldOutcome::Insufficient { available } => {
                        assert!(available == model.available && available < amount);
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::End { slot, settle } => {
                let Some(id) = slots.get(&slot) else { continue };
                let asked = if settle { HoldEnd::Settle } else { HoldEnd::Release };
                let (end, balance) = store.end_hold(*id, asked, None).await.unwrap().unwrap();
                if let Some(amount) = model.held.remove(id) {
                    assert_eq!(end, asked);
                    model.available += if settle { 0 } else { amount };
                    model.ended.insert(*id, asked);
                } else {
                    assert_eq!(end, model.ended[id], "an ended hold stays as it ended");
                }
                assert_eq!(balance.available, model.available);
            }
            Step::Look => {}
        }
        let balance = store.balance(user, "r").await.unwrap();
        assert_eq!((balance.available, balance.held), (model.available, model.held.values().sum::<i64>()));
        let ledger = store.ledger(user, None, 1000).await.unwrap().unwrap();
        let worth: i64 = ledger.items.iter().map(|entry| entry.amount).sum();
        assert_eq!(worth, balance.available + balance.held - balance.debt);
    }
}

#[tokio::test]
async fn the_ledger_cannot_be_changed_even_by_hand() {
    let data = TempDir::new().unwrap();
    let path = data.path().join("test.db");
    let store = SqliteCreditStore::new(Sqlite::open(&path).unwrap(), 10);
    store.balance(Uuid::now_v7(), "r").await.unwrap();
    let by_hand = rusqlite::Connection::open(&path).unwrap();
    for sql in ["UPDATE ledger SET amount = 1000", "DELETE FROM ledger"] {
        assert!(by_hand.execute(sql, []).unwrap_err().to_string().contains("append-only"), "{sql}");
    }
    assert!(by_hand.execute("UPDATE accounts SET available = -1", []).is_err());
    // What can be changed by hand is found.
    by_hand.execute("UPDATE accounts SET available = 1000", []).unwrap();
    let report = store.audit().await.unwrap();
    assert_eq!(report.drifts.len(), 2, "{report:?}");
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let data = TempDir::new().unwrap();
    let path = data.path().join("test.db");
    drop(Sqlite::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Sqlite::open(&path).err().expect("refused");
    assert!(error.to_string().contains("99"), "{error}");
}
