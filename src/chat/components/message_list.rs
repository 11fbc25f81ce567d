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
use crate::chat::thread::{Entry, Thread};
use crate::ui::{Button, ButtonSize, Icon, IconName, copy_text};

/// So near to the end counts as there, in pixels.
const NEAR_END: i32 = 48;

/// All messages, oldest first.
#[component]
pub fn MessageList(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let pane = NodeRef::<html::Div>::new();
    let list = NodeRef::<html::Ol>::new();
    let at_end = RwSignal::new(true);
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
    on_resize(pane, list, move || {
        if at_end.try_get_untracked() == Some(true) {
            scroll_to_end();
        }
    });
    // Who sends something wants to see it.
    Effect::new(move |_| {
        if thread.busy.get() {
            at_end.set(true);
            scroll_to_end();
        }
    });
    let line = move |entry: Entry| match entry.message.with_untracked(|message| message.author) {
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
                    node_ref=list
                    class="mx-auto max-w-3xl space-y-6 px-4 py-6"
                    aria-label="Conversation"
                    on:click=move |event| copy_code(&event, thread)
                >
                    <For each=move || thread.entries.get() key=|entry| entry.key children=line />
                </ol>
            </div>
            <div
                class="absolute inset-x-0 bottom-2 flex justify-center"
                hidden=move || at_end.get()
            >
                <Button size=ButtonSize::Small on:click=jump>
                    <Icon name=IconName::ArrowDown />
                    "Jump to latest"
                </Button>
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
                thread.announcement.try_set("Copied");
                button.set_text_content(Some("Copied"));
                set_timeout(move || button.set_text_content(Some("Copy code")), Duration::from_secs(2));
            }
        });
    }
}

/// Calls back when one of the elements gets another size.
fn on_resize(pane: NodeRef<html::Div>, list: NodeRef<html::Ol>, resized: impl FnMut() + 'static) {
    let resized = StoredValue::new_local(Some(resized));
    let observer = StoredValue::new_local(None::<(ResizeObserver, Closure<dyn FnMut()>)>);
    // In an effect, since there are no closures of the browser on the server.
    Effect::new(move |_| {
        let (Some(pane), Some(list)) = (pane.get(), list.get()) else { return };
        let Some(resized) = resized.try_update_value(Option::take).flatten() else { return };
        let callback = Closure::<dyn FnMut()>::new(resized);
        if let Ok(watching) = ResizeObserver::new(callback.as_ref().unchecked_ref()) {
            watching.observe(&pane);
            watching.observe(&list);
            observer.set_value(Some((watching, callback)));
        }
    });
    on_cleanup(move || {
        if let Some(Some((watching, _callback))) = observer.try_update_value(Option::take) {
            watching.disconnect();
        }
    });
}
