//! The contract of every [`CreditStore`]: the promise about money, over each adapter alike.

use mongodb::bson::{Document, doc};
use tempfile::TempDir;
use tessera::credits::server::store::{
    CreditStore, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, NewHold, NewPosting, PostingKind, PostingOutcome,
    SpendingKey, SqliteCreditStore, WorkKind,
};
use tessera::credits::{Balance, EntryKind, ReleaseReason};
use tessera::images::server::store::NewImage;
use tessera::platform::db::now_millis;
use tessera::platform::db::sqlite::Sqlite;
use tessera::platform::ids::{ApiKeyId, UserId, WorkId};

use crate::contracts::{open_at, over_every_store};
use crate::image_store::new_image;
use crate::mongod::{Kind, Mongod};
use crate::support::assert_audit_is_clean;

pub fn hold_of(user: UserId, amount: i64) -> NewHold {
    NewHold {
        id: WorkId::now_v7(),
        user,
        kind: WorkKind::Chat,
        amount,
        request_id: "request".into(),
        idempotency: None,
        key: None,
        lease_until: now_millis() + 60_000,
    }
}

pub fn posting(user: UserId, kind: PostingKind, amount: i64, key: &str) -> NewPosting {
    NewPosting { user, kind, amount, key: key.into(), request_id: "request".into(), reason: Some("a reason".into()) }
}

pub fn with_key(mut hold: NewHold, key: &str, body: u8) -> NewHold {
    hold.idempotency = Some(Idempotency { key: key.into(), fingerprint: [body; 32] });
    hold
}

