//! The entries of models, and the prices in them.

use std::collections::BTreeMap;

use super::super::rate::{Rates, Tier, TokenRates};
use super::list::{Credit, LIST_CURRENCY, ListPrice, ListRates, ListTier};
use super::{Known, read_version};
use crate::platform::amount::Amount;
use crate::platform::data_file::{Field, Reading, Section};

/// Longest name of a model or of a size.
const NAME_CHARS: usize = 200;
const PER_MILLION: &str = "a number of credits above 0 (for a million tokens)";
const MONEY_PER_MILLION: &str = "an amount of money above 0 (for a million tokens)";
const RATES: [&str; 6] = ["input", "cached_input", "cache_write", "cache_write_1h", "output", "reasoning"];

pub(super) const CHAT_KEYS: [&str; 9] =
    ["flat", "input", "cached_input", "cache_write", "cache_write_1h", "output", "reasoning", "per_call", "tiers"];

const MODEL_KEYS: [&str; 15] = [
    "name",
    "provider",
    "version",
    "flat",
    "input",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "output",
    "reasoning",
    "per_call",
    "tiers",
    "list",
    "image",
    "sizes",
];

/// An entry: the prices of a model, or of all whose names begin with that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// With `*` at its end it is the beginning of the names of some.
    pub name: String,
    /// Only where this provider has the model.
    pub provider: Option<String>,
    /// What the operator calls this version.
    pub version: Option<String>,
    pub chat: Option<ChatRule>,
    pub image: Option<ImageRule>,
}

/// How a reply is priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatRule {
    Flat(Amount),
    PerToken(TokenRates),
    /// As the provider does: `None` for what is known of its prices.
    List {
        price: Option<ListPrice>,
        per_call: Amount,
    },
}

/// How an image is priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRule {
    pub default: Amount,
    pub sizes: BTreeMap<String, Amount>,
}

pub(super) fn read_models<'a>(
    reading: &mut Reading<'a>,
    file: &Section<'a>,
    credit: &Field<Credit>,
    known: Known<'_>,
) -> Vec<ModelEntry> {
    let sections = reading.sections(file, "model", |n, table| {
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        name.map_or_else(|| format!("model {}", n + 1), |name| format!("model {name:?}"))
    });
    let mut seen: Vec<(String, Option<String>, usize)> = Vec::new();
    let mut models = Vec::new();
    for section in sections {
        reading.only(&section, &MODEL_KEYS);
        let (name, provider) = (read_name(reading, &section), read_provider(reading, &section, known.providers));
        if let (Some(name), Field::Is(provider)) = (&name, &provider) {
            let line = reading.line(section.at.start);
            let twin = seen.iter().find(|(other, of, _)| other == name && of == provider);
            if let Some((_, _, first)) = twin {
                let problem = format!("is there twice: the first one is on line {first}");
                reading.problem(&section, "name", problem);
            } else {
                seen.push((name.clone(), provider.clone(), line));
            }
        }
        let version = read_version(reading, &section);
        let chat = read_model_chat(reading, &section, credit, known);
        let image = read_image(reading, &section, "image");
        if !chat.is_set() && !image.is_set() {
            let ways = "has no price: write flat = 1, or input and output, or list = true, or image = 2";
            reading.problem(&section, "", ways);
        }
        if let (Some(name), Field::Is(provider)) = (name, provider) {
            models.push(ModelEntry { name, provider, version, chat: chat.value(), image: image.value() });
        }
    }
    models
}

fn read_name<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<String> {
    let expected = "the name of a model, or the beginning of some names with a * at its end";
    let name = match reading.text(section, "name", expected) {
        Field::Is(name) => name,
        Field::Wrong => return None,
        Field::Absent => {
            reading.problem(section, "", format!("name is missing: {expected}"));
            return None;
        }
    };
    let stem = name.strip_suffix('*').unwrap_or(name);
    let is_name = name.len() <= NAME_CHARS && !stem.contains('*') && !name.contains(char::is_whitespace);
    if !is_name {
        reading.problem(section, "name", format!("is not {expected}"));
    }
    is_name.then(|| name.to_owned())
}

fn read_provider<'a>(reading: &mut Reading<'a>, section: &Section<'a>, known: &[&str]) -> Field<Option<String>> {
    let expected = format!("one of {}", known.join(", "));
    match reading.text(section, "provider", &expected) {
        Field::Absent => Field::Is(None),
        Field::Is(name) if known.contains(&name) => Field::Is(Some(name.to_owned())),
        Field::Is(name) => reading.wrong(section, "provider", format!("{name:?} is not {expected}")),
        Field::Wrong => Field::Wrong,
    }
}

