//! Parts of the pages of images whose code comes later, with a chunk that puts them here.

use std::sync::OnceLock;

use leptos::prelude::*;

use super::collection::Collection;
use super::components::{DeleteImagesDialog, OptionFields};
use crate::i18n::{Text, t};
use crate::ui::{Eager, ToastRegion};

/// Makes a part.
pub(super) type Part = fn(Collection) -> AnyView;

/// What was just done, at the edge of the screen.
pub(super) static TOASTS: OnceLock<Part> = OnceLock::new();
/// The question before images are deleted.
pub(super) static QUESTION: OnceLock<Part> = OnceLock::new();
/// The fields of [`super::components::MakeForm`] that few need, where the server has not rendered them.
pub(super) static OPTIONS: OnceLock<Part> = OnceLock::new();

/// The part, where its code is there.
pub(super) fn part(collection: Collection, part: &OnceLock<Part>) -> Option<AnyView> {
    part.get().map(|part| part(collection))
}

/// Called in the chunk that talks to the server.
pub(super) fn bring() {
    bring_toasts();
    QUESTION.get_or_init(|| |collection| Eager(view! { <DeleteImagesDialog collection /> }).into_any());
    OPTIONS.get_or_init(|| |collection| Eager(view! { <OptionFields collection /> }).into_any());
}

/// Called in every chunk that has something to say.
pub(super) fn bring_toasts() {
    TOASTS.get_or_init(|| {
        |collection| {
            Eager(view! { <ToastRegion toasts=collection.toasts label=t(Text::ImagesTitle) dismiss=t(Text::Close) /> })
                .into_any()
        }
    });
}
