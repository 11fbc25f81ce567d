//! The images, newest first, and more of them as one scrolls.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit};

use super::image_tile::ImageTile;
use super::tile_keys::follow_key;
use crate::i18n::{Text, t};
use crate::images::Filter;
use crate::images::browser::collection::Collection;
use crate::images::browser::talk;
use crate::images::filter::image_address;
use crate::ui::{Button, EmptyState};

/// So many tiles are on the page at most; the link then leads to a page of its own.
const MOST_TILES: usize = 480;
/// More is loaded when the end comes so near.
const NEAR: &str = "1200px";

/// The tiles, or what stands in their place while there are none.
#[component]
pub fn TileGrid(
    /// The images.
    collection: Collection,
) -> impl IntoView {
    let end = NodeRef::<html::Div>::new();
    load_near(collection, end);
    let has_prepared = StoredValue::new(false);
    let prepare = move || {
        if !has_prepared.get_value() {
            has_prepared.set_value(true);
            collection.navigation.prepare(&image_address(""));
        }
    };
    let is_empty = Signal::derive(move || collection.tiles.read().is_empty());
    let busy = move || collection.loading.get().to_string();
    let older = move || {
        let cursor = collection.cursor.get()?;
        let href = Filter { cursor: Some(cursor), ..collection.filter.get() }.address();
        let load = move |event: ev::MouseEvent| {
            if collection.tiles.read_untracked().len() < MOST_TILES {
                event.prevent_default();
                talk::load_more(collection);
            }
        };
        Some(view! {
            // The link itself knows no press.
            <div on:click=load>
                <Button href label=t(Text::OlderImages) />
            </div>
        })
    };
    let nothing = move || {
        (is_empty.get() && !collection.loading.get()).then(|| {
            let filter = collection.filter.read();
            let (title, text) = match (filter.q.is_empty(), filter.favorites) {
                (true, false) => (t(Text::NoImages), t(Text::NoImagesExplained)),
                (true, true) => (t(Text::NoFavorites), t(Text::NoFavoritesExplained)),
                (false, _) => (t(Text::NoImagesFound), t(Text::NoImagesFoundWhy)),
            };
            let (href, action) = if filter.is_open() {
                ("#image-prompt", t(Text::DescribeImage))
            } else {
                ("/images", t(Text::ShowAllImages))
            };
            view! { <EmptyState title text href action /> }
        })
    };
    view! {
        <ul
            id="image-tiles"
            class="flex flex-wrap gap-2 [--row:7.5rem] after:grow-999999 @xl:[--row:12.5rem] aria-busy:opacity-60"
            aria-label=t(Text::ImagesTitle)
            aria-describedby="gallery-keys"
            aria-busy=busy
            hidden=is_empty
            on:focusin=move |_| prepare()
            on:pointerover=move |_| prepare()
            on:keydown=move |event| follow_key(collection, &event)
        >
            <For each=move || collection.tiles.get() key=|tile| tile.key children=move |tile| view! { <ImageTile collection tile /> } />
        </ul>
        <p id="gallery-keys" class="sr-only">{t(Text::GalleryKeys)}</p>
        {nothing}
        <div node_ref=end class="flex justify-center py-4">{older}</div>
    }
}

/// Loads more when the end of the list comes near.
fn load_near(collection: Collection, end: NodeRef<html::Div>) {
    // In an effect, since there are no observers on the server.
    Effect::new(move |_| {
        // Anew with each page that has come: the end may still be near.
        let more = collection.cursor.read().is_some() && collection.tiles.read().len() < MOST_TILES;
        let Some(end) = end.get().filter(|_| more) else { return };
        let callback = Closure::<dyn FnMut(js_sys::Array, IntersectionObserver)>::new(
            move |entries: js_sys::Array, observer: IntersectionObserver| {
                let is_near = |entry: wasm_bindgen::JsValue| {
                    entry.unchecked_into::<IntersectionObserverEntry>().is_intersecting()
                };
                if entries.iter().any(is_near) {
                    observer.disconnect();
                    if !collection.is_gone() {
                        talk::load_more(collection);
                    }
                }
            },
        )
        .into_js_value();
        let options = IntersectionObserverInit::new();
        options.set_root(document().get_element_by_id("main").as_ref());
        options.set_root_margin(NEAR);
        if let Ok(observer) = IntersectionObserver::new_with_options(callback.unchecked_ref(), &options) {
            observer.observe(&end);
        }
    });
}
