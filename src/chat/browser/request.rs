//! How a message leaves: with the id of the one that it takes the place of, under one key for every try, and back into
//! its field if the server does not accept it. What comes of it is in `stream.rs`.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::client;
use super::components::empty_thread::prompt_field;
use super::send::{Sending, take_back};
use super::stream::Reply;
use super::thread::{Entry, Thread};
use crate::chat::ChatRequest;
use crate::i18n::{Text, count, t};
use crate::platform::browser::api::{Failure, Tries, new_idempotency_key};
use crate::platform::browser::time::sleep;

/// Sends a message and follows its reply. The same key goes with every try, so that it is charged once at most.
pub(super) async fn send(thread: Thread, turn: u32, mut request: ChatRequest, sending: Sending) {
    if let Some(replaced) = sending.before.get(sending.kept) {
        match stored_id(thread, &sending.before, sending.kept, replaced).await {
            Ok(id) => {
                let is_unanswered = sending.before.get(sending.kept + 1).is_none_or(|reply| {
                    let reply = reply.message.read_untracked();
                    reply.content.is_empty()
                });
                let versions = versions_with(&replaced.message.read_untracked().versions, &id, is_unanswered);
                sending.asked.message.write().versions = versions;
                request.replaces = Some(id);
            }
            Err(failure) => return give_up(thread, turn, request, sending, failure),
        }
    }
    let is_new = request.conversation_id.is_none();
    request.system_prompt = request.system_prompt.filter(|prompt| is_new && !prompt.trim().is_empty());
    let key = key_for(thread, &request);
    let mut reply = Reply::new(thread, turn, sending.reply.clone(), request.message.clone());
    let mut tries = Tries::default();
    let failure = loop {
        match client::send(&request, &key).await {
            Ok(events) => {
                thread.unanswered.set_value(None);
                if reply.follow(events).await {
                    return;
                }
            }
            Err(refused) if refused.status != 0 => break refused,
            Err(_) => {}
        }
        if !tries.again().await {
            break Failure::default();
        }
    };
    if failure.status == 0 && thread.is_at(turn) {
        thread.unanswered.set_value(Some((request.clone(), key)));
    }
    give_up(thread, turn, request, sending, failure);
}

/// The versions of a message that takes the place of another and has no id yet, as the server will tell them: one without an
/// answer is none.
fn versions_with(before: &[String], replaced: &str, is_unanswered: bool) -> Vec<String> {
    let mut versions: Vec<String> = before.iter().filter(|id| !id.is_empty() && *id != replaced).cloned().collect();
    if !is_unanswered {
        let at = before.iter().position(|id| id.is_empty() || id == replaced).unwrap_or(0);
        versions.insert(at.min(versions.len()), replaced.to_owned());
    }
    if !versions.is_empty() {
        versions.push(String::new());
    }
    versions
}

/// The idempotency key for a request: the former one if the same request got no answer before.
fn key_for(thread: Thread, request: &ChatRequest) -> String {
    match &*thread.unanswered.read_value() {
        Some((unanswered, key)) if unanswered == request => key.clone(),
        _ => new_idempotency_key(),
    }
}

fn give_up(thread: Thread, turn: u32, mut request: ChatRequest, sending: Sending, mut failure: Failure) {
    // For longer, nobody waits and watches: then it is said why, and when to come back.
    if let ("rate_limited", Some(seconds @ ..=120)) = (&*failure.code, failure.retry_after) {
        t(Text::ALotAtOnce).clone_into(&mut failure.text);
        spawn_local(count_down(thread, seconds));
    }
    // Others say so themselves, or it goes without saying.
    let says_so = matches!(
        &*failure.code,
        "insufficient_credits" | "rate_limited" | "provider_failed" | "provider_timeout" | "unauthenticated"
    );
    if failure.status != 0 && !says_so {
        failure.text.push(' ');
        failure.text.push_str(t(Text::NothingWasCharged));
    }
    if thread.is_at(turn) {
        let prompt = request.system_prompt.take();
        take_back(thread, sending, request, failure);
        if let Some(prompt) = prompt {
            // The field is a new one, and not there yet.
            spawn_local(async move {
                sleep(Duration::ZERO).await;
                if let Some(field) = prompt_field() {
                    field.set_value(&prompt);
                }
            });
        }
    }
}

/// Nothing can be sent for so long; then everything is as before. Screen readers are told once, not with every second.
async fn count_down(thread: Thread, seconds: u32) {
    // Another one counts already.
    if thread.limited.try_get_untracked() != Some(false) {
        return;
    }
    thread.limited.set(true);
    thread.announcement.set(wait_text(seconds));
    let end = js_sys::Date::now() + f64::from(seconds) * 1000.0;
    loop {
        // By the clock: timers of a tab that nobody looks at are late.
        let left = end - js_sys::Date::now();
        if left <= 0.0 {
            break;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of seconds")]
        let whole = (left / 1000.0).ceil() as u32;
        if thread.waiting_for.try_set(wait_text(whole)).is_some() {
            return;
        }
        // To where the next one begins.
        sleep(Duration::from_secs_f64(left / 1000.0 + 1.0 - f64::from(whole))).await;
    }
    if thread.limited.try_set(false).is_some() {
        return;
    }
    thread.waiting_for.set(String::new());
    if *thread.failure_code.read_untracked() == "rate_limited" {
        thread.failure.set(String::new());
    }
    thread.announcement.set(t(Text::YouCanSendAgain).to_owned());
}

fn wait_text(seconds: u32) -> String {
    count(Text::YouCanSendIn, seconds.into())
}

/// The id of a message of the user. Who has just sent it does not know it: only the reply's id comes with the events.
pub(super) async fn stored_id(thread: Thread, all: &[Entry], at: usize, message: &Entry) -> Result<String, Failure> {
    let id = message.message.read_untracked().id.clone();
    if !id.is_empty() {
        return Ok(id);
    }
    let reply = all.get(at + 1).map(|reply| reply.message.read_untracked().id.clone());
    let conversation = thread.conversation.get_untracked().unwrap_or_default();
    let messages = client::load_conversation(&conversation, "", 0).await?.messages;
    let at =
        messages.iter().position(|stored| Some(&stored.id) == reply.as_ref()).and_then(|reply| reply.checked_sub(1));
    at.map(|at| messages[at].id.clone()).ok_or_else(|| Failure {
        status: 404,
        code: "not_found".to_owned(),
        ..Failure::of_text(Text::NothingHere)
    })
}

#[cfg(test)]
mod tests {
    use super::versions_with;

    #[test]
    fn a_new_version_comes_after_those_that_have_an_answer() {
        let versions = |before: &[&str], replaced, is_unanswered| {
            let before: Vec<_> = before.iter().map(|&id| id.to_owned()).collect();
            versions_with(&before, replaced, is_unanswered).join(" ")
        };
        assert_eq!(versions(&[], "a", false), "a ");
        assert_eq!(versions(&[], "a", true), "");
        assert_eq!(versions(&["a", "b"], "a", false), "a b ");
        // It was just asked, and has got its id since.
        assert_eq!(versions(&["a", ""], "b", false), "a b ");
        assert_eq!(versions(&["a", ""], "b", true), "a ");
    }
}
