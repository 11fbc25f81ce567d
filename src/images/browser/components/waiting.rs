//! An image that is not there: in the making, stopped, or failed.

use leptos::{ev, prelude::*};

use crate::i18n::{Text, fill, t};
use crate::images::ImageStatus;
use crate::images::browser::collection::{Collection, Tile};
use crate::images::browser::send::Wish;
use crate::images::browser::stream::failure_text;
use crate::images::browser::talk;
use crate::images::filter::image_address;
use crate::ui::{Icon, IconName, Progress};

/// How far it is, and the way to stop it.
#[component]
pub fn Making(
    /// Whose image it is.
    collection: Collection,
    /// The image.
    tile: Tile,
) -> impl IntoView {
    let Tile { image, storing, stopping, .. } = tile.clone();
    let began = began_at(&image.read_untracked().created_at);
    let is_stopping = stopping.clone();
    let stage = move || {
        t(match (is_stopping.get(), storing.get()) {
            (true, _) => Text::Stopping,
            (false, true) => Text::Storing,
            (false, false) => Text::Painting,
        })
    };
    let seconds = move || {
        let now = collection.now.get();
        (now > 0).then(|| fill(Text::SecondsSoFar, &[("count", &(now - began).max(0).to_string())]))
    };
    let stopped = image.clone();
    let cannot_stop = Signal::derive(move || stopping.get() || stopped.read().id.is_empty());
    let address = move || image_address(&image.read().id);
    let stop = move |event: ev::SubmitEvent| {
        event.prevent_default();
        talk::stop(collection, tile.clone());
    };
    view! {
        <div class="absolute inset-0 flex flex-col items-center justify-center gap-2 overflow-hidden p-2 text-center text-xs text-ink-soft">
            <Progress label=t(Text::Painting) />
            <p>{stage} " " <span class="tabular-nums">{seconds}</span></p>
            <p class="hidden noscript:block">{t(Text::ReloadToSee)}</p>
            <form method="post" action=address on:submit=stop>
                <Deed icon=IconName::Stop label=t(Text::Stop) action="stop" disabled=cannot_stop />
            </form>
        </div>
    }
}

/// Why there is none, and what can be done about it.
#[component]
pub fn NotMade(
    /// Whose image it is.
    collection: Collection,
    /// The image.
    tile: Tile,
) -> impl IntoView {
    let image = tile.image.get_untracked();
    let why = match image.status {
        ImageStatus::Stopped => t(Text::ImageStopped),
        _ => failure_text(image.error_code.as_deref()),
    };
    let tile = StoredValue::new(tile);
    let address = image_address(&image.id);
    let dismiss = move || talk::dismiss(collection, tile.get_value());
    let prompt = image.prompt.clone();
    let again = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let prompt = prompt.clone();
        talk::make(
            collection,
            Wish { prompt, ratio: image.aspect_ratio, provider: String::new(), seed: None, number: 1 },
        );
        dismiss();
    };
    view! {
        <div
            class="absolute inset-0 flex flex-col items-center justify-center gap-2 overflow-hidden p-2 text-center text-xs text-ink-soft"
            title=image.prompt
        >
            <p>{why}</p>
            <div class="flex gap-1">
                <form method="post" action=address.clone() on:submit=again>
                    <Deed icon=IconName::Retry label=t(Text::MakeAgain) action="again" />
                </form>
                <form
                    method="post"
                    action=address
                    on:submit=move |event| {
                        event.prevent_default();
                        dismiss();
                    }
                >
                    <Deed icon=IconName::Close label=t(Text::Dismiss) action="delete" />
                </form>
            </div>
        </div>
    }
}

/// A button that sends its form.
#[component]
fn Deed(
    /// What it shows.
    icon: IconName,
    /// What it does.
    label: &'static str,
    /// What the server is asked to do.
    action: &'static str,
    /// It cannot be done now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
) -> impl IntoView {
    view! {
        <button
            class="flex size-8 items-center justify-center rounded-md border border-line bg-surface hover:text-ink \
                   disabled:cursor-not-allowed disabled:opacity-50"
            name="action"
            value=action
            aria-label=label
            title=label
            disabled=disabled
        >
            <Icon name=icon />
        </button>
    }
}

/// Seconds since 1970 of a moment; 0 on the server, which shows no time that passes.
fn began_at(created_at: &str) -> i64 {
    if cfg!(target_arch = "wasm32") { seconds(js_sys::Date::parse(created_at)) } else { 0 }
}

/// Whole seconds of a time in milliseconds.
pub fn seconds(millis: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "far below 2^63")]
    let seconds = (millis / 1000.0) as i64;
    seconds
}
