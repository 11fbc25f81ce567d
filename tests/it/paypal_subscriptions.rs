//! Subscriptions by PayPal: the whole way, by its pages, its reports and the API.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::REFRESH;
use serde_json::{Value, json};

use crate::fake_paypal::{Door, FakePayPal, Fault};
use crate::support::{TestApp, User};

async fn start(vars: &[(&str, &str)]) -> (FakePayPal, TestApp) {
    let fake = FakePayPal::start().await;
    let app = TestApp::start_with(&[&fake.vars()[..], vars].concat()).await;
    (fake, app)
}

async fn subscribe(user: &User, plan: &str) -> (String, String) {
    let (status, made) = user.post_json("/api/credits/subscribe", &json!({ "plan": plan })).await;
    assert_eq!(status, 200, "{made}");
    let text = |name: &str| made["data"][name].as_str().unwrap().to_owned();
    (text("subscriptionId"), text("approveUrl"))
}

/// What the page says that one comes back to.
async fn at_return(user: &User, address: &str) -> String {
    let path = address.split_once("localhost:3000").unwrap().1;
    user.get(path).send().await.unwrap().text().await.unwrap().replace("<!>", "")
}

async fn credits(user: &User) -> Value {
    user.get_json("/api/credits").await.1["data"].take()
}

async fn page(user: &User, path: &str) -> String {
    user.get(path).send().await.unwrap().text().await.unwrap().replace("<!>", "")
}

