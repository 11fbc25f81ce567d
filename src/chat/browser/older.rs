//! The messages before those on the screen: put above them, where the reader does not lose the place.

use std::time::Duration;

use leptos::prelude::*;

use super::client;
use super::thread::Thread;
use crate::i18n::{Text, t};
use crate::platform::browser::page_data::go_to_sign_in;
use crate::platform::browser::time::sleep;

/// After a failure, so that scrolling does not ask again and again.
const PAUSE: Duration = Duration::from_secs(2);

/// Loads them, if the thread still shows what it did at `turn`.
pub(super) async fn load(thread: Thread, turn: u32) {
    let conversation = thread.conversation.get_untracked().unwrap_or_default();
    let loaded = client::load_conversation(&conversation, &thread.older.get_untracked()).await;
    let is_same = || thread.is_at_conversation(turn);
    if !is_same() {
        return;
    }
    match loaded {
        Ok(found) => {
            thread.put_before(found);
            thread.announcement.set(t(Text::OlderMessagesLoaded).to_owned());
        }
        Err(failure) => {
            if failure.is_signed_out() {
                go_to_sign_in();
            }
            thread.fail(failure);
            sleep(PAUSE).await;
            if !is_same() {
                return;
            }
        }
    }
    thread.loading_older.set(false);
}
