//! The chat page: a new chat, or a conversation with the reply that is being written.

use leptos::either::Either;
use leptos::prelude::*;

use super::components::composer::Composer;
use super::components::empty_thread::EmptyThread;
use super::components::message_list::MessageList;
use super::thread::Thread;
use crate::chat::Conversation;
use crate::i18n::{Text, t};
use crate::layout::use_workspace;
use crate::platform::browser::navigation::{History, use_navigation};
use crate::platform::browser::page_data::use_preloaded;

/// `/chat` and `/chat/{id}`. It stays while the address changes from one to the other.
#[component]
pub fn ChatPage() -> impl IntoView {
    let workspace = use_workspace();
    let navigation = use_navigation();
    let id = move || navigation.path().strip_prefix("/chat/").map(str::to_owned);
    let thread = Thread::new(workspace, navigation);
    match use_preloaded::<Option<Conversation>>() {
        Some(Ok(Some(conversation))) => thread.show(conversation),
        Some(Err(_)) => {
            thread.conversation.set(id());
            thread.missing.set(true);
        }
        Some(Ok(None)) | None => {}
    }
    Effect::new(move |_| {
        let id = id();
        // A new chat that got its id is on the screen already.
        let address = id.as_ref().filter(|_| navigation.query("before").is_some()).map(|id| format!("/chat/{id}"));
        if !thread.shows(id.as_ref()) || address.is_some() {
            thread.open(id);
        }
        // An older page, which is for browsers without a script.
        if let Some(address) = address {
            navigation.open(&address, History::Replace);
        }
        thread.attach();
    });

    let has_messages = Memo::new(move |_| !thread.entries.read().is_empty());
    let title = Signal::derive(move || {
        let (known, id) = (workspace.conversations.read(), id());
        let shown = known.iter().find(|it| Some(&it.id) == id.as_ref());
        shown.map_or_else(|| t(Text::NewChat).to_owned(), |it| it.title.clone())
    });
    let content = move || {
        if has_messages.get() {
            Either::Left(view! { <MessageList thread /> })
        } else {
            Either::Right(view! { <EmptyThread thread /> })
        }
    };
    view! {
        <div class="flex h-full flex-col">
            <h1 dir="auto" class="sr-only">{title}</h1>
            {content}
            <Composer thread />
            <p class="sr-only" role="status" aria-live="polite">{thread.announcement}</p>
        </div>
    }
}
