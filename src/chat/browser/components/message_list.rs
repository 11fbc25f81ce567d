//! The messages, and the scrolling: at the end as long as the reader is there.

use std::time::Duration;

use leptos::either::Either;
use leptos::task::spawn_local;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, ResizeObserver};

use super::assistant_message::AssistantMessage;
use super::user_message::UserMessage;
use crate::chat::Author;
use crate::chat::browser::thread::{Entry, Thread};
use crate::i18n::{Text, t};
use crate::ui::{Button, ButtonSize, IconName, copy_text};

/// So near to the end counts as there, in pixels.
const NEAR_END: i32 = 48;

/// All messages, oldest first.
#[component]
pub fn MessageList(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let pane = NodeRef::<html::Div>::new();
    let at_end = thread.at_end;
    let scroll_to_end = move || {
        if let Some(Some(pane)) = pane.try_get_untracked() {
            pane.set_scroll_top(pane.scroll_height());
        }
    };
    let scrolled = move |_| {
        if let Some(pane) = pane.get_untracked() {
            at_end.set(pane.scroll_height() - pane.scroll_top() - pane.client_height() < NEAR_END);
        }
    };
    // Whatever makes the list longer or its pane smaller: tokens, the final text, an image that has loaded, the composer.
    on_resize(pane, move || {
        if at_end.try_get_untracked() == Some(true) {
            scroll_to_end();
        }
    });
    let line = move |entry: Entry| match entry.message.read_untracked().author {
        Author::User => Either::Left(view! { <UserMessage thread entry /> }),
        Author::Assistant => Either::Right(view! { <AssistantMessage thread entry /> }),
    };
    let jump = move |_| {
        at_end.set(true);
        scroll_to_end();
    };
    view! {
        <div class="relative min-h-0 flex-1">
            <div node_ref=pane class="h-full overflow-y-auto" on:scroll=scrolled>
                <ol
                    class="mx-auto max-w-3xl space-y-6 px-4 py-6"
                    aria-label=t(Text::Conversation)
                    on:click=move |event| copy_code(&event, thread)
                >
                    <For each=move || thread.entries.get() key=|entry| entry.key children=line />
                </ol>
            </div>
            <div
                class="absolute inset-x-0 bottom-2 flex justify-center"
                hidden=at_end
            >
                <Button icon=IconName::ArrowDown label=t(Text::JumpToLatest) size=ButtonSize::Small on_click=jump />
            </div>
        </div>
    }
}

/// The button above a block of code, which is HTML of `markdown.rs` and has no listener of its own.
fn copy_code(event: &ev::MouseEvent, thread: Thread) {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let button = target.and_then(|target| target.closest("[data-copy]").ok().flatten());
    let block = button.as_ref().and_then(|button| button.closest(".code-block").ok().flatten());
    let code = block.and_then(|block| block.query_selector("code").ok().flatten());
    if let (Some(button), Some(code)) = (button, code) {
        spawn_local(async move {
            if copy_text(&code.text_content().unwrap_or_default()).await {
                thread.announcement.try_set(t(Text::Copied).to_owned());
                button.set_text_content(Some(t(Text::Copied)));
                set_timeout(move || button.set_text_content(Some(t(Text::CopyCode))), Duration::from_secs(2));
            }
        });
    }
}

/// Calls back when the pane or the list in it gets another size.
fn on_resize(pane: NodeRef<html::Div>, resized: impl FnMut() + 'static) {
    let mut resized = Some(resized);
    // In an effect, since there are no closures of the browser on the server.
    Effect::new(move |_| {
        let Some(pane) = pane.get() else { return };
        let Some(resized) = resized.take() else { return };
        // The browser frees both together with the elements.
        let callback = Closure::<dyn FnMut()>::new(resized).into_js_value();
        if let Ok(observer) = ResizeObserver::new(callback.unchecked_ref()) {
            observer.observe(&pane);
            if let Some(list) = pane.first_element_child() {
                observer.observe(&list);
            }
        }
    });
}
