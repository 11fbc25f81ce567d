//! The ledger as it is in MongoDB: databases from before there were fractions and lots, servers from then that still run,
//! and the ways in which used credits are taken from lots.

use futures::TryStreamExt;
use mongodb::bson::{self, Bson, Document, doc};
use mongodb::error::{ErrorKind, WriteFailure};
use mongodb::{Collection, Database};
use tessera::account::server::store::StoredKey;
use tessera::app::stores::Stores;
use tessera::credits::server::lots::NEVER;
use tessera::credits::server::store::{
    CreditStore, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, LotTerms, NewHold, NewPosting, PostingKind,
    SpendLimit, SpendingKey, WorkKind,
};
use tessera::credits::{Balance, EntryKind, Origin};
use tessera::platform::amount::Amount;
use tessera::platform::db::mongo::to_bson;
use tessera::platform::db::now_millis;
use tessera::platform::ids::{ApiKeyId, EntryId, ImageId, MessageId, OwnerId, UserId, WorkId};
use tessera::stats::store::EntryFilter;
use uuid::Uuid;

use crate::contracts::open_at;
use crate::ledger::posting;
use crate::mongod::{Kind, Mongod};
use crate::support::assert_audit_is_clean;

const AT: i64 = 1_790_000_000_000;

fn credits(credits: i64) -> Amount {
    Amount::credits(credits)
}

fn new_hold(owner: OwnerId, user: UserId, amount: Amount) -> NewHold {
    NewHold {
        id: WorkId::now_v7(),
        owner,
        user,
        kind: WorkKind::Chat,
        amount,
        least: amount,
        ceiling: amount,
        price_version: "v1".into(),
        request_id: "request".into(),
        idempotency: None,
        key: None,
        limits: Vec::new(),
        lease_until: now_millis() + 60_000,
    }
}

async fn database(uri: &str) -> Database {
    mongodb::Client::with_uri_str(uri).await.unwrap().default_database().unwrap()
}

fn collection(database: &Database, name: &str) -> Collection<Document> {
    database.collection(name)
}

/// Takes a database back to the schema of before, but for what is in it.
async fn rewind(database: &Database) {
    let never_negative = doc! { "available": { "$gte": 0_i64 }, "held": { "$gte": 0_i64 }, "debt": { "$gte": 0_i64 } };
    for (name, validator) in [("accounts", never_negative), ("ledger", doc! {})] {
        database.run_command(doc! { "collMod": name, "validator": validator }).await.unwrap();
    }
    let before = doc! { "$set": { "version": 10_i64, "lockedUntil": 0_i64 } };
    collection(database, "meta").update_one(doc! { "_id": "schema" }, before).await.unwrap();
}

/// Writes what the database itself would refuse.
async fn insert(database: &Database, name: &str, documents: Vec<Document>) {
    let command = doc! { "insert": name, "documents": documents, "bypassDocumentValidation": true };
    let done = database.run_command(command).await.unwrap();
    assert!(done.get("writeErrors").is_none(), "{done:?}");
}

fn old_entry(kind: &str, amount: i64, held_change: i64, key: &str) -> Document {
    doc! {
        "id": to_bson(EntryId::now_v7()),
        "kind": kind,
        "amount": amount,
        "heldChange": held_change,
        "key": key,
        "requestId": "old",
        "at": bson::DateTime::from_millis(AT),
    }
}

fn old_hold(id: WorkId, amount: i64, idempotency: Option<&str>) -> Document {
    let mut entry = old_entry("hold", 0, amount, &format!("hold:{id}"));
    entry.insert("work", "chat");
    if let Some(key) = idempotency {
        let fingerprint = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![7; 32] };
        entry.insert("once", doc! { "key": key, "fingerprint": fingerprint, "hold": to_bson(id) });
    }
    entry
}

fn filed(user: UserId, seq: i64, available_after: i64, entry: Document) -> Document {
    let mut filed = doc! { "_id": { "user": to_bson(user), "seq": seq }, "availableAfter": available_after };
    filed.extend(entry);
    filed
}

