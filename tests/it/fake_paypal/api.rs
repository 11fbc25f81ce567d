//! Tokens, orders, captures and refunds.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::stream;
use serde_json::{Value, json};

use super::{CLIENT_ID, CLIENT_SECRET, Call, Door, Fault, MERCHANT_ID, Order, Seen};

const BUSINESS: &str =
    "The requested action could not be performed, semantically incorrect, or failed business validation.";

/// What is answered, before anything goes wrong with it.
type Done = Result<(u16, Value), (u16, Value)>;

fn issue(status: u16, name: &str, issue: &str) -> (u16, Value) {
    let body = json!({
        "name": name, "message": BUSINESS, "debug_id": "f3391198e4dae",
        "details": [{ "issue": issue, "description": "As it is called." }],
        "links": [{ "href": format!("https://developer.paypal.com/docs/api/orders/v2/#error-{issue}"), "rel": "information_link", "method": "GET" }],
    });
    (status, body)
}

pub fn business(name: &str) -> (u16, Value) {
    issue(422, "UNPROCESSABLE_ENTITY", name)
}

pub fn refusal(status: u16) -> (u16, Value) {
    match status {
        400 => issue(400, "INVALID_REQUEST", "INVALID_PARAMETER_SYNTAX"),
        401 => (
            401,
            json!({ "name": "AUTHENTICATION_FAILURE", "message": "Authentication failed due to missing authorization header, or invalid authentication credentials." }),
        ),
        403 => issue(403, "NOT_AUTHORIZED", "PERMISSION_DENIED"),
        404 => issue(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"),
        409 => issue(409, "RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS"),
        429 => (
            429,
            json!({ "name": "RATE_LIMIT_REACHED", "message": "Too many requests. Blocked due to rate limiting." }),
        ),
        other => (other, json!({ "name": "INTERNAL_SERVER_ERROR", "message": "An internal server error occurred." })),
    }
}

fn answered((status, body): (u16, Value)) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

/// Notes the call, does what is asked, and lets happen to the answer what is to happen.
pub async fn at_door(
    seen: &Seen,
    door: Door,
    headers: &HeaderMap,
    body: &Value,
    act: impl FnOnce(Option<&Fault>) -> Done,
) -> Response {
    let key = headers.get("paypal-request-id").map(|key| key.to_str().unwrap().to_owned());
    seen.calls.lock().unwrap().push(Call { door, key, body: body.clone() });
    let fault = seen.world().faults.get_mut(&door).and_then(std::collections::VecDeque::pop_front);
    let is_known = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.strip_prefix("Bearer ").is_some_and(|token| seen.world().tokens.iter().any(|known| known == token))
    });
    match fault {
        Some(Fault::Status(status)) => return answered(refusal(status)),
        Some(Fault::Issue(name)) => return answered(business(name)),
        _ => {}
    }
    if !is_known {
        return answered(refusal(401));
    }
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return answered(refusal(400));
    }
    let (status, mut body) = act(fault.as_ref()).unwrap_or_else(|refused| refused);
    match fault {
        Some(Fault::Lost) => {
            let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("lost"))]);
            return (StatusCode::from_u16(status).unwrap(), Body::from_stream(broken)).into_response();
        }
        Some(Fault::Garbage) => return (StatusCode::OK, "<html>").into_response(),
        Some(Fault::Minimal) => body = json!({ "id": body["id"], "status": body["status"], "links": body["links"] }),
        Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
        _ => {}
    }
    answered((status, body))
}

pub async fn grant(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: String) -> Response {
    seen.calls.lock().unwrap().push(Call { door: Door::Token, key: None, body: body.clone().into() });
    match seen.world().faults.get_mut(&Door::Token).and_then(std::collections::VecDeque::pop_front) {
        Some(Fault::Status(status)) => return answered(refusal(status)),
        Some(other) => panic!("{other:?}"),
        None => {}
    }
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    if headers.get(AUTHORIZATION).is_none_or(|value| *value != basic) || body != "grant_type=client_credentials" {
        let refused = json!({ "error": "invalid_client", "error_description": "Client Authentication failed" });
        return answered((401, refused));
    }
    let token = seen.new_id("A21AA");
    seen.world().tokens.push(token.clone());
    let granted = json!({
        "scope": "https://uri.paypal.com/services/payments", "access_token": token, "token_type": "Bearer",
        "app_id": "APP-80W284485P519543T", "expires_in": 32400, "nonce": "2026-01-01T00:00:00Z",
    });
    answered((200, granted))
}

