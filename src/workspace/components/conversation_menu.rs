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
    let is_loaded = StoredValue::new(false);
    let ask = move |dialog: RwSignal<bool>| {
        dialog.set(true);
        if let (false, Some(owner)) = (is_loaded.get_value(), &owner) {
            is_loaded.set_value(true);
            // At the end of the document: a closed drawer would hide them.
            owner.with(|| {
                spawn_local(ScopedFuture::new(async move {
                    let dialogs = conversation_dialogs(state).await;
                    mount_to(body(), || dialogs).forget();
                }));
            });
        }
    };
    let ask_too = ask.clone();
    view! {
        <Popover id=MENU_ID label="Conversation">
            <PopoverItem icon=IconName::Pencil closes=MENU_ID on:click=move |_| ask(state.renaming)>
                "Rename"
            </PopoverItem>
            <PopoverItem icon=IconName::Trash closes=MENU_ID on:click=move |_| ask_too(state.deleting)>
                "Delete"
            </PopoverItem>
        </Popover>
    }
}
