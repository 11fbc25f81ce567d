//! How a reply gets onto the screen: followed event by event, over as many connections as it takes, and in the end
//! replaced by what the server stored.

use std::time::Duration;

use leptos::prelude::*;

use super::request::stored_id;
use super::thread::{Entry, Thread};
use super::{client, drafts};
use crate::chat::{
    ChatEvent, ConversationSummary, CutReason, DoneEvent, ErrorEvent, FallbackEvent, MessageState, StartEvent,
    Thinking, TokenEvent, UsageEvent, provider_label, title_of,
};
use crate::credits::credits_text;
use crate::i18n::{Text, fill, t};
use crate::layout::tell_others;
use crate::platform::amount::Amount;
use crate::platform::browser::api::Failure;
use crate::platform::browser::navigation::History;
use crate::platform::browser::subscription::{Heard, Subscription};
use crate::platform::browser::time::sleep;
use crate::platform::sse::SseEvent;

/// Between two tries to load what the server stored.
const PAUSE: Duration = Duration::from_millis(500);

/// Why there is nothing more to hear.
enum Ended {
    /// The reply is there.
    Over,
    /// Nobody looks any more.
    Left,
}

/// Follows a reply that was being written when the page was loaded.
pub(super) async fn attach(thread: Thread, turn: u32, entry: Entry) {
    let id = entry.message.read_untracked().id.clone();
    if let Ok(events) = Subscription::new(client::events_path(&id)) {
        Reply::new(thread, turn, entry, String::new()).follow(events).await;
    }
}

