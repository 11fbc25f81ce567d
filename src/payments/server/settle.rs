//! The one function that books money, whoever heard of it: the page that a buyer returns to, the provider's events, and the
//! reconciler. It believes the provider's own word alone, and only where that agrees with what was ordered.

use std::fmt::Display;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::Payments;
use super::books::{RequestState, Step, StepKind};
use super::papers;
use super::payment::Payment;
use super::provider::{Capture, CaptureStatus, OrderState};
use super::store::Saved;
use crate::audit::{Action, Actor, AuditEntry};
use crate::credits::server::lots::Paid;
use crate::credits::server::store::{LotTerms, NewPosting, PostingKind, PostingOutcome};
use crate::credits::{Origin, RefundReason};
use crate::payments::PaymentState;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::PaymentId;
use crate::platform::money::Money;
use crate::platform::trace;

/// How often a change is tried anew that somebody else was faster than. Each time somebody got on.
const TRIES: u32 = 400;
/// How long whoever came second waits at first, and at most.
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl Payments {
    /// Books what the provider says of a payment's order, as far as it is not booked.
    pub(super) async fn settle(&self, id: PaymentId, order: &OrderState) -> AppResult<Payment> {
        let payment = self.store.find(id).await?.ok_or(AppError::NotFound)?;
        if payment.state == PaymentState::Rejected {
            return Ok(payment);
        }
        if let Some(problem) = self.problem(&payment, order) {
            return self.reject(id, problem).await;
        }
        let Some(capture) = main_capture(&payment, order) else { return self.looked_at(id).await };
        match self.try_change(id, |payment| payment.learn(capture)).await? {
            Some(_) => self.converge(id).await,
            None => self.reject(id, "capture").await,
        }
    }

    /// What about an order is not as it was ordered.
    pub(super) fn problem(&self, payment: &Payment, order: &OrderState) -> Option<&'static str> {
        let own = payment.id.to_string();
        if payment.order_id.as_ref() != Some(&order.order_id) {
            return Some("order");
        }
        if order.payment.as_ref() != Some(&own) {
            return Some("payment");
        }
        let payee = self.provider.as_ref().and_then(|provider| provider.payee());
        let is_ours = |told: &Option<String>| payee.is_none() || told.as_deref().is_none_or(|told| Some(told) == payee);
        if !is_ours(&order.payee) || order.captures.iter().any(|capture| !is_ours(&capture.payee)) {
            return Some("payee");
        }
        let wrong = |money: &Money| match money {
            Money { currency, .. } if *currency != payment.price.currency => Some("currency"),
            Money { minor, .. } if *minor != payment.price.minor => Some("amount"),
            _ => None,
        };
        let capture = main_capture(payment, order);
        if let Some(capture) = capture {
            if capture.order_id.as_ref().is_some_and(|of| *of != order.order_id) {
                return Some("order");
            }
            if capture.payment.as_ref().is_some_and(|of| *of != own) {
                return Some("payment");
            }
            // Money that came a second time.
            if payment.books.paid && capture.status.has_come() && payment.capture_id.as_ref() != Some(&capture.id) {
                return Some("capture");
            }
        }
        order.amount.as_ref().and_then(wrong).or_else(|| capture.and_then(|capture| wrong(&capture.amount)))
    }

    /// Nothing more is booked; what was booked already stays. Somebody has to look.
    pub(super) async fn reject(&self, id: PaymentId, problem: &'static str) -> AppResult<Payment> {
        let mut is_first = false;
        let payment = self
            .change(id, |payment| {
                // What is booked already stays, and is told all the same.
                is_first = payment.state != PaymentState::Rejected;
                let is_new = is_first && !payment.books.paid;
                if is_new {
                    payment.state = PaymentState::Rejected;
                }
                is_new
            })
            .await?;
        if is_first {
            self.alert(problem, id, "the money is not what was ordered: nothing was booked of it");
        }
        Ok(payment)
    }

    /// Calls somebody.
    pub(super) fn alert(&self, reason: &'static str, payment: PaymentId, what: &str) {
        tracing::error!(reason, %payment, "{what}");
        self.metrics.payment_alert(reason);
    }

    /// The means of payment was refused.
    pub(super) async fn decline(&self, id: PaymentId) -> AppResult<Payment> {
        self.change(id, |payment| {
            let is_new = payment.state == PaymentState::Created;
            if is_new {
                payment.state = PaymentState::Declined;
            }
            is_new
        })
        .await
    }

    /// Nobody will pay any more.
    pub(super) async fn abandon(&self, id: PaymentId) -> AppResult<Payment> {
        self.change(id, |payment| {
            let is_new = matches!(payment.state, PaymentState::Created | PaymentState::Declined);
            if is_new {
                payment.state = PaymentState::Abandoned;
            }
            is_new
        })
        .await
    }

    /// Notes that it has been looked at, and nothing was new.
    pub(super) async fn looked_at(&self, id: PaymentId) -> AppResult<Payment> {
        let now = self.database.now();
        self.change(id, |payment| payment.look_at.is_some_and(|at| at <= now)).await
    }

    /// Changes a payment as it is now; `change` says whether there was anything to change.
    pub(super) async fn change(
        &self,
        id: PaymentId,
        change: impl FnMut(&mut Payment) -> bool + Send,
    ) -> AppResult<Payment> {
        self.try_change(id, change).await?.ok_or(AppError::Internal)
    }

    /// The same; `None` where another payment has its order or its capture.
    async fn try_change(
        &self,
        id: PaymentId,
        mut change: impl FnMut(&mut Payment) -> bool + Send,
    ) -> AppResult<Option<Payment>> {
        let mut pause = PAUSE;
        for _ in 0..TRIES {
            let mut payment = self.store.find(id).await?.ok_or(AppError::NotFound)?;
            if !change(&mut payment) {
                return Ok(Some(payment));
            }
            match self.save(&mut payment).await? {
                Saved::Yes => return Ok(Some(payment)),
                Saved::Taken => return Ok(None),
                Saved::Changed => {}
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(AppError::Unavailable)
    }

    async fn save(&self, payment: &mut Payment) -> AppResult<Saved> {
        let now = self.database.now();
        payment.updated_at = now;
        payment.set_next_look(now);
        let saved = self.store.save(payment).await?;
        if saved == Saved::Yes {
            payment.version += 1;
        }
        Ok(saved)
    }

    /// Books step by step until the ledger agrees with what is known, and asks for the refunds that are wanted.
    pub(super) async fn converge(&self, id: PaymentId) -> AppResult<Payment> {
        let (mut asked, mut pause) = (None, PAUSE);
        for _ in 0..TRIES {
            let mut payment = self.store.find(id).await?.ok_or(AppError::NotFound)?;
            if payment.books.step.is_none() {
                self.count_lapsed(&mut payment).await?;
            }
            if let Some(step) = payment.books.step.clone() {
                let moved = self.book(&payment, &step).await?;
                payment.booked(moved, self.database.now(), self.step(&payment));
            } else if payment.plan(self.step(&payment)) {
                // Kept below.
            } else if let Some((at, step)) = payment.extra_step() {
                let moved = self.book_extra(&payment, at, &step).await?;
                payment.extra_booked(at, &step, moved);
            } else if !self.plan_extras(&mut payment).await? {
                let open = payment.books.open_request().filter(|open| open.state == RequestState::Asking).cloned();
                match open.filter(|open| asked != Some(open.number)) {
                    Some(request) => {
                        asked = Some(request.number);
                        self.ask_for_refund(&payment, &request).await?;
                        continue;
                    }
                    // Money first: it is booked whatever becomes of its papers, which are made before anybody calls it done.
                    None if payment.lacks_papers() => {
                        self.papers.issue_for(&payment).await?;
                        payment.papers = papers::needed(&payment);
                    }
                    None => {
                        self.count_month(&payment).await?;
                        return Ok(payment);
                    }
                }
            }
            if self.save(&mut payment).await? != Saved::Yes {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        Err(AppError::Unavailable)
    }

    /// Notes what has ended of a month that is over and whose money went back: nobody used it.
    async fn count_lapsed(&self, payment: &mut Payment) -> AppResult<()> {
        let (Some(month), Some(lot)) = (&payment.month, payment.lot) else { return Ok(()) };
        if !payment.books.credited
            || self.database.now() < month.until
            || payment.books.money_back(payment.price.minor) == 0
        {
            return Ok(());
        }
        // Whoever looks at an account ends what has expired.
        self.credits.account(payment.owner, &current_request_id()).await?;
        payment.books.lapsed = self.credits.expired_of(payment.owner, lot).await?;
        Ok(())
    }

    /// What its money goes back in multiples of.
    pub(super) fn step(&self, payment: &Payment) -> i64 {
        self.provider.as_ref().map_or(1, |provider| provider.step(payment.price.currency))
    }

    /// Does a step in the ledger, once, whoever does it how often; how much it moved.
    async fn book(&self, payment: &Payment, step: &Step) -> AppResult<Amount> {
        let (kind, amount, reason) = match step.what {
            StepKind::Credit if payment.month.is_some() => (PostingKind::Grant, payment.credits, None),
            StepKind::Credit => (PostingKind::Purchase, payment.credits, None),
            StepKind::Take(amount) => (PostingKind::Refund, -amount, Some(RefundReason::Refunded)),
            StepKind::Freeze(most) => (PostingKind::Refund, -most, Some(RefundReason::Disputed)),
            StepKind::Thaw(amount) => (PostingKind::Refund, amount, Some(RefundReason::DisputeOver)),
            StepKind::GiveBack(amount) => (PostingKind::Refund, amount, Some(RefundReason::RefundFailed)),
            StepKind::Withdraw { most, .. } => (PostingKind::Refund, -most, Some(RefundReason::GivenBack)),
            // Of what comes with it only.
            StepKind::Keep { .. } => return Err(AppError::Internal),
        };
        if amount.is_zero() {
            return Ok(Amount::ZERO);
        }
        let key = match (&step.what, &payment.capture_id) {
            (StepKind::Credit, Some(capture)) => capture.clone(),
            _ => format!("{}:{}", payment.id, step.number),
        };
        let posting = NewPosting {
            owner: payment.owner,
            kind,
            amount,
            key: key.clone(),
            request_id: current_request_id(),
            // Of a month: what the plan is called.
            reason: match reason {
                Some(reason) => Some(reason.as_str().to_owned()),
                None => payment.month.as_ref().map(|_| payment.name.clone()),
            },
            terms: LotTerms {
                origin: Some(if payment.month.is_some() { Origin::Plan } else { Origin::Bought }),
                expires_at: payment.month.as_ref().map(|month| month.until),
                paid: (!amount.is_negative()).then(|| paid(payment.price)),
                lot: payment.lot,
                unspent_only: step.what.is_unspent_only(),
            },
        };
        match self.credits.post(posting).await? {
            PostingOutcome::Posted(_) | PostingOutcome::Repeated(_) => {}
            PostingOutcome::Insufficient { .. } => return Err(AppError::Internal),
        }
        let moved = if step.what.is_unspent_only() {
            self.credits.find_posting(payment.owner, kind, &key).await?.ok_or(AppError::Internal)?.amount
        } else {
            amount
        };
        self.record(payment, step, moved).await;
        Ok(if moved.is_negative() { -moved } else { moved })
    }

    /// Writes a step into the audit log.
    async fn record(&self, payment: &Payment, step: &Step, credits: Amount) {
        trace_step(payment, step, credits);
        let (actor, action) = match step.what {
            StepKind::Credit => (Actor::User(payment.user), Action::Purchase),
            StepKind::Withdraw { .. } => (Actor::User(payment.user), Action::Refund),
            _ => (Actor::System, Action::Refund),
        };
        let about =
            json!({ "payment": payment.id, "credits": credits, "price": payment.price, "step": step.what.name() });
        let entry = AuditEntry::new(actor, action, Some(payment.user)).after(about);
        self.audit.record(entry.once(format!("payment:{}:{}", payment.id, step.number))).await;
    }
}

/// Takes a step down in the trace of the request that brought it.
fn trace_step(payment: &Payment, step: &Step, credits: Amount) {
    let facts: [(&str, &dyn Display); 3] =
        [("payment", &payment.id), ("step", &step.what.name()), ("credits", &credits)];
    let trace = trace::current();
    trace.of_user(payment.user);
    trace.step(trace::StepKind::Payment, &facts);
}

/// What the books say was paid.
fn paid(price: Money) -> Paid {
    let unit = 10_i64.checked_pow(6_u32.saturating_sub(price.currency.exponent())).unwrap_or(1);
    Paid { micros: price.minor.saturating_mul(unit), currency: price.currency.code().to_owned() }
}

/// The capture of an order that counts: the one that is booked, or whose money has come, or may come.
fn main_capture<'a>(payment: &Payment, order: &'a OrderState) -> Option<&'a Capture> {
    let is_booked = |capture: &Capture| payment.books.paid && payment.capture_id.as_ref() == Some(&capture.id);
    let rank = |capture: &&Capture| match capture.status {
        _ if is_booked(capture) => 0,
        CaptureStatus::Completed | CaptureStatus::PartiallyRefunded | CaptureStatus::Refunded => 1,
        CaptureStatus::Pending(_) => 2,
        CaptureStatus::Declined | CaptureStatus::Failed => 3,
    };
    order.captures.iter().min_by_key(rank)
}