over_every_store! {
    async fn an_account_opens_once_with_its_grant(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let opened: Vec<_> = (0..50).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                if n % 2 == 0 {
                    store.balance(user, "first").await.unwrap();
                } else {
                    let hold = hold_of(user, 1);
                    let held = hold.held();
                    if let HoldOutcome::Held(_) = store.hold(hold).await.unwrap() {
                        store.end_hold(&held, HoldEnd::Release, None).await.unwrap();
                    }
                }
            })
        }).collect();
        for task in opened { task.await.unwrap(); }
        assert_eq!(store.balance(user, "later").await.unwrap().available, 10);
        let page = store.ledger(user, None, 1000).await.unwrap().unwrap();
        assert_eq!(page.items.iter().filter(|entry| entry.kind == EntryKind::Grant).count(), 1);
    }

    async fn parallel_holds_never_take_more_than_there_is(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
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

    async fn a_key_never_spends_more_than_its_budget(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let key = SpendingKey { id: ApiKeyId::now_v7(), budget: Some(5) };
        let by_key = |amount| NewHold { key: Some(key), ..hold_of(user, amount) };
        let tries: Vec<_> = (0..40).map(|_| {
            let (store, hold) = (store.clone(), by_key(1));
            tokio::spawn(async move {
                let held = hold.held();
                match store.hold(hold).await.unwrap() {
                    HoldOutcome::Held(_) => Some(held),
                    HoldOutcome::OverBudget { left } => { assert_eq!(left, 0); None }
                    other => panic!("{other:?}"),
                }
            })
        }).collect();
        let mut held = Vec::new();
        for task in tries { held.extend(task.await.unwrap()); }
        assert_eq!(held.len(), 5);
        assert_eq!(store.key_spending(user).await.unwrap(), [(key.id, 5)].into());
        // What is given back may be spent again, once, however often it is given back.
        for _ in 0..3 { store.end_hold(&held[0], HoldEnd::Release, None).await.unwrap(); }
        for _ in 0..3 { store.end_hold(&held[1], HoldEnd::Settle, None).await.unwrap(); }
        assert_eq!(store.hold(by_key(2)).await.unwrap(), HoldOutcome::OverBudget { left: 1 });
        assert!(matches!(store.hold(by_key(1)).await.unwrap(), HoldOutcome::Held(_)));
        assert_eq!(store.hold(by_key(1)).await.unwrap(), HoldOutcome::OverBudget { left: 0 });
        assert_eq!(store.key_spending(user).await.unwrap(), [(key.id, 5)].into());
        // Another key and no key are their own; a budget below the price is none at all.
        let other = SpendingKey { id: ApiKeyId::now_v7(), budget: None };
        assert!(matches!(store.hold(NewHold { key: Some(other), ..hold_of(user, 1) }).await.unwrap(), HoldOutcome::Held(_)));
        assert!(matches!(store.hold(hold_of(user, 1)).await.unwrap(), HoldOutcome::Held(_)));
        let small = SpendingKey { id: ApiKeyId::now_v7(), budget: Some(1) };
        let refused = store.hold(NewHold { key: Some(small), ..hold_of(user, 2) }).await.unwrap();
        assert_eq!(refused, HoldOutcome::OverBudget { left: 1 });
        // A hold that a dead server left behind says which key it was.
        let stale = store.stale_holds(i64::MAX, 100).await.unwrap();
        assert!(stale.iter().filter(|stale| stale.hold.key == Some(key.id)).count() == 4);
        // With an idempotency key too.
        let again = with_key(by_key(1), "again", 1);
        assert_eq!(store.hold(again).await.unwrap(), HoldOutcome::OverBudget { left: 0 });
    }

    async fn what_was_published_is_known_for_good(stores) {
        let (store, user) = (stores.credits, UserId::now_v7());
        let (read, unread) = (hold_of(user, 1), NewHold { kind: WorkKind::Image, ..hold_of(user, 2) });
        let id = |hold: &NewHold| HoldId { id: hold.id, user };
        for hold in [&read, &unread] { store.hold(hold.clone()).await.unwrap(); }
        let mut open = store.open_holds(user).await.unwrap();
        open.sort_by_key(|hold| hold.amount);
        assert_eq!(open, [read.held(), unread.held()]);
        assert!(!store.is_published(id(&read)).await.unwrap());
        // However often it is said.
        for _ in 0..2 { store.mark_published(id(&read)).await.unwrap(); }
        store.end_hold(&read.held(), HoldEnd::Settle, None).await.unwrap();
        assert!(store.is_published(id(&read)).await.unwrap(), "also when it has ended");
        assert!(!store.is_published(id(&unread)).await.unwrap());
        assert!(!store.is_published(HoldId { id: read.id, user: UserId::now_v7() }).await.unwrap());
        assert_eq!(store.open_holds(user).await.unwrap(), [unread.held()]);
        assert!(store.open_holds(UserId::now_v7()).await.unwrap().is_empty());
    }

    async fn a_hold_ends_once_whoever_ends_it(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let hold = hold_of(user, 2);
        let held = hold.held();
        store.hold(hold).await.unwrap();
        let ends: Vec<_> = (0..20).map(|n| {
            let (store, held) = (store.clone(), held.clone());
            let end = if n % 2 == 0 { HoldEnd::Settle } else { HoldEnd::Release };
            tokio::spawn(async move { store.end_hold(&held, end, None).await.unwrap().unwrap().0 })
        }).collect();
        let mut seen = Vec::new();
        for end in ends { seen.push(end.await.unwrap()); }
        assert!(seen.iter().all(|end| *end == seen[0]), "everybody is told the same end");
        let balance = store.balance(user, "r").await.unwrap();
        let expected = if seen[0] == HoldEnd::Settle { 8 } else { 10 };
        assert_eq!((balance.available, balance.held), (expected, 0));
        assert_eq!(store.ledger(user, None, 100).await.unwrap().unwrap().items.len(), 3);
        let nobodys = Hold { id: WorkId::now_v7(), ..held.clone() };
        assert!(store.end_hold(&nobodys, HoldEnd::Settle, None).await.unwrap().is_none());
        let somebody_elses = Hold { user: UserId::now_v7(), ..held };
        assert!(store.end_hold(&somebody_elses, HoldEnd::Settle, None).await.unwrap().is_none());
    }

    async fn a_key_is_good_for_one_hold(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let first = with_key(hold_of(user, 1), "k", 1);
        let tries: Vec<_> = (0..20).map(|_| {
            let store = store.clone();
            let hold = with_key(hold_of(user, 1), "k", 1);
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
        assert!(matches!(store.hold(with_key(hold_of(UserId::now_v7(), 1), "k", 2)).await.unwrap(), HoldOutcome::Held(_)));
        let held = Hold { id: made[0], ..first.held() };
        store.end_hold(&held, HoldEnd::Release, None).await.unwrap();
        assert_eq!(store.hold(with_key(hold_of(user, 1), "k", 1)).await.unwrap(), HoldOutcome::Repeated(made[0]));
        let known = async |key: &str, body| {
            store.find_key(user, &Idempotency { key: key.into(), fingerprint: [body; 32] }).await.unwrap()
        };
        assert_eq!(known("k", 1).await, Some(HoldOutcome::Repeated(made[0])));
        assert_eq!((known("k", 2).await, known("j", 1).await), (Some(HoldOutcome::Mismatch), None));
        store.forget_keys(now_millis() + 1).await.unwrap();
        assert_eq!(known("k", 1).await, None);
        assert!(matches!(store.hold(with_key(hold_of(user, 1), "k", 9)).await.unwrap(), HoldOutcome::Held(_)));
    }

    async fn a_key_whose_work_failed_makes_one_new_hold(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let key = Idempotency { key: "k".into(), fingerprint: [1; 32] };
        let open = async |id| store.is_open(HoldId { id, user }).await.unwrap();
        let mut made: Vec<WorkId> = Vec::new();
        for reason in [ReleaseReason::Interrupted, ReleaseReason::Failed, ReleaseReason::NeverStarted] {
            let tries: Vec<_> = (0..10).map(|_| {
                let store = store.clone();
                let hold = with_key(hold_of(user, 1), "k", 1);
                tokio::spawn(async move { (hold.held(), store.hold(hold).await.unwrap()) })
            }).collect();
            let (mut held, mut repeated) = (Vec::new(), Vec::new());
            for task in tries {
                match task.await.unwrap() {
                    (hold, HoldOutcome::Held(_)) => held.push(hold),
                    (_, HoldOutcome::Repeated(id)) => repeated.push(id),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((held.len(), repeated.len()), (1, 9), "{reason:?}");
            let hold = held.remove(0);
            assert!(repeated.iter().all(|id| *id == hold.id) && !made.contains(&hold.id));
            assert!(open(hold.id).await && !open(WorkId::now_v7()).await);
            // Enough to be filed, with MongoDB.
            for _ in 0..20 {
                let other = hold_of(user, 1);
                let held = other.held();
                store.hold(other).await.unwrap();
                store.end_hold(&held, HoldEnd::Release, None).await.unwrap();
            }
            store.end_hold(&hold, HoldEnd::Release, Some(reason)).await.unwrap();
            assert!(!open(hold.id).await);
            assert_eq!(store.find_key(user, &key).await.unwrap(), Some(HoldOutcome::Failed(hold.id)));
            // Another body is another request all the same.
            assert_eq!(store.hold(with_key(hold_of(user, 1), "k", 2)).await.unwrap(), HoldOutcome::Mismatch);
            made.push(hold.id);
        }
        // What its user wanted to end has ended, and what was charged for stays.
        for (name, end, reason) in [
            ("stopped", HoldEnd::Release, Some(ReleaseReason::Stopped)),
            ("deleted", HoldEnd::Release, Some(ReleaseReason::Deleted)),
            ("settled", HoldEnd::Settle, None),
        ] {
            let hold = with_key(hold_of(user, 1), name, 1);
            let held = hold.held();
            store.hold(hold).await.unwrap();
            store.end_hold(&held, end, reason).await.unwrap();
            assert_eq!(store.hold(with_key(hold_of(user, 1), name, 1)).await.unwrap(), HoldOutcome::Repeated(held.id));
        }
        assert_audit_is_clean(store.as_ref()).await;
    }

    async fn stale_holds_are_those_that_nobody_renewed(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let now = now_millis();
        let (mut ids, mut holds) = (Vec::new(), Vec::new());
        for lease in [now - 2000, now - 1000, now + 60_000] {
            let mut hold = hold_of(user, 1);
            hold.lease_until = lease;
            ids.push(hold.id);
            holds.push(hold.held());
            store.hold(hold).await.unwrap();
        }
        let stale = async || store.stale_holds(now, 10).await.unwrap().into_iter().map(|stale| stale.hold.id).collect::<Vec<_>>();
        let renew = async |id, lease| store.renew_holds(vec![HoldId { id, user }], lease).await.unwrap();
        assert_eq!(stale().await, ids[..2]);
        assert_eq!(store.stale_holds(now, 10).await.unwrap()[0].hold, holds[0]);
        renew(ids[0], now + 1000).await;
        assert_eq!(stale().await, [ids[1]]);
        store.end_hold(&holds[1], HoldEnd::Release, Some(ReleaseReason::Deleted)).await.unwrap();
        // A renewal does not bring an ended hold back.
        renew(ids[1], now - 5000).await;
        assert!(stale().await.is_empty());
        // Some clock was an hour ahead: such a lease is none.
        renew(ids[2], now + 3_600_000).await;
        assert_eq!(stale().await, [ids[2]]);
        renew(ids[2], now + 60_000).await;
        assert!(stale().await.is_empty());
        assert_eq!(store.stale_holds(now + 120_000, 1).await.unwrap().len(), 1, "the limit is kept");
    }

    async fn a_hold_is_known_by_its_amount_for_ever(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let amount = async |id, user| store.hold_amount(HoldId { id, user }).await.unwrap();
        let mut first = None;
        // More entries than gather in one place.
        for n in 0..40 {
            let hold = hold_of(user, 1 + n % 2);
            let held = hold.held();
            assert_eq!(amount(held.id, user).await, None);
            store.hold(hold).await.unwrap();
            assert_eq!(amount(held.id, user).await, Some(held.amount));
            store.end_hold(&held, HoldEnd::Release, None).await.unwrap();
            assert_eq!(amount(held.id, user).await, Some(held.amount));
            first.get_or_insert(held);
        }
        let first = first.unwrap();
        assert_eq!(amount(first.id, user).await, Some(1));
        assert_eq!(amount(first.id, UserId::now_v7()).await, None);
    }

    async fn entries_say_what_the_credits_were_for_and_why_they_came_back(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let never_started = Some(ReleaseReason::NeverStarted);
        for (kind, end, reason) in [
            (WorkKind::Chat, HoldEnd::Settle, None),
            (WorkKind::Image, HoldEnd::Settle, None),
            (WorkKind::Image, HoldEnd::Release, never_started),
        ] {
            let hold = NewHold { kind, ..hold_of(user, 1) };
            let held = hold.held();
            store.hold(hold).await.unwrap();
            assert_eq!(store.stale_holds(i64::MAX, 9).await.unwrap()[0].hold, held);
            store.end_hold(&held, end, reason).await.unwrap();
        }
        // As a grant was stored once, and as somebody may write.
        for (kind, reason) in [(PostingKind::Grant, "Welcome credits"), (PostingKind::Adjust, "Failed")] {
            let posting = posting(user, kind, 1, reason);
            store.post(NewPosting { reason: Some(reason.into()), ..posting }).await.unwrap();
        }
        let entries = store.ledger(user, None, 100).await.unwrap().unwrap().items;
        let told: Vec<_> = entries.iter().rev().map(|entry| (entry.kind, entry.work, entry.reason.as_deref())).collect();
        let (chat, image) = (Some(WorkKind::Chat), Some(WorkKind::Image));
        assert_eq!(told, [
            (EntryKind::Grant, None, Some("welcome")),
            (EntryKind::Hold, chat, None),
            (EntryKind::Settle, chat, None),
            (EntryKind::Hold, image, None),
            (EntryKind::Settle, image, None),
            (EntryKind::Hold, image, None),
            (EntryKind::Release, image, Some("never_started")),
            (EntryKind::Grant, None, Some("welcome")),
            (EntryKind::Adjust, None, Some("Failed")),
        ]);
    }

    async fn the_ledger_is_paged_by_key_and_belongs_to_one_user(stores) {
        let store = stores.credits;
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        for _ in 0..4 {
            for user in [user, other] {
                let hold = hold_of(user, 1);
                let held = hold.held();
                store.hold(hold).await.unwrap();
                store.end_hold(&held, HoldEnd::Settle, None).await.unwrap();
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

    async fn a_posting_is_done_once_and_never_takes_more_than_there_is(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let post = async |kind, amount, key: &str| store.post(posting(user, kind, amount, key)).await.unwrap();
        let buys: Vec<_> = (0..20).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.post(posting(user, PostingKind::Purchase, 100, "order-1")).await.unwrap() })
        }).collect();
        let mut posted = 0;
        for buy in buys { posted += usize::from(matches!(buy.await.unwrap(), PostingOutcome::Posted(_))); }
        assert_eq!(posted, 1);
        let of = |available, debt| Balance { available, held: 0, debt };
        assert_eq!(post(PostingKind::Purchase, 100, "order-1").await, PostingOutcome::Repeated(of(110, 0)));
        // The same key of another kind, or of another user, is another key.
        assert_eq!(post(PostingKind::Refund, -60, "order-1").await, PostingOutcome::Posted(of(50, 0)));
        assert!(matches!(store.post(posting(UserId::now_v7(), PostingKind::Grant, 1, "order-1")).await.unwrap(), PostingOutcome::Posted(_)));
        assert_eq!(post(PostingKind::Adjust, -51, "a").await, PostingOutcome::Insufficient { available: 50 });
        assert_eq!(post(PostingKind::Adjust, -20, "a").await, PostingOutcome::Posted(of(30, 0)));
        assert_eq!(post(PostingKind::Refund, -40, "order-2").await, PostingOutcome::Posted(of(0, 10)));
        assert_eq!(post(PostingKind::Grant, 4, "sorry").await, PostingOutcome::Posted(of(0, 6)));
        assert_eq!(post(PostingKind::Purchase, 10, "order-3").await, PostingOutcome::Posted(of(4, 0)));
        let page = store.ledger(user, None, 100).await.unwrap().unwrap();
        let seen: Vec<_> = page.items.iter().rev().map(|entry| (entry.kind, entry.amount, entry.available_after)).collect();
        assert_eq!(seen[1..], [
            (EntryKind::Purchase, 100, 110), (EntryKind::Refund, -60, 50), (EntryKind::Adjust, -20, 30),
            (EntryKind::Refund, -40, 0), (EntryKind::Grant, 4, 0), (EntryKind::Purchase, 10, 4),
        ]);
    }

    async fn what_is_long_past_is_still_known(stores) {
        let store = stores.credits;
        let user = UserId::now_v7();
        let first = with_key(hold_of(user, 1), "first", 1);
        store.hold(first.clone()).await.unwrap();
        store.end_hold(&first.held(), HoldEnd::Settle, None).await.unwrap();
        store.post(posting(user, PostingKind::Purchase, 500, "order")).await.unwrap();
        // More than an account of MongoDB keeps with itself, with several at once.
        let work: Vec<_> = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    let hold = hold_of(user, 1);
                    let held = hold.held();
                    assert!(matches!(store.hold(hold).await.unwrap(), HoldOutcome::Held(_)));
                    store.end_hold(&held, HoldEnd::Settle, None).await.unwrap();
                }
            })
        }).collect();
        for task in work { task.await.unwrap(); }
        assert_eq!(store.hold(with_key(hold_of(user, 1), "first", 1)).await.unwrap(), HoldOutcome::Repeated(first.id));
        assert_eq!(store.hold(with_key(hold_of(user, 1), "first", 2)).await.unwrap(), HoldOutcome::Mismatch);
        let (end, balance) = store.end_hold(&first.held(), HoldEnd::Release, None).await.unwrap().unwrap();
        assert_eq!((end, balance.available), (HoldEnd::Settle, 309));
        let again = store.post(posting(user, PostingKind::Purchase, 500, "order")).await.unwrap();
        assert!(matches!(again, PostingOutcome::Repeated(_)), "{again:?}");
        let (mut cursor, mut all) = (None::<String>, Vec::new());
        loop {
            let page = store.ledger(user, cursor.as_deref(), 33).await.unwrap().unwrap();
            all.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() { break; }
        }
        assert_eq!(all.len(), 1 + 2 + 1 + 400);
        let mut available = 0;
        for entry in all.iter().rev() {
            available += entry.amount - entry.held_change;
            assert_eq!(entry.available_after, available);
        }
        store.forget_keys(now_millis() + 1).await.unwrap();
        assert!(matches!(store.hold(with_key(hold_of(user, 1), "first", 2)).await.unwrap(), HoldOutcome::Held(_)));
    }
}

