//! One image with the page to itself: what is known of it here, and what the server says.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::{Deserialize, Serialize};

use super::client;
use super::collection::{Collection, Tile};
use crate::images::{Image, ImageDetail, ImageStatus};
use crate::platform::browser::api::Failure;
use crate::platform::browser::page_data::go_to_sign_in;
use crate::platform::browser::reach::until_reached;

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
    /// Turns to the image with this id, which may be known already.
    pub fn view(self, id: String) {
        let all = self.tiles.get_untracked();
        let id_of = |tile: &Tile| tile.image.read_untracked().id.clone();
        let is_there = |tile: &&Tile| tile.image.read_untracked().status == ImageStatus::Complete;
        let at = all.iter().position(|tile| id_of(tile) == id);
        let newer = at.and_then(|at| all[..at].iter().rev().find(is_there)).map(id_of);
        let older = at.and_then(|at| all[at + 1..].iter().find(is_there)).map(id_of);
        // Beyond what is shown, there may be more.
        let is_whole = at.is_some() && newer.is_some() && (older.is_some() || !self.filter.read_untracked().is_open());
        self.missing.set(false);
        let is_beside = self.viewed.with_untracked(|viewed| {
            viewed
                .as_ref()
                .is_some_and(|viewed| viewed.newer.as_ref() == Some(&id) || viewed.older.as_ref() == Some(&id))
        });
        // What is beside the image before stands in its place until it is there.
        if at.is_some() || !is_beside {
            let known = at.map(|at| Viewed { tile: all[at].clone(), newer: newer.clone(), older: older.clone() });
            self.viewed.set(known);
        }
        if is_whole {
            return;
        }
        let turn = self.next_turn();
        spawn_local(async move {
            let mut loaded = client::load_image(&id).await;
            if loaded.as_ref().is_err_and(Failure::may_pass) && until_reached().await {
                loaded = client::load_image(&id).await;
            }
            if self.turn.try_get_value() != Some(turn) {
                return;
            }
            match loaded {
                Ok(ImageView { image, newer: next_newer, older: next_older }) => {
                    self.show_image(ImageView { image, newer: newer.or(next_newer), older: older.or(next_older) });
                }
                Err(failure) if failure.is_signed_out() => go_to_sign_in(),
                Err(_) => self.missing.set(true),
            }
        });
    }

    /// Shows an image that was loaded.
    pub fn show_image(self, ImageView { image, newer, older }: ImageView) {
        let tile = self.tile(image);
        self.viewed.set(Some(Viewed { tile, newer, older }));
    }
}
