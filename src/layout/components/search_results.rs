//! What the search field of the sidebar does. Loaded when the field is first used.

use std::time::Duration;

use leptos::task::spawn_local;
use leptos::{ev, prelude::*};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::HtmlInputElement;

use super::conversation_link::ConversationLink;
use super::conversation_menu::MENU_ID;
use super::conversation_search::FIELD_ID;
use super::conversation_tools::Tools;
use crate::chat::ConversationSummary;
use crate::credits::Page;
use crate::i18n::{Text, count, fill, t};
use crate::layout::client::{search_conversations, text_of};
use crate::platform::browser::api::Failure;
use crate::platform::browser::page_data::go_to_sign_in;
use crate::ui::{Button, ButtonSize, ButtonVariant, Icon, IconName, is_composing};

/// How long the field must be quiet before the server is asked.
const QUIET: Duration = Duration::from_millis(250);

/// What was found, or why nothing was; `None` before there is an answer.
pub type Found = Option<Result<Page<ConversationSummary>, String>>;

/// What is found, while one types; nothing at all while the field is empty.
#[component]
pub fn SearchResults(
    /// What is shared with the menu of each result.
    tools: Tools,
) -> impl IntoView {
    let query = RwSignal::new(String::new());
    // The page of the query before stays until that of the next is there.
    let Tools { found, chosen, .. } = tools;
    let turn = StoredValue::new(0_u32);
    let search = move || {
        let text = search_field().map(|field| field.value().trim().to_owned()).unwrap_or_default();
        if text == *query.read_untracked() {
            return;
        }
        let now = turn.get_value().wrapping_add(1);
        turn.set_value(now);
        query.set(text.clone());
        if text.is_empty() {
            return found.set(None);
        }
        let ask = async move {
            let page = search_conversations(&text).await;
            if turn.get_value() == now {
                if page.as_ref().is_err_and(Failure::is_signed_out) {
                    go_to_sign_in();
                }
                found.set(Some(page.map_err(text_of)));
            }
        };
        set_timeout(
            move || {
                if turn.get_value() == now {
                    spawn_local(ask);
                }
            },
            QUIET,
        );
    };
    let clear = move || {
        if let Some(field) = search_field() {
            field.set_value("");
            // It is in the document and can take the focus, so this does not fail.
            drop(field.focus());
        }
        search();
    };
    listen("input", move |_| search());
    listen("keydown", move |event| {
        let event: ev::KeyboardEvent = event.unchecked_into();
        // In a drawer, Escape closes the drawer once there is nothing to clear.
        if event.key() == "Escape" && !is_composing(&event) && !query.read_untracked().is_empty() {
            event.prevent_default();
            clear();
        }
    });
    // Typed before this was loaded.
    search();

    let status = move || match &*found.read() {
        None => t(Text::Searching).to_owned(),
        Some(Err(text)) => text.clone(),
        Some(Ok(page)) => match (page.items.len(), page.next_cursor.is_some()) {
            (0, _) => fill(Text::NothingContains, &[("text", &query.read())]),
            (found, false) => count(Text::ConversationsFound, found as u64),
            (found, true) => count(Text::NewestConversationsFound, found as u64),
        },
    };
    let lines = move || {
        let found = found.read();
        let items = found.as_ref().and_then(|page| page.as_ref().ok()).map(|page| page.items.clone());
        let line = |ConversationSummary { id, title, snippet, message_id, .. }: ConversationSummary| {
            let label = fill(Text::OptionsFor, &[("title", &title)]);
            view! {
                <li class="conversation">
                    <ConversationLink id=id.clone() title message=message_id />
                    <button type="button" aria-label=label popovertarget=MENU_ID on:click=move |_| chosen.set(id.clone())>
                        <Icon name=IconName::Ellipsis />
                    </button>
                    <p dir="auto">{snippet}</p>
                </li>
            }
        };
        items.unwrap_or_default().into_iter().map(line).collect::<Vec<_>>()
    };
    move || {
        (!query.read().is_empty()).then(|| {
            view! {
                <div class="flex items-center justify-between gap-2 pb-1 pl-3">
                    <p class="min-w-0 text-xs break-words text-ink-soft" role="status">{status}</p>
                    <Button
                        label=t(Text::Clear)
                        variant=ButtonVariant::Ghost
                        size=ButtonSize::Small
                        on_click=move |_| clear()
                    />
                </div>
                <ul class="space-y-0.5" aria-label=t(Text::SearchResults)>{lines}</ul>
            }
        })
    }
}

fn search_field() -> Option<HtmlInputElement> {
    document().get_element_by_id(FIELD_ID).map(JsCast::unchecked_into)
}

/// Calls back on each such event of the field, which is there as long as the app.
fn listen(event: &str, act: impl FnMut(web_sys::Event) + 'static) {
    if let Some(field) = search_field() {
        let callback = Closure::<dyn FnMut(web_sys::Event)>::new(act).into_js_value();
        // It is a function, so this does not fail.
        drop(field.add_event_listener_with_callback(event, callback.unchecked_ref()));
    }
}
