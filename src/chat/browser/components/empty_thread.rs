//! The chat page without messages: a chat that has not begun, one that is being loaded, one that is not there.
//!
//! HTML from the server, which the browser finds in templates: as views they would cost 6 KB of WASM (brotli) on the
//! first load.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlTextAreaElement};

use crate::chat::browser::thread::Thread;
use crate::i18n::{Text, t};
use crate::ui::MOSAIC;

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

/// What one could ask, and what the model is told first; or why there is nothing. A press on a suggestion fills the
/// composer.
fn html_on_server(template: &str) -> String {
    let (first, second, third) = match template {
        "thread-new" => (t(Text::WhatToKnow), suggestions(), t(Text::SystemPrompt)),
        "thread-missing" => {
            (t(Text::ConversationMissing), t(Text::ConversationMissingWhy).to_owned(), t(Text::NewChat))
        }
        _ => {
            let label = t(Text::Loading);
            return format!(
                "<div role='status' aria-label='{label}' class='w-full flex-1 animate-pulse space-y-4 *:rounded-md \
                 *:bg-sunken'><div class='ml-auto h-10 w-1/2'></div><div class='h-4'></div><div class='h-4'></div>\
                 <div class='h-4 w-2/3'></div></div>"
            );
        }
    };
    if template == "thread-missing" {
        return format!(
            "{MOSAIC}<p class='font-medium'>{first}</p><p class='text-sm text-ink-soft'>{second}</p>\
             <a class='rounded-md border border-line-strong bg-surface px-4 py-2 text-sm font-medium hover:bg-sunken' \
             href='/chat'>{third}</a>"
        );
    }
    let (list, placeholder) = (t(Text::Suggestions), t(Text::SystemPromptPlaceholder));
    format!(
        "{MOSAIC}<p class='text-center text-xl font-semibold'>{first}</p>\
         <ul class='grid w-full gap-2 sm:grid-cols-2 noscript:hidden' aria-label='{list}'>{second}</ul>\
         <details class='w-full text-sm noscript:hidden'><summary class='text-ink-soft'>{third}</summary>\
         <textarea id='new-prompt' class='mt-2 block min-h-24 w-full rounded-md border border-line-strong bg-surface \
         px-3 py-2' aria-label='{third}' placeholder='{placeholder}'></textarea></details>"
    )
}

fn suggestions() -> String {
    [Text::SuggestionTides, Text::SuggestionPython, Text::SuggestionTable, Text::SuggestionInvoice]
        .map(|text| format!("<li><button type='button'>{}</button></li>", t(text)))
        .concat()
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
