//! How a reply gets onto the screen: sent, followed event by event, resumed when the connection drops, and in the end
//! replaced by what the server stored.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::client::{self, ChatFailure, EventStream};
use super::components::empty_thread::prompt_field;
use super::drafts;
use super::send::{Sending, take_back};
use super::thread::{Entry, Thread};
use crate::chat::{
    ChatEvent, ChatRequest, ConversationSummary, DoneEvent, ErrorEvent, FallbackEvent, MessageState, StartEvent,
    TokenEvent, provider_label, title_of,
};
use crate::i18n::{Text, count, fill, t};
use crate::platform::browser::navigation::History;
use crate::platform::error::AppError;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a message is sent before the user is asked what to do.
const SEND_TRIES: u32 = 3;

/// How a connection ended.
#[derive(PartialEq)]
enum Ended {
    /// The reply is there.
    Over,
    /// Too early.
    Dropped,
    /// Nobody looks any more.
    Left,
}

/// Sends a message and follows its reply. The same key goes with every try, so that it is charged once at most.
pub(super) async fn send(thread: Thread, turn: u32, mut request: ChatRequest, sending: Sending) {
    if let Some(replaced) = sending.before.get(sending.kept) {
        match stored_id(thread, &sending.before, sending.kept, replaced).await {
            Ok(id) => request.replaces = Some(id),
            Err(failure) => return give_up(thread, turn, request, sending, failure),
        }
    }
    let is_new = request.conversation_id.is_none();
    request.system_prompt = request.system_prompt.filter(|prompt| is_new && !prompt.trim().is_empty());
    let key = key_for(thread, &request);
    let mut reply = Reply {
        thread,
        turn,
        entry: sending.reply.clone(),
        question: request.message.clone(),
        last_id: None,
        held: 0,
        spoken: 0,
    };
    let mut failure = ChatFailure::unreachable();
    for attempt in 1..=SEND_TRIES {
        match client::send(&request, &key).await {
            Ok(stream) => {
                thread.unanswered.set_value(None);
                match reply.read(stream).await {
                    Ended::Over => return reply.finish().await,
                    Ended::Left => return,
                    Ended::Dropped if reply.has_started() => return reply.resume(true).await,
                    Ended::Dropped => {}
                }
            }
            Err(refused) if refused.status != 0 => {
                failure = refused;
                break;
            }
            Err(_) => {}
        }
        if attempt < SEND_TRIES {
            client::sleep(FIRST_PAUSE * attempt).await;
        }
    }
    if failure.status == 0 && thread.is_at(turn) {
        thread.unanswered.set_value(Some((request.clone(), key)));
    }
    give_up(thread, turn, request, sending, failure);
}

/// Follows a reply that was being written when the page was loaded.
pub(super) async fn attach(thread: Thread, turn: u32, entry: Entry) {
    Reply { thread, turn, entry, question: String::new(), last_id: None, held: 0, spoken: 0 }.resume(false).await;
}

/// Stops a reply that is being written.
pub(super) async fn stop(thread: Thread, id: String) {
    if let Err(failure) = client::stop(&id).await {
        // It may have ended by itself meanwhile; then there is nothing to say.
        if thread.busy.try_get_untracked() == Some(true) {
            thread.stopping.set(false);
            let message = t(Text::CouldNotBeStopped).to_owned();
            thread.fail(ChatFailure { message, ..failure });
        }
    }
}

/// Begins a conversation with what has been said up to a message, and turns to it.
pub(super) async fn branch(thread: Thread, key: u32) {
    let all = thread.entries.get_untracked();
    let Some(at) = all.iter().position(|entry| entry.key == key) else { return };
    let conversation = thread.conversation.get_untracked().unwrap_or_default();
    let made = match stored_id(thread, &all, at, &all[at]).await {
        Ok(id) => client::branch(&conversation, &id).await,
        Err(failure) => Err(failure),
    };
    match made {
        Ok(made) => {
            let address = format!("/chat/{}", made.id);
            if let Some(mut known) = thread.workspace.conversations.try_write() {
                known.insert(0, made);
            }
            thread.navigation.open(&address, History::Push);
        }
        Err(failure) => thread.fail(failure),
    }
}

/// The idempotency key for a request: the former one if the same request got no answer before.
fn key_for(thread: Thread, request: &ChatRequest) -> String {
    match &*thread.unanswered.read_value() {
        Some((unanswered, key)) if unanswered == request => key.clone(),
        _ => client::new_idempotency_key(),
    }
}

