//! The schema, step by step.

use std::time::Duration;

use mongodb::bson::{self, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::{IndexOptions, ReturnDocument};
use mongodb::{Collection, IndexModel};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::indexes::{
    of_admins, of_attempts, of_closes, of_codes, of_half_sign_ins, of_identities, of_keys_and_talks, of_leavings,
    of_mail_links, of_papers, of_passkeys, of_payments, of_referrals, of_responses, of_statistics, of_subscriptions,
    of_traces, partial, plain, unique, unique_if_set,
};
use super::places::{give_places, give_places_to_images};
use super::{Durability, Mongo, StoreError, StoreResult, amounts, is_duplicate, run, to_bson};

/// The version of the schema that this program knows.
pub const SCHEMA: i64 = 30;
/// How long a server may work on a migration before another one takes it for dead.
const MIGRATION_LEASE: Duration = Duration::from_mins(2);

/// Brings the schema up to date, step by step, one server at a time.
pub(super) async fn migrate(mongo: &Mongo) -> StoreResult<()> {
    let meta = mongo.collection::<Document>("meta", Durability::Durable);
    let me = bson::Uuid::new();
    let begun = Instant::now();
    loop {
        let found = {
            let meta = meta.clone();
            run(async move { meta.find_one(doc! { "_id": "schema" }).await }).await?
        };
        let version = match &found {
            Some(schema) => schema.get_i64("version").map_err(|_| StoreError::Corrupt("meta.schema.version".into()))?,
            None => 0,
        };
        if version > SCHEMA {
            return Err(StoreError::TooNew(version, SCHEMA));
        }
        if version == SCHEMA {
            return Ok(());
        }
        if take_migration(&meta, me, mongo.now(), found.is_none()).await? {
            for step in version + 1..=SCHEMA {
                tokio::select! {
                    done = migrate_to(mongo, step) => done?,
                    failed = keep_migration(&meta, me, mongo) => failed?,
                }
                let meta = meta.clone();
                run(async move {
                    let done = doc! { "$set": { "version": step, "lockedUntil": 0_i64 } };
                    meta.update_one(doc! { "_id": "schema", "lockedBy": me }, done).await
                })
                .await?;
            }
        } else if begun.elapsed() > MIGRATION_LEASE * 2 {
            return Err(StoreError::TimedOut);
        } else {
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Whether this server is the one that migrates now.
async fn take_migration(meta: &Collection<Document>, me: bson::Uuid, now: i64, is_new: bool) -> StoreResult<bool> {
    let lease = i64::try_from(MIGRATION_LEASE.as_millis()).unwrap_or(i64::MAX);
    let meta = meta.clone();
    let lock = doc! { "lockedBy": me, "lockedUntil": now + lease };
    if is_new {
        let mut schema = doc! { "_id": "schema", "version": 0_i64 };
        schema.extend(lock);
        return match run(async move { meta.insert_one(schema).await }).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        };
    }
    let free = doc! { "_id": "schema", "lockedUntil": { "$lt": now } };
    let taken = run(async move {
        meta.find_one_and_update(free, doc! { "$set": lock }).return_document(ReturnDocument::After).await
    })
    .await?;
    Ok(taken.is_some())
}

/// Says again and again that this server is alive, so that no other begins the same step. Ends only with an error.
async fn keep_migration(meta: &Collection<Document>, me: bson::Uuid, mongo: &Mongo) -> StoreResult<()> {
    let lease = i64::try_from(MIGRATION_LEASE.as_millis()).unwrap_or(i64::MAX);
    loop {
        sleep(MIGRATION_LEASE / 4).await;
        let (meta, own) = (meta.clone(), doc! { "_id": "schema", "lockedBy": me });
        let lock = doc! { "$set": { "lockedUntil": mongo.now() + lease } };
        run(async move { meta.update_one(own, lock).await }).await?;
    }
}

/// One step of the schema. May be begun anew after a crash, so it changes nothing that is there already.
async fn migrate_to(mongo: &Mongo, version: i64) -> StoreResult<()> {
    match version {
        1 => make_collections(mongo).await,
        2 => make_indexes(mongo, of_keys_and_talks()).await,
        3 => {
            let indexes = [
                ("images", doc! { "user": 1, "_id": -1 }, plain()),
                ("images", doc! { "user": 1, "favorite": 1, "_id": -1 }, partial(doc! { "favorite": true })),
                ("images", doc! { "user": 1, "slot": 1 }, unique_if_set("slot")),
                ("images", doc! { "conversation": 1 }, partial(doc! { "conversation": { "$exists": true } })),
                ("images", doc! { "cleanupAt": 1 }, partial(doc! { "cleanupAt": { "$exists": true } })),
            ];
            make_indexes(mongo, indexes).await
        }
        4 => give_places(mongo).await,
        5 => {
            // Keys that there are may do what they could.
            let all = vec!["spend", "read", "manage"];
            let keys = mongo.collection::<Document>("apiKeys", Durability::Durable);
            keys.update_many(doc! { "scopes": { "$exists": false } }, doc! { "$set": { "scopes": all } }).await?;
            Ok(())
        }
        6 => make_indexes(mongo, [("apiKeys", doc! { "user": 1, "slot": 1 }, unique_if_set("slot"))]).await,
        7 => {
            let indexes = [
                ("attachments", doc! { "file": 1 }, plain()),
                ("attachmentFiles", doc! { "user": 1, "size": 1 }, plain()),
                ("attachmentFiles", doc! { "touchedAt": 1 }, partial(doc! { "touchedAt": { "$exists": true } })),
            ];
            make_indexes(mongo, indexes).await
        }
        8 => {
            let indexes = [
                (
                    "messages",
                    doc! { "user": 1, "words": 1, "conversation": 1 },
                    partial(doc! { "words": { "$exists": true } }),
                ),
                ("messages", doc! { "unindexed": 1, "_id": -1 }, partial(doc! { "unindexed": true })),
                ("conversations", doc! { "user": 1, "words": 1 }, partial(doc! { "words": { "$exists": true } })),
                ("conversations", doc! { "unindexed": 1, "_id": -1 }, partial(doc! { "unindexed": true })),
            ];
            make_indexes(mongo, indexes).await?;
            // What is there already is indexed while servers run, from the newest down to the oldest.
            let meta = mongo.collection::<Document>("meta", Durability::Durable);
            let all = to_bson(Uuid::max());
            let below = doc! { "$setOnInsert": { "messages": all, "conversations": all } };
            run(async move { meta.update_one(doc! { "_id": "search" }, below).upsert(true).await }).await?;
            Ok(())
        }
        9 => {
            give_places_to_images(mongo).await?;
            let indexes = [
                ("images", doc! { "user": 1, "place": -1 }, unique_if_set("place")),
                ("images", doc! { "user": 1, "favorite": 1, "place": -1 }, partial(doc! { "favorite": true })),
                ("images", doc! { "user": 1, "bytes": 1 }, partial(doc! { "bytes": { "$exists": true } })),
                ("messages", doc! { "copyOf": 1 }, partial(doc! { "copyOf": { "$exists": true } })),
            ];
            make_indexes(mongo, indexes).await?;
            for unused in ["user_1__id_-1", "user_1_favorite_1__id_-1"] {
                drop_index(mongo, "images", unused).await?;
            }
            Ok(())
        }
        // Conversations have versions: who does not know them would show all at once.
        10 => Ok(()),
        11 => {
            amounts::migrate(mongo).await?;
            let indexes = [
                ("accounts", doc! { "nextExpiry": 1 }, partial(doc! { "nextExpiry": { "$lt": i64::MAX } })),
                ("accounts", doc! { "forgetAt": 1 }, partial(doc! { "forgetAt": { "$exists": true } })),
            ];
            make_indexes(mongo, indexes).await
        }
        12 => make_indexes(mongo, of_payments()).await,
        13 => make_indexes(mongo, of_papers()).await,
        14 => make_indexes(mongo, of_codes()).await,
        15 => make_indexes(mongo, of_subscriptions()).await,
        16 => make_indexes(mongo, of_mail_links()).await,
        17 => make_indexes(mongo, of_identities()).await,
        18 => make_indexes(mongo, [("mailedNotices", doc! { "at": 1 }, plain())]).await,
        19 => make_indexes(mongo, of_passkeys()).await,
        20 => make_indexes(mongo, of_leavings()).await,
        21 => make_indexes(mongo, of_half_sign_ins()).await,
        22 => make_indexes(mongo, of_admins()).await,
        23 => make_indexes(mongo, of_statistics()).await,
        // The _id of a count is all that it is of.
        24 => make_indexes(mongo, [("providerCounts", doc! { "span": 1, "at": 1 }, plain())]).await,
        25 => make_indexes(mongo, of_traces()).await,
        26 => make_indexes(mongo, of_closes()).await,
        27 => make_indexes(mongo, of_responses()).await,
        28 => make_indexes(mongo, of_attempts()).await,
        29 => make_indexes(mongo, of_referrals()).await,
        30 => {
            // The ledger of all is listed in this order: the _id of an entry is not its id.
            make_indexes(mongo, [("ledger", doc! { "at": 1, "id": 1 }, plain())]).await?;
            drop_index(mongo, "ledger", "at_1__id_1").await
        }
        _ => Err(StoreError::Corrupt(format!("there is no step to schema {version}"))),
    }
}

async fn make_indexes<const N: usize>(mongo: &Mongo, indexes: [(&str, Document, IndexOptions); N]) -> StoreResult<()> {
    for (collection, keys, options) in indexes {
        let collection = mongo.collection::<Document>(collection, Durability::Durable);
        let index = IndexModel::builder().keys(keys).options(options).build();
        // Not bounded by a request's patience: an index over much data takes its time.
        collection.create_index(index).await?;
    }
    Ok(())
}

/// Takes away an index that is there.
async fn drop_index(mongo: &Mongo, collection: &str, name: &str) -> StoreResult<()> {
    const NOT_FOUND: i32 = 27;
    match mongo.collection::<Document>(collection, Durability::Durable).drop_index(name).await {
        Err(error) if matches!(error.kind.as_ref(), ErrorKind::Command(error) if error.code == NOT_FOUND) => Ok(()),
        dropped => Ok(dropped?),
    }
}

async fn make_collections(mongo: &Mongo) -> StoreResult<()> {
    // What no update may break, even if the code were wrong.
    let never_negative = doc! {
        "available": { "$gte": 0_i64 },
        "held": { "$gte": 0_i64 },
        "debt": { "$gte": 0_i64 },
    };
    let database = mongo.database.clone();
    let made = run(async move { database.create_collection("accounts").validator(never_negative).await }).await;
    if let Err(StoreError::Mongo(error)) = made
        && !matches!(error.kind.as_ref(), ErrorKind::Command(error) if error.code == 48)
    {
        return Err(error.into());
    }
    let indexes = [
        ("users", doc! { "email": 1 }, unique()),
        ("sessions", doc! { "user": 1 }, plain()),
        ("sessions", doc! { "expiresAt": 1 }, plain()),
        ("accounts", doc! { "busy": 1 }, partial(doc! { "busy": true })),
        // The ledger's _id is the user and the number of the entry, which is the order it is read in.
        ("ledger", doc! { "key": 1 }, unique()),
        ("ledger", doc! { "_id.user": 1, "once.key": 1 }, partial(doc! { "once.key": { "$exists": true } })),
        ("ledger", doc! { "at": 1 }, partial(doc! { "once.key": { "$exists": true } })),
        ("conversations", doc! { "user": 1, "updatedAt": -1, "_id": -1 }, plain()),
        ("messages", doc! { "conversation": 1, "_id": 1 }, plain()),
        ("messages", doc! { "user": 1 }, plain()),
    ];
    make_indexes(mongo, indexes).await
}
