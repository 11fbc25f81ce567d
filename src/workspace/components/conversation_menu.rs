//! What can be done with a conversation of the list. Its lines are in `conversation_tools.rs`.

use leptos::prelude::*;

use crate::ui::Popover;

/// The menu that each line's button opens.
pub const MENU_ID: &str = "conversation-menu";

/// One menu for the whole list.
#[component]
pub fn ConversationMenu() -> impl IntoView {
    view! {
        <Popover id=MENU_ID label="Conversation">
            "One moment…"
        </Popover>
    }
}
