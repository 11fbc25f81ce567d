//! Extra credits given and taken back: which a purchase has, and their entries in the ledger.

use serde_json::json;

use super::{Extra, ExtraKind};
use crate::audit::{Action, Actor, AuditEntry};
use crate::credits::server::store::{LotTerms, NewPosting, PostingKind, PostingOutcome};
use crate::credits::{Origin, RefundReason};
use crate::payments::server::Payments;
use crate::payments::server::books::{Step, StepKind};
use crate::payments::server::payment::Payment;
use crate::payments::server::shop::{Pack, Referral};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{OwnerId, PaymentId, UserId};

/// Payments that are looked through at a time.
const AT_A_TIME: usize = 100;

impl Payments {
    /// The extras of a pack, if the user buys it now.
    pub(in crate::payments::server) async fn extras_for(&self, user: UserId, pack: &Pack) -> AppResult<Vec<Extra>> {
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
        let inviter = Extra::reward(ExtraKind::Inviter { most: *most }, gift, inviter.into());
        Ok(vec![Extra::reward(ExtraKind::Invited, gift, user.into()), inviter])
    }

    /// Adds the rewards to unpaid orders from before the invitation was accepted.
    pub(in crate::payments::server) async fn reward_waiting_orders(&self, user: UserId) -> AppResult<()> {
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
    pub(in crate::payments::server) async fn has_bought(&self, user: UserId) -> AppResult<bool> {
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
    pub(in crate::payments::server) async fn plan_extras(&self, payment: &mut Payment) -> AppResult<bool> {
        if payment.books.money_back(payment.price.minor) > 0 || payment.books.wanted().is_some() {
            self.count_lapsed_extras(payment).await?;
        }
        Ok(payment.plan_extras(self.step(payment)))
    }

    /// Books a step of an extra in the ledger: once, however often this is called. Returns how many credits it moved.
    pub(in crate::payments::server) async fn book_extra(
        &self,
        payment: &Payment,
        at: usize,
        step: &Step,
    ) -> AppResult<Amount> {
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
                has_come(ExtraKind::Invited)
                    && self.referrals.inviter_of(payment.user).await?.map(OwnerId::from) == Some(extra.owner)
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
    pub(in crate::payments::server) async fn count_lapsed_extras(&self, payment: &mut Payment) -> AppResult<()> {
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
