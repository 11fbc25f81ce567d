//! PayPal in all its moods: orders, captures, refunds.

use std::time::Duration;

use serde_json::json;
use tessera::i18n::Language;
use tessera::payments::server::paypal::{PayPal, PayPalConfig, WebhookCheck};
use tessera::payments::server::provider::{
    CaptureStatus, NewOrder, NewRefund, OrderStatus, PaymentProvider, ProviderError, RefundStatus,
};
use tessera::platform::ids::PaymentId;
use tessera::platform::money::{Currency, Money};

use crate::fake_paypal::{CLIENT_ID, CLIENT_SECRET, Door, FakePayPal, Fault, MERCHANT_ID, WEBHOOK_ID};

pub fn config(fake: &FakePayPal) -> PayPalConfig {
    PayPalConfig {
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.into(),
        base_url: fake.url.parse().unwrap(),
        merchant_id: None,
        webhook_id: Some(WEBHOOK_ID.to_owned()),
        webhook_check: WebhookCheck::Postback,
        timeout: Duration::from_secs(20),
    }
}

pub fn provider(fake: &FakePayPal) -> PayPal {
    PayPal::new(config(fake)).unwrap()
}

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, Currency::parse(code).unwrap())
}

fn order_of(price: Money) -> NewOrder {
    NewOrder {
        payment: PaymentId::now_v7(),
        description: "500 credits".to_owned(),
        price,
        return_url: "https://chat.example.org/buy-credits/return".to_owned(),
        cancel_url: "https://chat.example.org/buy-credits/cancel".to_owned(),
        locale: Language::En,
    }
}

fn order() -> NewOrder {
    order_of(money(2000, "USD"))
}

/// An order that the buyer has agreed to.
async fn approved(fake: &FakePayPal, paypal: &PayPal) -> String {
    let id = paypal.create_order(&order()).await.unwrap().order_id;
    fake.approve(&id);
    id
}

