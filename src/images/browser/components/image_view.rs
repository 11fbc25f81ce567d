//! An image with the page to itself, between those beside it.

use leptos::either::{Either, EitherOf4};
use leptos::leptos_dom::helpers::window_event_listener;
use leptos::{ev, prelude::*};

use super::facts::Facts;
use super::image_actions::ImageActions;
use super::stage::Stage;
use super::waiting::{Making, NotMade};
use crate::i18n::{Text, t};
use crate::images::browser::collection::Collection;
use crate::images::browser::talk;
use crate::images::browser::viewing::Viewed;
use crate::images::filter::image_address;
use crate::images::{Filter, ImageStatus};
use crate::platform::browser::navigation::History;
use crate::ui::{EmptyState, Icon, IconName, Skeleton, is_composing};

/// The image, what can be done with it, and what is known of it.
#[component]
pub fn ImagePage(
    /// Whose image it is.
    collection: Collection,
) -> impl IntoView {
    let Collection { viewed, navigation, .. } = collection;
    let zoomed = RwSignal::new(false);
    Effect::new(move |_| {
        viewed.track();
        zoomed.set(false);
    });
    let newer = Signal::derive(move || viewed.read().as_ref().and_then(|viewed| viewed.newer.clone()));
    let older = Signal::derive(move || viewed.read().as_ref().and_then(|viewed| viewed.older.clone()));
    let go = move |id: Option<String>| {
        if let Some(id) = id {
            // The way back leads to the gallery, however many were looked at.
            navigation.open(&image_address(&id), History::Replace);
        }
    };
    let back = move || {
        if collection.from_gallery.get_value() {
            if let Ok(history) = window().history() {
                // It fails only where there is no document.
                drop(history.back());
            }
        } else {
            navigation.open(&Filter::default().address(), History::Push);
        }
    };
    follow_keys(collection, zoomed, Callback::new(go), Callback::new(move |()| back()));
    let on_swipe = Callback::new(move |to_older: bool| {
        go(if to_older { older.get_untracked() } else { newer.get_untracked() });
    });
    let title = Signal::derive(move || {
        let shown = viewed.read().as_ref().map(|viewed| viewed.tile.image.read().prompt.clone());
        shown.unwrap_or_else(|| t(Text::ImageTitle).to_owned())
    });
    // Not for each heart: only when there is another image, or when it is there.
    let status = Memo::new(move |_| viewed.read().as_ref().map(|viewed| viewed.tile.image.read().status));
    let stage = move || match (status.get(), viewed.get()) {
        (Some(ImageStatus::Complete), Some(Viewed { tile, .. })) => {
            EitherOf4::A(view! { <Stage image=tile.image.get_untracked() zoomed on_swipe /> })
        }
        (Some(ImageStatus::Running), Some(Viewed { tile, .. })) => EitherOf4::B(view! { <Making collection tile /> }),
        (_, Some(Viewed { tile, .. })) => EitherOf4::C(view! { <NotMade collection tile /> }),
        (_, None) => EitherOf4::D(view! { <Skeleton class="absolute inset-4" /> }),
    };
    let about = move || {
        let is_there = status.get() == Some(ImageStatus::Complete);
        viewed.get().map(|Viewed { tile, .. }| {
            let image = tile.image.get_untracked();
            view! {
                {is_there.then(|| view! { <ImageActions collection tile /> })}
                <Facts image />
            }
        })
    };
    let content = move || {
        if collection.missing.get() {
            return Either::Left(view! {
                <div class="flex-1">
                    <EmptyState
                        title=t(Text::ImageMissing)
                        text=t(Text::ImageMissingWhy)
                        href="/images"
                        action=t(Text::ShowAllImages)
                    />
                </div>
            });
        }
        Either::Right(view! {
            <div class="relative h-[65dvh] shrink-0 bg-sunken lg:h-auto lg:flex-1">{stage}</div>
            <div class="space-y-6 p-4 lg:w-92 lg:overflow-y-auto lg:border-l lg:border-line lg:p-6">
                <p class="break-words" aria-hidden="true">{title}</p>
                {about}
            </div>
        })
    };
    let leave = move |event: ev::MouseEvent| {
        if collection.from_gallery.get_value() {
            event.prevent_default();
            back();
        }
    };
    view! {
        <div class="flex min-h-full flex-col lg:h-full" on:pointerover=move |_| talk::prepare(collection)>
            <div class="flex h-12 shrink-0 items-center gap-2 border-b border-line px-4">
                <a class="flex items-center gap-1 rounded-md py-1 text-sm font-medium text-ink-soft hover:text-ink" href="/images" on:click=leave>
                    <Icon name=IconName::ChevronDown class="size-4 rotate-90" />
                    {t(Text::ImagesTitle)}
                </a>
                <h1 class="sr-only">{title}</h1>
                <div class="ml-auto flex gap-1">
                    {beside(newer, Text::NewerImage, "size-4 rotate-90", Callback::new(go))}
                    {beside(older, Text::OlderImage, "size-4 -rotate-90", Callback::new(go))}
                </div>
            </div>
            <div class="flex min-h-0 flex-1 flex-col lg:flex-row">{content}</div>
        </div>
    }
}

/// A link to an image beside this one; without one, it leads nowhere.
fn beside(id: Signal<Option<String>>, label: Text, icon: &'static str, go: Callback<Option<String>>) -> impl IntoView {
    let follow = move |event: ev::MouseEvent| {
        event.prevent_default();
        go.run(id.get_untracked());
    };
    view! {
        <a
            class="inline-flex size-9 items-center justify-center rounded-md text-ink-soft hover:bg-sunken hover:text-ink \
                   aria-disabled:pointer-events-none aria-disabled:opacity-40"
            href=move || id.read().as_deref().map(image_address)
            role="link"
            aria-disabled=move || id.read().is_none().then_some("true")
            aria-label=t(label)
            title=t(label)
            on:click=follow
        >
            <Icon name=IconName::ChevronDown class=icon />
        </a>
    }
}

/// Arrows, Z, F, Delete and Escape, for as long as the page is there.
fn follow_keys(collection: Collection, zoomed: RwSignal<bool>, go: Callback<Option<String>>, back: Callback<()>) {
    if !cfg!(target_arch = "wasm32") {
        return;
    }
    let listener = window_event_listener(ev::keydown, move |event| {
        let in_the_way = ":popover-open,dialog[open],:is(input,textarea,select):focus";
        let is_held = event.ctrl_key() || event.meta_key() || event.alt_key() || event.shift_key();
        let is_busy = document().query_selector(in_the_way).ok().flatten().is_some();
        let Some(Viewed { tile, newer, older }) = collection.viewed.get_untracked() else { return };
        if is_held || is_busy || is_composing(&event) || event.default_prevented() {
            return;
        }
        let is_zoomed = zoomed.get_untracked();
        match &*event.key() {
            "ArrowLeft" if !is_zoomed => go.run(newer),
            "ArrowRight" if !is_zoomed => go.run(older),
            "z" | "Z" => zoomed.set(!is_zoomed),
            "Escape" if is_zoomed => zoomed.set(false),
            "Escape" => back.run(()),
            "f" | "F" => {
                let is_favorite = tile.image.read_untracked().favorite;
                talk::set_favorite(collection, &tile, !is_favorite);
            }
            "Delete" => {
                let id = tile.image.read_untracked().id.clone();
                talk::ask_to_delete(collection, vec![id]);
            }
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || listener.remove());
}
