//! Where prices come from: `PRICES_FILE`, the variables where there is none, and what providers take.

use std::sync::{Arc, PoisonError, RwLock};

use super::file::{FlatPrices, Known, PriceFile};
use crate::platform::data_file::{DataFile, Stamp};
use crate::platform::db::now_millis;
use crate::usage::server::prices::PriceTable;

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "prices.toml";

/// Where prices come from.
#[derive(Debug, Clone)]
pub struct PriceSource {
    pub file: DataFile,
    flat: FlatPrices,
    list: PriceTable,
    /// Those that prices may be for: all clones learn of new ones.
    providers: Arc<RwLock<Vec<&'static str>>>,
}

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
        Self { file: DataFile::new(path, DEFAULT_FILE), flat, list, providers: Arc::new(RwLock::new(providers)) }
    }

    /// These providers are there now too.
    pub fn know(&self, names: &[&'static str]) {
        let mut known = self.providers.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if !known.contains(name) {
                known.push(name);
            }
        }
    }

    #[must_use]
    pub const fn list(&self) -> &PriceTable {
        &self.list
    }

    /// The prices of now.
    ///
    /// # Errors
    /// Every problem, each on a line that names the file.
    pub fn load(&self) -> Result<Loaded, Vec<String>> {
        match self.file.load()? {
            Some((text, stamp)) => Ok(Loaded { prices: self.parse(&text)?, stamp }),
            None => Ok(self.without_file()),
        }
    }

    /// What holds without a file.
    #[must_use]
    pub const fn without_file(&self) -> Loaded {
        Loaded { prices: PriceFile::flat(self.flat), stamp: None }
    }

    /// Prices as this text has them.
    ///
    /// # Errors
    /// As [`PriceFile::parse`].
    pub fn parse(&self, text: &str) -> Result<PriceFile, Vec<String>> {
        let providers = self.providers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let known = Known { flat: self.flat, list: &self.list, providers: &providers, now: now_millis() };
        PriceFile::parse(text, &self.file.short_name(), known)
    }
}
