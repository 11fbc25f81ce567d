//! Reading a backup, of whichever kind it is, and finding out whether it is whole.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use secrecy::SecretString;

use super::mongo::{FOLDER, is_part};
use super::seal::{MAGIC, SealedReader};
use super::tar::read_tar;
use super::{ABOUT, About, OF_MONGODB};
use crate::images::server::storage::ObjectKey;
use crate::platform::private_files::{new_private_file, private_folder};
use crate::platform::site::{DATABASE, SMALL_FILES};

/// What every file of `SQLite` begins with.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// What becomes of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Images {
    Kept,
    /// They are read, and compared with their digests, but not written anywhere.
    Counted,
}

/// A backup that is whole, in a folder.
pub struct Unpacked {
    folder: PathBuf,
    /// The file of SQLite, or the folder with the collections of MongoDB.
    pub database: PathBuf,
    /// The version of the schema, if it is of MongoDB.
    pub schema_of_mongo: Option<i64>,
    pub has_images: bool,
    pub images: Vec<ObjectKey>,
    small: Vec<String>,
}

/// Reads a backup to its end. What is in it is in the folder then; a backup of 0.2, which is a database, stays where it is.
///
/// # Errors
/// One line that says what is wrong with it.
pub fn unpack(key: Option<&SecretString>, from: &Path, folder: &Path, images: Images) -> Result<Unpacked, String> {
    let mut file = File::open(from).map_err(|error| error.to_string())?;
    let mut head = Vec::new();
    (&mut file).take(MAGIC.len() as u64).read_to_end(&mut head).map_err(|error| error.to_string())?;
    if head.starts_with(SQLITE) {
        let database = from.to_owned();
        return Ok(Unpacked {
            folder: folder.to_owned(),
            database,
            schema_of_mongo: None,
            has_images: false,
            images: Vec::new(),
            small: Vec::new(),
        });
    }
    let file = File::open(from).map(BufReader::new).map_err(|error| error.to_string())?;
    let mut unpacking = Unpacking::new(folder, images);
    let read = if head == MAGIC {
        let key = key.ok_or("it is encrypted: set BACKUP_KEY")?;
        SealedReader::new(file, key).and_then(|from| unpacking.read(from))
    } else {
        unpacking.read(file)
    };
    match read {
        // Nothing in it was one.
        Err(_) if head != MAGIC && unpacking.about.borrow().is_empty() => Err(no_backup().to_string()),
        Err(error) => Err(error.to_string()),
        Ok(()) => unpacking.end(),
    }
}

struct Unpacking<'a> {
    folder: &'a Path,
    images: Images,
    about: Rc<RefCell<Vec<u8>>>,
    read: Option<About>,
    keys: HashSet<ObjectKey>,
    small: Vec<String>,
    has_database: bool,
}

/// The first file, which is small.
struct Kept(Rc<RefCell<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.borrow_mut();
        if kept.len() + bytes.len() > 64 * 1024 {
            return Err(no_backup());
        }
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> Unpacking<'a> {
    fn new(folder: &'a Path, images: Images) -> Self {
        Self {
            folder,
            images,
            about: Rc::default(),
            read: None,
            keys: HashSet::new(),
            small: Vec::new(),
            has_database: false,
        }
    }

    fn read(&mut self, from: impl Read) -> io::Result<()> {
        private_folder(self.folder)?;
        read_tar(from, |name| self.open(name))
    }

    /// Where a file goes. A name that no backup has goes nowhere, wherever it leads.
    fn open(&mut self, name: &str) -> io::Result<Box<dyn Write>> {
        if self.about.borrow().is_empty() {
            return if name == ABOUT { Ok(Box::new(Kept(self.about.clone()))) } else { Err(no_backup()) };
        }
        if self.read.is_none() {
            self.read = Some(self.read_about()?);
        }
        if let Some(key) = ObjectKey::parse(name) {
            self.keys.insert(key);
            if self.images == Images::Counted {
                return Ok(Box::new(io::sink()));
            }
            if let Some(folder) = Path::new(name).parent() {
                private_folder(&self.folder.join(folder))?;
            }
        } else if name == DATABASE {
            self.has_database = true;
        } else if is_part(name) {
            self.has_database = true;
            if let Some(folder) = Path::new(name).parent() {
                private_folder(&self.folder.join(folder))?;
            }
        } else if SMALL_FILES.contains(&name) {
            self.small.push(name.to_owned());
        } else {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("{name:?} is in it, which no backup has")));
        }
        Ok(Box::new(new_private_file(&self.folder.join(name))?))
    }

    fn read_about(&self) -> io::Result<About> {
        let about: About = serde_json::from_slice(&self.about.borrow()).map_err(|_| no_backup())?;
        if about.format > OF_MONGODB {
            let (format, program) = (about.format, about.program);
            let text = format!("it is of format {format}, made by Tessera {program}: this one knows {OF_MONGODB}");
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        Ok(about)
    }

    fn end(self) -> Result<Unpacked, String> {
        let about = self.read.filter(|_| self.has_database).ok_or_else(|| no_backup().to_string())?;
        Ok(Unpacked {
            folder: self.folder.to_owned(),
            database: self.folder.join(if about.format == OF_MONGODB { FOLDER } else { DATABASE }),
            schema_of_mongo: (about.format == OF_MONGODB).then_some(about.schema),
            has_images: about.images,
            images: self.keys.into_iter().collect(),
            small: self.small,
        })
    }
}

