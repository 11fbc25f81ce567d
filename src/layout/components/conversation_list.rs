//! The links to the conversations: those that are pinned, then the newest, by day.

use leptos::prelude::*;

use super::conversation_link::ConversationLink;
use super::conversation_menu::MENU_ID;
use crate::chat::ConversationSummary;
use crate::i18n::{Text, fill, t};
use crate::layout::use_workspace;
use crate::ui::{IconButton, IconName};

/// One line per conversation, each with a button for its menu. What a search found takes their place.
#[component]
pub fn ConversationList(
    /// The id of the conversation whose menu was opened last.
    chosen: RwSignal<String>,
) -> impl IntoView {
    let workspace = use_workspace();
    let conversations = workspace.conversations;
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
    let groups = [Text::Pinned, Text::Today, Text::Yesterday, Text::ThisWeek, Text::Older];
    view! {
        <div class="min-h-0 flex-1 overflow-y-auto px-3 pb-3 text-sm [div:has(>#conversation-results:not(:empty))+&]:hidden">
            <p class="px-3 text-ink-soft" hidden=Signal::derive(move || !conversations.read().is_empty())>
                {t(Text::NoConversations)}
            </p>
            {groups.into_iter().enumerate().map(|(index, label)| group(index, label)).collect::<Vec<_>>()}
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
            let conversation = ConversationSummary {
                snippet: None,
                id: String::new(),
                title: String::new(),
                pinned,
                shared: false,
                created_at: String::new(),
                updated_at: updated_at.to_owned(),
            };
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
