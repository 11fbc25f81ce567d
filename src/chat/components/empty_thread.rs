//! The chat page without messages: a chat that has not begun, one that is being loaded, one that is not there.
//!
//! HTML from the server, which the browser finds in templates: as views they would cost 6 KB of WASM (brotli) on the
//! first load.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlTextAreaElement};

use crate::chat::thread::Thread;
use crate::ui::MOSAIC;

/// What one could ask, and what the model is told first. A press on a suggestion fills the composer.
const NEW: &str = "<p class='text-center text-xl font-semibold'>What would you like to know?</p>\
    <ul class='grid w-full gap-2 sm:grid-cols-2 noscript:hidden' aria-label='Suggestions'>\
    <li><button type='button'>Explain how tides work to a ten-year-old.</button></li>\
    <li><button type='button'>Write a Python function that finds duplicate files.</button></li>\
    <li><button type='button'>Compare tea and coffee in a small table.</button></li>\
    <li><button type='button'>Help me word a friendly reminder about an unpaid invoice.</button></li></ul>\
    <details class='w-full text-sm noscript:hidden'><summary class='text-ink-soft'>System prompt</summary>\
    <textarea id='new-prompt' class='mt-2 block min-h-24 w-full rounded-md border border-line-strong bg-surface px-3 py-2' \
    aria-label='System prompt' placeholder='What the model is told first in this conversation'></textarea></details>";

const MISSING: &str = "<p class='font-medium'>This conversation cannot be shown.</p>\
    <p class='text-sm text-ink-soft'>It may have been deleted, or the connection failed.</p>\
    <a class='rounded-md border border-line-strong bg-surface px-4 py-2 text-sm font-medium hover:bg-sunken' href='/chat'>New chat</a>";

const LOADING: &str = "<div role='status' aria-label='Loading' class='w-full flex-1 animate-pulse space-y-4 \
    *:rounded-md *:bg-sunken'><div class='ml-auto h-10 w-1/2'></div><div class='h-4'></div><div class='h-4'></div>\
    <div class='h-4 w-2/3'></div></div>";

/// Where the browser finds the HTML of each.
const TEMPLATES: [&str; 3] = ["thread-new", "thread-missing", "thread-loading"];

/// The HTML of one of [`TEMPLATES`].
fn html_of(template: &str) -> String {
    if cfg!(target_arch = "wasm32") {
        document().get_element_by_id(template).map(|template| template.inner_html()).unwrap_or_default()
    } else {
        html_on_server(template)
    }
}

fn html_on_server(template: &str) -> String {
    match template {
        "thread-new" => [MOSAIC, NEW].concat(),
        "thread-missing" => [MOSAIC, MISSING].concat(),
        _ => LOADING.to_owned(),
    }
}

/// What the browser needs of this file later; only the server makes it.
#[component]
pub fn EmptyThreadTemplates() -> impl IntoView {
    TEMPLATES.map(|template| view! { <template id=template inner_html=Some(html_on_server(template))></template> })
}

/// What there is in the place of messages.
#[component]
pub fn EmptyThread(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let html = move || {
        html_of(match (thread.loading.get(), thread.missing.get()) {
            (true, _) => "thread-loading",
            (false, true) => "thread-missing",
            (false, false) => "thread-new",
        })
    };
    let suggest = move |event: ev::MouseEvent| {
        let pressed = event.target().map(JsCast::unchecked_into::<Element>);
        if let Some(text) = pressed.filter(|pressed| pressed.matches("button").unwrap_or(false)) {
            thread.write(text.text_content().unwrap_or_default());
        }
    };
    view! {
        <div class="min-h-0 flex-1 overflow-y-auto">
            <div
                class="mx-auto flex min-h-full max-w-3xl flex-col items-center justify-center gap-6 px-4 py-8 \
                       [&_li>button]:h-full [&_li>button]:w-full [&_li>button]:rounded-md [&_li>button]:border \
                       [&_li>button]:border-line [&_li>button]:bg-surface [&_li>button]:px-4 [&_li>button]:py-3 \
                       [&_li>button]:text-left [&_li>button]:text-sm [&_li>button]:hover:bg-sunken"
                on:click=suggest
                inner_html=html
            ></div>
        </div>
    }
}

/// The field for the system prompt, while there is one.
pub fn prompt_field() -> Option<HtmlTextAreaElement> {
    document().get_element_by_id("new-prompt").map(JsCast::unchecked_into)
}
