//! Images over HTTP: made, watched, found, changed, deleted, and paid for once. The built-in painter makes them.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tessera::images::server::garbage::{clean, sweep, take_inventory};
use tessera::images::server::storage::{ObjectKey, Rendition};
use tessera::platform::db::now_millis;
use tessera::platform::ids::ImageId;
use tessera::platform::time::DAY;
use uuid::Uuid;

use crate::responses::{ChatAnswer, Conversation, Deleted, Image, Ordered, Page, data, items, refusal};
use crate::support::{TestApp, User, answer};

/// Small, so that painting takes no time in a test: the shape with the fewest pixels.
const SHAPE: &str = "21:9";

impl User {
    /// Makes an image and waits for it.
    pub async fn make_image(&self, prompt: &str) -> (u16, Value) {
        let body = json!({ "prompt": prompt, "aspectRatio": SHAPE, "seed": 7 });
        answer(self.post("/api/image").header("prefer", "wait").json(&body)).await
    }

    /// Orders an image.
    pub async fn order_image(&self, prompt: &str) -> (u16, Value) {
        self.post_json("/api/image", &json!({ "prompt": prompt, "aspectRatio": SHAPE, "seed": 7 })).await
    }

    /// The last event of an image.
    pub async fn await_image(&self, id: &str) -> (String, Value) {
        let response = self.get(&format!("/api/images/{id}/events")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let last = crate::support::EventReader::new(response).rest().await.1;
        (last.event, serde_json::from_str(&last.data).unwrap())
    }

    pub async fn images(&self) -> Vec<Image> {
        items(self.get_json("/api/images?limit=100").await)
    }
}

impl TestApp {
    /// How many files there are in storage.
    pub async fn count_files(&self) -> u64 {
        take_inventory(self.state.stores.images.as_ref(), self.state.images.objects.as_ref())
            .await
            .unwrap()
            .unwrap()
            .files
    }

