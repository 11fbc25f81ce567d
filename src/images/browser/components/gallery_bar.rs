//! What is above the gallery: search, favorites, and what can be done with many images at once.

use std::time::Duration;

use leptos::either::Either;
use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use crate::i18n::{Text, count, t};
use crate::images::browser::collection::Collection;
use crate::images::browser::talk;
use crate::images::{Filter, ImageStatus};
use crate::platform::browser::navigation::History;
use crate::ui::{Button, ButtonSize, ButtonVariant, Icon, IconName};

/// How long the field must be quiet before the gallery follows it.
const QUIET: Duration = Duration::from_millis(300);
const FIELD_ID: &str = "image-search";

/// A form, which leads to what is looked for; with a script, it does so while one types.
#[component]
pub fn GalleryBar(
    /// The images.
    collection: Collection,
) -> impl IntoView {
    let Collection { selecting, selected, navigation, .. } = collection;
    let wanted = Memo::new(move |_| Filter::of(&navigation.address.read()));
    let turn = StoredValue::new(0_u32);
    let look_for = move |filter: Filter, history: History| {
        navigation.open(&Filter { cursor: None, ..filter }.address(), history);
    };
    let search = move |typed: String| {
        let q = typed.trim().to_owned();
        let now = turn.get_value().wrapping_add(1);
        turn.set_value(now);
        let follow = move || {
            if turn.try_get_value() == Some(now) {
                look_for(Filter { q, ..wanted.get_untracked() }, History::Replace);
            }
        };
        set_timeout(follow, QUIET);
    };
    // What was typed before anybody listened.
    Effect::new(move |_| {
        let field = document().get_element_by_id(FIELD_ID).and_then(|field| field.dyn_into::<HtmlInputElement>().ok());
        if let Some(typed) = field.map(|field| field.value()).filter(|typed| typed.trim() != wanted.read_untracked().q)
        {
            search(typed);
        }
    });
    let only_favorites = move || Filter { favorites: !wanted.read().favorites, cursor: None, ..wanted.get() };
    let toggle = move |event: ev::MouseEvent| {
        event.prevent_default();
        look_for(untrack(only_favorites), History::Push);
    };
    let is_on = move || wanted.read().favorites.then_some("true");
    let select_all = move |_| {
        let tiles = collection.tiles.get_untracked();
        let there = tiles.iter().map(|tile| tile.image.read_untracked());
        selected
            .set(there.filter(|image| image.status == ImageStatus::Complete).map(|image| image.id.clone()).collect());
    };
    let leave = move |_| {
        selected.set(Vec::new());
        selecting.set(false);
    };
    let none_selected = Signal::derive(move || selected.read().is_empty());
    let tools = move || {
        if selecting.get() {
            Either::Left(view! {
                <span class="text-sm text-ink-soft tabular-nums" role="status">
                    {move || count(Text::SelectedCount, selected.read().len() as u64)}
                </span>
                <Button label=t(Text::SelectAllShown) size=ButtonSize::Small on_click=select_all />
                <Button
                    label=t(Text::Delete)
                    icon=IconName::Trash
                    size=ButtonSize::Small
                    variant=ButtonVariant::Danger
                    disabled=none_selected
                    on_click=move |_| talk::ask_to_delete(collection, selected.get_untracked())
                />
                <Button label=t(Text::DoneSelecting) size=ButtonSize::Small on_click=leave />
            })
        } else {
            Either::Right(view! {
                <Button
                    label=t(Text::SelectImages)
                    icon=IconName::Check
                    size=ButtonSize::Small
                    class="noscript:hidden"
                    on_click=move |_| selecting.set(true)
                />
            })
        }
    };
    view! {
        // While images are selected, it stays in sight.
        <div class="flex flex-wrap items-center gap-2 has-[[role=status]]:sticky has-[[role=status]]:top-0 has-[[role=status]]:z-10 \
                    has-[[role=status]]:-mx-2 has-[[role=status]]:rounded-b-md has-[[role=status]]:bg-canvas has-[[role=status]]:p-2">
            <form class="flex min-w-48 flex-1 items-center gap-2 @xl:max-w-md" role="search" action="/images" on:submit=|event| event.prevent_default()>
                <input
                    name="q"
                    type="search"
                    value=wanted.get_untracked().q
                    id=FIELD_ID
                    aria-label=t(Text::SearchImages)
                    placeholder=t(Text::SearchImages)
                    class="h-8 min-w-0 grow rounded-md border border-line-strong bg-surface px-3 text-sm placeholder:text-ink-soft"
                    on:input=move |event| search(event_target_value(&event))
                />
                <input type="hidden" name="favorites" value="on" disabled=move || !wanted.read().favorites />
                <a
                    class="inline-flex h-8 items-center gap-1.5 rounded-md border border-line-strong bg-surface px-3 text-sm font-medium \
                           whitespace-nowrap hover:bg-sunken aria-[current=true]:border-accent aria-[current=true]:bg-accent-soft \
                           aria-[current=true]:text-accent aria-[current=true]:[&>svg]:fill-current"
                    href=move || only_favorites().address()
                    aria-current=is_on
                    on:click=toggle
                >
                    <Icon name=IconName::Heart />
                    <span class="@max-xl:sr-only">{t(Text::Favorites)}</span>
                </a>
            </form>
            <div class="flex flex-wrap items-center gap-2 @xl:ml-auto">{tools}</div>
        </div>
    }
}
