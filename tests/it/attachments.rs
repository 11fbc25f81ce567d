//! Images that are shown to a model: what is taken, who gets to see them, and where they go.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::fake_gemini::FakeGemini;
use crate::support::{TestApp, User};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

fn data_url(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(bytes))
}

fn png() -> String {
    data_url("image/png", PNG)
}

/// The user's first message of a conversation.
async fn first_message(user: &User, answer: &Value) -> Value {
    let path = format!("/api/conversations/{}", answer["data"]["conversationId"].as_str().unwrap());
    user.get_json(&path).await.1["data"]["messages"][0].clone()
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
    assert_eq!(response.bytes().await.unwrap(), PNG);
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
    assert_eq!(user.get_json(&path).await.0, 404, "it went with its message");
    let (status, second) = crate::support::answer(send()).await;
    assert_eq!((status, &second["data"]["messageId"]), (200, &first["data"]["messageId"]), "{second}");
    let message = first_message(&user, &answer).await;
    let copy = format!("/api/chat/attachments/{}", message["images"][0]["id"].as_str().unwrap());
    assert_eq!(user.get(&copy).send().await.unwrap().bytes().await.unwrap(), PNG);
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
    let image = json!({"inlineData": {"mimeType": "image/png", "data": BASE64_STANDARD.encode(PNG)}});
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
        json!([data_url("image/png", &[PNG, &vec![0; 4 * 1024 * 1024]].concat())]),
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
    large.resize(4 * 1024 * 1024, 0);
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
    let other = data_url("image/png", &[PNG, b"!"].concat());
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
}