    /// Deletes what is to be deleted, be it due or not.
    pub async fn clean_up(&self) {
        clean(self.state.stores.images.as_ref(), self.state.images.objects.as_ref(), now_millis() + DAY).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_ordered_watched_shown_and_charged_once() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (status, ordered) = user.order_image("  A lighthouse at dusk ").await;
    let Ordered { id, status: state, credits } = data((status, ordered));
    assert_eq!((status, state.as_str(), credits), (202, "running", 2));
    let (name, done) = user.await_image(&id).await;
    assert_eq!((name.as_str(), &done["credits"], &done["remainingCredits"]), ("done", &json!(2), &json!(8)));
    let image = &done["image"];
    assert!(image["placeholder"].as_str().unwrap().starts_with("data:image/webp;base64,"));
    let (_, detail) = user.get_json(&format!("/api/images/{id}")).await;
    for (name, value) in image.as_object().unwrap() {
        assert_eq!(detail["data"][name], *value, "{name} is told as it is stored");
    }
    insta::assert_json_snapshot!(detail, {
        ".requestId" => "[id]",
        ".data.id" => "[id]",
        ".data.placeholder" => "[data URL]",
        ".data.createdAt" => "[time]",
        ".data.imageUrl" => "[path]",
        ".data.thumbnailUrl" => "[path]",
    }, @r#"
    {
      "data": {
        "aspectRatio": "21:9",
        "createdAt": "[time]",
        "credits": 2,
        "favorite": false,
        "height": 640,
        "id": "[id]",
        "imageUrl": "[path]",
        "isAi": false,
        "model": "sketch",
        "placeholder": "[data URL]",
        "prompt": "A lighthouse at dusk",
        "provider": "sketch",
        "seed": 7,
        "status": "complete",
        "thumbnailUrl": "[path]",
        "width": 1536
      },
      "requestId": "[id]",
      "success": true
    }
    "#);
    for (path, kind, magic) in
        [(&image["imageUrl"], "image/png", &b"\x89PNG"[..]), (&image["thumbnailUrl"], "image/webp", b"RIFF")]
    {
        let response = user.get(path.as_str().unwrap()).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()[CONTENT_TYPE].to_str().unwrap()), (200, kind));
        assert_eq!(response.headers()["cache-control"], "private, max-age=31536000, immutable");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let tag = response.headers()["etag"].clone();
        assert!(response.bytes().await.unwrap().starts_with(magic));
        let again = user.get(path.as_str().unwrap()).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304);
    }
    let saved = user.get(&format!("/api/images/{id}/file?download")).send().await.unwrap();
    let disposition = saved.headers()["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("attachment; filename=\"tessera-a-lighthouse-at-dusk-"), "{disposition}");
    let png = String::from_utf8_lossy(&saved.bytes().await.unwrap()).into_owned();
    assert!(png.contains("Tessera") && png.contains("not AI") && !png.contains("lighthouse"));

    assert_eq!(user.credits().await["held"], 0);
    assert_eq!(user.ledger_kinds().await, ["grant", "hold", "settle"]);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_refused_by_name_and_free() {
    let app = TestApp::start_with(&[("MAX_MESSAGE_CHARS", "50")]).await;
    let user = app.user().await;
    for (body, field) in [
        (json!({}), "prompt"),
        (json!({ "prompt": " \n" }), "prompt"),
        (json!({ "prompt": "x".repeat(51) }), "prompt"),
        (json!({ "prompt": "a fox", "aspectRatio": "16/9" }), "aspectRatio"),
        (json!({ "prompt": "a fox", "provider": "crayon" }), "provider"),
        (json!({ "prompt": "a fox", "seed": -1 }), "seed"),
        (json!(7), "body"),
    ] {
        let refused = refusal(user.post_json("/api/image", &body).await);
        assert_eq!(refused, format!("400 invalid_input: {field}"), "{body}");
    }
    for (path, field) in [
        ("/api/images?limit=0", "limit"),
        ("/api/images?cursor=x", "cursor"),
        ("/api/images?favorites=perhaps", "favorites"),
    ] {
        assert_eq!(refusal(user.get_json(path).await), format!("400 invalid_input: {field}"), "{path}");
    }
    for ids in [json!([]), json!(["x"]), json!(vec![Uuid::now_v7(); 101])] {
        let refused = user.post_json("/api/images/delete", &json!({ "ids": ids })).await;
        assert_eq!(refusal(refused), "400 invalid_input: ids");
    }
    assert_eq!(user.credits().await["available"], 10);
    let (status, _) = app.visitor().order_image("a fox").await;
    assert_eq!(status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_never_cost_more_than_there_is() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let orders = (0..20).map(|n| {
        let user = user.clone();
        tokio::spawn(async move { user.order_image(&format!("a fox {n}")).await })
    });
    let mut by_status = std::collections::BTreeMap::<u16, usize>::new();
    for order in orders.collect::<Vec<_>>() {
        *by_status.entry(order.await.unwrap().0).or_default() += 1;
    }
    assert_eq!(by_status, [(202, 5), (402, 15)].into(), "10 credits are 5 images");
    for image in user.images().await {
        let (name, _) = user.await_image(&image.id).await;
        assert_eq!(name, "done");
    }
    assert_eq!((&user.credits().await["available"], &user.credits().await["held"]), (&json!(0), &json!(0)));
    assert_eq!(app.count_files().await, 10);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_makes_one_image() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let order = |prompt: &'static str, key: &'static str| {
        let body = json!({ "prompt": prompt, "aspectRatio": SHAPE });
        let request = user.post("/api/image").header("idempotency-key", key).json(&body);
        tokio::spawn(async move { answer(request).await })
    };
    let orders: Vec<_> = (0..8).map(|_| order("a fox", "k1")).collect();
    let mut ids = HashSet::new();
    for order in orders {
        let (status, ordered) = order.await.unwrap();
        assert_eq!(status, 202, "{ordered}");
        ids.insert(data::<Ordered>((status, ordered)).id);
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(refusal(order("a cat", "k1").await.unwrap()), "409 idempotency_mismatch");
    let id = ids.into_iter().next().unwrap();
    assert_eq!(user.await_image(&id).await.0, "done");
    let again: Ordered = data(order("a fox", "k1").await.unwrap());
    assert_eq!((again.id, again.status.as_str()), (id, "complete"));
    assert_eq!(user.credits().await["available"], 8);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_found_liked_and_deleted_with_their_files() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "100")]).await;
    let (user, other) = (app.user().await, app.user().await);
    let mut ids = Vec::new();
    for prompt in ["A red fox", "a blue fox", "an owl"] {
        ids.push(data::<Image>(user.make_image(prompt).await).id);
    }
    let page: Page<Image> = data(user.get_json("/api/images?q=FOX&limit=1").await);
    assert_eq!(page.items[0].prompt, "a blue fox");
    let next = format!("/api/images?q=FOX&limit=1&cursor={}", page.next_cursor.unwrap());
    let page: Page<Image> = data(user.get_json(&next).await);
    assert_eq!((page.items[0].prompt.as_str(), page.next_cursor), ("A red fox", None));

    let like = user.request(reqwest::Method::PATCH, &format!("/api/images/{}", ids[0]));
    assert!(data::<Image>(answer(like.json(&json!({ "favorite": true }))).await).favorite);
    assert_eq!(items::<Image>(user.get_json("/api/images?favorites=true").await).len(), 1);
    let detail: Image = data(user.get_json(&format!("/api/images/{}", ids[1])).await);
    assert_eq!((detail.newer.as_ref(), detail.older.as_ref()), (Some(&ids[2]), Some(&ids[0])));

    for path in ["", "/file", "/thumbnail", "/events"] {
        let (status, _) = other.get_json(&format!("/api/images/{}{path}", ids[0])).await;
        assert_eq!(status, 404, "somebody else's {path}");
    }
    assert_eq!(answer(other.request(reqwest::Method::DELETE, &format!("/api/images/{}", ids[0]))).await.0, 404);
    let all = json!({ "ids": ids });
    assert_eq!(data::<Deleted>(other.post_json("/api/images/delete", &all).await).deleted, 0);
    assert_eq!(app.count_files().await, 6);

    assert_eq!(answer(user.request(reqwest::Method::DELETE, &format!("/api/images/{}", ids[0]))).await.0, 200);
    assert_eq!(data::<Deleted>(user.post_json("/api/images/delete", &all).await).deleted, 2);
    assert_eq!(user.get_json(&format!("/api/images/{}/file", ids[1])).await.0, 404, "at once");
    app.clean_up().await;
    assert_eq!(app.count_files().await, 0);
    assert_eq!(app.state.stores.images.count().await.unwrap(), tessera::images::server::store::ImageCounts::default());
    assert_eq!(user.credits().await["available"], 94, "what was paid for stays paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_a_conversation_is_shown_there_and_goes_with_it() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let told: ChatAnswer = data(user.chat("/image 21:9 a [red] fox").await);
    assert_eq!((told.credits, told.remaining_credits, told.provider.as_str()), (2, 8, "sketch"));
    let conversation = told.conversation_id;
    let Image { id, aspect_ratio, conversation_id, .. } = user.images().await.remove(0);
    assert_eq!((conversation_id.as_ref(), aspect_ratio.as_str()), (Some(&conversation), "21:9"));
    assert_eq!(told.reply, format!("[![a red fox](/api/images/{id}/file)](/images/{id})"));
    let shown: Conversation = data(user.get_json(&format!("/api/conversations/{conversation}")).await);
    let (asked, reply) = (&shown.messages[0], &shown.messages[1]);
    assert_eq!((asked.content.as_str(), reply.state.as_str()), ("/image 21:9 a [red] fox", "complete"));
    assert!(reply.html.as_ref().unwrap().contains(&format!("<img src=\"/api/images/{id}/file\"")));

    let mut events = user.chat_stream(&json!({ "message": "/image an owl", "conversationId": conversation })).await;
    assert_eq!(events.next_named("start").await.1["credits"], 2);
    let (_, done) = events.next_named("done").await;
    assert!(done["reply"].as_str().unwrap().contains("![an owl]"));
    assert_eq!(done["remainingCredits"], 6);

    assert_eq!(refusal(user.chat("/image").await), "400 invalid_input: prompt");
    assert_eq!(
        answer(user.request(reqwest::Method::DELETE, &format!("/api/conversations/{conversation}"))).await.0,
        200
    );
    assert!(user.images().await.is_empty());
    app.clean_up().await;
    assert_eq!(app.count_files().await, 0);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_openai_get_images() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "20")]).await;
    let user = app.user().await.with_key(&json!({})).await;
    let body = json!({ "model": "sketch", "prompt": "a fox", "n": 2, "size": "1536x640", "quality": "auto",
        "background": "opaque", "style": null });
    let (status, made) = user.post_json("/v1/images/generations", &body).await;
    assert_eq!((status, &made["size"], &made["output_format"]), (200, &json!("1536x640"), &json!("png")), "{made}");
    let data = made["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    assert!(data.iter().all(|one| one["b64_json"].as_str().unwrap().starts_with("iVBORw0KGgo")));
    assert_ne!(data[0], data[1], "each with a seed of its own");
    assert_eq!(user.credits().await["available"], 16);
    let body = json!({ "prompt": "a fox", "size": "1536x640", "response_format": "url" });
    let (_, made) = user.post_json("/v1/images/generations", &body).await;
    let url = url::Url::parse(made["data"][0]["url"].as_str().unwrap()).unwrap();
    assert_eq!(user.get(url.path()).send().await.unwrap().headers()[CONTENT_TYPE], "image/png");
    for (body, status, param) in [
        (json!({ "prompt": "" }), 400, "prompt"),
        (json!({ "prompt": "a", "n": 5 }), 400, "n"),
        (json!({ "prompt": "a", "size": "huge" }), 400, "size"),
        (json!({ "prompt": "a", "model": "dall-e-9" }), 404, "model"),
        (json!({ "prompt": "a", "quality": "hd" }), 400, "quality"),
        (json!({ "prompt": "a", "background": "transparent" }), 400, "background"),
        (json!({ "prompt": "a", "style": "vivid" }), 400, "style"),
    ] {
        let (found, refused) = user.post_json("/v1/images/generations", &body).await;
        assert_eq!((found, &refused["error"]["param"]), (status, &json!(param)), "{refused}");
    }
    let poor = user.clone();
    let (status, refused) = poor.post_json("/v1/images/generations", &json!({ "prompt": "a", "n": 4 })).await;
    assert_eq!(status, 200, "{refused}");
    let (status, refused) = poor.post_json("/v1/images/generations", &json!({ "prompt": "a", "n": 4 })).await;
    assert_eq!((status, &refused["error"]["code"]), (402, &json!("insufficient_quota")));
    assert_eq!(poor.credits().await["available"], 6, "none of them was begun");
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_make_and_change_images_without_a_script() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let fields = [("prompt", "a fox"), ("aspectRatio", SHAPE), ("count", "2"), ("seed", "5"), ("provider", "")];
    let response = user.post_form("/images", &fields).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["location"]), (303, &"/images".parse().unwrap()));
    let images = user.images().await;
    let seeds: HashSet<_> = images.iter().map(|image| image.seed).collect();
    assert_eq!(seeds, HashSet::from([5, 6]));
    let id = images[0].id.clone();
    for image in &images {
        user.await_image(&image.id).await;
    }
    let act = async |action: &str| {
        let response = user.post_form(&format!("/images/{id}"), &[("action", action)]).send().await.unwrap();
        response.status().as_u16()
    };
    assert_eq!(act("favorite").await, 303);
    assert!(data::<Image>(user.get_json(&format!("/api/images/{id}")).await).favorite);
    assert_eq!((act("again").await, user.images().await.len()), (303, 3));
    assert_eq!((act("paint it black").await, act("delete").await, act("delete").await), (400, 303, 404));
    let bad = [("prompt", "an owl & </textarea><h1>a fox"), ("count", "9"), ("seed", "x")];
    let response = user.post_form("/images", &bad).send().await.unwrap();
    assert_eq!(response.status(), 303);
    let back = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(
        back,
        "/images?error=invalid_input&prompt=an+owl+%26+%3C%2Ftextarea%3E%3Ch1%3Ea+fox&aspectRatio=&seed=x"
    );
    let page = user.get(&back).send().await.unwrap().text().await.unwrap();
    let field = page.split("<textarea").nth(1).unwrap().split("</textarea").next().unwrap();
    assert!(field.ends_with(">an owl &amp; &lt;/textarea>&lt;h1>a fox"), "what was typed is not lost: {field}");
    assert!(page.contains("Check the prompt, the number of images and the seed."));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_no_image_knows_are_found_and_deleted() {
    let app = TestApp::start().await;
    let user = app.user().await;
    assert_eq!(user.make_image("a fox").await.0, 200);
    let (images, objects) = (app.state.stores.images.as_ref(), app.state.images.objects.as_ref());
    // Of an hour ago and more, by its id.
    let old: ImageId = "01900000-0000-7000-8000-000000000001".parse().unwrap();
    let young = ImageId::now_v7();
    for id in [old, young] {
        objects.put(ObjectKey::new(id, Rendition::Full), "bytes".into()).await.unwrap();
    }
    let inventory = take_inventory(images, objects).await.unwrap().unwrap();
    assert_eq!(
        (inventory.files, inventory.strays),
        (4, vec![old]),
        "a young one may be of an image that is being stored"
    );
    assert_eq!(sweep(images, objects).await.unwrap(), 1);
    app.clean_up().await;
    assert_eq!(objects.get(ObjectKey::new(old, Rendition::Full)).await.unwrap(), None);
    assert_eq!(app.count_files().await, 3);
    // Many more than there are images are somebody else's.
    for n in 0..30_u128 {
        objects
            .put(ObjectKey::new(Uuid::from_u128(Uuid::from(old).as_u128() + n).into(), Rendition::Full), "bytes".into())
            .await
            .unwrap();
    }
    assert!(sweep(images, objects).await.is_err());
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(app.count_files().await, 33);
}