#[tokio::test]
async fn an_order_is_made_approved_and_captured() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    let new = NewOrder { locale: Language::Zh, ..order() };
    let created = paypal.create_order(&new).await.unwrap();
    assert_eq!(created.approve_url, format!("{}/checkoutnow?token={}", fake.url, created.order_id));
    let sent = fake.calls(Door::Create).remove(0);
    assert_eq!(sent.key, Some(format!("order-{}", new.payment)));
    let amount = json!({ "currency_code": "USD", "value": "20.00" });
    let expected = json!({
        "intent": "CAPTURE",
        "purchase_units": [{
            "custom_id": new.payment.to_string(), "invoice_id": new.payment.to_string(), "description": "500 credits",
            "amount": { "currency_code": "USD", "value": "20.00", "breakdown": { "item_total": amount } },
            "items": [{ "name": "500 credits", "quantity": "1", "category": "DIGITAL_GOODS", "unit_amount": amount }],
        }],
        "payment_source": { "paypal": { "experience_context": {
            "locale": "zh-CN", "user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING",
            "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
            "return_url": "https://chat.example.org/buy-credits/return", "cancel_url": "https://chat.example.org/buy-credits/cancel",
        } } },
    });
    assert_eq!(sent.body, expected);
    // The same again is the same order, also from another process.
    assert_eq!(provider(&fake).create_order(&new).await.unwrap(), created);
    let waiting = paypal.find_order(&created.order_id).await.unwrap();
    assert_eq!((waiting.status, waiting.approve_url), (OrderStatus::Created, Some(created.approve_url)));
    assert_eq!(paypal.capture_order(&created.order_id).await, Err(ProviderError::NotApproved));
    fake.approve(&created.order_id);
    let captured = paypal.capture_order(&created.order_id).await.unwrap();
    assert_eq!((captured.status, captured.amount), (OrderStatus::Completed, Some(new.price)));
    assert_eq!(
        (captured.payee.as_deref(), captured.payment.clone()),
        (Some(MERCHANT_ID), Some(new.payment.to_string()))
    );
    let [capture] = &captured.captures[..] else { panic!("{captured:?}") };
    assert_eq!((&capture.status, capture.amount), (&CaptureStatus::Completed, new.price));
    assert_eq!(capture.order_id.as_ref(), Some(&created.order_id));
    assert_eq!(paypal.find_order(&created.order_id).await.unwrap().captures, captured.captures);
    let found = paypal.find_capture(&capture.id).await.unwrap();
    assert_eq!(&found, capture);
    // One token was enough for all of it, and one for the other process.
    assert_eq!(fake.count(Door::Token), 2);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_by_the_same_key_and_nothing_happens_twice() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    let new = order();
    fake.next(Door::Create, Fault::Lost);
    let id = paypal.create_order(&new).await.unwrap().order_id;
    fake.approve(&id);
    fake.next(Door::Capture, Fault::Lost);
    let captured = paypal.capture_order(&id).await.unwrap();
    let refund = NewRefund {
        capture_id: captured.captures[0].id.clone(),
        key: "1".into(),
        amount: money(500, "USD"),
        note: Some("Five back.".into()),
    };
    fake.next(Door::Refund, Fault::Lost);
    let refunded = paypal.refund(&refund).await.unwrap();
    assert_eq!((refunded.status, refunded.amount), (RefundStatus::Completed, Some(refund.amount)));
    assert_eq!(paypal.refund(&refund).await.unwrap(), refunded);
    for (door, key) in [
        (Door::Create, format!("order-{}", new.payment)),
        (Door::Capture, format!("capture-{id}")),
        (Door::Refund, "refund-1".to_owned()),
    ] {
        let keys: Vec<_> = fake.calls(door).into_iter().map(|call| call.key.unwrap()).collect();
        assert!(keys.len() >= 2 && keys.iter().all(|sent| *sent == key), "{keys:?}");
    }
    let order = fake.order(&id);
    assert_eq!((order.captures.len(), order.refunds.len()), (1, 1));
    let note = &fake.calls(Door::Refund)[0].body;
    assert_eq!(*note, json!({ "amount": { "currency_code": "USD", "value": "5.00" }, "note_to_payer": "Five back." }));
    let state = paypal.find_order(&id).await.unwrap();
    assert_eq!(state.captures[0].status, CaptureStatus::PartiallyRefunded);
    assert_eq!(state.captures[0].refunded, Some(refund.amount));
}

#[tokio::test]
async fn an_order_that_somebody_else_captured_is_looked_at() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    let id = approved(&fake, &paypal).await;
    let first = paypal.capture_order(&id).await.unwrap();
    // As after PayPal has forgotten the key.
    fake.next(Door::Capture, Fault::Issue("ORDER_ALREADY_CAPTURED"));
    assert_eq!(paypal.capture_order(&id).await.unwrap(), first);
    // What leaves out what has to be compared, and what cannot be read at all.
    for fault in [Fault::Minimal, Fault::Garbage] {
        fake.next(Door::Capture, fault);
        assert_eq!(paypal.capture_order(&id).await.unwrap(), first);
    }
    assert_eq!(fake.order(&id).captures.len(), 1);
}

#[tokio::test]
async fn what_is_pending_or_declined_says_so() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    for (said, status) in [
        ("PENDING", CaptureStatus::Pending("PENDING_REVIEW".into())),
        ("DECLINED", CaptureStatus::Declined),
        ("FAILED", CaptureStatus::Failed),
    ] {
        let id = approved(&fake, &paypal).await;
        fake.next(Door::Capture, Fault::As(said));
        let captured = paypal.capture_order(&id).await.unwrap();
        assert_eq!(captured.captures[0].status, status);
        if said == "PENDING" {
            fake.settle(&id, "COMPLETED");
            assert_eq!(paypal.find_order(&id).await.unwrap().captures[0].status, CaptureStatus::Completed);
        }
    }
}

