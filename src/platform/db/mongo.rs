//! MongoDB, for any number of servers: the client, its limits, and the schema.
//!
//! Right on a standalone server as on a replica set, so nothing here needs a transaction of several documents: what
//! must happen together is one document. Every operation has `PATIENCE`; the driver's futures must not be dropped in
//! the middle, so each runs in a task of its own that may go on when nobody waits any more.

use std::time::Duration;

use futures::future::BoxFuture;
use mongodb::bson::{self, Document, doc};
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, IndexOptions, ReadPreference, ReturnDocument, WriteConcern,
};
use mongodb::{Client, Collection, Database, IndexModel};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{Clock, GAP, PATIENCE, Probed, StoreError, StoreResult, wait};

/// How long to look for a server that can be asked. Less than [`PATIENCE`], so that the error says what is wrong.
const FIND_SERVER: Duration = Duration::from_millis(2500);
const CONNECT: Duration = Duration::from_secs(2);
/// Connections of one server to one database; more only wait for each other there.
const POOL: u32 = 64;
/// Where the URI names no database.
const DEFAULT_DATABASE: &str = "tessera";

/// The version of the schema that this program knows.
const SCHEMA: i64 = 8;
/// How long a server may work on a migration before another one takes it for dead.
const MIGRATION_LEASE: Duration = Duration::from_mins(2);

/// How safe a write must be before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// In the journal of most members of a replica set: everything that moves credits or lets somebody in.
    Durable,
    /// With the primary. What is durable and comes later is only there with it.
    Relaxed,
}

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Mongo {
    database: Database,
    clock: Clock,
}

impl Mongo {
    /// Connects and brings the schema up to date; servers that start together take turns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be reached, or is of a newer program.
    pub async fn open(uri: &SecretString) -> StoreResult<Self> {
        let mut options = ClientOptions::parse(uri.expose_secret()).await?;
        options.app_name.get_or_insert_with(|| "tessera".to_owned());
        options.server_selection_timeout.get_or_insert(FIND_SERVER);
        options.connect_timeout.get_or_insert(CONNECT);
        options.max_pool_size.get_or_insert(POOL);
        // What is read decides what is written: never from a member that lags behind.
        options.selection_criteria = Some(ReadPreference::Primary.into());
        let name = options.default_database.clone().unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
        let mongo = Self { database: Client::with_options(options)?.database(&name), clock: Clock::default() };
        mongo.probe().await?;
        migrate(&mongo).await?;
        Ok(mongo)
    }

    /// A collection whose writes are answered when they are so safe.
    #[must_use]
    pub fn collection<T: Send + Sync>(&self, name: &str, durability: Durability) -> Collection<T> {
        let concern = match durability {
            Durability::Durable => WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build(),
            Durability::Relaxed => WriteConcern::builder().w(Acknowledgment::Nodes(1)).build(),
        };
        self.database.collection_with_options(name, CollectionOptions::builder().write_concern(concern).build())
    }

    /// What the database's clock says now, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// As [`super::Database::probe`].
    pub(super) async fn probe(&self) -> StoreResult<Probed> {
        let asked = Instant::now();
        let probes = self.collection::<Document>("meta", Durability::Durable);
        let written = run(async move {
            let before = doc! { "$ifNull": ["$at", bson::DateTime::from_millis(0)] };
            let gap = doc! { "$gt": [{ "$abs": { "$subtract": ["$$NOW", before] } }, GAP] };
            let since = doc! { "$ifNull": ["$steadySince", "$$NOW"] };
            let now = vec![doc! { "$set": {
                "at": "$$NOW",
                "steadySince": { "$cond": [gap, "$$NOW", since] },
            } }];
            let update = probes.find_one_and_update(doc! { "_id": "probe" }, now);
            update.upsert(true).return_document(ReturnDocument::After).await
        })
        .await?;
        let time = |name: &str| {
            let found = written.as_ref().and_then(|probe| probe.get_datetime(name).ok());
            let missing = || StoreError::Corrupt(format!("meta.probe.{name}"));
            found.map(|time| time.timestamp_millis()).ok_or_else(missing)
        };
        let (at, since) = (time("at")?, time("steadySince")?);
        Ok(Probed { ahead: self.clock.read(at, asked), steady: at - since })
    }

    /// Runs a command on the database.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn command(&self, command: Document) -> StoreResult<Document> {
        let database = self.database.clone();
        run(async move { database.run_command(command).await }).await
    }
}

/// Waits for an operation, but not longer than a request may.
///
/// # Errors
/// The driver's, or [`StoreError::TimedOut`].
pub async fn run<T, F>(operation: F) -> StoreResult<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    // Boxed, or each operation would be a task of its own type: a tenth of what a debug build compiles at every edit.
    let operation: BoxFuture<'static, Result<T, Error>> = Box::pin(operation);
    wait(async { Ok(tokio::spawn(operation).await.map_err(|_| StoreError::Panicked)??) }, Some(PATIENCE)).await
}

