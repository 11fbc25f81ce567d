//! Who is signed in, and the way out.

use leptos::prelude::*;

use crate::ui::{IconName, Popover, PopoverItem};
use crate::workspace::use_workspace;

const MENU_ID: &str = "account-menu";

/// A button with the user's initial, and the menu beneath it.
#[component]
pub fn AccountMenu() -> impl IntoView {
    let profile = use_workspace().profile;
    let name = move || {
        profile.with(|profile| {
            profile.as_ref().map(|user| if user.name.is_empty() { user.email.clone() } else { user.name.clone() })
        })
    };
    let initial = move || name().and_then(|name| name.chars().next()).map(String::from);
    let email = move || profile.with(|profile| profile.as_ref().map(|user| user.email.clone()));
    view! {
        <button
            type="button"
            class="flex size-8 items-center justify-center rounded-md bg-accent-soft text-sm font-semibold text-accent uppercase"
            popovertarget=MENU_ID
            aria-label="Account"
            title="Account"
        >
            {initial}
        </button>
        <Popover id=MENU_ID label="Account">
            <p class="max-w-64 truncate px-3 pt-2 font-medium">{name}</p>
            <p class="mb-1 max-w-64 truncate border-b border-line px-3 pb-2 text-ink-soft">{email}</p>
            <PopoverItem icon=IconName::Coins href="/dashboard">
                "Credits and activity"
            </PopoverItem>
            <form method="post" action="/sign-out">
                <PopoverItem icon=IconName::SignOut kind="submit">
                    "Sign out"
                </PopoverItem>
            </form>
        </Popover>
    }
}
