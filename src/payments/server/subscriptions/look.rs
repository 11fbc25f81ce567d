//! How a subscription stands: asked of the provider, whoever gave the reason to ask. What is stored is what was answered last, as
//! nothing is stored that was asked for before another answer was.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::sleep;

use super::port::{SubscriptionProvider, SubscriptionStatus};
use super::record::{LEEWAY, Subscription};
use crate::account::server::plans::Period;
use crate::payments::server::Payments;
use crate::payments::server::provider::ProviderError;
use crate::payments::server::service::refused;
use crate::payments::server::store::Saved;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{SubscriptionId, UserId};
use crate::platform::time::HOUR;

/// How often a change is tried anew that somebody else was faster than.
const TRIES: u32 = 400;
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// What the provider is asked about goes on for so long after now: clocks differ.
const AHEAD: i64 = HOUR;
/// Months that are over for so long change nothing any more, in milliseconds.
const LONG_OVER: i64 = 3 * LEEWAY;
/// Subscriptions of one user that count.
pub(in crate::payments::server) const MOST: usize = 20;

impl Payments {
    /// Who takes money every month, if anybody does.
    pub(in crate::payments::server) fn recurring(&self) -> AppResult<&dyn SubscriptionProvider> {
        self.provider()?.subscriptions().ok_or(AppError::Unavailable)
    }

    /// Asks the provider how a subscription stands, and books what was paid for it.
    pub(in crate::payments::server) async fn look_at_subscription(
        &self,
        id: SubscriptionId,
    ) -> AppResult<Subscription> {
        let provider = self.recurring()?;
        let mut pause = PAUSE;
        for _ in 0..TRIES {
            let mut known = self.subscriptions.find(id).await?.ok_or(AppError::NotFound)?;
            let now = self.database.now();
            let Some(provider_id) = known.provider_id.clone() else {
                // Its answer was lost, and whoever wanted it has not come again.
                return self
                    .change_subscription(id, |known| {
                        let gives_up = known.is_old(now) && known.is_open();
                        known.is_given_up |= gives_up;
                        gives_up
                    })
                    .await;
            };
            let is_news = match provider.find_subscription(&provider_id).await {
                Ok(told) if told.id != provider_id || told.subscription != Some(id.to_string()) => {
                    self.refuse_money(id, &provider_id, "subscription").await?;
                    return self.subscription_looked_at(id).await;
                }
                Ok(told) => known.learn(&told, now),
                // One that nobody agreed to is forgotten there; of another that is the end.
                Err(ProviderError::Gone) if known.status == SubscriptionStatus::Waiting => {
                    !std::mem::replace(&mut known.is_given_up, true)
                }
                Err(ProviderError::Gone) => {
                    let ended = known.status.is_running();
                    if ended {
                        known.status = SubscriptionStatus::Cancelled;
                    }
                    ended
                }
                Err(error) => return Err(refused(&error, "how a subscription stands")),
            };
            if is_news {
                match self.save_subscription(&mut known).await? {
                    Saved::Yes => {}
                    Saved::Changed => {
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        continue;
                    }
                    Saved::Taken => {
                        let other = self.open_subscription(known.user).await?;
                        if let Some(other) = other.filter(|other| other.status == SubscriptionStatus::Waiting) {
                            // They have agreed to this one.
                            self.give_up(&other).await?;
                            continue;
                        }
                        // Its user has another one: nobody pays twice. What was paid already is booked all the same.
                        self.alert_about("second", id, "a user has a second subscription, which was cancelled");
                        match provider.cancel_subscription(&provider_id).await {
                            Ok(()) | Err(ProviderError::Gone) => continue,
                            Err(error) => return Err(refused(&error, "the end of a subscription")),
                        }
                    }
                }
            }
            if known.status != SubscriptionStatus::Waiting {
                let (from, until) = (known.unheard_since(), self.database.now() + AHEAD);
                let sales = match provider.find_sales(&provider_id, from, until).await {
                    Ok(sales) => sales,
                    Err(ProviderError::Gone) => Vec::new(),
                    Err(error) => return Err(refused(&error, "what was paid for a subscription")),
                };
                for sale in sales {
                    self.settle_sale(&known, &sale).await?;
                }
            }
            let known = self.subscription_looked_at(id).await?;
            self.set_periods(&known).await?;
            return Ok(known);
        }
        Err(AppError::Unavailable)
    }

