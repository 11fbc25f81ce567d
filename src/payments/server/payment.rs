//! A payment, as it is stored: an order of ours, and all that is known of its money.

use serde::{Deserialize, Serialize};

use super::books::{Books, Taking};
use super::extras::Extra;
use super::papers;
use super::provider::{Capture, CaptureStatus};
use super::subscriptions::Terms;
use crate::payments::{PaymentState, PaymentView};
use crate::platform::amount::{Amount, micros};
use crate::platform::db::{StoreResult, rfc3339};
use crate::platform::ids::{LotId, OwnerId, PaymentId, SubscriptionId, UserId};
use crate::platform::money::Money;
use crate::platform::time::{DAY, HOUR, MINUTE};

/// How soon a payment is looked at again that is neither done nor dead: while it is young, and later.
const SOON: i64 = 5 * MINUTE;
const YOUNG: i64 = 6 * HOUR;
const LATER: i64 = HOUR;
/// An order that nobody has paid for by then is given up: providers end theirs much earlier.
const GIVEN_UP: i64 = 72 * HOUR;

/// Something that a user buys, from the order to the last refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    pub id: PaymentId,
    pub user: UserId,
    pub owner: OwnerId,
    /// The id of what was bought, and what it was called then.
    pub pack: String,
    pub name: String,
    /// With what comes on top.
    #[serde(with = "micros")]
    pub credits: Amount,
    pub price: Money,
    /// The provider's.
    pub order_id: Option<String>,
    pub approve_url: Option<String>,
    /// The provider's. No other payment has the same.
    pub capture_id: Option<String>,
    /// Where its credits are.
    pub lot: Option<LotId>,
    /// What went back of the price, or is about to.
    pub refunded: Money,
    pub state: PaymentState,
    pub books: Books,
    /// Of what was paid for a subscription: the month that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<PaidMonth>,
    /// The extra credits that come with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<Extra>,
    /// Its buyer is gone: no money is taken for it any more.
    #[serde(default)]
    pub is_closed: bool,
    /// When its credits came, in milliseconds since 1970.
    pub credited_at: Option<i64>,
    /// When to look at it again; `None`: it is done, or dead.
    pub look_at: Option<i64>,
    /// Receipts and credit notes that are known to be made.
    #[serde(default)]
    pub papers: u32,
    /// Changes so far.
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

/// A month of a subscription. Its credits end with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaidMonth {
    pub subscription: SubscriptionId,
    /// In milliseconds since 1970.
    pub from: i64,
    pub until: i64,
    /// Requests a minute.
    pub per_minute: u32,
}

