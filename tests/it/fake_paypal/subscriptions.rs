//! Plans, subscriptions, what was paid for them, and the page where a buyer agrees to one or to its change.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::api::{at_door, business, refusal};
use super::{Door, FakePayPal, Seen};

#[derive(Debug, Clone)]
pub struct Subscription {
    pub id: String,
    /// As it was sent.
    pub body: Value,
    pub status: &'static str,
    pub plan_id: String,
    /// What its buyer has been asked to change to.
    pub offered: Option<Value>,
    pub failed_payments: u32,
    /// As its transactions are listed.
    pub sales: Vec<Value>,
}

#[derive(Default)]
pub struct Recurring {
    pub plans: BTreeMap<String, Value>,
    pub subscriptions: BTreeMap<String, Subscription>,
}

type Query1 = Query<BTreeMap<String, String>>;

fn key_of(kind: &str, headers: &HeaderMap) -> String {
    format!("{kind} {}", headers.get("paypal-request-id").unwrap().to_str().unwrap())
}

fn shown(seen: &Seen, known: &Subscription) -> Value {
    let (root, id) = (&seen.root, &known.id);
    let mut links =
        vec![json!({ "href": format!("{root}/v1/billing/subscriptions/{id}"), "rel": "self", "method": "GET" })];
    if known.status == "APPROVAL_PENDING" {
        links.push(json!({ "href": format!("{root}/webapps/billing/subscriptions?ba_token={id}"), "rel": "approve", "method": "GET" }));
    }
    json!({
        "id": id, "status": known.status, "plan_id": known.plan_id, "custom_id": known.body["custom_id"], "links": links,
        "billing_info": { "failed_payments_count": known.failed_payments },
    })
}

pub async fn make_product(State(seen): State<Arc<Seen>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    at_door(&seen, Door::Plan, &headers, &body, |_| {
        if body["type"] != "SERVICE" || !body["name"].is_string() {
            return Err(refusal(400));
        }
        let key = key_of("product", &headers);
        let id = seen.new_id("PROD-");
        let made = seen.world().answered.entry(key).or_insert(Ok(id)).clone()?;
        Ok((201, json!({ "id": made })))
    })
    .await
}

pub async fn make_plan(State(seen): State<Arc<Seen>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    at_door(&seen, Door::Plan, &headers, &body, |_| {
        let cycle = &body["billing_cycles"][0];
        let is_right = body["product_id"].as_str().is_some_and(|id| id.starts_with("PROD-"))
            && cycle["frequency"] == json!({ "interval_unit": "MONTH", "interval_count": 1 })
            && cycle["total_cycles"] == 0
            && cycle["pricing_scheme"]["fixed_price"]["value"].is_string();
        if !is_right {
            return Err(refusal(400));
        }
        let key = key_of("plan", &headers);
        let id = seen.new_id("P-");
        let mut world = seen.world();
        let made = world.answered.entry(key).or_insert(Ok(id)).clone()?;
        world.recurring.plans.insert(made.clone(), body.clone());
        Ok((201, json!({ "id": made, "status": "ACTIVE" })))
    })
    .await
}

pub async fn subscribe(State(seen): State<Arc<Seen>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    at_door(&seen, Door::Subscribe, &headers, &body, |_| {
        let key = key_of("subscription", &headers);
        let plan_id = body["plan_id"].as_str().unwrap().to_owned();
        if !body["application_context"]["return_url"].is_string() {
            return Err(refusal(400));
        }
        let id = seen.new_id("I-");
        let known = {
            let mut world = seen.world();
            if !world.recurring.plans.contains_key(&plan_id) {
                return Err(refusal(404));
            }
            let id = world.answered.entry(key).or_insert(Ok(id)).clone()?;
            let new = Subscription {
                id: id.clone(),
                body: body.clone(),
                status: "APPROVAL_PENDING",
                plan_id,
                offered: None,
                failed_payments: 0,
                sales: Vec::new(),
            };
            world.recurring.subscriptions.entry(id).or_insert(new).clone()
        };
        Ok((201, shown(&seen, &known)))
    })
    .await
}

pub async fn show(State(seen): State<Arc<Seen>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    at_door(&seen, Door::Subscription, &headers, &json!(id), |_| {
        let known = seen.world().recurring.subscriptions.get(&id).cloned().ok_or_else(|| refusal(404))?;
        Ok((200, shown(&seen, &known)))
    })
    .await
}

