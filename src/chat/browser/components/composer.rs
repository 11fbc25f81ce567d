//! Where the user writes. A form: without a script it posts to /chat.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlTextAreaElement;

use super::empty_thread::small_model_line;
use super::image_button::ImageButton;
use super::notices::Notices;
use super::provider_picker::ProviderPicker;
use crate::chat::browser::thread::Thread;
use crate::chat::browser::{drafts, talk};
use crate::chat::{ProviderTerms, Unsent};
use crate::credits::credits_text;
use crate::i18n::{Text, fill, t};
use crate::ui::{Button, ButtonVariant, IconName, is_send, is_touched};

const FIELD_ID: &str = "composer";
/// From so many characters before the limit on, the rest is counted.
const COUNT_FROM: usize = 200;
/// Most lines that the field grows to where CSS cannot size it.
const MAX_LINES: usize = 8;

/// The message field with its price, its limit and its button.
#[component]
pub fn Composer(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let draft = thread.draft;
    // Until the script runs, nobody knows what is in the field, and the form works by itself.
    let running_script = RwSignal::new(false);
    follow_draft(thread, running_script);
    let terms = Memo::new(move |_| thread.workspace.terms());
    let is_over = Signal::derive(move || char_count(&draft.read()) > terms.read().max_message_chars);
    let cannot_send = Signal::derive(move || {
        running_script.get()
            && (thread.limited.get()
                || thread.loading.get()
                || thread.missing.get()
                || draft.read().trim().is_empty()
                || is_over.get())
    });
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if !cannot_send.get_untracked() && !thread.busy.get_untracked() {
            thread.send();
        }
    };
    let send_on_enter = move |event: ev::KeyboardEvent| {
        // Not with the focus, which the field has from the start.
        if draft.read_untracked().is_empty() {
            talk::prepare(thread);
        }
        if is_send(&event) {
            event.prevent_default();
            if let Some(form) = composer_field().and_then(|field| field.form()) {
                // It fails only for a form that has left the document.
                drop(form.request_submit());
            }
        }
    };
    let is_not_busy = Signal::derive(move || !thread.busy.get());
    let count = Signal::derive(move || count_text(char_count(&draft.read()), terms.read().max_message_chars));
    follow_price(thread, terms);
    let price = price_text(thread, terms);
    view! {
        <div class="mx-auto w-full max-w-3xl space-y-2 px-4 pt-2 pb-4">
            <Notices thread />
            <div class="contents" inner_html=Some(small_model_line(thread))></div>
            <form
                id="composer-form"
                method="post"
                action="/chat"
                novalidate=running_script
                class="rounded-md border border-line-strong bg-surface p-2 outline-accent has-[textarea:focus-visible]:outline-2"
                data-broke=is_broke(thread)
                on:submit=submit
                on:dragenter=move |_| talk::prepare(thread)
                on:change=move |_| talk::prepare(thread)
            >
                <input
                    type="hidden"
                    name="conversationId"
                    value=Signal::derive(move || thread.conversation.get().unwrap_or_default())
                />
                <div data-images></div>
                <textarea
                    id=FIELD_ID
                    name="message"
                    dir="auto"
                    aria-label=t(Text::Message)
                    aria-describedby="composer-price"
                    placeholder=t(Text::AskAnything)
                    required
                    rows=Signal::derive(move || line_count(&draft.read()))
                    class="field-sizing-content block max-h-48 w-full resize-none bg-transparent px-2 py-1.5 outline-none"
                    on:input=move |event| draft.set(event_target_value(&event))
                    on:keydown=send_on_enter
                    on:pointerdown=move |_| talk::prepare(thread)
                    inner_html=unsent_html()
                ></textarea>
                <div class="flex flex-wrap items-center gap-2 pt-1">
                    <ImageButton thread />
                    <ProviderPicker thread />
                    <p id="composer-price" class="text-xs text-ink-soft tabular-nums max-sm:order-last max-sm:w-full max-sm:text-right sm:ml-auto">
                        <span class="data-[over=true]:text-danger" data-over=Signal::derive(move || is_over.get().to_string())>{count}</span>
                        <span title=Signal::derive(move || thread.quoted.read().as_ref().map(|quoted| quoted.parts.clone()))>{price}</span>
                    </p>
                    <Button
                        icon=IconName::Stop
                        label=t(Text::Stop)
                        class="max-sm:ml-auto"
                        on_click=move |_| thread.stop()
                        disabled=thread.stopping
                        hidden=is_not_busy
                    />
                    <Button
                        icon=IconName::ArrowUp
                        label=t(Text::Send)
                        // It may still be free: an answer that is kept. But it is not what one should do now.
                        class="max-sm:ml-auto in-data-broke:border-line-strong in-data-broke:bg-surface in-data-broke:text-ink"
                        kind="submit"
                        variant=ButtonVariant::Primary
                        disabled=cannot_send
                        hidden=thread.busy
                    />
                </div>
            </form>
        </div>
    }
}

