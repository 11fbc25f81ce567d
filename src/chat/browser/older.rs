//! The messages before those on the screen: put above them, where the reader does not lose the place.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::client;
use super::components::message_list::NEAR_END;
use super::thread::Thread;
use crate::i18n::{Text, t};
use crate::platform::browser::navigation::{History, path_of};
use crate::platform::browser::page_data::go_to_sign_in;
use crate::platform::browser::time::sleep;

/// After a failure, so that scrolling does not ask again and again.
const PAUSE: Duration = Duration::from_secs(2);
/// Until what is shown is there.
const MOMENT: Duration = Duration::from_millis(60);

/// Messages that are loaded at a time for who scrolls, and for who wants to go to one of them.
const A_PAGE: u32 = 40;
const MANY: u32 = 100;
/// For so many messages nobody waits.
const MOST: usize = 2000;

/// Loads them for who has scrolled up, if the thread still shows what it did at `turn`.
pub(super) async fn load_for(thread: Thread, turn: u32) {
    if load(thread, turn, A_PAGE).await {
        thread.announcement.set(t(Text::OlderMessagesLoaded).to_owned());
    }
}

/// Goes to a message of the conversation, with all that followed it.
pub(super) async fn find(thread: Thread, message: String) {
    while thread.loading.try_get_untracked() == Some(true) {
        sleep(MOMENT).await;
    }
    let Some(turn) = thread.conversation_turn() else { return };
    let at = loop {
        let entries = thread.entries.read_untracked();
        let at = entries.iter().position(|entry| entry.message.read_untracked().id == message);
        let is_hopeless = entries.len() > MOST || thread.older.read_untracked().is_empty();
        drop(entries);
        if at.is_some() || is_hopeless {
            break at;
        }
        if thread.loading_older.get_untracked() {
            sleep(MOMENT).await;
        } else {
            thread.loading_older.set(true);
            if !load(thread, turn, MANY).await {
                return;
            }
        }
        if !thread.is_at_conversation(turn) {
            return;
        }
    };
    // The address says it as long as it is to be done.
    let address = thread.navigation.address.get_untracked();
    thread.navigation.open(path_of(&address), History::Replace);
    let Some(at) = at else { return };
    // The list does not follow its end for the moment.
    thread.at_end.set(false);
    // Once all of them have their height, and the list is where it was before they came.
    sleep(MOMENT).await;
    let found = document().query_selector(&format!("#main ol>li[data-author]:nth-child({})", at + 1)).ok().flatten();
    if let (Some(found), true) = (found, thread.is_at_conversation(turn)) {
        let found: HtmlElement = found.unchecked_into();
        found.set_tab_index(-1);
        // It is in the document and can take the focus, so this does not fail.
        drop(found.focus());
        found.scroll_into_view();
        if let Ok(Some(pane)) = found.closest(".overflow-y-auto") {
            thread.at_end.set(pane.scroll_height() - pane.scroll_top() - pane.client_height() < NEAR_END);
        }
    }
}

/// Loads some, if the thread still shows what it did at `turn`; whether they came.
async fn load(thread: Thread, turn: u32, limit: u32) -> bool {
    let conversation = thread.conversation.get_untracked().unwrap_or_default();
    let loaded = client::load_conversation(&conversation, &thread.older.get_untracked(), limit).await;
    let is_same = || thread.is_at_conversation(turn);
    if !is_same() {
        return false;
    }
    let came = loaded.is_ok();
    match loaded {
        Ok(found) => thread.put_before(found),
        Err(failure) => {
            if failure.is_signed_out() {
                go_to_sign_in();
            }
            thread.fail(failure);
            sleep(PAUSE).await;
            if !is_same() {
                return false;
            }
        }
    }
    thread.loading_older.set(false);
    came
}