/// PayPal repeats what it answered to a key: the second try, with another card, is not the first again.
#[tokio::test]
async fn a_decline_leads_back_to_the_choice_and_the_next_try_is_a_new_one() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    let id = approved(&fake, &paypal).await;
    fake.next(Door::Capture, Fault::As("INSTRUMENT_DECLINED"));
    let again_url = Some(format!("{}/checkoutnow?token={id}", fake.url));
    assert_eq!(paypal.capture_order(&id).await, Err(ProviderError::Declined { again_url }));
    fake.approve(&id);
    let captured = paypal.capture_order(&id).await.unwrap();
    assert_eq!(captured.captures[0].status, CaptureStatus::Completed);
    let keys: Vec<_> = fake.calls(Door::Capture).into_iter().map(|call| call.key.unwrap()).collect();
    assert_eq!(keys, [format!("capture-{id}"), format!("capture-{id}-1")]);
}

#[tokio::test]
async fn a_token_is_renewed_once_when_it_is_not_taken_any_more() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    let id = approved(&fake, &paypal).await;
    fake.forget_tokens();
    assert!(paypal.find_order(&id).await.is_ok());
    assert_eq!((fake.count(Door::Token), fake.count(Door::Order)), (2, 2));
    // Not taken, whatever the token: that is not asked for ever.
    for _ in 0..2 {
        fake.next(Door::Order, Fault::Status(401));
    }
    assert_eq!(paypal.find_order(&id).await, Err(ProviderError::Unavailable));
    assert_eq!((fake.count(Door::Token), fake.count(Door::Order)), (3, 4));
    let stranger = PayPal::new(PayPalConfig { client_secret: "guessed".into(), ..config(&fake) }).unwrap();
    assert!(stranger.check().await.unwrap_err().contains("PAYPAL_CLIENT_SECRET"));
    assert_eq!(stranger.find_order(&id).await, Err(ProviderError::Unavailable));
    assert!(paypal.check().await.unwrap().contains(&fake.url));
}

#[tokio::test]
async fn what_may_pass_is_tried_once_more_and_the_rest_is_not() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    let id = approved(&fake, &paypal).await;
    let mut looked = 0;
    for status in [500, 503, 409] {
        fake.next(Door::Order, Fault::Status(status));
        assert!(paypal.find_order(&id).await.is_ok(), "{status}");
        looked += 2;
        assert_eq!(fake.count(Door::Order), looked);
    }
    for status in [500, 502] {
        fake.next(Door::Order, Fault::Status(status));
    }
    assert_eq!(paypal.find_order(&id).await, Err(ProviderError::Unavailable));
    looked += 2;
    for (status, error) in [
        (400, ProviderError::Refused("INVALID_PARAMETER_SYNTAX".into())),
        (403, ProviderError::Refused("PERMISSION_DENIED".into())),
        (404, ProviderError::Gone),
        (429, ProviderError::Unavailable),
    ] {
        fake.next(Door::Order, Fault::Status(status));
        assert_eq!(paypal.find_order(&id).await, Err(error));
        looked += 1;
        assert_eq!(fake.count(Door::Order), looked, "{status}");
    }
    fake.next(Door::Order, Fault::Garbage);
    assert_eq!(paypal.find_order(&id).await, Err(ProviderError::Unreadable));
    // Others have failed: no more retries than the budget has.
    for _ in 0..200 {
        fake.next(Door::Order, Fault::Status(500));
    }
    let before = fake.count(Door::Order);
    let asked = futures::future::join_all((0..80).map(|_| paypal.find_order(&id))).await;
    let retries = fake.count(Door::Order) - before - asked.len();
    assert!((20..40).contains(&retries), "{retries}");
}

