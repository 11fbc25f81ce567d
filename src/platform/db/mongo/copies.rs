//! A whole database as bytes, of one moment, and back: for backups.

use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::{ClientSession, Collection, Database};
use secrecy::{ExposeSecret, SecretString};

pub use super::migrations::SCHEMA;
use super::{Durability, Mongo};
use crate::platform::db::{StoreError, StoreResult};

/// Bytes of documents that are written in one go; a message of MongoDB has room for 48 MB.
const AT_A_TIME: usize = 8 * 1024 * 1024;
/// Documents that are written in one go.
const DOCUMENTS: usize = 1000;
/// The collection with the version of the schema.
const META: &str = "meta";
/// The version while a database is being filled: no program knows it, so no server opens a half of one.
const UNFINISHED: i64 = i64::MAX;

/// A database that is read as it is at one moment ([`Self::begin`]), while others write.
pub struct Snapshot {
    mongo: Mongo,
    session: ClientSession,
}

impl Snapshot {
    /// Connects. Nothing is changed; a database of an older program stays what it is. `None`: a standalone server, which cannot
    /// show one moment.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be reached.
    pub async fn connect(uri: &SecretString) -> StoreResult<Option<Self>> {
        let mongo = Mongo::connect(uri).await?;
        let hello = mongo.database.run_command(doc! { "hello": 1 }).await?;
        if !hello.contains_key("setName") && hello.get_str("msg").ok() != Some("isdbgrid") {
            return Ok(None);
        }
        let session = mongo.database.client().start_session().snapshot(true).await?;
        Ok(Some(Self { mongo, session }))
    }

    /// The version of the schema as it is now; 0 where there is none.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn version(&self) -> StoreResult<i64> {
        let found = self.mongo.database.collection::<Document>(META).find_one(doc! { "_id": "schema" }).await?;
        Ok(found.and_then(|schema| schema.get_i64("version").ok()).unwrap_or(0))
    }

    /// Begins to read: the moment is that of the first read in the session.
    ///
    /// # Errors
    /// As [`Self::version`].
    pub async fn begin(&mut self) -> StoreResult<()> {
        let meta = self.mongo.database.collection::<Document>(META);
        meta.find_one(doc! { "_id": "schema" }).session(&mut self.session).await?;
        Ok(())
    }

    /// The names of all collections, in their order.
    ///
    /// # Errors
    /// As [`Self::version`].
    pub async fn collections(&self) -> StoreResult<Vec<String>> {
        names(&self.mongo.database).await
    }

    /// How a collection is made: its `options` and `indexes`, as one document of BSON.
    ///
    /// # Errors
    /// As [`Self::version`].
    pub async fn shape(&self, collection: &str) -> StoreResult<Vec<u8>> {
        let database = &self.mongo.database;
        let reply = database.run_command(doc! { "listCollections": 1, "filter": { "name": collection } }).await?;
        let options = first_batch(&reply).first().and_then(|found| found.get_document("options").ok()).cloned();
        // A collection has at most 64, which are one batch.
        let reply = database.run_command(doc! { "listIndexes": collection, "cursor": { "batchSize": 1000 } }).await?;
        let shape = doc! { "options": options.unwrap_or_default(), "indexes": first_batch(&reply) };
        shape.to_vec().map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// Hands on the documents of a collection as they were when it began, some bytes at a time.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read, also because reading took longer than the servers keep that moment, and those of
    /// `piece`.
    pub async fn read<E: From<StoreError>>(
        &mut self,
        collection: &str,
        mut piece: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let all = self.mongo.database.collection::<RawDocumentBuf>(collection);
        let found = all.find(doc! {}).session(&mut self.session).await;
        let mut found = found.map_err(StoreError::from)?;
        let mut bytes = Vec::new();
        while found.advance(&mut self.session).await.map_err(StoreError::from)? {
            bytes.extend_from_slice(found.current().as_bytes());
            if bytes.len() >= AT_A_TIME {
                piece(&bytes)?;
                bytes.clear();
            }
        }
        if bytes.is_empty() { Ok(()) } else { piece(&bytes) }
    }
}

fn first_batch(reply: &Document) -> Vec<Document> {
    let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    batch.map(|found| found.iter().filter_map(|one| one.as_document().cloned()).collect()).unwrap_or_default()
}

async fn names(database: &Database) -> StoreResult<Vec<String>> {
    let mut names = database.list_collection_names().await?;
    names.retain(|name| !name.starts_with("system."));
    names.sort_unstable();
    Ok(names)
}

/// A database that is filled with what another one had.
pub struct Filling {
    mongo: Mongo,
    schema: Option<RawDocumentBuf>,
}

impl Filling {
    /// Reaches it, and changes nothing yet.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be reached.
    pub async fn reach(uri: &SecretString) -> StoreResult<Self> {
        Ok(Self { mongo: Mongo::connect(uri).await?, schema: None })
    }

