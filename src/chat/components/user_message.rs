//! What the user asked, and the way to ask it otherwise.

use leptos::either::Either;
use leptos::prelude::*;

use super::message_editor::MessageEditor;
use crate::chat::thread::{Entry, Thread};
use crate::ui::{IconButton, IconName};

/// A line of the conversation that the user wrote.
#[component]
pub fn UserMessage(
    /// The chat page.
    thread: Thread,
    /// The message.
    entry: Entry,
) -> impl IntoView {
    let Entry { key, message } = entry;
    // It never changes: an edited message is another one.
    let text = message.with_untracked(|message| message.content.clone());
    let is_edited =
        Memo::new(move |_| thread.editing.with(|editing| editing.as_ref().is_some_and(|(edited, _)| *edited == key)));
    let content = move || {
        if is_edited.get() {
            return Either::Left(view! { <MessageEditor thread /> });
        }
        let text = text.clone();
        let edit = {
            let text = text.clone();
            move |_| thread.editing.set(Some((key, text.clone())))
        };
        Either::Right(view! {
            <div class="flex items-start justify-end gap-1">
                <IconButton
                    icon=IconName::Pencil
                    label="Edit"
                    on:click=edit
                    disabled=thread.busy
                    class="mt-0.5 size-8"
                />
                <p class="max-w-[85%] min-w-0 rounded-md bg-sunken px-4 py-2 break-words whitespace-pre-wrap">{text}</p>
            </div>
        })
    };
    view! {
        <li class="min-w-0" data-author="user" data-state="complete">
            <h2 class="sr-only">"You"</h2>
            {content}
        </li>
    }
}
