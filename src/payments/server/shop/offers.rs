//! Credits that are given and not sold: with a new account, on top of a purchase (bonuses), and for inviting others (referrals).

use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::catalog::{Catalog, Pack, Rate};
use super::file::{MOST_CREDITS, NAME_CHARS, line, needed, read_currency, read_price, read_rate};
use crate::platform::amount::Amount;
use crate::platform::data_file::{Field, Reading, Section};
use crate::platform::money::{Currency, Money, share};
use crate::platform::time::DAY;

/// More would be no choice any more.
const MOST_BONUSES: usize = 24;
/// Rewards of one inviter where the file names no number, and most that it may name: they are tried one after the other.
const REWARDS: u32 = 10;
const MOST_REWARDS: u64 = 100;
/// Ten years.
const MOST_DAYS: u64 = 3650;
/// All of a price, in thousandths of a percent.
const WHOLE: i64 = 100_000;

/// All offers of the file. Without a file there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offers {
    /// A purchase gets the largest.
    pub bonuses: Vec<Bonus>,
    /// For a new account, besides `FREE_CREDITS`.
    pub sign_up: Option<Gift>,
    pub referral: Option<Referral>,
}

/// The time of an offer, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Season {
    pub from: Option<i64>,
    /// The first moment after it.
    pub until: Option<i64>,
}

impl Season {
    #[must_use]
    pub fn has(self, now: i64) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// Credits that are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gift {
    /// As people read it, also in their ledger.
    pub name: String,
    pub credits: Amount,
    /// How long they last, in milliseconds; `None`: they do not expire.
    pub lasts: Option<i64>,
    pub season: Season,
}

/// The reward of an inviter and of the invited user, with the first purchase of the latter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// For each of the two.
    pub gift: Gift,
    /// How often an inviter is rewarded at most.
    pub most: u32,
}

/// Credits on top of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bonus {
    /// As people read it, also in their ledger.
    pub name: String,
    /// Its share of the credits of the pack.
    pub part: Rate,
    /// Only with the first purchase of a user.
    pub is_first: bool,
    /// Only for packs of this price or more, in its currency.
    pub least: Option<Money>,
    pub lasts: Option<i64>,
    pub season: Season,
}

/// The bonus of a pack, if it is bought now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnTop {
    pub name: String,
    pub credits: Amount,
    pub is_first: bool,
    pub lasts: Option<i64>,
    /// Until when it can be had.
    pub until: Option<i64>,
}

impl Bonus {
    fn on_top(&self, pack: &Pack, now: i64, has_bought: bool) -> Option<OnTop> {
        let is_for = |least: Money| least.currency == pack.price.currency && least.minor <= pack.price.minor;
        let is_had = self.season.has(now) && self.least.is_none_or(is_for) && !(self.is_first && has_bought);
        let credits = Amount::from_micros(share(pack.credits.micros(), i64::from(self.part.0), WHOLE));
        (is_had && credits.is_positive()).then(|| OnTop {
            name: self.name.clone(),
            credits,
            is_first: self.is_first,
            lasts: self.lasts,
            until: self.season.until,
        })
    }
}

impl Offers {
    /// The largest bonus of a pack, if it is bought now by a user who has bought something before, or has not.
    #[must_use]
    pub fn on_top(&self, pack: &Pack, now: i64, has_bought: bool) -> Option<OnTop> {
        let all = self.bonuses.iter().filter_map(|bonus| bonus.on_top(pack, now, has_bought));
        // Of two that are as large, the one that is not only for first purchases.
        all.max_by_key(|bonus| (bonus.credits, !bonus.is_first))
    }

    /// The gift for an account that is made now.
    #[must_use]
    pub fn sign_up(&self, now: i64) -> Option<&Gift> {
        self.sign_up.as_ref().filter(|gift| gift.season.has(now))
    }

    /// The referral reward now.
    #[must_use]
    pub fn referral(&self, now: i64) -> Option<&Referral> {
        self.referral.as_ref().filter(|referral| referral.gift.season.has(now))
    }
}

/// Reads the offers of the file. Days are days of the seller's time zone.
pub(super) fn read_offers<'a>(
    reading: &mut Reading<'a>,
    file: &Section<'a>,
    currency: Option<Currency>,
    catalog: &Catalog,
) -> Offers {
    let zone = catalog.seller.zone();
    let mut offers = Offers::default();
    if file.has("bonus") {
        offers.bonuses = read_bonuses(reading, file, currency, &catalog.packs, &zone);
    }
    if let Field::Is(section) = reading.section(file, "sign_up") {
        reading.only(&section, &["name", "credits", "days", "from", "until"]);
        offers.sign_up = read_gift(reading, &section, &zone);
    }
    if let Field::Is(section) = reading.section(file, "referral") {
        reading.only(&section, &["name", "credits", "days", "from", "until", "most"]);
        let gift = read_gift(reading, &section, &zone);
        let expected = "a whole number of rewards, 1 to 100";
        let most = reading.whole(&section, "most", expected).and_then(|most| {
            let most = u32::try_from(most).ok().filter(|most| u64::from(*most) <= MOST_REWARDS);
            most.map_or_else(|| reading.wrong(&section, "most", format!("it is not {expected}")), Field::Is)
        });
        offers.referral = gift.map(|gift| Referral { gift, most: most.value().unwrap_or(REWARDS) });
    }
    offers
}

