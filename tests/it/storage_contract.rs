//! What every store of pictures has to do, whichever it is.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use tempfile::TempDir;
use tessera::images::server::storage::{
    CloudinaryStore, FileStore, ObjectKey, ObjectStore, Rendition, S3Config, S3Store, StorageError,
};
use tessera::platform::ids::ImageId;

use crate::fake_cloudinary::FakeCloudinary;
use crate::s3_server::{BUCKET, S3Server};

/// The stores, each with what it needs to live.
struct Stores {
    files: (FileStore, TempDir),
    s3: (S3Store, S3Store, S3Server),
    cloudinary: (CloudinaryStore, FakeCloudinary),
}

impl Stores {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = S3Server::start().await;
        let below = S3Config { prefix: "/a folder/of-ours/".into(), ..server.config() };
        let fake = FakeCloudinary::start().await;
        Self {
            files: (FileStore::new(folder.path().join("deep/images")).unwrap(), folder),
            s3: (S3Store::new(server.config()).unwrap(), S3Store::new(below).unwrap(), server),
            cloudinary: (CloudinaryStore::new(fake.config()).unwrap(), fake),
        }
    }

    fn all(&self) -> [&dyn ObjectStore; 4] {
        [&self.files.0, &self.s3.0, &self.s3.1, &self.cloudinary.0]
    }
}

fn new_key(rendition: Rendition) -> ObjectKey {
    ObjectKey::new(ImageId::now_v7(), rendition)
}

/// Begins like a PNG or WebP, as the service at the other end may look at it.
fn picture(rendition: Rendition, length: usize, seed: u8) -> Bytes {
    let head: &[u8] = match rendition {
        Rendition::Full => b"\x89PNG\r\n\x1a\n",
        Rendition::Thumbnail => b"RIFF\0\0\0\0WEBPVP8 ",
    };
    let noise = (0..length).scan(u32::from(seed) + 1, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(state.to_be_bytes()[0])
    });
    head.iter().copied().chain(noise).collect()
}

async fn list(store: &dyn ObjectStore) -> Option<Vec<ObjectKey>> {
    let mut keys: Vec<_> = store.list()?.try_collect().await.unwrap();
    keys.sort();
    Some(keys)
}

