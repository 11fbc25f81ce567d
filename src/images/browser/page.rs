//! `/images` and `/images/{id}`.

use std::time::Duration;

use leptos::either::{Either, EitherOf3};
use leptos::leptos_dom::helpers::set_interval_with_handle;
use leptos::prelude::*;

use super::collection::Collection;
use super::components::{GalleryBar, MakeForm, TileGrid, find_tile, move_to, seconds};
use super::parts::{QUESTION, TOASTS, part};
use super::single_image::single_image;
use super::viewing::Viewed;
use super::{stream, talk};
use crate::i18n::{Text, fill, t};
use crate::images::filter::GALLERY_PATH;
use crate::images::{AspectRatio, Filter, Gallery, ImageStatus, MOST_RUNNING};
use crate::layout::use_workspace;
use crate::platform::browser::api::Failure;
use crate::platform::browser::navigation::{path_of, use_navigation};
use crate::platform::browser::page_data::use_preloaded;
use crate::platform::error::AppError;
use crate::platform::query::parameter;
use crate::ui::{Alert, AlertTone, Skeleton};

/// One page for both, so that the gallery is as it was when one comes back from an image.
#[component]
pub fn ImagesPage() -> impl IntoView {
    let navigation = use_navigation();
    let collection = Collection::new(use_workspace(), navigation);
    take_preloaded(collection);
    follow_address(collection);
    follow_time(collection);
    on_cleanup(stream::leave);
    let has_image = Memo::new(move |_| image_in(&navigation.address.read()).is_some());
    // What there is to say comes from a chunk that has these.
    let has_news = Memo::new(move |_| has_image.get() || collection.has_parts.get());
    let content = move || {
        if has_image.get() {
            Either::Left(single_image().map(|image| (image.page)(collection)))
        } else {
            Either::Right(view! { <GalleryPage collection /> })
        }
    };
    view! {
        {content}
        {move || collection.has_parts.get().then(|| part(collection, &QUESTION))}
        {move || has_news.get().then(|| part(collection, &TOASTS))}
        <p class="sr-only" role="status" aria-live="polite">{collection.announcement}</p>
    }
}

#[component]
fn GalleryPage(
    /// The images.
    collection: Collection,
) -> impl IntoView {
    let studio = move || match collection.studio.get() {
        Some(studio) => EitherOf3::A(view! { <MakeForm collection studio /> }),
        None if collection.failure.read().is_empty() => EitherOf3::B(view! { <Skeleton class="h-52 w-full" /> }),
        None => EitherOf3::C(view! { <Alert tone=AlertTone::Danger text=collection.failure.get() /> }),
    };
    view! {
        <div class="@container mx-auto max-w-6xl space-y-6 px-4 py-6 sm:px-6" on:focusin=move |_| talk::prepare(collection)>
            <h1 class="text-2xl font-semibold tracking-tight">{t(Text::ImagesTitle)}</h1>
            <div class="max-w-3xl">{studio}</div>
            <GalleryBar collection />
            <TileGrid collection />
        </div>
    }
}

/// The id of the image that an address shows.
fn image_in(address: &str) -> Option<String> {
    path_of(address).strip_prefix("/images/").map(str::to_owned)
}

/// What came with the HTML.
fn take_preloaded(collection: Collection) {
    let address = collection.navigation.address.get_untracked();
    if image_in(&address).is_some() {
        if let Some(image) = single_image() {
            (image.take_preloaded)(collection);
        }
        return;
    }
    take_wish(collection, &address);
    match use_preloaded::<Gallery>() {
        Some(Ok(gallery)) => {
            collection.show(gallery, Filter::of(&address));
            take_refusal(collection, &address);
        }
        Some(Err(error)) => {
            let (code, text) = (error.code().to_owned(), error.to_string());
            collection.fail(Failure { status: error.status(), code, text, retry_after: None });
        }
        None => {}
    }
}

/// What an address asks to be made, for the user to change.
fn take_wish(collection: Collection, address: &str) {
    if let Some(prompt) = parameter(address, "prompt") {
        collection.prompt.set(prompt);
        collection.seed.set(parameter(address, "seed").unwrap_or_default());
        let ratio = parameter(address, "aspectRatio").and_then(|name| AspectRatio::parse(&name));
        collection.ratio.set(ratio.unwrap_or_default());
    }
}

/// Why the server refused a form that was sent without a script.
fn take_refusal(collection: Collection, address: &str) {
    let Some(code) = parameter(address, "error") else { return };
    let text = match code.as_str() {
        "invalid_input" => t(Text::OrderNotRight).to_owned(),
        "conflict" => fill(Text::TooManyInTheMaking, &[("most", &MOST_RUNNING.to_string())]),
        code => AppError::from_code(code).to_string(),
    };
    collection.fail(Failure { code, text, ..Failure::default() });
}

/// Shows what the address says, whenever it says something else.
fn follow_address(collection: Collection) {
    let navigation = collection.navigation;
    Effect::new(move |before: Option<String>| {
        let address = navigation.address.get();
        let is_gallery = path_of(&address) == GALLERY_PATH;
        match image_in(&address) {
            Some(id) => {
                let viewed = collection.viewed.get_untracked();
                let is_shown = viewed.is_some_and(|Viewed { tile, .. }| tile.image.read_untracked().id == id);
                let is_known_missing = before.is_none() && collection.missing.get_untracked();
                if let Some(image) = single_image().filter(|_| !(is_shown || is_known_missing)) {
                    (image.turn_to)(collection, id);
                }
            }
            None if is_gallery => {
                let filter = Filter::of(&address);
                let is_known = collection.studio.read_untracked().is_some();
                if before.is_some() {
                    take_wish(collection, &address);
                }
                if !is_known || filter != *collection.filter.read_untracked() {
                    talk::load(collection, filter);
                } else if before.as_deref().is_some_and(|before| image_in(before).is_some()) {
                    return_to_tile(collection);
                }
                collection.from_gallery.set_value(false);
            }
            // Another page is about to be shown.
            None => {}
        }
        talk::follow(collection);
        address
    });
    Effect::new(move |_| {
        let shown = collection.viewed.read().as_ref().map(|viewed| viewed.tile.image.read().prompt.clone());
        if let (Some(prompt), true) = (shown, image_in(&navigation.address.read()).is_some()) {
            document().set_title(&format!("{prompt} · Tessera"));
        }
    });
}

/// The focus is on the image that one comes from, once the page is there.
fn return_to_tile(collection: Collection) {
    let Some(key) = collection.viewed.get_untracked().map(|viewed| viewed.tile.key) else { return };
    let focus = move || move_to(find_tile(key));
    // After the heading, which is where a page begins.
    request_animation_frame(move || set_timeout(focus, Duration::from_millis(50)));
}

/// The time, while there is something to wait for.
fn follow_time(collection: Collection) {
    Effect::new(move |_| {
        let tick = move || {
            let tiles = collection.tiles.read_untracked();
            let is_running = tiles.iter().any(|tile| tile.image.read_untracked().status == ImageStatus::Running);
            if is_running || collection.now.get_untracked() == 0 || collection.viewed.read_untracked().is_some() {
                collection.now.set(seconds(js_sys::Date::now()));
            }
        };
        tick();
        if let Ok(handle) = set_interval_with_handle(tick, Duration::from_secs(1)) {
            on_cleanup(move || handle.clear());
        }
    });
}
