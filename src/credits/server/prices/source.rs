//! Where prices come from: `PRICES_FILE`, the variables where there is none, and what providers take.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::file::{FlatPrices, Known, PriceFile};
use crate::platform::db::now_millis;
use crate::usage::server::prices::PriceTable;

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "prices.toml";
/// Bytes of a file of prices, at most.
const MOST_BYTES: u64 = 1024 * 1024;

/// Where prices come from.
#[derive(Debug, Clone)]
pub struct PriceSource {
    pub path: PathBuf,
    /// Whether `PRICES_FILE` names it: then it has to be there.
    is_named: bool,
    flat: FlatPrices,
    list: PriceTable,
    providers: Vec<&'static str>,
}

/// What a file looks like from outside; `None`: there is none.
pub type Stamp = Option<(SystemTime, u64)>;

/// What was read, and from what.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub prices: PriceFile,
    pub stamp: Stamp,
}

impl PriceSource {
    /// With what holds where there is no file.
    #[must_use]
    pub fn new(path: Option<&str>, flat: FlatPrices, list: PriceTable, providers: Vec<&'static str>) -> Self {
        Self { path: path.unwrap_or(DEFAULT_FILE).into(), is_named: path.is_some(), flat, list, providers }
    }

    #[must_use]
    pub const fn list(&self) -> &PriceTable {
        &self.list
    }

    /// Whether there is a file now.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self.stamp(), Ok(Some(_)))
    }

    fn name(&self) -> String {
        self.path.display().to_string()
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

    /// The prices of now.
    ///
    /// # Errors
    /// Every problem, each on a line that names the file.
    pub fn load(&self) -> Result<Loaded, Vec<String>> {
        let stamp = self.stamp()?;
        let prices = match stamp {
            Some((_, length)) if length > MOST_BYTES => {
                return Err(vec![format!("{}: is larger than {MOST_BYTES} bytes", self.name())]);
            }
            Some(_) => self.parse(&self.text()?)?,
            None if self.is_named => return Err(vec![format!("{}: is not there", self.name())]),
            None => return Ok(self.without_file()),
        };
        Ok(Loaded { prices, stamp })
    }

    /// What holds without a file.
    #[must_use]
    pub const fn without_file(&self) -> Loaded {
        Loaded { prices: PriceFile::flat(self.flat), stamp: None }
    }

    /// What the file has.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self) -> Result<String, Vec<String>> {
        fs::read_to_string(&self.path).map_err(|error| vec![self.unreadable(&error)])
    }

    /// Prices as this text has them.
    ///
    /// # Errors
    /// As [`PriceFile::parse`].
    pub fn parse(&self, text: &str) -> Result<PriceFile, Vec<String>> {
        let known = Known { flat: self.flat, list: &self.list, providers: &self.providers, now: now_millis() };
        PriceFile::parse(text, &short_name(&self.path), known)
    }

    fn unreadable(&self, error: &io::Error) -> String {
        format!("{}: cannot be read: {error}", self.name())
    }
}

/// Without its folders, which whoever reads this knows.
fn short_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