#[tokio::test]
async fn what_was_put_is_there_until_it_is_deleted() {
    let stores = Stores::start().await;
    for store in stores.all() {
        let name = store.name();
        store.check().await.unwrap();
        for rendition in Rendition::ALL {
            let (key, other) = (new_key(rendition), new_key(rendition));
            let bytes = picture(rendition, 5000, 1);
            assert_eq!(store.get(key).await.unwrap(), None, "{name}");
            store.put(key, bytes.clone()).await.unwrap();
            assert_eq!(store.get(key).await.unwrap(), Some(bytes), "{name}");
            assert_eq!(store.get(other).await.unwrap(), None, "{name}");
            store.delete(other).await.unwrap();
            store.delete(key).await.unwrap();
            assert_eq!(store.get(key).await.unwrap(), None, "{name}");
            store.delete(key).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_put_again_replaces_what_was_there() {
    let stores = Stores::start().await;
    for store in stores.all() {
        let key = new_key(Rendition::Full);
        for (length, seed) in [(9000, 1), (100, 2), (100, 3), (0, 4)] {
            let bytes = picture(Rendition::Full, length, seed);
            store.put(key, bytes.clone()).await.unwrap();
            assert_eq!(store.get(key).await.unwrap(), Some(bytes), "{}", store.name());
        }
        assert!(list(store).await.is_none_or(|keys| keys == [key]), "{}", store.name());
    }
}

#[tokio::test]
async fn renditions_of_one_picture_are_apart() {
    let stores = Stores::start().await;
    for store in stores.all() {
        let id = ImageId::now_v7();
        let [full, thumbnail] = Rendition::ALL.map(|rendition| ObjectKey::new(id, rendition));
        let [large, small] = Rendition::ALL.map(|rendition| picture(rendition, 300, 5));
        store.put(full, large.clone()).await.unwrap();
        store.put(thumbnail, small.clone()).await.unwrap();
        assert_eq!(store.get(full).await.unwrap(), Some(large), "{}", store.name());
        store.delete(full).await.unwrap();
        assert_eq!(store.get(thumbnail).await.unwrap(), Some(small), "{}", store.name());
    }
}

#[tokio::test]
async fn keys_are_listed_where_that_is_possible() {
    let stores = Stores::start().await;
    for store in stores.all() {
        assert!(list(store).await.is_none_or(|keys| keys.is_empty()), "{}", store.name());
        let mut keys: Vec<_> = (0..40).map(|n| new_key(Rendition::ALL[n % 2])).collect();
        for key in &keys {
            store.put(*key, picture(key.rendition(), 10, 0)).await.unwrap();
        }
        keys.sort();
        match list(store).await {
            Some(listed) => assert_eq!(listed, keys, "{}", store.name()),
            None => assert_eq!(store.name(), "cloudinary"),
        }
    }
}

#[tokio::test]
async fn large_pictures_come_back_whole_and_many_at_once() {
    let stores = Stores::start().await;
    for store in stores.all() {
        let large = picture(Rendition::Full, 3 * 1024 * 1024, 7);
        let key = new_key(Rendition::Full);
        store.put(key, large.clone()).await.unwrap();
        assert!(store.get(key).await.unwrap() == Some(large), "{}", store.name());
        let puts = (0..24_u8).map(|seed| async move {
            let key = new_key(Rendition::Thumbnail);
            store.put(key, picture(Rendition::Thumbnail, 20_000, seed)).await.unwrap();
            (key, seed)
        });
        for (key, seed) in futures::future::join_all(puts).await {
            assert_eq!(store.get(key).await.unwrap(), Some(picture(Rendition::Thumbnail, 20_000, seed)));
        }
        // The same key from several sides: one of them wins, whole.
        let key = new_key(Rendition::Thumbnail);
        let bytes = |seed| picture(Rendition::Thumbnail, 20_000, seed);
        let same = (0..8).map(|seed| store.put(key, bytes(seed)));
        assert!(futures::future::join_all(same).await.iter().all(Result::is_ok), "{}", store.name());
        let kept = store.get(key).await.unwrap().unwrap();
        assert!((0..8).any(|seed| bytes(seed) == kept), "{}", store.name());
    }
}

#[tokio::test]
async fn files_are_the_owners_and_leftovers_of_killed_writers_go() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    let store = FileStore::new(&images).unwrap();
    let key = new_key(Rendition::Full);
    store.put(key, Bytes::from_static(b"x")).await.unwrap();
    let path = folder.path().join(key.to_string());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap()), mode(&images)), (0o600, 0o700, 0o700));
    }
    let place = path.parent().unwrap();
    let [old, young, foreign] = ["a.unfinished", "b.unfinished", "notes.txt"]
        .map(|name| (place.join(name), std::fs::File::create(place.join(name)).unwrap()));
    old.1.set_modified(SystemTime::now() - Duration::from_hours(2)).unwrap();
    // A picture in the wrong folder is none: nobody would find it.
    let wrong_place = images.join("zz");
    std::fs::create_dir(&wrong_place).unwrap();
    std::fs::copy(&path, wrong_place.join(path.file_name().unwrap())).unwrap();
    assert_eq!(list(&store).await.unwrap(), [key]);
    assert!(!old.0.exists() && young.0.exists() && foreign.0.exists());
    let again = FileStore::new(&images).unwrap();
    assert_eq!(again.get(key).await.unwrap(), Some(Bytes::from_static(b"x")));
}

#[tokio::test]
async fn a_file_that_cannot_be_finished_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("images")).unwrap();
    let key = new_key(Rendition::Full);
    let in_the_way = folder.path().join(key.to_string());
    std::fs::create_dir_all(&in_the_way).unwrap();
    assert!(store.put(key, Bytes::from_static(b"x")).await.is_err());
    assert_eq!(std::fs::read_dir(in_the_way.parent().unwrap()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(FileStore::new(file.join("images")).is_err());
    let store = FileStore::new(folder.path().join("images")).unwrap();
    std::fs::remove_dir(folder.path().join("images")).unwrap();
    assert!(matches!(store.check().await, Err(StorageError::Unavailable(_))));
}

#[tokio::test]
async fn in_a_bucket_only_our_own_objects_are_ours() {
    let server = S3Server::start().await;
    let store = S3Store::new(server.config()).unwrap();
    let key = new_key(Rendition::Full);
    store.put(key, picture(Rendition::Full, 10, 0)).await.unwrap();
    let bucket = server.folder.path().join(BUCKET);
    assert!(bucket.join(key.to_string()).is_file());
    std::fs::write(bucket.join("images/notes.txt"), "x").unwrap();
    std::fs::create_dir(bucket.join("other")).unwrap();
    std::fs::write(bucket.join("other").join("x.png"), "x").unwrap();
    assert_eq!(list(&store).await.unwrap(), [key]);
}

#[tokio::test]
async fn errors_of_a_bucket_tell_no_secret() {
    let server = S3Server::start().await;
    let key = new_key(Rendition::Full);
    for config in [
        S3Config { secret_access_key: "wrong-hush-hush".into(), ..server.config() },
        S3Config { access_key_id: "nobody".into(), ..server.config() },
    ] {
        assert!(!format!("{config:?}").contains("hush"));
        let store = S3Store::new(config).unwrap();
        for error in [store.check().await.unwrap_err(), store.put(key, Bytes::new()).await.unwrap_err()] {
            assert!(matches!(&error, StorageError::Refused(_)), "{error}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
        assert!(store.list().unwrap().next().await.unwrap().is_err());
    }
}
