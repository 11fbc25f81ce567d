//! Header, sidebar and the place of the page.

use leptos::prelude::*;

use super::account_menu::follow_menu_forms;
use super::conversation_menu::ConversationMenu;
use super::credits_notice::CreditsNotice;
use super::header::Header;
use super::lightbox::Lightbox;
use super::offline_notice::{OfflineNotice, follow_connection};
use super::provider_panel::{AgainPanel, ProviderPanel};
use super::shortcut_sheet::ShortcutSheet;
use super::sidebar::Sidebar;
use crate::chat::EmptyThreadTemplates;
use crate::i18n::{Text, t};
use crate::layout::refresh::follow_changes;
use crate::layout::shortcuts::follow_shortcuts;
use crate::layout::{page_title, use_workspace};
use crate::platform::browser::navigation::use_navigation;
use crate::ui::{follow_theme_forms, still};

/// What stays while pages come and go.
#[component]
pub fn Layout<C: IntoView + 'static>(
    /// The page.
    children: TypedChildren<C>,
) -> impl IntoView {
    let workspace = use_workspace();
    let navigation = use_navigation();
    follow_shortcuts();
    follow_theme_forms();
    follow_menu_forms();
    follow_connection();
    follow_changes(workspace, navigation);
    Effect::new(move |_| {
        document().set_title(&page_title(&navigation.path(), &workspace.conversations.read()));
    });
    view! {
        {still(|| {
            view! {
                <a
                    href="#main"
                    class="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:m-2 focus:rounded-md focus:bg-accent \
                           focus:px-4 focus:py-2 focus:text-on-accent"
                >
                    {t(Text::SkipToContent)}
                </a>
            }
        })}
        <div class="flex h-dvh flex-col">
            <Header />
            {still(move || {
                let announcement = workspace.facts.read_value().announcement.clone();
                view! {
                    <div class="contents" inner_html=announcement></div>
                    <OfflineNotice />
                    <CreditsNotice next=navigation.address.get_untracked() />
                }
            })}
            <div class="flex min-h-0 flex-1">
                <Sidebar />
                <main id="main" tabindex="-1" class="min-w-0 flex-1 overflow-y-auto outline-none">
                    {children.into_inner()()}
                </main>
            </div>
        </div>
        {still(|| {
            view! {
                <ProviderPanel />
                <ConversationMenu />
                <AgainPanel />
                <Lightbox />
                <ShortcutSheet />
                <EmptyThreadTemplates />
            }
        })}
    }
}
