//! The way to an image: the browser's own file picker. What becomes of the file is in `image_input.rs`.

use leptos::prelude::*;

use crate::chat::talk;
use crate::chat::thread::Thread;
use crate::ui::{Icon, IconName};

/// A button that picks images; nothing where nobody sees them.
#[component]
pub fn ImageButton(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    thread.workspace.facts.read_value().sees_images.then(|| {
        view! {
            <label
                class="inline-flex size-8 cursor-pointer items-center justify-center rounded-md text-ink-soft outline-accent hover:bg-sunken hover:text-ink has-focus-visible:outline-2 noscript:hidden"
                title="Add images"
            >
                <Icon name=IconName::Image />
                <input
                    type="file"
                    class="sr-only"
                    aria-label="Add images"
                    accept="image/png,image/jpeg,image/webp,image/gif"
                    multiple
                    on:change=move |_| talk::prepare(thread)
                />
            </label>
        }
    })
}
