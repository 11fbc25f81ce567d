//! What an operator sells, and who sells it: packs.toml, or packs that need no file. It can be changed while the server runs.
//!
//! `catalog.rs` is what is in it, `file.rs` reads it or says all that is wrong with it.

mod catalog;
mod file;
mod offers;
mod plan;

use std::fmt;
use std::sync::Arc;

pub use self::catalog::{Catalog, Pack, Rate, Seller, Taxes};
pub use self::offers::{Bonus, Gift, Offers, OnTop, Referral, Season};
pub use self::plan::{PER_MINUTE, Plan};
use crate::account::server::{FindSignUpGift, SignUpGift};
use crate::platform::config::Reader;
use crate::platform::data_file::{DataFile, Reload, Stamp, Watched};
use crate::platform::db::Database;

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "packs.toml";

/// `PACKS_FILE` (`packs.toml`, if that is there), as it was at the start.
#[derive(Debug, Clone)]
pub struct ShopConfig {
    file: DataFile,
    catalog: Catalog,
    stamp: Stamp,
}

impl ShopConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let file = DataFile::new(reader.text("PACKS_FILE"), DEFAULT_FILE);
        let (catalog, stamp) = load(&file).unwrap_or_else(|problems| {
            for problem in problems {
                reader.problem("PACKS_FILE", problem);
            }
            (Catalog::default(), None)
        });
        Self { file, catalog, stamp }
    }

    /// In a few words, for `tessera check`.
    #[must_use]
    pub fn summary(&self) -> String {
        let from = if self.stamp.is_some() { self.file.path.display().to_string() } else { "built in".to_owned() };
        let many = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        format!("{from}, {}, {}", many(self.catalog.packs.len(), "pack"), many(self.catalog.plans.len(), "plan"))
    }

    /// What was sold at the start.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What is sold, as it is from now on.
    #[must_use]
    pub fn shop(&self) -> Shop {
        Shop::new(self.file.clone(), self.catalog.clone(), self.stamp)
    }
}

fn load(file: &DataFile) -> Result<(Catalog, Stamp), Vec<String>> {
    match file.load()? {
        Some((text, stamp)) => Ok((Catalog::parse(&text, &file.short_name())?, stamp)),
        None => Ok((Catalog::default(), None)),
    }
}

/// What is sold now. Cheap to clone: all clones change together.
#[derive(Clone)]
pub struct Shop(Arc<(DataFile, Watched<Catalog>)>);

impl Shop {
    #[must_use]
    pub fn new(file: DataFile, catalog: Catalog, stamp: Stamp) -> Self {
        Self(Arc::new((file, Watched::new(catalog, stamp))))
    }

    /// All that is sold now.
    #[must_use]
    pub fn now(&self) -> Arc<Catalog> {
        self.0.1.now()
    }

    /// Where it is written.
    #[must_use]
    pub fn file(&self) -> &DataFile {
        &self.0.0
    }

    /// What a new account is given, as the file says at the time.
    #[must_use]
    pub fn sign_up_gift(&self, database: &Database) -> FindSignUpGift {
        let (shop, database) = (self.clone(), database.clone());
        Box::new(move || {
            let (catalog, now) = (shop.now(), database.now());
            let gift = catalog.offers.sign_up(now)?;
            let expires_at = gift.lasts.map(|lasts| now.saturating_add(lasts));
            Some(SignUpGift { name: gift.name.clone(), credits: gift.credits, expires_at })
        })
    }

    /// Looks whether the file has changed, and reads it if so. Blocks for as long as that takes.
    #[must_use]
    pub fn reload(&self) -> Reload {
        let (file, catalog) = &*self.0;
        catalog.reload(file, "other packs", || load(file).map(|(catalog, _)| catalog))
    }
}

impl Default for Shop {
    /// What is sold where nothing is said.
    fn default() -> Self {
        Self::new(DataFile::new(None, DEFAULT_FILE), Catalog::default(), None)
    }
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shop").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests;
