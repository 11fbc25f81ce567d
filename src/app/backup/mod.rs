//! `tessera backup` and `tessera restore`: the whole database with its images as one file, while servers go on using it.
//!
//! That file is a tar archive, encrypted where `BACKUP_KEY` is set: what it is, the images, the database (a file of SQLite, or the
//! collections of MongoDB), the other files of `platform/site.rs`. Those of 0.2 are the database alone, and restored as well.

mod archive;
mod mongo;
pub(crate) mod seal;
mod tar;
mod unpack;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::archive::pack;
use self::unpack::{Images, Unpacked, unpack};
use super::config::Config;
use super::stores::Stores;
use crate::platform::db::DatabaseConfig;
use crate::platform::db::sqlite::{SCHEMA, is_damage};
use crate::platform::private_files::{private_database, private_folder};
use crate::platform::site::database_path;

/// How long a restore waits for servers that write.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first file of an archive.
const ABOUT: &str = "tessera-backup.json";
/// What an archive has in it: SQLite, since 0.2.
const OF_SQLITE: u32 = 1;
/// Collections of MongoDB. Programs that do not know them read neither.
const OF_MONGODB: u32 = 2;

/// What an archive says of itself.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    format: u32,
    /// The version of the program that made it.
    program: String,
    /// The version of the database's schema.
    schema: i64,
    created_at: String,
    /// Whether images are files, which are in it then.
    images: bool,
}

/// Writes all that is stored at this moment into a new file. Returns a line for people.
///
/// # Errors
/// One line that says what is in the way.
pub fn backup(config: &Config, to: &Path) -> Result<String, String> {
    if let DatabaseConfig::Sqlite = config.database {
        let from = database_path(&config.site.data_dir);
        if !from.is_file() {
            return Err(format!("DATA_DIR: there is no database at {}", from.display()));
        }
    }
    if to.exists() {
        return Err(format!("{} exists already", to.display()));
    }
    let (part, copy) = (part_of(to, ""), part_of(to, "-db"));
    let made = pack(config, &part, &copy).and_then(|images| Ok((keep(&part, to)?, images)));
    for unfinished in [&part, &copy] {
        _ = fs::remove_file(unfinished);
    }
    let (size, images) = made.map_err(|error| format!("{}: {error}", to.display()))?;
    let sealed = if config.backup_key.is_some() { ", encrypted" } else { "" };
    let mut told = format!("{} ({size} bytes, {images} files of images{sealed})\n", to.display());
    if config.secret.is_set() {
        told.push_str("APP_SECRET belongs to it and is not in it: keep it elsewhere\n");
    }
    Ok(told)
}