/// A user as a server of before left them: all that an account can have.
struct Before {
    user: UserId,
    key: ApiKeyId,
    /// One settled and filed, two open; the second was made with the key.
    holds: [WorkId; 3],
    reply: MessageId,
    image: ImageId,
}

impl Before {
    fn new() -> Self {
        Self {
            user: UserId::now_v7(),
            key: ApiKeyId::now_v7(),
            holds: [WorkId::now_v7(), WorkId::now_v7(), WorkId::now_v7()],
            reply: MessageId::now_v7(),
            image: ImageId::now_v7(),
        }
    }

    async fn write(&self, database: &Database) {
        let Self { user, key, holds: [settled, open, by_key], .. } = *self;
        let entries = [
            filed(user, 1, 10, old_entry("grant", 10, 0, &format!("grant:welcome:{user}"))),
            filed(user, 2, 8, old_hold(settled, 2, Some("first"))),
        ];
        insert(database, "ledger", entries.to_vec()).await;
        let recent = [
            old_entry("settle", -2, -2, &format!("settle:{settled}")),
            old_entry("adjust", -1, 0, &format!("adjust:x:{user}")),
            old_hold(open, 1, None),
            old_hold(by_key, 2, Some("second")),
        ];
        let held = |id: WorkId, kind: &str, amount: i64| {
            doc! {
                "id": to_bson(id),
                "kind": kind,
                "amount": amount,
                "requestId": "old",
                "at": bson::DateTime::from_millis(AT),
                "leaseUntil": now_millis() + 60_000,
            }
        };
        let mut of_key = held(by_key, "image", 2);
        of_key.insert("key", to_bson(key));
        let account = doc! {
            "_id": to_bson(user),
            "available": 4_i64,
            "held": 3_i64,
            "debt": 0_i64,
            "posted": 6_i64,
            "cut": { "seq": 2_i64, "available": 8_i64 },
            "open": [held(open, "chat", 1), of_key],
            "busy": true,
            "recent": recent.to_vec(),
            "spending": { key.to_string(): 2_i64 },
        };
        insert(database, "accounts", vec![account]).await;
        let message = doc! { "_id": to_bson(self.reply), "user": to_bson(user), "credits": 2_i64 };
        insert(database, "messages", vec![message]).await;
        let image = doc! { "_id": to_bson(self.image), "place": 1_i64, "user": to_bson(user), "credits": 2_i64 };
        insert(database, "images", vec![image]).await;
        let by = |id: ApiKeyId, budget: Option<i64>| {
            let hash = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: id.to_string().into_bytes() };
            doc! {
                "_id": to_bson(id),
                "user": to_bson(user),
                "hash": hash,
                "name": "a key",
                "hint": "abcd",
                "perMinute": Bson::Null,
                "budget": budget,
                "scopes": ["read"],
                "expiresAt": Bson::Null,
                "createdAt": AT,
                "lastUsedAt": Bson::Null,
            }
        };
        insert(database, "apiKeys", vec![by(key, Some(5)), by(ApiKeyId::now_v7(), None)]).await;
    }

    /// Everything is worth what it was, and goes on.
    async fn check(&self, stores: &Stores, database: &Database) {
        let Self { user, key, holds: [settled, open, by_key], .. } = *self;
        let (store, owner) = (&stores.credits, OwnerId::from(user));
        let state = store.account(owner, "new").await.unwrap();
        assert_eq!(state.balance, Balance { available: credits(4), held: credits(3), debt: Amount::ZERO });
        let lots: Vec<_> = state.lots.as_slice().iter().map(|lot| (lot.origin, lot.left, lot.expires_at)).collect();
        assert_eq!(lots, [(Origin::Promo, credits(7), None)]);
        let entries = store.ledger(owner, None, 100).await.unwrap().unwrap().items;
        let told: Vec<_> =
            entries.iter().rev().map(|entry| (entry.amount, entry.held_change, entry.available_after)).collect();
        let whole = |amount, held, after| (credits(amount), credits(held), credits(after));
        let expected = [(10, 0, 10), (0, 2, 8), (-2, -2, 8), (-1, 0, 7), (0, 1, 6), (0, 2, 4)];
        assert_eq!(told, expected.map(|(amount, held, after)| whole(amount, held, after)));
        assert_eq!(store.spending(owner).await.unwrap(), [(key.to_string(), credits(2))].into());
        // Keys of requests are still known, to their user.
        let asked = |key: &str| Idempotency { key: key.into(), fingerprint: [7; 32] };
        for (key, id) in [("first", settled), ("second", by_key)] {
            let found = store.find_key(owner, user, &asked(key)).await.unwrap();
            assert_eq!(found, Some(HoldOutcome::Repeated(id)));
            assert_eq!(store.find_key(owner, UserId::now_v7(), &asked(key)).await.unwrap(), None);
        }
        let settlement = store.find_settlement(HoldId { id: settled, owner }).await.unwrap().unwrap();
        assert_eq!((settlement.amount, settlement.price_version), (credits(-2), None));
        for (id, ceiling) in [(settled, 2), (open, 1), (by_key, 2)] {
            assert_eq!(store.hold_ceiling(HoldId { id, owner }).await.unwrap(), Some(credits(ceiling)));
        }
        let charged = async |name: &str, id: bson::Uuid| {
            let found = collection(database, name).find_one(doc! { "_id": id }).await.unwrap().unwrap();
            (found.get_i64("charged").ok(), found.contains_key("credits"))
        };
        assert_eq!(charged("messages", to_bson(self.reply)).await, (Some(2_000_000), false));
        assert_eq!(charged("images", to_bson(self.image)).await, (Some(2_000_000), false));
        let keys: Vec<StoredKey> = stores.accounts.list_keys(user).await.unwrap();
        let mut budgets: Vec<_> = keys.into_iter().map(|key| key.budget).collect();
        budgets.sort();
        assert_eq!(budgets, [None, Some(credits(5))]);
    }

    /// What was begun before can be ended now.
    async fn end(&self, store: &dyn CreditStore) {
        let owner = OwnerId::from(self.user);
        let [_, open, by_key] = self.holds;
        let holds: Vec<Hold> = store.open_holds(owner).await.unwrap();
        let find = |id| holds.iter().find(|hold| hold.id == id).unwrap();
        let (_, balance) = store.end_hold(find(open), HoldEnd::Settle(credits(1)), None).await.unwrap().unwrap();
        assert_eq!((balance.available, balance.held), (credits(4), credits(2)));
        let (_, balance) = store.end_hold(find(by_key), HoldEnd::Release, None).await.unwrap().unwrap();
        assert_eq!((balance.available, balance.held), (credits(6), Amount::ZERO));
        assert_eq!(store.spending(owner).await.unwrap(), [(self.key.to_string(), Amount::ZERO)].into());
        assert_eq!(store.account(owner, "new").await.unwrap().lots.sum(), credits(6));
    }
}

