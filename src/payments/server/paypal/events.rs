//! What PayPal reports by itself, read after it is known to be PayPal's.
//! <https://developer.paypal.com/api/rest/webhooks/event-names/>

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::provider::{DisputeState, Event, EventKind};
use super::orders::{CaptureAnswer, RefundAnswer};
use super::value::OldValue;

#[derive(Deserialize)]
struct EventBody<'a> {
    id: String,
    event_type: String,
    #[serde(default)]
    resource_type: String,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WithId {
    id: String,
}

#[derive(Deserialize)]
struct Sale {
    id: String,
    /// The subscription; a sale without one is none of ours.
    billing_agreement_id: Option<String>,
}

/// Money of a sale that went back.
#[derive(Deserialize)]
struct SaleRefund {
    id: String,
    sale_id: Option<String>,
    #[serde(default)]
    state: String,
    amount: OldValue,
}

#[derive(Deserialize)]
struct DisputeAnswer {
    dispute_id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    disputed_transactions: Vec<Disputed>,
    dispute_outcome: Option<Outcome>,
}

#[derive(Deserialize)]
struct Disputed {
    seller_transaction_id: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    outcome_code: String,
}

/// Reads an event. Kinds that nobody here knows are no error.
///
/// # Errors
/// Where it is no event, or one of a known kind that does not say what it is about.
pub(super) fn read_event(body: &[u8]) -> Result<Event, String> {
    let event: EventBody = serde_json::from_slice(body).map_err(|error| format!("no event: {error}"))?;
    let what = read_kind(&event).map_err(|error| format!("{} ({}): {error}", event.event_type, event.id))?;
    Ok(Event { id: event.id, what })
}

fn read_kind(event: &EventBody) -> Result<EventKind, String> {
    let kind = match &*event.event_type {
        "CHECKOUT.ORDER.APPROVED" => EventKind::OrderApproved { order_id: resource::<WithId>(event)?.id },
        "PAYMENT.CAPTURE.COMPLETED"
        | "PAYMENT.CAPTURE.PENDING"
        | "PAYMENT.CAPTURE.DENIED"
        | "PAYMENT.CAPTURE.DECLINED" => captured(&resource(event)?),
        // Of which there are two forms.
        "PAYMENT.CAPTURE.REFUNDED" | "PAYMENT.CAPTURE.REVERSED" if event.resource_type == "capture" => {
            captured(&resource(event)?)
        }
        "PAYMENT.CAPTURE.REFUNDED" | "PAYMENT.CAPTURE.REVERSED" => {
            let refund: RefundAnswer = resource(event)?;
            // One that is not done yet, or failed, is no fact.
            if !refund.is_done() {
                return Ok(EventKind::Unknown(event.event_type.clone()));
            }
            EventKind::Refund {
                capture_id: refund.capture_id(),
                amount: refund.amount().ok_or("no amount")?,
                reversed: event.event_type.ends_with("REVERSED"),
                refund_id: refund.id,
            }
        }
        "CUSTOMER.DISPUTE.CREATED" | "CUSTOMER.DISPUTE.UPDATED" | "CUSTOMER.DISPUTE.RESOLVED" => {
            disputed(resource(event)?)
        }
        "PAYMENT.SALE.COMPLETED" => {
            let sale: Sale = resource(event)?;
            match sale.billing_agreement_id {
                Some(subscription_id) => EventKind::Sale { id: sale.id, subscription_id },
                None => EventKind::Unknown(event.event_type.clone()),
            }
        }
        "PAYMENT.SALE.REFUNDED" | "PAYMENT.SALE.REVERSED" => sale_went_back(event)?,
        kind if kind.starts_with("BILLING.SUBSCRIPTION.") => {
            EventKind::Subscription { id: resource::<WithId>(event)?.id }
        }
        kind => EventKind::Unknown(kind.to_owned()),
    };
    Ok(kind)
}

