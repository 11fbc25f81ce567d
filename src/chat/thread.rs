//! The conversation on the screen: its messages, what is being written, and what the user can do with them.
//!
//! How a reply gets here is in `follow.rs`; nothing here waits for anything.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::client::{self, ChatFailure};
use super::{Author, ChatRequest, Conversation, ConversationSummary, Message, MessageState, follow, title_of};
use crate::workspace::WorkspaceContext;

/// A message on the screen. The key stays the same when the server gives the message its id.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: u32,
    pub message: ArcRwSignal<Message>,
}

/// What to give back to the user when a message cannot be sent.
#[derive(Debug, Clone, Copy)]
pub enum Undo {
    /// The text in the composer.
    Draft,
    /// The text in the editor of the message with this key.
    Edit(u32),
    /// It is still there.
    Nothing,
}

/// The state of the chat page. A copy is a handle.
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    /// Oldest first.
    pub entries: RwSignal<Vec<Entry>>,
    /// Whose messages they are; `None` for a new chat until its first reply starts.
    pub conversation: RwSignal<Option<String>>,
    /// A reply is on its way.
    pub busy: RwSignal<bool>,
    /// The user wants it stopped.
    pub stopping: RwSignal<bool>,
    /// The connection is lost, and tried again.
    pub reconnecting: RwSignal<bool>,
    /// Why the last message could not be sent.
    pub failure: RwSignal<Option<ChatFailure>>,
    /// What the composer holds. Setting it changes the text on the screen too.
    pub draft: RwSignal<String>,
    /// Raised to put the cursor into the composer.
    pub focus: RwSignal<u32>,
    /// The user's message that is being edited, by key, and its text.
    pub editing: RwSignal<Option<(u32, String)>>,
    /// The provider that the user picked.
    pub provider: RwSignal<Option<String>>,
    /// What screen readers are told.
    pub announcement: RwSignal<&'static str>,
    /// Changes when the thread turns to something else, so that what comes in late for the former is dropped.
    turn: StoredValue<u32>,
    keys: StoredValue<u32>,
    /// The last request that got no answer, and its idempotency key: it may have arrived after all.
    unanswered: StoredValue<Option<(ChatRequest, String)>>,
    pub(super) workspace: WorkspaceContext,
}

impl Thread {
    /// A new chat.
    #[must_use]
    pub fn new(workspace: WorkspaceContext) -> Self {
        Self {
            entries: RwSignal::default(),
            conversation: RwSignal::default(),
            busy: RwSignal::default(),
            stopping: RwSignal::default(),
            reconnecting: RwSignal::default(),
            failure: RwSignal::default(),
            draft: RwSignal::default(),
            focus: RwSignal::default(),
            editing: RwSignal::default(),
            provider: RwSignal::default(),
            announcement: RwSignal::default(),
            turn: StoredValue::default(),
            keys: StoredValue::default(),
            unanswered: StoredValue::default(),
            workspace,
        }
    }

    /// Leaves whatever was shown. A reply that is being written goes on without us.
    pub fn clear(self) {
        self.next_turn();
        self.entries.set(Vec::new());
        self.conversation.set(None);
        self.busy.set(false);
        self.reconnecting.set(false);
        self.failure.set(None);
        self.editing.set(None);
        self.announcement.set("");
    }

    /// Shows a stored conversation.
    pub fn show(self, conversation: Conversation) {
        self.clear();
        self.entries.set(conversation.messages.into_iter().map(|message| self.entry(message)).collect());
        self.conversation.set(Some(conversation.id));
    }

    /// Whether the conversation is the one that is shown; then there is nothing to load.
    #[must_use]
    pub fn shows(self, id: Option<&String>) -> bool {
        self.conversation.with_untracked(|shown| shown.as_ref() == id)
    }

    /// Follows the last reply, if it is still being written.
    pub fn attach(self) {
        let last = self.entries.with_untracked(|entries| entries.last().cloned());
        let Some(entry) = last else { return };
        if !self.busy.get_untracked() && entry.message.with_untracked(|reply| reply.state == MessageState::Running) {
            self.busy.set(true);
            self.stopping.set(false);
            spawn_local(follow::attach(self, self.next_turn(), entry));
        }
    }

    /// Puts a text into the composer, for the user to go on with.
    pub fn write(self, text: String) {
        self.draft.set(text);
        self.focus.update(|focus| *focus += 1);
    }

    /// Sends what the composer holds.
    pub fn send(self) {
        let text = self.draft.get_untracked();
        if self.busy.get_untracked() || text.trim().is_empty() {
            return;
        }
        self.draft.set(String::new());
        self.focus.update(|focus| *focus += 1);
        let kept = self.entries.with_untracked(Vec::len);
        self.exchange(kept, ChatRequest { message: text, ..ChatRequest::default() }, Undo::Draft);
    }

