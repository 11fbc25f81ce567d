//! MongoDB, for any number of servers: the client, its limits, and the schema.
//!
//! Right on a standalone server as on a replica set, so nothing here needs a transaction of several documents: what
//! must happen together is one document. Every operation has `PATIENCE`; the driver's futures must not be dropped in
//! the middle, so each runs in a task of its own that may go on when nobody waits any more.

mod amounts;
pub mod copies;
mod gather;
mod indexes;
mod migrations;
mod places;

use std::time::Duration;

use futures::TryStreamExt;
use futures::future::BoxFuture;
use mongodb::bson::{self, Document, doc};
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ReadPreference, ReturnDocument, WriteConcern,
};
use mongodb::{Client, Collection, Database};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use uuid::Uuid;

pub use self::gather::{Gather, Inserts, failed};
use super::{Clock, GAP, PATIENCE, Probed, StoreError, StoreResult, wait};

/// How long to look for a server that can be asked. Less than [`PATIENCE`], so that the error says what is wrong.
const FIND_SERVER: Duration = Duration::from_millis(2500);
const CONNECT: Duration = Duration::from_secs(2);
/// Connections of one server to one database; more only wait for each other there.
const POOL: u32 = 64;
/// Where the URI names no database.
const DEFAULT_DATABASE: &str = "tessera";

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
        let mongo = Self::connect(uri).await?;
        mongo.probe().await?;
        migrations::migrate(&mongo).await?;
        Ok(mongo)
    }

    /// Reaches the database as it is.
    async fn connect(uri: &SecretString) -> StoreResult<Self> {
        let mut options = ClientOptions::parse(uri.expose_secret()).await?;
        options.app_name.get_or_insert_with(|| "tessera".to_owned());
        options.server_selection_timeout.get_or_insert(FIND_SERVER);
        options.connect_timeout.get_or_insert(CONNECT);
        options.max_pool_size.get_or_insert(POOL);
        // What is read decides what is written: never from a member that lags behind.
        options.selection_criteria = Some(ReadPreference::Primary.into());
        let name = options.default_database.clone().unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
        Ok(Self { database: Client::with_options(options)?.database(&name), clock: Clock::default() })
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

/// Deletes all that a filter finds, some at a time: however many there are, no operation takes long.
///
/// # Errors
/// As [`run`]; what is left is found again.
pub async fn delete_all<T: Send + Sync>(collection: &Collection<T>, filter: Document) -> StoreResult<()> {
    const AT_A_TIME: i64 = 1000;
    #[derive(serde::Deserialize)]
    struct Found {
        #[serde(rename = "_id")]
        id: bson::Bson,
    }
    loop {
        let (found, filter) = (collection.clone_with_type::<Found>(), filter.clone());
        let ids: Vec<bson::Bson> = run(async move {
            let some = found.find(filter).projection(doc! { "_id": 1 }).limit(AT_A_TIME);
            some.await?.map_ok(|found| found.id).try_collect().await
        })
        .await?;
        if ids.is_empty() {
            return Ok(());
        }
        let found = collection.clone_with_type::<Document>();
        run(async move { found.delete_many(doc! { "_id": { "$in": ids } }).await }).await?;
    }
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
