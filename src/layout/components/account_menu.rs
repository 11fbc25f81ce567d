//! Who is signed in, and the way out.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};

use super::shortcut_sheet::SHEET_ID;
use crate::account::{AvatarAddress, Profile, Role};
use crate::i18n::{Text, t};
use crate::layout::use_workspace;
use crate::platform::browser::navigation::current_address;
use crate::platform::browser::storage;
use crate::ui::{IconName, LanguageSwitch, Popover, PopoverItem};

const MENU_ID: &str = "account-menu";
const SIGN_OUT: &str = "/sign-out";

/// A button with the user's initial, and the menu beneath it. Only the server makes it.
#[component]
pub fn AccountMenu(
    /// The address of this page.
    next: String,
) -> impl IntoView {
    let Profile { name, email, role, .. } = use_workspace().facts.read_value().profile.clone();
    let name = if name.is_empty() { email.clone() } else { name };
    let shown = match use_context::<AvatarAddress>() {
        Some(AvatarAddress(src)) => {
            view! { <img src=src alt="" width="32" height="32" class="size-8 rounded-md" /> }.into_any()
        }
        None => name.chars().next().map(String::from).into_any(),
    };
    view! {
        <button
            type="button"
            class="flex size-8 shrink-0 items-center justify-center rounded-md bg-accent-soft text-sm font-semibold text-accent uppercase"
            popovertarget=MENU_ID
            aria-label=t(Text::Account)
            title=t(Text::Account)
        >
            {shown}
        </button>
        <Popover id=MENU_ID label=t(Text::Account)>
            <p class="max-w-64 truncate px-3 pt-2 font-medium">{name}</p>
            <p class="mb-1 max-w-64 truncate border-b border-line px-3 pb-2 text-ink-soft">{email}</p>
            <PopoverItem icon=IconName::Coins label=t(Text::CreditsAndActivity) href="/dashboard" />
            <PopoverItem icon=IconName::Key label=t(Text::AccountAndKeys) href="/account" />
            {(role == Role::Admin)
                .then(|| view! { <PopoverItem icon=IconName::Monitor label=t(Text::Admin) href="/admin" /> })}
            <PopoverItem icon=IconName::Keyboard label=t(Text::KeyboardShortcuts) opens=SHEET_ID />
            <LanguageSwitch
                next
                icon=IconName::Globe
                class="flex h-9 w-full items-center gap-2 rounded-md px-3 text-left hover:bg-sunken"
            />
            <form method="post" action=SIGN_OUT>
                <PopoverItem icon=IconName::SignOut label=t(Text::SignOut) kind="submit" />
            </form>
        </Popover>
    }
}

/// What the forms of the menu need besides sending them.
pub fn follow_menu_forms() {
    if !cfg!(target_arch = "wasm32") {
        return;
    }
    window_event_listener(ev::submit, |event| {
        let Some(form) = event.target().map(JsCast::unchecked_into::<Element>) else { return };
        match &*form.get_attribute("action").unwrap_or_default() {
            // Drafts too: who signs out leaves nothing behind.
            SIGN_OUT => storage::forget_all(),
            // Back to where one is by now.
            "/language" => {
                if let Ok(Some(next)) = form.query_selector("[name=next]") {
                    next.unchecked_into::<HtmlInputElement>().set_value(&current_address());
                }
            }
            _ => {}
        }
    });
}
