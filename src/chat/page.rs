//! The chat page: a new chat, or a conversation with the reply that is being written.

use leptos::either::EitherOf4;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map};

use super::components::composer::Composer;
use super::components::message_list::MessageList;
use super::components::new_chat::NewChat;
use super::server_fns::load_conversation;
use super::thread::Thread;
use super::{Conversation, ConversationSummary};
use crate::page_data::use_page_data;
use crate::ui::{Button, EmptyState, Skeleton};
use crate::workspace::use_workspace;

/// `/chat` and `/chat/{id}`. It stays while the address changes from one to the other.
#[component]
pub fn ChatPage() -> impl IntoView {
    let workspace = use_workspace();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).filter(|id| !id.is_empty()));
    let thread = Thread::new(workspace);
    let data = use_page_data(
        move || id.get(),
        move |id| {
            // A new chat that got its id is on the screen already.
            let shown = id.clone().filter(|_| thread.shows(id.as_ref())).map(stub);
            async move {
                match (shown, id) {
                    (None, Some(id)) => load_conversation(Some(id)).await,
                    (shown, _) => Ok(shown),
                }
            }
        },
    );
    if let Some(Ok(Some(conversation))) = data.get_untracked() {
        thread.show(conversation);
    }
    Effect::new(move |ran: Option<()>| {
        if !thread.shows(id.get().as_ref()) && ran.is_some() {
            thread.clear();
        }
    });
    Effect::new(move |_| {
        if let Some(Ok(Some(conversation))) = data.get() {
            if !thread.shows(Some(&conversation.summary.id)) {
                thread.show(conversation);
            }
            thread.attach();
        }
    });
    // The address follows a new chat that has begun.
    let navigate = use_navigate();
    Effect::new(move |_| {
        let begun = thread.conversation.get();
        if let (Some(begun), None) = (begun, id.get_untracked()) {
            let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
            navigate(&format!("/chat/{begun}"), options);
        }
    });

    let is_empty = Memo::new(move |_| thread.entries.with(Vec::is_empty));
    let is_loading = Memo::new(move |_| is_empty.get() && data.with(Option::is_none) && id.get().is_some());
    let is_missing = Memo::new(move |_| is_empty.get() && data.with(|data| matches!(data, Some(Err(_)))));
    let title = move || {
        workspace.conversations.with(|known| {
            let id = id.get();
            known
                .iter()
                .find(|it| Some(&it.id) == id.as_ref())
                .map_or_else(|| "New chat".to_owned(), |it| it.title.clone())
        })
    };
    let content = move || {
        if is_missing.get() {
            EitherOf4::A(view! { <Missing /> })
        } else if is_loading.get() {
            EitherOf4::B(view! { <Loading /> })
        } else if is_empty.get() {
            EitherOf4::C(view! { <NewChat thread /> })
        } else {
            EitherOf4::D(view! { <MessageList thread /> })
        }
    };
    view! {
        <div class="flex h-full flex-col">
            <h1 class="sr-only">{title}</h1>
            {content}
            <Composer thread loading=Signal::derive(move || is_loading.get() || is_missing.get()) />
            <p class="sr-only" role="status" aria-live="polite">{thread.announcement}</p>
        </div>
    }
}

/// Stands for a conversation that is on the screen already, so nothing of it is looked at but its id.
fn stub(id: String) -> Conversation {
    let summary =
        ConversationSummary { id, title: String::new(), created_at: String::new(), updated_at: String::new() };
    Conversation { summary, messages: Vec::new() }
}

#[component]
fn Missing() -> impl IntoView {
    view! {
        <div class="min-h-0 flex-1 overflow-y-auto">
            <EmptyState title="This conversation cannot be shown." text="It may have been deleted, or the connection failed.">
                <Button href="/chat">"New chat"</Button>
            </EmptyState>
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
