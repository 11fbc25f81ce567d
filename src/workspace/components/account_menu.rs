//! Who is signed in, and the way out.

use leptos::prelude::*;

use crate::account::Profile;
use crate::ui::{IconName, Popover, PopoverItem, still};
use crate::workspace::use_workspace;

const MENU_ID: &str = "account-menu";

/// A button with the user's initial, and the menu beneath it.
#[component]
pub fn AccountMenu() -> impl IntoView {
    still(|| {
        let Profile { name, email, .. } = use_workspace().facts.read_value().profile.clone();
        let name = if name.is_empty() { email.clone() } else { name };
        let initial = name.chars().next().map(String::from);
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
                <PopoverItem icon=IconName::Coins label="Credits and activity" href="/dashboard" />
                <form method="post" action="/sign-out">
                    <PopoverItem icon=IconName::SignOut label="Sign out" kind="submit" />
                </form>
            </Popover>
        }
    })
}
