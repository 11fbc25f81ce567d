//! What the user does with images that are there: favorites, selecting, deleting.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::client;
use super::collection::{Collection, Tile};
use crate::i18n::{Text, count};
use crate::images::{ImageChange, MOST_IN_BULK};
use crate::ui::ToastTone;

impl Collection {
    /// Makes an image a favorite, or no longer one: at once on the screen, and taken back if the server does not.
    pub fn set_favorite(self, tile: &Tile, favorite: bool) {
        let image = tile.image.clone();
        let id = image.read_untracked().id.clone();
        image.write().favorite = favorite;
        spawn_local(async move {
            let change = ImageChange { favorite: Some(favorite) };
            if let Err(failure) = client::change_image(&id, &change).await {
                image.write().favorite = !favorite;
                self.complain(failure);
            }
        });
    }

    /// Selects an image, or no longer.
    pub fn toggle_selected(self, id: &str) {
        self.selecting.set(true);
        self.selected.update(|selected| match selected.iter().position(|known| known == id) {
            Some(at) => drop(selected.remove(at)),
            None => selected.push(id.to_owned()),
        });
    }

    /// Asks whether to delete some images.
    pub fn ask_to_delete(self, ids: Vec<String>) {
        if !ids.is_empty() {
            self.doomed.set(ids);
            self.asking.set(true);
        }
    }

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
