//! What a backup has of MongoDB: each collection as a document with its shape, and its documents in pieces, all as BSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use uuid::Uuid;

use super::tar::TarWriter;
use super::told;
use super::unpack::Unpacked;
use crate::app::config::Config;
use crate::app::stores::Stores;
use crate::platform::db::mongo::copies::{Filling, SCHEMA, Snapshot, beside, drop_database};
use crate::platform::db::{DatabaseConfig, StoreError};

/// The folder of the collections in an archive.
pub const FOLDER: &str = "mongodb";
/// The file with a collection's shape.
const SHAPE: &str = "shape.bson";

/// Waits for the database where nothing else can be done meanwhile.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(work))
}

/// Whether a file of an archive is of a collection.
pub fn is_part(name: &str) -> bool {
    let place = name.strip_prefix(FOLDER).and_then(|name| name.strip_prefix('/')?.split_once('/'));
    let Some((collection, file)) = place else { return false };
    let is_number = |number: &str| number.len() == 6 && number.bytes().all(|byte| byte.is_ascii_digit());
    // The names of collections are ours.
    !collection.is_empty()
        && collection.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && (file == SHAPE || file.strip_suffix(".bson").is_some_and(is_number))
}

/// Connects to the database, and reads the version of its schema. The moment at which all is read comes with [`begin`].
pub async fn prepare(uri: &SecretString) -> io::Result<(Snapshot, i64)> {
    let snapshot = Snapshot::connect(uri).await.map_err(named)?;
    let snapshot = snapshot.ok_or_else(|| {
        io::Error::other(
            "MONGODB_URI: a standalone server cannot be copied while others write: make it a replica set (one member is enough), \
             or use mongodump while no server of Tessera runs (docs/DEPLOYMENT.md)",
        )
    })?;
    let version = snapshot.version().await.map_err(named)?;
    if version == 0 {
        return Err(io::Error::other("MONGODB_URI: there is no database of Tessera"));
    }
    Ok((snapshot, version))
}

/// From now on, the database is read as it is at this moment.
pub fn begin(snapshot: &mut Snapshot) -> io::Result<()> {
    wait(snapshot.begin()).map_err(named)
}

/// Adds all collections to an archive.
pub fn add<W: Write>(tar: &mut TarWriter<W>, mut snapshot: Snapshot) -> io::Result<()> {
    for collection in wait(snapshot.collections()).map_err(named)? {
        let shape = wait(snapshot.shape(&collection)).map_err(named)?;
        tar.add(&format!("{FOLDER}/{collection}/{SHAPE}"), shape.len() as u64, &*shape)?;
        let mut number = 0;
        wait(snapshot.read(&collection, |piece| {
            let name = format!("{FOLDER}/{collection}/{number:06}.bson");
            number += 1;
            tar.add(&name, piece.len() as u64, piece).map_err(Failed)
        }))
        .map_err(|Failed(error)| error)?;
    }
    Ok(())
}

/// A failure of the database or of the archive.
struct Failed(io::Error);

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(named(error))
    }
}

fn named(error: impl Display) -> io::Error {
    io::Error::other(format!("MONGODB_URI: {error}"))
}

/// Restores a backup. A database that is not empty is only replaced with `force`.
pub async fn fill(uri: &SecretString, unpacked: &Unpacked, force: bool) -> Result<(), String> {
    let named = |error: StoreError| format!("MONGODB_URI: {error}");
    let parts = parts(&unpacked.database).map_err(|error| error.to_string())?;
    let mut filling = Filling::reach(uri).await.map_err(named)?;
    if !force && !filling.is_empty().await.map_err(named)? {
        return Err("MONGODB_URI: the database is not empty: --force replaces what is there".to_owned());
    }
    filling.begin().await.map_err(named)?;
    for (collection, files) in parts {
        let folder = unpacked.database.join(&collection);
        let shape = fs::read(folder.join(SHAPE)).map_err(|error| format!("{collection}: {error}"))?;
        filling.make(&collection, &shape).await.map_err(named)?;
        for file in files {
            let bytes = fs::read(folder.join(file)).map_err(|error| error.to_string())?;
            filling.add(&collection, &bytes).await.map_err(named)?;
        }
    }
    filling.end().await.map_err(named)
}

/// The pieces of each collection, in their order.
fn parts(folder: &Path) -> io::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut parts = BTreeMap::new();
    for collection in fs::read_dir(folder)? {
        let collection = collection?;
        let mut files = BTreeSet::new();
        for file in fs::read_dir(collection.path())? {
            files.insert(file?.file_name().to_string_lossy().into_owned());
        }
        files.remove(SHAPE);
        parts.insert(collection.file_name().to_string_lossy().into_owned(), files);
    }
    Ok(parts)
}

/// Restores a backup on trial, into a database of its own on the same servers, which is deleted afterwards.
pub async fn prove(config: &Config, unpacked: &Unpacked, file: &Path) -> Result<String, String> {
    let DatabaseConfig::Mongo(uri) = &config.database else {
        return Err(
            "it is a backup of MongoDB: set MONGODB_URI, so that it can be tried in a database of its own".to_owned()
        );
    };
    let name = format!("tessera_check_{}", Uuid::new_v4().simple());
    let uri = beside(uri, &name).ok_or("MONGODB_URI names no servers")?;
    let proved = prove_in(config, &uri, unpacked, file).await;
    if let Err(error) = drop_database(&uri).await {
        return Err(format!("MONGODB_URI: the database {name} could not be deleted: {error}"));
    }
    proved
}

async fn prove_in(config: &Config, uri: &SecretString, unpacked: &Unpacked, file: &Path) -> Result<String, String> {
    fill(uri, unpacked, false).await?;
    let config = Config { database: DatabaseConfig::Mongo(uri.clone()), ..config.clone() };
    let stores = Stores::open(&config).await.map_err(|error| error.to_string())?;
    told(&stores, unpacked, file).await
}

/// Whether this program can restore a backup with this version of the schema.
pub fn check_version(version: i64) -> Result<(), String> {
    if version <= SCHEMA {
        return Ok(());
    }
    let known = env!("CARGO_PKG_VERSION");
    Err(format!("it is of version {version}, and Tessera {known} knows {SCHEMA}: a newer Tessera restores it"))
}
