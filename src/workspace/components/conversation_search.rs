//! Finding a conversation by what was said in it.

use leptos::prelude::*;

pub const FIELD_ID: &str = "conversation-search";
pub const RESULTS_ID: &str = "conversation-results";

/// As HTML, which is much less WASM than a view: what the field does is in `search_results.rs`, which also fills the
/// place of what is found.
const FIELD: &str = "<input id='conversation-search' type='search' placeholder='Search' aria-label='Search conversations' \
    class='mx-3 mb-3 h-9 rounded-md border border-line bg-surface px-3 text-sm noscript:hidden'>\
    <div id='conversation-results' class='min-h-0 flex-1 overflow-y-auto px-3 pb-3 text-sm empty:hidden'></div>";

/// The field, and the place of what is found: while there is anything in it, the list that follows is hidden.
#[component]
pub fn ConversationSearch() -> impl IntoView {
    view! { <div class="contents" inner_html=Some(FIELD.to_owned())></div> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_and_results_are_found_by_their_ids() {
        assert!(
            FIELD.contains(&format!("<input id='{FIELD_ID}'")) && FIELD.contains(&format!("<div id='{RESULTS_ID}'"))
        );
    }
}
