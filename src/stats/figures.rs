//! The numbers of a time, as they are shown.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Histogram;
use super::sums::{CreditSums, KeySums, ModelSums, Purse, Sums};
use crate::credits::Origin;
use crate::platform::amount::Amount;
use crate::platform::money::{Currency, Money, share};

/// The currency that providers are paid in.
const COSTS_IN: &str = "USD";

/// How long it took half of the time, and nearly always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Percentiles {
    /// In milliseconds, at most a sixteenth too long; `null`: nothing was timed.
    pub p50_ms: Option<u32>,
    pub p95_ms: Option<u32>,
}

impl From<&Histogram> for Percentiles {
    fn from(times: &Histogram) -> Self {
        Self { p50_ms: times.percentile(50), p95_ms: times.percentile(95) }
    }
}

/// What happened in a time. Amounts ending in `Micros` are millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Who registered.
    pub new_users: u64,
    /// Users for whom a provider was asked, or who paid for something.
    pub active_users: u64,
    /// Replies that were paid for.
    pub chats: u64,
    /// Images that were paid for.
    pub images: u64,
    /// Replies that had been given before, and cost nothing.
    pub cached_replies: u64,
    /// Given without payment.
    pub granted: Amount,
    /// Bought, or of a subscription.
    pub sold: Amount,
    /// Taken back as their money went back.
    pub refunded: Amount,
    pub spent: Amount,
    pub expired: Amount,
    /// Given by admins, less what they took.
    pub adjusted: Amount,
    /// Of what was spent, what nobody had paid for.
    pub spent_given: Amount,
    /// Purchases that were paid, by the time of their order.
    pub purchases: u64,
    /// What was paid for them, by currency.
    #[schema(value_type = Vec<crate::platform::money::WrittenMoney>)]
    pub revenue: Vec<Money>,
    /// What of that went back.
    #[schema(value_type = Vec<crate::platform::money::WrittenMoney>)]
    pub returned: Vec<Money>,
    /// What was paid for the credits that were spent, in millionths of each currency.
    pub earned_micros: BTreeMap<String, i64>,
    /// Attempts at providers.
    pub attempts: u64,
    /// Those that were neither answered nor stopped.
    pub failed: u64,
    /// Those made because another provider had failed before.
    pub fallbacks: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// What providers took, as far as prices are known.
    pub cost_micros: i64,
    /// Attempts whose price is not known.
    pub unpriced: u64,
    /// What was earned in US dollars less what providers took.
    pub margin_micros: i64,
    /// The part of the cost that was for credits that nobody had paid for, in proportion to what was spent.
    pub promo_cost_micros: i64,
    /// What asking again for cached replies would have cost, by list prices.
    pub saved_micros: i64,
    /// Of attempts that were answered whole.
    pub latency: Percentiles,
    pub first_token: Percentiles,
}

impl Figures {
    pub(super) fn of(sums: &Sums, active_users: u64) -> Self {
        let models = sums.all_models();
        let CreditSums { granted, sold, refunded, spent, expired, adjusted, .. } = sums.credits;
        let given = [Origin::Promo, Origin::Gift, Origin::Goodwill];
        let given: i64 = given.iter().filter_map(|origin| sums.credits.spent_of.get(origin)).sum();
        Self {
            new_users: sums.new_users,
            active_users,
            chats: sums.credits.chats,
            images: sums.credits.images,
            cached_replies: sums.cached,
            granted: Amount::from_micros(granted),
            sold: Amount::from_micros(sold),
            refunded: Amount::from_micros(refunded),
            spent: Amount::from_micros(spent),
            expired: Amount::from_micros(expired),
            adjusted: Amount::from_micros(adjusted),
            spent_given: Amount::from_micros(given),
            purchases: sums.purchases,
            revenue: monies(&sums.paid),
            returned: monies(&sums.refunded),
            margin_micros: margin(&sums.credits.earned, models.cost_micros),
            earned_micros: sums.credits.earned.clone(),
            attempts: models.attempts,
            failed: models.failed,
            fallbacks: models.fallbacks,
            input_tokens: models.input_tokens,
            output_tokens: models.output_tokens,
            cost_micros: models.cost_micros,
            unpriced: models.unpriced,
            promo_cost_micros: if spent > 0 { share(models.cost_micros, given, spent) } else { 0 },
            saved_micros: sums.saved_micros,
            latency: (&models.latency).into(),
            first_token: (&models.first_token).into(),
        }
    }
}

