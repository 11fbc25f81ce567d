//! An answer: its text, how it ended, its receipt, and what can be done with it.

use leptos::either::Either;
use leptos::task::spawn_local;
use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event};

use super::branch_button::BranchButton;
use super::live_markdown::LiveMarkdown;
use super::receipt::{fallback_text, receipt_of};
use super::thoughts::Thoughts;
use crate::chat::browser::talk;
use crate::chat::browser::thread::{Entry, Thread};
use crate::chat::{AGAIN_ID, CutReason, Message, MessageState};
use crate::i18n::{Text, t};
use crate::platform::error::AppError;
use crate::ui::{IconButton, IconName, copy_text, say_copied};

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
    let is_running = Memo::new(move |_| message.read().state == MessageState::Running);
    let is_stored = Memo::new(move |_| message.read().html.is_some());
    let state = Signal::derive(move || message.read().state.as_str().to_owned());
    let text = move || {
        if is_stored.get() {
            let html = message.read_untracked().html.clone();
            Either::Left(view! { <div class="markdown" inner_html=html></div> })
        } else {
            Either::Right(view! { <LiveMarkdown message /> })
        }
    };
    let is_not_waiting = Signal::derive(move || {
        let message = message.read();
        message.state != MessageState::Running || !message.content.is_empty()
    });
    let end = move || {
        // Anew when the stored message has come: it says what was charged in the end.
        is_stored.track();
        (!is_running.get()).then(|| view! { <Ending thread key message /> })
    };
    view! {
        <li
            class="min-w-0 space-y-2"
            data-author="assistant"
            data-state=state
            aria-busy=Signal::derive(move || is_running.get().to_string())
        >
            <h2 class="sr-only">{t(Text::Answer)}</h2>
            <Thoughts message />
            {text}
            <p class="flex items-center gap-2 text-sm text-ink-soft" hidden=is_not_waiting>
                <span class="size-2 animate-pulse rounded-md bg-accent" aria-hidden="true"></span>
                {t(Text::Thinking)}
            </p>
            <p
                class="hidden text-sm text-ink-soft noscript:block"
                hidden=Signal::derive(move || !is_running.get())
            >
                {t(Text::BeingWritten)}
            </p>
            {end}
        </li>
    }
}

/// What stands below an answer that has ended: why it is not whole, the receipt, and what can be done with it.
#[component]
fn Ending(
    /// The chat page.
    thread: Thread,
    /// The answer's key.
    key: u32,
    /// The answer.
    message: RwSignal<Message>,
) -> impl IntoView {
    let id = message.read_untracked().id.clone();
    let (notes, receipt, is_empty) = {
        let message = message.read_untracked();
        ([note_of(&message), fallback_text(&message)], receipt_of(&message), message.content.is_empty())
    };
    let is_not_last = Signal::derive(move || thread.entries.read().last().is_none_or(|last| last.key != key));
    let cannot_ask = Signal::derive(move || thread.busy.get() || thread.limited.get());
    let copy = move |event: ev::MouseEvent| {
        let text = message.read_untracked().content.clone();
        spawn_local(async move {
            if copy_text(&text).await {
                thread.announcement.try_set(t(Text::Copied).to_owned());
                say_copied(&event, t(Text::Copied));
            }
        });
    };
    view! {
        {notes.map(|note| note.map(|note| view! { <p class="text-sm text-ink-soft">{note}</p> }))}
        <div class="flex flex-wrap items-center gap-1">
            <IconButton icon=IconName::Copy label=t(Text::Copy) on_click=copy hidden=is_empty />
            <IconButton
                icon=IconName::Retry
                label=t(Text::TryAgain)
                // With its label where there is no answer (style/conversation.css).
                class="size-8 retry"
                on_click=move |_| thread.try_again()
                disabled=cannot_ask
                hidden=is_not_last
            />
            <IconButton
                icon=IconName::ChevronDown
                label=t(Text::TryAgainWith)
                opens=AGAIN_ID
                on_click=move |_| talk::offer_again(thread)
                disabled=cannot_ask
                hidden=is_not_last
            />
            <BranchButton thread key />
            <details class="min-w-0 text-xs break-words text-ink-soft" on:toggle=move |event| open_receipt(thread, &event)>
                <summary class="cursor-pointer list-none" data-receipt>{receipt}</summary>
                <p class="pt-1 tabular-nums" data-whole=id></p>
            </details>
        </div>
    }
}

fn open_receipt(thread: Thread, event: &Event) {
    if let Some(details) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) {
        talk::open_receipt(thread, details);
    }
}

/// Why the answer is not whole, and what that cost.
fn note_of(message: &Message) -> Option<String> {
    match message.state {
        MessageState::Running => None,
        MessageState::Complete => match message.cut_reason? {
            CutReason::Length => None,
            CutReason::Credits => Some(t(Text::CutByCredits).to_owned()),
            CutReason::Budget => Some(t(Text::CutByBudget).to_owned()),
            CutReason::Maximum => Some(t(Text::CutAtMaximum).to_owned()),
        },
        MessageState::Stopped if message.content.is_empty() => Some(t(Text::StoppedBeforeItBegan).to_owned()),
        MessageState::Stopped => Some(t(Text::YouStopped).to_owned()),
        MessageState::Incomplete => Some(t(Text::ModelBrokeOff).to_owned()),
        MessageState::Failed => Some(match AppError::from_code(message.error_code.as_deref().unwrap_or_default()) {
            error @ (AppError::ProviderFailed | AppError::ProviderTimeout | AppError::ProviderRateLimited { .. }) => {
                error.to_string()
            }
            error => format!("{error} {}", t(Text::NothingWasCharged)),
        }),
    }
}
