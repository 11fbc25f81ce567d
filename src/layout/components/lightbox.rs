//! An image of a conversation, as large as the window lets it be. It is here because it stays while pages come and go;
//! `chat/browser/lightbox.rs` fills it.

use leptos::prelude::*;

use crate::chat::LIGHTBOX_ID;
use crate::i18n::{Text, t};
use crate::ui::{Icon, IconName};

const BUTTON: &str = "inline-flex h-10 items-center gap-2 rounded-md bg-surface px-3 text-sm font-medium hover:bg-sunken \
    aria-pressed:[&>svg]:text-danger aria-pressed:[&>svg]:fill-current";

/// The image, and what can be done with it. Only the server makes it; without a script, its links lead to the image itself.
#[component]
pub fn Lightbox() -> impl IntoView {
    view! {
        <dialog
            id=LIGHTBOX_ID
            aria-label=t(Text::ImageTitle)
            class="m-auto max-h-none max-w-none bg-transparent p-0 text-ink backdrop:bg-backdrop"
        >
            <img class="mx-auto block max-h-[calc(100dvh-8.5rem)] max-w-[calc(100vw-2rem)] cursor-zoom-out rounded-md" alt="" />
            <div class="flex flex-wrap justify-center gap-2 pt-2">
                <button type="button" class=BUTTON data-favorite aria-pressed="false" hidden>
                    <Icon name=IconName::Heart />
                    {t(Text::Favorite)}
                </button>
                <a class=BUTTON data-download download="">
                    <Icon name=IconName::ArrowDown />
                    {t(Text::Download)}
                </a>
                <a class=BUTTON data-page>
                    <Icon name=IconName::Picture />
                    {t(Text::OpenImage)}
                </a>
                <button type="button" class=BUTTON>
                    <Icon name=IconName::Close />
                    {t(Text::Close)}
                </button>
            </div>
        </dialog>
    }
}
