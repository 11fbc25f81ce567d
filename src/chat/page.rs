//! The chat page: a new chat, or a conversation with the reply that is being written.

use leptos::either::EitherOf4;
use leptos::prelude::*;

use super::Conversation;
use super::components::composer::Composer;
use super::components::message_list::MessageList;
use super::components::new_chat::NewChat;
use super::client::load_conversation;
use super::thread::Thread;
use crate::navigation::{History, use_navigation};
use crate::page_data::use_page_data;
use crate::ui::{Button, EmptyState, Skeleton};
use crate::workspace::use_workspace;

/// `/chat` and `/chat/{id}`. It stays while the address changes from one to the other.
#[component]
pub fn ChatPage() -> impl IntoView {
    let workspace = use_workspace();
    let navigation = use_navigation();
    let id = Memo::new(move |_| navigation.path().strip_prefix("/chat/").map(str::to_owned));
    let thread = Thread::new(workspace);
    let data = use_page_data(
        move || id.get(),
        move |id| {
            // A new chat that got its id is on the screen already.
            let shown = id.clone().filter(|_| thread.shows(id.as_ref())).map(stub);
            async move {
                match (shown, id) {
                    (None, Some(id)) => load_conversation(&id).await.map(Some),
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
            if !thread.shows(Some(&conversation.id)) {
                thread.show(conversation);
            }
            thread.attach();
        }
    });
    // The address follows a new chat that has begun.
    Effect::new(move |_| {
        let begun = thread.conversation.get();
        if let (Some(begun), None) = (begun, id.get_untracked()) {
            navigation.open(&format!("/chat/{begun}"), History::Replace);
        }
    });

    // One memo for all of it: an effect that reads two memos, one of which reads the other, misses changes
    // (reactive_graph 0.2.16: a memo does not mark the effect that is asking, and the other one then finds it clean).
    let shown = Memo::new(move |_| {
        let has_messages = thread.entries.with(|entries| !entries.is_empty());
        let has_id = id.with(Option::is_some);
        data.with(|data| match data {
            _ if has_messages => Shown::Messages,
            Some(Err(_)) => Shown::Missing,
            None if has_id => Shown::Loading,
            _ => Shown::NewChat,
        })
    });
    let title = move || {
        workspace.conversations.with(|known| {
            let id = id.get();
            known
                .iter()
                .find(|it| Some(&it.id) == id.as_ref())
                .map_or_else(|| "New chat".to_owned(), |it| it.title.clone())
        })
    };
    let content = move || match shown.get() {
        Shown::Messages => EitherOf4::A(view! { <MessageList thread /> }),
        Shown::NewChat => EitherOf4::B(view! { <NewChat thread /> }),
        Shown::Loading => EitherOf4::C(view! { <Loading /> }),
        Shown::Missing => EitherOf4::D(view! { <Missing /> }),
    };
    let cannot_write = Signal::derive(move || matches!(shown.get(), Shown::Loading | Shown::Missing));
    view! {
        <div class="flex h-full flex-col">
            <h1 class="sr-only">{title}</h1>
            {content}
            <Composer thread loading=cannot_write />
            <p class="sr-only" role="status" aria-live="polite">{thread.announcement}</p>
        </div>
    }
}

/// What the page has above its composer.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Messages,
    NewChat,
    Loading,
    Missing,
}

/// Stands for a conversation that is on the screen already, so nothing of it is looked at but its id.
fn stub(id: String) -> Conversation {
    Conversation {
        id,
        title: String::new(),
        created_at: String::new(),
        updated_at: String::new(),
        messages: Vec::new(),
    }
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
