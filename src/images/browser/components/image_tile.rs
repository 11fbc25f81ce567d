//! One image of the gallery. Its box has the shape of the image before there is one, so nothing ever moves.

use leptos::either::EitherOf3;
use leptos::{ev, prelude::*};

use super::waiting::{Making, NotMade};
use crate::i18n::{Text, fill, t};
use crate::images::browser::collection::{Collection, Tile};
use crate::images::browser::talk;
use crate::images::filter::image_address;
use crate::images::{AspectRatio, Image, ImageStatus};
use crate::platform::browser::navigation::History;
use crate::ui::{Icon, IconName};

/// Widths in proportion to the shape make the tiles of a row equally high, without a line of script. What is very tall
/// is cut, so that there is room for a button in it.
const fn shape_class(ratio: AspectRatio) -> &'static str {
    match ratio {
        AspectRatio::UltraWide => "aspect-[2.4] grow-[240] basis-[calc(var(--row)*2.4)]",
        AspectRatio::Wide => "aspect-[1.75] grow-[175] basis-[calc(var(--row)*1.75)]",
        AspectRatio::Landscape3x2 => "aspect-[1.46] grow-[146] basis-[calc(var(--row)*1.46)]",
        AspectRatio::Landscape4x3 => "aspect-[1.29] grow-[129] basis-[calc(var(--row)*1.29)]",
        AspectRatio::Landscape5x4 => "aspect-[1.21] grow-[121] basis-[calc(var(--row)*1.21)]",
        AspectRatio::Square => "aspect-[1] grow-[100] basis-(--row)",
        AspectRatio::Portrait4x5 => "aspect-[0.82] grow-[82] basis-[calc(var(--row)*0.82)]",
        AspectRatio::Portrait3x4 => "aspect-[0.78] grow-[78] basis-[calc(var(--row)*0.78)]",
        AspectRatio::Portrait2x3 | AspectRatio::Tall | AspectRatio::UltraTall => {
            "aspect-[0.68] grow-[68] basis-[calc(var(--row)*0.68)]"
        }
    }
}

/// A thumbnail that leads to its image; what is not there says why.
#[component]
pub fn ImageTile(
    /// Whose image it is.
    collection: Collection,
    /// The image.
    tile: Tile,
) -> impl IntoView {
    let image = tile.image.clone();
    let status = Memo::new(move |_| image.read().status);
    let image = tile.image.clone();
    let is_selected =
        Signal::derive(move || collection.selecting.get() && collection.selected.read().contains(&image.read().id));
    let shape = shape_class(tile.image.read_untracked().aspect_ratio);
    let key = tile.key;
    let content = move || match status.get() {
        ImageStatus::Complete => EitherOf3::A(view! { <Thumbnail collection tile=tile.clone() is_selected /> }),
        ImageStatus::Running => EitherOf3::B(view! { <Making collection tile=tile.clone() /> }),
        ImageStatus::Failed | ImageStatus::Stopped => EitherOf3::C(view! { <NotMade collection tile=tile.clone() /> }),
    };
    view! {
        <li
            class=format!(
                "group relative min-w-0 overflow-hidden rounded-md bg-sunken [content-visibility:auto] after:pointer-events-none \
                 after:absolute after:inset-0 after:rounded-md has-[a:focus-visible]:after:border-4 \
                 has-[a:focus-visible]:after:border-accent data-selected:after:border-4 data-selected:after:border-accent {shape}",
            )
            data-tile=key.to_string()
            data-status=move || status.get().as_str()
            data-selected=move || is_selected.get().then_some("")
        >
            {content}
        </li>
    }
}

#[component]
fn Thumbnail(
    /// Whose image it is.
    collection: Collection,
    /// The image.
    tile: Tile,
    /// It is selected.
    is_selected: Signal<bool>,
) -> impl IntoView {
    let Image { id, prompt, placeholder, thumbnail_url, .. } = tile.image.get_untracked();
    let address = image_address(&id);
    let (selected_id, opened) = (id.clone(), address.clone());
    let open = move |event: ev::MouseEvent| {
        if collection.selecting.get_untracked() {
            event.prevent_default();
            collection.toggle_selected(&selected_id);
        } else if event.button() == 0 && !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key())
        {
            event.prevent_default();
            collection.navigation.open(&opened, History::Push);
            collection.from_gallery.set_value(true);
        }
    };
    let image = tile.image.clone();
    let is_favorite = Signal::derive(move || image.read().favorite);
    let like = move |event: ev::SubmitEvent| {
        event.prevent_default();
        talk::set_favorite(collection, &tile, !is_favorite.get_untracked());
    };
    let toggle = move |_| collection.toggle_selected(&id);
    view! {
        <a class="absolute inset-0 outline-none" href=address.clone() on:click=open>
            {placeholder
                .map(|source| {
                    view! { <img class="absolute inset-0 size-full scale-110 object-cover blur-md" src=source alt="" /> }
                })}
            <img
                class="absolute inset-0 size-full object-cover"
                src=thumbnail_url
                alt=prompt.clone()
                loading="lazy"
                decoding="async"
            />
        </a>
        <form
            method="post"
            action=address
            class="absolute right-1.5 bottom-1.5 opacity-0 transition-opacity group-focus-within:opacity-100 \
                   group-hover:opacity-100 has-[[aria-pressed=true]]:opacity-100 noscript:opacity-100 pointer-coarse:opacity-100"
            on:submit=like
        >
            <button
                class="flex size-8 items-center justify-center rounded-md bg-surface/90 text-ink-soft hover:text-ink \
                       aria-pressed:text-danger aria-pressed:[&>svg]:fill-current"
                name="action"
                value=move || if is_favorite.get() { "unfavorite" } else { "favorite" }
                aria-label=t(Text::Favorite)
                title=t(Text::Favorite)
                aria-pressed=move || is_favorite.get().to_string()
            >
                <Icon name=IconName::Heart />
            </button>
        </form>
        <input
            type="checkbox"
            class="absolute top-2 left-2 size-5 accent-accent"
            aria-label=fill(Text::SelectImage, &[("prompt", &prompt)])
            hidden=Signal::derive(move || !collection.selecting.get())
            prop:checked=is_selected
            on:change=toggle
        />
    }
}
