//! Somebody who takes money every month, in memory: does what it is told, and goes wrong as it is told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use tessera::payments::server::provider::{CaptureStatus, EventKind, ProviderError};
use tessera::payments::server::subscriptions::{
    CreatedSubscription, NewPlan, NewSubscription, PlanChange, Sale, SubscriptionProvider, SubscriptionReport,
    SubscriptionStatus,
};
use tessera::platform::money::Money;
use uuid::Uuid;

#[derive(Default)]
struct World {
    /// By their keys: their ids and prices.
    plans: BTreeMap<String, (String, Money)>,
    subscriptions: BTreeMap<String, SubscriptionReport>,
    sales: BTreeMap<String, Vec<Sale>>,
    /// What is taken is not in the list yet.
    list_is_behind: bool,
    down: bool,
    lost: u32,
    cancelled: u32,
    sold: u32,
}

pub struct FakeRecurring {
    account: Uuid,
    world: Mutex<World>,
}

impl Default for FakeRecurring {
    fn default() -> Self {
        Self { account: Uuid::now_v7(), world: Mutex::default() }
    }
}

impl FakeRecurring {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn set_down(&self, down: bool) {
        self.world().down = down;
    }

    /// So many answers get lost: what was asked for is done.
    pub fn lose(&self, answers: u32) {
        self.world().lost = answers;
    }

    pub fn set_list_behind(&self, behind: bool) {
        self.world().list_is_behind = behind;
    }

    pub fn plans(&self) -> usize {
        self.world().plans.len()
    }

    pub fn made(&self) -> usize {
        self.world().subscriptions.len()
    }

    pub fn cancelled(&self) -> u32 {
        self.world().cancelled
    }

    pub fn tamper(&self, id: &str, change: impl FnOnce(&mut SubscriptionReport)) {
        change(self.world().subscriptions.get_mut(id).unwrap());
    }

    pub fn set_status(&self, id: &str, status: SubscriptionStatus) -> EventKind {
        self.tamper(id, |known| known.status = status);
        EventKind::Subscription { id: id.to_owned() }
    }

    /// The buyer agrees; nothing is taken yet.
    pub fn approve(&self, id: &str) -> EventKind {
        self.set_status(id, SubscriptionStatus::Active)
    }

    /// The price of its plan is taken, at this time: what is told of it.
    pub fn charge(&self, id: &str, at: i64) -> EventKind {
        let mut world = self.world();
        let plan = world.subscriptions[id].plan_id.clone();
        let price = world.plans.values().find(|(known, _)| Some(known) == plan.as_ref()).unwrap().1;
        world.sold += 1;
        let sale = Sale {
            id: format!("S{}-{id}", world.sold),
            subscription_id: Some(id.to_owned()),
            status: CaptureStatus::Completed,
            amount: price,
            at,
        };
        let told = EventKind::Sale { id: sale.id.clone(), subscription_id: id.to_owned() };
        world.sales.entry(id.to_owned()).or_default().push(sale);
        told
    }

    pub fn tamper_sale(&self, id: &str, at: usize, change: impl FnOnce(&mut Sale)) {
        change(&mut self.world().sales.get_mut(id).unwrap()[at]);
    }

    /// The seller gives money of a sale back, or somebody takes it: what is told of it.
    pub fn give_back(&self, id: &str, at: usize, minor: i64, reversed: bool) -> EventKind {
        let mut world = self.world();
        let sale = &mut world.sales.get_mut(id).unwrap()[at];
        let is_all = minor >= sale.amount.minor;
        sale.status = if is_all { CaptureStatus::Refunded } else { CaptureStatus::PartiallyRefunded };
        let amount = Money { minor, ..sale.amount };
        EventKind::Refund { refund_id: Uuid::now_v7().to_string(), capture_id: Some(sale.id.clone()), amount, reversed }
    }

    pub fn sale(&self, id: &str, at: usize) -> Sale {
        self.world().sales[id][at].clone()
    }

    fn is_up(&self) -> Result<(), ProviderError> {
        if self.world().down { Err(ProviderError::Unavailable) } else { Ok(()) }
    }

    fn is_heard(&self) -> Result<(), ProviderError> {
        let mut world = self.world();
        if world.lost > 0 {
            world.lost -= 1;
            return Err(ProviderError::Unavailable);
        }
        Ok(())
    }
}

#[async_trait]
impl SubscriptionProvider for FakeRecurring {
    fn account(&self) -> String {
        self.account.to_string()
    }

    async fn create_plan(&self, plan: &NewPlan) -> Result<String, ProviderError> {
        self.is_up()?;
        let id = format!("P-{}", plan.key);
        self.world().plans.insert(plan.key.clone(), (id.clone(), plan.price));
        self.is_heard()?;
        Ok(id)
    }

    async fn create_subscription(&self, new: &NewSubscription) -> Result<CreatedSubscription, ProviderError> {
        self.is_up()?;
        let id = format!("I-{}", new.subscription);
        let approve_url = format!("http://127.0.0.1/subscribe/{id}");
        let made = SubscriptionReport {
            id: id.clone(),
            status: SubscriptionStatus::Waiting,
            plan_id: Some(new.plan_id.clone()),
            subscription: Some(new.subscription.to_string()),
            approve_url: Some(approve_url.clone()),
            is_failing: false,
        };
        self.world().subscriptions.entry(id.clone()).or_insert(made);
        self.is_heard()?;
        Ok(CreatedSubscription { id, approve_url })
    }

    async fn find_subscription(&self, id: &str) -> Result<SubscriptionReport, ProviderError> {
        self.is_up()?;
        self.world().subscriptions.get(id).cloned().ok_or(ProviderError::Gone)
    }

    async fn find_sales(&self, id: &str, from: i64, until: i64) -> Result<Vec<Sale>, ProviderError> {
        self.is_up()?;
        let world = self.world();
        if world.list_is_behind {
            return Ok(Vec::new());
        }
        let sales = world.sales.get(id).cloned().unwrap_or_default();
        Ok(sales.into_iter().filter(|sale| (from..=until).contains(&sale.at)).collect())
    }

    async fn find_sale(&self, sale_id: &str) -> Result<Sale, ProviderError> {
        self.is_up()?;
        let world = self.world();
        world.sales.values().flatten().find(|sale| sale.id == sale_id).cloned().ok_or(ProviderError::Gone)
    }

    async fn cancel_subscription(&self, id: &str) -> Result<(), ProviderError> {
        self.is_up()?;
        {
            let mut world = self.world();
            let known = world.subscriptions.get_mut(id).ok_or(ProviderError::Gone)?;
            if !known.status.is_running() {
                return Err(ProviderError::Refused("SUBSCRIPTION_STATUS_INVALID".to_owned()));
            }
            known.status = SubscriptionStatus::Cancelled;
            world.cancelled += 1;
        }
        self.is_heard()
    }

    async fn revise_subscription(&self, change: &PlanChange) -> Result<Option<String>, ProviderError> {
        self.is_up()?;
        if !self.world().subscriptions.contains_key(&change.id) {
            return Err(ProviderError::Gone);
        }
        Ok(Some(format!("http://127.0.0.1/revise/{}/{}", change.id, change.plan_id)))
    }
}
