//! The bar at the top of every signed-in page. Most of it is HTML that stays: what its buttons do is here.

use leptos::task::spawn_local;
use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::Element;

use super::account_menu::AccountMenu;
use super::command_palette::open_palette;
use super::credits_badge::CreditsBadge;
use super::sidebar::SIDEBAR_ID;
use crate::i18n::{Text, t};
use crate::layout::use_workspace;
use crate::platform::browser::navigation::use_navigation;
use crate::ui::{Icon, IconButton, IconName, Mosaic, ThemeSwitch, set_cookie, still};

/// Logo, search, credits, theme and account.
#[component]
pub fn Header() -> impl IntoView {
    let (workspace, navigation) = (use_workspace(), use_navigation());
    let is_open = RwSignal::new(false);
    let press = move |event: ev::MouseEvent| {
        let pressed = event.target().map(JsCast::unchecked_into::<Element>);
        let button = pressed.and_then(|pressed| pressed.closest("button").ok().flatten());
        match button.map(|button| button.id()).as_deref() {
            Some(SWITCH_ID) => {
                if let Some(root) = document().document_element() {
                    let is_hidden = root.toggle_attribute("data-sidebar-hidden").unwrap_or(false);
                    set_cookie(SIDEBAR_COOKIE, if is_hidden { "hidden" } else { "" });
                }
            }
            Some(PALETTE_BUTTON_ID) => spawn_local(async move {
                // It could not be loaded: the next press tries again.
                drop(open_palette(workspace, navigation, is_open).await);
            }),
            _ => {}
        }
    };
    view! {
        <header class="flex h-14 shrink-0 items-center gap-1 min-[24rem]:gap-2 border-b border-line bg-surface px-3" on:click=press>
            {still(|| {
                view! {
                    <IconButton icon=IconName::Menu label=t(Text::Conversations) class="size-9 md:hidden" opens=SIDEBAR_ID />
                    <HeaderButton id=SWITCH_ID icon=IconName::Sidebar label=t(Text::SwitchSidebar) class="max-md:hidden" />
                    // In the narrowest windows, "New chat" of the list has to do.
                    <a href="/chat" class="flex items-center gap-2 max-[22.4rem]:hidden rounded-md px-1 py-1.5 font-semibold tracking-tight">
                        <Mosaic />
                        <span class="max-sm:sr-only">"Tessera"</span>
                    </a>
                    <HeaderButton id=PALETTE_BUTTON_ID icon=IconName::Search label=t(Text::SearchOrGo) class="ml-auto" />
                }
            })}
            <CreditsBadge />
            {still(move || {
                let here = navigation.address.get_untracked();
                view! {
                    <ThemeSwitch next=here.clone() />
                    <AccountMenu next=here />
                }
            })}
        </header>
    }
}

/// The cookie that is there while the conversations are hidden.
pub const SIDEBAR_COOKIE: &str = "sidebar";

/// Whether the conversations are hidden: the server knows it from the cookie.
#[derive(Debug, Clone, Copy)]
pub struct HidesList(pub bool);

impl HidesList {
    /// The `data-sidebar-hidden` of the document.
    #[must_use]
    pub fn current() -> Option<&'static str> {
        use_context::<Self>().filter(|hides| hides.0).map(|_| "")
    }
}

/// Hides and shows the conversations.
pub const SWITCH_ID: &str = "switch-sidebar";
/// Opens the command palette.
pub const PALETTE_BUTTON_ID: &str = "open-palette";

/// A button of the bar, which needs a script.
#[component]
fn HeaderButton(
    /// An id that is unique on the page.
    id: &'static str,
    /// What it shows.
    icon: IconName,
    /// What it does, for screen readers and as a tooltip.
    label: &'static str,
    /// Utilities for its place.
    class: &'static str,
) -> impl IntoView {
    view! {
        <button
            id=id
            type="button"
            class=format!(
                "inline-flex size-9 shrink-0 items-center justify-center rounded-md text-ink-soft hover:bg-sunken \
                 hover:text-ink noscript:hidden {class}",
            )
            aria-label=label
            title=label
        >
            <Icon name=icon />
        </button>
    }
}
