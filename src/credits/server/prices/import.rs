//! What a catalogue would change: shown first, and written only where that is asked for.

use std::fmt::Write;

use super::catalogue::{Catalogue, Found};
use super::columns::columns;
use super::edit::edit;
use super::file::{ChatRule, LIST_CURRENCY, ListPrice, ListRates, ModelEntry, PriceFile};
use super::show::Configured;
use crate::platform::data_file::written;
use crate::usage::server::prices::PriceTable;

/// What a catalogue says of the models that are known here.
#[derive(Debug)]
pub struct Plan {
    catalogue: &'static str,
    rows: Vec<Row>,
    /// Why nothing can be written, whatever changes.
    obstacle: Option<String>,
}

#[derive(Debug)]
struct Row {
    model: String,
    seller: String,
    old: Option<ListPrice>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Same(ListPrice),
    /// `entry`: where in the file it is written; without one, why it is not.
    Changes {
        new: ListPrice,
        entry: Result<usize, &'static str>,
        is_rounded: bool,
    },
    Unknown(String),
}

/// What is compared with a catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    pub prices: &'a PriceFile,
    pub list: &'a PriceTable,
    pub configured: &'a [Configured],
    /// Milliseconds since 1970.
    pub now: i64,
}

/// A model that is looked up.
struct Subject<'a> {
    name: &'a str,
    provider: Option<&'a str>,
    entry: Option<(usize, &'a ModelEntry)>,
}

impl Plan {
    /// Compares; `seller` is the provider whose prices are meant, as the catalogue calls it.
    #[must_use]
    pub fn new(catalogue: &Catalogue, here: Here<'_>, seller: Option<&str>) -> Self {
        let rows = here.subjects().iter().map(|subject| here.compare(subject, catalogue, seller)).collect();
        let currency = here.prices.credit.as_ref().map(|credit| credit.currency.as_str());
        let obstacle = currency.filter(|currency| *currency != LIST_CURRENCY).map(|currency| {
            format!("the catalogue is in {LIST_CURRENCY}, and the list prices of the file are in {currency}")
        });
        Self { catalogue: catalogue.name, rows, obstacle }
    }

    /// What would change, as a table.
    #[must_use]
    pub fn table(&self) -> String {
        let heading = ["MODEL", "AT", "INPUT", "CACHED", "WRITTEN", "1H", "OUTPUT", "THOUGHT", "TIERS", ""];
        let rows: Vec<_> = self.rows.iter().map(Row::cells).collect();
        let found = self.rows.iter().filter(|row| !matches!(row.outcome, Outcome::Unknown(_))).count();
        let mut text = format!(
            "{}: {found} of {} models, in {LIST_CURRENCY} for a million tokens.\n\n",
            self.catalogue,
            self.rows.len()
        );
        text.push_str(&columns(heading, &rows));
        if let Some(obstacle) = &self.obstacle {
            _ = write!(text, "\nNothing can be written: {obstacle}.\n");
        }
        text
    }

    /// How many prices of the file change.
    #[must_use]
    pub fn changes(&self) -> usize {
        if self.obstacle.is_some() { 0 } else { self.edits().len() }
    }

    fn edits(&self) -> Vec<(usize, &ListPrice)> {
        self.rows
            .iter()
            .filter_map(|row| match &row.outcome {
                Outcome::Changes { new, entry: Ok(entry), .. } => Some((*entry, new)),
                _ => None,
            })
            .collect()
    }

    /// The text of the file with the new prices in it, and nothing else changed.
    ///
    /// # Errors
    /// Why that cannot be written.
    pub fn apply(&self, text: &str) -> Result<String, String> {
        if let Some(obstacle) = &self.obstacle {
            return Err(obstacle.clone());
        }
        edit(text, &self.edits())
    }
}

