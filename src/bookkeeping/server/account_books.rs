//! An account as its entries leave it: replayed from the ledger alone, so that a close trusts nothing else.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::totals::Totals;
use crate::credits::Origin;
use crate::credits::server::store::reading::BookedEntry;
use crate::platform::amount::{Amount, micros};
use crate::platform::ids::{LotId, OwnerId};
use crate::platform::money::Money;

/// An account after one of its entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBooks {
    /// The sum of the entries' amounts.
    #[serde(with = "micros")]
    worth: Amount,
    #[serde(with = "micros")]
    available: Amount,
    #[serde(with = "micros")]
    held: Amount,
    /// What was taken beyond all lots.
    #[serde(with = "micros")]
    overdrawn: Amount,
    lots: Vec<BookLot>,
}

/// What is left of a lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct BookLot {
    id: LotId,
    origin: Origin,
    #[serde(with = "micros")]
    amount: Amount,
    #[serde(with = "micros")]
    left: Amount,
    /// What was paid for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paid: Option<Money>,
}

impl BookLot {
    /// What was paid for what is left, rounded down.
    fn value(&self) -> Option<Money> {
        let paid = self.paid.filter(|_| self.amount.is_positive())?;
        let value = i128::from(paid.minor) * i128::from(self.left.micros()) / i128::from(self.amount.micros());
        Some(Money { minor: i64::try_from(value).unwrap_or(i64::MAX), ..paid })
    }
}

impl AccountBooks {
    /// The lot that an entry begins, of an origin that is paid for: whoever applies the entry should know what was paid.
    #[must_use]
    pub fn new_lot(&self, entry: &BookedEntry) -> Option<LotId> {
        let share = entry.lots.first().filter(|_| entry.amount.is_positive())?;
        let is_known = self.lots.iter().any(|lot| lot.id == share.id);
        (matches!(share.origin, Origin::Bought | Origin::Plan) && !is_known).then_some(share.id)
    }

    /// Moves on by an entry. `paid` is what was paid for the lot that it begins.
    pub fn apply(&mut self, owner: OwnerId, entry: &BookedEntry, paid: Option<Money>) {
        self.worth += entry.amount;
        self.held += entry.held_change;
        self.available = entry.available_after;
        // Entries from before there were lots name none: all that there was became one lot then, with the id of its owner.
        let unnamed = LotId::from(Uuid::from(owner));
        if entry.amount.is_positive() {
            let (id, origin) = entry.lots.first().map_or((unnamed, Origin::Promo), |share| (share.id, share.origin));
            self.add(BookLot { id, origin, amount: entry.amount, left: entry.amount, paid });
        } else if entry.amount.is_negative() {
            let mut rest = -entry.amount;
            for share in &entry.lots {
                rest -= self.take(share.id, share.amount.min(rest));
            }
            if entry.lots.is_empty() {
                rest -= self.take(unnamed, rest);
            }
            self.overdrawn += rest;
        }
        self.lots.retain(|lot| lot.left.is_positive());
    }

    fn add(&mut self, mut lot: BookLot) {
        let covered = lot.left.min(self.overdrawn);
        self.overdrawn -= covered;
        lot.left -= covered;
        match self.lots.iter_mut().find(|known| known.id == lot.id) {
            Some(known) => {
                known.left += lot.left;
                known.amount = known.amount.max(known.left);
            }
            None => self.lots.push(lot),
        }
    }

    /// Takes as much of a lot as it has; how much that was.
    fn take(&mut self, lot: LotId, most: Amount) -> Amount {
        let Some(lot) = self.lots.iter_mut().find(|known| known.id == lot) else { return Amount::ZERO };
        let taken = lot.left.min(most);
        lot.left -= taken;
        taken
    }

    /// What it adds to the totals of all accounts.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            available: self.available.into(),
            held: self.held.into(),
            debt: (self.available + self.held - self.worth).into(),
            overdrawn: self.overdrawn.into(),
            ..Totals::default()
        };
        for lot in &self.lots {
            *totals.origins.entry(lot.origin.as_str().to_owned()).or_default() += lot.left.into();
            if let Some(value) = lot.value() {
                *totals.paid_for.entry(value.currency.code().to_owned()).or_default() += value.minor;
            }
        }
        totals
    }
}
