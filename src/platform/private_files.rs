//! Files and folders that only the user of the server may look into, whoever made them and whatever the umask is.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, metadata, set_permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;

/// Makes the folder if it is not there, with those above it; closes it to others if it is.
///
/// # Errors
/// When it cannot be made. One that belongs to somebody else stays as it is, and the log says so.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)?;
    close(path, FOLDER);
    Ok(())
}

/// Makes a database's file if it is not there, so that it never was open to others: what `SQLite` puts beside it gets the
/// mode of the file itself. What is there already is closed.
///
/// # Errors
/// When it cannot be made.
pub fn private_database(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new().create(true).append(true).mode(FILE).open(path);
    made.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    for part in ["", "-wal", "-shm", "-journal"] {
        close(&beside(path, part), FILE);
    }
    Ok(())
}

/// A new file, which is not there yet.
///
/// # Errors
/// When it cannot be made.
pub fn new_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE).open(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

fn close(path: &Path, mode: u32) {
    let Ok(known) = metadata(path) else { return };
    if known.permissions().mode() & 0o777 & !mode == 0 {
        return;
    }
    if let Err(error) = set_permissions(path, Permissions::from_mode(mode)) {
        tracing::warn!(path = %path.display(), %error, "others on this machine may look into this");
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_and_what_was_open_is_closed() {
        let root = TempDir::new().unwrap();
        let (above, folder) = (root.path().join("a"), root.path().join("a/b"));
        private_folder(&folder).unwrap();
        assert_eq!((mode(&above), mode(&folder)), (0o700, 0o700));
        set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        private_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        let file = folder.join("t.db");
        private_database(&file).unwrap();
        std::fs::write(folder.join("t.db-wal"), "x").unwrap();
        set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        set_permissions(folder.join("t.db-wal"), Permissions::from_mode(0o644)).unwrap();
        private_database(&file).unwrap();
        assert_eq!((mode(&file), mode(&folder.join("t.db-wal"))), (0o600, 0o600));
        // What is closed further than it has to be stays so.
        set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
        close(&file, FILE);
        assert_eq!(mode(&file), 0o400);
    }
}