fn read_model_chat<'a>(
    reading: &mut Reading<'a>,
    section: &Section<'a>,
    credit: &Field<Credit>,
    known: Known<'_>,
) -> Field<ChatRule> {
    if !section.has("list") {
        return read_chat(reading, section);
    }
    let others: Vec<_> = ["flat"].into_iter().chain(RATES).chain(["tiers"]).filter(|key| section.has(key)).collect();
    if !others.is_empty() {
        let problem =
            format!("the price follows the list, and there is another ({}): keep one of them", others.join(", "));
        reading.problem(section, "list", problem);
    }
    let per_call = read_per_call(reading, section);
    let price = read_list(reading, section, credit, known);
    match (per_call, price) {
        (Field::Is(per_call), Field::Is(price)) if others.is_empty() => Field::Is(ChatRule::List { price, per_call }),
        _ => Field::Wrong,
    }
}

/// `list = true`, or `list = { input = …, output = … }` in money.
fn read_list<'a>(
    reading: &mut Reading<'a>,
    section: &Section<'a>,
    credit: &Field<Credit>,
    known: Known<'_>,
) -> Field<Option<ListPrice>> {
    if matches!(credit, Field::Absent) {
        let problem = "needs a [credit] section that says what a credit is worth, such as value = \"0.01\"";
        reading.problem(section, "list", problem);
    }
    if section.get("list").and_then(|list| list.get_ref().as_bool()) != Some(true) {
        let expected = "true, or a table with input and output in money";
        if section.get("list").is_none_or(|list| !list.get_ref().is_table()) {
            return reading.wrong(section, "list", format!("is not {expected}"));
        }
        return match reading.section(section, "list") {
            Field::Is(list) => {
                reading.only(&list, &[RATES.as_slice(), &["tiers"]].concat());
                read_list_price(reading, &list)
            }
            _ => Field::Wrong,
        };
    }
    if let Field::Is(Credit { currency, .. }) = credit
        && currency != LIST_CURRENCY
    {
        let problem = format!(
            "the list prices are in {LIST_CURRENCY} and a credit is worth {currency}: give the price in {currency}, as in \
             list = {{ input = \"0.75\", output = \"4.50\" }}"
        );
        return reading.wrong(section, "list", problem);
    }
    let name = section.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or("*");
    // Which models those are is known when they are asked for.
    if name.ends_with('*') {
        return Field::Is(None);
    }
    match known.list.find(name, known.now) {
        Some(price) if ListPrice::from(price).is_positive() => Field::Is(None),
        Some(_) => {
            reading.wrong(section, "list", "the list price is 0, and nothing is sold for nothing: write flat = …")
        }
        None => {
            let problem = "the list price of this model is not known: give it, as in list = { input = \"0.75\", output = \
                           \"4.50\" }, or set MODEL_PRICES";
            reading.wrong(section, "list", problem)
        }
    }
}

fn read_list_price<'a>(reading: &mut Reading<'a>, list: &Section<'a>) -> Field<Option<ListPrice>> {
    let rates = read_rates(reading, list, MONEY_PER_MILLION);
    let tiers = read_tiers(reading, list, MONEY_PER_MILLION);
    match (rates, tiers) {
        (Field::Is(rates), Field::Is(tiers)) => Field::Is(Some(ListPrice { rates, tiers })),
        _ => Field::Wrong,
    }
}

/// `flat`, or the prices of tokens in credits.
pub(super) fn read_chat<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Field<ChatRule> {
    let tokens: Vec<_> = RATES.into_iter().chain(["per_call", "tiers"]).filter(|key| section.has(key)).collect();
    let flat = reading.amount(section, "flat");
    if tokens.is_empty() {
        return match flat {
            Field::Is(price) => Field::Is(ChatRule::Flat(price)),
            Field::Wrong => Field::Wrong,
            Field::Absent => Field::Absent,
        };
    }
    if flat.is_set() {
        let problem =
            format!("the price is flat, and there is one per token ({}): keep one of them", tokens.join(", "));
        reading.problem(section, "flat", problem);
    }
    let rates = read_rates(reading, section, PER_MILLION);
    let tiers = read_tiers(reading, section, PER_MILLION);
    let per_call = read_per_call(reading, section);
    match (flat, rates, tiers, per_call) {
        (Field::Absent, Field::Is(rates), Field::Is(tiers), Field::Is(per_call)) => {
            let tier =
                |tier: ListTier| Tier { above_input_tokens: tier.above_input_tokens, rates: tier.rates.as_rates() };
            let base: Rates = rates.as_rates();
            let tiers = tiers.into_iter().map(tier).collect();
            Field::Is(ChatRule::PerToken(TokenRates { base, per_call, tiers }))
        }
        _ => Field::Wrong,
    }
}

