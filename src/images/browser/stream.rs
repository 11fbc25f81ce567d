//! How an image in the making gets onto the screen: event by event, and in the end as the server stored it.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::AbortController;

use super::client;
use super::collection::{Collection, Tile};
use crate::i18n::{Text, fill, t};
use crate::images::{
    Image, ImageDoneEvent, ImageErrorEvent, ImageEvent, ImageFallbackEvent, ImageProgressEvent, ImageStage, ImageStatus,
};
use crate::platform::amount::Amount;
use crate::platform::browser::subscription::{Heard, Subscription};
use crate::platform::browser::time::sleep;

/// Over HTTP/1.1 a browser has six connections to a site, and the page needs some for everything else.
const MOST_CONNECTIONS: usize = 3;
const PAUSE: Duration = Duration::from_secs(2);

thread_local! {
    /// What has to be closed when the page is left. The browser has one thread; the server never gets here.
    static OPEN: RefCell<Vec<AbortController>> = const { RefCell::new(Vec::new()) };
}

/// Listens to every image that is being made, unless the page is gone.
pub(super) fn follow_all(collection: Collection) {
    let Some(tiles) = collection.tiles.try_get_untracked() else { return };
    let viewed = collection.viewed.get_untracked().map(|viewed| viewed.tile);
    for tile in tiles.into_iter().chain(viewed) {
        follow(collection, tile);
    }
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
    for connection in OPEN.take() {
        connection.abort();
    }
}

/// Stops an image that is being made.
pub(super) async fn stop(collection: Collection, tile: Tile) {
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
        spawn_local(async move { listen(collection, &tile).await });
    }
}

/// Listens to an image until it has ended, and makes sure of how.
async fn listen(collection: Collection, tile: &Tile) {
    let id = tile.image.read_untracked().id.clone();
    if let Ok(mut events) = Subscription::new(client::events_path(&id)) {
        let handle = events.handle();
        OPEN.with_borrow_mut(|open| open.push(handle.clone()));
        while !collection.is_gone() {
            match events.next().await {
                Heard::Events(some) => {
                    for event in &some {
                        if let Some(event) = ImageEvent::parse(&event.event, &event.data) {
                            hear(collection, tile, event);
                        }
                    }
                    if some.iter().any(|event| ImageEvent::is_last(&event.event)) {
                        break;
                    }
                }
                Heard::Dropped => {}
                Heard::Over | Heard::Refused(_) => break,
            }
        }
        OPEN.with_borrow_mut(|open| open.retain(|other| *other != handle));
    }
    settle(collection, tile).await;
}

fn hear(collection: Collection, tile: &Tile, event: ImageEvent) {
    match event {
        ImageEvent::Start(start) => tile.held.store(start.credits.micros(), Ordering::Relaxed),
        ImageEvent::Progress(ImageProgressEvent { stage }) => tile.storing.set(stage == ImageStage::Storing),
        ImageEvent::Fallback(ImageFallbackEvent { from, to }) => {
            let mut image = tile.image.write();
            image.fallback_from.get_or_insert(from);
            image.provider = to;
            tile.storing.set(false);
        }
        ImageEvent::Done(done) => {
            let ImageDoneEvent { image, remaining_credits, .. } = *done;
            collection.workspace.available.try_set(remaining_credits);
            finish(collection, tile, image);
        }
        ImageEvent::Error(ImageErrorEvent { code, .. }) => {
            collection.add_credits(Amount::from_micros(tile.held.swap(0, Ordering::Relaxed)));
            tile.image.write().error_code = Some(code);
        }
    }
}

/// Asks what became of an image, until it is known.
async fn settle(collection: Collection, tile: &Tile) {
    let id = tile.image.read_untracked().id.clone();
    while !collection.is_gone() && tile.image.read_untracked().status == ImageStatus::Running {
        match client::load_image(&id).await {
            Ok(view) if view.image.status != ImageStatus::Running => finish(collection, tile, view.image),
            Err(failure) if failure.code == "not_found" => {
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
            (AppError::ProviderRateLimited { retry_after_secs: None }, Text::ImageFailedLimit),
            (AppError::ContentBlocked, Text::ImageRefused),
            (AppError::ProviderFailed, Text::ImageFailed),
        ] {
            assert_eq!(failure_text(Some(error.code())), t(text), "{error:?}");
        }
    }
}
