//! What the menu of a conversation leads to: another title, or the end. Loaded when somebody asks for it.
//!
//! Two dialogs serve the whole list; `chosen` says whose they are.

use leptos::{ev, html, prelude::*, task::spawn_local};

use crate::chat::{ConversationSummary, MAX_TITLE_CHARS};
use crate::error::{AppError, AppResult};
use crate::navigation::{History, use_navigation};
use crate::page_data::go_to_sign_in;
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Dialog, Eager, Field};
use crate::workspace::client::{delete_conversation, rename_conversation};
use crate::workspace::use_workspace;

/// What both dialogs share with the menu.
#[derive(Debug, Clone, Copy, Default)]
pub struct DialogState {
    /// The conversation whose menu was opened last.
    pub chosen: RwSignal<Option<ConversationSummary>>,
    /// The title is being changed.
    pub renaming: RwSignal<bool>,
    /// It is asked whether to delete.
    pub deleting: RwSignal<bool>,
}

/// Both dialogs.
#[lazy]
pub fn conversation_dialogs(state: DialogState) -> AnyView {
    Eager(view! { <ConversationDialogs state /> }).into_any()
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
    let title = NodeRef::<html::Input>::new();

    // Each time one opens: nothing has gone wrong yet, and the title is the conversation's.
    Effect::new(move |_| {
        let (is_renaming, is_deleting) = (renaming.get(), deleting.get());
        if is_renaming || is_deleting {
            failure.set(None);
        }
        if let (true, Some(input)) = (is_renaming, title.get()) {
            input.set_value(&chosen.get_untracked().map(|chosen| chosen.title).unwrap_or_default());
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
        let (Some(chosen), Some(input)) = (chosen.get_untracked(), title.get_untracked()) else { return };
        let title = input.value().trim().to_owned();
        spawn_local(async move {
            if succeeded(renaming, rename_conversation(&chosen.id, &title).await) {
                conversations.update(|known| {
                    if let Some(renamed) = known.iter_mut().find(|known| known.id == chosen.id) {
                        renamed.title = title;
                    }
                });
            }
        });
    };
    let delete = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let Some(chosen) = chosen.get_untracked() else { return };
        spawn_local(async move {
            if succeeded(deleting, delete_conversation(&chosen.id).await) {
                conversations.update(|known| known.retain(|known| known.id != chosen.id));
                if navigation.address.with_untracked(|address| address.ends_with(&chosen.id)) {
                    navigation.open("/chat", History::Push);
                }
            }
        });
    };
    let problem =
        move || failure.get().map(|error| view! { <Alert tone=AlertTone::Danger>{error.to_string()}</Alert> });

    view! {
        <Dialog id="rename-dialog" open=renaming title="Rename conversation">
            <form class="space-y-4" on:submit=rename>
                {problem}
                <Field id="rename-title" name="title" label="Title" required=true max_chars=MAX_TITLE_CHARS input=title />
                <Choices cancel=renaming>
                    <Button variant=ButtonVariant::Primary kind="submit">
                        "Rename"
                    </Button>
                </Choices>
            </form>
        </Dialog>
        <Dialog id="delete-dialog" open=deleting title="Delete conversation?">
            <form class="space-y-4" on:submit=delete>
                {problem}
                <p class="text-ink-soft">
                    <span class="font-medium break-words text-ink">
                        {move || chosen.get().map(|chosen| chosen.title)}
                    </span> " and all its messages will be gone for good. Credits that were spent stay spent."
                </p>
                <Choices cancel=deleting>
                    <Button variant=ButtonVariant::Danger kind="submit">
                        "Delete"
                    </Button>
                </Choices>
            </form>
        </Dialog>
    }
}

/// The end of a dialog: back, or on.
#[component]
fn Choices<C: IntoView + 'static>(
    /// What going back sets to `false`.
    cancel: RwSignal<bool>,
    /// The button that goes on.
    children: TypedChildren<C>,
) -> impl IntoView {
    view! {
        <div class="flex justify-end gap-2">
            <Button on:click=move |_| cancel.set(false)>"Cancel"</Button>
            {children.into_inner()()}
        </div>
    }
}
