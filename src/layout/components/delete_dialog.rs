//! The end of a conversation.

use leptos::{ev, prelude::*, task::spawn_local};

use super::conversation_tools::{Problem, Tools};
use super::dialog_choices::DialogChoices;
use crate::i18n::{Text, t};
use crate::layout::client::delete_conversation;
use crate::platform::browser::navigation::{History, use_navigation};
use crate::ui::{ButtonVariant, Dialog};

/// Asks whether to delete.
#[component]
pub fn DeleteDialog(
    /// What is shared with the menu.
    tools: Tools,
    /// Whether it is shown.
    open: RwSignal<bool>,
) -> impl IntoView {
    let navigation = use_navigation();
    let delete = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let id = tools.chosen.get_untracked();
        spawn_local(async move {
            if tools.accepted(delete_conversation(&id).await).is_some() {
                open.set(false);
                tools.remove(&id);
                if navigation.address.read_untracked().ends_with(&id) {
                    navigation.open("/chat", History::Push);
                }
            }
        });
    };
    view! {
        <Dialog id="delete-dialog" open title=t(Text::DeleteConversation)>
            <form class="space-y-4" on:submit=delete>
                <Problem tools />
                <p class="font-medium break-words">{move || tools.title()}</p>
                <p class="text-ink-soft">{t(Text::DeleteExplained)}</p>
                <DialogChoices cancel=open label=t(Text::Delete) variant=ButtonVariant::Danger />
            </form>
        </Dialog>
    }
}