fn give_up(thread: Thread, turn: u32, mut request: ChatRequest, sending: Sending, mut failure: ChatFailure) {
    if let ("rate_limited", Some(seconds)) = (&*failure.code, failure.retry_after) {
        t(Text::ALotAtOnce).clone_into(&mut failure.message);
        spawn_local(count_down(thread, seconds));
    }
    // Others say so themselves, or it goes without saying.
    let says_so = matches!(
        &*failure.code,
        "insufficient_credits" | "rate_limited" | "provider_failed" | "provider_timeout" | "unauthenticated"
    );
    if failure.status != 0 && !says_so {
        failure.message.push(' ');
        failure.message.push_str(t(Text::NothingWasCharged));
    }
    if thread.is_at(turn) {
        let prompt = request.system_prompt.take();
        take_back(thread, sending, request, failure);
        if let Some(prompt) = prompt {
            // The field is a new one, and not there yet.
            spawn_local(async move {
                client::sleep(Duration::ZERO).await;
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
        client::sleep(Duration::from_secs_f64(left / 1000.0 + 1.0 - f64::from(whole))).await;
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
async fn stored_id(thread: Thread, all: &[Entry], at: usize, message: &Entry) -> Result<String, ChatFailure> {
    let id = message.message.read_untracked().id.clone();
    if !id.is_empty() {
        return Ok(id);
    }
    let reply = all.get(at + 1).map(|reply| reply.message.read_untracked().id.clone());
    let conversation = thread.conversation.get_untracked().unwrap_or_default();
    let messages = client::load_conversation(&conversation).await.map_err(|error| failure_of(&error))?.messages;
    let at =
        messages.iter().position(|stored| Some(&stored.id) == reply.as_ref()).and_then(|reply| reply.checked_sub(1));
    at.map(|at| messages[at].id.clone()).ok_or_else(|| failure_of(&AppError::NotFound))
}

fn failure_of(error: &AppError) -> ChatFailure {
    ChatFailure { status: error.status(), code: error.code().to_owned(), message: error.to_string(), retry_after: None }
}

/// A reply that is being followed.
struct Reply {
    thread: Thread,
    turn: u32,
    entry: Entry,
    question: String,
    /// What the server sent last, to go on from there.
    last_id: Option<String>,
    /// What is held for it, and comes back if it fails.
    held: i64,
    /// So many bytes of it were read out.
    spoken: usize,
}

impl Reply {
    fn is_watched(&self) -> bool {
        self.thread.is_at(self.turn)
    }

    fn has_started(&self) -> bool {
        !self.entry.message.read_untracked().id.is_empty()
    }

    /// Watches it until it ends, over as many connections as it takes.
    async fn resume(mut self, dropped: bool) {
        let id = self.entry.message.read_untracked().id.clone();
        let mut pause = FIRST_PAUSE;
        let mut wait = dropped;
        while self.is_watched() {
            if wait {
                let text = t(Text::Reconnecting);
                self.thread.waiting_for.set(text.to_owned());
                client::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            wait = true;
            let before = self.last_id.clone();
            match client::watch(&id, self.last_id.as_deref()).await {
                Ok(None) => return self.finish().await,
                Ok(Some(stream)) => match self.read(stream).await {
                    Ended::Over => return self.finish().await,
                    Ended::Left => return,
                    Ended::Dropped if self.last_id != before => pause = FIRST_PAUSE,
                    Ended::Dropped => {}
                },
                Err(failure) if failure.may_pass() => {}
                Err(failure) => {
                    self.fail(&failure.code);
                    if self.is_watched() {
                        let message = t(Text::CannotBeFollowed).to_owned();
                        self.thread.fail(ChatFailure { message, ..failure });
                    }
                    return self.finish().await;
                }
            }
        }
    }

    async fn read(&mut self, mut stream: EventStream) -> Ended {
        while let Some(events) = stream.next().await {
            if self.is_watched() {
                self.thread.waiting_for.set(String::new());
            }
            for event in events {
                let over = matches!(&*event.event, "done" | "error");
                if let Some(event) = client::parse_event(&event) {
                    self.apply(event);
                }
                self.last_id = event.id.or(self.last_id.take());
                if over {
                    return Ended::Over;
                }
            }
            let sentences = self.unspoken(end_of_sentences);
            if !sentences.is_empty() {
                self.announce(sentences);
            }
            // Until it has started, the list beside the page does not know the new conversation.
            if !self.is_watched() && self.has_started() {
                return Ended::Left;
            }
        }
        Ended::Dropped
    }

    fn apply(&mut self, event: ChatEvent) {
        let message = &self.entry.message;
        match event {
            ChatEvent::Start(StartEvent { message_id, conversation_id, provider, model, credits }) => {
                self.held = credits;
                let is_new = !self.has_started();
                // It comes first, and the whole text after it again, also when a reply is watched from its start.
                let mut reply = message.write();
                reply.id = message_id;
                reply.provider = Some(provider);
                reply.model = Some(model);
                reply.content.clear();
                // Whoever is told now wants to read it.
                drop(reply);
                if is_new {
                    self.begin(conversation_id, credits);
                }
                self.announce(t(Text::AnswerStarted).to_owned());
            }
            ChatEvent::Token(TokenEvent { text }) => message.write().content.push_str(&text),
            ChatEvent::Fallback(FallbackEvent { from, to }) => {
                let names = [("from", provider_label(&from)), ("to", provider_label(&to))];
                self.announce(fill(Text::NextIsAsked, &names));
                let mut reply = message.write();
                // The one that should have answered, however many follow.
                reply.fallback_from.get_or_insert(from);
                reply.provider = Some(to);
                reply.model = None;
            }
            ChatEvent::Done(DoneEvent { reply: text, cached, remaining_credits, credits, usage }) => {
                let mut reply = message.write();
                if let (true, Some(text)) = (reply.content.is_empty(), text) {
                    reply.content = text;
                }
                reply.state = MessageState::Complete;
                reply.cached = cached;
                reply.credits = credits;
                reply.usage = usage;
                drop(reply);
                self.thread.workspace.available.try_set(remaining_credits);
            }
            ChatEvent::Error(ErrorEvent { code, .. }) => {
                self.fail(&code);
                add(self.thread.workspace.available, self.held);
            }
        }
    }

    fn fail(&self, code: &str) {
        let mut reply = self.entry.message.write();
        reply.state = if reply.content.is_empty() { MessageState::Failed } else { MessageState::Incomplete };
        reply.error_code = Some(code.to_owned());
    }

    /// The server has accepted the message: its price is held, and a new chat has its conversation.
    fn begin(&self, conversation: String, credits: i64) {
        let workspace = self.thread.workspace;
        add(workspace.available, -credits);
        move_to_top(workspace.conversations, &conversation, &self.question);
        if self.is_watched() {
            let is_new = self.thread.conversation.get_untracked().is_none();
            // What is typed meanwhile goes along.
            let draft = self.thread.draft.get_untracked();
            drafts::keep(self.thread, "");
            self.thread.conversation.set(Some(conversation.clone()));
            drafts::keep(self.thread, &draft);
            if is_new {
                self.thread.navigation.open(&format!("/chat/{conversation}"), History::Replace);
            }
            if self.thread.stopping.get_untracked() {
                self.thread.stop();
            }
        }
    }

    /// The next message can be written; this one becomes what the server stored.
    async fn finish(mut self) {
        if self.is_watched() {
            self.thread.busy.set(false);
            self.thread.waiting_for.set(String::new());
        }
        let id = self.entry.message.read_untracked().id.clone();
        let mut loaded = client::load_message(&id).await;
        if loaded.is_err() {
            client::sleep(FIRST_PAUSE).await;
            loaded = client::load_message(&id).await;
        }
        if let Ok(loaded) = loaded {
            self.entry.message.set(loaded);
        }
        let outcome = match self.entry.message.read_untracked().state {
            MessageState::Stopped => Text::AnswerStopped,
            MessageState::Incomplete => Text::AnswerBrokeOff,
            MessageState::Failed => Text::AnswerFailed,
            MessageState::Running | MessageState::Complete => Text::AnswerFinished,
        };
        let rest = self.unspoken(str::len);
        self.announce(format!("{rest} {}", t(outcome)));
    }

    /// What has not been read out yet, up to where `end` says, without the marks of Markdown.
    fn unspoken(&mut self, end: fn(&str) -> usize) -> String {
        let message = self.entry.message.read_untracked();
        // Nothing while it is replayed from its start.
        let new = message.content.get(self.spoken..).unwrap_or_default();
        let new = &new[..end(new)];
        self.spoken += new.len();
        new.replace(['*', '`', '#', '|'], "").trim().to_owned()
    }

    fn announce(&self, text: String) {
        if self.is_watched() {
            self.thread.announcement.set(text);
        }
    }
}

/// Changes a balance, unless the page is gone.
fn add(available: RwSignal<i64>, credits: i64) {
    if let Some(before) = available.try_get_untracked() {
        available.set(before + credits);
    }
}

/// Puts a conversation on top of the list beside the page; a new one gets its first words as its title.
fn move_to_top(conversations: RwSignal<Vec<ConversationSummary>>, id: &str, first_words: &str) {
    let Some(mut all) = conversations.try_write() else { return };
    let known = all.iter().position(|conversation| conversation.id == id).map(|at| all.remove(at));
    let mut conversation = known.unwrap_or_else(|| ConversationSummary {
        id: id.to_owned(),
        title: title_of(first_words),
        pinned: false,
        shared: false,
        created_at: String::new(),
        updated_at: String::new(),
    });
    // It is of today.
    conversation.updated_at.clear();
    all.insert(0, conversation);
}

/// Where the last whole sentence or line of a text ends.
fn end_of_sentences(text: &str) -> usize {
    let ends = |at: &usize| {
        let (before, after) = text.split_at(*at);
        before.ends_with(['\n', '。', '\u{ff01}', '\u{ff1f}'])
            || before.ends_with(['.', '!', '?', ':']) && after.starts_with(' ')
    };
    text.char_indices().rev().map(|(at, _)| at).find(ends).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::end_of_sentences;

    #[test]
    fn an_answer_is_read_out_in_whole_sentences() {
        let spoken = |text: &'static str| &text[..end_of_sentences(text)];
        assert_eq!(spoken("One. Two! Thr"), "One. Two!");
        assert_eq!(spoken("Version 1.5 is"), "");
        assert_eq!(spoken("- a\n- b\n- c"), "- a\n- b\n");
        assert_eq!(spoken("第一句。第二句"), "第一句。");
        assert_eq!(spoken(""), "");
    }
}
