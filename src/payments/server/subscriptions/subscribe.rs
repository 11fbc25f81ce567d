//! What users do with a subscription: begin one, change its plan, end it.

use super::look::MOST;
use super::port::{NewPlan, NewSubscription, PlanChange, SubscriptionStatus};
use super::record::Subscription;
use super::standing::SubscriptionView;
use super::terms::Terms;
use crate::flags::{Flag, Who};
use crate::i18n::{Text, current_language, t};
use crate::payments::server::Payments;
use crate::payments::server::provider::ProviderError;
use crate::payments::server::service::refused;
use crate::payments::server::shop::Plan;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;
use crate::platform::limits::Limit;
use crate::platform::secret::hash_secret;
use uuid::Uuid;

/// How often it is begun anew where somebody else was faster.
const TRIES: u32 = 5;

/// A subscription that waits for its buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// The provider's.
    pub subscription_id: String,
    /// Where the buyer agrees; `None`: nothing is to be agreed to.
    pub approve_url: Option<String>,
}

/// How far a subscription is, for its buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionProgress {
    /// It is paid for.
    Active {
        name: String,
        credits: Amount,
        /// In milliseconds since 1970.
        until: i64,
    },
    /// Its plan changes with the next payment.
    Changes {
        name: String,
        credits: Amount,
        /// In milliseconds since 1970.
        on: i64,
    },
    /// It has begun, and the first payment is on its way.
    Pending,
    NotApproved {
        approve_url: Option<String>,
    },
    /// It has ended, or never begun.
    Dead,
}

impl Payments {
    /// Whether anything can be subscribed to here.
    #[must_use]
    pub fn has_plans(&self) -> bool {
        self.recurring().is_ok() && !self.shop.now().plans.is_empty()
    }

    /// Begins a subscription, or changes the plan of the one that runs. The buyer has to agree.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] for a plan that is not sold, [`AppError::Conflict`] where the user has it,
    /// [`AppError::RateLimited`], [`AppError::Unavailable`] where nothing is sold, or the provider does not answer,
    /// [`AppError::SwitchedOff`].
    pub async fn subscribe(&self, who: impl Into<Who>, plan: &str) -> AppResult<Subscribed> {
        let who = who.into();
        self.recurring()?;
        self.flags.check(Flag::Purchases, who)?;
        let user = who.user;
        let catalog = self.shop.now();
        let unknown = || AppError::invalid("plan", t(Text::NoSuchPlan));
        let plan = catalog.plans.iter().find(|known| known.id == plan).ok_or_else(unknown)?;
        self.limiter.check(Limit::Spend, &user.to_string()).await?;
        for _ in 0..TRIES {
            let mut open = self.open_subscription(user).await?;
            if let Some(known) = open.as_ref().filter(|known| known.provider_id.is_some()) {
                open = Some(self.look_at_subscription(known.id).await?).filter(Subscription::is_open);
            }
            match open {
                Some(known) if known.status.is_running() => return self.change_plan(&known, plan).await,
                Some(known) if known.now().is_some_and(|terms| terms.is_of(plan)) => return self.begin(known).await,
                // They have thought again.
                Some(known) => self.give_up(&known).await?,
                None => {}
            }
            let now = self.database.now();
            let new = Subscription::new(user, Terms::of(plan, self.provider_plan(plan).await?, now), now);
            if self.subscriptions.create(&new).await? {
                return self.begin(new).await;
            }
        }
        Err(AppError::Unavailable)
    }

    /// Has the provider make a subscription, which it does once.
    async fn begin(&self, known: Subscription) -> AppResult<Subscribed> {
        if let (Some(id), Some(url)) = (&known.provider_id, &known.approve_url) {
            return Ok(Subscribed { subscription_id: id.clone(), approve_url: Some(url.clone()) });
        }
        let new = NewSubscription {
            subscription: known.id,
            plan_id: known.now().ok_or(AppError::Internal)?.provider_plan.clone(),
            return_url: self.address("/buy-credits/return")?,
            cancel_url: self.address("/buy-credits/cancel")?,
            locale: current_language(),
        };
        let made = match self.recurring()?.create_subscription(&new).await {
            Ok(made) => made,
            Err(error) => {
                if matches!(error, ProviderError::Refused(_) | ProviderError::Gone) {
                    self.give_up(&known).await?;
                }
                return Err(refused(&error, "a subscription"));
            }
        };
        let kept = self.keep_provider_id(known.id, &made.id, Some(&made.approve_url)).await?;
        if kept.provider_id.as_deref() != Some(&made.id) {
            return Err(AppError::Internal);
        }
        Ok(Subscribed { subscription_id: made.id, approve_url: Some(made.approve_url) })
    }