/// Puts a backup in the place of what is stored. Something that is there is only replaced with `force`.
///
/// # Errors
/// One line that says what is in the way.
pub fn restore(config: &Config, from: &Path, force: bool) -> Result<String, String> {
    let data = &config.site.data_dir;
    let here = |error: io::Error| format!("DATA_DIR: {}: {error}", data.display());
    if !from.is_file() {
        return Err(format!("{}: there is no such file", from.display()));
    }
    let to = database_path(data);
    let named = |error: rusqlite::Error| format!("DATA_DIR: {}: {error}", to.display());
    if let DatabaseConfig::Sqlite = config.database
        && !force
        && to.is_file()
        && !is_empty(&open(&to)?).map_err(named)?
    {
        return Err(format!("{} is not empty: --force replaces what is there", to.display()));
    }
    private_folder(data).map_err(here)?;
    // Of one that was killed, nothing is left lying about.
    let folder = data.join("restore.unfinished");
    _ = fs::remove_dir_all(&folder);
    let restored = (|| {
        let of_backup = |problem: String| format!("{}: {problem}", from.display());
        let unpacked = unpack(config.backup_key.as_ref(), from, &folder, Images::Kept).map_err(of_backup)?;
        let source = match (&config.database, unpacked.schema_of_mongo) {
            (DatabaseConfig::Sqlite, None) => open(&unpacked.database)?,
            (DatabaseConfig::Mongo(uri), Some(version)) => {
                mongo::check_version(version).map_err(of_backup)?;
                mongo::wait(mongo::fill(uri, &unpacked, force))?;
                unpacked.move_images(data).map_err(here)?;
                unpacked.move_small(data).map_err(here)?;
                rustix::fs::sync();
                return Ok(unpacked.images.len());
            }
            (DatabaseConfig::Sqlite, Some(_)) => return Err(of_backup("it is of MongoDB: set MONGODB_URI".to_owned())),
            (DatabaseConfig::Mongo(_), None) => {
                return Err(of_backup(format!("it is of SQLite: leave {} unset", config.database.variable())));
            }
        };
        check(&source, "quick_check").map_err(of_backup)?;
        unpacked.move_images(data).map_err(here)?;
        if to.is_file() && is_damaged(&to) {
            set_aside(&to).map_err(here)?;
        }
        private_database(&to).map_err(here)?;
        let mut target = Connection::open(&to).map_err(named)?;
        target.busy_timeout(PATIENCE).map_err(named)?;
        target.pragma_update(None, "journal_mode", "WAL").map_err(named)?;
        target.pragma_update(None, "synchronous", "FULL").map_err(named)?;
        copy_all(&source, &mut target).map_err(named)?;
        // What the database is sealed with goes with it.
        unpacked.move_small(data).map_err(here)?;
        // All of it, with its names.
        rustix::fs::sync();
        Ok(unpacked.images.len())
    })();
    _ = fs::remove_dir_all(&folder);
    let place = match config.database {
        DatabaseConfig::Sqlite => to.display().to_string(),
        DatabaseConfig::Mongo(_) => config.database.variable().to_owned(),
    };
    restored.map(|images| format!("{place} is what {} has, with {images} files of images\n", from.display()))
}

/// Shows that a backup is whole, that every account in it agrees with its ledger, and that no image is without its files: the database
/// is restored into a folder of its own, or a database of its own on the same servers, which is deleted afterwards. What is stored is
/// not touched. Returns a line for people.
///
/// # Errors
/// One line that says what is wrong with it.
pub async fn prove(config: &Config, file: &Path) -> Result<String, String> {
    let folder = std::env::temp_dir().join(format!("tessera-check-{}", Uuid::new_v4().simple()));
    let proved = prove_in(config, &folder, file).await;
    _ = fs::remove_dir_all(&folder);
    proved.map_err(|problem| format!("{}: {problem}", file.display()))
}

async fn prove_in(config: &Config, data: &Path, file: &Path) -> Result<String, String> {
    private_folder(data).map_err(|error| error.to_string())?;
    let unpacked = unpack(config.backup_key.as_ref(), file, &data.join("unpacked"), Images::Counted)?;
    if let Some(version) = unpacked.schema_of_mongo {
        mongo::check_version(version)?;
        return mongo::prove(config, &unpacked, file).await;
    }
    let mut config = config.clone();
    config.database = DatabaseConfig::Sqlite;
    data.clone_into(&mut config.site.data_dir);
    let source = open(&unpacked.database)?;
    check(&source, "integrity_check")?;
    let mut target = Connection::open(database_path(data)).map_err(|error| error.to_string())?;
    copy_all(&source, &mut target).map_err(|error| error.to_string())?;
    drop((source, target));
    let stores = Stores::open(&config).await.map_err(|error| error.to_string())?;
    told(&stores, &unpacked, file).await
}

/// Audits what was restored; a line for people.
async fn told(stores: &Stores, unpacked: &Unpacked, file: &Path) -> Result<String, String> {
    let report = stores.credits.audit().await.map_err(|error| error.to_string())?;
    if let Some(drift) = report.drifts.first() {
        return Err(format!("account {}: {}", drift.owner, drift.problem));
    }
    let images = if unpacked.has_images { count_images(stores, unpacked).await? } else { String::new() };
    let (accounts, entries) = (report.accounts, report.entries);
    Ok(format!(
        "{} is whole: {accounts} accounts, {entries} entries, every account agrees with its ledger{images}\n",
        file.display()
    ))
}

