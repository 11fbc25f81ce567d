//! The links to the conversations, newest first.

use leptos::prelude::*;

use super::conversation_menu::MENU_ID;
use crate::chat::ConversationSummary;
use crate::navigation::{path_of, use_navigation};
use crate::ui::{IconButton, IconName};
use crate::workspace::use_workspace;

/// One line per conversation, each with a button for its menu.
#[component]
pub fn ConversationList(
    /// The id of the conversation whose menu was opened last.
    chosen: RwSignal<String>,
) -> impl IntoView {
    let conversations = use_workspace().conversations;
    let address = use_navigation().address;
    let line = move |conversation: ConversationSummary| {
        let href = format!("/chat/{}", conversation.id);
        let is_current = {
            let href = href.clone();
            Signal::derive(move || if path_of(&address.read()) == href { "page" } else { "false" }.to_owned())
        };
        let title = conversation.title.clone();
        let label = format!("Options for {title}");
        view! {
            <li class="group relative flex items-center rounded-md hover:bg-sunken has-[[aria-current=page]]:bg-accent-soft">
                <a
                    href=href
                    aria-current=is_current
                    class="min-w-0 flex-1 truncate rounded-md py-2 pr-1 pl-3 aria-[current=page]:font-medium aria-[current=page]:text-accent"
                >
                    {title}
                </a>
                <IconButton
                    icon=IconName::Ellipsis
                    label
                    class="mr-0.5 size-8 md:not-group-hover:not-group-focus-within:opacity-0"
                    opens=MENU_ID
                    on_click=move |_| chosen.set(conversation.id.clone())
                />
            </li>
        }
    };
    // By position rather than by key: a renamed line keeps its element, and with it the focus that a dialog gives back.
    view! {
        <p class="px-6 text-sm text-ink-soft" hidden=Signal::derive(move || !conversations.read().is_empty())>
            "Your conversations will be here."
        </p>
        <ul class="min-h-0 flex-1 space-y-0.5 overflow-y-auto px-3 pb-3 text-sm">
            {move || conversations.get().into_iter().map(line).collect::<Vec<_>>()}
        </ul>
    }
}
