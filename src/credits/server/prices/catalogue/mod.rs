//! The public catalogues of list prices, brought to one form. Which one a file is, it says itself.

mod litellm;
mod models_dev;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::file::{ListPrice, ListRates};
use crate::platform::data_file::{Decimal, NotDecimal};
use crate::usage::server::prices::exactness;

/// An object of JSON whose values are read later: numbers stay as they are written.
type Object = BTreeMap<String, Box<RawValue>>;

/// Who sells models of their own: their price is the list price, and not that of who sells them on.
const MAKERS: [&str; 18] = [
    "openai",
    "google",
    "gemini",
    "anthropic",
    "deepseek",
    "xai",
    "mistral",
    "moonshotai",
    "moonshot",
    "zhipuai",
    "zai",
    "minimax",
    "cohere",
    "cohere_chat",
    "llama",
    "meta_llama",
    // They sell those of others too.
    "alibaba",
    "dashscope",
];

/// A catalogue of what providers take.
#[derive(Debug)]
pub struct Catalogue {
    /// What people call it.
    pub name: &'static str,
    entries: Vec<Entry>,
}

/// A model at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub provider: String,
    pub model: String,
    /// In millionths of a US dollar for a million tokens; or why there is none that can be used.
    pub price: Result<ListPrice, &'static str>,
    /// Whether something was finer than a millionth of a dollar, and is rounded up.
    pub is_rounded: bool,
}

/// What a catalogue knows of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    Nothing,
    One(&'a Entry),
    /// Several providers sell it at different prices, and none of them makes it.
    Several(Vec<&'a str>),
}

impl Catalogue {
    /// Reads a catalogue.
    ///
    /// # Errors
    /// What is wrong with it, for whoever named the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let neither = "is neither models.dev's api.json nor LiteLLM's model_prices_and_context_window.json";
        let top: Object = serde_json::from_str(text)
            .map_err(|error| if error.is_data() { neither.to_owned() } else { format!("is not JSON: {error}") })?;
        let (name, entries) = if top.values().any(|value| models_dev::is_provider(value)) {
            ("models.dev", models_dev::read(&top)?)
        } else if top.values().any(|value| litellm::is_model(value)) {
            ("LiteLLM", litellm::read(&top)?)
        } else {
            return Err(neither.to_owned());
        };
        Ok(Self { name, entries })
    }

    /// Whether somebody of this name sells a model.
    #[must_use]
    pub fn has_seller(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.provider == name)
    }

    /// A model by its name; `provider` is who sells it, as the catalogue calls them, or who is asked for it here.
    #[must_use]
    pub fn find(&self, model: &str, seller: Option<&str>, asked: Option<&str>) -> Found<'_> {
        let rank = |entry: &Entry| {
            let by_itself = entry.model.rsplit_once('/').map(|(_, name)| name);
            let exactness = exactness(&entry.model, model).or_else(|| exactness(by_itself?, model))?;
            seller.is_none_or(|seller| entry.provider == seller).then_some(exactness)
        };
        let ranked: Vec<_> = self.entries.iter().filter_map(|entry| Some((rank(entry)?, entry))).collect();
        let best = ranked.iter().map(|(rank, _)| *rank).max();
        let fitting: Vec<_> =
            ranked.into_iter().filter(|(rank, _)| Some(*rank) == best).map(|(_, entry)| entry).collect();
        let first: &[&str] = if asked == Some("gemini") { &["google", "gemini"] } else { &[] };
        for maker in first.iter().chain(&MAKERS) {
            if let Some(entry) = fitting.iter().find(|entry| entry.provider == *maker) {
                return Found::One(entry);
            }
        }
        let priced: Vec<_> = fitting.iter().copied().filter(|entry| entry.price.is_ok()).collect();
        match (priced.as_slice(), fitting.first()) {
            ([], None) => Found::Nothing,
            ([], Some(entry)) => Found::One(entry),
            ([first, others @ ..], _) if others.iter().all(|other| other.price == first.price) => Found::One(first),
            (several, _) => {
                let mut names: Vec<_> = several.iter().map(|entry| entry.provider.as_str()).collect();
                names.sort_unstable();
                names.dedup();
                Found::Several(names)
            }
        }
    }
}

/// The prices of an object, by what they are called there.
struct Prices<'a> {
    of: &'a Object,
    /// Decimal places of its unit: 6 for a million tokens, 12 for one.
    places: i32,
    is_rounded: bool,
}

/// Why a price cannot be used.
const UNREADABLE: &str = "its price there is not a number";
const NEGATIVE: &str = "its price there is negative, which stands for one that varies";
const FREE: &str = "it is free there";
const NO_TOKENS: &str = "it has no price for tokens there";

impl<'a> Prices<'a> {
    const fn new(of: &'a Object, places: i32) -> Self {
        Self { of, places, is_rounded: false }
    }

    /// `None`: it is not there, or null.
    fn get(&mut self, key: &str) -> Result<Option<u64>, &'static str> {
        let Some(number) = self.of.get(key).map(|raw| number(raw)) else { return Ok(None) };
        let Some(number) = number? else { return Ok(None) };
        let (price, is_exact) = number.in_units(self.places).ok_or(UNREADABLE)?;
        self.is_rounded |= !is_exact;
        Ok(Some(price))
    }
}

/// A number as it is written, also as text; `None`: null.
fn number(raw: &RawValue) -> Result<Option<Decimal>, &'static str> {
    let text = raw.get();
    if text == "null" {
        return Ok(None);
    }
    match Decimal::parse(text.trim_matches('"')) {
        Ok(number) => Ok(Some(number)),
        Err(NotDecimal::Negative) => Err(NEGATIVE),
        Err(NotDecimal::Unreadable) => Err(UNREADABLE),
    }
}

/// A price as it is written, before it is known whether it can be used.
#[derive(Clone, Copy, Default)]
struct Written {
    input: Option<u64>,
    cached: Option<u64>,
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    output: Option<u64>,
    reasoning: Option<u64>,
}

impl Written {
    /// A price that can be used: with prices of zero as if they were not there.
    fn complete(self) -> Result<ListRates, &'static str> {
        let (Some(input), Some(output)) = (self.input, self.output) else { return Err(NO_TOKENS) };
        if input == 0 || output == 0 {
            return Err(FREE);
        }
        let some = |price: Option<u64>| price.filter(|price| *price > 0);
        let cache_write = some(self.cache_write);
        Ok(ListRates {
            input,
            cached_input: some(self.cached),
            cache_write,
            // By itself it says nothing that anybody takes.
            cache_write_1h: some(self.cache_write_1h).filter(|_| cache_write.is_some()),
            output,
            reasoning: some(self.reasoning),
        })
    }
}

fn object(raw: &RawValue) -> Option<Object> {
    serde_json::from_str(raw.get()).ok()
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests;
