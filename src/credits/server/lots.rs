//! Lots: where the credits of an account come from, in which order they are used, and when they expire.
//!
//! Pure: both stores keep what is here, and move it by these functions alone. A hold takes nothing from a lot yet; what is
//! held is thought of as the first in the order, so that it cannot expire, and a settlement takes from the lots what was
//! used. So a release goes back to where it came from by itself.

use serde::{Deserialize, Serialize};

use crate::credits::{self, Balance, Origin};
use crate::platform::amount::{Amount, micros};
use crate::platform::db::{StoreResult, rfc3339};
use crate::platform::ids::LotId;
use crate::platform::time::DAY;

/// What was held of a lot when its time was over can be used for so long after that, in milliseconds.
pub const GRACE: i64 = DAY;
/// The expiry of what does not expire.
pub const NEVER: i64 = i64::MAX;

/// Credits of one origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lot {
    pub id: LotId,
    pub origin: Origin,
    /// How many there were.
    #[serde(with = "micros")]
    pub amount: Amount,
    /// How many are not spent.
    #[serde(with = "micros")]
    pub left: Amount,
    /// What was paid for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Paid>,
    /// In milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When they came, in milliseconds since 1970.
    pub at: i64,
}

/// Money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// In millionths of the currency's unit.
    pub micros: i64,
    /// ISO 4217.
    pub currency: String,
}

/// How many credits of a lot came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotShare {
    pub id: LotId,
    pub origin: Origin,
    #[serde(with = "micros")]
    pub amount: Amount,
}

/// What expired of a lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    pub share: LotShare,
    /// When its time was over: a lot may expire a second time, after its grace.
    pub expired_at: i64,
}

/// The lots of an account, in the order in which they are used. None of them is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lots {
    list: Vec<Lot>,
    /// What was spent or taken beyond all lots, which only the refund of spent credits makes. It is part of the debt.
    overdrawn: Amount,
}

impl Lots {
    /// Lots as they are stored.
    #[must_use]
    pub fn new(mut list: Vec<Lot>, overdrawn: Amount) -> Self {
        list.retain(|lot| lot.left.is_positive());
        list.sort_by_key(rank);
        Self { list, overdrawn }
    }

    #[must_use]
    pub fn as_slice(&self) -> &[Lot] {
        &self.list
    }

    #[must_use]
    pub const fn overdrawn(&self) -> Amount {
        self.overdrawn
    }

    /// `available + held - debt`.
    #[must_use]
    pub fn sum(&self) -> Amount {
        self.list.iter().map(|lot| lot.left).sum::<Amount>() - self.overdrawn
    }

    /// When the next lot expires, in milliseconds since 1970; [`NEVER`].
    #[must_use]
    pub fn next_expiry(&self) -> i64 {
        self.list.first().and_then(|lot| lot.expires_at).unwrap_or(NEVER)
    }

    /// Adds a lot, or what comes back of one. What was overdrawn is taken from it first.
    pub fn add(&mut self, mut lot: Lot) {
        let covered = lot.left.min(self.overdrawn);
        self.overdrawn -= covered;
        lot.left -= covered;
        if let Some(known) = self.list.iter_mut().find(|known| known.id == lot.id) {
            known.left += lot.left;
            known.amount = known.amount.max(known.left);
        } else if lot.left.is_positive() {
            let at = self.list.partition_point(|other| rank(other) <= rank(&lot));
            self.list.insert(at, lot);
        }
    }

    /// Takes credits from the lots in their order.
    pub fn spend(&mut self, amount: Amount) -> Vec<LotShare> {
        let order = (0..self.list.len()).collect();
        self.take(amount, order)
    }

    /// What is left of a lot and not `held`: what is held is thought of as the first in the order.
    #[must_use]
    pub fn unspent(&self, lot: LotId, mut held: Amount) -> Amount {
        for known in &self.list {
            let covered = known.left.min(held);
            held -= covered;
            if known.id == lot {
                return known.left - covered;
            }
        }
        Amount::ZERO
    }

    /// Takes back what came with a lot: from it, and what it has no more from the others, the last in the order first.
    pub fn take_back(&mut self, amount: Amount, lot: Option<LotId>) -> Vec<LotShare> {
        let mut order: Vec<usize> = (0..self.list.len()).rev().collect();
        // Stable: the one that is meant comes first, the others stay in their order.
        order.sort_by_key(|at| Some(self.list[*at].id) != lot);
        self.take(amount, order)
    }

