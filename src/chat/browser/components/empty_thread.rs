//! The chat page without messages: a chat that has not begun, one that is being loaded, one that is not there.
//!
//! HTML from the server, which the browser finds in templates: as views they would cost 6 KB of WASM (brotli) on the
//! first load.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlTextAreaElement};

use crate::chat::Workspace;
use crate::chat::browser::thread::Thread;
use crate::i18n::{Text, t};
use crate::layout::use_workspace;
use crate::ui::{MOSAIC, template_html};

/// Where the browser finds the HTML of each.
const TEMPLATES: [&str; 4] = ["thread-new", "thread-missing", "thread-loading", SMALL_MODEL];
/// The line above the composer.
const SMALL_MODEL: &str = "small-model";

/// The HTML of one of [`TEMPLATES`].
fn html_of(thread: Thread, template: &str) -> String {
    if cfg!(target_arch = "wasm32") {
        template_html(template)
    } else {
        html_on_server(&thread.workspace.facts.read_value(), template)
    }
}

/// That only the small model inside answers, where that is so; else nothing.
pub fn small_model_line(thread: Thread) -> String {
    html_of(thread, SMALL_MODEL)
}

/// What one could ask, and what the model is told first; or why there is nothing. A press on a suggestion fills the
/// composer. On the server alone.
fn html_on_server(facts: &Workspace, template: &str) -> String {
    let (first, second, third) = match template {
        "thread-new" => {
            let suggestions = if facts.small_model { small_suggestions() } else { suggestions() };
            (t(Text::WhatToKnow), suggestions, t(Text::SystemPrompt))
        }
        SMALL_MODEL if facts.small_model => {
            return format!("<p class='pb-2 text-sm text-ink-soft'>{}</p>", t(Text::SmallModel));
        }
        SMALL_MODEL => return String::new(),
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
             <div class='flex flex-wrap justify-center gap-2 [&>a]:rounded-md [&>a]:border [&>a]:border-line-strong \
             [&>a]:bg-surface [&>a]:px-4 [&>a]:py-2 [&>a]:text-sm [&>a]:font-medium [&>a]:hover:bg-sunken'>\
             <a href='' target='_self'>{}</a><a href='/chat'>{third}</a></div>",
            t(Text::TryAgain)
        );
    }
    let (list, placeholder) = (t(Text::Suggestions), t(Text::SystemPromptPlaceholder));
    format!(
        "{MOSAIC}<p class='text-center text-xl font-semibold'>{first}</p>\
         <ul class='grid w-full gap-2 @md:grid-cols-2 noscript:hidden' aria-label='{list}'>{second}</ul>\
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

/// What the small model can do, in English, which it knows alone; in another language, with what it means. On the server alone.
fn small_suggestions() -> String {
    [
        ("Explain why the sky is blue.", Text::SuggestionSky),
        ("Give me three tips for better sleep.", Text::SuggestionSleep),
        ("Write a haiku about autumn.", Text::SuggestionAutumn),
        ("What is a mosaic?", Text::SuggestionMosaic),
    ]
    .map(|(question, meaning)| {
        let meaning = Some(t(meaning)).filter(|meaning| *meaning != question);
        let meaning = meaning.map(|text| format!("<p class='px-4 pt-1 text-xs text-ink-soft'>{text}</p>"));
        let meaning = meaning.unwrap_or_default();
        format!("<li><button type='button' lang='en'>{question}</button>{meaning}</li>")
    })
    .concat()
}

/// What the browser needs of this file later; only the server makes it.
#[component]
pub fn EmptyThreadTemplates() -> impl IntoView {
    let facts = use_workspace().facts.read_value().clone();
    TEMPLATES
        .map(|template| view! { <template id=template inner_html=Some(html_on_server(&facts, template))></template> })
}

/// What there is in the place of messages.
#[component]
pub fn EmptyThread(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let html = move || {
        html_of(
            thread,
            match (thread.loading.get(), thread.missing.get()) {
                (true, _) => "thread-loading",
                (false, true) => "thread-missing",
                (false, false) => "thread-new",
            },
        )
    };
    let suggest = move |event: ev::MouseEvent| {
        let pressed = event.target().map(JsCast::unchecked_into::<Element>);
        if let Some(text) = pressed.filter(|pressed| pressed.matches("button").unwrap_or(false)) {
            thread.write(text.text_content().unwrap_or_default());
        }
    };
    view! {
        <div class="@container min-h-0 flex-1 overflow-y-auto">
            <div
                class="mx-auto flex min-h-full max-w-3xl flex-col items-center justify-center gap-6 px-4 py-8 \
                       [&_li>button:only-child]:h-full [&_li>button]:w-full [&_li>button]:rounded-md [&_li>button]:border \
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