/// In MongoDB an entry did not always say what its hold was for.
#[tokio::test(flavor = "multi_thread")]
async fn entries_from_before_say_what_they_were_for_too() {
    let server = Mongod::start(Kind::Standalone).await;
    let uri = server.uri();
    let stores = open_at(&uri).await;
    let user = UserId::now_v7();
    for kind in [WorkKind::Image, WorkKind::Chat] {
        let hold = NewHold { kind, ..hold_of(user, 1) };
        if kind == WorkKind::Image {
            assert!(stores.images.begin(NewImage { id: hold.id.into(), ..new_image(user, "a fox") }).await.unwrap());
        }
        let held = hold.held();
        stores.credits.hold(hold).await.unwrap();
        stores.credits.end_hold(&held, HoldEnd::Settle, None).await.unwrap();
    }
    let database = mongodb::Client::with_uri_str(&uri).await.unwrap().default_database().unwrap();
    let accounts = database.collection::<Document>("accounts");
    accounts.update_many(doc! {}, doc! { "$unset": { "recent.$[].work": "" } }).await.unwrap();
    let entries = stores.credits.ledger(user, None, 100).await.unwrap().unwrap().items;
    let told: Vec<_> = entries.iter().rev().map(|entry| entry.work).collect();
    let (chat, image) = (Some(WorkKind::Chat), Some(WorkKind::Image));
    assert_eq!(told, [None, image, image, chat, chat]);
}

#[tokio::test]
async fn the_ledger_cannot_be_changed_even_by_hand() {
    let data = TempDir::new().unwrap();
    let path = data.path().join("test.db");
    let store = SqliteCreditStore::new(Sqlite::open(&path).unwrap(), 10);
    store.balance(UserId::now_v7(), "r").await.unwrap();
    let by_hand = rusqlite::Connection::open(&path).unwrap();
    // A row takes the place of another by any of what is unique in it.
    let replace = |seq: &str, id: &str, key: &str| {
        format!(
            "INSERT OR REPLACE INTO ledger
             SELECT {seq}, {id}, user_id, kind, 1000, held_change, available_after, {key}, request_id, reason, created_at
             FROM ledger"
        )
    };
    for sql in [
        "UPDATE ledger SET amount = 1000",
        "DELETE FROM ledger",
        &replace("seq", "randomblob(16)", "'another'"),
        &replace("NULL", "id", "'another'"),
        &replace("NULL", "randomblob(16)", "key"),
    ] {
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
