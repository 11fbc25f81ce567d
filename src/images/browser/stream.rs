//! How an image in the making gets onto the screen: event by event, over connections that the browser itself makes anew
//! when they drop.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, MessageEvent};

use super::client;
use super::collection::{Collection, Tile};
use crate::chat::sleep;
use crate::i18n::{Text, fill, t};
use crate::images::{
    Image, ImageDoneEvent, ImageErrorEvent, ImageFallbackEvent, ImageProgressEvent, ImageStage, ImageStartEvent,
    ImageStatus,
};
use crate::platform::browser::json::read_json;

/// Over HTTP/1.1 a browser has six connections to a site, and the page needs some for everything else.
const MOST_CONNECTIONS: usize = 3;
const PAUSE: Duration = Duration::from_secs(2);

thread_local! {
    /// What has to be closed when the page is left. The browser has one thread; the server never gets here.
    static OPEN: RefCell<Vec<EventSource>> = const { RefCell::new(Vec::new()) };
}

/// Listens to an image that is being made, as soon as there is a connection to spare. Once is enough.
pub(super) fn follow(collection: Collection, tile: Tile) {
    let is_this = |other: &Tile| other.key == tile.key;
    let is_known =
        collection.followed.read_value().iter().any(is_this) || collection.waiting.read_value().iter().any(is_this);
    let image = tile.image.read_untracked();
    if is_known || image.status != ImageStatus::Running || image.id.is_empty() {
        return;
    }
    drop(image);
    collection.waiting.write_value().push(tile);
    listen_to_next(collection);
}

/// Stops listening to everything.
pub(super) fn leave() {
    for source in OPEN.take() {
        source.close();
    }
}

/// Stops an image that is being made.
pub(super) async fn stop(collection: Collection, tile: Tile) {
    tile.stopping.set(true);
    let id = tile.image.read_untracked().id.clone();
    if client::stop_image(&id).await.is_err() {
        // It may have ended by itself meanwhile.
        tile.stopping.set(false);
        settle(collection, &tile).await;
    }
}

fn listen_to_next(collection: Collection) {
    while collection.followed.read_value().len() < MOST_CONNECTIONS && !collection.waiting.read_value().is_empty() {
        // The newest comes first on the screen, and the oldest is ready first.
        let Some(tile) = collection.waiting.write_value().pop() else { return };
        collection.followed.write_value().push(tile.clone());
        let path = format!("/api/images/{}/events", tile.image.read_untracked().id);
        match EventSource::new(&path) {
            Ok(source) => {
                let heard = source.clone();
                let callback =
                    Closure::<dyn FnMut(Event)>::new(move |event: Event| hear(collection, &tile, &heard, &event))
                        .into_js_value();
                for kind in ["start", "fallback", "progress", "done", "error"] {
                    // It fails only for an invalid name.
                    drop(source.add_event_listener_with_callback(kind, callback.unchecked_ref()));
                }
                OPEN.with_borrow_mut(|open| open.push(source));
            }
            Err(_) => spawn_local(async move { settle(collection, &tile).await }),
        }
    }
}

fn hear(collection: Collection, tile: &Tile, source: &EventSource, event: &Event) {
    let data = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string());
    let image = &tile.image;
    match (&*event.type_(), data) {
        ("start", Some(data)) => {
            if let Some(ImageStartEvent { credits, .. }) = read_json(&data) {
                tile.held.store(credits, Ordering::Relaxed);
            }
        }
        ("progress", Some(data)) => {
            if let Some(ImageProgressEvent { stage }) = read_json(&data) {
                tile.storing.set(stage == ImageStage::Storing);
            }
        }
        ("fallback", Some(data)) => {
            if let Some(ImageFallbackEvent { from, to }) = read_json(&data) {
                let mut image = image.write();
                image.fallback_from.get_or_insert(from);
                image.provider = to;
                tile.storing.set(false);
            }
        }
        ("done", Some(data)) => {
            close(source);
            match read_json(&data) {
                Some(ImageDoneEvent { image: done, remaining_credits, .. }) => {
                    collection.workspace.available.try_set(remaining_credits);
                    finish(collection, tile, done);
                }
                None => settle_soon(collection, tile.clone()),
            }
        }
        ("error", Some(data)) => {
            close(source);
            collection.add_credits(tile.held.swap(0, Ordering::Relaxed));
            if let Some(ImageErrorEvent { code, .. }) = read_json(&data) {
                image.write().error_code = Some(code);
            }
            settle_soon(collection, tile.clone());
        }
        // The connection: the browser makes a new one, unless the server wants none.
        ("error", None) if source.ready_state() == EventSource::CLOSED => {
            close(source);
            settle_soon(collection, tile.clone());
        }
        _ => {}
    }
}

fn close(source: &EventSource) {
    source.close();
    OPEN.with_borrow_mut(|open| open.retain(|other| other != source));
}

fn settle_soon(collection: Collection, tile: Tile) {
    spawn_local(async move { settle(collection, &tile).await });
}

/// Asks what became of an image, until it is known.
async fn settle(collection: Collection, tile: &Tile) {
    let id = tile.image.read_untracked().id.clone();
    while !collection.is_gone() && tile.image.read_untracked().status == ImageStatus::Running {
        match client::load_image(&id).await {
            Ok(view) if view.image.status != ImageStatus::Running => finish(collection, tile, view.image),
            Err(refusal) if refusal.code == "not_found" => {
                let gone = Image { status: ImageStatus::Failed, ..tile.image.get_untracked() };
                finish(collection, tile, gone);
            }
            _ => sleep(PAUSE).await,
        }
    }
}

/// It is there, or it never will be.
fn finish(collection: Collection, tile: &Tile, image: Image) {
    if collection.is_gone() {
        return;
    }
    collection.followed.write_value().retain(|other| other.key != tile.key);
    collection.announce(match image.status {
        ImageStatus::Complete => fill(Text::ImageReady, &[("prompt", &image.prompt)]),
        ImageStatus::Stopped => t(Text::ImageStopped).to_owned(),
        _ => failure_text(image.error_code.as_deref()).to_owned(),
    });
    tile.image.set(image);
    listen_to_next(collection);
}

/// Why an image could not be made, for people.
#[must_use]
pub fn failure_text(code: Option<&str>) -> &'static str {
    t(match code {
        Some("provider_timeout") => Text::ImageFailedTimeout,
        Some("rate_limited") => Text::ImageFailedLimit,
        Some("content_blocked") => Text::ImageRefused,
        _ => Text::ImageFailed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::error::AppError;

    #[test]
    fn each_failure_that_has_a_text_of_its_own_gets_it() {
        for (error, text) in [
            (AppError::ProviderTimeout, Text::ImageFailedTimeout),
            (AppError::ProviderRateLimited, Text::ImageFailedLimit),
            (AppError::ContentBlocked, Text::ImageRefused),
            (AppError::ProviderFailed, Text::ImageFailed),
        ] {
            assert_eq!(failure_text(Some(error.code())), t(text), "{error:?}");
        }
    }
}