fn sale_went_back(event: &EventBody) -> Result<EventKind, String> {
    let refund: SaleRefund = resource(event)?;
    // One that is not done yet, or failed, is no fact.
    if matches!(&*refund.state, "pending" | "failed" | "cancelled") {
        return Ok(EventKind::Unknown(event.event_type.clone()));
    }
    let reversed = event.event_type.ends_with("REVERSED");
    // A reversal may be told as the sale itself.
    let (sale, id) = match refund.sale_id {
        Some(sale) => (sale, refund.id),
        None => (refund.id.clone(), format!("reversal-{}", refund.id)),
    };
    Ok(EventKind::Refund {
        refund_id: id,
        capture_id: Some(sale),
        amount: refund.amount.read().ok_or("no amount")?,
        reversed,
    })
}

fn resource<T: DeserializeOwned>(event: &EventBody) -> Result<T, String> {
    let text = event.resource.ok_or("no resource")?.get();
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn captured(capture: &CaptureAnswer) -> EventKind {
    EventKind::Capture { capture_id: capture.id().to_owned(), order_id: capture.order_id() }
}

fn disputed(dispute: DisputeAnswer) -> EventKind {
    let outcome = dispute.dispute_outcome.map(|outcome| outcome.outcome_code).unwrap_or_default();
    let state = match (&*dispute.status, &*outcome) {
        // The seller keeps the money: so it is decided, the buyer has given up, or PayPal pays the buyer itself.
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR" | "CANCELED_BY_BUYER" | "RESOLVED_WITH_PAYOUT" | "DENIED") => {
            DisputeState::Won
        }
        ("RESOLVED", "RESOLVED_BUYER_FAVOUR" | "ACCEPTED") => DisputeState::Lost,
        ("RESOLVED", code) => {
            tracing::error!(
                dispute = dispute.dispute_id,
                code,
                "a dispute has ended, and nobody knows how: it stays open here"
            );
            DisputeState::Opened
        }
        _ => DisputeState::Opened,
    };
    let capture_ids = dispute.disputed_transactions.into_iter().filter_map(|one| one.seller_transaction_id).collect();
    EventKind::Dispute { dispute_id: dispute.dispute_id, capture_ids, state }
}