/// An account that owes something.
async fn write_debtor(database: &Database, user: UserId) {
    let hold = WorkId::now_v7();
    let mut refund = old_entry("refund", -3, 0, &format!("refund:x:{user}"));
    refund.insert("debtChange", 3_i64);
    let recent = vec![
        old_entry("grant", 10, 0, &format!("grant:welcome:{user}")),
        old_hold(hold, 10, None),
        old_entry("settle", -10, -10, &format!("settle:{hold}")),
        refund,
    ];
    let account = doc! {
        "_id": to_bson(user),
        "available": 0_i64,
        "held": 0_i64,
        "debt": 3_i64,
        "posted": 4_i64,
        "cut": { "seq": 0_i64, "available": 0_i64 },
        "open": [],
        "busy": false,
        "recent": recent,
    };
    let empty = doc! {
        "_id": to_bson(UserId::now_v7()),
        "available": 0_i64,
        "held": 0_i64,
        "debt": 0_i64,
        "posted": 0_i64,
        "cut": { "seq": 0_i64, "available": 0_i64 },
        "open": [],
        "busy": false,
        "recent": [],
    };
    insert(database, "accounts", vec![account, empty]).await;
}

async fn check_debtor(store: &dyn CreditStore, user: UserId) {
    let owner = OwnerId::from(user);
    let state = store.account(owner, "new").await.unwrap();
    assert_eq!(state.balance, Balance { debt: credits(3), ..Balance::default() });
    assert_eq!((state.lots.sum(), state.lots.overdrawn()), (credits(-3), credits(3)));
    store.post(grant(owner, credits(5), LotTerms::default())).await.unwrap();
    let state = store.account(owner, "new").await.unwrap();
    assert_eq!((state.balance.available, state.balance.debt, state.lots.sum()), (credits(2), Amount::ZERO, credits(2)));
}