fn read_per_call<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Field<Amount> {
    match reading.amount(section, "per_call") {
        Field::Absent => Field::Is(Amount::ZERO),
        other => other,
    }
}

fn read_rates<'a>(reading: &mut Reading<'a>, section: &Section<'a>, expected: &str) -> Field<ListRates> {
    let [input, cached_input, cache_write, cache_write_1h, output, reasoning] =
        RATES.map(|key| reading.millionths(section, key, expected));
    for (key, field) in [("input", &input), ("output", &output)] {
        if !field.is_set() {
            reading.problem(section, "", format!("{key} is missing: {expected}"));
        }
    }
    let optional = |field| match field {
        Field::Is(rate) => Field::Is(Some(rate)),
        Field::Absent => Field::Is(None),
        Field::Wrong => Field::Wrong,
    };
    let [cached_input, cache_write, cache_write_1h, reasoning] =
        [cached_input, cache_write, cache_write_1h, reasoning].map(optional);
    match (input, cached_input, cache_write, cache_write_1h, output, reasoning) {
        (
            Field::Is(input),
            Field::Is(cached_input),
            Field::Is(cache_write),
            Field::Is(cache_write_1h),
            Field::Is(output),
            Field::Is(reasoning),
        ) => Field::Is(ListRates { input, cached_input, cache_write, cache_write_1h, output, reasoning }),
        _ => Field::Wrong,
    }
}

fn read_tiers<'a>(reading: &mut Reading<'a>, section: &Section<'a>, expected: &str) -> Field<Vec<ListTier>> {
    let mut tiers: Vec<ListTier> = Vec::new();
    let mut all_well = section.get("tiers").is_none_or(|tiers| tiers.get_ref().is_array());
    for tier in reading.sections(section, "tiers", |n, _| format!("{}: tier {}", section.name, n + 1)) {
        reading.only(&tier, &[["above"].as_slice(), &RATES].concat());
        let whole = "a whole number of tokens above 0";
        let above = reading.whole(&tier, "above", whole);
        if !above.is_set() {
            reading.problem(&tier, "", format!("above is missing: {whole} of input, above which this is the price"));
        }
        let (Field::Is(rates), Field::Is(above_input_tokens)) = (read_rates(reading, &tier, expected), above) else {
            all_well = false;
            continue;
        };
        if let Some(before) = tiers.last()
            && before.above_input_tokens >= above_input_tokens
        {
            let problem = format!(
                "{above_input_tokens} does not come after {}: tiers are in order, the lowest first",
                before.above_input_tokens
            );
            reading.problem(&tier, "above", problem);
        }
        tiers.push(ListTier { above_input_tokens, rates });
    }
    if all_well { Field::Is(tiers) } else { Field::Wrong }
}

/// `flat` or `image`, with `sizes`.
pub(super) fn read_image<'a>(reading: &mut Reading<'a>, section: &Section<'a>, key: &str) -> Field<ImageRule> {
    let default = reading.amount(section, key);
    let mut sizes = BTreeMap::new();
    let listed = reading.section(section, "sizes");
    let mut all_well = !matches!(listed, Field::Wrong);
    if let Field::Is(listed) = &listed {
        if !default.is_set() {
            reading.problem(section, "sizes", format!("{key} is missing: the price of all other sizes"));
            all_well = false;
        }
        for (size, _) in listed.table {
            let name = size.get_ref().as_ref();
            let price = reading.amount(listed, name);
            if name.trim() != name || name.is_empty() || name.len() > NAME_CHARS {
                reading.problem(listed, name, "is not the name of a size, such as \"16:9\"");
                all_well = false;
            }
            match price.value() {
                Some(price) => _ = sizes.insert(name.to_owned(), price),
                None => all_well = false,
            }
        }
    }
    match default {
        Field::Is(default) if all_well => Field::Is(ImageRule { default, sizes }),
        Field::Absent if !listed.is_set() => Field::Absent,
        _ => Field::Wrong,
    }
}
