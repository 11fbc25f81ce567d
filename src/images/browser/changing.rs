//! What the user does with images that are there: favorites, deleting.

use leptos::prelude::*;

use super::client;
use super::collection::{Collection, Tile};
use crate::i18n::{Text, count};
use crate::images::{ImageChange, MOST_IN_BULK};
use crate::ui::ToastTone;

impl Collection {
    /// Deletes images, on the screen once they are gone; says how many they were if `aloud`.
    pub async fn delete(self, ids: Vec<String>, aloud: bool) -> bool {
        for some in ids.chunks(MOST_IN_BULK) {
            if let Err(failure) = client::delete_images(some.to_vec()).await {
                self.complain(failure);
                return false;
            }
            if let Some(mut tiles) = self.tiles.try_write() {
                tiles.retain(|tile| !some.contains(&tile.image.read_untracked().id));
            }
            self.selected.try_update(|selected| selected.retain(|id| !some.contains(id)));
        }
        if aloud {
            self.say(count(Text::ImagesDeleted, ids.len() as u64), ToastTone::Info);
        }
        true
    }
}

/// Tells the server whether an image is a favorite, and takes it back if it does not hear.
pub(super) async fn keep_favorite(collection: Collection, tile: Tile) {
    let (id, favorite) = tile.image.with_untracked(|image| (image.id.clone(), image.favorite));
    let change = ImageChange { favorite: Some(favorite) };
    if let Err(failure) = client::change_image(&id, &change).await {
        tile.image.write().favorite = !favorite;
        collection.complain(failure);
    }
}

/// Takes an image away that was not made.
pub(super) async fn dismiss(collection: Collection, tile: Tile) {
    let id = tile.image.read_untracked().id.clone();
    collection.delete(vec![id], false).await;
}
