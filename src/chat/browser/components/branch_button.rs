//! The way from a message into a conversation of its own.

use leptos::prelude::*;

use crate::chat::browser::talk;
use crate::chat::browser::thread::Thread;
use crate::i18n::{Text, t};
use crate::ui::{IconButton, IconName};

/// Goes on in another conversation from a message.
#[component]
pub fn BranchButton(
    /// The chat page.
    thread: Thread,
    /// The message's key.
    key: u32,
) -> impl IntoView {
    let branch = move |_| talk::branch(thread, key);
    view! {
        <IconButton
            icon=IconName::Branch
            label=t(Text::BranchFromHere)
            class="size-8 reveal"
            on_click=branch
            disabled=thread.busy
        />
    }
}
