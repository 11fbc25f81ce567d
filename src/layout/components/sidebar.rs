//! The conversations beside the page. Narrower than 768 px it is a drawer: a popover, which the browser opens and closes.

use leptos::reactive::computed::ScopedFuture;
use leptos::task::spawn_local;
use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;

use super::conversation_list::ConversationList;
use super::conversation_search::ConversationSearch;
use super::conversation_tools::conversation_tools;
use crate::i18n::{Text, t};
use crate::layout::use_workspace;
use crate::platform::browser::navigation::use_navigation;
use crate::ui::{Button, Icon, IconButton, IconName, still};

/// What the button in the header opens.
pub const SIDEBAR_ID: &str = "sidebar";

/// The way to the images.
const IMAGES_ID: &str = "to-images";

/// The `aria-current` of the way to the images.
fn is_images(address: &str) -> &'static str {
    if address.starts_with("/images") { "page" } else { "false" }
}

/// New chat, search, and the list of conversations.
#[component]
pub fn Sidebar() -> impl IntoView {
    let workspace = use_workspace();
    let (chosen, address) = (workspace.chosen, use_navigation().address);
    let owner = Owner::current();
    let is_loaded = RwSignal::new(false);
    let wanted = RwSignal::new(false);
    // Whoever uses the sidebar, be it its search or a menu, soon needs more than the list.
    Effect::new(move |ran: Option<()>| {
        chosen.track();
        wanted.track();
        if let (Some(()), false, Some(owner)) = (ran, is_loaded.get_untracked(), &owner) {
            is_loaded.set(true);
            owner.with(|| {
                spawn_local(ScopedFuture::new(async move {
                    if conversation_tools(workspace).await.is_err() {
                        // The next one tries again.
                        is_loaded.try_set(false);
                    }
                }));
            });
        }
    });
    Effect::new(move |_| {
        if let Some(link) = document().get_element_by_id(IMAGES_ID) {
            // It fails only for an invalid name.
            drop(link.set_attribute("aria-current", is_images(&address.read())));
        }
    });
    let close_after_link = move |event: ev::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let is_link =
            !event.default_prevented() && target.is_some_and(|target| target.closest("a").ok().flatten().is_some());
        if let (true, Some(drawer)) = (is_link, document().get_element_by_id(SIDEBAR_ID)) {
            // It fails only where the browser knows no popovers, and then there is nothing to close.
            drop(drawer.unchecked_into::<web_sys::HtmlElement>().hide_popover());
        }
    };
    view! {
        <nav
            id=SIDEBAR_ID
            popover="auto"
            aria-label=t(Text::Conversations)
            class="fixed inset-y-0 right-auto left-0 m-0 h-dvh w-72 max-w-[85vw] flex-col border-r border-line bg-canvas \
                   text-ink backdrop:bg-backdrop open:flex md:static md:flex md:h-auto md:max-w-none md:shrink-0 md:in-data-sidebar-hidden:hidden"
            on:click=close_after_link
            on:focusin=move |_| wanted.set(true)
        >
            {still(move || {
                view! {
                    <div class="flex items-center gap-2 p-3">
                        <Button href="/chat" icon=IconName::Plus label=t(Text::NewChat) class="flex-1" />
                        <IconButton icon=IconName::Close label=t(Text::Close) class="size-9 md:hidden" closes=SIDEBAR_ID />
                    </div>
                    <a
                        id=IMAGES_ID
                        href="/images"
                        aria-current=is_images(&address.read_untracked())
                        class="mx-3 mb-3 flex h-9 items-center gap-2 rounded-md px-3 text-sm font-medium hover:bg-sunken \
                               aria-[current=page]:bg-accent-soft aria-[current=page]:text-accent"
                    >
                        <Icon name=IconName::Picture class="size-4 text-ink-soft" />
                        {t(Text::ImagesTitle)}
                    </a>
                }
            })}
            <ConversationSearch />
            <ConversationList wanted />
        </nav>
    }
}