/// An id as MongoDB stores it: binary, of subtype 4.
#[must_use]
pub fn to_bson(id: impl Into<Uuid>) -> bson::Uuid {
    bson::Uuid::from_bytes(id.into().into_bytes())
}

/// The id that was stored.
#[must_use]
pub fn from_bson<Id: From<Uuid>>(id: bson::Uuid) -> Id {
    Uuid::from_bytes(id.bytes()).into()
}

/// A pattern for this very text, whatever its case.
#[must_use]
pub fn containing(text: &str) -> Document {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    doc! { "$regex": pattern, "$options": "i" }
}

/// Whether an error says that a unique index has this key already.
#[must_use]
pub fn is_duplicate(error: &StoreError) -> bool {
    const DUPLICATE_KEY: i32 = 11000;
    let StoreError::Mongo(error) = error else { return false };
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        ErrorKind::InsertMany(error) => error
            .write_errors
            .as_ref()
            .is_some_and(|errors| !errors.is_empty() && errors.iter().all(|error| error.code == DUPLICATE_KEY)),
        ErrorKind::Command(error) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}

/// What an error says, without the driver's picture of all its servers: who does not answer, and why, as far as it says so.
pub(super) fn in_one_line(error: &Error) -> String {
    let ErrorKind::ServerSelection { message, .. } = error.kind.as_ref() else { return error.to_string() };
    let between = |begin: &str, end: &str| message.split_once(begin)?.1.split_once(end).map(|(found, _)| found);
    let address = between("Address: ", ",").unwrap_or("its address");
    let why = between("Error: Kind: ", ", labels").unwrap_or("it is not found in time");
    format!("no server can be reached at {address}: {why}")
}

/// Whether an error says that what is stored is not what the program expects, rather than that it cannot be reached.
pub(super) fn is_corrupt(error: &Error) -> bool {
    matches!(
        error.kind.as_ref(),
        ErrorKind::BsonDeserialization(_) | ErrorKind::Bson(_) | ErrorKind::InvalidResponse { .. }
    )
}

/// Brings the schema up to date, step by step, one server at a time.
async fn migrate(mongo: &Mongo) -> StoreResult<()> {
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
                migrate_to(mongo, step).await?;
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

/// One step of the schema. May be begun anew after a crash, so it changes nothing that is there already.
async fn migrate_to(mongo: &Mongo, version: i64) -> StoreResult<()> {
    match version {
        1 => make_collections(mongo).await,
        2 => {
            let indexes = [
                ("apiKeys", doc! { "hash": 1 }, unique()),
                ("apiKeys", doc! { "user": 1, "_id": 1 }, plain()),
                ("messages", doc! { "createdAt": 1 }, partial(doc! { "hidden": true })),
                ("attachments", doc! { "conversation": 1, "message": 1 }, plain()),
                // The _id of attempts is an index over time.
                ("attempts", doc! { "requestId": 1 }, plain()),
                ("conversations", doc! { "user": 1, "pin": 1 }, unique_if_set("pin")),
                ("conversations", doc! { "share": 1 }, unique_if_set("share")),
            ];
            make_indexes(mongo, indexes).await
        }
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
        _ => Err(StoreError::Corrupt(format!("there is no step to schema {version}"))),
    }
}

fn plain() -> IndexOptions {
    IndexOptions::default()
}

fn unique() -> IndexOptions {
    IndexOptions::builder().unique(true).build()
}

fn partial(filter: Document) -> IndexOptions {
    IndexOptions::builder().partial_filter_expression(filter).build()
}

fn unique_if_set(field: &str) -> IndexOptions {
    IndexOptions::builder().unique(true).partial_filter_expression(doc! { field: { "$exists": true } }).build()
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

/// Gives each message its place in its conversation, in the order of the ids that told it before.
async fn give_places(mongo: &Mongo) -> StoreResult<()> {
    make_indexes(mongo, [("messages", doc! { "conversation": 1, "place": 1 }, plain())]).await?;
    let messages = mongo.collection::<Document>("messages", Durability::Durable);
    let merge = |into: &str| doc! { "into": into, "on": "_id", "whenMatched": "merge", "whenNotMatched": "discard" };
    let place = doc! {
        "partitionBy": "$conversation",
        "sortBy": { "_id": 1 },
        "output": { "place": { "$documentNumber": {} } },
    };
    let of_messages = vec![
        doc! { "$setWindowFields": place },
        doc! { "$project": { "place": { "$toLong": "$place" } } },
        doc! { "$merge": merge("messages") },
    ];
    let of_conversations = vec![
        doc! { "$group": { "_id": "$conversation", "lastPlace": { "$max": "$place" } } },
        doc! { "$merge": merge("conversations") },
    ];
    for pipeline in [of_messages, of_conversations] {
        // Not bounded by a request's patience: there may be many.
        messages.aggregate(pipeline).allow_disk_use(true).await?;
    }
    Ok(())
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