fn read_gift<'a>(reading: &mut Reading<'a>, section: &Section<'a>, zone: &TimeZone) -> Option<Gift> {
    let name = read_name(reading, section);
    let credits =
        needed(reading, section, "credits", "such as credits = 20", |reading| reading.amount(section, "credits"));
    if credits.is_some_and(|credits| credits > MOST_CREDITS) {
        reading.problem(section, "credits", format!("nobody is given more than {MOST_CREDITS}"));
    }
    let (lasts, season) = (read_lasts(reading, section), read_season(reading, section, zone));
    credits.map(|credits| Gift { name, credits, lasts, season })
}

fn read_bonuses<'a>(
    reading: &mut Reading<'a>,
    file: &Section<'a>,
    currency: Option<Currency>,
    packs: &[Pack],
    zone: &TimeZone,
) -> Vec<Bonus> {
    let named = |n: usize, table: &DeTable<'a>| {
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        name.map_or_else(|| format!("bonus {}", n + 1), |name| format!("bonus {name:?}"))
    };
    let sections = reading.sections(file, "bonus", named);
    if sections.len() > MOST_BONUSES {
        reading.problem(file, "bonus", format!("there are more than {MOST_BONUSES}"));
    }
    let mut bonuses = Vec::new();
    for section in sections {
        let known = ["name", "percent", "first_purchase", "price", "currency", "days", "from", "until"];
        reading.only(&section, &known);
        let name = read_name(reading, &section);
        if !section.has("percent") {
            reading.problem(&section, "", "percent is missing, such as percent = 10");
        }
        let part = read_rate(reading, &section, "percent");
        if part == Some(Rate(0)) {
            reading.problem(&section, "percent", "a bonus of 0 is none");
        }
        let is_first = match section.get("first_purchase").map(Spanned::get_ref) {
            None => false,
            Some(DeValue::Boolean(is_first)) => *is_first,
            Some(_) => {
                reading.problem(&section, "first_purchase", "it is true or false");
                false
            }
        };
        let own = read_currency(reading, &section);
        let least = section
            .has("price")
            .then(|| read_price(reading, &section, own.or(currency).unwrap_or(Currency::USD)))
            .flatten();
        // It would never be given. Where no pack can be read, that is what is wrong.
        if let Some(meant) = own.or(least.map(|least| least.currency))
            && !packs.is_empty()
            && packs.iter().all(|pack| pack.price.currency != meant)
        {
            let key = if own.is_some() { "currency" } else { "price" };
            reading.problem(&section, key, format!("no pack has a price in {meant}"));
        }
        let (lasts, season) = (read_lasts(reading, &section), read_season(reading, &section, zone));
        if let Some(part) = part {
            bonuses.push(Bonus { name, part, is_first, least, lasts, season });
        }
    }
    bonuses
}

fn read_name<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> String {
    if !section.has("name") {
        reading.problem(section, "", "name is missing: what people read, such as name = \"Welcome\"");
    }
    line(reading, section, "name", NAME_CHARS)
}

fn read_lasts<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<i64> {
    let expected = "a whole number of days, 1 to 3650";
    let days = reading.whole(section, "days", expected).and_then(|days| {
        let days = i64::try_from(days).ok().filter(|_| days <= MOST_DAYS);
        days.map_or_else(|| reading.wrong(section, "days", format!("it is not {expected}")), Field::Is)
    });
    days.value().map(|days| days * DAY)
}

/// From the first day to the last one, both of which count.
fn read_season<'a>(reading: &mut Reading<'a>, section: &Section<'a>, zone: &TimeZone) -> Season {
    let (first, last) = (read_day(reading, section, "from"), read_day(reading, section, "until"));
    if let (Some(first), Some(last)) = (first, last)
        && last < first
    {
        reading.problem(section, "until", "it ends before it begins");
    }
    let start = |day: Date| day.to_zoned(zone.clone()).ok().map(|start| start.timestamp().as_millisecond());
    let next = |day: Date| day.tomorrow().ok();
    Season { from: first.and_then(start), until: last.and_then(next).and_then(start) }
}

/// A day as TOML has it, or as a text.
fn read_day<'a>(reading: &mut Reading<'a>, section: &Section<'a>, key: &str) -> Option<Date> {
    let day: Option<Date> = match section.get(key)?.get_ref() {
        DeValue::Datetime(day) => day.to_string().parse().ok().filter(|_| day.time.is_none() && day.offset.is_none()),
        DeValue::String(day) => day.trim().parse().ok().filter(|_| day.trim().len() == "2026-12-01".len()),
        _ => None,
    };
    if day.is_none() {
        reading.problem(section, key, "it is not a day, such as 2026-12-01");
    }
    day
}