async fn count_images(stores: &Stores, unpacked: &Unpacked) -> Result<String, String> {
    let complete = stores.images.count().await.map_err(|error| error.to_string())?.complete;
    let mut ids: Vec<_> = unpacked.images.iter().map(|key| key.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut known = 0;
    for some in ids.chunks(500) {
        known += stores.images.known(some.to_vec()).await.map_err(|error| error.to_string())?.len() as u64;
    }
    if known < complete {
        return Err(format!("{} of {complete} images are without their files", complete - known));
    }
    Ok(format!(", {complete} images with their files"))
}

/// As archives say it.
fn schema_of_sqlite() -> i64 {
    i64::try_from(SCHEMA).unwrap_or(i64::MAX)
}

fn open(path: &Path) -> Result<Connection, String> {
    let named = |error: rusqlite::Error| format!("{}: {error}", path.display());
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(named)?;
    connection.busy_timeout(PATIENCE).map_err(named)?;
    Ok(connection)
}

/// In one step, which is one moment of the source: writers go on beside it.
fn copy_all(source: &Connection, target: &mut Connection) -> rusqlite::Result<()> {
    let copy = Backup::new(source, target)?;
    let begun = Instant::now();
    loop {
        match copy.step(-1)? {
            StepResult::Done => return Ok(()),
            _ if begun.elapsed() > PATIENCE => {
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                    Some("others use the database all the time".to_owned()),
                ));
            }
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Whether a file is a whole database of this program; `integrity_check` also compares indexes, `quick_check` does not.
fn check(connection: &Connection, pragma: &str) -> Result<(), String> {
    let read = || -> rusqlite::Result<(String, usize, bool)> {
        let sound = connection.query_row(&format!("PRAGMA {pragma}(1)"), [], |row| row.get(0))?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((sound, version, has_ledger(connection)?))
    };
    match read() {
        Err(error) => Err(format!("it is no database of Tessera: {error}")),
        Ok((_, 0, _) | (_, _, false)) => Err("it is no database of Tessera".to_owned()),
        Ok((_, version, _)) if version > SCHEMA => {
            let known = env!("CARGO_PKG_VERSION");
            Err(format!("it is of version {version}, and Tessera {known} knows {SCHEMA}: a newer Tessera restores it"))
        }
        Ok((sound, ..)) if sound != "ok" => Err(format!("it is damaged: {sound}")),
        Ok(_) => Ok(()),
    }
}

/// Whether what is there cannot even be written over.
fn is_damaged(path: &Path) -> bool {
    let look =
        |connection: Connection| connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match Connection::open(path).and_then(look) {
        Ok(sound) => sound != "ok",
        Err(error) => is_damage(&error),
    }
}

/// Leaves a damaged database to whoever wants to look into it.
fn set_aside(path: &Path) -> io::Result<()> {
    for part in ["", "-wal", "-shm"] {
        let [from, to] = [part.to_owned(), format!(".damaged{part}")].map(|ending| {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(ending);
            path.with_file_name(name)
        });
        match fs::rename(from, to) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn has_ledger(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'ledger'")?.exists([])
}

/// Whether nobody would miss what is stored.
fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    if !has_ledger(connection)? {
        return connection.prepare("SELECT 1 FROM sqlite_schema")?.exists([]).map(|something| !something);
    }
    Ok(!connection.prepare("SELECT 1 FROM users")?.exists([])?
        && !connection.prepare("SELECT 1 FROM ledger")?.exists([])?)
}

/// Where the copy grows until it is whole.
fn part_of(to: &Path, of: &str) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}{of}.part", std::process::id()));
    to.with_file_name(name)
}

/// Makes the copy last, then gives it its name. Returns its size.
fn keep(part: &Path, to: &Path) -> std::io::Result<u64> {
    let file = std::fs::File::open(part)?;
    file.sync_all()?;
    // Fails where somebody was faster, which a rename would not.
    std::fs::hard_link(part, to)?;
    std::fs::remove_file(part)?;
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(file.metadata()?.len())
}
