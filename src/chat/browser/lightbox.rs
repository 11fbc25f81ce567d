//! An image of the conversation as large as the window lets it be, in the dialog that the server made
//! (`layout/components/lightbox.rs`).

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, Event, HtmlDialogElement, HtmlElement};

use super::thread::Thread;
use crate::chat::LIGHTBOX_ID;
use crate::platform::browser::api::{get, patch};

#[derive(Deserialize)]
struct Liked {
    favorite: bool,
}

/// Shows what a link shows. One that was made here can be kept as a favorite, and has a page of its own.
pub(super) async fn open(thread: Thread, link: Element) {
    let Some(dialog) = document().get_element_by_id(LIGHTBOX_ID) else { return };
    let dialog: HtmlDialogElement = dialog.unchecked_into();
    let image = |of: &Element| of.query_selector("img").ok().flatten();
    let (Some(shown), Some(large)) = (image(&link), image(&dialog)) else { return };
    let page = link.get_attribute("href").unwrap_or_default();
    let id = page.strip_prefix("/images/").map(str::to_owned);
    let file = id.as_ref().map_or_else(|| page.clone(), |id| format!("/api/images/{id}/file"));
    // None of it fails: the names are valid, and the dialog is in the document.
    drop(large.set_attribute("src", &file));
    drop(large.set_attribute("alt", &shown.get_attribute("alt").unwrap_or_default()));
    for (part, address) in [("download", &file), ("page", &page)] {
        if let Some(part) = dialog.query_selector(&format!("[data-{part}]")).ok().flatten() {
            drop(part.set_attribute("href", address));
            drop(part.toggle_attribute_with_force("hidden", id.is_none() && part.has_attribute("data-page")));
        }
    }
    let heart = dialog.query_selector("[data-favorite]").ok().flatten();
    let closed = dialog.clone();
    let pressed = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        let target = event.target().map(JsCast::unchecked_into::<Element>);
        let is_on =
            |what: &str| target.as_ref().is_some_and(|target| target.closest(what).is_ok_and(|it| it.is_some()));
        if is_on("[data-favorite]") {
            if let (Some(heart), Some(id)) = (&heart, &id) {
                spawn_local(like(thread, heart.clone(), id.clone()));
            }
        } else if !is_on("[data-download]") {
            // A press beside it, on it, or on the way to its page.
            closed.close();
        }
    });
    // In the place of the one before. The browser frees it.
    dialog.set_onclick(Some(pressed.into_js_value().unchecked_ref()));
    drop(dialog.show_modal());
    let heart: Option<HtmlElement> =
        dialog.query_selector("[data-favorite]").ok().flatten().map(JsCast::unchecked_into);
    let Some(heart) = heart else { return };
    heart.set_hidden(true);
    if let Some(id) = page.strip_prefix("/images/") {
        let found = get(&format!("/api/images/{id}")).send().await.and_then(|answer| answer.data::<Liked>());
        // Without an answer there is nothing to change.
        if let Ok(Liked { favorite }) = found {
            mark(&heart, favorite);
            heart.set_hidden(false);
        }
    }
}

/// At once on the screen, and taken back if the server does not.
async fn like(thread: Thread, heart: Element, id: String) {
    let favorite = heart.get_attribute("aria-pressed").as_deref() != Some("true");
    mark(&heart, favorite);
    let change = patch(&format!("/api/images/{id}")).body(format!("{{\"favorite\":{favorite}}}"));
    if let Err(failure) = change.send().await {
        mark(&heart, !favorite);
        thread.fail(failure);
    }
}

fn mark(heart: &Element, favorite: bool) {
    // It fails only for an invalid name.
    drop(heart.set_attribute("aria-pressed", if favorite { "true" } else { "false" }));
}
