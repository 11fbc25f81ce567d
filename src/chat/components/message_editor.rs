//! Editing a question in its place.

use leptos::{ev, html, prelude::*};

use super::composer::{char_count, line_count};
use super::receipt::credits_text;
use crate::chat::thread::Thread;
use crate::ui::{Button, ButtonSize, ButtonVariant};

/// The text of the message that [`Thread::editing`] names, with the buttons to send it again or to leave it.
#[component]
pub fn MessageEditor(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let input = NodeRef::<html::Textarea>::new();
    let text = Memo::new(move |_| {
        thread.editing.with(|editing| editing.as_ref().map(|(_, text)| text.clone()).unwrap_or_default())
    });
    let workspace = thread.workspace;
    let cannot_send = Signal::derive(move || {
        text.with(|text| text.trim().is_empty() || char_count(text) > workspace.max_message_chars.get())
            || thread.busy.get()
    });
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            // It fails only for an element that has left the document.
            drop(input.focus());
        }
    });
    let typed = move |event| {
        let typed = event_target_value(&event);
        thread.editing.update(|editing| {
            if let Some((_, text)) = editing {
                *text = typed;
            }
        });
    };
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if !cannot_send.get_untracked() {
            thread.send_edited();
        }
    };
    let escape = move |event: ev::KeyboardEvent| {
        if event.key() == "Escape" {
            thread.editing.set(None);
        }
    };
    view! {
        <form class="space-y-2 rounded-md border border-line-strong bg-surface p-3 outline-accent has-[textarea:focus-visible]:outline-2" on:submit=submit>
            <textarea
                node_ref=input
                class="field-sizing-content block max-h-64 w-full resize-none bg-transparent outline-none"
                aria-label="Edited text"
                rows=move || text.with(|text| line_count(text))
                prop:value=text
                on:input=typed
                on:keydown=escape
            ></textarea>
            <div class="flex flex-wrap items-center justify-end gap-2">
                <p class="mr-auto text-xs text-ink-soft">
                    {move || format!("{} · replaces what follows", credits_text(workspace.chat_credits.get()))}
                </p>
                <Button size=ButtonSize::Small on:click=move |_| thread.editing.set(None)>"Cancel"</Button>
                <Button size=ButtonSize::Small variant=ButtonVariant::Primary kind="submit" disabled=cannot_send>"Save"</Button>
            </div>
        </form>
    }
}
