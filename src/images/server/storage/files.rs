//! Pictures in a folder of this machine. The default: nothing else has to run.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use uuid::Uuid;

use super::{MAX_OBJECT_BYTES, ObjectKey, ObjectStore, StorageError};

/// Files that are being written end in this.
const UNFINISHED: &str = ".unfinished";
/// A file that is still unfinished after this time never will be: its writer was killed.
const LEFT_OVER_AFTER: Duration = Duration::from_hours(1);

/// Pictures as files: `<folder>/ab/<id>.png`.
///
/// Nobody ever sees half a file under its name, even after the power went: a file is written and synced under another
/// name and then renamed. Only the owner may read.
pub struct FileStore {
    folder: PathBuf,
}

impl FileStore {
    /// Makes the folder if it is not there. Blocks for a moment.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let folder = folder.into();
        make_folder(&folder).map_err(|error| cannot("make", &folder, &error))?;
        // Of `check`; the folders of pictures are cleared when they are listed.
        list_folder(&folder).map_err(|error| cannot("list", &folder, &error))?;
        Ok(Self { folder })
    }

    fn path_of(&self, key: ObjectKey) -> PathBuf {
        self.folder.join(key.folder()).join(key.file_name())
    }
}

#[async_trait]
impl ObjectStore for FileStore {
    fn name(&self) -> &'static str {
        "files"
    }

    async fn put(&self, key: ObjectKey, bytes: Bytes) -> Result<(), StorageError> {
        let path = self.path_of(key);
        block(move || write_file(&path, &bytes).map_err(|error| cannot("write", &path, &error))).await
    }

    async fn get(&self, key: ObjectKey) -> Result<Option<Bytes>, StorageError> {
        let path = self.path_of(key);
        block(move || read_file(&path)).await
    }

    async fn exists(&self, key: ObjectKey) -> Result<bool, StorageError> {
        let path = self.path_of(key);
        block(move || path.try_exists().map_err(|error| cannot("look for", &path, &error))).await
    }

    async fn delete(&self, key: ObjectKey) -> Result<(), StorageError> {
        let path = self.path_of(key);
        block(move || match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(cannot("delete", &path, &error)),
            _ => Ok(()),
        })
        .await
    }

    /// One folder at a time, each of about a 256th of all. Takes away what killed writers left there.
    fn list(&self) -> Option<BoxStream<'_, Result<ObjectKey, StorageError>>> {
        let pages = stream::iter(0..=u8::MAX).then(move |number| {
            let folder = self.folder.join(format!("{number:02x}"));
            block(move || list_folder(&folder).map_err(|error| cannot("list", &folder, &error)))
        });
        let keys = pages.flat_map(|page| match page {
            Ok(keys) => stream::iter(keys).map(Ok).left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        });
        Some(keys.boxed())
    }

    async fn check(&self) -> Result<(), StorageError> {
        let path = self.folder.join(format!("check-{}{UNFINISHED}", Uuid::now_v7()));
        block(move || {
            let tried = create(&path).and_then(|mut file| file.write_all(b"check"));
            _ = fs::remove_file(&path);
            tried.map_err(|error| cannot("write", &path, &error))
        })
        .await
    }
}

/// Files block; the async threads must not.
async fn block<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StorageError::Unavailable(error.to_string())))
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    make_folder(folder)?;
    let unfinished = folder.join(format!("{}{UNFINISHED}", Uuid::now_v7()));
    let write = || {
        let mut file = create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        sync_folder(folder)
    };
    write().inspect_err(|_| _ = fs::remove_file(&unfinished))
}

fn read_file(path: &Path) -> Result<Option<Bytes>, StorageError> {
    let read = || {
        let length = fs::metadata(path)?.len();
        if length > MAX_OBJECT_BYTES as u64 {
            return Err(io::Error::other(format!("{length} bytes are too many")));
        }
        fs::read(path)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("read", path, &error)),
    }
}

/// The keys of one folder; other files are none of ours.
fn list_folder(folder: &Path) -> io::Result<Vec<ObjectKey>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut keys = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.ends_with(UNFINISHED) {
            remove_left_over(&entry);
        } else {
            // Only where it is also looked for.
            let in_place = |key: &ObjectKey| folder.ends_with(key.folder());
            keys.extend(ObjectKey::of_file_name(name).filter(in_place));
        }
    }
    Ok(keys)
}

fn remove_left_over(entry: &fs::DirEntry) {
    let written = entry.metadata().and_then(|metadata| metadata.modified());
    let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok());
    if age.is_some_and(|age| age > LEFT_OVER_AFTER) {
        _ = fs::remove_file(entry.path());
    }
}

/// A new file that only its owner may read.
fn create(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

/// A new name lasts once its folder is synced. Windows cannot open folders; its file system keeps a journal.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Paths are the operator's own; what is in the files is never told.
fn cannot(verb: &str, path: &Path, error: &io::Error) -> StorageError {
    let text = format!("cannot {verb} {}: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StorageError::Refused(text),
        _ => StorageError::Unavailable(text),
    }
}
