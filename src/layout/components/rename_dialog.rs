//! Another title for a conversation.

use leptos::{ev, html, prelude::*, task::spawn_local};

use super::conversation_tools::{Problem, Tools};
use super::dialog_choices::DialogChoices;
use crate::chat::{ConversationChange, MAX_TITLE_CHARS};
use crate::i18n::{Text, t};
use crate::layout::client::change_conversation;
use crate::ui::{Dialog, Field};

/// Asks for the title.
#[component]
pub fn RenameDialog(
    /// What is shared with the menu.
    tools: Tools,
    /// Whether it is shown.
    open: RwSignal<bool>,
) -> impl IntoView {
    let title = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let (true, Some(input)) = (open.get(), title.get()) {
            input.set_value(&untrack(|| tools.title()));
        }
    });
    let rename = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (id, Some(input)) = (tools.chosen.get_untracked(), title.get_untracked()) else { return };
        let title = input.value().trim().to_owned();
        spawn_local(async move {
            let change = ConversationChange { title: Some(title.clone()), ..ConversationChange::default() };
            if tools.accepted(change_conversation(&id, &change).await).is_some() {
                open.set(false);
                tools.update(&id, |known| known.title.clone_from(&title));
            }
        });
    };
    view! {
        <Dialog id="rename-dialog" open title=t(Text::RenameConversation)>
            <form class="space-y-4" on:submit=rename>
                <Problem tools />
                <Field id="rename-title" name="title" label=t(Text::Title) required=true max_chars=MAX_TITLE_CHARS input=title />
                <DialogChoices cancel=open label=t(Text::Rename) />
            </form>
        </Dialog>
    }
}
