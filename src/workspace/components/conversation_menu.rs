//! What can be done with a conversation of the list. The lines of the menu are fetched when it is first opened.

use leptos::prelude::*;
use leptos::reactive::computed::ScopedFuture;
use leptos::task::spawn_local;

use super::conversation_tools::conversation_tools;
use crate::ui::Popover;

/// The menu that each line's button opens.
pub const MENU_ID: &str = "conversation-menu";

/// One menu for the whole list.
#[component]
pub fn ConversationMenu(
    /// The id of the conversation whose menu was opened last.
    chosen: RwSignal<String>,
) -> impl IntoView {
    let owner = Owner::current();
    let is_loaded = RwSignal::new(false);
    Effect::new(move |_| {
        if let (false, false, Some(owner)) = (chosen.read().is_empty(), is_loaded.get_untracked(), &owner) {
            is_loaded.set(true);
            owner.with(|| {
                spawn_local(ScopedFuture::new(async move {
                    if conversation_tools(chosen).await.is_err() {
                        // The next press tries again.
                        is_loaded.try_set(false);
                    }
                }));
            });
        }
    });
    view! {
        <Popover id=MENU_ID label="Conversation">
            <p class="hidden px-3 py-2 text-ink-soft only:block">"One moment…"</p>
        </Popover>
    }
}
