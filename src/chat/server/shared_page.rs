//! `/share/{token}`: a conversation as anybody with its link sees it. A static page: no script, nothing of its owner.

use leptos::either::Either;
use leptos::prelude::*;

use crate::chat::{Author, Conversation, Message, MessageState};
use crate::i18n::{Text, t};
use crate::ui::{Button, Timestamp};

/// The body of the page.
#[component]
pub fn SharedPage(
    /// What may be seen of it, with its answers rendered.
    conversation: Conversation,
    /// Its address.
    here: String,
    /// It is shown from its beginning.
    is_start: bool,
) -> impl IntoView {
    let Conversation { title, created_at, messages, next_cursor, .. } = conversation;
    let next = next_cursor.map(|cursor| format!("{here}?after={cursor}"));
    let links = [(Text::FromTheBeginning, (!is_start).then_some(here)), (Text::NextMessages, next)];
    let link = |(label, href): (Text, Option<String>)| href.map(|href| view! { <Button href label=t(label) /> });
    view! {
        <article class="mx-auto w-full max-w-3xl space-y-6 px-4 py-8 [&_[data-copy]]:hidden">
            <header class="space-y-1 border-b border-line pb-4">
                <h1 dir="auto" class="text-2xl font-semibold tracking-tight break-words">{title}</h1>
                <p class="text-sm text-ink-soft">{t(Text::SharedConversation)} " · " <Timestamp at=created_at /></p>
            </header>
            <ol class="space-y-6" aria-label=t(Text::Conversation)>
                {messages.into_iter().map(|message| view! { <SharedMessage message /> }).collect::<Vec<_>>()}
            </ol>
            <nav class="flex flex-wrap justify-center gap-2 empty:hidden" aria-label=t(Text::Pages)>
                {links.map(link)}
            </nav>
        </article>
    }
}

#[component]
fn SharedMessage(
    /// What was said.
    message: Message,
) -> impl IntoView {
    let Message { author, content, html, state, model, .. } = message;
    match author {
        Author::User => Either::Left(view! {
            <li class="flex min-w-0 justify-end" data-author="user">
                <h2 class="sr-only">{t(Text::Question)}</h2>
                <p dir="auto" class="max-w-[85%] min-w-0 rounded-md bg-sunken px-4 py-2 break-words whitespace-pre-wrap [unicode-bidi:plaintext]">{content}</p>
            </li>
        }),
        Author::Assistant => Either::Right(view! {
            <li class="min-w-0 space-y-2" data-author="assistant">
                <h2 class="sr-only">{t(Text::Answer)}</h2>
                <div class="markdown" inner_html=html></div>
                {(state != MessageState::Complete)
                    .then(|| view! { <p class="text-sm text-ink-soft">{t(Text::NotWhole)}</p> })}
                {model.map(|model| view! { <p class="text-xs break-words text-ink-soft">{model}</p> })}
            </li>
        }),
    }
}