    fn take(&mut self, mut amount: Amount, order: Vec<usize>) -> Vec<LotShare> {
        let mut shares = Vec::new();
        for at in order {
            let Some(lot) = self.list.get_mut(at) else { continue };
            let share = lot.left.min(amount);
            if share.is_positive() {
                lot.left -= share;
                amount -= share;
                shares.push(LotShare { id: lot.id, origin: lot.origin, amount: share });
            }
        }
        self.overdrawn += amount;
        self.list.retain(|lot| lot.left.is_positive());
        shares
    }

    /// Ends what has expired by `now`, but for what is held, which has a [`GRACE`] from now on.
    pub fn expire(&mut self, now: i64, mut held: Amount) -> Vec<Expired> {
        let mut expired = Vec::new();
        for lot in &mut self.list {
            let covered = lot.left.min(held);
            held -= covered;
            let Some(expired_at) = lot.expires_at.filter(|at| *at <= now) else { continue };
            let lost = lot.left - covered;
            if lost.is_positive() {
                lot.left = covered;
                let share = LotShare { id: lot.id, origin: lot.origin, amount: lost };
                expired.push(Expired { share, expired_at });
            }
            lot.expires_at = Some(now.saturating_add(GRACE));
        }
        self.list.retain(|lot| lot.left.is_positive());
        self.list.sort_by_key(rank);
        expired
    }
}

/// What is used first is smaller.
fn rank(lot: &Lot) -> (i64, Origin, i64, LotId) {
    (lot.expires_at.unwrap_or(NEVER), lot.origin, lot.at, lot.id)
}

impl Lot {
    /// As clients see it.
    ///
    /// # Errors
    /// As [`rfc3339`].
    pub fn shown(&self) -> StoreResult<credits::Lot> {
        Ok(credits::Lot {
            id: self.id.to_string(),
            origin: self.origin,
            amount: self.amount,
            left: self.left,
            expires_at: self.expires_at.map(rfc3339).transpose()?,
            created_at: rfc3339(self.at)?,
        })
    }

    /// All of it.
    #[must_use]
    pub const fn share(&self) -> LotShare {
        LotShare { id: self.id, origin: self.origin, amount: self.amount }
    }
}

impl LotShare {
    /// As clients see it.
    #[must_use]
    pub fn shown(&self) -> credits::LotShare {
        credits::LotShare { id: self.id.to_string(), origin: self.origin, amount: self.amount }
    }
}

/// An account with its lots, as an operation finds and leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountState {
    pub balance: Balance,
    pub lots: Lots,
}

impl AccountState {
    /// Ends what has expired by `now`: one entry for each that is returned.
    pub fn expire(&mut self, now: i64) -> Vec<Expired> {
        if self.lots.next_expiry() > now {
            return Vec::new();
        }
        let expired = self.lots.expire(now, self.balance.held);
        for Expired { share, .. } in &expired {
            self.balance.available -= share.amount;
        }
        expired
    }

    /// Puts credits aside that are there.
    pub fn hold(&mut self, amount: Amount) {
        self.balance.available -= amount;
        self.balance.held += amount;
    }

    /// Ends a hold: charges what was used of it, and gives the rest back.
    pub fn end(&mut self, held: Amount, used: Amount) -> Vec<LotShare> {
        self.balance.held -= held;
        self.balance.available += held - used;
        self.lots.spend(used)
    }

    /// Adds a lot. It pays what is owed first.
    pub fn add(&mut self, lot: Lot) {
        let paid = self.balance.debt.min(lot.amount);
        self.balance.debt -= paid;
        self.balance.available += lot.amount - paid;
        self.lots.add(lot);
    }

    /// What could be taken back of a lot without anybody missing it: it is neither spent nor held, and nothing is owed.
    #[must_use]
    pub fn unspent(&self, lot: LotId) -> Amount {
        self.lots.unspent(lot, self.balance.held).min(self.balance.spendable())
    }

    /// Takes back what is [unspent](Self::unspent) of a lot, at most so much.
    pub fn take_unspent(&mut self, lot: LotId, most: Amount) -> Vec<LotShare> {
        let amount = self.unspent(lot).min(most);
        if !amount.is_positive() {
            return Vec::new();
        }
        self.balance.available -= amount;
        self.lots.take_back(amount, Some(lot))
    }

