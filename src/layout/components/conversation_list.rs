//! The links to the conversations: those that are pinned, then the newest, by day.

use leptos::{ev, prelude::*};

use super::conversation_link::ConversationLink;
use super::conversation_menu::MENU_ID;
use crate::chat::ConversationSummary;
use crate::i18n::{Text, fill, t};
use crate::layout::{WorkspaceContext, use_workspace};
use crate::platform::browser::navigation::{path_of, use_navigation};
use crate::platform::query::parameter;
use crate::ui::{Icon, IconName, still};

/// What scrolls.
pub const LIST_ID: &str = "conversation-list";
/// The parameter of an address that says after which conversation the list begins.
pub const AFTER: &str = "conversations";

/// One line per conversation, each with a button for its menu. What a search found takes their place.
#[component]
pub fn ConversationList(
    /// Set when what is in `conversation_tools.rs` is needed.
    wanted: RwSignal<bool>,
) -> impl IntoView {
    let workspace = use_workspace();
    let WorkspaceContext { conversations, older, chosen, .. } = workspace;
    let line = move |ConversationSummary { id, title, .. }: ConversationSummary| {
        let label = fill(Text::OptionsFor, &[("title", &title)]);
        view! {
            <li class="conversation">
                <ConversationLink id=id.clone() title message=None />
                <button type="button" aria-label=label popovertarget=MENU_ID on:click=move |_| chosen.set(id.clone())>
                    <Icon name=IconName::Ellipsis />
                </button>
            </li>
        }
    };
    // By position rather than by key: a renamed line keeps its element, and with it the focus that a dialog gives back.
    // All lists by the same code, which is much of what this costs.
    let days = workspace.facts.read_value().days.clone();
    let group = move |group: usize, label: Text| {
        let days = days.clone();
        let lines = move || {
            let all = conversations.read();
            all.iter().filter(|known| group_of(known, &days) == group).cloned().map(line).collect::<Vec<_>>()
        };
        view! {
            <ul
                aria-label=t(label)
                class="mb-3 space-y-0.5 before:px-3 before:text-xs before:font-medium before:text-ink-soft \
                       before:content-[attr(aria-label)] empty:hidden"
            >
                {lines}
            </ul>
        }
    };
    // Without a script, the list of a page begins where its address says.
    let address = use_navigation().address.get_untracked();
    let here = path_of(&address).to_owned();
    let newest = still(move || {
        parameter(&address, AFTER).map(|_| {
            let here = path_of(&address).to_owned();
            view! {
                // The list that is here already is another one: the browser loads the page.
                <a href=here target="_self" class="block px-3 pb-3 text-accent underline">
                    {t(Text::NewestConversations)}
                </a>
            }
        })
    });
    let older_address = Signal::derive(move || format!("{here}?{AFTER}={}", older.read()));
    // What it does is in `older_conversations.rs`, which this loads.
    let load = move |event: ev::MouseEvent| {
        event.prevent_default();
        wanted.set(true);
    };
    let groups = [Text::Pinned, Text::Today, Text::Yesterday, Text::ThisWeek, Text::Older];
    view! {
        <div
            id=LIST_ID
            class="min-h-0 flex-1 overflow-y-auto px-3 pb-3 text-sm [div:has(>#conversation-results:not(:empty))+&]:hidden"
            on:scroll=move |_| wanted.set(true)
        >
            {newest}
            <p class="px-3 text-ink-soft" hidden=Signal::derive(move || !conversations.read().is_empty())>
                {t(Text::NoConversations)}
            </p>
            {groups.into_iter().enumerate().map(|(index, label)| group(index, label)).collect::<Vec<_>>()}
            <a
                href=older_address
                class="block px-3 text-accent underline"
                hidden=Signal::derive(move || older.read().is_empty())
                on:click=load
            >
                {t(Text::OlderConversations)}
            </a>
        </div>
    }
}

/// 0 for those that are pinned, else 1 and one more for each of `days` that it is older than. What was just begun has no
/// time yet.
fn group_of(conversation: &ConversationSummary, days: &[String]) -> usize {
    let day = conversation.updated_at.get(..10).unwrap_or("9");
    if conversation.pinned { 0 } else { 1 + days.iter().filter(|begin| day < begin.as_str()).count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_grouped_by_day() {
        let days = ["2026-11-22", "2026-11-21", "2026-11-15"].map(str::to_owned);
        let group = |updated_at: &str, pinned| {
            let updated_at = updated_at.to_owned();
            let conversation = ConversationSummary { pinned, updated_at, ..ConversationSummary::default() };
            group_of(&conversation, &days)
        };
        assert_eq!(group("2020-01-01T00:00:00Z", true), 0);
        for (updated_at, expected) in [
            ("", 1),
            ("2026-11-22T00:00:00Z", 1),
            ("2026-11-21T23:59:59Z", 2),
            ("2026-11-15T00:00:00Z", 3),
            ("2026-11-14T23:59:59Z", 4),
        ] {
            assert_eq!(group(updated_at, false), expected, "{updated_at}");
        }
    }
}
