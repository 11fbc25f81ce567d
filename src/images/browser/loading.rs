//! More of what the server has: the images that fit a filter, those after the last tile, and one with those beside it.

use leptos::prelude::*;

use super::client;
use super::collection::{Collection, Tile};
use super::stream;
use super::viewing::{ImageView, Viewed};
use crate::images::{Filter, Gallery};
use crate::platform::browser::api::Failure;
use crate::platform::browser::page_data::go_to_sign_in;
use crate::platform::browser::reach::until_reached;

/// Shows what fits a filter, unless something else was asked for since.
pub(super) async fn load(collection: Collection, filter: Filter, turn: u32) {
    let is_wanted = || collection.turn.try_get_value() == Some(turn);
    while is_wanted() {
        let loaded = match collection.studio.get_untracked() {
            Some(studio) => client::load_images(&filter).await.map(|images| Gallery { studio, images }),
            None => client::load_gallery(&filter).await,
        };
        if !is_wanted() {
            return;
        }
        match loaded {
            Ok(gallery) => {
                collection.show(gallery, filter);
                return stream::follow_all(collection);
            }
            Err(failure) => {
                if !(failure.may_pass() && until_reached().await) {
                    collection.loading.try_set(false);
                    return collection.fail(failure);
                }
            }
        }
    }
}

/// Shows what comes after the last tile.
pub(super) async fn load_more(collection: Collection, turn: u32) {
    let Some(filter) = collection.filter.try_get_untracked() else { return };
    let cursor = collection.cursor.get_untracked();
    let loaded = client::load_images(&Filter { cursor, ..filter }).await;
    if collection.turn.try_get_value() != Some(turn) {
        return;
    }
    collection.loading.set(false);
    match loaded {
        Ok(page) => {
            let more: Vec<_> = page.items.into_iter().map(|image| collection.tile(image)).collect();
            collection.cursor.set(page.next_cursor);
            collection.tiles.update(|tiles| {
                let is_new = |tile: &Tile| !tiles.iter().any(|known| known.key == tile.key);
                let more: Vec<_> = more.into_iter().filter(is_new).collect();
                tiles.extend(more);
            });
            stream::follow_all(collection);
        }
        // The link stays, for another try.
        Err(failure) => collection.complain(failure),
    }
}

/// Shows an image. What is known of those beside it by the tiles stays.
pub(super) async fn load_image(collection: Collection, id: String, turn: u32) {
    let mut loaded = client::load_image(&id).await;
    if loaded.as_ref().is_err_and(Failure::may_pass) && until_reached().await {
        loaded = client::load_image(&id).await;
    }
    if collection.turn.try_get_value() != Some(turn) {
        return;
    }
    match loaded {
        Ok(view) => {
            let known = collection.viewed.get_untracked();
            let known = known.filter(|Viewed { tile, .. }| tile.image.read_untracked().id == id);
            let (newer, older) = known.map(|viewed| (viewed.newer, viewed.older)).unwrap_or_default();
            collection.show_image(ImageView {
                newer: newer.or(view.newer),
                older: older.or(view.older),
                image: view.image,
            });
            stream::follow_all(collection);
        }
        Err(failure) if failure.is_signed_out() => go_to_sign_in(),
        Err(_) => collection.missing.set(true),
    }
}
