//! The chat page: a new chat, or a conversation with the reply that is being written.

use leptos::either::Either;
use leptos::prelude::*;

use super::components::composer::{Composer, return_to_composer};
use super::components::empty_thread::EmptyThread;
use super::components::message_list::MessageList;
use super::talk;
use super::thread::Thread;
use crate::chat::Conversation;
use crate::i18n::{Text, t};
use crate::layout::{MENU_ID, use_workspace};
use crate::platform::browser::navigation::{History, use_navigation};
use crate::platform::browser::page_data::use_preloaded;
use crate::ui::{IconButton, IconName};

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
    Effect::new(move |before: Option<()>| {
        let id = id();
        let is_new = id.is_none();
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
        if let Some(message) = navigation.query("at") {
            talk::find(thread, message);
        } else if before.is_none() || is_new {
            // After the heading, which is where a page begins.
            request_animation_frame(return_to_composer);
        }
    });
    Effect::new(move |_| {
        if !workspace.latest.read().is_empty() {
            thread.catch_up();
        }
    });

    let has_messages = Memo::new(move |_| !thread.entries.read().is_empty());
    let title = move || {
        let (known, id) = (workspace.conversations.read(), id()?);
        known.iter().find(|it| it.id == id).map(|it| it.title.clone())
    };
    let heading = Signal::derive(move || {
        title().unwrap_or_else(|| t(if id().is_some() { Text::Chat } else { Text::NewChat }).to_owned())
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
            // Only for screen readers as long as there is no conversation that could have a menu.
            <div class="flex h-10 shrink-0 items-center gap-1 border-b border-line px-4 text-sm has-[>[hidden]]:sr-only">
                <h1 dir="auto" class="min-w-0 truncate font-medium outline-none">
                    {heading}
                </h1>
                <IconButton
                    icon=IconName::Ellipsis
                    label=t(Text::OptionsHere)
                    class="size-8 noscript:hidden"
                    hidden=Signal::derive(move || title().is_none())
                    opens=MENU_ID
                    on_click=move |_| workspace.chosen.set(id().unwrap_or_default())
                />
            </div>
            {content}
            <Composer thread />
            <p class="sr-only" role="status" aria-live="polite">{thread.announcement}</p>
        </div>
    }
}
