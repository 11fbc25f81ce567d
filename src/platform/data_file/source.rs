//! Where a file of data is, and what it looks like from outside.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

/// Bytes of a file, at most.
const MOST_BYTES: u64 = 1024 * 1024;

/// What a file looks like from outside; `None`: there is none.
pub type Stamp = Option<(SystemTime, u64)>;

/// A file that may be there.
#[derive(Debug, Clone)]
pub struct DataFile {
    pub path: PathBuf,
    /// Whether a variable names it: then it has to be there.
    is_named: bool,
}

impl DataFile {
    /// The file that a variable names, or the one that is read where it is unset.
    #[must_use]
    pub fn new(named: Option<&str>, default: &str) -> Self {
        Self { path: named.unwrap_or(default).into(), is_named: named.is_some() }
    }

    /// Whether there is a file now.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self.stamp(), Ok(Some(_)))
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Without its folders, which whoever reads this knows.
    #[must_use]
    pub fn short_name(&self) -> String {
        self.path.file_name().map_or_else(|| self.name(), |name| name.to_string_lossy().into_owned())
    }

    /// What the file looks like now.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn stamp(&self) -> Result<Stamp, Vec<String>> {
        match fs::metadata(&self.path) {
            Ok(file) if !file.is_file() => Err(vec![format!("{}: is not a file", self.name())]),
            Ok(file) => {
                let changed = file.modified().map_err(|error| vec![self.unreadable(&error)])?;
                Ok(Some((changed, file.len())))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(vec![self.unreadable(&error)]),
        }
    }

    /// What is in the file, and what it looked like; `None` where there is none, and need not be.
    ///
    /// # Errors
    /// Why it cannot be read, on a line that names the file.
    pub fn load(&self) -> Result<Option<(String, Stamp)>, Vec<String>> {
        let stamp = self.stamp()?;
        match stamp {
            Some((_, length)) if length > MOST_BYTES => {
                Err(vec![format!("{}: is larger than {MOST_BYTES} bytes", self.name())])
            }
            Some(_) => Ok(Some((self.text()?, stamp))),
            None if self.is_named => Err(vec![format!("{}: is not there", self.name())]),
            None => Ok(None),
        }
    }

    /// What the file has.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self) -> Result<String, Vec<String>> {
        fs::read_to_string(&self.path).map_err(|error| vec![self.unreadable(&error)])
    }

    fn unreadable(&self, error: &io::Error) -> String {
        format!("{}: cannot be read: {error}", self.name())
    }
}
