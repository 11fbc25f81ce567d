//! The step from whole credits to millionths of a credit, and to lots.
//!
//! Every document is changed once, in one update that looks for a field that only old ones have; so it may be begun anew
//! anywhere. First of all, the database is told to refuse what an old server that still runs would write: it finds no
//! account that it could read, and adds none, and no entry.

use mongodb::bson::{Bson, Document, doc};

use super::{Durability, Mongo, StoreResult};

/// Micro-credits in a credit.
const CREDIT: i64 = 1_000_000;
/// Of a lot that does not expire.
const NEVER: i64 = i64::MAX;

pub(super) async fn migrate(mongo: &Mongo) -> StoreResult<()> {
    refuse_old_writes(mongo).await?;
    let steps = [
        ("accounts", "available", accounts()),
        ("ledger", "availableAfter", ledger()),
        ("messages", "credits", renamed("credits", "charged")),
        ("images", "credits", renamed("credits", "charged")),
        ("apiKeys", "budget", renamed("budget", "limit")),
    ];
    for (collection, only_old, change) in steps {
        let collection = mongo.collection::<Document>(collection, Durability::Durable);
        // Not bounded by a request's patience: there may be many.
        collection.update_many(doc! { only_old: { "$exists": true } }, change).await?;
    }
    Ok(())
}

async fn refuse_old_writes(mongo: &Mongo) -> StoreResult<()> {
    let account = doc! {
        "balance.available": { "$gte": 0_i64 },
        "balance.held": { "$gte": 0_i64 },
        "balance.debt": { "$gte": 0_i64 },
        "overdrawn": { "$gte": 0_i64 },
        "available": { "$exists": false },
        "held": { "$exists": false },
        "debt": { "$exists": false },
        "cut": { "$exists": false },
    };
    let entry = doc! { "available": { "$exists": true }, "availableAfter": { "$exists": false } };
    for (collection, validator) in [("accounts", account), ("ledger", entry)] {
        mongo.command(doc! { "collMod": collection, "validator": validator }).await?;
    }
    Ok(())
}

fn micros(credits: impl Into<Bson>) -> Document {
    doc! { "$multiply": [credits.into(), CREDIT] }
}

/// An expression that is a document with these fields where `field` is there, else one without any.
fn where_there(field: &str, fields: Document) -> Document {
    doc! { "$cond": [{ "$eq": [{ "$type": field }, "missing"] }, { "$literal": {} }, fields] }
}

fn renamed(old: &str, new: &str) -> Vec<Document> {
    vec![doc! { "$set": { new: micros(format!("${old}")) } }, doc! { "$unset": old }]
}

/// What an entry has of millionths, as fields of `entry`, in the account of `owner`.
fn entry(entry: &str, owner: &str) -> Document {
    let field = |name: &str| format!("{entry}.{name}");
    doc! { "$mergeObjects": [
        entry,
        { "amount": micros(field("amount")), "heldChange": micros(field("heldChange")) },
        where_there(&field("debtChange"), doc! { "debtChange": micros(field("debtChange")) }),
        // An idempotency key is its user's own.
        where_there(&field("once"), doc! { "once": { "$mergeObjects": [field("once"), { "user": owner }] } }),
    ] }
}

fn ledger() -> Vec<Document> {
    let mut new = entry("$$ROOT", "$_id.user");
    if let Ok(parts) = new.get_array_mut("$mergeObjects") {
        parts.push(doc! { "available": micros("$availableAfter") }.into());
    }
    vec![doc! { "$replaceWith": new }, doc! { "$unset": "availableAfter" }]
}

fn accounts() -> Vec<Document> {
    let worth = doc! { "$subtract": [{ "$add": ["$available", "$held"] }, "$debt"] };
    let since = doc! { "$ifNull": [{ "$toLong": { "$first": "$recent.at" } }, 0_i64] };
    // Where the credits came from is not known any more: one lot has them all.
    let lot = doc! {
        "id": "$_id",
        "origin": "promo",
        "amount": micros(worth.clone()),
        "left": micros(worth.clone()),
        "at": since,
    };
    let hold = doc! { "$mergeObjects": ["$$hold", {
        "user": "$_id",
        "amount": micros("$$hold.amount"),
        "ceiling": micros("$$hold.amount"),
        "priceVersion": "",
        "counters": [],
    }] };
    let count = doc! { "k": "$$count.k", "v": micros("$$count.v") };
    let counts = doc! { "$objectToArray": { "$ifNull": ["$spending", { "$literal": {} }] } };
    let new = doc! {
        "balance": {
            "available": micros("$available"),
            "held": micros("$held"),
            "debt": micros("$debt"),
        },
        "lots": { "$cond": [{ "$gt": [worth.clone(), 0_i64] }, [lot], []] },
        "overdrawn": { "$cond": [{ "$lt": [worth.clone(), 0_i64] }, { "$multiply": [worth, -CREDIT] }, 0_i64] },
        "nextExpiry": NEVER,
        "cutAt": { "seq": "$cut.seq", "available": micros("$cut.available") },
        "recent": { "$map": { "input": "$recent", "as": "entry", "in": entry("$$entry", "$_id") } },
        "open": { "$map": { "input": "$open", "as": "hold", "in": hold } },
        "spending": { "$arrayToObject": { "$map": { "input": counts, "as": "count", "in": count } } },
    };
    vec![doc! { "$set": new }, doc! { "$unset": ["available", "held", "debt", "cut"] }]
}