/// An order as it is answered.
pub fn shown(seen: &Seen, order: &Order) -> Value {
    let unit = order.unit();
    let (root, id) = (&seen.root, &order.id);
    let mut unit = json!({
        "reference_id": "default", "amount": unit["amount"], "custom_id": unit["custom_id"], "invoice_id": unit["invoice_id"],
        "payee": { "merchant_id": MERCHANT_ID, "email_address": "seller@example.com" },
    });
    if !order.captures.is_empty() {
        unit["payments"] = json!({ "captures": order.captures });
    }
    if !order.refunds.is_empty() {
        unit["payments"]["refunds"] = json!(order.refunds);
    }
    let mut links = vec![json!({ "href": format!("{root}/v2/checkout/orders/{id}"), "rel": "self", "method": "GET" })];
    if order.status != "COMPLETED" {
        links.push(json!({ "href": format!("{root}/checkoutnow?token={id}"), "rel": "payer-action", "method": "GET" }));
    }
    json!({ "id": id, "intent": "CAPTURE", "status": order.status, "purchase_units": [unit], "links": links })
}

/// A currency of PayPal's takes so many decimals.
fn is_amount(amount: &Value) -> bool {
    let (Some(code), Some(value)) = (amount["currency_code"].as_str(), amount["value"].as_str()) else { return false };
    let decimals = value.split_once('.').map_or(0, |(_, part)| part.len());
    decimals == if ["HUF", "JPY", "TWD"].contains(&code) { 0 } else { 2 }
}

pub async fn create(State(seen): State<Arc<Seen>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    at_door(&seen, Door::Create, &headers, &body, |_| {
        let key = headers.get("paypal-request-id").map(|key| format!("order {}", key.to_str().unwrap()));
        let known = key.as_ref().and_then(|key| seen.world().answered.get(key).cloned());
        if let Some(known) = known {
            return known.map(|id| (200, shown(&seen, &seen.world().orders[&id])));
        }
        let unit = &body["purchase_units"][0];
        let amount = &unit["amount"];
        let is_right = body["intent"] == "CAPTURE"
            && unit["custom_id"].as_str().is_some_and(|id| id.len() <= 127)
            && unit["description"].as_str().is_some_and(|text| text.chars().count() <= 127)
            && body["payment_source"]["paypal"]["experience_context"]["return_url"].is_string();
        if !is_right {
            return Err(refusal(400));
        }
        if !is_amount(amount) {
            return Err(business("DECIMAL_PRECISION"));
        }
        if amount["breakdown"]["item_total"]["value"] != amount["value"]
            || unit["items"][0]["unit_amount"]["value"] != amount["value"]
        {
            return Err(business("ITEM_TOTAL_MISMATCH"));
        }
        let id = seen.new_id("5O");
        let order = Order {
            id: id.clone(),
            body: body.clone(),
            status: "PAYER_ACTION_REQUIRED",
            captures: Vec::new(),
            refunds: Vec::new(),
        };
        let answer = shown(&seen, &order);
        let mut world = seen.world();
        world.orders.insert(id.clone(), order);
        world.answered.extend(key.map(|key| (key, Ok(id))));
        Ok((201, answer))
    })
    .await
}

pub async fn show_order(State(seen): State<Arc<Seen>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    at_door(&seen, Door::Order, &headers, &json!(id), |_| {
        let world = seen.world();
        world.orders.get(&id).map(|order| (200, shown(&seen, order))).ok_or_else(|| refusal(404))
    })
    .await
}

pub async fn capture(
    State(seen): State<Arc<Seen>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let key = headers.get("paypal-request-id").map(|key| format!("capture {}", key.to_str().unwrap()));
    at_door(&seen, Door::Capture, &headers, &body, |fault| {
        let known = key.as_ref().and_then(|key| seen.world().answered.get(key).cloned());
        if let Some(known) = known {
            let id = known?;
            return seen.world().orders.get(&id).map(|order| (200, shown(&seen, order))).ok_or_else(|| refusal(404));
        }
        let done = capture_order(&seen, &id, fault);
        if let Some(key) = key {
            let remembered = done.clone().map(|_| id.clone());
            // What may yet become true is not remembered.
            if !matches!(&remembered, Err((_, body)) if body["details"][0]["issue"] == "ORDER_NOT_APPROVED") {
                seen.world().answered.insert(key, remembered);
            }
        }
        done
    })
    .await
}

