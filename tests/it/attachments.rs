//! Images that are shown to a model: what is taken, who gets to see them, and where they go.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tessera::images::server::picture::clean;
use tessera::platform::ids::UserId;

use crate::fake_gemini::FakeGemini;
use crate::support::{PNG_URL, TestApp, User};

/// What is kept of a picture, and of what is kept again.
static PNG: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let bytes = BASE64_STANDARD.decode(PNG_URL.rsplit_once(',').unwrap().1).unwrap();
    clean(&bytes, LARGEST).unwrap().1
});
const LARGEST: usize = 4 * 1024 * 1024;

fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn data_url(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(bytes))
}

fn png() -> String {
    data_url("image/png", &PNG)
}

/// The user's first message of a conversation.
async fn first_message(user: &User, answer: &Value) -> Value {
    let path = format!("/api/conversations/{}", answer["data"]["conversationId"].as_str().unwrap());
    user.get_json(&path).await.1["data"]["messages"][0].clone()
}

async fn user_id(user: &User) -> UserId {
    user.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().parse().unwrap()
}

/// What OpenAI got, message by message.
fn openai_got(app: &TestApp) -> Value {
    app.upstream.seen.last.lock().unwrap().clone().unwrap().1["messages"].clone()
}

#[tokio::test]
async fn an_image_is_shown_to_the_model_kept_and_shown_again() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let (status, answer) = user.post_json("/api/chat", &json!({"message": "What is it?", "images": [png()]})).await;
    assert_eq!(status, 200, "{answer}");
    let shown = json!([
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": png()}},
    ]);
    assert_eq!(openai_got(&app), json!([{"role": "user", "content": shown}]));

    let message = first_message(&user, &answer).await;
    let id = message["images"][0]["id"].as_str().unwrap();
    assert_eq!(message["images"], json!([{"id": id, "mediaType": "image/png"}]));
    let path = format!("/api/chat/attachments/{id}");
    let response = user.get(&path).send().await.unwrap();
    let headers = response.headers().clone();
    assert_eq!(response.bytes().await.unwrap(), *PNG);
    for (name, value) in [
        ("content-type", "image/png"),
        ("cache-control", "private, max-age=31536000, immutable"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(other.get_json(&path).await.0, 404);
    assert_eq!(app.visitor().get_json(&path).await.0, 401);

    // What was shown is still seen with the next question.
    let conversation = answer["data"]["conversationId"].clone();
    let next = json!({"message": "And what colour?", "conversationId": conversation});
    user.post_json("/api/chat", &next).await;
    assert_eq!(openai_got(&app)[0]["content"], shown);
    assert_eq!(openai_got(&app)[2]["content"], "And what colour?");

    // Asked anew with the same image, which goes on under another id.
    let again = json!({
        "message": "What is it really?", "conversationId": conversation, "replaces": message["id"], "images": [id],
    });
    let send = || user.post("/api/chat").header("idempotency-key", "again").json(&again);
    let (status, first) = crate::support::answer(send()).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(user.get(&path).send().await.unwrap().status(), 200, "it is kept with its version");
    assert_eq!(app.state.stores.chats.image_bytes(user_id(&user).await).await.unwrap(), PNG.len() as u64, "once");
    let (status, second) = crate::support::answer(send()).await;
    assert_eq!((status, &second["data"]["messageId"]), (200, &first["data"]["messageId"]), "{second}");
    let message = first_message(&user, &answer).await;
    let copy = format!("/api/chat/attachments/{}", message["images"][0]["id"].as_str().unwrap());
    assert_eq!(user.get(&copy).send().await.unwrap().bytes().await.unwrap(), *PNG);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn gemini_gets_images_in_its_own_way() {
    let gemini = FakeGemini::start().await;
    let base = gemini.base_url();
    let vars = [("CHAT_PROVIDERS", "gemini"), ("GEMINI_API_KEY", "k"), ("GEMINI_BASE_URL", base.as_str())];
    let app = TestApp::start_with(&vars).await;
    let user = app.user().await;
    let (status, answer) = user.post_json("/api/chat", &json!({"message": "gemini: see?", "images": [png()]})).await;
    assert_eq!(status, 200, "{answer}");
    let (_, _, _, sent) = gemini.seen.last.lock().unwrap().clone().unwrap();
    let image = json!({"inlineData": {"mimeType": "image/png", "data": BASE64_STANDARD.encode(&*PNG)}});
    assert_eq!(sent["contents"], json!([{"role": "user", "parts": [{"text": "gemini: see?"}, image]}]));
}

#[tokio::test]
async fn what_is_no_image_is_refused_by_name_and_costs_nothing() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let unknown = "0199c1d2-7f00-7000-8000-1234567890ab";
    for images in [
        json!(["cat.png"]),
        json!([data_url("image/svg+xml", b"<svg/>")]),
        json!([data_url("image/png", b"<script>")]),
        json!([unknown]),
        json!([png(), png(), png(), png(), png()]),
        json!([data_url("image/png", &[&PNG[..], &vec![0; LARGEST]].concat())]),
    ] {
        let (status, body) = user.post_json("/api/chat", &json!({"message": "Look", "images": images})).await;
        assert_eq!((status, &body["field"]), (400, &json!("images")), "{body}");
    }
    assert_eq!((app.upstream.calls(), user.ledger_kinds().await), (0, vec!["grant".to_owned()]));
}

#[tokio::test]
async fn four_large_images_fit_and_only_into_this_route() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut large = PNG.to_vec();
    large.resize(LARGEST, 0);
    let image = data_url("image/png", &large);
    let body = json!({"message": "Look", "images": [image, image, image, image]});
    let (status, answer) = user.post_json("/api/chat", &body).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = user.post_json("/api/chat", &json!({"message": "x".repeat(23 * 1024 * 1024)})).await;
    assert_eq!((status, &answer["code"]), (413, &json!("too_large")));
    let (status, answer) = user.post_json("/api/auth/login", &json!({"email": "x".repeat(100 * 1024)})).await;
    assert_eq!((status, &answer["code"]), (413, &json!("too_large")));
}

