//! The extra credits of a payment: a bonus for the buyer, and a reward for the inviter and the invited user. They are promo lots that
//! the buyer was shown before paying, and that are taken back as the money is paid back.
//!
//! Each extra has [`Books`] of its own that follow those of the payment, so the order of the provider's events does not matter. Its key
//! in the ledger makes sure that it is given once: an account has each key once, and the first payment that posts it has it.

mod giving;

use std::iter::once;

use serde::{Deserialize, Serialize};

use super::books::{Books, Step, StepKind, Taking};
use super::payment::Payment;
use super::shop::{Gift, OnTop};
use crate::platform::amount::{Amount, micros};
use crate::platform::ids::{LotId, OwnerId, PaymentId};

/// Credits that come with a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extra {
    pub what: ExtraKind,
    pub owner: OwnerId,
    /// Its name when the order was made.
    pub name: String,
    /// 0 once another payment is known to have it.
    #[serde(with = "micros")]
    pub credits: Amount,
    pub lot: LotId,
    /// How long they last from when the payment is credited, in milliseconds.
    pub lasts: Option<i64>,
    pub books: Books,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExtraKind {
    Bonus,
    /// With what a user buys first.
    First,
    /// Where another payment has the one for the first purchase.
    Instead,
    /// For the invited user, with their first purchase.
    Invited,
    /// For the inviter, at most `most` times.
    Inviter {
        most: u32,
    },
}

impl Extra {
    fn new(what: ExtraKind, owner: OwnerId, name: String, credits: Amount, lasts: Option<i64>) -> Self {
        Self { what, owner, name, credits, lot: LotId::now_v7(), lasts, books: Books::default() }
    }

    fn on_top(what: ExtraKind, on_top: OnTop, owner: OwnerId) -> Self {
        Self::new(what, owner, on_top.name, on_top.credits, on_top.lasts)
    }

    fn reward(what: ExtraKind, gift: &Gift, owner: OwnerId) -> Self {
        Self::new(what, owner, gift.name.clone(), gift.credits, gift.lasts)
    }

    /// Takes over payment, refunds and disputes from the books of the payment, and plans the next step. Returns whether anything
    /// changed.
    fn follow(&mut self, main: &Books, price: i64, taking: Taking) -> bool {
        let before = self.books.clone();
        self.books.paid = main.credited;
        // Less than before where a refund did not come about.
        self.books.told = main.money_back(price);
        for (id, dispute) in &main.disputes {
            self.books.dispute(id, dispute.state);
        }
        self.books.plan(self.credits, price, taking);
        self.books != before
    }

    /// The keys that it may have in the ledger: it takes the first that is free.
    fn keys(&self, payment: PaymentId) -> Box<dyn Iterator<Item = String> + Send> {
        match self.what {
            ExtraKind::Bonus | ExtraKind::Instead => Box::new(once(format!("bonus:{payment}"))),
            ExtraKind::First => Box::new(once("bonus:first".to_owned())),
            ExtraKind::Invited => Box::new(once("invited".to_owned())),
            ExtraKind::Inviter { most } => Box::new((0..most).map(|n| format!("inviter:{n}"))),
        }
    }

    /// How much of it goes back still, and is not frozen for that, once so much money has gone back in all.
    fn lacking(&self, money_back: i64, price: i64) -> Amount {
        let books = Books { told: money_back, ..self.books.clone() };
        (books.due(self.credits, price) - books.returned - books.frozen).max(Amount::ZERO)
    }

    fn is_given(&self) -> bool {
        self.books.credited && self.credits.is_positive()
    }
}

impl Payment {
    /// The extra credits that its buyer was given.
    #[must_use]
    pub fn bonus(&self) -> Amount {
        self.bonuses().map(|extra| extra.credits).sum()
    }

