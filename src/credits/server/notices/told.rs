//! What there is to tell a user of their credits: that few are left, and what expires in a month, a week or a day.

use crate::credits::server::lots::Lot;
use crate::credits::{Notice, Origin};
use crate::i18n::{Text, count, fill, t};
use crate::platform::amount::Amount;
use crate::platform::time::DAY;

/// How many days before it is said again.
const TOLD_BEFORE: [i64; 3] = [1, 7, 30];
/// What a plan brings is gone after a month anyway.
const TOLD_BEFORE_OF_PLAN: i64 = 7;

/// Something to tell a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub what: What,
    /// Names it: whoever has seen it is not told again. Letters, digits and `-`.
    pub key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// So few are left.
    Low(Amount),
    /// So many expire within so many days.
    Expiring(Amount, u64),
}

impl Told {
    /// It in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        match self.what {
            What::Low(left) => fill(Text::CreditsLow, &[("credits", &left.as_balance())]),
            What::Expiring(amount, days) => {
                let when = count(Text::WithinDays, days);
                fill(Text::CreditsExpireSoon, &[("credits", &amount.as_balance()), ("when", &when)])
            }
        }
    }

    /// It for a page.
    #[must_use]
    pub fn notice(self) -> Notice {
        let (action, address) = match self.what {
            What::Low(_) => (Text::BuyCredits, "/buy-credits"),
            What::Expiring(..) => (Text::ToYourCredits, "/dashboard"),
        };
        Notice { text: self.text(), action: t(action).to_owned(), address: address.to_owned(), key: self.key }
    }
}

/// That few credits are left, which `low` and more are not.
#[must_use]
pub fn few_left(available: Amount, low: Amount) -> Option<Told> {
    (available < low).then(|| Told { what: What::Low(available), key: "low".to_owned() })
}

/// What of these lots expires so soon that it is said.
#[must_use]
pub fn expiring(lots: &[Lot], now: i64) -> Option<Told> {
    let left = |lot: &Lot| Some(lot.expires_at? - now).filter(|left| *left > 0);
    let told_within = |lot: &Lot| {
        let left = left(lot)?;
        let most = if lot.origin == Origin::Plan { TOLD_BEFORE_OF_PLAN } else { i64::MAX };
        TOLD_BEFORE.into_iter().find(|days| *days <= most && left <= days * DAY)
    };
    let (days, first) =
        lots.iter().filter_map(|lot| Some((told_within(lot)?, lot))).min_by_key(|(_, lot)| left(lot))?;
    let within = lots.iter().filter(|lot| told_within(lot).is_some_and(|within| within <= days));
    let amount = within.map(|lot| lot.left).sum::<Amount>();
    Some(Told {
        what: What::Expiring(amount, u64::try_from(days).unwrap_or_default()),
        key: format!("{}-{days}", first.id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::ids::EntryId;

    fn lot_of(origin: Origin, credits: i64, expires_at: Option<i64>) -> Lot {
        let amount = Amount::credits(credits);
        Lot { id: EntryId::now_v7().into(), origin, amount, left: amount, paid: None, expires_at, at: 0 }
    }

    fn lot(credits: i64, expires_at: Option<i64>) -> Lot {
        lot_of(Origin::Promo, credits, expires_at)
    }

    fn said(lots: &[Lot]) -> Option<(u64, Amount)> {
        expiring(lots, 0).map(|told| match told.what {
            What::Expiring(amount, days) => (days, amount),
            What::Low(_) => unreachable!("it is about what expires"),
        })
    }

    #[test]
    fn it_is_said_a_month_a_week_and_a_day_before() {
        let told = |hours: i64| said(&[lot(5, Some(hours * DAY / 24)), lot(7, Some(20 * DAY)), lot(100, None)]);
        let credits = Amount::credits;
        assert_eq!([told(31 * 24), told(0)], [Some((30, credits(7))); 2], "that of the other lot");
        assert_eq!(told(29 * 24), Some((30, credits(12))));
        assert_eq!([told(7 * 24), told(25)], [Some((7, credits(5))); 2]);
        assert_eq!([told(24), told(1)], [Some((1, credits(5))); 2]);
        assert_eq!(said(&[lot(1, None), lot(1, Some(31 * DAY)), lot(1, Some(-1))]), None);
    }

    #[test]
    fn what_a_plan_brings_is_not_about_to_expire_all_month() {
        let credits = Amount::credits;
        let plan = |days: i64| lot_of(Origin::Plan, 500, Some(days * DAY));
        assert_eq!(said(&[plan(29)]), None);
        assert_eq!(said(&[plan(29), lot(3, Some(30 * DAY))]), Some((30, credits(3))), "only what is told");
        assert_eq!(said(&[plan(7), lot(3, Some(30 * DAY))]), Some((7, credits(500))));
    }

    #[test]
    fn each_notice_has_a_key_of_its_own() {
        let own = [lot(5, Some(40 * DAY))];
        let key = |now: i64| expiring(&own, now * DAY).map(|told| told.key);
        assert_eq!(key(0), None);
        assert_eq!(key(11), key(20));
        assert!(key(11) != key(34) && key(34) != key(39) && key(34) == key(36));
    }
}
