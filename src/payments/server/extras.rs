//! The extra credits of a payment: a bonus for the buyer, and a reward for the inviter and the invited user. They are promo lots that
//! the buyer was shown before paying, and that are taken back as the money is paid back.
//!
//! Each extra has [`Books`] of its own that follow those of the payment, so the order of the provider's events does not matter. Its key
//! in the ledger makes sure that it is given once: an account has each key once, and the first payment that posts it has it.

use std::iter::once;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Payments;
use super::books::{Books, Step, StepKind, Taking};
use super::payment::Payment;
use super::shop::{Gift, OnTop, Pack, Referral};
use crate::audit::{Action, Actor, AuditEntry};
use crate::credits::server::store::{LotTerms, NewPosting, PostingKind, PostingOutcome};
use crate::credits::{Origin, RefundReason};
use crate::platform::amount::{Amount, micros};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{LotId, OwnerId, PaymentId, UserId};

/// Payments that are looked through at a time.
const AT_A_TIME: usize = 100;

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
    fn new(what: ExtraKind, owner: OwnerId, gift: &Gift) -> Self {
        let (name, credits, lasts) = (gift.name.clone(), gift.credits, gift.lasts);
        Self { what, owner, name, credits, lot: LotId::now_v7(), lasts, books: Books::default() }
    }

    fn on_top(what: ExtraKind, on_top: OnTop, owner: OwnerId) -> Self {
        let OnTop { name, credits, lasts, .. } = on_top;
        Self { what, owner, name, credits, lot: LotId::now_v7(), lasts, books: Books::default() }
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

impl Payments {
    /// The extras of a pack, if the user buys it now.
    pub(super) async fn extras_for(&self, user: UserId, pack: &Pack) -> AppResult<Vec<Extra>> {
        let (catalog, now) = (self.shop.now(), self.database.now());
        let has_bought = self.has_bought(user).await?;
        let on_top = catalog.offers.on_top(pack, now, has_bought);
        let mut extras = Vec::new();
        if let Some(on_top) = on_top {
            let is_first = on_top.is_first;
            let what = if is_first { ExtraKind::First } else { ExtraKind::Bonus };
            extras.push(Extra::on_top(what, on_top, user.into()));
            let instead = catalog.offers.on_top(pack, now, true).filter(|_| is_first);
            extras.extend(instead.map(|instead| Extra::on_top(ExtraKind::Instead, instead, user.into())));
        }
        if !has_bought {
            extras.extend(self.rewards_for(user).await?);
        }
        Ok(extras)
    }

    /// The rewards that come with the first purchase of an invited user.
    async fn rewards_for(&self, user: UserId) -> AppResult<Vec<Extra>> {
        let catalog = self.shop.now();
        let Some(Referral { gift, most }) = catalog.offers.referral(self.database.now()) else { return Ok(Vec::new()) };
        let Some(inviter) = self.referrals.inviter_of(user).await? else { return Ok(Vec::new()) };
        // In this order: the inviter is only rewarded where the invited user has been.
        let inviter = Extra::new(ExtraKind::Inviter { most: *most }, inviter.into(), gift);
        Ok(vec![Extra::new(ExtraKind::Invited, user.into(), gift), inviter])
    }

    /// Adds the rewards to unpaid orders from before the invitation was accepted.
    pub(super) async fn reward_waiting_orders(&self, user: UserId) -> AppResult<()> {
        let is_waiting = |payment: &Payment| {
            let is_rewarded = payment.extras.iter().any(|extra| extra.what == ExtraKind::Invited);
            payment.month.is_none() && !payment.books.paid && payment.look_at.is_some() && !is_rewarded
        };
        for payment in
            self.store.list(user, PaymentId::max(), AT_A_TIME).await?.iter().filter(|payment| is_waiting(payment))
        {
            let rewards = self.rewards_for(user).await?;
            self.change(payment.id, |payment| {
                let is_new = is_waiting(payment);
                if is_new {
                    payment.extras.extend(rewards.clone());
                }
                is_new
            })
            .await?;
        }
        Ok(())
    }

    /// Whether a user has ever bought a pack.
    pub(super) async fn has_bought(&self, user: UserId) -> AppResult<bool> {
        let mut before = PaymentId::max();
        loop {
            let payments = self.store.list(user, before, AT_A_TIME).await?;
            if payments.iter().any(|payment| payment.month.is_none() && payment.books.paid) {
                return Ok(true);
            }
            match payments.last() {
                Some(last) if payments.len() == AT_A_TIME => before = last.id,
                _ => return Ok(false),
            }
        }
    }

    /// Plans the next steps of the extras of a payment. Returns whether anything changed.
    pub(super) async fn plan_extras(&self, payment: &mut Payment) -> AppResult<bool> {
        if payment.books.money_back(payment.price.minor) > 0 || payment.books.wanted().is_some() {
            self.count_lapsed_extras(payment).await?;
        }
        Ok(payment.plan_extras(self.step(payment)))
    }

    /// Books a step of an extra in the ledger: once, however often this is called. Returns how many credits it moved.
    pub(super) async fn book_extra(&self, payment: &Payment, at: usize, step: &Step) -> AppResult<Amount> {
        let Some(extra) = payment.extras.get(at) else { return Err(AppError::Internal) };
        let (amount, reason) = match step.what {
            StepKind::Credit => return self.give_extra(payment, at, extra).await,
            StepKind::Take(amount) => (-amount, RefundReason::Refunded),
            StepKind::Freeze(most) => (-most, RefundReason::Disputed),
            StepKind::Thaw(amount) if extra.books.disputes.is_empty() => (amount, RefundReason::RefundFailed),
            StepKind::Thaw(amount) => (amount, RefundReason::DisputeOver),
            StepKind::Keep { most, .. } => (-most, RefundReason::GivenBack),
            StepKind::GiveBack(amount) => (amount, RefundReason::RefundFailed),
            // An extra was not paid for, so no money can be asked back for it.
            StepKind::Withdraw { .. } => return Err(AppError::Internal),
        };
        if amount.is_zero() {
            return Ok(Amount::ZERO);
        }
        let key = format!("{}:{at}:{}", payment.id, step.number);
        let unspent_only = step.what.is_unspent_only();
        let posting = NewPosting {
            owner: extra.owner,
            kind: PostingKind::Refund,
            amount,
            key: key.clone(),
            request_id: current_request_id(),
            reason: Some(reason.as_str().to_owned()),
            terms: LotTerms { unspent_only, ..terms(payment, extra) },
        };
        self.post(posting).await?;
        let moved = if unspent_only {
            let entry = self.credits.find_posting(extra.owner, PostingKind::Refund, &key).await?;
            entry.ok_or(AppError::Internal)?.amount
        } else {
            amount
        };
        self.record_extra(payment, at, step.number, moved).await;
        Ok(if moved.is_negative() { -moved } else { moved })
    }

    /// Posts to the ledger. Returns whether the posting is new.
    async fn post(&self, posting: NewPosting) -> AppResult<bool> {
        match self.credits.post(posting).await? {
            PostingOutcome::Posted(_) => Ok(true),
            PostingOutcome::Repeated(_) => Ok(false),
            PostingOutcome::Insufficient { .. } => Err(AppError::Internal),
        }
    }

    /// Gives an extra, unless another payment has it. Returns how many credits were given.
    async fn give_extra(&self, payment: &Payment, at: usize, extra: &Extra) -> AppResult<Amount> {
        let has_come = |what| payment.extras.iter().any(|one| one.what == what && one.is_given());
        let is_given = match extra.what {
            ExtraKind::Bonus | ExtraKind::First | ExtraKind::Invited => true,
            ExtraKind::Instead => !has_come(ExtraKind::First),
            // The inviter may have left meanwhile.
            ExtraKind::Inviter { .. } => {
                let inviter = self.referrals.inviter_of(payment.user).await?;
                has_come(ExtraKind::Invited) && inviter.map(OwnerId::from) == Some(extra.owner)
            }
        };
        if !is_given || !extra.credits.is_positive() {
            return Ok(Amount::ZERO);
        }
        for key in extra.keys(payment.id) {
            let posting = NewPosting {
                owner: extra.owner,
                kind: PostingKind::Grant,
                amount: extra.credits,
                key: key.clone(),
                request_id: current_request_id(),
                reason: Some(extra.name.clone()),
                terms: terms(payment, extra),
            };
            if !self.post(posting).await? {
                // An entry that gives credits has the id of their lot.
                let entry = self.credits.find_posting(extra.owner, PostingKind::Grant, &key).await?;
                if entry.ok_or(AppError::Internal)?.id != extra.lot.to_string() {
                    continue;
                }
            }
            self.record_extra(payment, at, 0, extra.credits).await;
            return Ok(extra.credits);
        }
        Ok(Amount::ZERO)
    }

    /// Writes a step of an extra into the audit log.
    async fn record_extra(&self, payment: &Payment, at: usize, step: u32, credits: Amount) {
        let Some(extra) = payment.extras.get(at) else { return };
        let action = if step == 0 { Action::Purchase } else { Action::Refund };
        let user = UserId::from(uuid::Uuid::from(extra.owner));
        let about = json!({ "payment": payment.id, "credits": credits, "bonus": extra.name });
        let entry = AuditEntry::new(Actor::System, action, Some(user)).after(about);
        self.audit.record(entry.once(format!("payment:{}:{at}:{step}", payment.id))).await;
    }

    /// Notes how much of the extras of a payment has expired unused: that is not taken back.
    pub(super) async fn count_lapsed_extras(&self, payment: &mut Payment) -> AppResult<()> {
        for at in 0..payment.extras.len() {
            let lapsed = match payment.extras.get(at) {
                Some(extra) if extra.is_given() => self.lapsed(payment, extra).await?,
                _ => continue,
            };
            if let Some(extra) = payment.extras.get_mut(at) {
                extra.books.lapsed = lapsed;
            }
        }
        Ok(())
    }

    /// How much of an extra has expired unused.
    async fn lapsed(&self, payment: &Payment, extra: &Extra) -> AppResult<Amount> {
        if payment.extra_expires_at(extra).is_none_or(|at| self.database.now() < at) {
            return Ok(Amount::ZERO);
        }
        // Reading an account ends its expired lots.
        self.credits.account(extra.owner, &current_request_id()).await?;
        Ok(self.credits.expired_of(extra.owner, extra.lot).await?)
    }
}

fn terms(payment: &Payment, extra: &Extra) -> LotTerms {
    LotTerms {
        origin: Some(Origin::Promo),
        expires_at: payment.extra_expires_at(extra),
        lot: Some(extra.lot),
        ..LotTerms::default()
    }
}
