//! The conversations after the newest: they come by themselves as one scrolls down to where they belong.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::HtmlElement;

use super::conversation_list::LIST_ID;
use crate::chat::ConversationSummary;
use crate::layout::WorkspaceContext;
use crate::layout::client::load_conversations;
use crate::platform::browser::time::sleep;

/// After a failure, so that scrolling does not ask again and again.
const PAUSE: Duration = Duration::from_secs(2);

/// Loads on while the end of the list is near what is seen of it.
pub fn follow_list(workspace: WorkspaceContext) {
    let Some(pane) = document().get_element_by_id(LIST_ID) else { return };
    let pane: HtmlElement = pane.unchecked_into();
    let loading = StoredValue::new(false);
    let look = {
        let pane = pane.clone();
        move || spawn_local(load_on(workspace, pane.clone(), loading))
    };
    // Whoever wants them has scrolled, or pressed the link, before this was here.
    look();
    // As long as the app.
    let look = Closure::<dyn FnMut()>::new(look).into_js_value();
    pane.set_onscroll(Some(look.unchecked_ref()));
    pane.set_onclick(Some(look.unchecked_ref()));
}

async fn load_on(workspace: WorkspaceContext, pane: HtmlElement, loading: StoredValue<bool>) {
    let is_near = || pane.scroll_top() + 2 * pane.client_height() > pane.scroll_height();
    while !loading.get_value() && is_near() {
        let cursor = workspace.older.get_untracked();
        if cursor.is_empty() {
            return;
        }
        loading.set_value(true);
        if let Ok(page) = load_conversations(&cursor).await {
            workspace.older.set(page.next_cursor.unwrap_or_default());
            put_in(&mut workspace.conversations.write(), page.items);
            // Until they are in the list, its end is where it was.
            sleep(Duration::ZERO).await;
        } else {
            sleep(PAUSE).await;
            loading.set_value(false);
            return;
        }
        loading.set_value(false);
    }
}

/// Puts conversations where they belong. Some may be here already, as they were opened.
fn put_in(all: &mut Vec<ConversationSummary>, more: Vec<ConversationSummary>) {
    all.retain(|known| !more.iter().any(|one| one.id == known.id));
    all.extend(more);
    sort(all);
}

/// The one that was active last first; what was just begun has no time yet.
pub fn sort(all: &mut [ConversationSummary]) {
    let time =
        |one: &ConversationSummary| if one.updated_at.is_empty() { "9".to_owned() } else { one.updated_at.clone() };
    all.sort_by_cached_key(|one| std::cmp::Reverse(time(one)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: &str, updated_at: &str) -> ConversationSummary {
        ConversationSummary { id: id.to_owned(), updated_at: updated_at.to_owned(), ..ConversationSummary::default() }
    }

    #[test]
    fn older_ones_come_after_the_newest_and_each_is_there_once() {
        // "c" was opened before the list came to it.
        let mut all = vec![one("new", ""), one("a", "2026-11-09"), one("c", "2026-11-07")];
        put_in(&mut all, vec![one("b", "2026-11-08"), one("c", "2026-11-07"), one("d", "2026-11-06")]);
        assert_eq!(all.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["new", "a", "b", "c", "d"]);
    }
}
