//! One image with the page to itself: what is known of it here, and what the server says.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::collection::{Collection, Tile};
use super::talk;
use crate::images::{Image, ImageDetail, ImageStatus};
use crate::platform::browser::page_data::use_preloaded;

/// What `/images/{id}` shows: an [`ImageDetail`] as the browser reads it, which knows no flattened fields (`platform/browser/json.rs`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageView {
    pub image: Image,
    /// As in [`ImageDetail`].
    pub newer: Option<String>,
    /// As in [`ImageDetail`].
    pub older: Option<String>,
}

impl From<ImageDetail> for ImageView {
    fn from(ImageDetail { image, newer, older }: ImageDetail) -> Self {
        Self { image, newer, older }
    }
}

/// The image that has a page to itself, and the ids of those beside it.
#[derive(Debug, Clone)]
pub struct Viewed {
    pub tile: Tile,
    pub newer: Option<String>,
    pub older: Option<String>,
}

impl Collection {
    /// Shows an image that was loaded.
    pub fn show_image(self, ImageView { image, newer, older }: ImageView) {
        let tile = self.tile(image);
        self.viewed.set(Some(Viewed { tile, newer, older }));
    }
}

/// The image that came with the HTML.
pub(super) fn take_preloaded(collection: Collection) {
    match use_preloaded::<ImageView>() {
        Some(Ok(view)) => collection.show_image(view),
        Some(Err(_)) => collection.missing.set(true),
        None => {}
    }
}

/// Turns to the image with this id, which may be known already.
pub(super) fn turn_to(collection: Collection, id: String) {
    let all = collection.tiles.get_untracked();
    let id_of = |tile: &Tile| tile.image.read_untracked().id.clone();
    let is_there = |tile: &&Tile| tile.image.read_untracked().status == ImageStatus::Complete;
    let at = all.iter().position(|tile| id_of(tile) == id);
    let newer = at.and_then(|at| all[..at].iter().rev().find(is_there)).map(id_of);
    let older = at.and_then(|at| all[at + 1..].iter().find(is_there)).map(id_of);
    // Beyond what is shown, there may be more.
    let is_whole =
        at.is_some() && newer.is_some() && (older.is_some() || !collection.filter.read_untracked().is_open());
    collection.missing.set(false);
    let is_beside = collection.viewed.with_untracked(|viewed| {
        viewed.as_ref().is_some_and(|viewed| viewed.newer.as_ref() == Some(&id) || viewed.older.as_ref() == Some(&id))
    });
    // What is beside the image before stands in its place until it is there.
    if at.is_some() || !is_beside {
        collection.viewed.set(at.map(|at| Viewed { tile: all[at].clone(), newer, older }));
    }
    if !is_whole {
        talk::load_image(collection, id);
    }
}