pub async fn list_sales(
    State(seen): State<Arc<Seen>>,
    Path(id): Path<String>,
    Query(query): Query1,
    headers: HeaderMap,
) -> Response {
    at_door(&seen, Door::Sales, &headers, &json!(query), |_| {
        let time = |name: &str| query.get(name).and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let (Some(from), Some(until)) = (time("start_time"), time("end_time")) else { return Err(refusal(400)) };
        let known = seen.world().recurring.subscriptions.get(&id).cloned().ok_or_else(|| refusal(404))?;
        let is_asked = |sale: &&Value| {
            let at: jiff::Timestamp = sale["time"].as_str().unwrap().parse().unwrap();
            from <= at && at <= until
        };
        let sales: Vec<_> = known.sales.iter().filter(is_asked).cloned().collect();
        Ok((200, json!({ "transactions": sales, "links": [] })))
    })
    .await
}

pub async fn show_sale(State(seen): State<Arc<Seen>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    at_door(&seen, Door::Sale, &headers, &json!(id), |_| {
        let world = seen.world();
        let mut all =
            world.recurring.subscriptions.values().flat_map(|known| known.sales.iter().map(move |sale| (known, sale)));
        let (known, sale) = all.find(|(_, sale)| sale["id"] == *id).ok_or_else(|| refusal(404))?;
        Ok((200, old_sale(known, sale)))
    })
    .await
}

/// A sale as the older API has it.
fn old_sale(known: &Subscription, sale: &Value) -> Value {
    let gross = &sale["amount_with_breakdown"]["gross_amount"];
    json!({
        "id": sale["id"], "state": sale["status"].as_str().unwrap().to_lowercase(), "billing_agreement_id": known.id,
        "amount": { "total": gross["value"], "currency": gross["currency_code"], "details": { "subtotal": gross["value"] } },
        "create_time": sale["time"], "payment_mode": "INSTANT_TRANSFER", "custom": known.body["custom_id"],
    })
}

pub async fn cancel(
    State(seen): State<Arc<Seen>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let answer = at_door(&seen, Door::Cancel, &headers, &body, |_| {
        let mut world = seen.world();
        let known = world.recurring.subscriptions.get_mut(&id).ok_or_else(|| refusal(404))?;
        if !["ACTIVE", "SUSPENDED"].contains(&known.status) {
            return Err(business("SUBSCRIPTION_STATUS_INVALID"));
        }
        known.status = "CANCELLED";
        Ok((204, Value::Null))
    })
    .await;
    if answer.status() == StatusCode::NO_CONTENT { StatusCode::NO_CONTENT.into_response() } else { answer }
}

pub async fn revise(
    State(seen): State<Arc<Seen>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    at_door(&seen, Door::Revise, &headers, &body, |_| {
        let mut world = seen.world();
        let known = world.recurring.subscriptions.get_mut(&id).ok_or_else(|| refusal(404))?;
        if known.status != "ACTIVE" {
            return Err(business("SUBSCRIPTION_STATUS_INVALID"));
        }
        known.offered = Some(body.clone());
        let approve = format!("{}/webapps/billing/subscriptions?ba_token={id}", seen.root);
        Ok((
            200,
            json!({ "plan_id": body["plan_id"], "links": [{ "href": approve, "rel": "approve", "method": "GET" }] }),
        ))
    })
    .await
}