fn capture_order(seen: &Seen, id: &str, fault: Option<&Fault>) -> Done {
    let capture_id = seen.new_id("3C");
    let mut world = seen.world();
    let order = world.orders.get(id).cloned().ok_or_else(|| refusal(404))?;
    match order.status {
        "COMPLETED" => return Err(business("ORDER_ALREADY_CAPTURED")),
        "APPROVED" => {}
        _ => return Err(business("ORDER_NOT_APPROVED")),
    }
    if let Some(Fault::As("INSTRUMENT_DECLINED")) = fault {
        let (status, mut body) = business("INSTRUMENT_DECLINED");
        body["links"] = json!([]);
        world.orders.get_mut(id).unwrap().status = "PAYER_ACTION_REQUIRED";
        return Err((status, body));
    }
    let unit = order.unit();
    let is_same = |other: &Order| other.unit()["invoice_id"] == unit["invoice_id"] && other.status == "COMPLETED";
    if world.orders.values().any(is_same) {
        return Err(business("DUPLICATE_INVOICE_ID"));
    }
    let status = match fault {
        Some(Fault::As(status)) => *status,
        _ => "COMPLETED",
    };
    let amount = json!({ "currency_code": unit["amount"]["currency_code"], "value": unit["amount"]["value"] });
    let mut capture = json!({
        "id": capture_id, "status": status, "amount": amount, "final_capture": true,
        "custom_id": unit["custom_id"], "invoice_id": unit["invoice_id"],
        "supplementary_data": { "related_ids": { "order_id": id } },
        "payee": { "merchant_id": MERCHANT_ID },
        "links": [
            { "href": format!("{}/v2/payments/captures/{capture_id}", seen.root), "rel": "self", "method": "GET" },
            { "href": format!("{}/v2/checkout/orders/{id}", seen.root), "rel": "up", "method": "GET" },
        ],
        "create_time": "2026-01-01T00:00:00Z", "update_time": "2026-01-01T00:00:00Z",
    });
    if status == "PENDING" {
        capture["status_details"] = json!({ "reason": "PENDING_REVIEW" });
    }
    if let Some(Fault::Forged(field, value)) = fault {
        capture[field] = value.clone();
    }
    let order = world.orders.get_mut(id).unwrap();
    order.captures.push(capture);
    order.status = "COMPLETED";
    Ok((201, shown(seen, order)))
}

pub async fn show_capture(State(seen): State<Arc<Seen>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    at_door(&seen, Door::Payment, &headers, &json!(id), |_| {
        let world = seen.world();
        let mut captures = world.orders.values().flat_map(|order| &order.captures);
        captures.find(|capture| capture["id"] == *id).map(|found| (200, found.clone())).ok_or_else(|| refusal(404))
    })
    .await
}

/// In the smallest unit, whatever the currency: it is only compared.
fn cents(value: &Value) -> i64 {
    let text = value.as_str().unwrap();
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    format!("{whole}{part:0<2}").parse().unwrap()
}

/// The seller gives so much back.
pub fn add_refund(seen: &Seen, order: &mut Order, id: String, value: &str) -> Value {
    let capture = &mut order.captures[0];
    let code = capture["amount"]["currency_code"].clone();
    let refund = json!({
        "id": id, "status": "COMPLETED", "amount": { "currency_code": code, "value": value },
        "links": [
            { "href": format!("{}/v2/payments/refunds/{id}", seen.root), "rel": "self", "method": "GET" },
            { "href": format!("{}/v2/payments/captures/{}", seen.root, capture["id"].as_str().unwrap()), "rel": "up", "method": "GET" },
        ],
    });
    order.refunds.push(refund.clone());
    let back: i64 = order.refunds.iter().map(|refund| cents(&refund["amount"]["value"])).sum();
    let is_all = back >= cents(&capture["amount"]["value"]);
    capture["status"] = if is_all { "REFUNDED" } else { "PARTIALLY_REFUNDED" }.into();
    refund
}

pub async fn refund(
    State(seen): State<Arc<Seen>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let key = headers.get("paypal-request-id").map(|key| format!("refund {}", key.to_str().unwrap()));
    at_door(&seen, Door::Refund, &headers, &body, |_| {
        let refund_id = seen.new_id("RE");
        let mut world = seen.world();
        let all = |world: &super::World| -> Vec<Value> {
            world.orders.values().flat_map(|order| order.refunds.clone()).collect()
        };
        let known = key.as_ref().and_then(|key| world.answered.get(key).cloned());
        if let Some(known) = known {
            let known = known?;
            return Ok((200, all(&world).into_iter().find(|refund| refund["id"] == *known).unwrap()));
        }
        let is_of = |order: &&mut Order| order.captures.iter().any(|capture| capture["id"] == *id);
        let order = world.orders.values_mut().find(is_of).ok_or_else(|| refusal(404))?;
        let capture = order.captures[0].clone();
        match capture["status"].as_str().unwrap() {
            "COMPLETED" | "PARTIALLY_REFUNDED" => {}
            "REFUNDED" => return Err(business("CAPTURE_FULLY_REFUNDED")),
            "PENDING" => return Err(business("PENDING_CAPTURE")),
            _ => return Err(business("REFUND_NOT_ALLOWED")),
        }
        let amount = if body["amount"].is_object() { &body["amount"] } else { &capture["amount"] };
        if amount["currency_code"] != capture["amount"]["currency_code"] {
            return Err(business("REFUND_CAPTURE_CURRENCY_MISMATCH"));
        }
        if !is_amount(amount) {
            return Err(business("DECIMAL_PRECISION"));
        }
        let back: i64 = order.refunds.iter().map(|refund| cents(&refund["amount"]["value"])).sum();
        if back + cents(&amount["value"]) > cents(&capture["amount"]["value"]) {
            return Err(business("REFUND_AMOUNT_EXCEEDED"));
        }
        let done = add_refund(&seen, order, refund_id.clone(), amount["value"].as_str().unwrap());
        world.answered.extend(key.map(|key| (key, Ok(refund_id))));
        Ok((201, done))
    })
    .await
}

/// Long enough for a client to lose patience.
pub const FOR_EVER: Duration = Duration::from_mins(10);
