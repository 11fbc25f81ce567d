//! The contract of every [`CreditStore`]: the promise about money, over each adapter alike.

use mongodb::bson::{Document, doc};
use tempfile::TempDir;
use tessera::credits::server::budgets::{Budget, BudgetPlan};
use tessera::credits::server::lots::{GRACE, Paid};
use tessera::credits::server::store::{
    CreditStore, ExtendOutcome, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, LotTerms, NewHold, NewPosting,
    PostingKind, PostingOutcome, SpendLimit, SpendingKey, SqliteCreditStore, WorkKind,
};
use tessera::credits::{Balance, EntryKind, Origin, Period, ReleaseReason};
use tessera::images::server::store::NewImage;
use tessera::platform::amount::Amount;
use tessera::platform::db::now_millis;
use tessera::platform::db::sqlite::Sqlite;
use tessera::platform::ids::{ApiKeyId, BudgetId, OwnerId, UserId, WorkId};
use uuid::Uuid;

use crate::contracts::{open_at, over_every_store};
use crate::image_store::new_image;
use crate::mongod::{Kind, Mongod};
use crate::support::assert_audit_is_clean;

/// All that is held.
pub const ALL: HoldEnd = HoldEnd::Settle(Amount::MAX);

pub const fn credits(credits: i64) -> Amount {
    Amount::credits(credits)
}

/// Whose account this is.
pub fn person(owner: OwnerId) -> UserId {
    Uuid::from(owner).into()
}

pub fn hold_of(owner: impl Into<OwnerId>, amount: i64) -> NewHold {
    let owner = owner.into();
    NewHold {
        id: WorkId::now_v7(),
        owner,
        user: person(owner),
        kind: WorkKind::Chat,
        amount: credits(amount),
        least: credits(amount),
        ceiling: credits(amount),
        price_version: String::new(),
        request_id: "request".into(),
        idempotency: None,
        key: None,
        limits: Vec::new(),
        lease_until: now_millis() + 60_000,
    }
}

pub fn posting(owner: OwnerId, kind: PostingKind, amount: i64, key: &str) -> NewPosting {
    NewPosting {
        owner,
        kind,
        amount: credits(amount),
        key: key.into(),
        request_id: "request".into(),
        reason: Some("a reason".into()),
        terms: LotTerms::default(),
    }
}

pub fn with_key(mut hold: NewHold, key: &str, body: u8) -> NewHold {
    hold.idempotency = Some(Idempotency { key: key.into(), fingerprint: [body; 32] });
    hold
}