/// The text of an event as one value of JSON, unchanged.
pub(super) fn as_json(body: &[u8]) -> Option<&RawValue> {
    // A second look, as a raw value may be any: an event is an object.
    let raw: &RawValue = serde_json::from_slice(body).ok()?;
    serde_json::from_str::<Value>(raw.get()).is_ok_and(|value| value.is_object()).then_some(raw)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::platform::money::{Currency, Money};

    fn read(kind: &str, resource_type: &str, resource: &Value) -> EventKind {
        let body = json!({ "id": "WH-1", "event_version": "1.0", "event_type": kind, "resource_type": resource_type,
            "resource": resource });
        let event = read_event(body.to_string().as_bytes()).unwrap();
        assert_eq!(event.id, "WH-1");
        event.what
    }

    #[test]
    fn each_event_says_what_to_look_at() {
        let order = json!({ "id": "5O190127TN364715T", "status": "APPROVED", "intent": "CAPTURE" });
        let approved = EventKind::OrderApproved { order_id: "5O190127TN364715T".into() };
        assert_eq!(read("CHECKOUT.ORDER.APPROVED", "checkout-order", &order), approved);
        let amount = json!({ "currency_code": "USD", "value": "10.00" });
        let capture = EventKind::Capture { capture_id: "3C6".into(), order_id: Some("5O1".into()) };
        let related = json!({ "id": "3C6", "status": "COMPLETED", "amount": amount,
            "supplementary_data": { "related_ids": { "order_id": "5O1" } } });
        let linked = json!({ "id": "3C6", "status": "COMPLETED", "amount": amount,
            "links": [{ "rel": "up", "href": "https://api.sandbox.paypal.com/v2/checkout/orders/5O1" }] });
        for kind in ["COMPLETED", "PENDING", "DENIED", "DECLINED"] {
            assert_eq!(read(&format!("PAYMENT.CAPTURE.{kind}"), "capture", &related), capture);
            assert_eq!(read(&format!("PAYMENT.CAPTURE.{kind}"), "capture", &linked), capture);
        }
        assert_eq!(read("PAYMENT.CAPTURE.REVERSED", "capture", &linked), capture);
        let refund = json!({ "id": "1JU", "status": "COMPLETED", "amount": { "currency_code": "HUF", "value": "1500" },
            "links": [{ "rel": "up", "href": "https://api.sandbox.paypal.com/v2/payments/captures/3C6" }] });
        for (kind, reversed) in [("REFUNDED", false), ("REVERSED", true)] {
            let expected = EventKind::Refund {
                refund_id: "1JU".into(),
                capture_id: Some("3C6".into()),
                amount: Money::new(150_000, Currency::parse("HUF").unwrap()),
                reversed,
            };
            assert_eq!(read(&format!("PAYMENT.CAPTURE.{kind}"), "refund", &refund), expected);
        }
        let sale =
            json!({ "id": "8AC", "amount": { "total": "10.00", "currency": "USD" }, "billing_agreement_id": "I-1" });
        let sold = EventKind::Sale { id: "8AC".into(), subscription_id: "I-1".into() };
        assert_eq!(read("PAYMENT.SALE.COMPLETED", "sale", &sale), sold);
        let back = |id: &str, sale: &str, minor: i64, reversed| EventKind::Refund {
            refund_id: id.into(),
            capture_id: Some(sale.into()),
            amount: Money::new(minor, Currency::USD),
            reversed,
        };
        let refund = json!({ "id": "5RE", "sale_id": "8AC", "state": "completed", "amount": { "total": "-2.50", "currency": "USD" } });
        assert_eq!(read("PAYMENT.SALE.REFUNDED", "refund", &refund), back("5RE", "8AC", 250, false));
        let reversal = json!({ "id": "8AC", "state": "completed", "amount": { "total": "-10.00", "currency": "USD" } });
        assert_eq!(read("PAYMENT.SALE.REVERSED", "sale", &reversal), back("reversal-8AC", "8AC", 1000, true));
        let subscription = EventKind::Subscription { id: "I-1".into() };
        assert_eq!(read("BILLING.SUBSCRIPTION.CANCELLED", "subscription", &json!({ "id": "I-1" })), subscription);
    }

    #[test]
    fn a_dispute_is_open_until_it_is_known_who_keeps_the_money() {
        let state = |status: &str, outcome: &str| {
            let dispute = json!({ "dispute_id": "PP-D-1", "status": status,
                "disputed_transactions": [{ "seller_transaction_id": "3C6" }, {}],
                "dispute_outcome": { "outcome_code": outcome } });
            match read("CUSTOMER.DISPUTE.UPDATED", "dispute", &dispute) {
                EventKind::Dispute { dispute_id, capture_ids, state } => {
                    assert_eq!((&*dispute_id, capture_ids), ("PP-D-1", vec!["3C6".to_owned()]));
                    state
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(state("UNDER_REVIEW", ""), DisputeState::Opened);
        assert_eq!(state("WAITING_FOR_SELLER_RESPONSE", "RESOLVED_BUYER_FAVOUR"), DisputeState::Opened);
        assert_eq!(state("RESOLVED", "RESOLVED_BUYER_FAVOUR"), DisputeState::Lost);
        assert_eq!(state("RESOLVED", "RESOLVED_SELLER_FAVOUR"), DisputeState::Won);
        assert_eq!(state("RESOLVED", "SOMETHING_NEW"), DisputeState::Opened);
    }

    #[test]
    fn unknown_kinds_are_events_and_what_says_nothing_is_none() {
        for kind in ["CATALOG.PRODUCT.CREATED", "CHECKOUT.PAYMENT-APPROVAL.REVERSED", "", "PAYMENT.CAPTURE"] {
            assert_eq!(read(kind, "", &json!(null)), EventKind::Unknown(kind.to_owned()));
        }
        let foreign = json!({ "id": "8AC", "amount": {} });
        assert!(matches!(read("PAYMENT.SALE.COMPLETED", "sale", &foreign), EventKind::Unknown(_)));
        for body in [
            r#"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{}}"#,
            r#"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}"#,
            r#"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.REFUNDED","resource":{"id":"1JU"}}"#,
            r#"{"event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"3C6"}}"#,
            "[]",
            "",
            "\u{0}",
        ] {
            assert!(read_event(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn only_one_object_is_passed_on() {
        assert_eq!(as_json(br#" {"a": 1.0} "#).map(RawValue::get), Some(r#"{"a": 1.0}"#));
        for body in [r#"{},"webhook_id":"x""#, "{} {}", "[]", "1", "", "{"] {
            assert!(as_json(body.as_bytes()).is_none(), "{body}");
        }
    }
}
