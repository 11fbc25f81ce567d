//! Everything one can go to or do, found by typing: a combobox in a modal dialog (WAI-ARIA, "Combobox" with a list that
//! filters). Loaded when it is first opened.

use std::time::Duration;

use leptos::mount::mount_to;
use leptos::tachys::dom::body;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, ScrollIntoViewOptions, ScrollLogicalPosition};

use crate::chat::ConversationSummary;
use crate::i18n::{Text, t};
use crate::layout::WorkspaceContext;
use crate::layout::client::search_conversations;
use crate::layout::commands::{Action, Command, commands, conversation_command};
use crate::platform::browser::navigation::{History, Navigation};
use crate::ui::{Eager, Icon, is_composing};

const PALETTE_ID: &str = "palette";
const LIST_ID: &str = "palette-list";
/// How long the field must be quiet before the server is asked what else there is.
const QUIET: Duration = Duration::from_millis(250);
/// So many conversations are offered before anything is typed.
const RECENT: usize = 6;

/// Shows the palette; the first time, it is put into the document.
#[wasm_split(on_demand, wasm_split_path = leptos::wasm_split, fallible)]
pub fn open_palette(
    workspace: WorkspaceContext,
    navigation: Navigation,
    open: RwSignal<bool>,
) -> Result<(), SplitLoaderError> {
    if document().get_element_by_id(PALETTE_ID).is_none() {
        mount_to(body(), move || Eager(view! { <CommandPalette workspace navigation open /> }).into_any()).forget();
    }
    open.set(true);
    Ok(())
}

