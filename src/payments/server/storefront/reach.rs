//! How far credits go: what they buy of the models here, and how long they last at the pace of the last days.

use super::Storefront;
use crate::credits::EntryKind;
use crate::i18n::{Text, count, fill};
use crate::images::AspectRatio;
use crate::platform::amount::Amount;
use crate::platform::db::rfc3339;
use crate::platform::error::AppResult;
use crate::platform::ids::UserId;
use crate::platform::time::DAY;

/// Days that the pace is taken from.
const DAYS: i64 = 7;
/// Whoever spends so often spends enough to be told from the newest of it.
const PAGES: usize = 10;
const ROWS: usize = 100;
/// Models that are named; more would be a list of prices.
const MODELS: usize = 3;

/// What something costs, about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usual {
    what: Text,
    model: String,
    credits: Amount,
}

impl Usual {
    /// How many of it so many credits buy, in words.
    pub fn bought_with(&self, credits: Amount) -> String {
        let number = credits.micros() / self.credits.micros().max(1);
        let number = count(self.what, u64::try_from(number).unwrap_or_default());
        fill(Text::AboutOf, &[("number", &number), ("model", &self.model)])
    }
}

impl Storefront {
    /// What answers and images of the models here cost.
    pub fn usual_prices(&self, user: UserId) -> Vec<Usual> {
        let usual =
            |what, model: String, credits: Amount| credits.is_positive().then_some(Usual { what, model, credits });
        let answers = self.chat.list_providers(user).into_iter();
        let answers = answers.filter_map(|one| usual(Text::AnswersCount, one.model, one.credits)).take(MODELS);
        let at = AspectRatio::ALL.iter().position(|ratio| *ratio == AspectRatio::default()).unwrap_or_default();
        let images = self.images.load_studio(user).providers.into_iter().filter_map(|one| {
            let credits = one.credits.get(at).copied().unwrap_or_default();
            usual(Text::ImagesCount, one.model, credits)
        });
        answers.chain(images.take(MODELS)).collect()
    }

    /// What a user spent in the last days.
    pub async fn spent_lately(&self, user: UserId) -> AppResult<Amount> {
        let since = rfc3339(self.payments.database.now() - DAYS * DAY)?;
        let (mut spent, mut cursor) = (Amount::ZERO, None);
        for _ in 0..PAGES {
            let page = self.credits.load_ledger(user, cursor.as_deref(), ROWS).await?;
            // Times of the same form: they sort as they follow.
            let recent: Vec<_> = page.items.iter().filter(|entry| entry.created_at >= since).collect();
            let settled = recent.iter().filter(|entry| entry.kind == EntryKind::Settle);
            spent += settled.map(|entry| -entry.amount).sum();
            cursor = page.next_cursor;
            if recent.len() < page.items.len() || cursor.is_none() {
                break;
            }
        }
        Ok(spent)
    }
}

/// How long credits last for whoever spent so much in the last days.
pub fn lasts(available: Amount, spent: Amount) -> String {
    if !spent.is_positive() {
        return crate::i18n::t(Text::NothingSpentLately).to_owned();
    }
    let days = i128::from(available.micros().max(0)) * i128::from(DAYS) / i128::from(spent.micros());
    match u64::try_from(days).unwrap_or(u64::MAX) {
        0 => crate::i18n::t(Text::LastsNoDay).to_owned(),
        days @ 1..=365 => count(Text::LastsDays, days),
        _ => crate::i18n::t(Text::LastsLong).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_balance_lasts_as_long_as_it_is_spent() {
        let told = |available: i64, spent: i64| lasts(Amount::credits(available), Amount::credits(spent));
        assert!(told(10, 0).contains("haven’t spent any"), "{}", told(10, 0));
        assert!(told(0, 7).contains("less than a day") && told(1, 14).contains("less than a day"));
        assert!(told(10, 7).contains("10 days") && told(1, 7).contains("1 day."), "{}", told(1, 7));
        assert!(told(100_000, 7).contains("more than a year"));
    }

    #[test]
    fn a_pack_buys_so_many_of_each_model() {
        let usual = Usual { what: Text::AnswersCount, model: "gpt".to_owned(), credits: Amount::from_micros(300_000) };
        assert_eq!(usual.bought_with(Amount::credits(1000)), "about 3,333 answers · gpt");
    }
}
