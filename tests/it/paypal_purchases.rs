//! Purchases with PayPal, from the order to the credits, by HTTP alone.

use serde_json::{Value, json};

use crate::fake_paypal::{Door, FakePayPal, Fault, Signer, WEBHOOK_ID};
use crate::support::{TestApp, User};

async fn start() -> (FakePayPal, TestApp) {
    let fake = FakePayPal::start().await;
    let app = TestApp::start_with(&fake.vars()).await;
    (fake, app)
}

async fn order(user: &User) -> String {
    let (status, bought) = user.post_json("/api/credits/purchase", &json!({ "pack": "100" })).await;
    assert_eq!(status, 200, "{bought}");
    bought["data"]["orderId"].as_str().unwrap().to_owned()
}

async fn finish(user: &User, order: &str) -> Value {
    user.post_json("/api/credits/capture", &json!({ "orderId": order })).await.1["data"].take()
}

async fn available(user: &User) -> Value {
    user.credits().await["available"].take()
}

#[tokio::test]
async fn what_is_bought_is_credited_once_however_often_it_is_told() {
    let (fake, app) = start().await;
    let user = app.user().await;
    let id = order(&user).await;
    let experience = fake.order(&id).experience().clone();
    assert_eq!(experience["return_url"], "http://localhost:3000/buy-credits/return");
    assert_eq!(experience["cancel_url"], "http://localhost:3000/buy-credits/cancel");
    assert_eq!(finish(&user, &id).await["status"], "not_approved");
    fake.approve(&id);
    // The answer is lost, twice: the page cannot know.
    for _ in 0..2 {
        fake.next(Door::Capture, Fault::Lost);
    }
    assert_eq!(finish(&user, &id).await["status"], "pending");
    let completed = fake.capture_event(&id, "COMPLETED");
    let approved = fake.approved_event(&id);
    for event in [&completed, &approved, &completed] {
        assert_eq!(fake.deliver(app.addr, event).await, 200);
    }
    let done = finish(&user, &id).await;
    assert_eq!((&done["status"], &done["credits"]), (&json!("credited"), &json!(100)));
    assert_eq!(available(&user).await, 110);
    assert_eq!(fake.order(&id).captures.len(), 1);
    let bought = user.ledger_kinds().await.into_iter().filter(|kind| kind == "purchase").count();
    assert_eq!(bought, 1);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn pages_reports_and_the_reconciler_at_once_take_the_money_once() {
    let (fake, app) = start().await;
    let user = app.user().await;
    let id = order(&user).await;
    fake.approve(&id);
    let event = fake.approved_event(&id);
    // Here and there PayPal fails, too.
    for fault in [Fault::Lost, Fault::Status(500), Fault::Issue("ORDER_COMPLETION_IN_PROGRESS"), Fault::Lost] {
        fake.next(Door::Capture, fault);
    }
    let pages = futures::future::join_all((0..17).map(|_| finish(&user, &id)));
    let reports = futures::future::join_all((0..17).map(|_| fake.deliver(app.addr, &event)));
    let looks = futures::future::join_all((0..16).map(|_| app.state.payments.reconcile()));
    tokio::join!(pages, reports, looks);
    app.state.payments.reconcile().await.unwrap();
    assert_eq!(finish(&user, &id).await["status"], "credited");
    assert_eq!(available(&user).await, 110);
    assert_eq!(fake.order(&id).captures.len(), 1);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_buyer_who_never_comes_back_gets_what_was_paid() {
    let (fake, app) = start().await;
    let user = app.user().await;
    let id = order(&user).await;
    fake.approve(&id);
    let event = fake.approved_event(&id);
    // PayPal is down when we ask back, and then when we would take the money: it is told to come again.
    for _ in 0..2 {
        fake.next(Door::Verify, Fault::Status(503));
    }
    assert_eq!(fake.deliver(app.addr, &event).await, 503);
    for _ in 0..2 {
        fake.next(Door::Order, Fault::Status(500));
    }
    assert!(fake.deliver(app.addr, &event).await >= 500);
    assert_eq!(available(&user).await, 10);
    assert_eq!(fake.deliver(app.addr, &event).await, 200);
    assert_eq!(available(&user).await, 110);
    app.assert_books_balance().await;
}

/// PayPal knows our keys for six hours.
#[tokio::test]
async fn what_was_paid_while_the_server_was_down_for_seven_hours_is_credited_once_after_the_start() {
    let (fake, app) = start().await;
    let (taken, agreed) = (app.user().await, app.user().await);
    let (lost, open) = (order(&taken).await, order(&agreed).await);
    fake.approve(&lost);
    for _ in 0..2 {
        fake.next(Door::Capture, Fault::Lost);
    }
    assert_eq!(finish(&taken, &lost).await["status"], "pending");
    // Nobody here sees the second buyer agree.
    fake.approve(&open);
    let store = &app.state.stores.payments;
    for id in [&lost, &open] {
        let mut payment = store.find_by_order(id).await.unwrap().unwrap();
        payment.created_at -= 7 * 60 * 60 * 1000;
        payment.look_at = payment.look_at.map(|at| at - 7 * 60 * 60 * 1000);
        store.save(&payment).await.unwrap();
    }
    fake.forget_keys();
    fake.forget_tokens();
    // Nothing but the start.
    let after = app.start_beside(&fake.vars()).await;
    for _ in 0..300 {
        let waiting = after.state.stores.payments.due(i64::MAX, tessera::platform::ids::PaymentId::min(), 10).await;
        if waiting.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    for (user, id) in [(&taken, &lost), (&agreed, &open)] {
        assert_eq!(available(user).await, 110);
        assert_eq!(finish(user, id).await["status"], "credited");
        assert_eq!(available(user).await, 110);
        assert_eq!(fake.order(id).captures.len(), 1);
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_waits_at_paypal_waits_here() {
    let (fake, app) = start().await;
    let user = app.user().await;
    let id = order(&user).await;
    fake.approve(&id);
    fake.next(Door::Capture, Fault::As("PENDING"));
    assert_eq!(finish(&user, &id).await["status"], "pending");
    assert_eq!(fake.deliver(app.addr, &fake.capture_event(&id, "PENDING")).await, 200);
    assert_eq!(available(&user).await, 10);
    fake.settle(&id, "COMPLETED");
    assert_eq!(fake.deliver(app.addr, &fake.capture_event(&id, "COMPLETED")).await, 200);
    assert_eq!(available(&user).await, 110);
    // The seller gives some of it back at PayPal, and the buyer's bank takes the rest.
    let (refund, rest) = (fake.refund(&id, "2.00"), fake.refund(&id, "3.00"));
    let events = [fake.refund_event(&refund, "REFUNDED"), fake.refund_event(&rest, "REVERSED")];
    for event in events.iter().chain(&events) {
        assert_eq!(fake.deliver(app.addr, event).await, 200);
    }
    assert_eq!(available(&user).await, 10);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_declined_card_is_no_end() {
    let (fake, app) = start().await;
    let user = app.user().await;
    let id = order(&user).await;
    fake.approve(&id);
    fake.next(Door::Capture, Fault::As("INSTRUMENT_DECLINED"));
    let declined = finish(&user, &id).await;
    assert_eq!(declined["status"], "declined");
    assert_eq!(declined["approveUrl"], format!("{}/checkoutnow?token={id}", fake.url));
    fake.approve(&id);
    assert_eq!(finish(&user, &id).await["status"], "credited");
    assert_eq!(available(&user).await, 110);
}

#[tokio::test]
async fn money_that_is_not_what_was_ordered_is_not_credited() {
    let (fake, app) = start().await;
    let user = app.user().await;
    for (field, value) in [
        ("amount", json!({ "currency_code": "USD", "value": "0.05" })),
        ("amount", json!({ "currency_code": "EUR", "value": "5.00" })),
        ("payee", json!({ "merchant_id": "SOMEBODYELSE1" })),
        ("custom_id", json!("0199c1d2-7f00-7000-8000-1234567890ab")),
    ] {
        let id = order(&user).await;
        fake.approve(&id);
        fake.next(Door::Capture, Fault::Forged(field, value.clone()));
        assert_eq!(finish(&user, &id).await["status"], "dead", "{field} {value}");
        assert_eq!(fake.deliver(app.addr, &fake.capture_event(&id, "COMPLETED")).await, 200);
        assert_eq!(available(&user).await, 10, "{field} {value}");
    }
}

#[tokio::test]
async fn what_is_disputed_is_frozen_until_it_is_known_whose_it_is() {
    let (fake, app) = start().await;
    let user = app.user().await;
    for (outcome, left) in [("RESOLVED_SELLER_FAVOUR", 110), ("RESOLVED_BUYER_FAVOUR", 110)] {
        let id = order(&user).await;
        fake.approve(&id);
        finish(&user, &id).await;
        let before = available(&user).await.as_i64().unwrap();
        assert_eq!(fake.deliver(app.addr, &fake.dispute_event(&id, "CREATED", "")).await, 200);
        assert_eq!(available(&user).await, before - 100);
        let resolved = fake.dispute_event(&id, "RESOLVED", outcome);
        for event in [&resolved, &fake.dispute_event(&id, "UPDATED", ""), &resolved] {
            assert_eq!(fake.deliver(app.addr, event).await, 200);
        }
        assert_eq!(available(&user).await, left, "{outcome}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn reports_that_are_not_paypals_change_nothing() {
    let (fake, app) = start().await;
    let user = app.user().await;
    let id = order(&user).await;
    fake.approve(&id);
    let event = fake.approved_event(&id);
    assert_eq!(Signer::stranger().sign(WEBHOOK_ID, &event.to_string()).send(app.addr).await, 400);
    let hostile = fake.sign(&event).with("paypal-cert-url", "https://evil.example/cert");
    let asked = fake.count(Door::Verify);
    assert_eq!(hostile.send(app.addr).await, 400);
    assert_eq!(fake.sign(&event).without("paypal-transmission-sig").send(app.addr).await, 400);
    assert_eq!(fake.count(Door::Verify), asked);
    assert_eq!(available(&user).await, 10);
    // Of PayPal's, but of no concern, or of somebody else's money.
    let unknown = fake.event("CATALOG.PRODUCT.CREATED", "product", json!({ "id": "PROD-1" }));
    assert_eq!(fake.deliver(app.addr, &unknown).await, 200);
    let foreign =
        fake.event("PAYMENT.CAPTURE.COMPLETED", "capture", json!({ "id": "3CFOREIGN", "status": "COMPLETED" }));
    assert_eq!(fake.deliver(app.addr, &foreign).await, 200);
    let nothing = fake.event("PAYMENT.CAPTURE.COMPLETED", "capture", json!({}));
    assert_eq!(fake.deliver(app.addr, &nothing).await, 400);
    assert_eq!(available(&user).await, 10);
    let closed = TestApp::start().await;
    assert_eq!(fake.sign(&event).send(closed.addr).await, 404);
}
