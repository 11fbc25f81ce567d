//! Buying over HTTP.

use serde_json::json;
use tessera::credits::server::store::HoldId;
use tessera::platform::error::AppError;

use crate::support::{TestApp, answer};

#[tokio::test]
async fn credits_are_bought_and_given_back_over_http() {
    let (app, provider) = TestApp::start_selling(&[]).await;
    let (user, other) = (app.user().await, app.user().await);
    let order = || user.post("/api/credits/purchase").header("idempotency-key", "k").json(&json!({"pack": "500"}));
    let (status, bought) = answer(order()).await;
    assert_eq!(status, 200, "{bought}");
    assert_eq!(answer(order()).await.1["data"], bought["data"]);
    let order_id = bought["data"]["orderId"].as_str().unwrap();
    let complete = json!({ "orderId": order_id });
    let (_, open) = user.post_json("/api/credits/capture", &complete).await;
    assert_eq!(open["data"], json!({"status": "not_approved", "approveUrl": bought["data"]["approveUrl"]}));
    provider.approve(order_id);
    assert_eq!(other.post_json("/api/credits/capture", &complete).await.0, 404);
    for _ in 0..2 {
        let (_, done) = user.post_json("/api/credits/capture", &complete).await;
        assert_eq!(done["data"], json!({"status": "credited", "credits": 500}));
    }
    assert_eq!(user.credits().await["available"], 510);
    let wish = json!({"paymentId": bought["data"]["paymentId"], "preview": true});
    let (_, preview) = user.post_json("/api/credits/refund", &wish).await;
    let preview = &preview["data"];
    assert_eq!(
        (&preview["status"], &preview["credits"], &preview["of"]),
        (&json!("preview"), &json!(500), &json!(500))
    );
    assert_eq!(preview["money"], json!({"amount": "20.00", "currency": "USD"}));
    let wish = json!({"paymentId": bought["data"]["paymentId"]});
    assert_eq!(other.post_json("/api/credits/refund", &wish).await.0, 404);
    assert_eq!(user.with_key(&json!({})).await.post_json("/api/credits/refund", &wish).await.0, 403);
    let (_, done) = user.post_json("/api/credits/refund", &wish).await;
    assert_eq!(
        done["data"],
        json!({"status": "done", "credits": 500, "money": {"amount": "20.00", "currency": "USD"}})
    );
    let (status, again) = user.post_json("/api/credits/refund", &wish).await;
    assert_eq!((status, &again["code"]), (409, &json!("conflict")));
    assert_eq!(user.credits().await["available"], 10);
    assert_eq!(user.ledger_kinds().await, ["grant", "purchase", "refund"]);
    let (status, unknown) = user.post_json("/api/credits/purchase", &json!({"pack": "7"})).await;
    assert_eq!((status, &unknown["field"]), (400, &json!("pack")));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn without_a_provider_nothing_is_sold() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (status, refused) = user.post_json("/api/credits/purchase", &json!({"pack": "500"})).await;
    assert_eq!((status, &refused["code"]), (503, &json!("unavailable")));
}

#[tokio::test]
async fn goodwill_gives_the_price_of_a_reply_back_once() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, reply) = user.chat("Hello").await;
    assert_eq!(user.credits().await["available"], 9);
    let id = reply["data"]["messageId"].as_str().unwrap().parse().unwrap();
    let (_, profile) = user.get_json("/api/auth/me").await;
    let owner = profile["data"]["id"].as_str().unwrap().parse().unwrap();
    let presses: Vec<_> = (0..10)
        .map(|_| {
            let credits = app.state.credits.clone();
            tokio::spawn(
                async move { credits.give_goodwill(HoldId { id, owner }, "It was no answer").await.unwrap().0 },
            )
        })
        .collect();
    let mut given = 0;
    for press in presses {
        given += u32::from(press.await.unwrap());
    }
    assert_eq!((given, &user.credits().await["available"]), (1, &json!(10)));
    let (_, ledger) = user.get_json("/api/credits/ledger").await;
    let entry = &ledger["data"]["items"][0];
    assert_eq!((&entry["kind"], &entry["reason"]), (&json!("grant"), &json!("It was no answer")));
    assert_eq!(entry["lots"][0]["origin"], "goodwill");
    let unknown = HoldId { id: tessera::platform::ids::WorkId::now_v7(), owner };
    assert_eq!(app.state.credits.give_goodwill(unknown, "x").await.unwrap_err(), AppError::NotFound);
    app.assert_books_balance().await;
}