    async fn change_plan(&self, known: &Subscription, plan: &Plan) -> AppResult<Subscribed> {
        let id = known.provider_id.clone().ok_or(AppError::Internal)?;
        let provider_plan = self.provider_plan(plan).await?;
        if known.now().is_some_and(|terms| terms.is_of(plan) || terms.provider_plan == provider_plan) {
            return Err(AppError::Conflict(t(Text::SubscribedAlready).to_owned()));
        }
        let next = Terms::of(plan, provider_plan.clone(), self.database.now());
        // Known before it is asked for: whatever becomes of the answer, the first payment is understood.
        self.change_subscription(known.id, |known| {
            known.offer(next.clone());
            true
        })
        .await?;
        let change = PlanChange {
            id: id.clone(),
            plan_id: provider_plan,
            return_url: self.address("/buy-credits/return")?,
            cancel_url: self.address("/buy-credits/cancel")?,
            locale: current_language(),
        };
        let approve_url = match self.recurring()?.revise_subscription(&change).await {
            Ok(approve_url) => approve_url,
            Err(error @ (ProviderError::Unavailable | ProviderError::Unreadable)) => {
                return Err(refused(&error, "another plan"));
            }
            Err(error) => {
                self.change_subscription(known.id, |known| {
                    let before = known.offered.len();
                    known.offered.retain(|offered| offered.provider_plan != next.provider_plan);
                    known.offered.len() < before
                })
                .await?;
                return Err(refused(&error, "another plan"));
            }
        };
        if approve_url.is_none() {
            self.look_at_subscription(known.id).await?;
        }
        Ok(Subscribed { subscription_id: id, approve_url })
    }

    /// Nobody waits for it any more. Were it agreed to all the same, it would count.
    pub(super) async fn give_up(&self, known: &Subscription) -> AppResult<()> {
        self.change_subscription(known.id, |known| {
            known.status == SubscriptionStatus::Waiting && !std::mem::replace(&mut known.is_given_up, true)
        })
        .await?;
        Ok(())
    }

    /// The provider's plan, made where there is none yet. What costs the same and brings the same is the same there.
    async fn provider_plan(&self, plan: &Plan) -> AppResult<String> {
        if let Some(own) = &plan.provider_plan {
            return Ok(own.clone());
        }
        let provider = self.recurring()?;
        let Plan { credits, price, .. } = plan;
        let stands_for = format!("{} {credits} {}", provider.account(), price);
        if let Some(known) = self.subscriptions.provider_plan(&stands_for).await? {
            return Ok(known);
        }
        let key = hash_secret(&stands_for).first_chunk().map_or_else(Uuid::nil, |first| Uuid::from_bytes(*first));
        let new = NewPlan { key: key.simple().to_string(), name: plan.name.clone(), price: *price };
        let made = provider.create_plan(&new).await.map_err(|error| refused(&error, "a plan"))?;
        Ok(self.subscriptions.keep_provider_plan(&stands_for, &made).await?)
    }

    /// How far a subscription is that its buyer comes back from. Only the user's own.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::RateLimited`], [`AppError::Unavailable`].
    pub async fn finish_subscription(&self, user: UserId, id: &str) -> AppResult<SubscriptionProgress> {
        let known = self.subscriptions.find_by_provider(id).await?.ok_or(AppError::NotFound)?;
        if known.user != user {
            self.alert_about("owner", known.id, "somebody else asked how it stands");
            return Err(AppError::NotFound);
        }
        self.limiter.check(Limit::Spend, &user.to_string()).await?;
        let known = self.look_at_subscription(known.id).await?;
        let (paid, terms) = (known.paid_until().filter(|until| *until > self.database.now()), known.now());
        Ok(match (paid, terms) {
            (Some(on), Some(Terms { name, credits, .. })) if known.renews() && known.changes() => {
                SubscriptionProgress::Changes { name: name.clone(), credits: *credits, on }
            }
            (Some(until), Some(terms)) => {
                SubscriptionProgress::Active { name: terms.name.clone(), credits: terms.credits, until }
            }
            _ if known.status.is_running() => SubscriptionProgress::Pending,
            _ if known.status == SubscriptionStatus::Waiting => {
                SubscriptionProgress::NotApproved { approve_url: known.approve_url }
            }
            _ => SubscriptionProgress::Dead,
        })
    }

    /// Ends the subscription of a user: what is paid stays until its time is over.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is none, [`AppError::RateLimited`], [`AppError::Unavailable`].
    pub async fn unsubscribe(&self, user: UserId) -> AppResult<()> {
        let known = self.open_subscription(user).await?.ok_or(AppError::NotFound)?;
        self.limiter.check(Limit::Spend, &user.to_string()).await?;
        self.end_open(known).await
    }

    /// Ends a subscription that runs, or may begin.
    pub(in crate::payments::server) async fn end_open(&self, known: Subscription) -> AppResult<()> {
        let id = match known.provider_id.clone() {
            Some(id) if known.status.is_running() => id,
            // Nobody has agreed to it, as far as is known.
            Some(_) => {
                let known = self.look_at_subscription(known.id).await?;
                match known.provider_id.clone().filter(|_| known.status.is_running()) {
                    Some(id) => id,
                    None => return self.give_up(&known).await,
                }
            }
            None => return self.give_up(&known).await,
        };
        match self.recurring()?.cancel_subscription(&id).await {
            // Refused: it has ended already, or else the look says so.
            Ok(()) | Err(ProviderError::Refused(_) | ProviderError::Gone) => {}
            Err(error) => return Err(refused(&error, "the end of a subscription")),
        }
        let known = self.look_at_subscription(known.id).await?;
        if known.is_open() { Err(AppError::Unavailable) } else { Ok(()) }
    }

    /// The plan of a user, as they are told of it; `None`: they have none.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn view_plan(&self, user: UserId) -> AppResult<Option<SubscriptionView>> {
        let (all, periods) = tokio::try_join!(self.subscriptions.list(user, MOST), self.plans.periods(user))?;
        Ok(SubscriptionView::of(&all, periods, self.database.now()))
    }

    fn address(&self, path: &str) -> AppResult<String> {
        self.site.address_of(path).map(String::from).ok_or(AppError::Internal)
    }
}
