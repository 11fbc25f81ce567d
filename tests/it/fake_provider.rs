//! Somebody who takes money, in memory: does what it is told, and goes wrong as it is told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use tessera::payments::server::provider::{
    Capture, CaptureStatus, CreatedOrder, Event, EventKind, NewOrder, NewRefund, OrderState, OrderStatus,
    PaymentProvider, ProviderError, RefundState, RefundStatus,
};
use tessera::payments::server::subscriptions::SubscriptionProvider;
use tessera::platform::money::Money;
use uuid::Uuid;

use crate::fake_recurring::FakeRecurring;

pub const PAYEE: &str = "MERCHANT";

/// What goes wrong.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each goes wrong by itself")]
pub struct Faults {
    /// Nothing is answered, and nothing done.
    pub down: bool,
    /// So many answers get lost on their way: what was asked for is done.
    pub lost: u32,
    /// What captures come to.
    pub pending: bool,
    pub declined: bool,
    /// What refunds come to.
    pub refuses_refunds: bool,
    pub pends_refunds: bool,
}

#[derive(Default)]
struct World {
    orders: BTreeMap<String, OrderState>,
    /// By their keys.
    refunds: BTreeMap<String, (String, RefundState)>,
    /// Money that was taken, and paid out, as often as it was.
    captures: u32,
    paid_out: i64,
    made: u32,
}

#[derive(Default)]
pub struct FakeProvider {
    pub recurring: FakeRecurring,
    world: Mutex<World>,
    faults: Mutex<Faults>,
}

impl FakeProvider {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap()
    }

    /// The buyer agrees.
    pub fn approve(&self, order_id: &str) {
        self.tamper(order_id, |order| order.status = OrderStatus::Approved);
    }

    /// Changes what is told of an order.
    pub fn tamper(&self, order_id: &str, change: impl FnOnce(&mut OrderState)) {
        change(self.world().orders.get_mut(order_id).unwrap());
    }

    pub fn capture_of(&self, order_id: &str) -> Capture {
        self.world().orders[order_id].captures[0].clone()
    }

    /// How often money was taken, and how much was paid out.
    pub fn totals(&self) -> (u32, i64) {
        let world = self.world();
        (world.captures, world.paid_out)
    }

    pub fn orders(&self) -> u32 {
        self.world().made
    }

    /// Money that was pending has come.
    pub fn complete(&self, order_id: &str) {
        self.tamper(order_id, |order| order.captures[0].status = CaptureStatus::Completed);
    }

    /// The seller gives money back, or somebody takes it: what is told of it.
    pub fn give_back(&self, order_id: &str, minor: i64, reversed: bool) -> EventKind {
        let mut world = self.world();
        let capture = &mut world.orders.get_mut(order_id).unwrap().captures[0];
        let amount = Money { minor, ..capture.amount };
        let back = (capture.refunded.map_or(0, |money| money.minor) + minor).min(capture.amount.minor);
        capture.refunded = Some(Money { minor: back, ..amount });
        capture.status = status_after(back, capture.amount.minor);
        let capture_id = Some(capture.id.clone());
        world.paid_out += minor;
        EventKind::Refund { refund_id: Uuid::now_v7().to_string(), capture_id, amount, reversed }
    }

    /// What has become of a refund that was pending.
    pub fn end_refunds(&self, status: RefundStatus) {
        for (_, refund) in self.world().refunds.values_mut() {
            refund.status = status;
        }
    }

    /// The ids of all refunds that were asked for.
    pub fn refund_ids(&self) -> Vec<String> {
        self.world().refunds.values().map(|(_, refund)| refund.id.clone()).collect()
    }

    /// Whether this request is answered, once what it asks for is done.
    fn is_heard(&self) -> Result<(), ProviderError> {
        let mut faults = self.faults();
        if faults.lost > 0 {
            faults.lost -= 1;
            return Err(ProviderError::Unavailable);
        }
        Ok(())
    }

    fn is_up(&self) -> Result<(), ProviderError> {
        if self.faults().down { Err(ProviderError::Unavailable) } else { Ok(()) }
    }
}

const fn status_after(back: i64, of: i64) -> CaptureStatus {
    if back < of { CaptureStatus::PartiallyRefunded } else { CaptureStatus::Refunded }
}

/// An event that nobody has heard of.
pub fn event(what: EventKind) -> Event {
    Event { id: format!("WH-{}", Uuid::now_v7()), what }
}

#[async_trait]
impl PaymentProvider for FakeProvider {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn payee(&self) -> Option<&str> {
        Some(PAYEE)
    }

