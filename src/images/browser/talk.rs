//! What talks to the server about images, as a chunk of its own: nobody needs it before there is something to make, to follow, to
//! load or to change. Here are its doors; what is behind them is in `send.rs`, `stream.rs`, `loading.rs`, `changing.rs`,
//! `client.rs` and `parts.rs`.

use std::future::{Future, ready};
use std::pin::Pin;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::collection::{Collection, Tile};
use super::send::{self, Wish};
use super::viewing::Viewed;
use super::{changing, loading, parts, stream};
use crate::images::filter::GALLERY_PATH;
use crate::images::{Filter, ImageStatus};
use crate::platform::browser::api::Failure;
use crate::platform::browser::navigation::path_of;

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// What there is to do.
enum Task {
    Prepare,
    Make(Wish),
    Follow,
    Stop(Tile),
    Load(Filter, u32),
    LoadMore(u32),
    LoadImage(String, u32),
    KeepFavorite(Tile),
    Dismiss(Tile),
    AskToDelete,
}

/// Fetches the chunk, the first time; who is about to do something will need it.
pub(super) fn prepare(collection: Collection) {
    if !collection.prepared.get_value() {
        collection.prepared.set_value(true);
        begin(collection, Task::Prepare);
    }
}

/// Has images made.
pub(super) fn make(collection: Collection, wish: Wish) {
    if collection.sending.get_untracked() {
        return;
    }
    collection.sending.set(true);
    collection.failure.set(String::new());
    begin(collection, Task::Make(wish));
}

/// Listens to the images that are being made.
pub(super) fn follow(collection: Collection) {
    let is_running = |tile: &Tile| tile.image.read_untracked().status == ImageStatus::Running;
    let is_viewed = |viewed: &Viewed| is_running(&viewed.tile);
    if collection.tiles.read_untracked().iter().any(is_running)
        || collection.viewed.read_untracked().as_ref().is_some_and(is_viewed)
    {
        begin(collection, Task::Follow);
    }
}

/// Stops an image that is being made.
pub(super) fn stop(collection: Collection, tile: Tile) {
    tile.stopping.set(true);
    begin(collection, Task::Stop(tile));
}

/// Loads what fits a filter.
pub(super) fn load(collection: Collection, filter: Filter) {
    collection.loading.set(true);
    begin(collection, Task::Load(filter, collection.next_turn()));
}

/// Loads what comes after the last tile.
pub(super) fn load_more(collection: Collection) {
    if collection.cursor.read_untracked().is_some() && !collection.loading.get_untracked() {
        collection.loading.set(true);
        begin(collection, Task::LoadMore(collection.next_turn()));
    }
}

/// Loads an image, and which are beside it.
pub(super) fn load_image(collection: Collection, id: String) {
    begin(collection, Task::LoadImage(id, collection.next_turn()));
}

/// Makes an image a favorite, or no longer one: at once on the screen, and taken back if the server does not.
pub(super) fn set_favorite(collection: Collection, tile: &Tile, favorite: bool) {
    tile.image.write().favorite = favorite;
    begin(collection, Task::KeepFavorite(tile.clone()));
}

/// Takes an image away that was not made.
pub(super) fn dismiss(collection: Collection, tile: Tile) {
    begin(collection, Task::Dismiss(tile));
}

/// Asks whether to delete some images.
pub(super) fn ask_to_delete(collection: Collection, ids: Vec<String>) {
    if !ids.is_empty() {
        collection.doomed.set(ids);
        begin(collection, Task::AskToDelete);
    }
}

fn begin(collection: Collection, task: Task) {
    spawn_local(async move {
        match start(collection, &task).await {
            Ok(work) => work.await,
            Err(_) => give_up(collection, &task),
        }
    });
}

/// Everything as before: the chunk could not be loaded.
fn give_up(collection: Collection, task: &Task) {
    match task {
        Task::Make(_) => {
            collection.sending.try_set(false);
        }
        Task::Load(..) | Task::LoadMore(_) => {
            collection.loading.try_set(false);
        }
        Task::LoadImage(..) => {
            collection.missing.try_set(true);
        }
        Task::Stop(tile) => tile.stopping.set(false),
        Task::KeepFavorite(tile) => {
            let mut image = tile.image.write();
            image.favorite = !image.favorite;
        }
        Task::Prepare | Task::Follow | Task::Dismiss(_) | Task::AskToDelete => {}
    }
    match task {
        // Nobody has asked for anything yet.
        Task::Prepare | Task::Follow => {
            collection.prepared.try_set_value(false);
        }
        // The gallery has no place for it at the edge of the screen yet.
        _ if path_of(&collection.navigation.address.read_untracked()) == GALLERY_PATH => {
            collection.fail(Failure::default());
        }
        _ => collection.complain(Failure::default()),
    }
}

#[wasm_split(images_client, wasm_split_path = leptos::wasm_split, fallible)]
fn start(collection: Collection, task: &Task) -> Result<Work, SplitLoaderError> {
    if collection.has_parts.try_get_untracked() == Some(false) {
        parts::bring();
        collection.has_parts.set(true);
    }
    Ok(match task {
        Task::Prepare => Box::pin(ready(())),
        Task::Make(wish) => Box::pin(send::make(collection, wish.clone())),
        Task::Follow => Box::pin(async move { stream::follow_all(collection) }),
        Task::Stop(tile) => Box::pin(stream::stop(collection, tile.clone())),
        Task::Load(filter, turn) => Box::pin(loading::load(collection, filter.clone(), *turn)),
        Task::LoadMore(turn) => Box::pin(loading::load_more(collection, *turn)),
        Task::LoadImage(id, turn) => Box::pin(loading::load_image(collection, id.clone(), *turn)),
        Task::KeepFavorite(tile) => Box::pin(changing::keep_favorite(collection, tile.clone())),
        Task::Dismiss(tile) => Box::pin(changing::dismiss(collection, tile.clone())),
        Task::AskToDelete => {
            collection.asking.try_set(true);
            Box::pin(ready(()))
        }
    })
}
