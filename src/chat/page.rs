//! The chat page: a new chat, or a conversation with the reply that is being written.

use leptos::either::EitherOf4;
use leptos::prelude::*;

use super::Conversation;
use super::components::composer::Composer;
use super::components::message_list::MessageList;
use super::components::new_chat::NewChat;
use super::thread::Thread;
use crate::navigation::use_navigation;
use crate::page_data::use_preloaded;
use crate::ui::{EmptyState, Skeleton};
use crate::workspace::use_workspace;

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
        if !thread.shows(id.as_ref()) {
            thread.open(id);
        }
        thread.attach();
    });

    let has_messages = Memo::new(move |_| !thread.entries.read().is_empty());
    let title = Signal::derive(move || {
        let (known, id) = (workspace.conversations.read(), id());
        let shown = known.iter().find(|it| Some(&it.id) == id.as_ref());
        shown.map_or_else(|| "New chat".to_owned(), |it| it.title.clone())
    });
    let content = move || {
        if has_messages.get() {
            return EitherOf4::A(view! { <MessageList thread /> });
        }
        match (thread.loading.get(), thread.missing.get()) {
            (true, _) => EitherOf4::B(view! { <Loading /> }),
            (false, true) => EitherOf4::C(view! { <Missing /> }),
            (false, false) => EitherOf4::D(view! { <NewChat thread /> }),
        }
    };
    view! {
        <div class="flex h-full flex-col">
            <h1 class="sr-only">{title}</h1>
            {content}
            <Composer thread />
            <p class="sr-only" role="status" aria-live="polite">{thread.announcement}</p>
        </div>
    }
}

#[component]
fn Missing() -> impl IntoView {
    view! {
        <div class="min-h-0 flex-1 overflow-y-auto">
            <EmptyState
                title="This conversation cannot be shown."
                text="It may have been deleted, or the connection failed."
                href="/chat"
                action="New chat"
            />
        </div>
    }
}

#[component]
fn Loading() -> impl IntoView {
    view! {
        <div class="mx-auto w-full max-w-3xl flex-1 space-y-4 px-4 py-6" role="status" aria-label="Loading">
            <Skeleton class="ml-auto h-10 w-1/2" />
            <Skeleton />
            <Skeleton />
            <Skeleton class="h-4 w-2/3" />
        </div>
    }
}