    async fn create_order(&self, order: &NewOrder) -> Result<CreatedOrder, ProviderError> {
        self.is_up()?;
        let order_id = format!("O-{}", order.payment);
        let approve_url = format!("http://127.0.0.1/approve/{order_id}");
        {
            let mut world = self.world();
            if !world.orders.contains_key(&order_id) {
                world.made += 1;
                let made = OrderState {
                    order_id: order_id.clone(),
                    status: OrderStatus::Created,
                    payee: Some(PAYEE.to_owned()),
                    amount: Some(order.price),
                    payment: Some(order.payment.to_string()),
                    captures: Vec::new(),
                    approve_url: Some(approve_url.clone()),
                };
                world.orders.insert(order_id.clone(), made);
            }
        }
        self.is_heard()?;
        Ok(CreatedOrder { order_id, approve_url })
    }

    async fn capture_order(&self, order_id: &str) -> Result<OrderState, ProviderError> {
        self.is_up()?;
        let (pending, declined) = {
            let faults = self.faults();
            (faults.pending, faults.declined)
        };
        let told = {
            let mut world = self.world();
            let number = world.captures;
            let order = world.orders.get_mut(order_id).ok_or(ProviderError::Gone)?;
            match order.status {
                OrderStatus::Completed => order.clone(),
                OrderStatus::Created => return Err(ProviderError::NotApproved),
                OrderStatus::Voided => return Err(ProviderError::Gone),
                OrderStatus::Approved if declined => return Err(ProviderError::Declined { again_url: None }),
                OrderStatus::Approved => {
                    order.status = OrderStatus::Completed;
                    let status =
                        if pending { CaptureStatus::Pending("ECHECK".into()) } else { CaptureStatus::Completed };
                    order.captures.push(Capture {
                        id: format!("C{number}-{order_id}"),
                        order_id: Some(order_id.to_owned()),
                        status,
                        amount: order.amount.unwrap(),
                        payee: order.payee.clone(),
                        payment: order.payment.clone(),
                        refunded: None,
                    });
                    let told = order.clone();
                    world.captures += 1;
                    told
                }
            }
        };
        self.is_heard()?;
        Ok(told)
    }

    async fn find_order(&self, order_id: &str) -> Result<OrderState, ProviderError> {
        self.is_up()?;
        self.world().orders.get(order_id).cloned().ok_or(ProviderError::Gone)
    }

    async fn find_capture(&self, capture_id: &str) -> Result<Capture, ProviderError> {
        self.is_up()?;
        let world = self.world();
        let mut captures = world.orders.values().flat_map(|order| &order.captures);
        captures.find(|capture| capture.id == capture_id).cloned().ok_or(ProviderError::Gone)
    }

    fn subscriptions(&self) -> Option<&dyn SubscriptionProvider> {
        Some(&self.recurring)
    }

    async fn refund(&self, refund: &NewRefund) -> Result<RefundState, ProviderError> {
        self.is_up()?;
        let (refuses, pends) = {
            let faults = self.faults();
            (faults.refuses_refunds, faults.pends_refunds)
        };
        let known = self.world().refunds.get(&refund.key).map(|(_, known)| known.clone());
        if known.is_none() && refuses {
            return Err(ProviderError::Refused("REFUND_NOT_ALLOWED".to_owned()));
        }
        let told = {
            let mut world = self.world();
            if let Some((_, known)) = world.refunds.get(&refund.key) {
                known.clone()
            } else {
                let mut captures = world.orders.values_mut().flat_map(|order| &mut order.captures);
                let capture = captures.find(|capture| capture.id == refund.capture_id).ok_or(ProviderError::Gone)?;
                let back = capture.refunded.map_or(0, |money| money.minor) + refund.amount.minor;
                if back > capture.amount.minor {
                    return Err(ProviderError::Refused("REFUND_AMOUNT_EXCEEDED".to_owned()));
                }
                let status = if pends { RefundStatus::Pending } else { RefundStatus::Completed };
                capture.refunded = Some(Money { minor: back, ..capture.amount });
                capture.status = status_after(back, capture.amount.minor);
                let told = RefundState { id: format!("R-{}", Uuid::now_v7()), status, amount: Some(refund.amount) };
                world.paid_out += refund.amount.minor;
                world.refunds.insert(refund.key.clone(), (refund.capture_id.clone(), told.clone()));
                told
            }
        };
        self.is_heard()?;
        Ok(told)
    }
}
