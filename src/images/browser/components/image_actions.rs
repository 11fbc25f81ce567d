//! What can be done with an image that has the page to itself.

use leptos::task::spawn_local;
use leptos::{ev, prelude::*};

use crate::i18n::{Text, t};
use crate::images::browser::collection::{Collection, Tile};
use crate::images::browser::send::Wish;
use crate::images::browser::talk;
use crate::images::filter::{image_address, vary_address};
use crate::images::{Filter, Image};
use crate::platform::browser::navigation::History;
use crate::ui::{Button, Icon, IconName, ToastTone, copy_text};

const LINE: &str = "inline-flex h-10 items-center justify-center gap-2 rounded-md border border-line-strong bg-surface px-4 \
    text-sm font-medium whitespace-nowrap transition-colors hover:bg-sunken aria-pressed:text-danger \
    aria-pressed:[&>svg]:fill-current";

/// Buttons and links, in a grid of two columns.
#[component]
pub fn ImageActions(
    /// Whose image it is.
    collection: Collection,
    /// The image.
    tile: Tile,
) -> impl IntoView {
    let Image { id, prompt, aspect_ratio, seed, image_url, .. } = tile.image.get_untracked();
    let image = tile.image.clone();
    let is_favorite = Signal::derive(move || image.read().favorite);
    let like = move |event: ev::SubmitEvent| {
        event.prevent_default();
        talk::set_favorite(collection, &tile, !is_favorite.get_untracked());
    };
    let copied = prompt.clone();
    let copy_prompt = move |_| copy(collection, copied.clone(), Text::Copied);
    let address = image_address(&id);
    let here = address.clone();
    let copy_link = move |_| {
        let origin = window().location().origin().unwrap_or_default();
        copy(collection, origin + &here, Text::LinkCopied);
    };
    let vary = vary_address(&prompt, aspect_ratio.as_str(), seed);
    let again = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let wish = Wish { prompt: prompt.clone(), ratio: aspect_ratio, provider: String::new(), seed: None, number: 1 };
        talk::make(collection, wish);
        collection.navigation.open(&Filter::default().address(), History::Push);
    };
    let ask = move |event: ev::SubmitEvent| {
        event.prevent_default();
        talk::ask_to_delete(collection, vec![id.clone()]);
    };
    view! {
        <div class="grid grid-cols-2 gap-2 *:w-full [&>form>button]:w-full">
            <a class=LINE href=format!("{image_url}?download") download="" rel="external">
                <Icon name=IconName::ArrowDown />
                {t(Text::Download)}
            </a>
            <form method="post" action=address.clone() on:submit=like>
                <button
                    class=LINE
                    name="action"
                    value=move || if is_favorite.get() { "unfavorite" } else { "favorite" }
                    aria-pressed=move || is_favorite.get().to_string()
                >
                    <Icon name=IconName::Heart />
                    {t(Text::Favorite)}
                </button>
            </form>
            <form method="post" action=address.clone() on:submit=again>
                <button class=LINE name="action" value="again" title=t(Text::MakeAgainHint)>
                    <Icon name=IconName::Retry />
                    {t(Text::MakeAgain)}
                </button>
            </form>
            <a class=LINE href=vary title=t(Text::VaryHint)>
                <Icon name=IconName::Pencil />
                {t(Text::Vary)}
            </a>
            <Button icon=IconName::Copy label=t(Text::CopyPrompt) class="noscript:hidden" on_click=copy_prompt />
            <Button icon=IconName::Copy label=t(Text::CopyLink) class="noscript:hidden" on_click=copy_link />
            <form class="col-span-2" method="post" action=address on:submit=ask>
                // A script asks first: until it is there, a click is not taken for an answer.
                <button
                    class=format!("{LINE} text-danger [@media(scripting:enabled)]:[html:not([data-hydrated])_&]:pointer-events-none")
                    name="action"
                    value="delete"
                >
                    <Icon name=IconName::Trash />
                    {t(Text::Delete)}
                </button>
            </form>
        </div>
    }
}

fn copy(collection: Collection, text: String, done: Text) {
    spawn_local(async move {
        if copy_text(&text).await {
            collection.say(t(done).to_owned(), ToastTone::Info);
        }
    });
}
