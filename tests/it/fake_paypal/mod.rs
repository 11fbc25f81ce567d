//! A server that speaks PayPal's orders, refunds, subscriptions and webhooks, with the pages where a buyer approves. What goes wrong is said
//! before it does: `fake.next(Door::Capture, Fault::Lost)`; each fault is for one call.
//!
//! It is as strict as the real one may be: what it answered to a `PayPal-Request-Id` it answers again, refusals too.

mod api;
mod approval;
mod subscriptions;
mod webhooks;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use self::api::FOR_EVER;
pub use self::webhooks::{CertificateHost, Chain, Delivery, Signer};

pub const CLIENT_ID: &str = "AZDxjDScFpQtjWTOUtWKbyN_bDt4OgqaF4eYXlewfBP4-8aqX3PiV8e1GWU6liB2CUXlkA59kJXE7M6R";
pub const CLIENT_SECRET: &str = "hush-hush-EGnHDxD";
pub const WEBHOOK_ID: &str = "5GP028458E2496506";
/// Whose account the money comes to.
pub const MERCHANT_ID: &str = "5KAP3ZQ9MD2JC";

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Door {
    Token,
    Create,
    Capture,
    /// A look at an order.
    Order,
    /// A look at a capture.
    Payment,
    Refund,
    Verify,
    /// Making a product or a plan.
    Plan,
    Subscribe,
    /// A look at a subscription.
    Subscription,
    /// What was paid for one.
    Sales,
    /// A look at one payment.
    Sale,
    Cancel,
    Revise,
}