/// Stops a reply that is being written.
pub(super) async fn stop(thread: Thread, id: String) {
    if let Err(failure) = client::stop(&id).await {
        // It may have ended by itself meanwhile; then there is nothing to say.
        if thread.busy.try_get_untracked() == Some(true) {
            thread.stopping.set(false);
            thread.fail(Failure { text: t(Text::CouldNotBeStopped).to_owned(), ..failure });
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

/// A reply that is being followed.
pub(super) struct Reply {
    thread: Thread,
    turn: u32,
    entry: Entry,
    question: String,
    /// What is held for it, and comes back if it fails.
    held: Amount,
    /// So many bytes of it were read out.
    spoken: usize,
}

impl Reply {
    /// One that goes into `entry`.
    pub(super) fn new(thread: Thread, turn: u32, entry: Entry, question: String) -> Self {
        Self { thread, turn, entry, question, held: Amount::ZERO, spoken: 0 }
    }

    fn is_watched(&self) -> bool {
        self.thread.is_at(self.turn)
    }

    fn has_started(&self) -> bool {
        !self.entry.message.read_untracked().id.is_empty()
    }

    /// Follows it until it ends, or nobody looks any more; `false` if the connection is lost before it has started.
    pub(super) async fn follow(&mut self, mut events: Subscription) -> bool {
        loop {
            match events.next().await {
                Heard::Events(some) => match self.hear(&some) {
                    Some(Ended::Over) => break,
                    Some(Ended::Left) => return true,
                    None => {}
                },
                Heard::Dropped if !self.has_started() => return false,
                Heard::Dropped if !self.is_watched() => return true,
                Heard::Dropped => {
                    events.set_path(client::events_path(&self.entry.message.read_untracked().id));
                    self.thread.waiting_for.set(t(Text::Reconnecting).to_owned());
                }
                Heard::Over => break,
                Heard::Refused(failure) => {
                    self.fail(&failure.code);
                    if self.is_watched() {
                        self.thread.fail(Failure { text: t(Text::CannotBeFollowed).to_owned(), ..failure });
                    }
                    break;
                }
            }
        }
        drop(events);
        self.finish().await;
        true
    }

    fn hear(&mut self, events: &[SseEvent]) -> Option<Ended> {
        if self.is_watched() {
            self.thread.waiting_for.set(String::new());
        }
        for SseEvent { event: name, data, .. } in events {
            if let Some(event) = ChatEvent::parse(name, data) {
                self.apply(event);
            }
            if ChatEvent::is_last(name) {
                return Some(Ended::Over);
            }
        }
        let so_far = self.entry.message.read_untracked().credits;
        if self.is_watched() && so_far.is_positive() {
            self.thread.waiting_for.set(fill(Text::SoFar, &[("credits", &credits_text(so_far))]));
        }
        let sentences = self.unspoken(end_of_sentences);
        if !sentences.is_empty() {
            self.announce(sentences);
        }
        // Until it has started, the list beside the page does not know the new conversation.
        (!self.is_watched() && self.has_started()).then_some(Ended::Left)
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
                reply.thinking = None;
                // Whoever is told now wants to read it.
                drop(reply);
                if is_new {
                    self.begin(conversation_id, credits);
                }
                self.announce(t(Text::AnswerStarted).to_owned());
            }
            ChatEvent::Token(TokenEvent { text }) => message.write().content.push_str(&text),
            ChatEvent::Shortened(_) => {
                let text = t(Text::OldestLeftOut);
                self.announce(text.to_owned());
                if self.is_watched() {
                    self.thread.failure_code.set(ChatEvent::SHORTENED.to_owned());
                    self.thread.failure.set(text.to_owned());
                }
            }
            ChatEvent::Thinking(piece) if piece.millis.is_some() => {
                message.write().thinking.get_or_insert_default().push(&piece);
            }
            ChatEvent::Thinking(_) => {
                self.announce(t(Text::ModelThinks).to_owned());
                if self.is_watched() {
                    self.thread.waiting_for.set(t(Text::ModelThinks).to_owned());
                }
            }
            ChatEvent::Call(_) => {}
            ChatEvent::Usage(UsageEvent { credits }) => message.write().credits = credits,
            ChatEvent::Fallback(FallbackEvent { from, to, model }) => {
                let next = if from == to { &model } else { provider_label(&to) };
                let names = [("from", provider_label(&from)), ("to", next)];
                self.announce(fill(Text::NextIsAsked, &names));
                let mut reply = message.write();
                // The one that should have answered, however many follow.
                reply.fallback_from.get_or_insert(from);
                reply.provider = Some(to);
                reply.model = Some(model).filter(|model| !model.is_empty());
            }
            ChatEvent::Done(done) => {
                let DoneEvent {
                    reply: text, thoughts, cached, cut, cut_reason, remaining_credits, credits, usage, ..
                } = done;
                let mut reply = message.write();
                // Who comes late gets it at once; and it may be less than what was heard of it.
                if let Some(text) = text {
                    reply.content = text;
                    reply.thinking = Thinking::of(&thoughts);
                }
                reply.state = MessageState::Complete;
                reply.cached = cached;
                reply.cut = cut;
                reply.cut_reason = cut_reason;
                reply.credits = credits;
                reply.usage = usage;
                drop(reply);
                if cut_reason == Some(CutReason::Credits) && self.is_watched() {
                    // With the way to more.
                    self.thread.failure_code.set("insufficient_credits".to_owned());
                    self.thread.failure.set(t(Text::CutByCredits).to_owned());
                }
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
        reply.credits = Amount::ZERO;
    }

    /// The server has accepted the message: its price is held, and a new chat has its conversation.
    fn begin(&self, conversation: String, credits: Amount) {
        let workspace = self.thread.workspace;
        add(workspace.available, -credits);
        move_to_top(workspace.conversations, &conversation, &self.question);
        tell_others();
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
    async fn finish(&mut self) {
        if self.is_watched() {
            self.thread.busy.set(false);
            self.thread.waiting_for.set(String::new());
        }
        let id = self.entry.message.read_untracked().id.clone();
        let mut loaded = client::load_message(&id).await;
        if loaded.is_err() {
            sleep(PAUSE).await;
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
        tell_others();
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
fn add(available: RwSignal<Amount>, credits: Amount) {
    if let Some(before) = available.try_get_untracked() {
        available.set(before + credits);
    }
}

/// Puts a conversation on top of the list beside the page; a new one gets its first words as its title.
fn move_to_top(conversations: RwSignal<Vec<ConversationSummary>>, id: &str, first_words: &str) {
    let Some(mut all) = conversations.try_write() else { return };
    let known = all.iter().position(|conversation| conversation.id == id).map(|at| all.remove(at));
    let mut conversation = known.unwrap_or_else(|| ConversationSummary {
        snippet: None,
        message_id: None,
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