/// What a provider, or a model of one, was asked and took. Amounts ending in `Micros` are millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostRow {
    pub provider: String,
    /// Absent: of all its models.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<String>,
    pub attempts: u64,
    pub failed: u64,
    pub fallbacks: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cost_micros: i64,
    pub unpriced: u64,
    /// What its answers were charged.
    pub charged: Amount,
    /// What was earned with them in US dollars, less the cost.
    pub margin_micros: i64,
    pub latency: Percentiles,
    pub first_token: Percentiles,
}

impl CostRow {
    pub(super) fn of(provider: &str, model: Option<&str>, sums: &ModelSums) -> Self {
        Self {
            provider: provider.to_owned(),
            model: model.map(str::to_owned),
            attempts: sums.attempts,
            failed: sums.failed,
            fallbacks: sums.fallbacks,
            input_tokens: sums.input_tokens,
            output_tokens: sums.output_tokens,
            cost_micros: sums.cost_micros,
            unpriced: sums.unpriced,
            charged: Amount::from_micros(sums.charged),
            margin_micros: margin(&sums.earned, sums.cost_micros),
            latency: (&sums.latency).into(),
            first_token: (&sums.first_token).into(),
        }
    }
}

/// What was asked with an API key. Amounts ending in `Micros` are millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRow {
    /// `UUIDv7`. The key may be gone.
    pub id: String,
    /// The id of its user.
    pub user: String,
    /// Absent: the user is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub email: Option<String>,
    pub attempts: u64,
    pub failed: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cost_micros: i64,
    pub unpriced: u64,
    /// What its answers were charged.
    pub charged: Amount,
    /// What was earned with them in US dollars, less the cost.
    pub margin_micros: i64,
}

impl KeyRow {
    pub(super) fn of((key, sums): &(Uuid, KeySums)) -> Self {
        Self {
            id: key.to_string(),
            user: sums.user.to_string(),
            email: None,
            attempts: sums.attempts,
            failed: sums.failed,
            input_tokens: sums.input_tokens,
            output_tokens: sums.output_tokens,
            cost_micros: sums.cost_micros,
            unpriced: sums.unpriced,
            charged: Amount::from_micros(sums.charged),
            margin_micros: margin(&sums.earned, sums.cost_micros),
        }
    }
}

fn margin(earned: &Purse, cost_micros: i64) -> i64 {
    earned.get(COSTS_IN).copied().unwrap_or(0) - cost_micros
}

/// Money of a purse, rounded down to what can be paid.
pub(super) fn monies(purse: &Purse) -> Vec<Money> {
    let money = |(code, micros): (&String, &i64)| {
        let currency = Currency::parse(code)?;
        let unit = 10_i64.pow(6_u32.saturating_sub(currency.exponent()));
        Some(Money::new(micros.div_euclid(unit), currency))
    };
    purse.iter().filter(|(_, micros)| **micros != 0).filter_map(money).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_what_was_given_is_its_part_of_what_was_spent() {
        let mut sums = Sums::default();
        sums.credits.spent = 4_000_000;
        sums.credits.spent_of.insert(Origin::Promo, 1_000_000);
        sums.credits.spent_of.insert(Origin::Bought, 3_000_000);
        sums.credits.earned.insert("USD".into(), 900);
        sums.credits.earned.insert("EUR".into(), 5000);
        let model = ModelSums { attempts: 1, cost_micros: 1000, ..ModelSums::default() };
        sums.models.entry("openai".into()).or_default().insert("m".into(), model);
        let figures = Figures::of(&sums, 1);
        assert_eq!((figures.promo_cost_micros, figures.margin_micros), (250, -100));
        assert_eq!(figures.spent_given, Amount::credits(1));
    }

    #[test]
    fn money_is_in_whole_units_of_its_currency() {
        let purse =
            Purse::from([("JPY".to_owned(), 500_000_000), ("USD".to_owned(), 12_345_678), ("EUR".to_owned(), 0)]);
        let texts: Vec<_> = monies(&purse).iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["500 JPY", "12.34 USD"]);
    }
}
