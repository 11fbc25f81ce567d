//! Looking again: balance, list and conversation may have changed in another tab, or on another device.

use std::cell::Cell;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use leptos::{ev, leptos_dom::helpers::window_event_listener};

use super::WorkspaceContext;
use super::client::load_overview;
use super::components::sort;
use crate::chat::{ConversationSummary, Overview, state_of};
use crate::platform::browser::navigation::{Navigation, path_of};
use crate::platform::browser::storage;

/// Two events come when one turns to a tab. In milliseconds.
const QUIET: f64 = 1_000.0;
/// Where a tab tells the others that something has changed.
const NEWS: &str = "news";

/// Looks again whenever one comes back to this tab, or another one has news while both can be seen.
pub fn follow_changes(workspace: WorkspaceContext, navigation: Navigation) {
    if !cfg!(target_arch = "wasm32") {
        return;
    }
    let heard_at = Rc::new(Cell::new(js_sys::Date::now()));
    // The path of the last overview, and its `ETag`.
    let heard = RwSignal::new(String::new());
    let at = heard_at.clone();
    let look = move || {
        let now = js_sys::Date::now();
        if !document().hidden() && now - at.get() > QUIET {
            at.set(now);
            spawn_local(async move {
                // It could not be loaded: the next time tries again.
                drop(look_again(workspace, navigation, heard).await);
            });
        }
    };
    let (at_focus, at_sight) = (look.clone(), look.clone());
    window_event_listener(ev::focus, move |_| at_focus());
    window_event_listener(ev::visibilitychange, move |_| at_sight());
    window_event_listener(ev::storage, move |event| {
        if event.key().as_deref() == Some(NEWS) {
            heard_at.set(0.0);
            look();
        }
    });
}

/// Lets the other tabs of this browser look again.
pub fn tell_others() {
    storage::keep(NEWS, &js_sys::Date::now().to_string());
}

#[wasm_split(on_demand, wasm_split_path = leptos::wasm_split, fallible)]
fn look_again(
    workspace: WorkspaceContext,
    navigation: Navigation,
    heard: RwSignal<String>,
) -> Result<(), SplitLoaderError> {
    spawn_local(look_at_it(workspace, navigation, heard));
    Ok(())
}

async fn look_at_it(workspace: WorkspaceContext, navigation: Navigation, heard: RwSignal<String>) {
    let path = path_of(&navigation.address.read_untracked()).to_owned();
    let id = path.strip_prefix("/chat/").unwrap_or_default();
    let tag = heard.read_untracked().split_once(' ').filter(|(of, _)| *of == path).map(|(_, tag)| tag.to_owned());
    // Nothing has changed, or nothing can be heard: then nothing moves, and whoever wants something will be told.
    let Ok((overview, tag)) = load_overview(id, &tag.unwrap_or_default()).await else { return };
    let is_here = path_of(&navigation.address.read_untracked()) == path;
    heard.set(format!("{path} {tag}"));
    let Overview { available, budget_notice, conversations, next_cursor, latest } = overview;
    if workspace.available.get_untracked() != available {
        workspace.available.set(available);
    }
    if *workspace.budget_notice.read_untracked() != budget_notice {
        workspace.budget_notice.set(budget_notice);
    }
    let merged = merge(&workspace.conversations.read_untracked(), conversations, next_cursor.is_some(), id);
    if merged != *workspace.conversations.read_untracked() {
        workspace.conversations.set(merged);
    }
    if is_here {
        workspace.latest.set(latest.map(|latest| state_of(&latest.id, latest.state)).unwrap_or_default());
    }
}

/// The list as it is now, with what this page has besides: those after the newest, if there may be any. The one that is
/// `shown` may be much older.
fn merge(
    known: &[ConversationSummary],
    now: Vec<ConversationSummary>,
    has_more: bool,
    shown: &str,
) -> Vec<ConversationSummary> {
    let newest = now.iter().filter(|one| !one.pinned && one.id != shown);
    let oldest = newest.map(|one| &one.updated_at).min().cloned().unwrap_or_default();
    let is_after = |one: &&ConversationSummary| {
        has_more
            && !one.updated_at.is_empty()
            && one.updated_at <= oldest
            && !now.iter().any(|other| other.id == one.id)
    };
    let after: Vec<_> = known.iter().filter(is_after).cloned().collect();
    let mut merged = now;
    merged.extend(after);
    sort(&mut merged);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: &str, updated_at: &str) -> ConversationSummary {
        ConversationSummary { id: id.to_owned(), updated_at: updated_at.to_owned(), ..ConversationSummary::default() }
    }

    #[test]
    fn the_newest_are_as_they_are_now_and_older_ones_stay() {
        let known = [one("b", "2026-11-08"), one("a", "2026-11-07"), one("c", "2026-11-06"), one("old", "2026-11-01")];
        let ids = |list: &[ConversationSummary]| list.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        // "b" is gone, "d" is new, "a" was talked in.
        let now = || vec![one("d", "2026-11-11"), one("a", "2026-11-10"), one("c", "2026-11-06")];
        assert_eq!(ids(&merge(&known, now(), true, "")), ["d", "a", "c", "old"]);
        assert_eq!(ids(&merge(&known, now(), false, "")), ["d", "a", "c"]);
        // One that is open may be older than all that were loaded since.
        let with_shown = [now(), vec![one("shown", "2026-10-01")]].concat();
        assert_eq!(ids(&merge(&known, with_shown, true, "shown")), ["d", "a", "c", "old", "shown"]);
    }
}
