//! The bar at the top of every signed-in page.

use leptos::prelude::*;

use super::account_menu::AccountMenu;
use super::credits_badge::CreditsBadge;
use super::sidebar::SIDEBAR_ID;
use crate::i18n::{Text, t};
use crate::navigation::use_navigation;
use crate::ui::{IconButton, IconName, Logo, ThemeSwitch, still};

/// Logo, credits, theme and account.
#[component]
pub fn Header() -> impl IntoView {
    let address = use_navigation().address;
    let switch_sidebar = |_| {
        if let Some(root) = document().document_element() {
            // It fails only for an invalid name.
            drop(root.toggle_attribute("data-sidebar-hidden"));
        }
    };
    view! {
        <header class="flex h-14 shrink-0 items-center gap-2 border-b border-line bg-surface px-3">
            {still(|| {
                view! { <IconButton icon=IconName::Menu label=t(Text::Conversations) class="size-9 md:hidden" opens=SIDEBAR_ID /> }
            })}
            <IconButton
                icon=IconName::Sidebar
                label=t(Text::SwitchSidebar)
                class="size-9 max-md:hidden noscript:hidden"
                on_click=switch_sidebar
            />
            {still(|| {
                view! {
                    <a href="/chat" class="flex rounded-md px-1 py-1.5">
                        <Logo />
                    </a>
                }
            })}
            <div class="ml-auto flex items-center gap-2">
                <CreditsBadge />
                <ThemeSwitch next=address />
                <AccountMenu />
            </div>
        </header>
    }
}
