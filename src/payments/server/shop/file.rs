//! Reading packs.toml: what is sold, or all that is wrong with it.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::DeTable;

use super::catalog::{Catalog, Pack, Rate, Seller, Taxes, name_of};
use super::offers::read_offers;
use super::plan::read_plans;
use crate::payments::server::paypal::step_of;
use crate::platform::amount::Amount;
use crate::platform::data_file::{Field, Reading, Section, read_file};
use crate::platform::money::{Currency, Money};
use crate::platform::site::is_contact;

/// More would be no choice any more.
const MOST_PACKS: usize = 24;
const ID_CHARS: usize = 40;
pub(super) const NAME_CHARS: usize = 60;
/// Of a line that is on papers.
const LINE_CHARS: usize = 90;
const ADDRESS_LINES: usize = 6;
const NOTE_CHARS: usize = 300;
/// Ten years.
const MOST_DAYS: u64 = 3650;
/// Credits of a pack: a thousand of the largest fit into an account.
pub(super) const MOST_CREDITS: Amount = Amount::credits(1_000_000);

impl Catalog {
    /// Reads a file.
    ///
    /// # Errors
    /// Every problem on a line that begins with `file` and its line there.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<String>> {
        read_file(text, file, read_all)
    }
}

fn read_all<'a>(reading: &mut Reading<'a>, document: &'a Spanned<DeTable<'a>>) -> Catalog {
    let file = Section { name: String::new(), table: document.get_ref(), at: 0..0 };
    reading.only(&file, &["currency", "pack", "plan", "seller", "tax", "refund", "bonus", "sign_up", "referral"]);
    let mut read = Catalog::default();
    let currency = read_currency(reading, &file);
    if file.has("pack") {
        read.packs = read_packs(reading, &file, currency);
    } else if let Some(currency) = currency {
        // The packs without a file have prices of one currency.
        if currency != Currency::USD {
            reading.problem(&file, "currency", "there are no packs: write [[pack]] with prices in it");
        }
    }
    if file.has("plan") {
        let packs: Vec<_> = read.packs.iter().map(|pack| pack.id.clone()).collect();
        read.plans = read_plans(reading, &file, currency, &packs);
    } else if file.has("pack") {
        // Whoever says what is sold sells nothing else.
        read.plans = Vec::new();
    }
    if let Field::Is(section) = reading.section(&file, "seller") {
        read.seller = read_seller(reading, &section);
    }
    if let Field::Is(section) = reading.section(&file, "tax") {
        read.taxes = read_taxes(reading, &section);
    }
    if let Field::Is(section) = reading.section(&file, "refund") {
        reading.only(&section, &["days"]);
        let expected = "a whole number of days, 0 to 3650";
        let days = reading.decimal(&section, "days", expected).and_then(|days| match days.in_units(0) {
            Some((days, true)) if days <= MOST_DAYS => Field::Is(u32::try_from(days).unwrap_or_default()),
            _ => reading.wrong(&section, "days", format!("it is not {expected}")),
        });
        read.refund_days = days.value().unwrap_or(read.refund_days);
    }
    read.offers = read_offers(reading, &file, currency, &read);
    read
}

/// The currency of a section; `None` where it has none, or a wrong one.
pub(super) fn read_currency<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<Currency> {
    let code = reading.text(section, "currency", "a currency of three letters, such as USD").value()?;
    let currency = Currency::parse(code);
    if currency.is_none() {
        reading.problem(section, "currency", format!("{code:?} is not a currency of ISO 4217, such as USD"));
    }
    currency
}

fn read_packs<'a>(reading: &mut Reading<'a>, file: &Section<'a>, currency: Option<Currency>) -> Vec<Pack> {
    let named = |n: usize, table: &DeTable<'a>| {
        let id = table.get("id").and_then(|id| id.get_ref().as_str());
        id.map_or_else(|| format!("pack {}", n + 1), |id| format!("pack {id:?}"))
    };
    let sections = reading.sections(file, "pack", named);
    if sections.len() > MOST_PACKS {
        reading.problem(file, "pack", format!("there are more than {MOST_PACKS}"));
    }
    let mut packs: Vec<Pack> = Vec::new();
    for section in sections {
        reading.only(&section, &["id", "name", "credits", "bonus", "price", "currency"]);
        let id = read_id(reading, &section);
        if let Some(id) = &id
            && packs.iter().any(|known| known.id == *id)
        {
            reading.problem(&section, "id", format!("{id:?} is that of another pack"));
        }
        let name = line(reading, &section, "name", NAME_CHARS);
        let credits = needed(reading, &section, "credits", "such as credits = 500", |reading| {
            reading.amount(&section, "credits")
        });
        let bonus = reading.amount(&section, "bonus").value().unwrap_or_default();
        if credits.is_some_and(|credits| credits + bonus > MOST_CREDITS) {
            reading.problem(&section, "credits", format!("a pack has at most {MOST_CREDITS}"));
        }
        let own = read_currency(reading, &section);
        let price = read_price(reading, &section, own.or(currency).unwrap_or(Currency::USD));
        if let (Some(id), Some(credits), Some(price)) = (id, credits, price) {
            let name = if name.is_empty() { name_of(credits + bonus) } else { name };
            packs.push(Pack { id, name, credits, bonus, price });
        }
    }
    packs
}

/// Something that a pack cannot be without.
pub(super) fn needed<'a, T>(
    reading: &mut Reading<'a>,
    section: &Section<'a>,
    key: &str,
    example: &str,
    read: impl FnOnce(&mut Reading<'a>) -> Field<T>,
) -> Option<T> {
    if !section.has(key) {
        reading.problem(section, "", format!("{key} is missing, {example}"));
    }
    read(reading).value()
}

