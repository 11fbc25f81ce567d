//! The picture that a user shows of themselves: nothing of the file but the pixels, nobody's but their own, gone when it is replaced.

use std::io::Cursor;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tessera::platform::db::now_millis;
use tessera::platform::ids::{ImageId, UserId};

use crate::contracts::over_every_store;
use crate::mongod::{Kind, Mongod};
use crate::s3_server::{BUCKET, S3Server};
use crate::support::{PNG_URL, TestApp, User, answer};

const AVATAR: &str = "/api/account/avatar";
const FORM: &str = "multipart/form-data; boundary=----of-a-test";

over_every_store! {
    async fn an_avatar_is_known_until_another_takes_its_place_and_then_its_file_is_queued(stores) {
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        let [first, second, of_other] = [ImageId::now_v7(), ImageId::now_v7(), ImageId::now_v7()];
        let images = stores.images.clone();
        let queued = async || {
            let strays = images.strays(now_millis() + 1, 50).await.unwrap();
            strays.into_iter().map(|stray| stray.id).collect::<Vec<_>>()
        };
        assert_eq!(images.find_avatar(user).await.unwrap(), None);
        images.set_avatar(user, None).await.unwrap();
        images.set_avatar(user, Some(first)).await.unwrap();
        images.set_avatar(other, Some(of_other)).await.unwrap();
        assert_eq!(images.find_avatar(user).await.unwrap(), Some(first));
        assert_eq!(images.known(vec![first, second, of_other]).await.unwrap(), [first, of_other]);
        assert_eq!(queued().await, []);
        images.set_avatar(user, Some(second)).await.unwrap();
        assert_eq!((images.find_avatar(user).await.unwrap(), queued().await), (Some(second), vec![first]));
        images.forget_strays(vec![first]).await.unwrap();
        assert_eq!(images.known(vec![first, second]).await.unwrap(), [second]);
        images.set_avatar(user, None).await.unwrap();
        assert_eq!((images.find_avatar(user).await.unwrap(), queued().await), (None, vec![second]));
        assert_eq!(images.find_avatar(other).await.unwrap(), Some(of_other));
    }
}

/// Sets a picture of one pixel. Returns its id, for the examples of the documentation.
pub async fn set_avatar(user: &User) -> String {
    let (status, set) = put(user, PNG_URL).await;
    assert_eq!(status, 200, "{set}");
    set["data"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn put(user: &User, url: &str) -> (u16, Value) {
    answer(user.request(Method::PUT, AVATAR).json(&json!({ "image": url }))).await
}

/// What a browser sends for the form.
async fn send_form(user: &User, picture: &[u8]) -> Response {
    let head = "------of-a-test\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"me.png\"\r\n\
                Content-Type: image/png\r\n\r\n";
    let body = [head.as_bytes(), picture, b"\r\n------of-a-test--\r\n"].concat();
    user.post("/account/avatar").header("content-type", FORM).body(body).send().await.unwrap()
}

/// Red on the left, green in the middle, blue on the right, with words in it.
fn flag(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(600, 200, |x, _| match x {
        0..200 => Rgb([250, 0, 0]),
        200..400 => Rgb([0, 250, 0]),
        _ => Rgb([0, 0, 250]),
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture).write_to(&mut bytes, format).unwrap();
    let mut bytes = bytes.into_inner();
    // After the end, where editors leave what they like.
    bytes.extend_from_slice(b"where-it-was-taken");
    bytes
}

/// Where the menu of every page shows it.
async fn shown(user: &User) -> Option<String> {
    let page = user.get("/chat").send().await.unwrap().text().await.unwrap();
    let at = page.find("/api/account/avatar/")?;
    Some(page[at..].split('"').next().unwrap().to_owned())
}

async fn avatars_are_kept(app: &TestApp) {
    let (user, other) = (app.user().await, app.user().await);
    assert_eq!(shown(&user).await, None);
    let mut before: Option<String> = None;
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let response = send_form(&user, &flag(format)).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["location"]),
            (303, &"/account?said=avatar-saved".parse().unwrap())
        );
        let path = shown(&user).await.unwrap();
        assert!(user.get("/account").send().await.unwrap().text().await.unwrap().contains(&path));
        let response = user.get(&path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "image/webp");
        assert_eq!(header("cache-control"), "private, max-age=31536000, immutable");
        assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
        let bytes = response.bytes().await.unwrap();
        let text = b"where-it-was-taken";
        assert!(!bytes.windows(text.len()).any(|part| part == text));
        let picture = image::load_from_memory_with_format(&bytes, ImageFormat::WebP).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (256, 256));
        for (x, y) in [(4, 4), (128, 128), (251, 251)] {
            let Rgb([red, green, blue]) = *picture.get_pixel(x, y);
            assert!(green > 200 && red < 60 && blue < 60, "the middle: {red} {green} {blue}");
        }
        // Nobody else's, and the one before is no more.
        assert_eq!(other.get(&path).send().await.unwrap().status(), 404);
        assert_eq!(app.visitor().get(&path).send().await.unwrap().status(), 401);
        if let Some(before) = before.replace(path) {
            assert_eq!(user.get(&before).send().await.unwrap().status(), 404);
        }
    }
    let removed = user.post_form("/account/avatar/remove", &[]).send().await.unwrap();
    assert_eq!(removed.headers()["location"], "/account?said=avatar-removed");
    assert_eq!(shown(&user).await, None);
    assert_eq!(user.get(&before.unwrap()).send().await.unwrap().status(), 404);
}

