//! What is about to expire, as its owner is told: a month, a week and a day before.

use super::lots::Lot;
use crate::credits::Expiring;
use crate::platform::amount::Amount;

const DAY: i64 = 24 * 60 * 60 * 1000;
/// How many days before it is said again.
const NOTICES: [i64; 3] = [1, 7, 30];

/// What of these lots expires so soon that it is said.
#[must_use]
pub fn expiring(lots: &[Lot], now: i64) -> Option<Expiring> {
    let left = |lot: &Lot| Some(lot.expires_at? - now).filter(|left| *left > 0);
    let (soonest, first) = lots.iter().filter_map(|lot| Some((left(lot)?, lot))).min_by_key(|(left, _)| *left)?;
    let days = NOTICES.into_iter().find(|days| soonest <= days * DAY)?;
    let within = lots.iter().filter(|lot| left(lot).is_some_and(|left| left <= days * DAY));
    Some(Expiring {
        amount: within.map(|lot| lot.left).sum::<Amount>(),
        days: u64::try_from(days).unwrap_or_default(),
        key: format!("{}-{days}", first.id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::Origin;
    use crate::platform::ids::EntryId;

    fn lot(credits: i64, expires_at: Option<i64>) -> Lot {
        let amount = Amount::credits(credits);
        Lot { id: EntryId::now_v7().into(), origin: Origin::Promo, amount, left: amount, paid: None, expires_at, at: 0 }
    }

    #[test]
    fn it_is_said_a_month_a_week_and_a_day_before() {
        let told = |hours: i64| {
            let lots = [lot(5, Some(hours * DAY / 24)), lot(7, Some(20 * DAY)), lot(100, None)];
            expiring(&lots, 0).map(|told| (told.days, told.amount))
        };
        let credits = Amount::credits;
        assert_eq!([told(31 * 24), told(0)], [Some((30, credits(7))); 2], "that of the other lot");
        assert_eq!(told(29 * 24), Some((30, credits(12))));
        assert_eq!([told(7 * 24), told(25)], [Some((7, credits(5))); 2]);
        assert_eq!([told(24), told(1)], [Some((1, credits(5))); 2]);
        assert_eq!(expiring(&[lot(1, None), lot(1, Some(31 * DAY)), lot(1, Some(-1))], 0), None);
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
