//! What the user asked, and the way to ask it otherwise.

use leptos::either::Either;
use leptos::prelude::*;

use super::branch_button::BranchButton;
use super::message_editor::editor;
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
    let Entry { key, message, editing } = entry;
    let editing = RwSignal::from(editing);
    // It never changes: an edited message is another one.
    let text = message.read_untracked().content.clone();
    let content = move || {
        if let (true, Some(editor)) = (editing.get(), editor(thread)) {
            return Either::Left(editor);
        }
        let text = text.clone();
        let edit = {
            let text = text.clone();
            move |_| thread.edit(key, text.clone())
        };
        Either::Right(view! {
            <div class="flex items-start justify-end gap-1">
                <IconButton
                    icon=IconName::Pencil
                    label="Edit"
                    on_click=edit
                    disabled=thread.busy
                />
                <BranchButton thread key />
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
