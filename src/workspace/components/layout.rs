//! Header, sidebar and the place of the page.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::header::Header;
use super::sidebar::Sidebar;
use crate::ui::Eager;
use crate::workspace::{page_title, use_workspace};

/// What stays while pages come and go. It belongs inside the router.
#[component]
pub fn Layout<C: IntoView + 'static>(
    /// The page.
    children: TypedChildren<C>,
) -> impl IntoView {
    let workspace = use_workspace();
    let path = use_location().pathname;
    Effect::new(move |_| {
        let title = workspace.conversations.with(|known| page_title(&path.get(), known));
        document().set_title(&title);
    });
    view! {
        // `external`: the router would only scroll to it, the browser moves the focus too.
        <a
            href="#main"
            rel="external"
            class="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:m-2 focus:rounded-md focus:bg-accent \
                   focus:px-4 focus:py-2 focus:text-on-accent"
        >
            "Skip to content"
        </a>
        <div class="flex h-dvh flex-col">
            {Eager(view! { <Header /> })}
            <div class="flex min-h-0 flex-1">
                {Eager(view! { <Sidebar /> })}
                <main id="main" tabindex="-1" class="min-w-0 flex-1 overflow-y-auto outline-none">
                    {children.into_inner()()}
                </main>
            </div>
        </div>
    }
}
