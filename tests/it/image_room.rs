//! What made images take of the room that a user has.

use reqwest::Method;
use serde_json::json;

use crate::mongod::{Kind, Mongod};
use crate::support::{TestApp, answer};

/// Images until one is refused, which costs nothing and leaves nothing; deleting makes room.
async fn fill_the_room(more: &[(&str, &str)]) {
    let mut vars = vec![("ATTACHMENT_QUOTA_MIB", "1"), ("FREE_CREDITS", "200")];
    vars.extend(more);
    let app = TestApp::start_with(&vars).await;
    let user = app.user().await;
    let account = async || user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(account().await.contains("0.0 of 1.0 MiB"));
    let order = async |number: usize| {
        let body = json!({ "prompt": format!("a city, {number}"), "aspectRatio": "1:1", "seed": number });
        let request = user.post("/api/image").header("prefer", "wait").header("idempotency-key", format!("{number}"));
        answer(request.json(&body)).await
    };
    let mut made = Vec::new();
    let refused = loop {
        assert!(made.len() < 50, "made images count");
        let (status, told) = order(made.len()).await;
        if status != 200 {
            break (status, told);
        }
        made.push(told["data"]["id"].as_str().unwrap().to_owned());
    };
    let (_, told) = refused;
    assert_eq!((told["code"].as_str(), told["field"].as_str()), (Some("invalid_input"), Some("images")), "{told}");
    assert!(!account().await.contains("0.0 of 1.0 MiB"));
    let spent = 200 - 2 * i64::try_from(made.len()).unwrap();
    assert_eq!(
        (user.credits().await["available"].clone(), user.credits().await["held"].clone()),
        (json!(spent), json!(0))
    );
    // Wherever it is asked for.
    let (status, told) = user.chat("/image a fox").await;
    assert_eq!((status, told["field"].as_str()), (400, Some("images")), "{told}");
    let (_, conversations) = user.get_json("/api/conversations").await;
    assert_eq!(conversations["data"]["items"], json!([]));
    let program = user.with_key(&json!({})).await;
    let (status, told) = program.post_json("/v1/images/generations", &json!({ "prompt": "a fox" })).await;
    assert_eq!(status, 400, "{told}");
    let refused = user.post_form("/images", &[("prompt", "a fox")]).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("of 1.0 MiB"));
    // The same request again is no new image.
    let (status, again) = order(0).await;
    assert_eq!((status, again["data"]["id"].as_str()), (200, Some(made[0].as_str())), "{again}");
    assert_eq!(user.get_json("/api/images").await.1["data"]["items"].as_array().unwrap().len(), made.len());
    for image in &made {
        assert_eq!(user.request(Method::DELETE, &format!("/api/images/{image}")).send().await.unwrap().status(), 200);
    }
    assert!(account().await.contains("0.0 of 1.0 MiB"));
    assert_eq!(order(1000).await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn made_images_take_room_and_a_full_room_refuses_them_for_nothing() {
    fill_the_room(&[("RATE_LIMIT_PER_MINUTE", "1000")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn made_images_take_room_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    fill_the_room(&[("RATE_LIMIT_PER_MINUTE", "1000"), ("MONGODB_URI", &mongod.uri())]).await;
}