over_every_store! {
    async fn an_account_opens_once_with_its_grant(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let opened: Vec<_> = (0..50).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                if n % 2 == 0 {
                    store.balance(user, "first").await.unwrap();
                } else {
                    let hold = hold_of(user, 1);
                    let held = hold.held();
                    if let HoldOutcome::Held { .. } = store.hold(hold).await.unwrap() {
                        store.end_hold(&held, HoldEnd::Release, None).await.unwrap();
                    }
                }
            })
        }).collect();
        for task in opened { task.await.unwrap(); }
        assert_eq!(store.balance(user, "later").await.unwrap().available, credits(10));
        let page = store.ledger(user, None, 1000).await.unwrap().unwrap();
        assert_eq!(page.items.iter().filter(|entry| entry.kind == EntryKind::Grant).count(), 1);
    }

    async fn parallel_holds_never_take_more_than_there_is(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let holds: Vec<_> = (0..100).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.hold(hold_of(user, 3)).await.unwrap() })
        }).collect();
        let mut held = 0;
        for outcome in holds {
            match outcome.await.unwrap() {
                HoldOutcome::Held { .. } => held += 1,
                HoldOutcome::Insufficient { available } => assert!(available < credits(3)),
                other => panic!("{other:?}"),
            }
        }
        let balance = store.balance(user, "r").await.unwrap();
        assert_eq!((held, balance.available, balance.held), (3, credits(1), credits(9)));
    }

    async fn a_key_never_spends_more_than_its_budget(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let key = SpendingKey { id: ApiKeyId::now_v7(), budget: Some(credits(5)) };
        let by_key = |amount| NewHold { key: Some(key), ..hold_of(user, amount) };
        let tries: Vec<_> = (0..40).map(|_| {
            let (store, hold) = (store.clone(), by_key(1));
            tokio::spawn(async move {
                let held = hold.held();
                match store.hold(hold).await.unwrap() {
                    HoldOutcome::Held { .. } => Some(held),
                    HoldOutcome::OverBudget { left, .. } => { assert!(left.is_zero()); None }
                    other => panic!("{other:?}"),
                }
            })
        }).collect();
        let mut held = Vec::new();
        for task in tries { held.extend(task.await.unwrap()); }
        assert_eq!(held.len(), 5);
        assert_eq!(store.spending(user).await.unwrap(), [(key.id.to_string(), credits(5))].into());
        // What is given back may be spent again, once, however often it is given back.
        for _ in 0..3 { store.end_hold(&held[0], HoldEnd::Release, None).await.unwrap(); }
        for _ in 0..3 { store.end_hold(&held[1], ALL, None).await.unwrap(); }
        assert_eq!(store.hold(by_key(2)).await.unwrap(), HoldOutcome::OverBudget { left: credits(1), budget: None });
        assert!(matches!(store.hold(by_key(1)).await.unwrap(), HoldOutcome::Held { .. }));
        assert_eq!(store.hold(by_key(1)).await.unwrap(), HoldOutcome::OverBudget { left: Amount::ZERO, budget: None });
        assert_eq!(store.spending(user).await.unwrap(), [(key.id.to_string(), credits(5))].into());
        // Another key and no key are their own; a budget below the price is none at all.
        let other = SpendingKey { id: ApiKeyId::now_v7(), budget: None };
        assert!(matches!(store.hold(NewHold { key: Some(other), ..hold_of(user, 1) }).await.unwrap(), HoldOutcome::Held { .. }));
        assert!(matches!(store.hold(hold_of(user, 1)).await.unwrap(), HoldOutcome::Held { .. }));
        let small = SpendingKey { id: ApiKeyId::now_v7(), budget: Some(credits(1)) };
        let refused = store.hold(NewHold { key: Some(small), ..hold_of(user, 2) }).await.unwrap();
        assert_eq!(refused, HoldOutcome::OverBudget { left: credits(1), budget: None });
        // A hold that a dead server left behind says which key it was.
        let stale = store.stale_holds(i64::MAX, 100).await.unwrap();
        assert!(stale.iter().filter(|stale| stale.hold.key.is_some_and(|found| found.id == key.id)).count() == 4);
        // With an idempotency key too.
        let again = with_key(by_key(1), "again", 1);
        assert_eq!(store.hold(again).await.unwrap(), HoldOutcome::OverBudget { left: Amount::ZERO, budget: None });
    }

    async fn what_was_published_is_known_for_good(stores) {
        let (store, user) = (stores.credits, OwnerId::now_v7());
        let (read, unread) = (hold_of(user, 1), NewHold { kind: WorkKind::Image, ..hold_of(user, 2) });
        let id = |hold: &NewHold| HoldId { id: hold.id, owner: user };
        for hold in [&read, &unread] { store.hold(hold.clone()).await.unwrap(); }
        let mut open = store.open_holds(user).await.unwrap();
        open.sort_by_key(|hold| hold.amount);
        assert_eq!(open, [read.held(), unread.held()]);
        assert!(!store.is_published(id(&read)).await.unwrap());
        // However often it is said.
        for _ in 0..2 { store.mark_published(id(&read)).await.unwrap(); }
        store.end_hold(&read.held(), ALL, None).await.unwrap();
        assert!(store.is_published(id(&read)).await.unwrap(), "also when it has ended");
        assert!(!store.is_published(id(&unread)).await.unwrap());
        assert!(!store.is_published(HoldId { id: read.id, owner: OwnerId::now_v7() }).await.unwrap());
        assert_eq!(store.open_holds(user).await.unwrap(), [unread.held()]);
        assert!(store.open_holds(OwnerId::now_v7()).await.unwrap().is_empty());
    }

    async fn a_hold_ends_once_whoever_ends_it(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let hold = hold_of(user, 2);
        let held = hold.held();
        store.hold(hold).await.unwrap();
        let ends: Vec<_> = (0..20).map(|n| {
            let (store, held) = (store.clone(), held.clone());
            let end = if n % 2 == 0 { ALL } else { HoldEnd::Release };
            tokio::spawn(async move { store.end_hold(&held, end, None).await.unwrap().unwrap().0 })
        }).collect();
        let mut seen = Vec::new();
        for end in ends { seen.push(end.await.unwrap()); }
        assert!(seen.iter().all(|end| *end == seen[0]), "everybody is told the same end");
        let balance = store.balance(user, "r").await.unwrap();
        let expected = if seen[0] == HoldEnd::Settle(credits(2)) { 8 } else { 10 };
        assert_eq!((balance.available, balance.held), (credits(expected), Amount::ZERO));
        assert_eq!(store.ledger(user, None, 100).await.unwrap().unwrap().items.len(), 3);
        let nobodys = Hold { id: WorkId::now_v7(), ..held.clone() };
        assert!(store.end_hold(&nobodys, ALL, None).await.unwrap().is_none());
        let somebody_elses = Hold { owner: OwnerId::now_v7(), ..held };
        assert!(store.end_hold(&somebody_elses, ALL, None).await.unwrap().is_none());
    }

    async fn a_key_is_good_for_one_hold(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let first = with_key(hold_of(user, 1), "k", 1);
        let tries: Vec<_> = (0..20).map(|_| {
            let store = store.clone();
            let hold = with_key(hold_of(user, 1), "k", 1);
            tokio::spawn(async move { (hold.id, store.hold(hold).await.unwrap()) })
        }).collect();
        let (mut made, mut repeated) = (Vec::new(), Vec::new());
        for task in tries {
            match task.await.unwrap() {
                (id, HoldOutcome::Held { .. }) => made.push(id),
                (_, HoldOutcome::Repeated(id)) => repeated.push(id),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((made.len(), repeated.len()), (1, 19));
        assert!(repeated.iter().all(|id| *id == made[0]));
        assert_eq!(store.hold(with_key(hold_of(user, 1), "k", 2)).await.unwrap(), HoldOutcome::Mismatch);
        // Another user's key is another key, and an ended hold is still remembered until its key is forgotten.
        assert!(matches!(store.hold(with_key(hold_of(OwnerId::now_v7(), 1), "k", 2)).await.unwrap(), HoldOutcome::Held { .. }));
        let held = Hold { id: made[0], ..first.held() };
        store.end_hold(&held, HoldEnd::Release, None).await.unwrap();
        assert_eq!(store.hold(with_key(hold_of(user, 1), "k", 1)).await.unwrap(), HoldOutcome::Repeated(made[0]));
        let known = async |key: &str, body| {
            store.find_key(user, person(user), &Idempotency { key: key.into(), fingerprint: [body; 32] }).await.unwrap()
        };
        assert_eq!(known("k", 1).await, Some(HoldOutcome::Repeated(made[0])));
        assert_eq!((known("k", 2).await, known("j", 1).await), (Some(HoldOutcome::Mismatch), None));
        store.forget_keys(now_millis() + 1).await.unwrap();
        assert_eq!(known("k", 1).await, None);
        assert!(matches!(store.hold(with_key(hold_of(user, 1), "k", 9)).await.unwrap(), HoldOutcome::Held { .. }));
    }

    async fn a_key_whose_work_failed_makes_one_new_hold(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let key = Idempotency { key: "k".into(), fingerprint: [1; 32] };
        let open = async |id| store.is_open(HoldId { id, owner: user }).await.unwrap();
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
                    (hold, HoldOutcome::Held { .. }) => held.push(hold),
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
            assert_eq!(store.find_key(user, person(user), &key).await.unwrap(), Some(HoldOutcome::Failed(hold.id)));
            // Another body is another request all the same.
            assert_eq!(store.hold(with_key(hold_of(user, 1), "k", 2)).await.unwrap(), HoldOutcome::Mismatch);
            made.push(hold.id);
        }
        // What its user wanted to end has ended, and what was charged for stays.
        for (name, end, reason) in [
            ("stopped", HoldEnd::Release, Some(ReleaseReason::Stopped)),
            ("deleted", HoldEnd::Release, Some(ReleaseReason::Deleted)),
            ("settled", ALL, None),
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
        let user = OwnerId::now_v7();
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
        let renew = async |id, lease| store.renew_holds(vec![HoldId { id, owner: user }], lease).await.unwrap();
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
        let user = OwnerId::now_v7();
        let amount = async |id, user| store.hold_ceiling(HoldId { id, owner: user }).await.unwrap();
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
        assert_eq!(amount(first.id, user).await, Some(credits(1)));
        assert_eq!(amount(first.id, OwnerId::now_v7()).await, None);
    }

    async fn entries_say_what_the_credits_were_for_and_why_they_came_back(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let never_started = Some(ReleaseReason::NeverStarted);
        for (kind, end, reason) in [
            (WorkKind::Chat, ALL, None),
            (WorkKind::Image, ALL, None),
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
        let (user, other) = (OwnerId::now_v7(), OwnerId::now_v7());
        for _ in 0..4 {
            for user in [user, other] {
                let hold = hold_of(user, 1);
                let held = hold.held();
                store.hold(hold).await.unwrap();
                store.end_hold(&held, ALL, None).await.unwrap();
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
        assert_eq!(all[0].available_after, credits(6));
        assert_eq!(all.iter().map(|entry| entry.amount).sum::<Amount>(), credits(6));
        for odd in ["x", "-1", "0", ""] {
            assert!(store.ledger(user, Some(odd), 4).await.unwrap().is_none(), "{odd:?}");
        }
    }

    async fn a_posting_is_done_once_and_never_takes_more_than_there_is(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let post = async |kind, amount, key: &str| store.post(posting(user, kind, amount, key)).await.unwrap();
        let buys: Vec<_> = (0..20).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.post(posting(user, PostingKind::Purchase, 100, "order-1")).await.unwrap() })
        }).collect();
        let mut posted = 0;
        for buy in buys { posted += usize::from(matches!(buy.await.unwrap(), PostingOutcome::Posted(_))); }
        assert_eq!(posted, 1);
        let of = |available, debt| Balance { available: credits(available), held: Amount::ZERO, debt: credits(debt) };
        assert_eq!(post(PostingKind::Purchase, 100, "order-1").await, PostingOutcome::Repeated(of(110, 0)));
        // The same key of another kind, or of another user, is another key.
        assert_eq!(post(PostingKind::Refund, -60, "order-1").await, PostingOutcome::Posted(of(50, 0)));
        assert!(matches!(store.post(posting(OwnerId::now_v7(), PostingKind::Grant, 1, "order-1")).await.unwrap(), PostingOutcome::Posted(_)));
        assert_eq!(post(PostingKind::Adjust, -51, "a").await, PostingOutcome::Insufficient { available: credits(50) });
        assert_eq!(post(PostingKind::Adjust, -20, "a").await, PostingOutcome::Posted(of(30, 0)));
        assert_eq!(post(PostingKind::Refund, -40, "order-2").await, PostingOutcome::Posted(of(0, 10)));
        assert_eq!(post(PostingKind::Grant, 4, "sorry").await, PostingOutcome::Posted(of(0, 6)));
        assert_eq!(post(PostingKind::Purchase, 10, "order-3").await, PostingOutcome::Posted(of(4, 0)));
        let page = store.ledger(user, None, 100).await.unwrap().unwrap();
        let seen: Vec<_> = page.items.iter().rev().map(|entry| (entry.kind, entry.amount.to_string(), entry.available_after.to_string())).collect();
        let of = |kind, amount: i64, after: i64| (kind, amount.to_string(), after.to_string());
        assert_eq!(seen[1..], [
            of(EntryKind::Purchase, 100, 110), of(EntryKind::Refund, -60, 50), of(EntryKind::Adjust, -20, 30),
            of(EntryKind::Refund, -40, 0), of(EntryKind::Grant, 4, 0), of(EntryKind::Purchase, 10, 4),
        ]);
    }

    async fn what_is_long_past_is_still_known(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let first = with_key(hold_of(user, 1), "first", 1);
        store.hold(first.clone()).await.unwrap();
        store.end_hold(&first.held(), ALL, None).await.unwrap();
        store.post(posting(user, PostingKind::Purchase, 500, "order")).await.unwrap();
        // More than an account of MongoDB keeps with itself, with several at once.
        let work: Vec<_> = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    let hold = hold_of(user, 1);
                    let held = hold.held();
                    assert!(matches!(store.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
                    store.end_hold(&held, ALL, None).await.unwrap();
                }
            })
        }).collect();
        for task in work { task.await.unwrap(); }
        assert_eq!(store.hold(with_key(hold_of(user, 1), "first", 1)).await.unwrap(), HoldOutcome::Repeated(first.id));
        assert_eq!(store.hold(with_key(hold_of(user, 1), "first", 2)).await.unwrap(), HoldOutcome::Mismatch);
        let (end, balance) = store.end_hold(&first.held(), HoldEnd::Release, None).await.unwrap().unwrap();
        assert_eq!((end, balance.available), (HoldEnd::Settle(credits(1)), credits(309)));
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
        let mut available = Amount::ZERO;
        for entry in all.iter().rev() {
            available += entry.amount - entry.held_change;
            assert_eq!(entry.available_after, available);
        }
        store.forget_keys(now_millis() + 1).await.unwrap();
        assert!(matches!(store.hold(with_key(hold_of(user, 1), "first", 2)).await.unwrap(), HoldOutcome::Held { .. }));
    }

    async fn a_hold_breathes_up_to_its_ceiling_and_is_charged_for_what_was_used(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let hold = NewHold { amount: credits(2), least: credits(1), ceiling: credits(7), price_version: "v1".into(), ..hold_of(user, 1) };
        let mut held = hold.held();
        assert!(matches!(store.hold(hold).await.unwrap(), HoldOutcome::Held { amount, .. } if amount == credits(2)));
        // However often it is asked for, and by however many at once.
        let asked: Vec<_> = (0..8).map(|_| {
            let (store, held) = (store.clone(), held.clone());
            tokio::spawn(async move { store.extend_hold(&held, credits(5)).await.unwrap() })
        }).collect();
        for task in asked { assert!(matches!(task.await.unwrap(), ExtendOutcome::Extended(_))); }
        let balance = store.balance(user, "r").await.unwrap();
        assert_eq!((balance.available, balance.held), (credits(5), credits(5)));
        held.amount = credits(5);
        assert!(matches!(store.extend_hold(&held, credits(9)).await.unwrap(), ExtendOutcome::Extended(b) if b.held == credits(7)));
        // Another one takes what is left, and there is no more to have.
        let rest = NewHold { amount: credits(8), least: credits(1), ..hold_of(user, 8) };
        assert!(matches!(store.hold(rest.clone()).await.unwrap(), HoldOutcome::Held { amount, .. } if amount == credits(3)));
        let refused = store.hold(NewHold { amount: credits(8), least: credits(1), ..hold_of(user, 8) }).await.unwrap();
        assert_eq!(refused, HoldOutcome::Insufficient { available: Amount::ZERO });
        let rest = Hold { amount: credits(3), ..rest.held() };
        assert_eq!(store.extend_hold(&rest, credits(4)).await.unwrap(), ExtendOutcome::Insufficient { available: Amount::ZERO });
        assert_eq!(store.hold_ceiling(held.hold_id()).await.unwrap(), Some(credits(7)));
        // Its holder may not know what it has come to.
        let used = Amount::from_micros(4_300_001);
        let (end, balance) = store.end_hold(&Hold { amount: credits(2), ..held.clone() }, HoldEnd::Settle(used), None).await.unwrap().unwrap();
        assert_eq!((end, balance.available, balance.held), (HoldEnd::Settle(used), Amount::from_micros(2_699_999), credits(3)));
        assert_eq!(store.extend_hold(&held, credits(7)).await.unwrap(), ExtendOutcome::Ended);
        let settlement = store.find_settlement(held.hold_id()).await.unwrap().unwrap();
        assert_eq!((settlement.amount, settlement.held_change, settlement.price_version.as_deref()), (-used, credits(-7), Some("v1")));
        assert_eq!(settlement.lots.iter().map(|share| (share.origin, share.amount)).collect::<Vec<_>>(), [(Origin::Promo, used)]);
        assert_eq!(store.find_settlement(rest.hold_id()).await.unwrap(), None);
        // Never more than what is held.
        let (end, _) = store.end_hold(&rest, ALL, None).await.unwrap().unwrap();
        assert_eq!(end, HoldEnd::Settle(credits(3)));
        assert_audit_is_clean(store.as_ref()).await;
    }

    async fn two_hundred_streams_breathe_on_ten_credits(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let streams: Vec<_> = (0..200).map(|n: i64| {
            let store = store.clone();
            tokio::spawn(async move {
                let (start, step) = (Amount::from_micros(20_000 + n), Amount::from_micros(30_007));
                let hold = NewHold { amount: start, least: start, ceiling: credits(1), ..hold_of(user, 1) };
                let mut held = hold.held();
                if !matches!(store.hold(hold).await.unwrap(), HoldOutcome::Held { .. }) { return Amount::ZERO; }
                for _ in 0..3 {
                    let to = held.amount + step;
                    if !matches!(store.extend_hold(&held, to).await.unwrap(), ExtendOutcome::Extended(_)) { break; }
                    held.amount = to;
                }
                let end = if n % 7 == 0 { HoldEnd::Release } else { HoldEnd::Settle(held.amount - Amount::from_micros(n)) };
                match store.end_hold(&held, end, None).await.unwrap().unwrap().0 {
                    HoldEnd::Settle(charged) => charged,
                    HoldEnd::Release => Amount::ZERO,
                }
            })
        }).collect();
        let watcher = {
            let store = store.clone();
            tokio::spawn(async move {
                loop {
                    let account = store.account(user, "w").await.unwrap();
                    let Balance { available, held, debt } = account.balance;
                    assert!(!available.is_negative() && !held.is_negative() && debt.is_zero());
                    assert_eq!(account.lots.sum(), available + held);
                }
            })
        };
        let mut charged = Amount::ZERO;
        for stream in streams { charged += stream.await.unwrap(); }
        assert!(!watcher.is_finished(), "never below zero");
        watcher.abort();
        let balance = store.balance(user, "r").await.unwrap();
        assert_eq!((balance.available, balance.held), (credits(10) - charged, Amount::ZERO));
        assert_audit_is_clean(store.as_ref()).await;
    }

    async fn credits_are_used_by_expiry_then_origin_and_expire_in_the_ledger(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let now = now_millis();
        let hour = 3_600_000;
        let give = async |kind, amount, key: &str, terms: LotTerms| {
            let posting = NewPosting { terms, ..posting(user, kind, amount, key) };
            assert!(matches!(store.post(posting).await.unwrap(), PostingOutcome::Posted(_)));
        };
        let paid = Some(Paid { micros: 4_990_000, currency: "EUR".into() });
        give(PostingKind::Purchase, 5, "order", LotTerms { paid: paid.clone(), ..LotTerms::default() }).await;
        give(PostingKind::Grant, 4, "plan", LotTerms { origin: Some(Origin::Plan), expires_at: Some(now + hour), ..LotTerms::default() }).await;
        give(PostingKind::Grant, 3, "gone", LotTerms { expires_at: Some(now - 60_000), ..LotTerms::default() }).await;
        let account = store.account(user, "r").await.unwrap();
        let lots: Vec<_> = account.lots.as_slice().iter().map(|lot| (lot.origin, lot.left)).collect();
        assert_eq!(lots, [(Origin::Plan, credits(4)), (Origin::Promo, credits(10)), (Origin::Bought, credits(5))]);
        assert_eq!(account.lots.as_slice()[2].paid, paid);
        assert_eq!(account.balance.available, credits(19));
        // What is held does not expire: it is back for a day, and then gone.
        let hold = hold_of(user, 3);
        let held = hold.held();
        store.hold(hold).await.unwrap();
        assert_eq!(store.expire_lots(now + hour - 1, 100).await.unwrap(), 0);
        assert_eq!(store.expire_lots(now + hour, 100).await.unwrap(), 1);
        let balance = store.balance(user, "r").await.unwrap();
        assert_eq!((balance.available, balance.held), (credits(15), credits(3)));
        let (_, balance) = store.end_hold(&held, HoldEnd::Settle(credits(1)), None).await.unwrap().unwrap();
        assert_eq!(balance.available, credits(17));
        let account = store.account(user, "r").await.unwrap();
        assert_eq!((account.lots.as_slice()[0].origin, account.lots.as_slice()[0].left), (Origin::Plan, credits(2)));
        assert_eq!(store.expire_lots(now + hour + GRACE - 1, 100).await.unwrap(), 0);
        assert_eq!(store.expire_lots(now + hour + GRACE, 100).await.unwrap(), 1);
        assert_eq!(store.balance(user, "r").await.unwrap().available, credits(15));
        // A refund takes from the lot that it is for first.
        let bought = store.account(user, "r").await.unwrap().lots.as_slice()[1].clone();
        assert_eq!(bought.origin, Origin::Bought);
        let refund = NewPosting { terms: LotTerms { lot: Some(bought.id), ..LotTerms::default() }, ..posting(user, PostingKind::Refund, -5, "order") };
        store.post(refund).await.unwrap();
        let left: Vec<_> = store.account(user, "r").await.unwrap().lots.as_slice().iter().map(|lot| (lot.origin, lot.left)).collect();
        assert_eq!(left, [(Origin::Promo, credits(10))]);
        let entries = store.ledger(user, None, 100).await.unwrap().unwrap().items;
        let expired: Vec<_> = entries.iter().rev().filter(|entry| entry.kind == EntryKind::Expire).map(|entry| entry.amount).collect();
        assert_eq!(expired, [credits(-3), credits(-1), credits(-2)]);
        assert_audit_is_clean(store.as_ref()).await;
    }

    async fn a_budget_holds_whoever_spends_at_once(stores) {
        let store = stores.credits;
        let user = OwnerId::now_v7();
        let id = BudgetId::now_v7();
        let limit = |most: i64| SpendLimit { counter: format!("{id}@2026-11-28"), most: Some(credits(most)), budget: Some(id), until: Some(now_millis() + 60_000) };
        let tries: Vec<_> = (0..40).map(|_| {
            let (store, hold) = (store.clone(), NewHold { limits: vec![limit(4)], ..hold_of(user, 1) });
            tokio::spawn(async move {
                let held = hold.held();
                match store.hold(hold).await.unwrap() {
                    HoldOutcome::Held { .. } => Some(held),
                    HoldOutcome::OverBudget { left, budget } => { assert_eq!((left, budget), (Amount::ZERO, Some(id))); None }
                    other => panic!("{other:?}"),
                }
            })
        }).collect();
        let mut held = Vec::new();
        for task in tries { held.extend(task.await.unwrap()); }
        assert_eq!(held.len(), 4);
        // What was not used may be spent again, by a hold that takes what the budget leaves.
        store.end_hold(&held[0], HoldEnd::Settle(Amount::from_micros(250_000)), None).await.unwrap();
        store.end_hold(&held[1], HoldEnd::Release, None).await.unwrap();
        let more = NewHold { amount: credits(3), least: credits(1), ceiling: credits(3), limits: vec![limit(4)], ..hold_of(user, 1) };
        let kept = more.held();
        let outcome = store.hold(more).await.unwrap();
        assert!(matches!(outcome, HoldOutcome::Held { amount, .. } if amount == Amount::from_micros(1_750_000)), "{outcome:?}");
        let kept = Hold { amount: Amount::from_micros(1_750_000), ..kept };
        let refused = store.extend_hold(&kept, credits(2)).await.unwrap();
        assert_eq!(refused, ExtendOutcome::OverBudget { left: Amount::ZERO, budget: Some(id) });
        // The tightest of several counts, and with a key the key's as well.
        let key = SpendingKey { id: ApiKeyId::now_v7(), budget: Some(credits(1)) };
        let both = NewHold { key: Some(key), limits: vec![limit(9)], ..hold_of(user, 2) };
        assert_eq!(store.hold(both).await.unwrap(), HoldOutcome::OverBudget { left: credits(1), budget: None });
        // An open hold knows what counts it, also after its server has died.
        let open = store.open_holds(user).await.unwrap();
        assert!(open.iter().all(|hold| hold.limits.iter().map(|limit| &limit.counter).eq([&limit(4).counter])));
        for hold in open { store.end_hold(&hold, HoldEnd::Release, None).await.unwrap(); }
        assert_eq!(store.spending(user).await.unwrap()[&limit(4).counter], Amount::from_micros(250_000));
        // Nobody asks for it any more.
        store.expire_lots(now_millis() + 120_000, 10).await.unwrap();
        assert!(!store.spending(user).await.unwrap().contains_key(&limit(4).counter));
        let plan = BudgetPlan { time_zone: "Asia/Shanghai".into(), budgets: vec![Budget { id, period: Period::Week, most: credits(9), key: None, model: Some("gpt*".into()), by_admin: true }] };
        assert_eq!(store.budgets(user, person(user)).await.unwrap(), BudgetPlan::default());
        for _ in 0..2 { store.set_budgets(user, person(user), plan.clone()).await.unwrap(); }
        assert_eq!(store.budgets(user, person(user)).await.unwrap(), plan);
        assert_eq!(store.budgets(user, UserId::now_v7()).await.unwrap(), BudgetPlan::default());
        assert_audit_is_clean(store.as_ref()).await;
    }
}

