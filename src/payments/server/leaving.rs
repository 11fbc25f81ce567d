//! What is a user's of payments, to take along and erased. What was paid stays with its receipts, as the law wants; nothing more is
//! taken from whoever leaves.

use serde::Serialize;
use serde_json::json;

use super::Payments;
use super::papers::{Receipt, pdf_of};
use super::payment::Payment;
use super::subscriptions::MOST_OF_USER;
use crate::payments::PaymentState;
use crate::platform::archive::{Archive, Packing};
use crate::platform::db::rfc3339;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{PaymentId, UserId};

/// Payments, and papers, that are read at a time.
const AT_A_TIME: usize = 100;

impl Payments {
    /// Writes what was bought, what is paid every month, what stands on receipts, and these themselves.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], and those of the archive.
    pub async fn export(&self, user: UserId, archive: &mut Archive) -> AppResult<()> {
        archive.begin("purchases.jsonl", Packing::Text).await?;
        let mut cursor = None;
        loop {
            let page = self.history(user, cursor.as_deref(), AT_A_TIME).await?;
            for payment in &page.items {
                archive.write(line(payment)?).await?;
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let subscriptions = self.subscriptions.list(user, MOST_OF_USER).await?;
        archive.add_json("subscriptions.json", &subscriptions).await?;
        archive.add_json("plans.json", &self.view_plan_periods(user).await?).await?;
        archive.add_json("billing.json", &self.papers.store.buyer(user).await?).await?;
        if let Some(code) = self.referrals.find_code(user).await? {
            archive.add_json("referral.json", &json!({ "link": self.link_of(&code)? })).await?;
        }
        loop {
            let page = self.papers.list(user, cursor.as_deref(), AT_A_TIME).await?;
            for paper in page.items {
                let name = format!("receipts/{}", paper.number);
                archive.add_json(&format!("{name}.json"), &Receipt::from(paper.clone())).await?;
                archive.add(&format!("{name}.pdf"), Packing::Stored, pdf_of(paper).await?).await?;
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// The times of plans that a user has or had.
    async fn view_plan_periods(&self, user: UserId) -> AppResult<Vec<PlanTime>> {
        let periods = self.plans.periods(user).await?.into_iter().map(|period| {
            Ok(PlanTime { name: period.name, from: rfc3339(period.from)?, until: rfc3339(period.until)? })
        });
        periods.collect()
    }

    /// Whether money of a user is on its way, which has to be booked before they can leave.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn is_money_moving(&self, user: UserId) -> AppResult<bool> {
        let moves = |payment: &Payment| matches!(payment.state, PaymentState::Pending | PaymentState::Captured);
        Ok(self.store.list(user, PaymentId::max(), AT_A_TIME).await?.iter().any(moves))
    }

    /// Whether a user has a subscription that runs, or may begin.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn has_subscription(&self, user: UserId) -> AppResult<bool> {
        Ok(self.open_subscription(user).await?.is_some())
    }

    /// Ends the subscription of a user who leaves, if there is one, whoever asks how often.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] where the provider does not say that it has ended.
    pub async fn end_subscription(&self, user: UserId) -> AppResult<()> {
        let Some(known) = self.open_subscription(user).await? else { return Ok(()) };
        match self.end_open(known).await {
            Err(AppError::NotFound) => Ok(()),
            ended => ended,
        }
    }

    /// Ends what would take money, gives up orders that nobody has paid for, and forgets what the user wrote.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]; what is left is found again.
    pub async fn erase(&self, user: UserId) -> AppResult<()> {
        self.end_subscription(user).await?;
        let mut before = PaymentId::max();
        loop {
            let payments = self.store.list(user, before, AT_A_TIME).await?;
            let Some(last) = payments.last() else { break };
            before = last.id;
            for payment in payments {
                if payment.books.paid || payment.is_closed {
                    continue;
                }
                self.change(payment.id, |payment| !std::mem::replace(&mut payment.is_closed, true)).await?;
                self.abandon(payment.id).await?;
            }
        }
        self.store.forget_keys_of(user).await?;
        self.papers.store.delete_buyer(user).await?;
        self.referrals.forget(user).await?;
        Ok(self.plans.delete_of_user(user).await?)
    }
}

/// A time of a plan.
#[derive(Serialize)]
struct PlanTime {
    name: String,
    from: String,
    until: String,
}

fn line(value: &impl Serialize) -> AppResult<Vec<u8>> {
    let mut line = serde_json::to_vec(value).map_err(|_| AppError::Internal)?;
    line.push(b'\n');
    Ok(line)
}