/// What the field holds from the first, as HTML. The browser takes it from the field.
fn unsent_html() -> Option<String> {
    // Known when compiled, so that the browser's build has nothing of it.
    if cfg!(target_arch = "wasm32") {
        return None;
    }
    // A line break at the beginning is none of the text's.
    use_context::<Unsent>().map(|unsent| format!("\n{}", unsent.0.replace('&', "&amp;").replace('<', "&lt;")))
}

/// What a message costs, and what is left to spend.
fn price_text(thread: Thread, terms: Memo<ProviderTerms>) -> Signal<String> {
    Signal::derive(move || {
        let price = match thread.quoted.read().as_ref() {
            Some(quoted) if terms.read().per_token => quoted.text.clone() + &quoted.context,
            quoted => price_of(&terms.read()) + quoted.map_or("", |quoted| &quoted.context),
        };
        fill(Text::CreditsLeft, &[("price", &price), ("available", &thread.workspace.available.get().as_balance())])
    })
}

/// What a message costs, as far as that is known before it is written.
pub fn price_of(terms: &ProviderTerms) -> String {
    if terms.per_token { t(Text::PriceByLength).to_owned() } else { credits_text(terms.credits) }
}

/// Asks for the price of the draft as it changes, where it depends on it; else once, for how full the context is.
fn follow_price(thread: Thread, terms: Memo<ProviderTerms>) {
    Effect::new(move |_| {
        let conversation = thread.conversation.get();
        let depends = terms.read().per_token;
        let may_ask = !thread.busy.get() && (depends || conversation.is_some());
        thread.images.track();
        thread.workspace.effort.track();
        if may_ask && !thread.draft.read().trim().is_empty() {
            let known = thread.quoted.read_untracked();
            if depends || known.as_ref().is_none_or(|known| known.conversation != conversation) {
                talk::estimate(thread);
            }
        } else if thread.quoted.read_untracked().is_some() {
            thread.quoted.set(None);
        }
    });
}

/// There are too few credits for an answer.
fn is_broke(thread: Thread) -> Signal<bool> {
    Signal::derive(move || thread.workspace.available.get() < thread.workspace.terms().credits)
}

/// Keeps the field, the draft and what the browser remembers of it the same.
fn follow_draft(thread: Thread, running_script: RwSignal<bool>) {
    let draft = thread.draft;
    Effect::new(move |_| {
        let Some(input) = composer_field() else { return };
        if !running_script.get_untracked() {
            // Typed before the script ran, or left unsent before.
            let typed = input.value();
            draft.set(if typed.is_empty() { drafts::find(thread) } else { typed });
            running_script.set(true);
        }
        let text = draft.read();
        if input.value() != *text {
            input.set_value(&text);
        }
        drafts::keep(thread, &text);
    });
}

/// How much of the limit is left, once it is near.
fn count_text(chars: usize, limit: usize) -> String {
    if chars > 0 && chars + COUNT_FROM >= limit {
        fill(Text::CharactersOf, &[("count", &chars.to_string()), ("most", &limit.to_string())]) + " · "
    } else {
        String::new()
    }
}

/// Puts the cursor where the user writes.
pub fn focus_composer() {
    if let Some(field) = composer_field() {
        // It fails only for an element that has left the document.
        drop(field.focus());
    }
}

/// The same where no keyboard comes over the page for it, and nobody is busy elsewhere.
pub fn return_to_composer() {
    let busy = document().query_selector(":is(input,textarea,select):focus,:popover-open,dialog[open]");
    if busy.ok().flatten().is_none() && !is_touched() {
        focus_composer();
    }
}

/// Where the user writes.
pub fn composer_field() -> Option<HtmlTextAreaElement> {
    document().get_element_by_id(FIELD_ID).map(JsCast::unchecked_into)
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