/// What goes wrong with one call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Refused with this status, in PayPal's words.
    Status(u16),
    /// 422 for this reason.
    Issue(&'static str),
    /// Done, but nobody hears of it.
    Lost,
    /// Done, after so long.
    Slow(Duration),
    /// A success, but no JSON.
    Garbage,
    /// Done, and answered with no more than the id and the status.
    Minimal,
    /// The capture has this status.
    As(&'static str),
    /// The capture has another amount, payee or payment than the order: set in its place.
    Forged(&'static str, Value),
}

#[derive(Debug, Clone)]
pub struct Order {
    pub id: String,
    /// As it was sent.
    pub body: Value,
    pub status: &'static str,
    pub captures: Vec<Value>,
    pub refunds: Vec<Value>,
}

impl Order {
    fn unit(&self) -> &Value {
        &self.body["purchase_units"][0]
    }

    pub fn experience(&self) -> &Value {
        &self.body["payment_source"]["paypal"]["experience_context"]
    }
}

/// A call, as it came.
#[derive(Debug, Clone)]
pub struct Call {
    pub door: Door,
    pub key: Option<String>,
    pub body: Value,
}

pub struct Seen {
    pub calls: Mutex<Vec<Call>>,
    world: Mutex<World>,
    signer: Signer,
    /// Where it is, without a slash at the end.
    root: String,
    numbers: AtomicU64,
}

#[derive(Default)]
struct World {
    orders: BTreeMap<String, Order>,
    /// What was answered to a key, if it was refused; else what was done, by its id.
    answered: BTreeMap<String, Result<String, (u16, Value)>>,
    faults: BTreeMap<Door, VecDeque<Fault>>,
    tokens: Vec<String>,
    recurring: subscriptions::Recurring,
}

impl Seen {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// An id of seventeen characters, as PayPal has them.
    fn new_id(&self, kind: &str) -> String {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        format!("{kind}{number:0>width$}", width = 17 - kind.len())
    }
}

pub struct FakePayPal {
    pub url: String,
    pub seen: Arc<Seen>,
}

impl FakePayPal {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen {
            calls: Mutex::default(),
            world: Mutex::default(),
            signer: Signer::new(),
            root: root.clone(),
            numbers: AtomicU64::new(1),
        });
        let app = Router::new()
            .route("/v1/oauth2/token", post(api::grant))
            .route("/v2/checkout/orders", post(api::create))
            .route("/v2/checkout/orders/{id}", get(api::show_order))
            .route("/v2/checkout/orders/{id}/capture", post(api::capture))
            .route("/v2/payments/captures/{id}", get(api::show_capture))
            .route("/v2/payments/captures/{id}/refund", post(api::refund))
            .route("/v1/notifications/verify-webhook-signature", post(webhooks::verify))
            .route("/v1/catalogs/products", post(subscriptions::make_product))
            .route("/v1/billing/plans", post(subscriptions::make_plan))
            .route("/v1/billing/subscriptions", post(subscriptions::subscribe))
            .route("/v1/billing/subscriptions/{id}", get(subscriptions::show))
            .route("/v1/billing/subscriptions/{id}/transactions", get(subscriptions::list_sales))
            .route("/v1/billing/subscriptions/{id}/cancel", post(subscriptions::cancel))
            .route("/v1/billing/subscriptions/{id}/revise", post(subscriptions::revise))
            .route("/v1/payments/sale/{id}", get(subscriptions::show_sale))
            .route("/webapps/billing/subscriptions", get(subscriptions::approval))
            .route("/webapps/billing/{answer}", post(subscriptions::answer))
            .route("/checkoutnow", get(approval::show))
            .route("/checkoutnow/{answer}", post(approval::answer))
            .with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url: root, seen }
    }

    /// The variables of a server that sells through this one. The webhook is verified by asking back: certificates are at
    /// paypal.com only.
    pub fn vars(&self) -> [(&str, &str); 6] {
        [
            ("PAYPAL_BASE_URL", &self.url),
            ("PAYPAL_CLIENT_ID", CLIENT_ID),
            ("PAYPAL_CLIENT_SECRET", CLIENT_SECRET),
            ("PAYPAL_MERCHANT_ID", MERCHANT_ID),
            ("PAYPAL_WEBHOOK_ID", WEBHOOK_ID),
            ("PAYPAL_WEBHOOK_CHECK", "postback"),
        ]
    }

    /// What happens to the next call of this kind that nothing else was said of.
    pub fn next(&self, door: Door, fault: Fault) {
        self.seen.world().faults.entry(door).or_default().push_back(fault);
    }

    pub fn count(&self, door: Door) -> usize {
        self.seen.calls.lock().unwrap().iter().filter(|call| call.door == door).count()
    }

    pub fn calls(&self, door: Door) -> Vec<Call> {
        self.seen.calls.lock().unwrap().iter().filter(|call| call.door == door).cloned().collect()
    }

    /// No token is taken any more.
    pub fn forget_tokens(&self) {
        self.seen.world().tokens.clear();
    }

    pub fn order(&self, id: &str) -> Order {
        self.seen.world().orders[id].clone()
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Order)) {
        change(self.seen.world().orders.get_mut(id).unwrap());
    }

    /// The buyer presses the button.
    pub fn approve(&self, id: &str) {
        self.change(id, |order| order.status = "APPROVED");
    }

    /// Hours later: what was answered to a `PayPal-Request-Id` is not known any more.
    pub fn forget_keys(&self) {
        self.seen.world().answered.clear();
    }

    /// The order is no more.
    pub fn expire(&self, id: &str) {
        self.seen.world().orders.remove(id);
    }

    /// What was pending is decided.
    pub fn settle(&self, id: &str, status: &str) {
        self.change(id, |order| {
            order.captures[0]["status"] = status.into();
            order.captures[0].as_object_mut().unwrap().remove("status_details");
        });
    }

    /// The seller refunds so much at PayPal. Returns the refund.
    pub fn refund(&self, id: &str, value: &str) -> Value {
        let refund_id = self.seen.new_id("RE");
        let mut world = self.seen.world();
        let order = world.orders.get_mut(id).unwrap();
        api::add_refund(&self.seen, order, refund_id, value)
    }

    pub fn approved_event(&self, order_id: &str) -> Value {
        let order = self.order(order_id);
        let resource = api::shown(&self.seen, &order);
        self.event("CHECKOUT.ORDER.APPROVED", "checkout-order", resource)
    }

    /// What is reported of the capture of an order: `COMPLETED`, `PENDING` …
    pub fn capture_event(&self, order_id: &str, kind: &str) -> Value {
        let capture = self.order(order_id).captures[0].clone();
        self.event(&format!("PAYMENT.CAPTURE.{kind}"), "capture", capture)
    }

    /// What is reported of a refund: `REFUNDED` or `REVERSED`.
    pub fn refund_event(&self, refund: &Value, kind: &str) -> Value {
        self.event(&format!("PAYMENT.CAPTURE.{kind}"), "refund", refund.clone())
    }

    /// What is reported of a dispute: `CREATED`, `UPDATED` or `RESOLVED`, the latter with how it ended.
    pub fn dispute_event(&self, order_id: &str, kind: &str, outcome: &str) -> Value {
        let order = self.order(order_id);
        let status = if kind == "RESOLVED" { "RESOLVED" } else { "UNDER_REVIEW" };
        let resource = json!({
            "dispute_id": format!("PP-D-{order_id}"), "reason": "UNAUTHORISED", "status": status,
            "dispute_amount": order.unit()["amount"],
            "disputed_transactions": [{ "seller_transaction_id": order.captures[0]["id"], "custom": "" }],
            "dispute_outcome": { "outcome_code": outcome },
        });
        self.event(&format!("CUSTOMER.DISPUTE.{kind}"), "dispute", resource)
    }

    pub fn event(&self, kind: &str, resource_type: &str, resource: Value) -> Value {
        json!({
            "id": format!("WH-{}", self.seen.new_id("")), "event_version": "1.0", "create_time": "2026-01-01T00:00:00.000Z",
            "resource_type": resource_type, "resource_version": "2.0", "event_type": kind, "summary": "Something happened",
            "resource": resource, "links": [],
        })
    }

    /// Signs a report as PayPal does.
    pub fn sign(&self, event: &Value) -> Delivery {
        self.seen.signer.sign(WEBHOOK_ID, &event.to_string())
    }

    /// Sends a report to a server. Returns its status.
    pub async fn deliver(&self, to: std::net::SocketAddr, event: &Value) -> u16 {
        self.sign(event).send(to).await
    }
}