pub(super) fn read_id<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<String> {
    let expected = "a name of small letters, digits and hyphens, at most 40 of them";
    let id = needed(reading, section, "id", "such as id = \"large\"", |reading| reading.text(section, "id", expected))?;
    let is_id = id.len() <= ID_CHARS && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_id {
        reading.problem(section, "id", format!("{id:?} is not {expected}"));
    }
    is_id.then(|| id.to_owned())
}

pub(super) fn read_price<'a>(reading: &mut Reading<'a>, section: &Section<'a>, currency: Currency) -> Option<Money> {
    let expected = "an amount of money above 0";
    let price = needed(reading, section, "price", "such as price = \"20.00\"", |reading| {
        reading.decimal(section, "price", expected)
    })?;
    let places = currency.exponent();
    let minor = price.in_units(i32::try_from(places).unwrap_or_default());
    let problem = match minor {
        Some((0, _)) => format!("0 is not {expected}"),
        Some((_, false)) => match places {
            0 => format!("{currency} has no decimals"),
            1 => format!("{currency} has at most one decimal"),
            places => format!("{currency} has at most {places} decimals"),
        },
        Some((minor, true)) => {
            let price = i64::try_from(minor).ok().map(|minor| Money::new(minor, currency));
            // What papers and providers read back.
            match price.filter(|price| Money::parse(&price.to_decimal(), currency) == Some(*price)) {
                Some(price) if price.minor % step_of(currency) != 0 => {
                    format!("PayPal takes {currency} without decimals")
                }
                Some(price) => return Some(price),
                None => "it is too much for one payment".to_owned(),
            }
        }
        None => "it is too much for one payment".to_owned(),
    };
    reading.problem(section, "price", problem);
    None
}

fn read_seller<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Seller {
    reading.only(section, &["name", "address", "tax_id", "contact", "time_zone"]);
    let name = line(reading, section, "name", LINE_CHARS);
    if name.is_empty() && !section.has("name") {
        reading.problem(section, "", "name is missing: whom papers are from");
    }
    let expected = "a list of lines, such as [\"1 Main Street\", \"Springfield\"]";
    let address = reading.texts(section, "address", expected).value().unwrap_or_default();
    if address.len() > ADDRESS_LINES || address.iter().any(|line| !is_line(line, LINE_CHARS)) {
        let most = format!("it has at most {ADDRESS_LINES} lines of {LINE_CHARS} characters");
        reading.problem(section, "address", most);
    }
    let optional = |text: String| Some(text).filter(|text| !text.is_empty());
    let contact = optional(line(reading, section, "contact", LINE_CHARS));
    if let Some(contact) = contact.as_ref().filter(|contact| !is_contact(contact)) {
        let problem = format!("{contact:?} is neither an email address nor an http or https URL");
        reading.problem(section, "contact", problem);
    }
    let time_zone = line(reading, section, "time_zone", LINE_CHARS);
    if !time_zone.is_empty() && TimeZone::get(&time_zone).is_err() {
        let problem = format!("{time_zone:?} is not a time zone, such as Europe/Zurich");
        reading.problem(section, "time_zone", problem);
    }
    Seller {
        name,
        address: address.into_iter().map(str::to_owned).collect(),
        tax_id: optional(line(reading, section, "tax_id", LINE_CHARS)),
        contact,
        time_zone,
    }
}

fn read_taxes<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Taxes {
    reading.only(section, &["name", "rate", "rates", "note"]);
    let name = line(reading, section, "name", NAME_CHARS);
    let rate = read_rate(reading, section, "rate").unwrap_or_default();
    let mut by_country = BTreeMap::new();
    if let Field::Is(rates) = reading.section(section, "rates") {
        for (key, _) in rates.table {
            let country = key.get_ref().as_ref();
            if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()) {
                reading.problem(&rates, country, "is not a country of two letters, such as DE");
            } else if let Some(rate) = read_rate(reading, &rates, country) {
                by_country.insert(country.to_owned(), rate);
            }
        }
    }
    if name.is_empty() && !section.has("name") && (rate.0 > 0 || !by_country.is_empty()) {
        reading.problem(section, "", "name is missing: what papers call the tax, such as name = \"VAT\"");
    }
    Taxes { name, rate, by_country, note: line(reading, section, "note", NOTE_CHARS) }
}

pub(super) fn read_rate<'a>(reading: &mut Reading<'a>, section: &Section<'a>, key: &str) -> Option<Rate> {
    let expected = "a number of percent, 0 to 100, with at most three decimals";
    let rate = reading.decimal(section, key, expected).value()?;
    match rate.in_units(3) {
        Some((rate, true)) if rate <= 100_000 => u32::try_from(rate).ok().map(Rate),
        _ => {
            reading.problem(section, key, format!("it is not {expected}"));
            None
        }
    }
}

/// A text of one line; empty where there is none, or a wrong one.
pub(super) fn line<'a>(reading: &mut Reading<'a>, section: &Section<'a>, key: &str, most: usize) -> String {
    match reading.text(section, key, "a text") {
        Field::Is(text) if is_line(text, most) => text.to_owned(),
        Field::Is(_) => {
            reading.problem(section, key, format!("it is one line of at most {most} characters"));
            String::new()
        }
        Field::Absent | Field::Wrong => String::new(),
    }
}

fn is_line(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.contains(char::is_control)
}
