//! The way to an image: the browser's own file picker. What becomes of the file is in `image_input.rs`.

use leptos::prelude::*;

use crate::chat::thread::Thread;

/// As HTML, for the sake of the first load. What is picked is the form's business: a change goes up to it.
const PICKER: &str = "<label title='Add images' class='inline-flex size-8 cursor-pointer items-center justify-center \
    rounded-md text-ink-soft outline-accent hover:bg-sunken hover:text-ink has-focus-visible:outline-2 noscript:hidden'>\
    <svg class='size-4' viewBox='0 0 24 24' fill='none' stroke='currentColor' stroke-width='2' stroke-linecap='round' \
    stroke-linejoin='round' aria-hidden='true'><path d='M4 5h16v14H4zM4 16l5-5 5 5 2-2 4 4M15.5 9h.01'/></svg>\
    <input type='file' class='sr-only' aria-label='Add images' accept='image/png,image/jpeg,image/webp,image/gif' multiple>\
    </label>";

/// A button that picks images; nothing where nobody sees them.
#[component]
pub fn ImageButton(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let html = if thread.workspace.facts.read_value().sees_images { PICKER } else { "" };
    view! { <div class="contents" inner_html=Some(html.to_owned())></div> }
}
