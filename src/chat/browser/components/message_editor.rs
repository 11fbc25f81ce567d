//! Editing a question in its place.

use std::sync::OnceLock;

use leptos::wasm_split::{SplitLoaderError, wasm_split};
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::composer::{char_count, line_count, price_of};
use crate::chat::browser::thread::Thread;
use crate::i18n::{Text, fill, t};
use crate::ui::{Button, ButtonSize, ButtonVariant, Eager, is_composing};

type EditorView = fn(Thread) -> AnyView;

static EDITOR: OnceLock<EditorView> = OnceLock::new();

/// Most people never edit, so the editor's code is fetched when it is needed.
///
/// # Errors
/// It could not be fetched.
pub async fn load_editor() -> Result<(), SplitLoaderError> {
    let editor = load_chunk().await?;
    EDITOR.get_or_init(|| editor);
    Ok(())
}

/// The editor of [`Thread::edited`], after [`load_editor`].
#[must_use]
pub fn editor(thread: Thread) -> Option<AnyView> {
    EDITOR.get().map(|editor| editor(thread))
}

#[wasm_split(on_demand, wasm_split_path = leptos::wasm_split, fallible)]
fn load_chunk() -> Result<EditorView, SplitLoaderError> {
    Ok(|thread| Eager(view! { <MessageEditor thread /> }).into_any())
}

/// [`Thread::edited`] in the place of its message, with the buttons to send it again or to leave it.
#[component]
fn MessageEditor(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let input = NodeRef::<html::Textarea>::new();
    let text = thread.edited;
    let terms = Memo::new(move |_| thread.workspace.terms());
    let cannot_send = Signal::derive(move || {
        let text = text.read();
        text.trim().is_empty()
            || char_count(&text) > terms.read().max_message_chars
            || thread.busy.get()
            || thread.limited.get()
    });
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            // It fails only for an element that has left the document.
            drop(input.focus());
        }
    });
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if !cannot_send.get_untracked() {
            thread.send_edited();
        }
    };
    let leave = move || {
        let line = input.get_untracked().and_then(|input| input.closest("li").ok().flatten());
        thread.leave_editor();
        // Back to the button that it came from, once that is there again.
        request_animation_frame(move || {
            if let Some(button) = line.and_then(|line| line.query_selector(".reveal").ok().flatten()) {
                // It fails only for an element that has left the document.
                drop(button.unchecked_into::<HtmlElement>().focus());
            }
        });
    };
    let follow_key = move |event: ev::KeyboardEvent| {
        if is_composing(&event) {
            return;
        }
        match &*event.key() {
            "Escape" => leave(),
            "Enter" if event.ctrl_key() || event.meta_key() => {
                event.prevent_default();
                if let Some(form) = input.get_untracked().and_then(|input| input.form()) {
                    drop(form.request_submit());
                }
            }
            _ => {}
        }
    };
    view! {
        <form class="space-y-2 rounded-md border border-line-strong bg-surface p-3 outline-accent has-[textarea:focus-visible]:outline-2" on:submit=submit>
            <textarea
                node_ref=input
                class="field-sizing-content block max-h-64 w-full resize-none bg-transparent outline-none"
                dir="auto"
                aria-label=t(Text::EditedText)
                rows=Signal::derive(move || line_count(&text.read()))
                prop:value=text
                on:input=move |event| text.set(event_target_value(&event))
                on:keydown=follow_key
            ></textarea>
            <div class="flex flex-wrap items-center justify-end gap-2">
                <p class="mr-auto text-xs text-ink-soft">
                    {move || fill(Text::ReplacesWhatFollows, &[("price", &price_of(&terms.read()))])}
                </p>
                <Button size=ButtonSize::Small label=t(Text::Cancel) on_click=move |_| leave() />
                <Button
                    size=ButtonSize::Small
                    variant=ButtonVariant::Primary
                    label=t(Text::Save)
                    kind="submit"
                    disabled=cannot_send
                />
            </div>
        </form>
    }
}
