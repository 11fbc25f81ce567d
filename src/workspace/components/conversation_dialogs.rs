//! What the menu of a conversation leads to: another title, or the end. Loaded when somebody asks for it.
//!
//! Two dialogs serve the whole list; `chosen` says whose they are.

use leptos::wasm_split::{SplitLoaderError, wasm_split};
use leptos::{ev, html, prelude::*, task::spawn_local};

use crate::chat::MAX_TITLE_CHARS;
use crate::error::{AppError, AppResult};
use crate::navigation::{History, use_navigation};
use crate::page_data::go_to_sign_in;
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Dialog, Eager, Field};
use crate::workspace::client::{delete_conversation, rename_conversation};
use crate::workspace::use_workspace;

/// What both dialogs share with the menu.
#[derive(Debug, Clone, Copy, Default)]
pub struct DialogState {
    /// The id of the conversation whose menu was opened last.
    pub chosen: RwSignal<String>,
    /// The title is being changed.
    pub renaming: RwSignal<bool>,
    /// It is asked whether to delete.
    pub deleting: RwSignal<bool>,
}

/// Both dialogs.
#[wasm_split(on_demand, wasm_split_path = leptos::wasm_split, fallible)]
pub fn conversation_dialogs(state: DialogState) -> Result<AnyView, SplitLoaderError> {
    Ok(Eager(view! { <ConversationDialogs state /> }).into_any())
}

#[component]
fn ConversationDialogs(
    /// What the dialogs share with the menu.
    state: DialogState,
) -> impl IntoView {
    let DialogState { chosen, renaming, deleting } = state;
    let conversations = use_workspace().conversations;
    let navigation = use_navigation();
    let failure = RwSignal::new(None::<AppError>);
    let chosen_title = move || {
        let (known, id) = (conversations.read(), chosen.read());
        known.iter().find(|known| known.id == *id).map(|known| known.title.clone()).unwrap_or_default()
    };
    let title = NodeRef::<html::Input>::new();

    // Each time one opens: nothing has gone wrong yet, and the title is the conversation's.
    Effect::new(move |_| {
        let (is_renaming, is_deleting) = (renaming.get(), deleting.get());
        if is_renaming || is_deleting {
            failure.set(None);
        }
        if let (true, Some(input)) = (is_renaming, title.get()) {
            input.set_value(&untrack(chosen_title));
        }
    });
    let succeeded = move |dialog: RwSignal<bool>, outcome: AppResult<()>| match outcome {
        Ok(()) => {
            dialog.set(false);
            true
        }
        Err(AppError::Unauthenticated) => {
            go_to_sign_in();
            false
        }
        Err(error) => {
            failure.set(Some(error));
            false
        }
    };
    let rename = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (id, Some(input)) = (chosen.get_untracked(), title.get_untracked()) else { return };
        let title = input.value().trim().to_owned();
        spawn_local(async move {
            if succeeded(renaming, rename_conversation(&id, &title).await)
                && let Some(renamed) = conversations.write().iter_mut().find(|known| known.id == id)
            {
                renamed.title = title;
            }
        });
    };
    let delete = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let id = chosen.get_untracked();
        spawn_local(async move {
            if succeeded(deleting, delete_conversation(&id).await) {
                conversations.write().retain(|known| known.id != id);
                if navigation.address.read_untracked().ends_with(&id) {
                    navigation.open("/chat", History::Push);
                }
            }
        });
    };
    let problem = move || failure.get().map(|error| view! { <Alert tone=AlertTone::Danger text=error.to_string() /> });

    view! {
        <Dialog id="rename-dialog" open=renaming title="Rename conversation">
            <form class="space-y-4" on:submit=rename>
                {problem}
                <Field id="rename-title" name="title" label="Title" required=true max_chars=MAX_TITLE_CHARS input=title />
                <Choices cancel=renaming label="Rename" variant=ButtonVariant::Primary />
            </form>
        </Dialog>
        <Dialog id="delete-dialog" open=deleting title="Delete conversation?">
            <form class="space-y-4" on:submit=delete>
                {problem}
                <p class="text-ink-soft">
                    <span class="font-medium break-words text-ink">
                        {chosen_title}
                    </span> " and all its messages will be gone for good. Credits that were spent stay spent."
                </p>
                <Choices cancel=deleting label="Delete" variant=ButtonVariant::Danger />
            </form>
        </Dialog>
    }
}

/// The end of a dialog: back, or on.
#[component]
fn Choices(
    /// What going back sets to `false`.
    cancel: RwSignal<bool>,
    /// What going on is called.
    label: &'static str,
    /// How much weight that has.
    variant: ButtonVariant,
) -> impl IntoView {
    view! {
        <div class="flex justify-end gap-2">
            <Button label="Cancel" on_click=move |_| cancel.set(false) />
            <Button label variant kind="submit" />
        </div>
    }
}