impl Unpacked {
    /// Puts the images where they belong, below this folder.
    ///
    /// # Errors
    /// When one cannot be moved.
    pub fn move_images(&self, data: &Path) -> io::Result<()> {
        self.images.iter().try_for_each(|key| self.move_file(&key.to_string(), data))
    }

    /// The same for everything but images and the database.
    ///
    /// # Errors
    /// When one cannot be moved.
    pub fn move_small(&self, data: &Path) -> io::Result<()> {
        self.small.iter().try_for_each(|name| self.move_file(name, data))
    }

    fn move_file(&self, name: &str, data: &Path) -> io::Result<()> {
        let (from, to) = (self.folder.join(name), data.join(name));
        if let Some(folder) = to.parent() {
            private_folder(folder)?;
        }
        fs::rename(from, to)
    }
}

fn no_backup() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "it is no backup of Tessera")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::tar::TarWriter;
    use super::*;

    fn unpacked(files: &[(&str, &str)]) -> Result<Unpacked, String> {
        let folder = TempDir::new().unwrap();
        let mut tar = TarWriter::new(Vec::new(), 0);
        for (name, text) in files {
            tar.add(name, text.len() as u64, text.as_bytes()).unwrap();
        }
        let file = folder.path().join("x.backup");
        fs::write(&file, tar.finish().unwrap()).unwrap();
        let result = unpack(None, &file, &folder.path().join("a/unpacked"), Images::Kept);
        let others =
            fs::read_dir(folder.path()).unwrap().count() + fs::read_dir(folder.path().join("a")).unwrap().count();
        assert_eq!(others, 3, "nothing is written beside its folder");
        result
    }

    const ABOUT_IT: &str =
        r#"{"format":1,"program":"0.2.0","schema":26,"createdAt":"2026-11-29T08:00:00Z","images":true}"#;
    const IMAGE: &str = "images/ab/0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab.png";

    #[test]
    fn a_backup_has_files_of_known_names_only() {
        let whole = unpacked(&[(ABOUT, ABOUT_IT), (IMAGE, "png"), (DATABASE, "db"), ("app.secret", "x")]).unwrap();
        assert_eq!((whole.images.len(), whole.has_images, &*whole.small), (1, true, &["app.secret".to_owned()][..]));
        for name in [
            "mongodb/users/../evil.bson",
            "mongodb/users/1.bson",
            "mongodb//000000.bson",
            "mongodb/a/b/000000.bson",
            "../evil",
            "/tmp/evil",
            "images/ab/../../../evil",
            ".env",
            "images",
            "restore-1/app.secret",
            "",
        ] {
            let problem = unpacked(&[(ABOUT, ABOUT_IT), (name, "x"), (DATABASE, "db")]).err().unwrap();
            assert!(problem.contains("which no backup has"), "{name}: {problem}");
        }
        for name in ["app.secret", DATABASE, IMAGE] {
            assert!(unpacked(&[(ABOUT, ABOUT_IT), (name, "x"), (name, "y")]).is_err(), "{name}, twice");
        }
    }

    #[test]
    fn what_is_no_backup_or_of_a_newer_program_is_named() {
        let newer = ABOUT_IT.replace("\"format\":1", "\"format\":3");
        let problem = unpacked(&[(ABOUT, &newer), (DATABASE, "db")]).err().unwrap();
        assert_eq!(problem, "it is of format 3, made by Tessera 0.2.0: this one knows 2");
        for files in [&[(DATABASE, "db")][..], &[(ABOUT, "{}"), (DATABASE, "db")], &[(ABOUT, ABOUT_IT)]] {
            assert_eq!(unpacked(files).err().unwrap(), "it is no backup of Tessera");
        }
    }
}
