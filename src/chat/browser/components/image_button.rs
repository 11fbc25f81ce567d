//! The way to an image: the browser's own file picker. What becomes of the file is in `image_input.rs`.

use leptos::prelude::*;

use crate::chat::browser::thread::Thread;
use crate::i18n::{Text, t};

/// As HTML, for the sake of the first load, with its name in the place of `{name}`. What is picked is the form's business: a change goes up to it.
const PICKER: &str = "<label title='{name}' class='inline-flex size-8 cursor-pointer items-center justify-center \
    rounded-md text-ink-soft outline-accent hover:bg-sunken hover:text-ink has-focus-visible:outline-2 noscript:hidden'>\
    <svg class='size-4' viewBox='0 0 24 24' fill='none' stroke='currentColor' stroke-width='2' stroke-linecap='round' \
    stroke-linejoin='round' aria-hidden='true'><path d='M4 5h16v14H4zM4 16l5-5 5 5 2-2 4 4M15.5 9h.01'/></svg>\
    <input type='file' class='sr-only' aria-label='{name}' accept='image/png,image/jpeg,image/webp,image/gif' multiple>\
    </label>";

/// A button that picks images; nothing where nobody sees them.
#[component]
pub fn ImageButton(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let sees_images = thread.workspace.facts.read_value().sees_images;
    let html = if sees_images { PICKER.replace("{name}", t(Text::AddImages)) } else { String::new() };
    view! { <div class="contents" inner_html=Some(html)></div> }
}
