//! Writes the archive: what it is, the images, the database, the other files.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;

use super::seal::SealedWriter;
use super::tar::TarWriter;
use super::{ABOUT, About, OF_MONGODB, OF_SQLITE, check, copy_all, mongo, open, schema_of_sqlite};
use crate::app::config::Config;
use crate::images::server::config::StorageConfig;
use crate::images::server::storage::ObjectKey;
use crate::platform::db::DatabaseConfig;
use crate::platform::private_files::{new_private_file, private_database};
use crate::platform::site::{DATABASE, SMALL_FILES, database_path};

/// Returns how many files of images are in it.
pub(super) fn pack(config: &Config, part: &Path, copy: &Path) -> io::Result<usize> {
    let to = BufWriter::new(new_private_file(part)?);
    let to = match &config.backup_key {
        None => return Ok(write_archive(config, copy, to)?.1),
        Some(key) => SealedWriter::new(to, key)?,
    };
    let (to, images) = write_archive(config, copy, to)?;
    to.finish()?.flush()?;
    Ok(images)
}

/// Images come before the database that names them, and those that were made meanwhile right after its moment: a file too many is deleted by
/// the server that has it restored, one that is missing could not be shown.
fn write_archive<W: Write>(config: &Config, copy: &Path, to: W) -> io::Result<(W, usize)> {
    let now = Timestamp::now();
    let has_images = matches!(config.images.storage, StorageConfig::Files);
    let (format, schema, mut snapshot) = match &config.database {
        DatabaseConfig::Sqlite => (OF_SQLITE, schema_of_sqlite(), None),
        DatabaseConfig::Mongo(uri) => {
            let (snapshot, version) = mongo::wait(mongo::prepare(uri))?;
            (OF_MONGODB, version, Some(snapshot))
        }
    };
    let about = About {
        format,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema,
        created_at: now.to_string(),
        images: has_images,
    };
    let about = serde_json::to_vec_pretty(&about)?;
    let mut tar = TarWriter::new(to, now.as_second());
    tar.add(ABOUT, about.len() as u64, &*about)?;
    let data = &config.site.data_dir;
    let mut known = HashSet::new();
    if has_images {
        add_images(&mut tar, data, &mut known)?;
    }
    match &mut snapshot {
        None => copy_database(&database_path(data), copy)?,
        Some(snapshot) => mongo::begin(snapshot)?,
    }
    if has_images {
        add_images(&mut tar, data, &mut known)?;
    }
    match snapshot {
        Some(snapshot) => mongo::add(&mut tar, snapshot)?,
        None => _ = add_file(&mut tar, DATABASE, copy)?,
    }
    for name in SMALL_FILES {
        add_file(&mut tar, name, &data.join(name))?;
    }
    let mut to = tar.finish()?;
    to.flush()?;
    Ok((to, known.len()))
}

/// Adds the files that are not in it yet.
fn add_images<W: Write>(tar: &mut TarWriter<W>, data: &Path, known: &mut HashSet<ObjectKey>) -> io::Result<()> {
    for number in 0..=u8::MAX {
        let folder = format!("images/{number:02x}");
        let entries = match fs::read_dir(data.join(&folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name();
            // What is being written has another name.
            let key = name.to_str().and_then(|name| ObjectKey::parse(&format!("{folder}/{name}")));
            let Some(key) = key.filter(|key| !known.contains(key)) else { continue };
            if add_file(tar, &key.to_string(), &data.join(key.to_string()))? {
                known.insert(key);
            }
        }
    }
    Ok(())
}

/// Whether it was there.
fn add_file<W: Write>(tar: &mut TarWriter<W>, name: &str, path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    tar.add(name, file.metadata()?.len(), file)?;
    Ok(true)
}

fn copy_database(from: &Path, to: &Path) -> io::Result<()> {
    private_database(to)?;
    let source = open(from).map_err(io::Error::other)?;
    let mut copy = Connection::open(to).map_err(io::Error::other)?;
    copy_all(&source, &mut copy).map_err(io::Error::other)?;
    // So that it is one file, and stays one when somebody looks into it.
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(io::Error::other)?;
    check(&copy, "quick_check").map_err(io::Error::other)
}
