//! The order of the gallery: as the store took the images, whatever the clock was by which their ids were made.

use mongodb::bson::{Document, doc};
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::images::server::store::{ImageFilter, ImageStore, NewImage};
use tessera::platform::db::mongo::to_bson;
use tessera::platform::ids::{ImageId, UserId};
use uuid::{NoContext, Timestamp, Uuid};

use crate::contracts::{open_at, over_every_store};
use crate::image_store::{made, new_image};
use crate::mongod::{Kind, Mongod};

/// An id of a server whose clock stands there.
fn id_of(seconds: u64) -> ImageId {
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0)).into()
}

async fn complete(images: &dyn ImageStore, user: UserId, id: ImageId, prompt: &str) -> ImageId {
    let new = NewImage { id, ..new_image(user, prompt) };
    assert!(images.begin(new.clone()).await.unwrap());
    assert!(images.finish(made(&new)).await.unwrap());
    id
}

/// The prompts of the gallery, read in pages of two.
async fn prompts(images: &dyn ImageStore, user: UserId, favorites_only: bool) -> Vec<String> {
    let filter = ImageFilter { query: String::new(), favorites_only };
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = images.list(user, &filter, cursor.as_deref(), 2).await.unwrap().unwrap();
        seen.extend(page.items.into_iter().map(|image| image.prompt));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return seen;
        }
    }
}

over_every_store! {
    async fn the_gallery_is_in_the_order_of_the_store(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let mut ids = Vec::new();
        for (seconds, prompt) in [(3000, "one"), (1000, "two"), (2000, "three"), (1, "four"), (9000, "five")] {
            ids.push(complete(images.as_ref(), user, id_of(seconds), prompt).await);
        }
        complete(images.as_ref(), UserId::now_v7(), id_of(2500), "somebody else's").await;
        assert_eq!(prompts(images.as_ref(), user, false).await, ["five", "four", "three", "two", "one"]);
        assert_eq!(images.neighbors(user, ids[1]).await.unwrap(), (Some(ids[2]), Some(ids[0])));
        assert_eq!(images.neighbors(user, ids[3]).await.unwrap(), (Some(ids[4]), Some(ids[2])));
        assert_eq!(images.neighbors(user, ImageId::now_v7()).await.unwrap(), (None, None));
        for id in [ids[0], ids[1], ids[3]] {
            assert!(images.set_favorite(user, id, true).await.unwrap());
        }
        assert_eq!(prompts(images.as_ref(), user, true).await, ["four", "two", "one"]);
        // A page goes on where it ended, though what it ended with is gone.
        let page = images.list(user, &ImageFilter::default(), None, 2).await.unwrap().unwrap();
        images.delete(user, vec![ids[3], ids[4]]).await.unwrap();
        let next = images.list(user, &ImageFilter::default(), page.next_cursor.as_deref(), 9).await.unwrap().unwrap();
        assert_eq!(next.items.iter().map(|image| image.prompt.as_str()).collect::<Vec<_>>(), ["three", "two", "one"]);
        complete(images.as_ref(), user, id_of(5), "six").await;
        assert_eq!(prompts(images.as_ref(), user, false).await, ["six", "three", "two", "one"]);
    }

    async fn images_that_come_at_once_have_a_place_each(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let begun = futures::future::join_all((0..3).map(|n| images.begin(new_image(user, &n.to_string())))).await;
        assert!(begun.into_iter().all(Result::unwrap));
        let mut all = prompts(images.as_ref(), user, false).await;
        all.sort_unstable();
        assert_eq!(all, ["0", "1", "2"], "each once, whatever page it is on");
    }
}

/// As images were stored before they had a place: in the order of their ids.
async fn assert_old_images_keep_their_order(stores: &Stores, user: UserId) {
    let images = stores.images.as_ref();
    assert_eq!(prompts(images, user, false).await, ["three", "two", "one"]);
    complete(images, user, id_of(1), "four").await;
    assert_eq!(prompts(images, user, false).await, ["four", "three", "two", "one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_an_older_sqlite_keep_their_order() {
    let data = TempDir::new().unwrap();
    let old = rusqlite::Connection::open(data.path().join("tessera.db")).unwrap();
    for step in [
        include_str!("../../src/platform/db/sqlite_1.sql"),
        include_str!("../../src/platform/db/sqlite_2.sql"),
        include_str!("../../src/platform/db/sqlite_3.sql"),
        include_str!("../../src/platform/db/sqlite_4.sql"),
    ] {
        old.execute_batch(step).unwrap();
    }
    old.pragma_update(None, "user_version", 4).unwrap();
    let user = UserId::now_v7();
    let insert = "INSERT INTO images (id, user_id, state, prompt, created_at) VALUES (?1, ?2, 'complete', ?3, 1)";
    for (seconds, prompt) in [(2000, "two"), (1000, "one"), (3000, "three")] {
        old.execute(insert, rusqlite::params![id_of(seconds), user, prompt]).unwrap();
    }
    // Files of images that are gone are of nobody.
    for _ in 0..2 {
        let insert = "INSERT INTO images (id, state, cleanup_at, created_at) VALUES (?1, 'deleted', 1, 1)";
        old.execute(insert, [ImageId::now_v7()]).unwrap();
    }
    drop(old);
    let vars = [("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned())];
    let stores = Stores::open(&Config::from_vars(&vars.into()).unwrap()).await.unwrap();
    assert_old_images_keep_their_order(&stores, user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_an_older_mongodb_keep_their_order() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    drop(open_at(&uri).await);
    let options = mongodb::options::ClientOptions::parse(&uri).await.unwrap();
    let name = options.default_database.clone().unwrap();
    let old = mongodb::Client::with_options(options).unwrap().database(&name);
    let user = UserId::now_v7();
    let images = old.collection::<Document>("images");
    for (seconds, prompt) in [(2000, "two"), (1000, "one"), (3000, "three")] {
        let image = doc! {
            "_id": to_bson(id_of(seconds)), "user": to_bson(user), "prompt": prompt, "aspectRatio": "16:9", "seed": 1_i64,
            "provider": "sketch", "model": "sketch", "isAi": false, "state": "complete", "width": 16, "height": 9,
            "createdAt": 1_i64,
        };
        images.insert_one(image).await.unwrap();
    }
    for _ in 0..2 {
        let gone =
            doc! { "_id": to_bson(ImageId::now_v7()), "state": "deleted", "cleanupAt": 1_i64, "cleanupTries": 0 };
        images.insert_one(gone).await.unwrap();
    }
    // With the indexes that there were.
    let all = mongodb::IndexModel::builder().keys(doc! { "user": 1, "_id": -1 }).build();
    images.create_index(all).await.unwrap();
    let before = doc! { "$set": { "version": 3_i64 } };
    old.collection::<Document>("meta").update_one(doc! { "_id": "schema" }, before).await.unwrap();
    assert_old_images_keep_their_order(&open_at(&uri).await, user).await;
}