    /// Whether nobody would miss what is there.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn is_empty(&self) -> StoreResult<bool> {
        for name in ["users", "ledger"] {
            if self.mongo.database.collection::<Document>(name).find_one(doc! {}).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Forgets what is there. No server opens it until [`Self::end`].
    ///
    /// # Errors
    /// [`StoreError`] when that fails.
    pub async fn begin(&self) -> StoreResult<()> {
        let meta = self.durable::<Document>(META);
        let unfinished = doc! { "$set": { "version": UNFINISHED } };
        meta.update_one(doc! { "_id": "schema" }, unfinished).upsert(true).await?;
        meta.delete_many(doc! { "_id": { "$ne": "schema" } }).await?;
        for name in names(&self.mongo.database).await? {
            if name != META {
                self.durable::<Document>(&name).drop().await?;
            }
        }
        Ok(())
    }

    /// Makes a collection of the shape that [`Snapshot::shape`] told.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be made; [`StoreError::Corrupt`] for what is no shape.
    pub async fn make(&self, collection: &str, shape: &[u8]) -> StoreResult<()> {
        let shape = Document::from_reader(shape).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        if collection != META {
            let mut create = doc! { "create": collection };
            create.extend(shape.get_document("options").cloned().unwrap_or_default());
            self.mongo.database.run_command(create).await?;
        }
        let mut indexes = shape.get_array("indexes").cloned().unwrap_or_default();
        indexes.retain(|index| index.as_document().and_then(|index| index.get_str("name").ok()) != Some("_id_"));
        if !indexes.is_empty() {
            self.mongo.database.run_command(doc! { "createIndexes": collection, "indexes": indexes }).await?;
        }
        Ok(())
    }

    /// Adds documents, one after another as BSON.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be stored; [`StoreError::Corrupt`] for what are none.
    pub async fn add(&mut self, collection: &str, mut bytes: &[u8]) -> StoreResult<()> {
        let mut documents = Vec::new();
        while !bytes.is_empty() {
            let (document, rest) = split(bytes)?;
            bytes = rest;
            if collection == META && document.get_str("_id").ok() == Some("schema") {
                self.schema = Some(document);
            } else {
                documents.push(document);
            }
            if documents.len() == DOCUMENTS || bytes.is_empty() && !documents.is_empty() {
                self.durable::<RawDocumentBuf>(collection).insert_many(std::mem::take(&mut documents)).await?;
            }
        }
        Ok(())
    }

    /// Lets servers open it.
    ///
    /// # Errors
    /// [`StoreError`] when that fails; [`StoreError::Corrupt`] where no version of the schema was added.
    pub async fn end(self) -> StoreResult<()> {
        let schema = self.schema.as_ref().ok_or_else(|| StoreError::Corrupt("meta.schema".into()))?;
        self.durable::<RawDocumentBuf>(META).replace_one(doc! { "_id": "schema" }, schema).await?;
        Ok(())
    }

    fn durable<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.mongo.collection(name, Durability::Durable)
    }
}

/// The first document of some bytes, and what follows it.
fn split(bytes: &[u8]) -> StoreResult<(RawDocumentBuf, &[u8])> {
    let corrupt = || StoreError::Corrupt("no documents of BSON".into());
    let size = bytes.first_chunk().map(|size| i32::from_le_bytes(*size)).ok_or_else(corrupt)?;
    let (document, rest) =
        usize::try_from(size).ok().and_then(|size| bytes.split_at_checked(size)).ok_or_else(corrupt)?;
    Ok((RawDocumentBuf::from_bytes(document.to_vec()).map_err(|_| corrupt())?, rest))
}

/// Another database of the same servers, with the same name and rights: its URI.
#[must_use]
pub fn beside(uri: &SecretString, name: &str) -> Option<SecretString> {
    let uri = uri.expose_secret();
    let (scheme, rest) = uri.split_once("://")?;
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    // Where somebody signs in is by default the database of the URI.
    let is_named = options.split('&').any(|option| option.to_ascii_lowercase().starts_with("authsource="));
    let source = (hosts.contains('@') && !database.is_empty() && !is_named).then(|| format!("authSource={database}"));
    let options: Vec<&str> = source.as_deref().into_iter().chain((!options.is_empty()).then_some(options)).collect();
    Some(format!("{scheme}://{hosts}/{name}?{}", options.join("&")).into())
}

/// Deletes a whole database.
///
/// # Errors
/// [`StoreError`] when that fails.
pub async fn drop_database(uri: &SecretString) -> StoreResult<()> {
    Ok(Mongo::connect(uri).await?.database.drop().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_the_same_servers_is_signed_in_to_where_this_one_is() {
        for (uri, expected) in [
            ("mongodb://a:1", "mongodb://a:1/x?"),
            ("mongodb://a,b/t?replicaSet=rs", "mongodb://a,b/x?replicaSet=rs"),
            ("mongodb://u:p%40@a/t", "mongodb://u:p%40@a/x?authSource=t"),
            ("mongodb+srv://u:p@a/t?w=1", "mongodb+srv://u:p@a/x?authSource=t&w=1"),
            ("mongodb://u:p@a/t?authSource=admin", "mongodb://u:p@a/x?authSource=admin"),
            ("mongodb://u:p@a/?authsource=admin", "mongodb://u:p@a/x?authsource=admin"),
        ] {
            assert_eq!(beside(&uri.to_owned().into(), "x").unwrap().expose_secret(), expected);
        }
    }

    #[test]
    fn documents_end_where_they_say_or_are_refused() {
        let one = doc! { "_id": 1 }.to_vec().unwrap();
        let two = [one.as_slice(), one.as_slice()].concat();
        assert_eq!(split(&two).unwrap().1, one);
        for wrong in [&one[..3], &one[..one.len() - 1], &[255; 9], &[0; 4]] {
            assert!(matches!(split(wrong), Err(StoreError::Corrupt(_))), "{wrong:?}");
        }
    }
}
