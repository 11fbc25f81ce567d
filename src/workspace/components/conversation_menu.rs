//! What can be done with a conversation of the list.

use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::reactive::computed::ScopedFuture;
use leptos::tachys::dom::body;
use leptos::task::spawn_local;

use super::conversation_dialogs::{DialogState, conversation_dialogs};
use crate::ui::{IconName, Popover, PopoverItem};

/// The menu that each line's button opens.
pub const MENU_ID: &str = "conversation-menu";

/// One menu for the whole list.
#[component]
pub fn ConversationMenu(
    /// What the menu shares with the dialogs.
    state: DialogState,
) -> impl IntoView {
    let owner = Owner::current();
    let is_loaded = RwSignal::new(false);
    let ask = move |dialog: RwSignal<bool>| {
        dialog.set(true);
        if let (false, Some(owner)) = (is_loaded.get_untracked(), &owner) {
            is_loaded.set(true);
            // At the end of the document: a closed drawer would hide them.
            owner.with(|| {
                spawn_local(ScopedFuture::new(async move {
                    match conversation_dialogs(state).await {
                        Ok(dialogs) => mount_to(body(), || dialogs).forget(),
                        // The next press tries again.
                        Err(_) => drop(is_loaded.try_set(false)),
                    }
                }));
            });
        }
    };
    let ask_too = ask.clone();
    view! {
        <Popover id=MENU_ID label="Conversation">
            <PopoverItem
                icon=IconName::Pencil
                label="Rename"
                closes=MENU_ID
                on_click=move |_| ask(state.renaming)
            />
            <PopoverItem
                icon=IconName::Trash
                label="Delete"
                closes=MENU_ID
                on_click=move |_| ask_too(state.deleting)
            />
        </Popover>
    }
}