/// The page where a buyer agrees.
pub async fn approval(State(seen): State<Arc<Seen>>, Query(query): Query1) -> Response {
    let id = query.get("ba_token").cloned().unwrap_or_default();
    if !seen.world().recurring.subscriptions.contains_key(&id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let button = |answer: &str, label: &str| {
        format!(
            r#"<form method="post" action="/webapps/billing/{answer}?ba_token={id}"><button>{label}</button></form>"#
        )
    };
    let page = format!(
        "<!doctype html><title>PayPal</title>{}{}",
        button("agree", "Agree &amp; Subscribe"),
        button("cancel", "Cancel")
    );
    Html(page).into_response()
}

/// Who agrees pays at once, as the first month begins then; a change holds from the next payment on.
pub async fn answer(State(seen): State<Arc<Seen>>, Path(answer): Path<String>, Query(query): Query1) -> Response {
    let id = query.get("ba_token").cloned().unwrap_or_default();
    let sale = seen.new_id("8A");
    let mut world = seen.world();
    let plans = world.recurring.plans.clone();
    let Some(known) = world.recurring.subscriptions.get_mut(&id) else { return StatusCode::NOT_FOUND.into_response() };
    let context = known.offered.as_ref().unwrap_or(&known.body)["application_context"].clone();
    let field = if answer == "agree" { "return_url" } else { "cancel_url" };
    if answer == "agree" {
        if let Some(offered) = known.offered.take() {
            offered["plan_id"].as_str().unwrap().clone_into(&mut known.plan_id);
        } else if known.status == "APPROVAL_PENDING" {
            known.status = "ACTIVE";
            pay(known, &plans, sale, jiff::Timestamp::now());
        }
    }
    Redirect::to(&format!("{}?subscription_id={id}&ba_token=BA-1&token=BA-1", context[field].as_str().unwrap()))
        .into_response()
}

fn pay(known: &mut Subscription, plans: &BTreeMap<String, Value>, sale: String, at: jiff::Timestamp) {
    let price = &plans[&known.plan_id]["billing_cycles"][0]["pricing_scheme"]["fixed_price"];
    known.failed_payments = 0;
    known.sales.push(json!({
        "id": sale, "status": "COMPLETED", "time": at.to_string(), "payer_email": "b@example.com",
        "amount_with_breakdown": { "gross_amount": price },
    }));
}

impl FakePayPal {
    pub fn subscription(&self, id: &str) -> Subscription {
        self.seen.world().recurring.subscriptions[id].clone()
    }

    pub fn plans(&self) -> usize {
        self.seen.world().recurring.plans.len()
    }

    pub fn change_subscription(&self, id: &str, change: impl FnOnce(&mut Subscription)) {
        change(self.seen.world().recurring.subscriptions.get_mut(id).unwrap());
    }

    /// The buyer goes to this address and agrees; where they are sent then.
    pub async fn agree(&self, address: &str) -> String {
        let id = address.rsplit('=').next().unwrap();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        assert_eq!(http.get(address).send().await.unwrap().status(), 200);
        let agreed = http.post(format!("{}/webapps/billing/agree?ba_token={id}", self.url)).send().await.unwrap();
        agreed.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The next month is paid: what is reported of it.
    pub fn renew(&self, id: &str, at: jiff::Timestamp) -> Value {
        let sale = self.seen.new_id("8A");
        {
            let mut world = self.seen.world();
            let plans = world.recurring.plans.clone();
            pay(world.recurring.subscriptions.get_mut(id).unwrap(), &plans, sale, at);
        }
        let last = self.subscription(id).sales.len() - 1;
        self.sale_event(id, last)
    }

    /// What is reported of a payment.
    pub fn sale_event(&self, id: &str, at: usize) -> Value {
        let known = self.subscription(id);
        self.event("PAYMENT.SALE.COMPLETED", "sale", old_sale(&known, &known.sales[at]))
    }

    /// The seller gives so much of a payment back: what is reported of it.
    pub fn sale_refund_event(&self, id: &str, at: usize, value: &str) -> Value {
        let refund = self.seen.new_id("RE");
        let mut sale = Value::Null;
        self.change_subscription(id, |known| {
            let is_all = known.sales[at]["amount_with_breakdown"]["gross_amount"]["value"] == value;
            known.sales[at]["status"] = if is_all { "REFUNDED" } else { "PARTIALLY_REFUNDED" }.into();
            sale = known.sales[at]["id"].clone();
        });
        let amount = json!({ "total": format!("-{value}"), "currency": "USD" });
        let resource = json!({ "id": refund, "sale_id": sale, "state": "completed", "amount": amount });
        self.event("PAYMENT.SALE.REFUNDED", "refund", resource)
    }

    /// What is reported of a subscription: `ACTIVATED`, `CANCELLED` …
    pub fn subscription_event(&self, id: &str, kind: &str) -> Value {
        let resource = shown(&self.seen, &self.subscription(id));
        self.event(&format!("BILLING.SUBSCRIPTION.{kind}"), "subscription", resource)
    }
}