    /// Sends what the editor holds, in the place of the message that it edits.
    pub fn send_edited(self) {
        let Some((key, text)) = self.editing.get_untracked() else { return };
        let Some(kept) = self.entries.with_untracked(|all| all.iter().position(|entry| entry.key == key)) else {
            return;
        };
        if self.busy.get_untracked() || text.trim().is_empty() {
            return;
        }
        self.editing.set(None);
        self.exchange(kept, ChatRequest { message: text, ..ChatRequest::default() }, Undo::Edit(key));
    }

    /// Asks the last question again, and for another answer than one that was kept.
    pub fn try_again(self) {
        let last = self.entries.with_untracked(|all| {
            let at = all.iter().rposition(|entry| entry.message.with_untracked(|it| it.author == Author::User))?;
            Some((at, all[at].message.with_untracked(|question| question.content.clone())))
        });
        let Some((kept, message)) = last else { return };
        if !self.busy.get_untracked() {
            self.exchange(kept, ChatRequest { message, fresh: Some(true), ..ChatRequest::default() }, Undo::Nothing);
        }
    }

    /// Stops the reply that is being written, or as soon as it begins.
    pub fn stop(self) {
        self.stopping.set(true);
        self.focus.update(|focus| *focus += 1);
        let id = self.entries.with_untracked(|all| Some(all.last()?.message.with_untracked(|reply| reply.id.clone())));
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            spawn_local(async move {
                if let Err(failure) = client::stop(&id).await {
                    // It may have ended by itself meanwhile; then there is nothing to say.
                    if self.busy.try_get_untracked() == Some(true) {
                        self.stopping.set(false);
                        let message =
                            "The answer could not be stopped. It goes on, and is charged as usual.".to_owned();
                        self.failure.set(Some(ChatFailure { message, ..failure }));
                    }
                }
            });
        }
    }

    /// Shows question and reply at once, and sends the question. `kept` entries stay; those after it are replaced.
    fn exchange(self, kept: usize, mut request: ChatRequest, undo: Undo) {
        let before = self.entries.get_untracked();
        let question = self.entry(new_message(Author::User, request.message.clone()));
        let reply = self.entry(new_message(Author::Assistant, String::new()));
        self.entries.update(|entries| {
            entries.truncate(kept);
            entries.extend([question, reply.clone()]);
        });
        self.failure.set(None);
        self.editing.set(None);
        self.busy.set(true);
        self.stopping.set(false);
        request.provider = self.provider.get_untracked();
        request.conversation_id = self.conversation.get_untracked();
        spawn_local(follow::send(self, self.next_turn(), request, follow::Sending { before, kept, reply, undo }));
    }

    /// Takes an exchange back that the server did not accept.
    pub(super) fn undo(self, before: Vec<Entry>, text: String, undo: Undo, failure: ChatFailure) {
        self.entries.set(before);
        match undo {
            Undo::Draft => {
                // What was typed meanwhile stays, below.
                let typed = self.draft.get_untracked();
                self.draft.set(if typed.is_empty() { text } else { format!("{text}\n{typed}") });
            }
            Undo::Edit(key) => self.editing.set(Some((key, text))),
            Undo::Nothing => {}
        }
        self.failure.set(Some(failure));
        self.busy.set(false);
    }

    /// The idempotency key for a request: the former one if the same request got no answer before.
    pub(super) fn key_for(self, request: &ChatRequest) -> String {
        let known = self.unanswered.with_value(|last| {
            last.as_ref().filter(|(unanswered, _)| unanswered == request).map(|(_, key)| key.clone())
        });
        known.unwrap_or_else(client::new_idempotency_key)
    }

    pub(super) fn keep_unanswered(self, unanswered: Option<(ChatRequest, String)>) {
        self.unanswered.set_value(unanswered);
    }

    fn entry(self, message: Message) -> Entry {
        self.keys.update_value(|key| *key += 1);
        Entry { key: self.keys.get_value(), message: ArcRwSignal::new(message) }
    }

    fn next_turn(self) -> u32 {
        self.turn.update_value(|turn| *turn = turn.wrapping_add(1));
        self.turn.get_value()
    }

    /// Whether the thread still shows what it did at `turn`. Not so when the page is gone.
    pub(super) fn is_at(self, turn: u32) -> bool {
        self.turn.try_get_value() == Some(turn)
    }
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
        state,
        credits: 0,
        cached: false,
        provider: None,
        model: None,
        error_code: None,
        usage: None,
        created_at: String::new(),
    }
}

/// Puts a conversation on top of the list beside the page; a new one gets its first words as its title.
pub(super) fn move_to_top(conversations: RwSignal<Vec<ConversationSummary>>, id: &str, first_words: &str) {
    conversations.try_update(|all| {
        let known = all.iter().position(|conversation| conversation.id == id).map(|at| all.remove(at));
        let conversation = known.unwrap_or_else(|| ConversationSummary {
            id: id.to_owned(),
            title: title_of(first_words),
            created_at: String::new(),
            updated_at: String::new(),
        });
        all.insert(0, conversation);
    });
}