fn grant(owner: OwnerId, amount: Amount, terms: LotTerms) -> NewPosting {
    let key = EntryId::now_v7().to_string();
    let (kind, request_id) = (PostingKind::Grant, "grant".into());
    NewPosting { owner, kind, amount, key, request_id, reason: None, terms }
}

/// An old database, whose migration was interrupted when half of everything was changed.
async fn an_old_database_is_migrated(kind: Kind) {
    let mongod = Mongod::start(kind).await;
    let uri = mongod.uri();
    drop(open_at(&uri).await);
    let database = database(&uri).await;
    rewind(&database).await;
    let (first, second) = ([Before::new(), Before::new()], [Before::new(), Before::new()]);
    let debtors = [UserId::now_v7(), UserId::now_v7()];
    for before in &first {
        before.write(&database).await;
    }
    write_debtor(&database, debtors[0]).await;
    drop(open_at(&uri).await);

    // These are as they were when it broke off.
    for before in &second {
        before.write(&database).await;
    }
    write_debtor(&database, debtors[1]).await;
    let begun = doc! { "$set": { "version": 10_i64, "lockedUntil": 0_i64 } };
    collection(&database, "meta").update_one(doc! { "_id": "schema" }, begun).await.unwrap();
    let stores = open_at(&uri).await;
    let report = stores.credits.audit().await.unwrap();
    assert_eq!((report.accounts, report.entries, report.open_holds), (8, 32, 8));
    assert_eq!(report.drifts, []);
    for before in first.iter().chain(&second) {
        before.check(&stores, &database).await;
        before.end(stores.credits.as_ref()).await;
    }
    for debtor in debtors {
        check_debtor(stores.credits.as_ref(), debtor).await;
    }
    for (name, old) in
        [("accounts", "available"), ("accounts", "cut"), ("ledger", "availableAfter"), ("apiKeys", "budget")]
    {
        let left = collection(&database, name).count_documents(doc! { old: { "$exists": true } }).await.unwrap();
        assert_eq!(left, 0, "{name}.{old}");
    }
    assert_audit_is_clean(stores.credits.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_database_is_migrated_on_a_standalone_server() {
    an_old_database_is_migrated(Kind::Standalone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_database_is_migrated_on_a_replica_set() {
    an_old_database_is_migrated(Kind::ReplicaSet).await;
}

/// Whether the database itself said no.
fn is_refused(error: &mongodb::error::Error) -> bool {
    const FAILED_VALIDATION: i32 = 121;
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == FAILED_VALIDATION,
        ErrorKind::Command(error) => error.code == FAILED_VALIDATION,
        _ => false,
    }
}

/// Each write as a server of before sends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_before_moves_nothing_any_more() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    drop(open_at(&uri).await);
    let database = database(&uri).await;
    rewind(&database).await;
    let before = Before::new();
    before.write(&database).await;
    let stores = open_at(&uri).await;
    let (accounts, ledger) = (collection(&database, "accounts"), collection(&database, "ledger"));
    let own = |guard: Document| {
        let mut guard = guard;
        guard.insert("_id", to_bson(before.user));
        guard
    };
    let as_it_was = accounts.find_one(own(doc! {})).await.unwrap().unwrap();

    // A hold, an end, a cut: what they look for is not there.
    let open = to_bson(before.holds[1]);
    for guard in [
        doc! { "available": { "$gte": 1_i64 } },
        doc! { "open": { "$elemMatch": { "id": open, "amount": 1_i64 } } },
        doc! { "cut.seq": 2_i64 },
    ] {
        assert_eq!(accounts.count_documents(own(guard.clone())).await.unwrap(), 0, "{guard}");
    }
    // What was read before the migration, and what would look for nothing: refused.
    for (guard, update) in [
        (doc! { "posted": 6_i64 }, doc! { "$set": { "available": 9_i64, "debt": 0_i64 }, "$inc": { "posted": 1_i64 } }),
        (
            doc! { "open.id": open },
            doc! { "$inc": { "available": 1_i64, "held": -1_i64 }, "$pull": { "open": { "id": open } } },
        ),
    ] {
        let error = accounts.find_one_and_update(own(guard), update).await.unwrap_err();
        assert!(is_refused(&error), "{error}");
    }
    let old =
        doc! { "_id": to_bson(UserId::now_v7()), "available": 10_i64, "held": 0_i64, "debt": 0_i64, "posted": 0_i64 };
    assert!(is_refused(&accounts.insert_one(old).await.unwrap_err()));
    let entry = filed(before.user, 3, 8, old_entry("grant", 1, 0, "grant:y"));
    assert!(is_refused(&ledger.insert_one(entry).await.unwrap_err()));
    // Nor can what is there become negative.
    let error = accounts.update_one(own(doc! {}), doc! { "$inc": { "balance.available": -4_000_001_i64 } }).await;
    assert!(is_refused(&error.unwrap_err()));

    assert_eq!(accounts.find_one(own(doc! {})).await.unwrap().unwrap(), as_it_was);
    before.check(&stores, &database).await;
    assert_audit_is_clean(stores.credits.as_ref()).await;
}

/// What is stored of the lots of an account: origin and what is left.
async fn stored_lots(database: &Database, owner: OwnerId) -> Vec<(String, i64)> {
    let account = collection(database, "accounts").find_one(doc! { "_id": to_bson(owner) }).await.unwrap().unwrap();
    let lots = account.get_array("lots").unwrap().iter().map(|lot| lot.as_document().unwrap());
    lots.map(|lot| (lot.get_str("origin").unwrap().to_owned(), lot.get_i64("left").unwrap())).collect()
}

async fn hold_and_settle(
    holder: &dyn CreditStore,
    ender: &dyn CreditStore,
    user: UserId,
    held: i64,
    used: i64,
) -> Hold {
    let hold = new_hold(user.into(), user, credits(held));
    let known = hold.held();
    assert!(matches!(holder.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
    let (end, _) = ender.end_hold(&known, HoldEnd::Settle(credits(used)), None).await.unwrap().unwrap();
    assert_eq!(end, HoldEnd::Settle(credits(used)));
    known
}

async fn shares(store: &dyn CreditStore, hold: &Hold) -> Vec<(Origin, Amount)> {
    let entry = store.find_settlement(hold.hold_id()).await.unwrap().unwrap();
    assert_eq!(entry.price_version.as_deref(), Some("v1"));
    assert_eq!(entry.lots.iter().map(|share| share.amount).sum::<Amount>(), -entry.amount);
    entry.lots.iter().map(|share| (share.origin, share.amount)).collect()
}

/// The first lot is used without looking; where it is not enough, or not the first any more, all of them are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn used_credits_are_taken_from_the_first_lot_or_from_several() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    let (here, there) = (open_at(&uri).await.credits, open_at(&uri).await.credits);
    let (database, user) = (database(&uri).await, UserId::now_v7());
    let owner = OwnerId::from(user);

    // Without looking: what is used up stays in its place, with nothing left.
    hold_and_settle(&*here, &*here, user, 4, 3).await;
    assert_eq!(stored_lots(&database, owner).await, [("promo".into(), 7_000_000)]);
    let hold = hold_and_settle(&*here, &*here, user, 7, 7).await;
    assert_eq!(shares(&*here, &hold).await, [(Origin::Promo, credits(7))]);
    assert_eq!(stored_lots(&database, owner).await, [("promo".into(), 0)]);
    assert_eq!(here.account(owner, "r").await.unwrap().lots.as_slice(), []);
    assert_audit_is_clean(here.as_ref()).await;

    // It goes when all are written anew.
    let terms = |origin| LotTerms { origin: Some(origin), ..LotTerms::default() };
    here.post(grant(owner, credits(5), terms(Origin::Bought))).await.unwrap();
    here.post(grant(owner, credits(2), terms(Origin::Promo))).await.unwrap();
    assert_eq!(stored_lots(&database, owner).await, [("promo".into(), 2_000_000), ("bought".into(), 5_000_000)]);

    // Two lots in one settlement, by a server that has seen the account and by one that has not.
    let hold = hold_and_settle(&*here, &*here, user, 4, 3).await;
    assert_eq!(shares(&*here, &hold).await, [(Origin::Promo, credits(2)), (Origin::Bought, credits(1))]);
    assert_eq!(stored_lots(&database, owner).await, [("bought".into(), 4_000_000)]);
    let hold = hold_and_settle(&*here, &*there, user, 2, 1).await;
    assert_eq!(shares(&*here, &hold).await, [(Origin::Bought, credits(1))]);

    // Another server has used it meanwhile, or put another one before it.
    hold_and_settle(&*there, &*there, user, 2, 2).await;
    let hold = new_hold(owner, user, credits(1));
    let known = hold.held();
    here.hold(hold).await.unwrap();
    there.post(grant(owner, credits(1), terms(Origin::Gift))).await.unwrap();
    here.end_hold(&known, HoldEnd::Settle(credits(1)), None).await.unwrap();
    assert_eq!(shares(&*here, &known).await, [(Origin::Gift, credits(1))]);

    // Nothing used, or more than is held.
    let hold = hold_and_settle(&*here, &*here, user, 1, 0).await;
    assert_eq!(shares(&*here, &hold).await, []);
    let hold = new_hold(owner, user, credits(1));
    let known = hold.held();
    here.hold(hold).await.unwrap();
    let (end, balance) = here.end_hold(&known, HoldEnd::Settle(credits(9)), None).await.unwrap().unwrap();
    assert_eq!((end, balance), (HoldEnd::Settle(credits(1)), Balance::default()));
    assert_audit_is_clean(here.as_ref()).await;
}

/// Many at once, whose settlements go over the end of one lot after the other.
#[tokio::test(flavor = "multi_thread")]
async fn settlements_at_once_use_each_lot_once() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    let stores = [open_at(&uri).await.credits, open_at(&uri).await.credits];
    let user = UserId::now_v7();
    let owner = OwnerId::from(user);
    for _ in 0..10 {
        stores[0].post(grant(owner, credits(3), LotTerms::default())).await.unwrap();
    }
    let tasks: Vec<_> = (0..40)
        .map(|at| {
            let (holder, ender) = (stores[at % 2].clone(), stores[at / 2 % 2].clone());
            tokio::spawn(async move { hold_and_settle(&*holder, &*ender, user, 1, 1).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let state = stores[0].account(owner, "r").await.unwrap();
    assert_eq!((state.balance, state.lots.as_slice()), (Balance::default(), &[][..]));
    assert_audit_is_clean(stores[0].as_ref()).await;
}

/// The time of what is stored is over, without waiting for it.
async fn let_expire(database: &Database, owner: OwnerId) -> i64 {
    let past = now_millis() - 5000;
    let expired = doc! { "$set": { "lots.0.expiresAt": past, "nextExpiry": past } };
    let accounts = collection(database, "accounts");
    accounts.update_one(doc! { "_id": to_bson(owner) }, expired).await.unwrap();
    past
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_moves_an_account_ends_what_has_expired_first() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    let store = open_at(&uri).await.credits;
    let database = database(&uri).await;
    // How each of them finds the account, and what is left of 10 of which 4 are held.
    for way in ["balance", "hold", "extend", "settle", "release", "post", "sweep"] {
        let user = UserId::now_v7();
        let owner = OwnerId::from(user);
        let mut hold = new_hold(owner, user, credits(4));
        hold.ceiling = credits(9);
        let known = hold.held();
        store.hold(hold).await.unwrap();
        let expired_at = let_expire(&database, owner).await;
        let held = Balance { held: credits(4), ..Balance::default() };
        let expected = match way {
            "balance" => {
                assert_eq!(store.balance(owner, "r").await.unwrap(), held);
                held
            }
            "hold" => {
                let outcome = store.hold(new_hold(owner, user, credits(1))).await.unwrap();
                assert_eq!(outcome, HoldOutcome::Insufficient { available: Amount::ZERO });
                held
            }
            "extend" => {
                let outcome = store.extend_hold(&known, credits(5)).await.unwrap();
                let none = tessera::credits::server::store::ExtendOutcome::Insufficient { available: Amount::ZERO };
                assert_eq!(outcome, none);
                held
            }
            "settle" => {
                let (_, balance) = store.end_hold(&known, HoldEnd::Settle(credits(3)), None).await.unwrap().unwrap();
                assert_eq!(balance, Balance { available: credits(1), ..Balance::default() });
                balance
            }
            "release" => {
                let (_, balance) = store.end_hold(&known, HoldEnd::Release, None).await.unwrap().unwrap();
                assert_eq!(balance, Balance { available: credits(4), ..Balance::default() });
                balance
            }
            "post" => {
                store.post(grant(owner, credits(2), LotTerms::default())).await.unwrap();
                Balance { available: credits(2), ..held }
            }
            _ => {
                assert_eq!(store.expire_lots(now_millis(), 10).await.unwrap(), 1);
                assert_eq!(store.expire_lots(now_millis(), 10).await.unwrap(), 0);
                held
            }
        };
        let state = store.account(owner, "r").await.unwrap();
        assert_eq!(state.balance, expected, "{way}");
        // What was held is there for a day.
        let first = state.lots.as_slice()[0].clone();
        assert!(first.expires_at.is_some_and(|at| at > now_millis() + 23 * 60 * 60 * 1000), "{way}: {first:?}");
        let entries = store.ledger(owner, None, 100).await.unwrap().unwrap().items;
        let expired: Vec<_> = entries.iter().filter(|entry| entry.kind == EntryKind::Expire).collect();
        assert_eq!(expired.len(), 1, "{way}");
        assert_eq!((expired[0].amount, expired[0].lots[0].amount), (credits(-6), credits(6)), "{way}");
        let key = format!("expire:{}:{expired_at}", first.id);
        let stored = doc! { "_id": to_bson(owner), "recent.key": key };
        assert_eq!(collection(&database, "accounts").count_documents(stored).await.unwrap(), 1);
    }
    assert_audit_is_clean(store.as_ref()).await;
}

/// A lot that is used up and expires: nothing is lost, and nobody waits for it any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_lot_that_is_used_up_expires_without_an_entry() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    let store = open_at(&uri).await.credits;
    let (database, user) = (database(&uri).await, UserId::now_v7());
    let owner = OwnerId::from(user);
    hold_and_settle(&*store, &*store, user, 10, 10).await;
    let_expire(&database, owner).await;
    assert_eq!(store.balance(owner, "r").await.unwrap(), Balance::default());
    assert_eq!(store.expire_lots(now_millis(), 10).await.unwrap(), 0);
    let entries = store.ledger(owner, None, 100).await.unwrap().unwrap().items;
    assert!(entries.iter().all(|entry| entry.kind != EntryKind::Expire));
    let account = collection(&database, "accounts").find_one(doc! { "_id": to_bson(owner) }).await.unwrap().unwrap();
    assert_eq!(account.get_i64("nextExpiry").unwrap(), NEVER);
    assert_audit_is_clean(store.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_nobody_asks_for_any_more_are_forgotten() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    let store = open_at(&uri).await.credits;
    let (user, key) = (UserId::now_v7(), ApiKeyId::now_v7());
    let owner = OwnerId::from(user);
    let limit =
        |counter: &str, until| SpendLimit { counter: counter.into(), most: Some(credits(9)), budget: None, until };
    let now = now_millis();
    let mut hold = new_hold(owner, user, credits(2));
    hold.key = Some(SpendingKey { id: key, budget: None });
    hold.limits = vec![limit("b@2026-01-01", Some(now - 10)), limit("c@2026-01-01", Some(now + 9 * 60 * 60 * 1000))];
    let known = hold.held();
    store.hold(hold).await.unwrap();
    assert_eq!(store.spending(owner).await.unwrap().len(), 3);
    // What is held is still counted.
    assert_eq!(store.expire_lots(now, 10).await.unwrap(), 1);
    assert_eq!(store.expire_lots(now, 10).await.unwrap(), 0);
    assert_eq!(store.spending(owner).await.unwrap().len(), 3);
    store.end_hold(&known, HoldEnd::Settle(credits(1)), None).await.unwrap();
    let later = now + 2 * 60 * 60 * 1000;
    assert_eq!(store.expire_lots(later, 10).await.unwrap(), 1);
    let left = [(key.to_string(), credits(1)), ("c@2026-01-01".to_owned(), credits(1))];
    assert_eq!(store.spending(owner).await.unwrap(), left.into());
    assert_eq!(store.expire_lots(later, 10).await.unwrap(), 0);
    let much_later = now + 10 * 60 * 60 * 1000;
    assert_eq!(store.expire_lots(much_later, 10).await.unwrap(), 1);
    assert_eq!(store.spending(owner).await.unwrap(), [(key.to_string(), credits(1))].into());
    assert_eq!(store.expire_lots(much_later, 10).await.unwrap(), 0);
    assert_audit_is_clean(store.as_ref()).await;
}

/// However many entries there are, a page of them is read along an index, and nothing is sorted: the database says so itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_ledger_is_read_in_the_order_of_its_index() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    let (stores, database) = (open_at(&uri).await, database(&uri).await);
    // More than an account keeps with itself.
    for n in 0..30 {
        let key = format!("entry {n}");
        stores.credits.post(posting(OwnerId::from(Uuid::now_v7()), PostingKind::Grant, 1, &key)).await.unwrap();
    }
    let owner = OwnerId::from(Uuid::now_v7());
    for n in 0..30 {
        stores.credits.post(posting(owner, PostingKind::Adjust, 1, &format!("more {n}"))).await.unwrap();
    }
    database.run_command(doc! { "profile": 2 }).await.unwrap();
    let all = EntryFilter { from: 0, until: now_millis() + 60_000, ..EntryFilter::default() };
    let adjusted = EntryFilter { kind: Some(EntryKind::Adjust), ..all };
    let chats = EntryFilter { kind: Some(EntryKind::Settle), work: Some(WorkKind::Chat), ..all };
    for (filter, before) in [(all, i64::MAX), (all, now_millis()), (adjusted, i64::MAX), (chats, i64::MAX)] {
        stores.statistics.list_entries(filter, (before, Uuid::max()), 5).await.unwrap();
    }
    database.run_command(doc! { "profile": 0 }).await.unwrap();
    let asked = collection(&database, "system.profile").find(doc! { "command.aggregate": "ledger" }).await.unwrap();
    let asked: Vec<Document> = asked.try_collect().await.unwrap();
    assert_eq!(asked.len(), 4, "{asked:#?}");
    for one in asked {
        assert_eq!(one.get_str("planSummary").unwrap(), "IXSCAN { at: 1, id: 1 }", "{one}");
        assert!(!one.get_bool("hasSortStage").unwrap_or(false), "{one}");
    }
}
