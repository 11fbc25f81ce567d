//! An answer: its text, how it ended, its receipt, and what can be done with it.

use leptos::either::Either;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::live_markdown::LiveMarkdown;
use super::receipt::Receipt;
use crate::chat::thread::{Entry, Thread};
use crate::chat::{Message, MessageState};
use crate::error::AppError;
use crate::ui::{IconButton, IconName, copy_text};

/// A line of the conversation that the model writes, or has written.
#[component]
pub fn AssistantMessage(
    /// The chat page.
    thread: Thread,
    /// The answer.
    entry: Entry,
) -> impl IntoView {
    let key = entry.key;
    let message = RwSignal::from(entry.message);
    let state = Memo::new(move |_| message.with(|message| message.state));
    let html = Memo::new(move |_| message.with(|message| message.html.clone()));
    let note = Memo::new(move |_| message.with(note_of));
    let is_waiting = move || message.with(|it| it.state == MessageState::Running && it.content.is_empty());
    let is_last = Memo::new(move |_| thread.entries.with(|all| all.last().is_some_and(|last| last.key == key)));
    let text = move || match html.get() {
        Some(html) => Either::Left(view! { <div class="markdown" inner_html=html></div> }),
        None => Either::Right(view! { <LiveMarkdown message /> }),
    };
    let copy = move |_| {
        let text = message.with_untracked(|message| message.content.clone());
        spawn_local(async move {
            if copy_text(&text).await {
                thread.announcement.try_set("Copied");
            }
        });
    };
    view! {
        <li
            class="min-w-0 space-y-2"
            data-author="assistant"
            data-state=move || state.get().as_str()
            aria-busy=move || (state.get() == MessageState::Running).then_some("true")
        >
            <h2 class="sr-only">"Answer"</h2>
            {text}
            <p class="flex items-center gap-2 text-sm text-ink-soft" hidden=move || !is_waiting()>
                <span class="size-2 animate-pulse rounded-md bg-accent" aria-hidden="true"></span>
                "Thinking…"
            </p>
            <p class="hidden text-sm text-ink-soft noscript:block" hidden=move || state.get() != MessageState::Running>
                "The answer is being written. Reload the page to see it."
            </p>
            <p class="text-sm text-ink-soft" hidden=move || note.get().is_none()>{note}</p>
            <div class="flex flex-wrap items-center gap-1" hidden=move || state.get() == MessageState::Running>
                <IconButton
                    icon=IconName::Copy
                    label="Copy"
                    on:click=copy
                    attr:hidden=move || message.with(|message| message.content.is_empty())
                />
                <IconButton
                    icon=IconName::Retry
                    label="Try again"
                    on:click=move |_| thread.try_again()
                    disabled=thread.busy
                    attr:hidden=move || !is_last.get()
                />
                <Receipt message />
            </div>
        </li>
    }
}

/// Why the answer is not whole, and what that cost.
fn note_of(message: &Message) -> Option<String> {
    match message.state {
        MessageState::Running | MessageState::Complete => None,
        MessageState::Stopped if message.content.is_empty() => {
            Some("Stopped before it began. Nothing was charged.".to_owned())
        }
        MessageState::Stopped => Some("You stopped this answer.".to_owned()),
        MessageState::Incomplete => Some("The model broke off. Nothing was charged; the text is kept.".to_owned()),
        MessageState::Failed => Some(match AppError::from_code(message.error_code.as_deref().unwrap_or_default()) {
            AppError::Internal => "Something went wrong. Nothing was charged.".to_owned(),
            error if error.to_string().contains("charged") => error.to_string(),
            error => format!("{error} Nothing was charged."),
        }),
    }
}