#[tokio::test]
async fn a_subscription_by_forms_alone_from_the_wish_to_its_end() {
    let (fake, app) = start(&[("RATE_LIMIT_PER_MINUTE", "30")]).await;
    let user = app.user().await;
    let offered = page(&user, "/buy-credits").await;
    for text in ["Subscriptions", "Plus", "$15.00 a month", "500 credits a month", "Up to 60 requests a minute"] {
        assert!(offered.contains(text), "{text}");
    }
    let sent = user.post_form("/buy-credits", &[("plan", "plus")]).send().await.unwrap();
    let to = sent.headers()[REFRESH].to_str().unwrap().strip_prefix("0; url=").unwrap().to_owned();
    assert!(to.starts_with(&fake.url), "{to}");
    // The same wish again is the same subscription.
    let (id, same) = subscribe(&user, "plus").await;
    assert_eq!(same, to);
    let sent = fake.calls(Door::Subscribe).remove(0);
    assert_eq!(sent.body["application_context"]["user_action"], "SUBSCRIBE_NOW");
    assert_eq!(sent.key.unwrap(), format!("subscription-{}", sent.body["custom_id"].as_str().unwrap()));
    let back = format!("http://localhost:3000/buy-credits/return?subscription_id={id}");
    assert!(at_return(&user, &back).await.contains("The subscription isn’t complete yet"));
    assert!(at_return(&app.user().await, &back).await.contains("There is no such subscription"));

    let back = fake.agree(&to).await;
    for _ in 0..2 {
        let done = at_return(&user, &back).await;
        assert!(done.contains("Plus is yours") && done.contains("500 credits a month"), "{done}");
        let header = done.split("<header").nth(1).unwrap().split("</header>").next().unwrap();
        assert!(header.contains(">510<"), "{header}");
    }
    assert_eq!(fake.deliver(app.addr, &fake.sale_event(&id, 0)).await, 200);
    assert_eq!(fake.deliver(app.addr, &fake.subscription_event(&id, "ACTIVATED")).await, 200);
    let told = credits(&user).await;
    assert_eq!((&told["available"], &told["plan"]), (&json!(510), &json!("Plus")));
    let plan = &told["subscription"];
    assert_eq!((&plan["name"], &plan["status"], &plan["renews"]), (&json!("Plus"), &json!("active"), &json!(true)));
    assert!(plan["until"].as_str().unwrap() > Timestamp::now().to_string().as_str());
    // Role and pace, on every server.
    let other = app.start_beside(&[("RATE_LIMIT_PER_MINUTE", "30")]).await;
    for at in [app.addr, other.addr] {
        let user = user.at(at);
        assert_eq!(user.get_json("/api/auth/me").await.1["data"]["role"], "SUBSCRIBER");
        let (_, chat) = user.chat("Hello").await;
        assert_eq!(chat["success"], true, "{chat}");
    }
    let limited = user.post("/api/chat").json(&json!({ "message": "Hello" })).send().await.unwrap();
    assert_eq!(limited.headers()["ratelimit-limit"], "60");

    let dashboard = page(&user, "/dashboard").await;
    for text in ["Your plan", "Renews on", "Cancel subscription", "$15.00", "/receipts/R"] {
        assert!(dashboard.contains(text), "{text} in {dashboard}");
    }
    assert!(!dashboard.contains("/buy-credits/refund?payment="));
    // A second month.
    let renewed = fake.renew(&id, Timestamp::now());
    for _ in 0..3 {
        assert_eq!(fake.deliver(app.addr, &renewed).await, 200);
    }
    assert_eq!(credits(&user).await["available"], 1007);
    // Part of it goes back.
    let refund = fake.sale_refund_event(&id, 1, "3.00");
    for _ in 0..2 {
        assert_eq!(fake.deliver(app.addr, &refund).await, 200);
    }
    assert_eq!(credits(&user).await["available"], 907);
    // A payment fails.
    fake.change_subscription(&id, |known| known.failed_payments = 1);
    fake.deliver(app.addr, &fake.subscription_event(&id, "PAYMENT.FAILED")).await;
    assert!(page(&user, "/buy-credits").await.contains("The last payment failed"));
    assert_eq!(credits(&user).await["subscription"]["status"], "past_due");

    let ended = user.post_form("/buy-credits", &[("end", "subscription")]).send().await.unwrap();
    assert_eq!(ended.status(), 303);
    assert_eq!(fake.subscription(&id).status, "CANCELLED");
    let dashboard = page(&user, "/dashboard").await;
    assert!(dashboard.contains("doesn’t renew") && !dashboard.contains("Cancel subscription"));
    let told = credits(&user).await;
    assert_eq!((&told["subscription"]["status"], &told["available"]), (&json!("cancelled"), &json!(907)));
    assert_eq!(user.post_json("/api/credits/unsubscribe", &json!({})).await.0, 404);
    let chinese = user.get("/buy-credits").header("accept-language", "zh").send().await.unwrap().text().await.unwrap();
    assert!(chinese.contains("你的套餐") && chinese.contains("已取消"));
    assert_eq!(fake.plans(), 1);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_plan_is_made_once_and_changed_with_the_buyers_consent() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("packs.toml");
    let text = |price: &str| {
        format!(
            "[[plan]]\nid = \"a\"\nname = \"Small\"\ncredits = 100\nprice = \"{price}\"\n
             [[plan]]\nid = \"b\"\nname = \"Large\"\ncredits = 300\nprice = \"9.00\"\nrequests_per_minute = 90\n"
        )
    };
    std::fs::write(&file, text("4.00")).unwrap();
    let (fake, app) = start(&[("PACKS_FILE", file.to_str().unwrap())]).await;
    let user = app.user().await;
    // Answers are lost; keys make up for it.
    fake.next(Door::Plan, Fault::Lost);
    fake.next(Door::Subscribe, Fault::Lost);
    let (id, to) = subscribe(&user, "a").await;
    let back = fake.agree(&to).await;
    assert!(at_return(&user, &back).await.contains("Small is yours"));
    assert_eq!((fake.plans(), credits(&user).await["available"].clone()), (1, json!(110)));
    let (same, status) = (user.post_json("/api/credits/subscribe", &json!({ "plan": "a" })).await.0, 409);
    assert_eq!(same, status);
    // A price that changes is another plan, for whoever comes then.
    std::fs::write(&file, text("5.00")).unwrap();
    let other = app.user().await;
    while app.state.payments.shop.now().plans[0].price.minor != 500 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    subscribe(&other, "a").await;
    assert_eq!(fake.plans(), 2);
    let renewed = fake.renew(&id, Timestamp::now());
    assert_eq!(fake.deliver(app.addr, &renewed).await, 200);
    assert_eq!(credits(&user).await["available"], 210);
    // The change, whose first answer is lost.
    let (same, to) = subscribe(&user, "b").await;
    assert_eq!(same, id);
    assert_eq!(credits(&user).await["plan"], "Small");
    let back = fake.agree(&to).await;
    assert!(at_return(&user, &back).await.contains("Large begins on"));
    assert_eq!(credits(&user).await["plan"], "Small", "it is paid for");
    let renewed = fake.renew(&id, Timestamp::now() + SignedDuration::from_secs(1));
    assert_eq!(fake.deliver(app.addr, &renewed).await, 200);
    let now = credits(&user).await;
    assert_eq!((&now["available"], &now["plan"]), (&json!(510), &json!("Large")));
    // A wrong amount is nothing.
    fake.change_subscription(&id, |known| {
        known.sales[2]["id"] = json!("8AFORGED");
        known.sales[2]["amount_with_breakdown"]["gross_amount"]["value"] = json!("0.01");
    });
    fake.deliver(app.addr, &fake.sale_event(&id, 2)).await;
    assert_eq!(credits(&user).await["available"], 510);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_paypal_made_by_hand_is_used() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("packs.toml");
    std::fs::write(&file, "[[plan]]\nid = \"a\"\ncredits = 100\nprice = \"4.00\"\npaypal_plan = \"P-1\"\n").unwrap();
    let (fake, app) = start(&[("PACKS_FILE", file.to_str().unwrap())]).await;
    // There is no such plan there.
    assert_eq!(app.user().await.post_json("/api/credits/subscribe", &json!({ "plan": "a" })).await.0, 503);
    assert_eq!((fake.plans(), fake.count(Door::Plan)), (0, 0));
    assert_eq!(fake.calls(Door::Subscribe)[0].body["plan_id"], "P-1");
}
