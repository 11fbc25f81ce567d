//! The page of a single image, as a chunk of its own: most who come to the gallery open none. Here is its door. The code is there
//! before the address is that of an image (`routes.rs`), and stays.

use std::sync::OnceLock;

use leptos::prelude::*;

use super::collection::Collection;
use super::components::ImagePage;
use super::parts::bring_toasts;
use super::viewing;
use crate::ui::Eager;

/// What is behind the door.
pub(super) struct SingleImage {
    /// Shows what [`Collection::viewed`] says.
    pub page: fn(Collection) -> AnyView,
    /// Takes the image that came with the HTML.
    pub take_preloaded: fn(Collection),
    /// Turns to the image with this id.
    pub turn_to: fn(Collection, String),
}

static BROUGHT: OnceLock<SingleImage> = OnceLock::new();

/// Called in its chunk: from now on an image can be shown.
pub fn bring() {
    bring_toasts();
    BROUGHT.get_or_init(|| SingleImage {
        page: |collection| Eager(view! { <ImagePage collection /> }).into_any(),
        take_preloaded: viewing::take_preloaded,
        turn_to: viewing::turn_to,
    });
}

/// `None` as long as no image was opened.
pub(super) fn single_image() -> Option<&'static SingleImage> {
    BROUGHT.get()
}
