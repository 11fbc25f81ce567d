//! The prices that hold now, looked up by provider and model, and exchanged as a whole while the server runs.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use super::file::{ChatRule, ImageRule, ListPrice, ModelEntry, PriceFile};
use super::price::{ChatPrice, ImagePrice};
use super::rate::ChatRate;
use super::source::{Loaded, PriceSource};
use crate::platform::amount::Amount;
use crate::platform::data_file::{Reload, Watched};
use crate::platform::db::now_millis;
use crate::usage::server::prices::exactness;

/// The prices that hold now. Cheap to clone: all clones change together.
#[derive(Clone)]
pub struct PriceBook(Arc<Shared>);

struct Shared {
    source: PriceSource,
    prices: Watched<PriceFile>,
}

impl PriceBook {
    #[must_use]
    pub fn new(source: PriceSource, Loaded { prices, stamp }: Loaded) -> Self {
        Self(Arc::new(Shared { source, prices: Watched::new(prices, stamp) }))
    }

    /// What a reply of that model costs.
    #[must_use]
    pub fn chat(&self, provider: &str, model: &str) -> ChatPrice {
        self.chat_at(provider, model, now_millis())
    }

    /// The same at a time (milliseconds since 1970): list prices may change with it.
    #[must_use]
    pub fn chat_at(&self, provider: &str, model: &str, at: i64) -> ChatPrice {
        let prices = self.prices();
        for entry in fitting(&prices, provider, model) {
            let rate = entry.chat.as_ref().and_then(|rule| self.rate(&prices, rule, model, at));
            if let Some(rate) = rate {
                return ChatPrice::new(rate, entry.version.as_deref().or(prices.version.as_deref()));
            }
        }
        // A default is of no list.
        let rate = self.rate(&prices, &prices.chat, model, at);
        ChatPrice::new(rate.unwrap_or(ChatRate::Flat(Amount::LEAST)), prices.version.as_deref())
    }

    /// What an image of that model costs, by its aspect ratio or size.
    #[must_use]
    pub fn image_price(&self, provider: &str, model: &str) -> ImagePrice {
        let prices = self.prices();
        let entry = fitting(&prices, provider, model).into_iter().find_map(|entry| Some((entry.image.clone()?, entry)));
        let (rule, own) = match &entry {
            Some((rule, entry)) => (rule, entry.version.as_deref()),
            None => (&prices.image, None),
        };
        let ImageRule { default, sizes } = rule.clone();
        ImagePrice::new(default, sizes, own.or(prices.version.as_deref()))
    }

    /// What an image of that model and aspect ratio (or size) costs, and the version of its price.
    #[must_use]
    pub fn image(&self, provider: &str, model: &str, aspect_ratio: &str) -> (Amount, String) {
        let price = self.image_price(provider, model);
        (price.of(aspect_ratio), price.version)
    }

    /// Whether any reply may cost by its tokens.
    #[must_use]
    pub fn is_per_token(&self) -> bool {
        self.prices().is_per_token()
    }

    /// All that holds now.
    #[must_use]
    pub fn prices(&self) -> Arc<PriceFile> {
        self.0.prices.now()
    }

    #[must_use]
    pub fn source(&self) -> &PriceSource {
        &self.0.source
    }

    /// Looks whether the file has changed, and reads it if so. Blocks for as long as that takes.
    #[must_use]
    pub fn reload(&self) -> Reload {
        let source = &self.0.source;
        self.0.prices.reload(&source.file, "other prices", || source.load().map(|loaded| loaded.prices))
    }

    /// `None`: what it follows is not known, or nothing.
    fn rate(&self, prices: &PriceFile, rule: &ChatRule, model: &str, at: i64) -> Option<ChatRate> {
        match rule {
            ChatRule::Flat(price) => Some(ChatRate::Flat(*price)),
            ChatRule::PerToken(rates) => Some(ChatRate::PerToken(rates.clone())),
            ChatRule::List { price, per_call } => {
                let found = || self.0.source.list().find(model, at).map(Into::into);
                let price = price.clone().or_else(found).filter(ListPrice::is_positive)?;
                Some(ChatRate::PerToken(prices.credit.as_ref()?.token_rates(&price, *per_call)))
            }
        }
    }
}

/// The entries of a model, the most exact one first, and of two those for the provider.
fn fitting<'a>(prices: &'a PriceFile, provider: &str, model: &str) -> Vec<&'a ModelEntry> {
    let rank = |entry: &'a ModelEntry| {
        let is_for = entry.provider.as_deref().is_none_or(|own| own == provider);
        Some(((exactness(&entry.name, model).filter(|_| is_for)?, entry.provider.is_some()), entry))
    };
    let mut fitting: Vec<_> = prices.models.iter().filter_map(rank).collect();
    fitting.sort_by_key(|(rank, _)| Reverse(*rank));
    fitting.into_iter().map(|(_, entry)| entry).collect()
}

impl fmt::Debug for PriceBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PriceBook").field(&self.prices()).finish()
    }
}