/// What the queue has left.
async fn files(app: &TestApp) -> u64 {
    use tessera::images::server::garbage::{clean, take_inventory};
    let (store, objects) = (app.state.images.store.clone(), app.state.images.objects.clone());
    clean(store.as_ref(), objects.as_ref(), now_millis() + 1).await.unwrap();
    take_inventory(store.as_ref(), objects.as_ref()).await.unwrap().unwrap().files
}

#[tokio::test(flavor = "multi_thread")]
async fn avatars_are_kept_on_the_disk() {
    let app = TestApp::start().await;
    avatars_are_kept(&app).await;
    assert_eq!(files(&app).await, 0, "those of before are deleted");
    set_avatar(&app.user().await).await;
    assert_eq!(files(&app).await, 1, "one that is shown stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn avatars_are_kept_in_a_bucket_and_mongodb() {
    let (server, bucket) = (Mongod::start(Kind::ReplicaSet).await, S3Server::start().await);
    let vars = [
        ("MONGODB_URI", server.uri()),
        ("S3_BUCKET", BUCKET.to_owned()),
        ("S3_ENDPOINT", bucket.url.clone()),
        ("S3_ACCESS_KEY_ID", "access".to_owned()),
        ("S3_SECRET_ACCESS_KEY", "hush-hush".to_owned()),
    ];
    let vars: Vec<_> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let app = TestApp::start_with(&vars).await;
    avatars_are_kept(&app).await;
    assert_eq!(files(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_refused_and_the_one_before_stays() {
    let app = TestApp::start().await;
    let user = app.user().await;
    set_avatar(&user).await;
    let before = shown(&user).await;
    let png = flag(ImageFormat::Png);
    let gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;".to_vec();
    // A PNG that says that it is a hundred thousand pixels wide.
    let mut bomb = png.clone();
    bomb[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    let too_large = [png.clone(), vec![0; 2 * 1024 * 1024]].concat();
    for wrong in [b"<svg/>".to_vec(), gif, png[..png.len() / 2].to_vec(), bomb, too_large, Vec::new()] {
        let response = send_form(&user, &wrong).await;
        assert_eq!(response.headers()["location"], "/account?said=avatar-refused", "{} bytes", wrong.len());
        let url = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(&wrong));
        let (status, refused) = put(&user, &url).await;
        assert_eq!((status, &refused["field"]), (400, &json!("image")), "{refused}");
    }
    for wrong in ["", "https://example.org/me.png", "data:image/png,plain"] {
        assert_eq!(put(&user, wrong).await.0, 400, "{wrong}");
    }
    // No form that carries files.
    let plain = user.post_form("/account/avatar", &[("picture", "x")]).send().await.unwrap();
    assert_eq!(plain.headers()["location"], "/account?said=avatar-refused");
    assert_eq!(shown(&user).await, before);
    assert_eq!(answer(user.request(Method::DELETE, AVATAR)).await.0, 200);
    assert_eq!(shown(&user).await, None);
}
