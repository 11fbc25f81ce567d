//! Finding a conversation by what was said in it.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::ui::still;

pub const FIELD_ID: &str = "conversation-search";
pub const RESULTS_ID: &str = "conversation-results";

/// The field, and the place of what is found: while there is anything in it, the list that follows is hidden. What the
/// field does is in `search_results.rs`. Only the server makes it.
#[component]
pub fn ConversationSearch() -> impl IntoView {
    still(|| {
        view! {
            <input
                id=FIELD_ID
                type="search"
                dir="auto"
                placeholder=t(Text::Search)
                aria-label=t(Text::SearchConversations)
                class="mx-3 mb-3 h-9 rounded-md border border-line bg-surface px-3 text-sm noscript:hidden"
            />
            <a
                href="#main"
                class="sr-only text-sm focus:not-sr-only focus:mx-3 focus:mb-3 focus:rounded-md focus:bg-accent focus:px-3 focus:py-2 \
                       focus:text-on-accent"
            >
                {t(Text::SkipConversations)}
            </a>
            <div id=RESULTS_ID class="min-h-0 flex-1 overflow-y-auto px-3 pb-3 text-sm empty:hidden"></div>
        }
    })
}
