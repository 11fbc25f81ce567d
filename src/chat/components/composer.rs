//! Where the user writes. A form: without a script it posts to /chat.

use leptos::either::Either;
use leptos::{ev, html, prelude::*};

use super::live_markdown::preload_renderer;
use super::provider_picker::{ProviderPicker, ProviderProblem};
use super::receipt::credits_text;
use super::send_failure::SendFailure;
use crate::chat::thread::Thread;
use crate::ui::{Button, ButtonVariant, Icon, IconName};

/// From so many characters before the limit on, the rest is counted.
const COUNT_FROM: usize = 200;
/// Most lines that the field grows to where CSS cannot size it.
const MAX_LINES: usize = 8;

/// The message field with its price, its limit and its button.
#[component]
pub fn Composer(
    /// The chat page.
    thread: Thread,
    /// Nothing can be sent yet.
    #[prop(into)]
    loading: Signal<bool>,
) -> impl IntoView {
    let input = NodeRef::<html::Textarea>::new();
    let form = NodeRef::<html::Form>::new();
    // Until the script runs, nobody knows what is in the field, and the form works by itself.
    let running_script = RwSignal::new(false);
    Effect::new(move |_| {
        if let (Some(input), false) = (input.get(), running_script.get_untracked()) {
            // Typed before the script ran, or kept by the browser over a reload.
            thread.draft.set(input.value());
            running_script.set(true);
        }
    });
    Effect::new(move |_| {
        let text = thread.draft.get();
        if let (true, Some(input)) = (running_script.get(), input.get_untracked())
            && input.value() != text
        {
            input.set_value(&text);
        }
    });
    Effect::new(move |_| {
        if let (1.., Some(input)) = (thread.focus.get(), input.get_untracked()) {
            // It fails only for an element that has left the document.
            drop(input.focus());
        }
    });
    let limit = thread.workspace.max_message_chars;
    let over = Memo::new(move |_| thread.draft.with(|text| char_count(text)).saturating_sub(limit.get()));
    let blank = Memo::new(move |_| thread.draft.with(|text| text.trim().is_empty()));
    let cannot_send = Signal::derive(move || running_script.get() && (loading.get() || blank.get() || over.get() > 0));
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if !cannot_send.get_untracked() && !thread.busy.get_untracked() {
            thread.send();
        }
    };
    let send_on_enter = move |event: ev::KeyboardEvent| {
        // 229: Safari ends a composition before it tells of the key.
        if event.key() == "Enter" && !event.shift_key() && !event.is_composing() && event.key_code() != 229 {
            event.prevent_default();
            if let Some(form) = form.get_untracked() {
                // It fails only for a form that has left the document.
                drop(form.request_submit());
            }
        }
    };
    let button = move || {
        if thread.busy.get() {
            Either::Left(view! {
                <Button on:click=move |_| thread.stop() disabled=thread.stopping>
                    <Icon name=IconName::Stop />
                    "Stop"
                </Button>
            })
        } else {
            Either::Right(view! {
                <Button kind="submit" variant=ButtonVariant::Primary disabled=cannot_send>
                    <Icon name=IconName::ArrowUp />
                    "Send"
                </Button>
            })
        }
    };
    view! {
        <div class="mx-auto w-full max-w-3xl space-y-2 px-4 pt-2 pb-4">
            <SendFailure thread />
            <ProviderProblem thread />
            <p class="text-sm text-ink-soft" hidden=move || !thread.reconnecting.get()>
                "The connection is lost. The answer goes on; reconnecting…"
            </p>
            <form
                node_ref=form
                method="post"
                action="/chat"
                novalidate=move || running_script.get()
                class="rounded-md border border-line-strong bg-surface p-2 outline-accent has-[textarea:focus-visible]:outline-2"
                on:submit=submit
            >
                <input type="hidden" name="conversationId" value=move || thread.conversation.get().unwrap_or_default() />
                <textarea
                    node_ref=input
                    name="message"
                    aria-label="Message"
                    aria-describedby="composer-price"
                    placeholder="Ask anything"
                    required
                    rows=move || thread.draft.with(|text| line_count(text))
                    class="field-sizing-content block max-h-48 w-full resize-none bg-transparent px-2 py-1.5 outline-none"
                    on:input=move |event| thread.draft.set(event_target_value(&event))
                    on:keydown=send_on_enter
                    on:focus=move |_| preload_renderer()
                ></textarea>
                <div class="flex flex-wrap items-center gap-2 pt-1">
                    <ProviderPicker thread />
                    <p id="composer-price" class="ml-auto text-xs text-ink-soft tabular-nums">
                        <Price thread over />
                    </p>
                    {button}
                </div>
            </form>
        </div>
    }
}

/// What sending costs, or how much of the limit is left.
#[component]
fn Price(
    /// The chat page.
    thread: Thread,
    /// So many characters are too many.
    over: Memo<usize>,
) -> impl IntoView {
    let workspace = thread.workspace;
    let counted = move || {
        let chars = thread.draft.with(|text| char_count(text));
        let limit = workspace.max_message_chars.get();
        (chars + COUNT_FROM >= limit && chars > 0).then(|| format!("{chars} of {limit} characters"))
    };
    let price = move || format!("{} · {} left", credits_text(workspace.chat_credits.get()), workspace.available.get());
    let is_over = move || over.get() > 0;
    view! {
        <span class:text-danger=is_over>
            {move || counted().map(|count| count + " · ")}
        </span>
        {price}
    }
}

/// Characters as the server counts them.
#[must_use]
pub fn char_count(text: &str) -> usize {
    text.chars().count()
}

/// The `rows` of a field with this text, for browsers without `field-sizing`.
#[must_use]
pub fn line_count(text: &str) -> String {
    (text.matches('\n').count() + 1).min(MAX_LINES).to_string()
}