impl Payment {
    /// One that nobody has paid for. Its lot has its id.
    #[must_use]
    pub fn new(user: UserId, pack: &super::shop::Pack, now: i64) -> Self {
        let id = PaymentId::now_v7();
        Self {
            id,
            user,
            owner: user.into(),
            pack: pack.id.clone(),
            name: pack.name.clone(),
            credits: pack.credits + pack.bonus,
            price: pack.price,
            order_id: None,
            approve_url: None,
            capture_id: None,
            lot: None,
            refunded: Money::none_of(pack.price.currency),
            state: PaymentState::Created,
            books: Books::default(),
            month: None,
            extras: Vec::new(),
            is_closed: false,
            credited_at: None,
            look_at: Some(now + SOON),
            papers: 0,
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// What was paid for a subscription, by the provider's id.
    #[must_use]
    pub fn of_sale(user: UserId, terms: &Terms, month: PaidMonth, sale: &str, now: i64) -> Self {
        let id = PaymentId::now_v7();
        Self {
            id,
            user,
            owner: user.into(),
            pack: terms.plan.clone(),
            name: terms.name.clone(),
            credits: terms.credits,
            price: terms.price,
            order_id: None,
            approve_url: None,
            capture_id: Some(sale.to_owned()),
            lot: Some(LotId::from(uuid::Uuid::from(id))),
            refunded: Money::none_of(terms.price.currency),
            state: PaymentState::Captured,
            books: Books { paid: true, ..Books::default() },
            month: Some(month),
            extras: Vec::new(),
            is_closed: false,
            credited_at: None,
            look_at: Some(now + SOON),
            papers: 0,
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// Takes what the provider says of its money; whether that was news.
    pub(super) fn learn(&mut self, capture: &Capture) -> bool {
        let before = self.clone();
        // One that was declined may be followed by another.
        if !self.books.paid && (capture.status.has_come() || matches!(capture.status, CaptureStatus::Pending(_))) {
            self.capture_id = Some(capture.id.clone());
        }
        let told = capture.refunded.filter(|refunded| refunded.currency == self.price.currency);
        match capture.status {
            CaptureStatus::Completed | CaptureStatus::PartiallyRefunded => self.books.paid = true,
            CaptureStatus::Refunded => {
                self.books.paid = true;
                self.books.tell(self.price.minor);
            }
            CaptureStatus::Pending(_) if !self.state.is_paid() => self.state = PaymentState::Pending,
            CaptureStatus::Declined | CaptureStatus::Failed if !self.state.is_paid() => {
                self.state = PaymentState::Declined;
                // Its order is done: nobody can pay for it in another way.
                self.approve_url = None;
            }
            _ => {}
        }
        if self.books.paid {
            self.lot = Some(LotId::from(uuid::Uuid::from(self.id)));
            if !self.state.is_paid() {
                self.state = PaymentState::Captured;
            }
        }
        if let Some(told) = told {
            self.books.tell(told.minor.min(self.price.minor));
        }
        *self != before
    }

    /// Plans what to book next; whether anything changed. Money goes back in multiples of `step`.
    pub(super) fn plan(&mut self, step: i64) -> bool {
        let before = self.refunded;
        self.refunded.minor = self.books.money_back(self.price.minor);
        let taking = self.withdrawal(step).map_or(Taking::Nothing, Taking::Withdraw);
        self.books.plan(self.credits, self.price.minor, taking) || self.refunded != before
    }

    /// What was planned is booked, and has moved so much. Money goes back in multiples of `step`.
    pub(super) fn booked(&mut self, moved: Amount, now: i64, step: i64) {
        let moved = self.share_withdrawn(moved, step);
        self.books.done(moved, self.credits, self.price.minor, step);
        if self.books.credited && self.credited_at.is_none() {
            self.credited_at = Some(now);
            self.state = PaymentState::Credited;
        }
        self.refunded.minor = self.books.money_back(self.price.minor);
    }

    /// When to look at it again, as it is now.
    pub(super) fn set_next_look(&mut self, now: i64) {
        let age = now - self.created_at;
        let next = now + if age < YOUNG { SOON } else { LATER };
        self.look_at = match self.state {
            PaymentState::Created | PaymentState::Pending | PaymentState::Captured => Some(next),
            PaymentState::Declined => (age < GIVEN_UP).then_some(next),
            PaymentState::Credited => {
                let is_frozen_in_part = self.books.is_frozen_in_part(self.credits);
                let is_booked = self.books.is_settled() && !self.lacks_extras() && !is_frozen_in_part;
                (!is_booked || self.lacks_papers()).then_some(now + SOON)
            }
            PaymentState::Abandoned | PaymentState::Rejected => None,
        };
    }

    /// Whether a receipt or a credit note may be missing.
    pub(super) fn lacks_papers(&self) -> bool {
        self.papers < papers::needed(self)
    }

    /// Whether nobody will pay for it any more, as old as it is.
    pub(super) const fn is_given_up(&self, now: i64) -> bool {
        matches!(self.state, PaymentState::Created) && now - self.created_at > GIVEN_UP
    }

    /// Until when what is not used of it can be given back, in milliseconds since 1970; `None`: it cannot.
    #[must_use]
    pub fn refundable_until(&self, days: u32, now: i64) -> Option<i64> {
        let until = self.credited_at?.checked_add(i64::from(days) * DAY)?;
        // A month of a plan is used as it goes by: only whoever runs this gives it back.
        let is_open = self.state == PaymentState::Credited
            && self.refunded.minor < self.price.minor
            && (self.month.is_none() || days == u32::MAX);
        (is_open && now < until && !self.books.is_disputed()).then_some(until)
    }

    /// As its buyer sees it.
    ///
    /// # Errors
    /// As [`rfc3339`].
    pub fn view(&self, days: u32, now: i64) -> StoreResult<PaymentView> {
        Ok(PaymentView {
            id: self.id.to_string(),
            name: self.name.clone(),
            credits: self.credits,
            bonus: Some(self.bonus()).filter(|bonus| bonus.is_positive()),
            bonus_name: self.bonus_name(),
            price: self.price,
            refunded: self.refunded,
            state: self.state,
            disputed: self.books.is_disputed(),
            refund_until: self.refundable_until(days, now).map(rfc3339).transpose()?,
            created_at: rfc3339(self.created_at)?,
        })
    }
}
