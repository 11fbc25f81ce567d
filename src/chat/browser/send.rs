//! What the user asks: shown at once, sent, and taken back if the server does not accept it.

use std::time::Duration;

use leptos::prelude::*;

use super::components::composer::return_to_composer;
use super::components::empty_thread::prompt_field;
use super::request::send;
use super::thread::{Entry, Thread};
use crate::chat::{Author, ChatRequest, ImageRef, Message, MessageState};
use crate::platform::amount::Amount;
use crate::platform::browser::api::Failure;
use crate::platform::browser::time::sleep;

/// How often it is looked whether a photo is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where a question comes from.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// The composer, as it was when the key was pressed.
    Draft(Draft),
    /// The editor, as it was then, in the place of the message that it edits.
    Edited(String),
    /// It was asked before, and another answer is wanted than one that was kept; of this provider, or of the picked one.
    Again(Option<String>),
}

/// What the composer held.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub text: String,
    pub images: Vec<String>,
}

/// A message on its way to the server, already on the screen.
pub(super) struct Sending {
    /// What was on the screen before.
    pub before: Vec<Entry>,
    /// How much of it stays.
    pub kept: usize,
    /// The message itself.
    pub asked: Entry,
    /// Where the reply goes.
    pub reply: Entry,
    pub question: Question,
}

/// Shows question and reply, sends the question and follows the reply.
pub(super) async fn ask(thread: Thread, mut question: Question) {
    // The page may be gone, or another one was faster.
    if thread.busy.try_get_untracked() != Some(false) {
        if let Question::Draft(draft) = question {
            thread.put_back(draft);
        }
        return;
    }
    if let Question::Draft(draft) = &mut question
        && !complete(thread, draft).await
    {
        return thread.put_back(draft.clone());
    }
    let before = thread.entries.get_untracked();
    let (kept, message) = match &question {
        Question::Draft(draft) => (Some(before.len()), draft.text.clone()),
        Question::Edited(text) => (before.iter().position(|entry| entry.editing.get_untracked()), text.clone()),
        Question::Again(_) => {
            let last = before.iter().rposition(|entry| entry.message.read_untracked().author == Author::User);
            (last, last.map(|last| before[last].message.read_untracked().content.clone()).unwrap_or_default())
        }
    };
    let Some(kept) = kept.filter(|_| !message.trim().is_empty()) else { return };
    // Those that were shown before are known by their ids; those that were not yet stored are still here.
    let images = match &question {
        Question::Draft(draft) => draft.images.clone(),
        Question::Edited(_) | Question::Again(_) => {
            before[kept].message.read_untracked().images.iter().map(|image| image.id.clone()).collect()
        }
    };
    let mut asked = new_message(Author::User, message.clone());
    asked.images = images.iter().map(|id| ImageRef { id: id.clone(), media_type: String::new() }).collect();
    let asked = thread.entry(asked);
    let reply = thread.entry(new_message(Author::Assistant, String::new()));
    let mut entries = before.clone();
    entries.truncate(kept);
    entries.extend([asked.clone(), reply.clone()]);
    // Gone with the empty chat.
    let system_prompt = prompt_field().map(|field| field.value());
    thread.entries.set(entries);
    // The editor, or the button that asked again, goes with the focus that it has.
    request_animation_frame(return_to_composer);
    // Who sends something wants to see it.
    thread.at_end.set(true);
    thread.failure.set(String::new());
    thread.busy.set(true);
    thread.stopping.set(false);
    let provider = match &question {
        Question::Again(Some(provider)) => Some(provider.clone()),
        _ => thread.workspace.asked(),
    };
    // What was shown beside the button is what it may cost.
    let max_credits = match &question {
        Question::Draft(draft) => thread
            .quoted
            .read_untracked()
            .as_ref()
            .filter(|quoted| quoted.message == draft.text)
            .map(|quoted| quoted.most),
        Question::Edited(_) | Question::Again(_) => None,
    };
    thread.quoted.set(None);
    let request = ChatRequest {
        message,
        max_credits,
        provider,
        system_prompt,
        conversation_id: thread.conversation.get_untracked(),
        images,
        fresh: matches!(question, Question::Again(_)).then_some(true),
        ..ChatRequest::default()
    };
    send(thread, thread.next_turn(), request, Sending { before, kept, asked, reply, question }).await;
}

/// Waits for photos of the draft that are still being read: it is never sent without one. Says whether it is complete; it is not
/// where one cannot be read, or the user does not want to wait.
async fn complete(thread: Thread, draft: &mut Draft) -> bool {
    let is_reading = || thread.reading.try_get_value().is_some_and(|reading| reading > 0);
    if !is_reading() {
        return true;
    }
    let (unread, conversation) = (thread.unread.get_value(), thread.conversation.get_untracked());
    thread.busy.set(true);
    thread.stopping.set(false);
    while is_reading() && thread.stopping.try_get_untracked() == Some(false) {
        sleep(LOOK_EVERY).await;
    }
    if thread.busy.try_set(false).is_some() {
        // The page is gone.
        return false;
    }
    if thread.stopping.get_untracked()
        || thread.unread.get_value() != unread
        || thread.conversation.get_untracked() != conversation
    {
        thread.stopping.set(false);
        return false;
    }
    draft.images.append(&mut thread.images.write());
    true
}

/// Takes an exchange back that the server did not accept, and says why it did not.
pub(super) fn take_back(thread: Thread, sending: Sending, request: ChatRequest, failure: Failure) {
    let text = request.message;
    let Sending { before, kept, question, .. } = sending;
    let key = before.get(kept).map(|entry| entry.key);
    // Older ones may have been put before them meanwhile.
    let now = thread.entries.get_untracked();
    let older = before.first().and_then(|first| now.iter().position(|entry| entry.key == first.key)).unwrap_or(0);
    thread.entries.set(now.into_iter().take(older).chain(before).collect());
    match (question, key) {
        (Question::Draft(_), _) => thread.put_back(Draft { text, images: request.images }),
        (Question::Edited(_), Some(key)) => thread.edit(key, text),
        (Question::Edited(_) | Question::Again(_), _) => {}
    }
    thread.fail(failure);
    thread.busy.set(false);
}

/// A message that the server has not seen yet, or whose text is still to come.
fn new_message(author: Author, content: String) -> Message {
    let state = match author {
        Author::User => MessageState::Complete,
        Author::Assistant => MessageState::Running,
    };
    Message {
        id: String::new(),
        author,
        content,
        html: None,
        images: Vec::new(),
        versions: Vec::new(),
        state,
        credits: Amount::ZERO,
        cached: false,
        cut: false,
        cut_reason: None,
        provider: None,
        model: None,
        fallback_from: None,
        error_code: None,
        usage: None,
        price_version: None,
        calls: Vec::new(),
        thinking: None,
        created_at: String::new(),
    }
}
