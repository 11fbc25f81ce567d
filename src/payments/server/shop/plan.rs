//! Plans: credits every month at a price, and what comes with them.

use toml::de::DeTable;

use super::catalog::name_of;
use super::file::{MOST_CREDITS, NAME_CHARS, line, needed, read_currency, read_id, read_price};
use crate::platform::amount::Amount;
use crate::platform::data_file::{Field, Reading, Section};
use crate::platform::money::{Currency, Money};

/// More would be no choice any more.
const MOST_PLANS: usize = 6;
/// Requests a minute where nothing else is said, and at most.
pub const PER_MINUTE: u32 = 60;
const MOST_PER_MINUTE: u64 = 100_000;
const ID_OF_PROVIDER: usize = 64;

/// Credits every month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `[a-z0-9-]+`: what forms and the API call it.
    pub id: String,
    /// What people and payment providers call it.
    pub name: String,
    /// That come with each payment, and end with the month that it pays for.
    pub credits: Amount,
    /// Of a month, with the tax that it contains.
    pub price: Money,
    /// Requests a minute of who has it.
    pub per_minute: u32,
    /// The provider's own plan, where the operator has made one.
    pub provider_plan: Option<String>,
}

impl Plan {
    /// What somebody gets every month, and for what: another text where any of it has changed.
    #[must_use]
    pub fn offer(&self) -> String {
        format!("{} credits, {}", self.credits, self.price)
    }

    /// The one where nothing is said.
    pub(super) fn usual() -> Self {
        Self {
            id: "plus".to_owned(),
            name: "Plus".to_owned(),
            credits: Amount::credits(500),
            price: Money::new(15_00, Currency::USD),
            per_minute: PER_MINUTE,
            provider_plan: None,
        }
    }
}

pub(super) fn read_plans<'a>(
    reading: &mut Reading<'a>,
    file: &Section<'a>,
    currency: Option<Currency>,
    packs: &[String],
) -> Vec<Plan> {
    let named = |n: usize, table: &DeTable<'a>| {
        let id = table.get("id").and_then(|id| id.get_ref().as_str());
        id.map_or_else(|| format!("plan {}", n + 1), |id| format!("plan {id:?}"))
    };
    let sections = reading.sections(file, "plan", named);
    if sections.len() > MOST_PLANS {
        reading.problem(file, "plan", format!("there are more than {MOST_PLANS}"));
    }
    let mut plans: Vec<Plan> = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    for section in sections {
        reading.only(&section, &["id", "name", "credits", "price", "currency", "requests_per_minute", "paypal_plan"]);
        let id = read_id(reading, &section);
        if let Some(id) = &id {
            let is_plan = ids.contains(id);
            if is_plan || packs.contains(id) {
                let other = if is_plan { "another plan" } else { "a pack" };
                reading.problem(&section, "id", format!("{id:?} is that of {other}"));
            }
            ids.push(id.clone());
        }
        let name = line(reading, &section, "name", NAME_CHARS);
        let credits = needed(reading, &section, "credits", "such as credits = 500", |reading| {
            reading.amount(&section, "credits")
        });
        if credits.is_some_and(|credits| credits > MOST_CREDITS) {
            reading.problem(&section, "credits", format!("a plan has at most {MOST_CREDITS}"));
        }
        let own = read_currency(reading, &section);
        let price = read_price(reading, &section, own.or(currency).unwrap_or(Currency::USD));
        let per_minute = read_pace(reading, &section);
        let provider_plan = read_provider_plan(reading, &section);
        if let (Some(id), Some(credits), Some(price)) = (id, credits, price) {
            let name = if name.is_empty() { name_of(credits) } else { name };
            plans.push(Plan { id, name, credits, price, per_minute, provider_plan });
        }
    }
    plans
}

fn read_pace<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> u32 {
    let expected = "a whole number of requests a minute, 1 to 100000";
    let pace = reading.decimal(section, "requests_per_minute", expected).and_then(|pace| match pace.in_units(0) {
        Some((pace, true)) if (1..=MOST_PER_MINUTE).contains(&pace) => Field::Is(u32::try_from(pace).unwrap_or(1)),
        _ => reading.wrong(section, "requests_per_minute", format!("it is not {expected}")),
    });
    pace.value().unwrap_or(PER_MINUTE)
}

fn read_provider_plan<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<String> {
    let expected = "the id of a plan at PayPal, such as P-5ML4271244454362WXNWU5NQ";
    let id = reading.text(section, "paypal_plan", expected).value()?;
    let is_id = id.starts_with("P-")
        && id.len() <= ID_OF_PROVIDER
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_id {
        reading.problem(section, "paypal_plan", format!("{id:?} is not {expected}"));
    }
    is_id.then(|| id.to_owned())
}