    /// The names of the extras that its buyer was given.
    #[must_use]
    pub fn bonus_name(&self) -> Option<String> {
        let names: Vec<_> = self.bonuses().map(|extra| &*extra.name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn bonuses(&self) -> impl Iterator<Item = &Extra> {
        self.extras.iter().filter(|extra| extra.owner == self.owner && extra.is_given())
    }

    /// What will have gone back of the price after a refund of `back` credits more, in the smallest unit.
    fn money_with(&self, back: Amount, step: i64) -> i64 {
        let price = self.price.minor;
        self.books.money_back(price) + self.books.money_for(back, self.credits, price, step)
    }

    /// How much of the bonuses would have to go back with `back` credits but is spent: bought credits make up for it. `there` is what
    /// is left of each.
    fn spent_of_bonuses(&self, back: Amount, step: i64, there: impl Fn(&Extra) -> Amount) -> Amount {
        let money_back = self.money_with(back, step);
        let lacking = |extra: &Extra| extra.lacking(money_back, self.price.minor) - there(extra);
        self.bonuses().map(|extra| lacking(extra).max(Amount::ZERO)).sum()
    }

    /// How many of the `unspent` bought credits can be refunded, at most `most`, if the extras go back too.
    pub(super) fn returnable(
        &self,
        most: Amount,
        unspent: Amount,
        step: i64,
        there: impl Fn(&Extra) -> Amount,
    ) -> Amount {
        let fits = |back: Amount| back + self.spent_of_bonuses(back, step, &there) <= unspent;
        let (mut fitting, mut above) = (0, most.min(unspent).micros() + 1);
        // The more goes back, the more of the bonuses has to.
        while above - fitting > 1 {
            let middle = fitting + (above - fitting) / 2;
            if fits(Amount::from_micros(middle)) {
                fitting = middle;
            } else {
                above = middle;
            }
        }
        Amount::from_micros(fitting)
    }

    /// How many bought credits the wanted request takes; `None` until the extras are frozen, which could be spent meanwhile.
    pub(super) fn withdrawal(&self, step: i64) -> Option<Amount> {
        let wanted = self.books.wanted()?;
        let mut own = self.extras.iter().filter(|extra| extra.owner == self.owner);
        let is_kept = own.all(|extra| extra.books.kept_for == Some(wanted.number));
        is_kept.then(|| wanted.most + self.spent_of_bonuses(wanted.most, step, |_| Amount::ZERO))
    }

    /// How many of the withdrawn credits are refunded: the others make up for spent credits of the bonuses.
    pub(super) fn share_withdrawn(&mut self, moved: Amount, step: i64) -> Amount {
        let is_withdrawal = matches!(self.books.step, Some(Step { what: StepKind::Withdraw { .. }, .. }));
        let Some(most) = self.books.wanted().map(|wanted| wanted.most).filter(|_| is_withdrawal) else { return moved };
        let back = self.returnable(most, moved, step, |_| Amount::ZERO);
        let (money_back, price, owner) = (self.money_with(back, step), self.price.minor, self.owner);
        let mut rest = moved - back;
        let mut own: Vec<_> = self.extras.iter_mut().filter(|extra| extra.owner == owner && extra.is_given()).collect();
        for extra in &mut own {
            let part = extra.lacking(money_back, price).min(rest);
            extra.books.returned += part;
            rest -= part;
        }
        // What is left by rounding comes back with the next step.
        match own.first_mut() {
            Some(first) => first.books.returned += rest,
            None => return moved,
        }
        back
    }

    /// Plans the next step of each extra. Returns whether anything changed. Money goes back in multiples of `step`.
    pub(super) fn plan_extras(&mut self, step: i64) -> bool {
        let (price, owner) = (self.price.minor, self.owner);
        let wanted = self.books.wanted().map(|wanted| (wanted.number, self.money_with(wanted.most, step)));
        let mut has_changed = false;
        for extra in &mut self.extras {
            let taking = match wanted {
                Some((request, money_back)) if extra.owner == owner => {
                    Taking::Keep { request, most: extra.lacking(money_back, price) }
                }
                _ => Taking::Nothing,
            };
            has_changed |= extra.follow(&self.books, price, taking);
        }
        has_changed
    }

    /// The first extra that has a step to book, with that step.
    pub(super) fn extra_step(&self) -> Option<(usize, Step)> {
        self.extras.iter().enumerate().find_map(|(at, extra)| Some((at, extra.books.step.clone()?)))
    }

    /// Notes that a step of an extra is booked, and how many credits it moved.
    pub(super) fn extra_booked(&mut self, at: usize, step: &Step, moved: Amount) {
        let price = self.price.minor;
        let Some(extra) = self.extras.get_mut(at) else { return };
        if step.what == StepKind::Credit {
            extra.credits = moved;
        }
        extra.books.done(moved, extra.credits, price, 1);
    }

    /// Whether a step of an extra is still to be booked.
    pub(super) fn lacks_extras(&self) -> bool {
        self.extra_step().is_some() || self.clone().plan_extras(1)
    }

    fn extra_expires_at(&self, extra: &Extra) -> Option<i64> {
        Some(self.credited_at?.saturating_add(extra.lasts?))
    }
}
