//! What can be done with a conversation of the list. Its lines are in `conversation_tools.rs`.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::ui::{Popover, still};

/// The menu that each line's button opens.
pub const MENU_ID: &str = "conversation-menu";

/// One menu for the whole list.
#[component]
pub fn ConversationMenu() -> impl IntoView {
    still(|| {
        view! {
            <Popover id=MENU_ID label=t(Text::Conversation)>
                <p class="px-3 py-2 text-ink-soft">{t(Text::OneMoment)}</p>
            </Popover>
        }
    })
}