/// In MongoDB an entry did not always say what its hold was for.
#[tokio::test(flavor = "multi_thread")]
async fn entries_from_before_say_what_they_were_for_too() {
    let server = Mongod::start(Kind::Standalone).await;
    let uri = server.uri();
    let stores = open_at(&uri).await;
    let user = OwnerId::now_v7();
    for kind in [WorkKind::Image, WorkKind::Chat] {
        let hold = NewHold { kind, ..hold_of(user, 1) };
        if kind == WorkKind::Image {
            assert!(
                stores.images.begin(NewImage { id: hold.id.into(), ..new_image(person(user), "a fox") }).await.unwrap()
            );
        }
        let held = hold.held();
        stores.credits.hold(hold).await.unwrap();
        stores.credits.end_hold(&held, ALL, None).await.unwrap();
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
    let store = SqliteCreditStore::new(Sqlite::open(&path).unwrap(), credits(10));
    store.balance(OwnerId::now_v7(), "r").await.unwrap();
    let by_hand = rusqlite::Connection::open(&path).unwrap();
    // A row takes the place of another by any of what is unique in it.
    let replace = |seq: &str, id: &str, key: &str| {
        format!(
            "INSERT OR REPLACE INTO ledger
             SELECT {seq}, {id}, owner_id, kind, 1000, held_change, available_after, {key}, request_id, reason, created_at,
                 price_version, lots
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
    assert_eq!(report.drifts.len(), 3, "{report:?}");
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
