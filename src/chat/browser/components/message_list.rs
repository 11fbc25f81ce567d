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
use crate::chat::browser::copied_formulas::copy_sources;
use crate::chat::browser::talk;
use crate::chat::browser::thread::{Entry, Thread};
use crate::i18n::{Text, t};
use crate::platform::browser::navigation::{path_of, use_navigation};
use crate::platform::query::parameter;
use crate::ui::{Button, ButtonSize, IconName, copy_text, still};

/// So near to the end counts as there, in pixels.
pub const NEAR_END: i32 = 48;
/// So near to the beginning, older messages are loaded.
const NEAR_START: i32 = 300;

/// The messages, oldest first; where there are older ones, a link to them, which works without a script.
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
    // How far the end of the list is from the top of what is seen: that stays when older messages come before it.
    let to_end = StoredValue::new(0);
    let look = move || {
        if let Some(Some(pane)) = pane.try_get_untracked() {
            let left = pane.scroll_height() - pane.scroll_top();
            to_end.set_value(left);
            at_end.set(left - pane.client_height() < NEAR_END);
        }
    };
    let scrolled = move |_| {
        look();
        if pane.get_untracked().is_some_and(|pane| pane.scroll_top() < NEAR_START) {
            thread.load_older();
        }
    };
    // Whatever makes the list longer or its pane smaller: tokens, the final text, an image that has loaded, the composer.
    on_resize(pane, move || {
        if thread.grown_above.try_get_value() == Some(true) {
            thread.grown_above.set_value(false);
            if let Some(Some(pane)) = pane.try_get_untracked() {
                pane.set_scroll_top(pane.scroll_height() - to_end.get_value());
            }
        } else if at_end.try_get_untracked() == Some(true) && !thread.is_editing() {
            scroll_to_end();
        } else {
            look();
        }
    });
    let older = move |event: ev::MouseEvent| {
        event.prevent_default();
        if let Some(pane) = pane.get_untracked() {
            to_end.set_value(pane.scroll_height() - pane.scroll_top());
        }
        thread.load_older();
    };
    let older_address = Signal::derive(move || {
        format!("/chat/{}?before={}", thread.conversation.read().as_deref().unwrap_or_default(), thread.older.read())
    });
    let line = move |entry: Entry| match entry.message.read_untracked().author {
        Author::User => Either::Left(view! { <UserMessage thread entry /> }),
        Author::Assistant => Either::Right(view! { <AssistantMessage thread entry /> }),
    };
    // Only without a script does one get here: a page of older messages turns to the newest ones.
    let newest = still(move || {
        let address = use_navigation().address.get_untracked();
        let here = path_of(&address).to_owned();
        parameter(&address, "before").map(|_| {
            view! {
                <p class="mb-6 text-center text-sm">
                    <a href=here class="text-accent underline">{t(Text::NewestMessages)}</a>
                </p>
            }
        })
    });
    let jump = move |_| {
        at_end.set(true);
        scroll_to_end();
    };
    view! {
        <div class="relative min-h-0 flex-1">
            <div node_ref=pane data-pane class="h-full overflow-y-auto [overflow-anchor:none]" on:scroll=scrolled>
                <div class="mx-auto max-w-3xl space-y-6 px-4 py-6">
                    <p class="text-center text-sm" hidden=Signal::derive(move || thread.older.read().is_empty())>
                        <a href=older_address class="text-accent underline" on:click=older>
                            {t(Text::OlderMessages)}
                        </a>
                    </p>
                    {newest}
                    <ol
                        class="space-y-6"
                        aria-label=t(Text::Conversation)
                        on:click=move |event| press(&event, thread)
                        on:copy=move |event| copy_sources(event.as_ref())
                    >
                        <For each=move || thread.entries.get() key=|entry| entry.key children=line />
                    </ol>
                </div>
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

/// Buttons and links that are HTML and have no listener of their own: the button above a block of code (`markdown.rs`), those that
/// lead to other versions of a message, and images (`user_message.rs`).
fn press(event: &ev::MouseEvent, thread: Thread) {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let button = target.and_then(|target| target.closest("[data-copy],[name=messageId],a:has(>img)").ok().flatten());
    if let Some((image, address)) = button.as_ref().and_then(|button| Some((button, button.get_attribute("href")?))) {
        let wants_more = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
        // Those of this site, and those that have just been sent.
        if !wants_more && (address.starts_with('/') || address.starts_with("data:")) {
            event.prevent_default();
            talk::open_image(thread, image.clone());
        }
        return;
    }
    if let Some(version) = button.as_ref().filter(|button| button.has_attribute("value")) {
        event.prevent_default();
        return talk::choose_version(thread, version.clone());
    }
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
