//! The menu of a conversation and what it leads to: another title, or the end.
//!
//! One menu and two dialogs serve the whole list; `chosen` says whose they are.

use leptos::{ev, html, prelude::*, task::spawn_local};
use leptos_router::hooks::{use_location, use_navigate};

use crate::chat::ConversationSummary;
use crate::error::{AppError, AppResult};
use crate::page_data::go_to_sign_in;
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Dialog, Field, IconName, Popover, PopoverItem};
use crate::workspace::client::{delete_conversation, rename_conversation};
use crate::workspace::use_workspace;

/// The menu that each line's button opens.
pub const MENU_ID: &str = "conversation-menu";
/// Most characters of a title.
const MAX_TITLE_CHARS: usize = 100;

/// The menu and both dialogs.
#[component]
pub fn ConversationDialogs(
    /// The conversation that they are about.
    chosen: RwSignal<Option<ConversationSummary>>,
) -> impl IntoView {
    let conversations = use_workspace().conversations;
    let path = use_location().pathname;
    let navigate = use_navigate();
    let renaming = RwSignal::new(false);
    let deleting = RwSignal::new(false);
    let failure = RwSignal::new(None::<AppError>);
    let title = NodeRef::<html::Input>::new();

    let ask = move |dialog: RwSignal<bool>| {
        failure.set(None);
        if let Some(input) = title.get_untracked() {
            input.set_value(&chosen.get_untracked().map(|chosen| chosen.title).unwrap_or_default());
        }
        dialog.set(true);
    };
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
        let navigate = navigate.clone();
        spawn_local(async move {
            if succeeded(deleting, delete_conversation(&chosen.id).await) {
                conversations.update(|known| known.retain(|known| known.id != chosen.id));
                if path.get_untracked().ends_with(&chosen.id) {
                    navigate("/chat", Default::default());
                }
            }
        });
    };
    let problem = move || {
        failure.get().map(|error| view! { <Alert tone=AlertTone::Danger>{error.to_string()}</Alert> })
    };

    view! {
        <Popover id=MENU_ID label="Conversation">
            <PopoverItem icon=IconName::Pencil closes=MENU_ID on:click=move |_| ask(renaming)>
                "Rename"
            </PopoverItem>
            <PopoverItem icon=IconName::Trash closes=MENU_ID on:click=move |_| ask(deleting)>
                "Delete"
            </PopoverItem>
        </Popover>
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
