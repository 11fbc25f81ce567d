//! What the model thought before an answer: folded, with its time.

use leptos::either::EitherOf3;
use leptos::prelude::*;

use crate::chat::{Message, Thinking};
use crate::i18n::{Text, fill};

/// A line that unfolds, where its provider tells what was thought.
#[component]
pub fn Thoughts(
    /// The answer.
    message: RwSignal<Message>,
) -> impl IntoView {
    // What is unfolded stays so while more of it comes.
    let is_there = Memo::new(move |_| message.read().thinking.is_some());
    let is_told =
        Memo::new(move |_| message.read().thinking.as_ref().is_some_and(|thinking| !thinking.text.is_empty()));
    let thinking = Memo::new(move |_| message.read().thinking.clone().unwrap_or_default());
    let label = move || fill(Text::ThoughtFor, &[("seconds", &Thinking::seconds(&thinking.read()).to_string())]);
    move || match (is_there.get(), is_told.get()) {
        (false, _) => EitherOf3::A(()),
        (true, false) => EitherOf3::B(view! { <p class="text-sm text-ink-soft" data-thoughts>{label}</p> }),
        (true, true) => EitherOf3::C(view! {
            <details class="min-w-0 text-sm text-ink-soft" data-thoughts>
                <summary class="w-fit cursor-pointer rounded-md">{label}</summary>
                <p dir="auto" class="mt-2 border-s-2 border-line ps-3 break-words whitespace-pre-wrap">
                    {move || thinking.read().text.clone()}
                </p>
            </details>
        }),
    }
}
