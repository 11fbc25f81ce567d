//! The prices that hold, as a table for whoever set them.

use std::fmt::Write;

use super::book::PriceBook;
use super::columns::columns;
use super::price::ImagePrice;
use super::rate::{ChatRate, Rates};
use crate::platform::data_file::written;

/// A model that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    pub provider: &'static str,
    pub model: String,
    pub is_image: bool,
}

impl PriceBook {
    /// What each of these models costs, and what the file names besides.
    #[must_use]
    pub fn table(&self, configured: &[Configured]) -> String {
        let mut rows = Vec::new();
        for Configured { provider, model, is_image } in configured {
            let (price, version) = if *is_image {
                let price = self.image_price(provider, model);
                (image_text(&price), price.version)
            } else {
                let price = self.chat(provider, model);
                (chat_text(&price.rate), price.version)
            };
            rows.push([(*provider).to_owned(), model.clone(), price, version]);
        }
        for entry in &self.prices().models {
            let provider = entry.provider.clone().unwrap_or_default();
            let is_shown = configured
                .iter()
                .any(|shown| shown.model == entry.name && (provider.is_empty() || provider == shown.provider));
            if is_shown || entry.name.ends_with('*') {
                continue;
            }
            if entry.chat.is_some() {
                let price = self.chat(&provider, &entry.name);
                rows.push([provider.clone(), entry.name.clone(), chat_text(&price.rate), price.version]);
            }
            if entry.image.is_some() {
                let price = self.image_price(&provider, &entry.name);
                rows.push([provider, entry.name.clone(), image_text(&price), price.version]);
            }
        }
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

fn rates_text(Rates { input, cached_input, output, reasoning }: Rates) -> String {
    let mut text = format!("{} in", written(input));
    if cached_input != input {
        _ = write!(text, ", {} cached", written(cached_input));
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
