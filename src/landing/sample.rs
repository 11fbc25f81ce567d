//! The product at work: a question that fails and costs nothing, and its answer the second time, which comes in word by word
//! with its receipt. What moves is in `style/landing.css`; without motion it is all there at once.

use leptos::prelude::*;

use crate::i18n::{Text, count_written, fill, t};
use crate::platform::amount::Amount;
use crate::ui::{Icon, IconName};

/// What the model inside the server answered, as it was recorded: the tokens of its receipt, and its name.
const RECORDED: (&str, &str, &str) = ("16", "30", "SmolLM2-135M-Instruct.Q4_1");

/// A question as it looks in the chat.
#[component]
pub fn Sample(
    /// Price of a reply, in credits.
    chat_credits: Amount,
) -> impl IntoView {
    let (input, output, model) = RECORDED;
    let tokens = fill(Text::TokensInOut, &[("input", input), ("output", output)]);
    let price = count_written(Text::CreditsCount, &chat_credits.as_price());
    let answer = t(Text::SampleAnswer).split('/').map(|piece| view! { <span>{piece}</span> }).collect::<Vec<_>>();
    view! {
        <figure class="sample min-w-0">
            <div class="space-y-5 rounded-md border border-line bg-surface p-5 sm:p-6">
                <p class="ml-auto w-fit max-w-[85%] rounded-md bg-sunken px-4 py-2">{t(Text::SampleQuestion)}</p>
                <div class="failure space-y-2">
                    <p class="text-sm text-ink-soft">{t(Text::ProviderTimeout)}</p>
                    <p class="text-xs text-ink-soft">
                        <span
                            class="mr-2 inline-block size-2 border border-line-strong"
                            aria-hidden="true"
                        ></span>
                        {t(Text::Free)}
                    </p>
                </div>
                <p class="retried flex items-center gap-2 text-sm font-medium">
                    <Icon name=IconName::Retry class="size-4 text-ink-soft" />
                    {t(Text::TryAgain)}
                </p>
                <div class="space-y-2">
                    <p class="words leading-relaxed">{answer}</p>
                    <p class="receipt text-xs break-words text-ink-soft">
                        <span class="mr-2 inline-block size-2 bg-accent" aria-hidden="true"></span>
                        {price} " · " {tokens} " · " {model}
                    </p>
                </div>
            </div>
            <figcaption class="mt-3 text-xs text-ink-soft">{t(Text::SampleCaption)}</figcaption>
        </figure>
    }
}
