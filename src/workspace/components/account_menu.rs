//! Who is signed in, and the way out.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::Element;

use super::shortcut_sheet::SHEET_ID;
use crate::account::Profile;
use crate::chat::forget_drafts;
use crate::ui::{IconName, Popover, PopoverItem, still};
use crate::workspace::use_workspace;

const MENU_ID: &str = "account-menu";
const SIGN_OUT: &str = "/sign-out";

/// A button with the user's initial, and the menu beneath it.
#[component]
pub fn AccountMenu() -> impl IntoView {
    // The form itself is only HTML.
    if cfg!(target_arch = "wasm32") {
        window_event_listener(ev::submit, |event| {
            let form = event.target().map(JsCast::unchecked_into::<Element>);
            if form.and_then(|form| form.get_attribute("action")).as_deref() == Some(SIGN_OUT) {
                forget_drafts();
            }
        });
    }
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
                <PopoverItem icon=IconName::Key label="Account and API keys" href="/account" />
                <PopoverItem icon=IconName::Keyboard label="Keyboard shortcuts" opens=SHEET_ID />
                <form method="post" action=SIGN_OUT>
                    <PopoverItem icon=IconName::SignOut label="Sign out" kind="submit" />
                </form>
            </Popover>
        }
    })
}
