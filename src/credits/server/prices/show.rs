//! The prices that hold, as a table for whoever set them.

use std::fmt::Write;

use super::book::PriceBook;
use super::columns::columns;
use super::history::{PriceKey, PriceTerms};
use super::price::{ChatPrice, ImagePrice};
use super::rate::{ChatRate, Rates};
use crate::platform::data_file::written;
use crate::platform::db::now_millis;

/// A model that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    pub provider: &'static str,
    pub model: String,
    pub is_image: bool,
}

/// A price that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Empty: of any provider.
    pub provider: String,
    pub model: String,
    pub price: ShownPrice,
}

/// Of a reply, or of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShownPrice {
    Chat(ChatPrice),
    Image(ImagePrice),
}

impl InForce {
    /// As it is noted.
    pub(super) fn noted(self) -> (PriceKey, PriceTerms) {
        let Self { provider, model, price } = self;
        let (is_image, terms, version) = match price {
            ShownPrice::Chat(price) => (false, PriceTerms::from(&price.rate), price.version),
            ShownPrice::Image(price) => (true, PriceTerms::from(&price), price.version),
        };
        (PriceKey { provider, model, is_image, version }, terms)
    }

    fn row(self) -> [String; 4] {
        let (text, version) = match self.price {
            ShownPrice::Chat(price) => (chat_text(&price.rate), price.version),
            ShownPrice::Image(price) => (image_text(&price), price.version),
        };
        [self.provider, self.model, text, version]
    }
}

impl PriceBook {
    /// What each of these models costs at a time (milliseconds since 1970), and what the file names besides.
    #[must_use]
    pub fn in_force(&self, configured: &[Configured], at: i64) -> Vec<InForce> {
        let chat = |provider: &str, model: &str| InForce {
            provider: provider.to_owned(),
            model: model.to_owned(),
            price: ShownPrice::Chat(self.chat_at(provider, model, at)),
        };
        let image = |provider: &str, model: &str| InForce {
            provider: provider.to_owned(),
            model: model.to_owned(),
            price: ShownPrice::Image(self.image_price(provider, model)),
        };
        let of = |Configured { provider, model, is_image }: &Configured| {
            if *is_image { image(provider, model) } else { chat(provider, model) }
        };
        let mut all: Vec<_> = configured.iter().map(of).collect();
        for entry in &self.prices().models {
            let provider = entry.provider.clone().unwrap_or_default();
            let is_shown = configured
                .iter()
                .any(|shown| shown.model == entry.name && (provider.is_empty() || provider == shown.provider));
            if is_shown || entry.name.ends_with('*') {
                continue;
            }
            all.extend(entry.chat.as_ref().map(|_| chat(&provider, &entry.name)));
            all.extend(entry.image.as_ref().map(|_| image(&provider, &entry.name)));
        }
        all
    }

    /// The same as text.
    #[must_use]
    pub fn table(&self, configured: &[Configured]) -> String {
        let rows: Vec<_> = self.in_force(configured, now_millis()).into_iter().map(InForce::row).collect();
        columns(["PROVIDER", "MODEL", "CREDITS", "VERSION"], &rows)
    }

    /// In a few words, for `tessera check`.
    #[must_use]
    pub fn summary(&self) -> String {
        let prices = self.prices();
        let from = match self.source().file.stamp() {
            Ok(Some(_)) => self.source().file.path.display().to_string(),
            _ => "CHAT_CREDITS and IMAGE_CREDITS".to_owned(),
        };
        match prices.models.len() {
            0 => from,
            1 => format!("{from}, 1 model"),
            models => format!("{from}, {models} models"),
        }
    }
}

fn chat_text(rate: &ChatRate) -> String {
    match rate {
        ChatRate::Flat(price) => format!("{price} a reply"),
        ChatRate::PerToken(price) => {
            let mut text = format!("{} per million", rates_text(price.base));
            if !price.per_call.is_zero() {
                _ = write!(text, ", {} a call", price.per_call);
            }
            for tier in &price.tiers {
                _ = write!(text, "; above {}: {}", tier.above_input_tokens, rates_text(tier.rates));
            }
            text
        }
    }
}

fn rates_text(Rates { input, cached_input, cache_write, cache_write_1h, output, reasoning }: Rates) -> String {
    let mut text = format!("{} in", written(input));
    if cached_input != input {
        _ = write!(text, ", {} cached", written(cached_input));
    }
    if cache_write != input {
        _ = write!(text, ", {} written to the cache", written(cache_write));
    }
    if let Some(hour) = cache_write_1h {
        _ = write!(text, ", {} for an hour", written(hour));
    }
    _ = write!(text, ", {} out", written(output));
    if reasoning != output {
        _ = write!(text, ", {} thought", written(reasoning));
    }
    text
}

fn image_text(price: &ImagePrice) -> String {
    let mut text = format!("{} an image", price.default);
    for (size, price) in &price.sizes {
        _ = write!(text, ", {price} at {size}");
    }
    text
}
