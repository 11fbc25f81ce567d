//! Cloudinary when it is not well, and when it is not Cloudinary.

use bytes::Bytes;
use tessera::images::server::storage::{
    CloudinaryConfig, CloudinaryStore, HashAlgorithm, ObjectKey, ObjectStore, Rendition, StorageError,
    parse_cloudinary_url,
};
use tessera::platform::ids::ImageId;

use crate::fake_cloudinary::FakeCloudinary;

const PNG: Bytes = Bytes::from_static(b"\x89PNG\r\n\x1a\n and so on");

fn new_key() -> ObjectKey {
    ObjectKey::new(ImageId::now_v7(), Rendition::Full)
}

#[tokio::test]
async fn its_url_is_all_that_is_needed() {
    let fake = FakeCloudinary::start().await;
    let store = CloudinaryStore::new(parse_cloudinary_url(&fake.cloudinary_url()).unwrap()).unwrap();
    let key = new_key();
    store.put(key, PNG).await.unwrap();
    assert_eq!(store.get(key).await.unwrap(), Some(PNG));
    let sent = fake.kept.last.lock().unwrap().clone();
    let path = key.to_string();
    assert_eq!(sent["public_id"], path.strip_suffix(".png").unwrap());
    assert_eq!((&*sent["overwrite"], &*sent["invalidate"]), ("1", "1"));
    store.delete(key).await.unwrap();
    assert_eq!(fake.kept.last.lock().unwrap()["invalidate"], "1");
}

#[tokio::test]
async fn what_may_be_over_soon_is_tried_three_times() {
    let fake = FakeCloudinary::start().await;
    let store = CloudinaryStore::new(fake.config()).unwrap();
    let key = new_key();
    for status in [420, 423, 429, 500, 503] {
        let before = fake.calls();
        fake.fail(2, status);
        store.put(key, PNG).await.unwrap();
        assert_eq!(fake.calls() - before, 3, "{status}");
    }
    fake.fail(1, 500);
    assert_eq!(store.get(key).await.unwrap(), Some(PNG));
    fake.fail(1, 503);
    store.delete(key).await.unwrap();
    fake.fail(3, 503);
    let error = store.delete(key).await.unwrap_err();
    assert_eq!(error, StorageError::Unavailable("503 Service Unavailable on purpose".into()));
}

#[tokio::test]
async fn what_will_not_change_is_not_tried_again_and_no_secret_is_told() {
    let fake = FakeCloudinary::start().await;
    let wrong = |config: CloudinaryConfig| CloudinaryStore::new(config).unwrap();
    for store in [
        wrong(CloudinaryConfig { api_secret: "hush-and-wrong".into(), ..fake.config() }),
        wrong(CloudinaryConfig { api_key: "1".into(), ..fake.config() }),
        wrong(CloudinaryConfig { cloud_name: "other/../cloud".into(), ..fake.config() }),
        wrong(CloudinaryConfig { algorithm: HashAlgorithm::Sha256, ..fake.config() }),
    ] {
        let before = fake.calls();
        for error in [store.check().await.unwrap_err(), store.put(new_key(), PNG).await.unwrap_err()] {
            assert!(matches!(error, StorageError::Refused(_)) && !error.to_string().contains("hush"), "{error}");
        }
        assert!(fake.calls() - before <= 2);
    }
    let store = wrong(fake.config());
    let error = store.put(new_key(), Bytes::from_static(b"no picture")).await.unwrap_err();
    assert_eq!(error, StorageError::Refused("400 Bad Request Invalid image file".into()));
    fake.fail(1, 302);
    assert!(matches!(store.get(new_key()).await, Err(StorageError::Refused(_))));
}

#[tokio::test]
async fn an_answer_that_is_not_signed_is_not_believed() {
    let fake = FakeCloudinary::start().await;
    fake.forge();
    let store = CloudinaryStore::new(fake.config()).unwrap();
    let error = store.put(new_key(), PNG).await.unwrap_err();
    assert_eq!(error, StorageError::Malformed("the answer is not signed by Cloudinary".into()));
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let config =
        CloudinaryConfig { base_url: "http://127.0.0.1:9".parse().unwrap(), ..FakeCloudinary::start().await.config() };
    let error = CloudinaryStore::new(config).unwrap().check().await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error}");
}