#[tokio::test]
async fn a_refused_capture_or_refund_says_whose_affair_it_is() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    let id = approved(&fake, &paypal).await;
    fake.next(Door::Capture, Fault::Issue("ORDER_COMPLETION_IN_PROGRESS"));
    assert_eq!(paypal.capture_order(&id).await, Err(ProviderError::Unavailable));
    fake.next(Door::Capture, Fault::Issue("COMPLIANCE_VIOLATION"));
    assert_eq!(paypal.capture_order(&id).await, Err(ProviderError::Refused("COMPLIANCE_VIOLATION".into())));
    fake.next(Door::Capture, Fault::As("PENDING"));
    let capture_id = paypal.capture_order(&id).await.unwrap().captures[0].id.clone();
    let refund = async |key: &str, minor: i64, code: &str| {
        let refund =
            NewRefund { capture_id: capture_id.clone(), key: key.into(), amount: money(minor, code), note: None };
        paypal.refund(&refund).await
    };
    let refused = |code: &str| Err(ProviderError::Refused(code.to_owned()));
    assert_eq!(refund("a", 100, "USD").await, refused("PENDING_CAPTURE"));
    fake.settle(&id, "COMPLETED");
    assert_eq!(refund("b", 2001, "USD").await, refused("REFUND_AMOUNT_EXCEEDED"));
    assert_eq!(refund("c", 100, "EUR").await, refused("REFUND_CAPTURE_CURRENCY_MISMATCH"));
    assert!(refund("d", 2000, "USD").await.is_ok());
    assert_eq!(refund("e", 1, "USD").await, refused("CAPTURE_FULLY_REFUNDED"));
    fake.expire(&id);
    assert_eq!(paypal.find_order(&id).await, Err(ProviderError::Gone));
    assert_eq!(paypal.capture_order(&id).await, Err(ProviderError::Gone));
    // What could lead elsewhere is never part of an address.
    let before = fake.seen.calls.lock().unwrap().len();
    for id in ["", "..", "a/b", "5O1?x", "5O1%2F..", &"5".repeat(65)] {
        assert_eq!(paypal.find_order(id).await, Err(ProviderError::Gone));
        assert_eq!(paypal.capture_order(id).await, Err(ProviderError::Gone));
        assert_eq!(paypal.find_capture(id).await, Err(ProviderError::Gone));
    }
    assert_eq!(fake.seen.calls.lock().unwrap().len(), before);
}

#[tokio::test]
async fn amounts_have_the_decimals_that_paypal_takes() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    for (minor, code, value) in
        [(500, "JPY", "500"), (150_000, "HUF", "1500"), (15_000, "TWD", "150"), (1999, "EUR", "19.99")]
    {
        let new = order_of(money(minor, code));
        let id = paypal.create_order(&new).await.unwrap().order_id;
        assert_eq!(fake.order(&id).body["purchase_units"][0]["amount"]["value"], value);
        fake.approve(&id);
        let captured = paypal.capture_order(&id).await.unwrap();
        assert_eq!((captured.amount, captured.captures[0].amount), (Some(new.price), new.price));
        let capture_id = captured.captures[0].id.clone();
        let refund = NewRefund { capture_id, key: format!("all-{code}"), amount: new.price, note: None };
        assert_eq!(paypal.refund(&refund).await.unwrap().amount, Some(new.price));
    }
    let refused = paypal.create_order(&order_of(money(150_050, "HUF"))).await;
    assert!(matches!(refused, Err(ProviderError::Refused(_))), "{refused:?}");
    assert_eq!(fake.count(Door::Create), 4);
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let fake = FakePayPal::start().await;
    let paypal = PayPal::new(PayPalConfig { timeout: Duration::from_secs(1), ..config(&fake) }).unwrap();
    let id = approved(&fake, &paypal).await;
    for _ in 0..2 {
        fake.next(Door::Capture, Fault::Slow(crate::fake_paypal::FOR_EVER));
    }
    assert_eq!(paypal.capture_order(&id).await, Err(ProviderError::Unavailable));
    // It was done all the same.
    assert_eq!(paypal.capture_order(&id).await.unwrap().captures.len(), 1);
    assert_eq!(fake.order(&id).captures.len(), 1);
    drop(fake);
    let nowhere =
        PayPalConfig { base_url: "http://127.0.0.1:1".parse().unwrap(), ..config(&FakePayPal::start().await) };
    assert_eq!(PayPal::new(nowhere).unwrap().find_order("5O1").await, Err(ProviderError::Unavailable));
}
