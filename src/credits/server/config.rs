//! Prices and gifts.

use super::prices::{Loaded, PriceBook, PriceSource};
use crate::platform::config::Reader;
use crate::usage::server::prices::PriceTable;

/// Prices and gifts, in whole credits.
#[derive(Debug, Clone, Copy)]
pub struct CreditsConfig {
    /// `FREE_CREDITS` (10): what a new account gets. May be 0.
    pub free: i64,
    /// `CHAT_CREDITS` (1): price of a reply, at least 1.
    pub chat: i64,
    /// `IMAGE_CREDITS` (2): price of an image, at least 1.
    pub image: i64,
}

impl CreditsConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            free: reader.at_least("FREE_CREDITS", 10, 0),
            chat: reader.at_least("CHAT_CREDITS", 1, 1),
            image: reader.at_least("IMAGE_CREDITS", 2, 1),
        }
    }
}

/// What each model costs.
#[derive(Debug, Clone)]
pub struct PricesConfig {
    source: PriceSource,
    loaded: Loaded,
}

impl PricesConfig {
    /// `PRICES_FILE` (`prices.toml`, if that is there); `list` is what providers take, and `providers` are those of this
    /// version.
    pub(crate) fn read(reader: &mut Reader, list: &PriceTable, providers: Vec<&'static str>) -> Self {
        let source = PriceSource::read(reader, list.clone(), providers);
        let loaded = source.load().unwrap_or_else(|problems| {
            for problem in problems {
                reader.problem("PRICES_FILE", problem);
            }
            source.without_file()
        });
        Self { source, loaded }
    }

    /// The prices, as they are from now on.
    #[must_use]
    pub fn book(&self) -> PriceBook {
        PriceBook::new(self.source.clone(), self.loaded.clone())
    }
}