    /// Notes that it has been looked at, and nothing was new.
    pub(super) async fn subscription_looked_at(&self, id: SubscriptionId) -> AppResult<Subscription> {
        let now = self.database.now();
        for _ in 0..TRIES {
            let mut known = self.subscriptions.find(id).await?.ok_or(AppError::NotFound)?;
            if known.look_at.is_none_or(|at| at > now) {
                return Ok(known);
            }
            known.set_next_look(now, false);
            if self.subscriptions.save(&known).await? == Saved::Yes {
                known.version += 1;
                return Ok(known);
            }
        }
        Err(AppError::Unavailable)
    }

    /// Changes a subscription as it is now; `change` says whether there was anything to change.
    pub(super) async fn change_subscription(
        &self,
        id: SubscriptionId,
        mut change: impl FnMut(&mut Subscription) -> bool + Send,
    ) -> AppResult<Subscription> {
        let mut pause = PAUSE;
        for _ in 0..TRIES {
            let mut known = self.subscriptions.find(id).await?.ok_or(AppError::NotFound)?;
            if !change(&mut known) {
                return Ok(known);
            }
            match self.save_subscription(&mut known).await? {
                Saved::Yes => return Ok(known),
                Saved::Taken => return Err(AppError::Internal),
                Saved::Changed => {}
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(AppError::Unavailable)
    }

    async fn save_subscription(&self, subscription: &mut Subscription) -> AppResult<Saved> {
        let now = self.database.now();
        subscription.updated_at = now;
        subscription.set_next_look(now, true);
        let saved = self.subscriptions.save(subscription).await?;
        if saved == Saved::Yes {
            subscription.version += 1;
        }
        Ok(saved)
    }

    /// Gives its user the time that is paid for: the role and the pace of it.
    pub(super) async fn set_periods(&self, subscription: &Subscription) -> AppResult<()> {
        let (user, now) = (subscription.user, self.database.now());
        let is_recent = |until: i64| until > now - LONG_OVER;
        if !subscription.sales.values().any(|sale| is_recent(sale.until)) {
            return Ok(());
        }
        let known: HashSet<(String, i64)> =
            self.plans.periods(user).await?.into_iter().map(|period| (period.id, period.until)).collect();
        let last = subscription.paid_until();
        for (id, sale) in subscription.sales.iter().filter(|(_, sale)| is_recent(sale.until)) {
            let waits = subscription.renews() && last == Some(sale.until);
            let until = if sale.is_returned { sale.from } else { sale.until + if waits { LEEWAY } else { 0 } };
            if known.contains(&(id.clone(), until)) {
                continue;
            }
            let (name, per_minute, from) = (sale.name.clone(), sale.per_minute, sale.from);
            let period = Period { id: id.clone(), name, per_minute, from, until, is_prepaid: false };
            self.plans.set_period(user, period).await?;
        }
        Ok(())
    }

    /// The one of a user that runs, or may begin.
    pub(in crate::payments::server) async fn open_subscription(&self, user: UserId) -> AppResult<Option<Subscription>> {
        Ok(self.subscriptions.list(user, MOST).await?.into_iter().find(Subscription::is_open))
    }

    /// Calls somebody.
    pub(super) fn alert_about(&self, reason: &'static str, subscription: SubscriptionId, what: &str) {
        tracing::error!(reason, %subscription, "{what}");
        self.metrics.payment_alert(reason);
    }
}
