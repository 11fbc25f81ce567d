//! Budgets as users meet them: by the API, by the form of `/account`, and when one is used up.

use reqwest::Method;
use serde_json::{Value, json};

use crate::mongod::{Kind, Mongod};
use crate::support::{TestApp, User};

async fn put(user: &User, body: &Value) -> (u16, Value) {
    let response = user.request(Method::PUT, "/api/account/budgets").json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn budgets_hold(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let user = app.user().await;
    let (status, page) = user.get_json("/api/account/budgets").await;
    assert_eq!((status, &page["data"]), (200, &json!({"timeZone": "UTC", "budgets": []})));
    let wanted = json!({"timeZone": "europe/zurich", "budgets": [
        {"period": "day", "limit": 2.5},
        {"period": "month", "limit": 100, "model": "another*"},
    ]});
    let (status, set) = put(&user, &wanted).await;
    assert_eq!((status, &set["data"]["timeZone"]), (200, &json!("Europe/Zurich")), "{set}");
    for left in [1.5, 0.5] {
        assert_eq!(user.chat("hello").await.0, 200);
        let (_, page) = user.get_json("/api/account/budgets").await;
        assert_eq!(page["data"]["budgets"][0]["left"], json!(left));
    }
    let (_, page) = user.get_json("/api/account/budgets").await;
    let [day, month] = [0, 1].map(|at| &page["data"]["budgets"][at]);
    assert_eq!((&day["spent"], &day["notice"], &month["spent"]), (&json!(2), &json!(80), &json!(0)));
    let (_, overview) = user.get_json("/api/overview").await;
    assert_eq!(overview["data"]["budgetNotice"], "You have used at least 80% of your budget for today.");
    assert!(
        user.get("/chat")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .contains("You have used at least 80% of your budget for today.")
    );
    // It is refused before anybody is asked, and says what is left.
    let asked = app.upstream.calls();
    let (status, refused) = user.chat("hello").await;
    assert_eq!((status, &refused["code"]), (402, &json!("insufficient_credits")));
    assert_eq!((&refused["needed"], &refused["available"]), (&json!(1), &json!(0.5)));
    assert!(refused["error"].as_str().unwrap().contains("budget"), "{refused}");
    assert_eq!(user.make_image("a fox").await.0, 402);
    assert_eq!(app.upstream.calls(), asked);
    // A raised one keeps its count; a key cannot raise it.
    let key = user.with_key(&json!({})).await;
    assert_eq!(key.chat("hello").await.0, 402);
    assert_eq!(put(&key, &wanted).await.0, 403);
    let (_, set) = put(&user, &json!({"budgets": [{"period": "day", "limit": 3}]})).await;
    let raised = &set["data"]["budgets"][0];
    assert_eq!((&raised["id"], &raised["spent"], &raised["left"]), (&day["id"], &json!(2), &json!(1)));
    assert_eq!(key.chat("hello").await.0, 200);
    assert_eq!(user.credits().await["available"], 7);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_hold_over_sqlite() {
    budgets_hold(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_hold_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    budgets_hold(&[("MONGODB_URI", &mongod.uri())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_budget_is_named() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let other = app.user().await.with_key(&json!({})).await;
    let (_, keys) = other.get_json("/api/account/keys").await;
    assert_eq!(keys["code"], "forbidden");
    for (body, field) in [
        (json!({}), "budgets"),
        (json!({"timeZone": "Mars/Base", "budgets": []}), "timeZone"),
        (json!({"budgets": [{"period": "day", "limit": 0}]}), "budgets[0].limit"),
        (json!({"budgets": [{"period": "day", "limit": 1}, {"period": "week", "limit": -1}]}), "budgets[1].limit"),
        (
            json!({"budgets": [{"period": "day", "limit": 1, "keyId": "01939b7e-0000-7000-8000-0123456789ab"}]}),
            "budgets[0].keyId",
        ),
        (json!({"budgets": [{"period": "day", "limit": 1, "model": "x".repeat(121)}]}), "budgets[0].model"),
        (json!({"budgets": [{"period": "day", "limit": 1}, {"period": "day", "limit": 2}]}), "budgets[1].period"),
        (json!({"budgets": vec![json!({"period": "day", "limit": 1}); 21]}), "budgets"),
        (json!({"budgets": [{"period": "day", "limit": 0.000_000_1}]}), "budgets[0].limit"),
        (json!({"budgets": [{"period": "day", "limit": "1"}]}), "budgets[0].limit"),
        (json!({"budgets": [{"period": "year", "limit": 1}]}), "budgets[0].period"),
    ] {
        let (status, refused) = put(&user, &body).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some(field)), "{body}: {refused}");
    }
    let (_, page) = user.get_json("/api/account/budgets").await;
    assert_eq!(page["data"]["budgets"], json!([]), "nothing of it was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_sets_and_removes_a_budget_without_a_script() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let form = async |fields: &[(&str, &str)]| {
        let response = user.post_form("/account", fields).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let page = async || user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(page().await.contains("No budgets yet."));
    let whole = [("period", "week"), ("limit", "2.5"), ("of", ""), ("model", " gpt* "), ("timeZone", "Asia/Shanghai")];
    assert_eq!(form(&whole).await.0, 303);
    // The same again changes its limit.
    assert_eq!(form(&[("period", "week"), ("limit", "3"), ("model", "gpt*")]).await.0, 303);
    let shown = page().await;
    for text in ["Weekly", "of 3", "gpt*", "Asia/Shanghai"] {
        assert!(shown.contains(text), "{text}");
    }
    let (_, set) = user.get_json("/api/account/budgets").await;
    assert_eq!(set["data"]["budgets"].as_array().unwrap().len(), 1);
    for (fields, problem) in [
        ([("period", "day"), ("limit", "-1"), ("timeZone", "UTC")], "above 0"),
        ([("period", "day"), ("limit", "x<b>"), ("timeZone", "UTC")], "above 0"),
        ([("period", "day"), ("limit", "1"), ("timeZone", "Mars")], "time zone such as"),
    ] {
        let (status, refused) = form(&fields).await;
        assert!(status == 400 && refused.contains(problem) && !refused.contains("x<b>"), "{fields:?}: {status}");
    }
    let id = set["data"]["budgets"][0]["id"].as_str().unwrap();
    for _ in 0..2 {
        assert_eq!(form(&[("removeBudget", id)]).await.0, 303);
    }
    assert!(page().await.contains("No budgets yet."));
}
