//! `tessera backup` and `tessera restore`: the whole embedded database as one file, while servers go on using it.
//!
//! MongoDB brings its own tools (docs/DEPLOYMENT.md).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::config::Config;
use super::stores::Stores;
use crate::platform::db::sqlite::SCHEMA;
use crate::platform::db::{DatabaseConfig, StoreError};
use crate::platform::private_files::{private_database, private_folder};
use crate::platform::site::database_path;

/// How long a restore waits for servers that write.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes all that is stored at this moment into a new file. Returns a line for people.
///
/// # Errors
/// One line that says what is in the way.
pub fn backup(config: &Config, to: &Path) -> Result<String, String> {
    let from = embedded_database(config)?;
    if !from.is_file() {
        return Err(format!("DATA_DIR: there is no database at {}", from.display()));
    }
    if to.exists() {
        return Err(format!("{} exists already", to.display()));
    }
    let named = |error: rusqlite::Error| format!("{}: {error}", to.display());
    let part = part_of(to);
    let source = open(&from)?;
    let size = (|| {
        private_database(&part).map_err(|error| format!("{}: {error}", to.display()))?;
        let mut copy = Connection::open(&part).map_err(named)?;
        copy_all(&source, &mut copy).map_err(named)?;
        // So that it is one file, and stays one when somebody looks into it.
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(named)?;
        check(&copy).map_err(|problem| format!("{}: {problem}", to.display()))?;
        drop(copy);
        keep(&part, to).map_err(|error| format!("{}: {error}", to.display()))
    })();
    if size.is_err() {
        _ = std::fs::remove_file(&part);
    }
    Ok(format!("{} ({} bytes)\n{}", to.display(), size?, belongs(config)))
}

/// Puts a backup in the place of what is stored. Something that is there is only replaced with `force`.
///
/// # Errors
/// One line that says what is in the way.
pub fn restore(config: &Config, from: &Path, force: bool) -> Result<String, String> {
    let to = embedded_database(config)?;
    let source = open(from)?;
    check(&source).map_err(|problem| format!("{}: {problem}", from.display()))?;
    private_folder(&config.site.data_dir)
        .map_err(|error| format!("DATA_DIR: {}: {error}", config.site.data_dir.display()))?;
    let named = |error: rusqlite::Error| format!("DATA_DIR: {}: {error}", to.display());
    private_database(&to).map_err(|error| format!("DATA_DIR: {}: {error}", to.display()))?;
    let mut target = Connection::open(&to).map_err(named)?;
    target.busy_timeout(PATIENCE).map_err(named)?;
    if !force && !is_empty(&target).map_err(named)? {
        return Err(format!("{} is not empty: --force replaces what is there", to.display()));
    }
    target.pragma_update(None, "journal_mode", "WAL").map_err(named)?;
    target.pragma_update(None, "synchronous", "FULL").map_err(named)?;
    copy_all(&source, &mut target).map_err(named)?;
    Ok(format!("{} is what {} has\n{}", to.display(), from.display(), belongs(config)))
}

/// Shows that a backup is whole, and that every account in it agrees with its ledger: it is restored into a folder of its
/// own, which is deleted afterwards. What is stored is not touched. Returns a line for people.
///
/// # Errors
/// One line that says what is wrong with it.
pub async fn prove(config: &Config, file: &Path) -> Result<String, String> {
    let mut config = config.clone();
    config.database = DatabaseConfig::Sqlite;
    config.site.data_dir = std::env::temp_dir().join(format!("tessera-check-{}", Uuid::new_v4().simple()));
    let proved = prove_in(&config, file).await;
    _ = std::fs::remove_dir_all(&config.site.data_dir);
    proved
}

async fn prove_in(config: &Config, file: &Path) -> Result<String, String> {
    restore(config, file, false)?;
    let named = |error: StoreError| format!("{}: {error}", file.display());
    let stores = Stores::open(config).await.map_err(named)?;
    let report = stores.credits.audit().await.map_err(named)?;
    if let Some(drift) = report.drifts.first() {
        return Err(format!("{}: account {}: {}", file.display(), drift.owner, drift.problem));
    }
    let (accounts, entries) = (report.accounts, report.entries);
    Ok(format!(
        "{} is whole: {accounts} accounts, {entries} entries, every account agrees with its ledger\n",
        file.display()
    ))
}

/// What a backup is not whole without, and does not have in it: whoever gets hold of it shall not have both.
fn belongs(config: &Config) -> String {
    let secret = config.secret.place(&config.site.data_dir);
    format!("{secret} belongs to it, and is kept elsewhere: without it, authenticator apps have to be set up anew\n")
}

fn embedded_database(config: &Config) -> Result<PathBuf, String> {
    match config.database {
        DatabaseConfig::Sqlite => Ok(database_path(&config.site.data_dir)),
        DatabaseConfig::Mongo(_) => Err(format!(
            "{}: use mongodump and mongorestore for MongoDB (docs/DEPLOYMENT.md)",
            config.database.variable()
        )),
    }
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

/// Whether a file is a whole database of this program.
fn check(connection: &Connection) -> Result<(), String> {
    let read = || -> rusqlite::Result<(String, usize, bool)> {
        let sound = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((sound, version, has_ledger(connection)?))
    };
    match read() {
        Err(error) => Err(format!("it is no database of Tessera: {error}")),
        Ok((_, 0, _) | (_, _, false)) => Err("it is no database of Tessera".to_owned()),
        Ok((_, version, _)) if version > SCHEMA => {
            Err(format!("it is of version {version}, this program knows {SCHEMA}"))
        }
        Ok((sound, ..)) if sound != "ok" => Err(format!("it is damaged: {sound}")),
        Ok(_) => Ok(()),
    }
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
fn part_of(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
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