    /// Takes credits away. Of a refund, what is not there becomes debt; else nothing is taken where there is too little, and
    /// `None` returned.
    pub fn remove(&mut self, amount: Amount, refund_of: Option<Option<LotId>>) -> Option<Vec<LotShare>> {
        let taken = self.balance.available.min(amount);
        if taken < amount && refund_of.is_none() {
            return None;
        }
        self.balance.available -= taken;
        self.balance.debt += amount - taken;
        Some(match refund_of {
            Some(lot) => self.lots.take_back(amount, lot),
            None => self.lots.spend(amount),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lot(origin: Origin, amount: i64, expires_at: Option<i64>, at: i64) -> Lot {
        let amount = Amount::credits(amount);
        Lot { id: LotId::now_v7(), origin, amount, left: amount, paid: None, expires_at, at }
    }

    fn left(lots: &Lots) -> Vec<(Origin, String)> {
        lots.as_slice().iter().map(|lot| (lot.origin, lot.left.to_string())).collect()
    }

    #[test]
    fn what_expires_first_is_used_first_then_by_origin_then_by_age() {
        let mut lots = Lots::default();
        lots.add(lot(Origin::Bought, 1, None, 1));
        lots.add(lot(Origin::Plan, 1, None, 5));
        lots.add(lot(Origin::Promo, 1, None, 9));
        lots.add(lot(Origin::Bought, 1, Some(90), 4));
        lots.add(lot(Origin::Promo, 1, Some(100), 2));
        lots.add(lot(Origin::Promo, 2, None, 8));
        let order: Vec<_> = lots.as_slice().iter().map(|lot| (lot.origin, lot.at)).collect();
        let expected = [
            (Origin::Bought, 4),
            (Origin::Promo, 2),
            (Origin::Promo, 8),
            (Origin::Promo, 9),
            (Origin::Plan, 5),
            (Origin::Bought, 1),
        ];
        assert_eq!(order, expected);
        let shares = lots.spend(Amount::from_micros(3_500_000));
        assert_eq!(shares.iter().map(|share| share.amount.to_string()).collect::<Vec<_>>(), ["1", "1", "1.5"]);
        assert_eq!(lots.sum(), Amount::from_micros(3_500_000));
    }

    #[test]
    fn what_is_held_does_not_expire_and_comes_back_for_a_day() {
        let mut account = AccountState::default();
        account.add(lot(Origin::Promo, 10, Some(100), 1));
        account.add(lot(Origin::Bought, 5, None, 2));
        account.hold(Amount::credits(4));
        let expired = account.expire(100);
        assert_eq!(
            expired.iter().map(|e| (e.share.amount, e.expired_at)).collect::<Vec<_>>(),
            [(Amount::credits(6), 100)]
        );
        assert_eq!((account.balance.available, account.balance.held), (Amount::credits(5), Amount::credits(4)));
        assert_eq!(left(&account.lots), [(Origin::Promo, "4".into()), (Origin::Bought, "5".into())]);
        // Three of them come back, and are there for a day.
        account.end(Amount::credits(4), Amount::credits(1));
        assert_eq!(account.balance.available, Amount::credits(8));
        assert!(account.expire(100 + GRACE - 1).is_empty());
        let expired = account.expire(100 + GRACE);
        assert_eq!(expired.iter().map(|e| e.share.amount).collect::<Vec<_>>(), [Amount::credits(3)]);
        assert_eq!((account.balance.available, account.lots.sum()), (Amount::credits(5), Amount::credits(5)));
        assert_eq!(account.lots.next_expiry(), NEVER);
    }

    #[test]
    fn a_refund_of_what_was_spent_is_owed_and_paid_by_what_comes() {
        let mut account = AccountState::default();
        let bought = lot(Origin::Bought, 10, None, 1);
        let id = bought.id;
        account.add(bought);
        account.add(lot(Origin::Promo, 1, None, 1));
        account.hold(Amount::credits(8));
        account.end(Amount::credits(8), Amount::credits(8));
        assert_eq!(left(&account.lots), [(Origin::Bought, "3".into())]);
        account.remove(Amount::credits(10), Some(Some(id))).unwrap();
        assert_eq!((account.balance.available, account.balance.debt), (Amount::ZERO, Amount::credits(7)));
        assert_eq!((account.lots.sum(), account.lots.overdrawn()), (Amount::credits(-7), Amount::credits(7)));
        account.add(lot(Origin::Gift, 9, None, 3));
        assert_eq!((account.balance.available, account.balance.debt), (Amount::credits(2), Amount::ZERO));
        assert_eq!(left(&account.lots), [(Origin::Gift, "2".into())]);
        assert_eq!(account.remove(Amount::credits(3), None), None, "an adjustment takes no more than there is");
    }

    #[test]
    fn only_what_is_neither_spent_nor_held_nor_owed_is_unspent() {
        let mut account = AccountState::default();
        let (promo, bought) = (lot(Origin::Promo, 2, None, 1), lot(Origin::Bought, 10, None, 2));
        let id = bought.id;
        account.add(promo);
        account.add(bought.clone());
        account.hold(Amount::credits(5));
        assert_eq!(account.unspent(id), Amount::credits(7), "two of the held are thought of as promo");
        assert_eq!(account.unspent(LotId::now_v7()), Amount::ZERO);
        let shares = account.take_unspent(id, Amount::credits(20));
        assert_eq!(shares, [LotShare { id, origin: Origin::Bought, amount: Amount::credits(7) }]);
        assert!(account.take_unspent(id, Amount::credits(20)).is_empty());
        // What comes back is of the same lot, also where it was used up.
        account.end(Amount::credits(5), Amount::credits(5));
        assert_eq!(left(&account.lots), []);
        account.add(Lot { left: Amount::credits(4), amount: Amount::credits(4), ..bought.clone() });
        account.add(Lot { left: Amount::credits(3), amount: Amount::credits(3), ..bought });
        assert_eq!(
            account.lots.as_slice().iter().map(|lot| (lot.id, lot.left)).collect::<Vec<_>>(),
            [(id, Amount::credits(7))]
        );
        account.remove(Amount::credits(9), Some(Some(id))).unwrap();
        assert_eq!((account.balance.debt, account.unspent(id)), (Amount::credits(2), Amount::ZERO));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Add(Origin, i64, Option<i64>),
        Hold(i64),
        End(u8, i64),
        Remove(i64, bool),
        Pass(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let origin = proptest::sample::select(Origin::ALL.to_vec());
        let step = prop_oneof![
            (origin, 1..2000i64, proptest::option::of(1..200i64)).prop_map(|(o, a, e)| Step::Add(o, a, e)),
            (1..800i64).prop_map(Step::Hold),
            (any::<u8>(), 0..900i64).prop_map(|(n, used)| Step::End(n, used)),
            (1..1500i64, any::<bool>()).prop_map(|(a, refund)| Step::Remove(a, refund)),
            (1..90i64).prop_map(Step::Pass),
        ];
        proptest::collection::vec(step, 1..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
        #[test]
        fn the_books_agree_whatever_happens(steps in steps()) {
            let (mut account, mut now, mut holds) = (AccountState::default(), 0, Vec::new());
            for step in steps {
                account.expire(now);
                match step {
                    Step::Add(origin, amount, after) => {
                        account.add(lot(origin, amount, after.map(|after| now + after), now));
                    }
                    Step::Hold(amount) => {
                        let amount = Amount::credits(amount);
                        if account.balance.available >= amount {
                            account.hold(amount);
                            holds.push(amount);
                        }
                    }
                    Step::End(which, used) => {
                        if !holds.is_empty() {
                            let held: Amount = holds.swap_remove(usize::from(which) % holds.len());
                            account.end(held, Amount::credits(used).min(held));
                        }
                    }
                    Step::Remove(amount, refund) => {
                        let before = account.clone();
                        if account.remove(Amount::credits(amount), refund.then_some(None)).is_none() {
                            prop_assert_eq!(&before, &account);
                        }
                    }
                    Step::Pass(time) => now += time,
                }
                let Balance { available, held, debt } = account.balance;
                prop_assert!(!available.is_negative() && !held.is_negative() && !debt.is_negative());
                prop_assert_eq!(held, holds.iter().copied().sum());
                prop_assert_eq!(account.lots.sum(), available + held - debt);
                prop_assert!(account.lots.overdrawn() <= debt);
                prop_assert!(account.lots.as_slice().iter().all(|lot| lot.left.is_positive() && lot.left <= lot.amount));
                prop_assert!(account.lots.as_slice().is_sorted_by_key(rank));
                prop_assert!(account.lots.overdrawn().is_zero() || account.lots.as_slice().is_empty());
            }
        }
    }
}