#[tokio::test]
async fn another_image_is_another_question() {
    let app = TestApp::start_with(&[("CHAT_CACHE", "shared")]).await;
    let user = app.user().await;
    let other = data_url("image/png", &picture(2, 1));
    for (images, cached) in
        [(json!([png()]), false), (json!([other]), false), (json!([png()]), true), (json!([]), false)]
    {
        let (_, answer) = user.post_json("/api/chat", &json!({"message": "What is it?", "images": images})).await;
        assert_eq!(answer["data"]["cached"], json!(cached), "{answer}");
    }
    let send = async |image: &str| {
        let body = json!({"message": "Once", "images": [image]});
        crate::support::answer(user.post("/api/chat").header("idempotency-key", "once").json(&body)).await
    };
    assert_eq!(send(&png()).await.0, 200);
    assert_eq!(send(&other).await.1["code"], "idempotency_mismatch");
}

#[tokio::test]
async fn who_cannot_see_is_not_asked() {
    let model = ("LOCAL_MODEL", "/nowhere/tiny.gguf");
    let app = TestApp::start_with(&[("CHAT_PROVIDERS", "local,openai"), model]).await;
    let user = app.user().await;
    let body = json!({"message": "Look", "images": [png()], "provider": "local", "model": "tiny"});
    let (status, answer) = user.post_json("/api/chat", &body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["data"]["provider"], &answer["data"]["model"]), (&json!("openai"), &json!("fake-model")));
    let blind = app.start_beside(&[("CHAT_PROVIDERS", "local"), model]).await;
    let (status, answer) = user.at(blind.addr).post_json("/api/chat", &body).await;
    assert_eq!((status, &answer["field"]), (400, &json!("images")), "{answer}");
    assert_eq!(answer["error"], "No configured model can see images.");
    // It need not be found out where it is known.
    let told = app.start_beside(&[("OPENAI_SEES_IMAGES", "false")]).await;
    let (status, answer) =
        user.at(told.addr).post_json("/api/chat", &json!({"message": "Look", "images": [png()]})).await;
    assert_eq!((status, &answer["field"]), (400, &json!("images")), "{answer}");
}

#[tokio::test]
async fn of_an_image_only_the_picture_is_kept() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let told = [&PNG[..], b"<script>GPSLatitude</script>"].concat();
    let send = async |image: String| user.post_json("/api/chat", &json!({"message": "Look", "images": [image]})).await;
    let (status, answer) = send(data_url("image/png", &told)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(openai_got(&app)[0]["content"][1]["image_url"]["url"], png());
    // A small file that would be 2.5 billion pixels.
    let mut bomb = PNG.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xC3, 0x50, 0, 0, 0xC3, 0x50]);
    for image in [bomb, PNG[..PNG.len() / 2].to_vec()] {
        let (status, refused) = send(data_url("image/png", &image)).await;
        assert_eq!((status, &refused["field"]), (400, &json!("images")), "{refused}");
    }
}

#[tokio::test]
async fn images_have_a_quota_which_the_account_shows_and_deleting_makes_room_again() {
    let app = TestApp::start_with(&[("ATTACHMENT_QUOTA_MIB", "1")]).await;
    let user = app.user().await;
    // Noise, which no file makes smaller: 600 KB.
    let mut noise = image::RgbImage::new(400, 500);
    let mut number = 1_u32;
    for pixel in noise.pixels_mut() {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        pixel.0 = number.to_be_bytes()[..3].try_into().unwrap();
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    noise.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let send = async |key: &str| {
        let body = json!({"message": "Look", "images": [data_url("image/png", bytes.get_ref())]});
        crate::support::answer(user.post("/api/chat").header("idempotency-key", key).json(&body)).await
    };
    let account = async || user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(account().await.contains("0.0 of 1.0 MiB"));
    let (status, first) = send("first").await;
    assert_eq!(status, 200, "{first}");
    assert!(account().await.contains("0.5 of 1.0 MiB"));
    let (status, refused) = send("second").await;
    assert_eq!((status, &refused["field"]), (400, &json!("images")), "{refused}");
    // The same request again is no new image.
    assert_eq!(send("first").await.1["data"]["messageId"], first["data"]["messageId"]);
    assert_eq!(user.credits().await["available"], 9);
    let conversation = format!("/api/conversations/{}", first["data"]["conversationId"].as_str().unwrap());
    assert_eq!(user.request(reqwest::Method::DELETE, &conversation).send().await.unwrap().status(), 200);
    assert_eq!(send("third").await.0, 200);
}
