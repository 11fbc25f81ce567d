//! Prices and gifts.

use super::prices::{FlatPrices, Loaded, PriceBook, PriceSource};
use crate::platform::amount::Amount;
use crate::platform::config::Reader;
use crate::usage::server::prices::PriceTable;

/// Prices and gifts, in credits.
#[derive(Debug, Clone, Copy)]
pub struct CreditsConfig {
    /// `FREE_CREDITS` (10): what a new account gets. May be 0.
    pub free: Amount,
    /// `CHAT_CREDITS` (1): price of a reply; positive.
    pub chat: Amount,
    /// `IMAGE_CREDITS` (2): price of an image; positive.
    pub image: Amount,
    /// `LOW_CREDITS` (3): who has fewer is told so by mail; 0: nobody is.
    pub low: Amount,
}

impl CreditsConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            free: reader.amount("FREE_CREDITS", Amount::credits(10), Amount::ZERO),
            chat: reader.amount("CHAT_CREDITS", Amount::credits(1), Amount::LEAST),
            image: reader.amount("IMAGE_CREDITS", Amount::credits(2), Amount::LEAST),
            low: reader.amount("LOW_CREDITS", Amount::credits(3), Amount::ZERO),
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
    /// `PRICES_FILE` (`prices.toml`, if that is there); `credits` are the prices without it, `list` is what providers take, and `providers` are those of this
    /// version.
    pub(crate) fn read(
        reader: &mut Reader,
        credits: CreditsConfig,
        list: &PriceTable,
        providers: Vec<&'static str>,
    ) -> Self {
        let flat = FlatPrices { chat: credits.chat, image: credits.image };
        let source = PriceSource::new(reader.text("PRICES_FILE"), flat, list.clone(), providers);
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
