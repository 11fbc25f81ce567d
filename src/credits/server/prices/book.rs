//! The prices that hold now, looked up by provider and model, and exchanged as a whole while the server runs.

use std::cmp::Reverse;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::file::{ChatRule, ImageRule, ListPrice, ModelEntry, PriceFile};
use super::price::{ChatPrice, ImagePrice};
use super::rate::ChatRate;
use super::source::{Loaded, PriceSource, Stamp};
use crate::platform::amount::Amount;
use crate::platform::db::now_millis;
use crate::usage::server::prices::exactness;

/// The prices that hold now. Cheap to clone: all clones change together.
#[derive(Clone)]
pub struct PriceBook(Arc<Shared>);

struct Shared {
    source: PriceSource,
    prices: RwLock<Arc<PriceFile>>,
    /// What the file looked like when it was last looked at, whatever was in it; or why it could not be.
    seen: Mutex<Result<Stamp, Vec<String>>>,
}

/// What became of looking at the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    Unchanged,
    /// These hold from now on.
    Loaded,
    /// Nothing has changed, for these reasons.
    Refused(Vec<String>),
}

impl PriceBook {
    #[must_use]
    pub fn new(source: PriceSource, Loaded { prices, stamp }: Loaded) -> Self {
        let prices = RwLock::new(Arc::new(prices));
        Self(Arc::new(Shared { source, prices, seen: Mutex::new(Ok(stamp)) }))
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
        self.0.prices.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn source(&self) -> &PriceSource {
        &self.0.source
    }

    /// Looks whether the file has changed, and reads it if so. Blocks for as long as that takes.
    #[must_use]
    pub fn reload(&self) -> Reload {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.0.source.stamp();
        if now == *seen {
            return Reload::Unchanged;
        }
        let had_file = matches!(*seen, Ok(Some(_)));
        seen.clone_from(&now);
        match now {
            Err(problems) => return Reload::Refused(problems),
            // Many editors take a file away for a moment; and nobody would notice that it is gone by other prices.
            Ok(None) if had_file => {
                let name = self.0.source.path.display();
                return Reload::Refused(vec![format!(
                    "{name}: is not there any more; a start without it has other prices"
                )]);
            }
            Ok(_) => {}
        }
        match self.0.source.load() {
            Ok(Loaded { prices, .. }) => {
                *self.0.prices.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(prices);
                Reload::Loaded
            }
            Err(problems) => Reload::Refused(problems),
        }
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