impl<'a> Here<'a> {
    /// The models of the file, and those that the configuration names besides.
    fn subjects(self) -> Vec<Subject<'a>> {
        let entries = self.prices.models.iter().enumerate();
        let mut subjects: Vec<_> = entries
            .filter(|(_, entry)| entry.chat.is_some() && !entry.name.ends_with('*'))
            .map(|(n, entry)| Subject {
                name: &entry.name,
                provider: entry.provider.as_deref(),
                entry: Some((n, entry)),
            })
            .collect();
        for Configured { provider, model, .. } in self.configured.iter().filter(|configured| !configured.is_image) {
            let is_there = subjects
                .iter()
                .any(|subject| subject.name == model && subject.provider.is_none_or(|of| of == *provider));
            if !is_there {
                subjects.push(Subject { name: model, provider: Some(provider), entry: None });
            }
        }
        subjects
    }

    fn compare(self, subject: &Subject<'_>, catalogue: &Catalogue, seller: Option<&str>) -> Row {
        let listed = || self.list.find(subject.name, self.now).map(ListPrice::from);
        let rule = subject.entry.and_then(|(_, entry)| entry.chat.as_ref());
        let old = match rule {
            Some(ChatRule::List { price: Some(price), .. }) => Some(price.clone()),
            _ => listed(),
        };
        let row = |seller: &str, outcome| Row {
            model: subject.name.to_owned(),
            seller: seller.to_owned(),
            old: old.clone(),
            outcome,
        };
        let found = match catalogue.find(subject.name, seller, subject.provider) {
            Found::One(entry) => entry,
            Found::Nothing => return row("", Outcome::Unknown("is not in the catalogue".to_owned())),
            Found::Several(sellers) => {
                const SHOWN: usize = 5;
                let more = if sellers.len() > SHOWN { ", …" } else { "" };
                let some = sellers.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
                let ambiguous = format!("has several prices: name one with --provider ({some}{more})");
                return row("", Outcome::Unknown(ambiguous));
            }
        };
        let new = match &found.price {
            Ok(price) => completed(price, old.as_ref()),
            Err(reason) => return row(&found.provider, Outcome::Unknown((*reason).to_owned())),
        };
        if old.as_ref() == Some(&new) {
            return row(&found.provider, Outcome::Same(new));
        }
        let entry = match (subject.entry, rule) {
            (Some((n, _)), Some(ChatRule::List { .. })) => Ok(n),
            (Some(_), _) => Err("its price in the file is in credits"),
            (None, _) => Err("the file does not name it"),
        };
        row(&found.provider, Outcome::Changes { new, entry, is_rounded: found.is_rounded })
    }
}

/// What a catalogue does not know stays.
fn completed(new: &ListPrice, old: Option<&ListPrice>) -> ListPrice {
    let Some(old) = old else { return new.clone() };
    let rates = ListRates {
        cached_input: new.rates.cached_input.or(old.rates.cached_input),
        cache_write: new.rates.cache_write.or(old.rates.cache_write),
        cache_write_1h: new.rates.cache_write_1h.or(old.rates.cache_write_1h),
        reasoning: new.rates.reasoning.or(old.rates.reasoning),
        ..new.rates
    };
    let mut tiers = if new.tiers.is_empty() { old.tiers.clone() } else { new.tiers.clone() };
    for tier in &mut tiers {
        if let Some(old) = old.tiers.iter().find(|old| old.above_input_tokens == tier.above_input_tokens) {
            tier.rates.cached_input = tier.rates.cached_input.or(old.rates.cached_input);
            tier.rates.cache_write = tier.rates.cache_write.or(old.rates.cache_write);
            tier.rates.cache_write_1h = tier.rates.cache_write_1h.or(old.rates.cache_write_1h);
            tier.rates.reasoning = tier.rates.reasoning.or(old.rates.reasoning);
        }
    }
    ListPrice { rates, tiers }
}

impl Row {
    fn cells(&self) -> [String; 10] {
        let old = self.old.as_ref();
        let (new, note) = match &self.outcome {
            Outcome::Unknown(why) => (old, why.clone()),
            Outcome::Same(price) => (Some(price), "is the same".to_owned()),
            Outcome::Changes { new, entry, is_rounded } => {
                let note = match entry {
                    Ok(_) => "changes".to_owned(),
                    Err(why) => format!("is not written: {why}"),
                };
                (Some(new), if *is_rounded { format!("{note} (rounded up to a millionth)") } else { note })
            }
        };
        let money = |price: Option<u64>| price.map_or_else(|| "–".to_owned(), written);
        let change = |of: fn(&ListRates) -> Option<u64>| {
            let of = |price: Option<&ListPrice>| money(price.and_then(|price| of(&price.rates)));
            arrow(of(old), of(new))
        };
        [
            self.model.clone(),
            self.seller.clone(),
            change(|rates| Some(rates.input)),
            change(|rates| rates.cached_input),
            change(|rates| rates.cache_write),
            change(|rates| rates.cache_write_1h),
            change(|rates| Some(rates.output)),
            change(|rates| rates.reasoning),
            arrow(tiers_text(old), tiers_text(new)),
            note,
        ]
    }
}

fn arrow(old: String, new: String) -> String {
    if old == new { new } else { format!("{old} → {new}") }
}

/// `272000: 5/22.5`, with what is cached between input and output.
fn tiers_text(price: Option<&ListPrice>) -> String {
    let tiers = price.map(|price| price.tiers.as_slice()).unwrap_or_default();
    let text = |tier: &super::file::ListTier| {
        let cached = tier.rates.cached_input.map(|cached| format!("{}/", written(cached))).unwrap_or_default();
        format!("{}: {}/{cached}{}", tier.above_input_tokens, written(tier.rates.input), written(tier.rates.output))
    };
    if tiers.is_empty() { "–".to_owned() } else { tiers.iter().map(text).collect::<Vec<_>>().join(", ") }
}
