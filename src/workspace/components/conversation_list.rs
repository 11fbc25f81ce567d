//! The links to the conversations: those that are pinned, then the newest.

use leptos::prelude::*;

use super::conversation_link::ConversationLink;
use super::conversation_menu::MENU_ID;
use crate::chat::ConversationSummary;
use crate::i18n::{Text, fill, t};
use crate::ui::{IconButton, IconName};
use crate::workspace::use_workspace;

/// One line per conversation, each with a button for its menu. What a search found takes their place.
#[component]
pub fn ConversationList(
    /// The id of the conversation whose menu was opened last.
    chosen: RwSignal<String>,
) -> impl IntoView {
    let conversations = use_workspace().conversations;
    let line = move |ConversationSummary { id, title, .. }: ConversationSummary| {
        let label = fill(Text::OptionsFor, &[("title", &title)]);
        view! {
            <li class="group relative flex items-center rounded-md hover:bg-sunken has-[[aria-current=page]]:bg-accent-soft">
                <ConversationLink id=id.clone() title />
                <IconButton
                    icon=IconName::Ellipsis
                    label
                    class="mr-0.5 size-8 md:not-group-hover:not-group-focus-within:opacity-0 noscript:hidden"
                    opens=MENU_ID
                    on_click=move |_| chosen.set(id.clone())
                />
            </li>
        }
    };
    // By position rather than by key: a renamed line keeps its element, and with it the focus that a dialog gives back.
    // Both lists by the same code, which is much of what this costs.
    let group = move |pinned: bool, label: &'static str, class: &'static str| {
        let lines = move || {
            let all = conversations.read();
            all.iter().filter(|known| known.pinned == pinned).cloned().map(line).collect::<Vec<_>>()
        };
        view! {
            <ul aria-label=label class=class>
                {lines}
            </ul>
        }
    };
    let pinned = "mb-3 space-y-0.5 before:px-3 before:text-xs before:font-medium before:text-ink-soft \
                  before:content-['Pinned'] empty:hidden";
    view! {
        <div class="min-h-0 flex-1 overflow-y-auto px-3 pb-3 text-sm [div:has(>#conversation-results:not(:empty))+&]:hidden">
            <p class="px-3 text-ink-soft" hidden=Signal::derive(move || !conversations.read().is_empty())>
                {t(Text::NoConversations)}
            </p>
            {group(true, "Pinned", pinned)}
            {group(false, "Recent", "space-y-0.5")}
        </div>
    }
}