#[component]
fn CommandPalette(
    /// The conversations that are known.
    workspace: WorkspaceContext,
    /// The way to other pages.
    navigation: Navigation,
    /// Whether it is shown.
    open: RwSignal<bool>,
) -> impl IntoView {
    let element = NodeRef::<html::Dialog>::new();
    let query = RwSignal::new(String::new());
    let selected = RwSignal::new(0_usize);
    let found = RwSignal::new(Vec::<ConversationSummary>::new());
    search_while_typing(query, found);
    let matching = Memo::new(move |_| {
        let wanted = query.read().to_lowercase();
        let known = workspace.conversations.read();
        let recent = known.iter().take(if wanted.trim().is_empty() { RECENT } else { known.len() });
        let fits = |command: &Command| {
            let label = command.label.to_lowercase();
            wanted.split_whitespace().all(|word| label.contains(word))
        };
        let mut matching: Vec<_> =
            commands().into_iter().chain(recent.map(conversation_command)).filter(fits).collect();
        // What the server found has the words somewhere in its messages.
        for found in found.read().iter().map(conversation_command) {
            if !matching.contains(&found) {
                matching.push(found);
            }
        }
        matching.sort_by_key(|command| command.group as u16);
        matching
    });
    let run = move |index: usize| {
        let Some(action) = matching.read_untracked().get(index).map(|command| command.action.clone()) else { return };
        open.set(false);
        // Once the dialog is closed: what is behind it cannot be reached before.
        set_timeout(
            move || match action {
                Action::Go(address) => navigation.open(&address, History::Push),
                Action::Press(target) => {
                    if let Ok(Some(target)) = document().query_selector(&target) {
                        target.unchecked_into::<HtmlElement>().click();
                    }
                }
            },
            Duration::ZERO,
        );
    };
    Effect::new(move |_| {
        let Some(dialog) = element.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => {
                query.set(String::new());
                selected.set(0);
                // It fails only for a dialog that has left the document.
                drop(dialog.show_modal());
            }
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    Effect::new(move |_| {
        let option = document().get_element_by_id(&option_id(selected.get()));
        if let (true, Some(option)) = (open.get_untracked(), option) {
            let options = ScrollIntoViewOptions::new();
            options.set_block(ScrollLogicalPosition::Nearest);
            option.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });
    let follow_keys = move |event: ev::KeyboardEvent| {
        if is_composing(&event) {
            return;
        }
        let last = matching.read_untracked().len().saturating_sub(1);
        let now = selected.get_untracked();
        match &*event.key() {
            "ArrowDown" => selected.set(if now >= last { 0 } else { now + 1 }),
            "ArrowUp" => selected.set(now.checked_sub(1).unwrap_or(last)),
            "PageDown" => selected.set((now + 8).min(last)),
            "PageUp" => selected.set(now.saturating_sub(8)),
            "Enter" => run(now),
            "k" if event.ctrl_key() || event.meta_key() => open.set(false),
            _ => return,
        }
        event.prevent_default();
    };
    let close_on_backdrop = move |event: ev::MouseEvent| {
        if element.get_untracked().is_some_and(|dialog| event.target().as_deref() == Some(&***dialog)) {
            open.set(false);
        }
    };
    let run_pressed = move |event: ev::MouseEvent| {
        let pressed = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let option = pressed.and_then(|pressed| pressed.closest("[role=option]").ok().flatten());
        let index = option.and_then(|option| option.id().strip_prefix("palette-")?.parse().ok());
        if let Some(index) = index {
            run(index);
        }
    };
    let groups = move || {
        let matching = matching.read();
        let groups = [Text::Conversations, Text::Pages, Text::Actions];
        let group = |group: Text| {
            let lines = matching.iter().enumerate().filter(|(_, command)| command.group == group);
            let lines: Vec<_> =
                lines.map(|(index, command)| view! { <Line index command=command.clone() selected /> }).collect();
            (!lines.is_empty()).then(|| {
                view! {
                    <div role="group" aria-label=t(group)>
                        <p class="px-3 pt-3 pb-1 text-xs font-medium text-ink-soft" aria-hidden="true">
                            {t(group)}
                        </p>
                        {lines}
                    </div>
                }
            })
        };
        groups.map(group)
    };
    view! {
        <dialog
            node_ref=element
            id=PALETTE_ID
            aria-label=t(Text::CommandPalette)
            class="mx-auto mt-[12vh] w-[calc(100%-2rem)] max-w-xl rounded-md border border-line bg-surface p-0 text-ink backdrop:bg-backdrop"
            on:close=move |_| open.set(false)
            on:click=close_on_backdrop
        >
            <input
                type="text"
                role="combobox"
                autocomplete="off"
                spellcheck="false"
                aria-expanded="true"
                aria-autocomplete="list"
                aria-controls=LIST_ID
                aria-label=t(Text::SearchCommands)
                aria-activedescendant=move || option_id(selected.get())
                placeholder=t(Text::SearchCommands)
                class="block h-12 w-full border-b border-line bg-transparent px-4 outline-none placeholder:text-ink-soft"
                prop:value=query
                on:input=move |event| {
                    query.set(event_target_value(&event));
                    selected.set(0);
                }
                on:keydown=follow_keys
            />
            <div
                id=LIST_ID
                role="listbox"
                aria-label=t(Text::CommandPalette)
                class="max-h-[50vh] overflow-y-auto px-1 pb-1 text-sm"
                on:click=run_pressed
            >
                {groups}
            </div>
            <p class="px-4 py-6 text-center text-sm text-ink-soft" role="status" hidden=move || !matching.read().is_empty()>
                {t(Text::NothingFound)}
            </p>
            <p class="border-t border-line px-4 py-2 text-xs text-ink-soft max-sm:hidden">{t(Text::PaletteHint)}</p>
        </dialog>
    }
}

#[component]
fn Line(
    /// Its place among all lines.
    index: usize,
    /// What it offers.
    command: Command,
    /// The place of the line that Enter takes.
    selected: RwSignal<usize>,
) -> impl IntoView {
    view! {
        <div
            id=option_id(index)
            role="option"
            aria-selected=move || (selected.get() == index).to_string()
            class="flex h-9 cursor-pointer items-center gap-3 rounded-md px-3 aria-selected:bg-accent-soft aria-selected:text-accent"
            on:mousemove=move |_| selected.set(index)
        >
            <Icon name=command.icon class="size-4 shrink-0" />
            <span dir="auto" class="min-w-0 truncate">{command.label}</span>
        </div>
    }
}

fn option_id(index: usize) -> String {
    format!("palette-{index}")
}

/// Asks the server for conversations that contain what was typed, once the field is quiet.
fn search_while_typing(query: RwSignal<String>, found: RwSignal<Vec<ConversationSummary>>) {
    let turn = StoredValue::new(0_u32);
    Effect::new(move |_| {
        let text = query.read().trim().to_owned();
        let now = turn.get_value().wrapping_add(1);
        turn.set_value(now);
        found.set(Vec::new());
        if text.is_empty() {
            return;
        }
        let ask = async move {
            let page = search_conversations(&text).await;
            // Without an answer there are still the titles.
            if let (true, Ok(page)) = (turn.get_value() == now, page) {
                found.set(page.items);
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
    });
}
