//! The conversation on the screen: its messages, what is being written, and what the user can do with them.
//!
//! How a message leaves is in `send.rs` and `request.rs`, how a reply gets here in `stream.rs`; nothing here waits for anything.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::components::composer::focus_composer;
use super::components::message_editor::load_editor;
use super::send::{Draft, Question};
use super::{drafts, talk};
use crate::chat::{ChatRequest, Conversation, Message, MessageState, state_of};
use crate::i18n::Text;
use crate::layout::WorkspaceContext;
use crate::platform::amount::Amount;
use crate::platform::browser::api::Failure;
use crate::platform::browser::navigation::Navigation;
use crate::platform::browser::page_data::go_to_sign_in;
use crate::platform::browser::reach::until_reached;

/// A message on the screen. The key stays the same when the server gives the message its id.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: u32,
    pub message: ArcRwSignal<Message>,
    /// It is the user's, and in the editor.
    pub editing: ArcRwSignal<bool>,
}

/// What a message would cost.
#[derive(Debug, Clone)]
pub struct Quoted {
    /// Which.
    pub message: String,
    /// The id of its conversation; `None`: a new one.
    pub conversation: Option<String>,
    /// It costs no more than this.
    pub most: Amount,
    /// For people.
    pub text: String,
    /// How full the context is, for people; empty while it is nearly empty.
    pub context: String,
    /// With what, for people.
    pub parts: String,
}

/// The state of the chat page. A copy is a handle.
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    /// Oldest first.
    pub entries: RwSignal<Vec<Entry>>,
    /// Whose messages they are, or will be; `None` for a new chat until its first reply starts.
    pub conversation: RwSignal<Option<String>>,
    /// The reader is at the end, and stays there as the text grows.
    pub at_end: RwSignal<bool>,
    /// A reply is on its way.
    pub busy: RwSignal<bool>,
    /// The user wants it stopped.
    pub stopping: RwSignal<bool>,
    /// What is waited for, for people; empty if nothing is.
    pub waiting_for: RwSignal<String>,
    /// Too much was sent in a short time: nothing more can be sent for a while.
    pub limited: RwSignal<bool>,
    /// The message before which there are older ones than those on the screen; empty if there are none.
    pub older: RwSignal<String>,
    /// They are being loaded.
    pub loading_older: RwSignal<bool>,
    /// They have been put before the others, and are not on the screen yet.
    pub grown_above: StoredValue<bool>,
    /// The conversation is being loaded.
    pub loading: RwSignal<bool>,
    /// The conversation could not be loaded.
    pub missing: RwSignal<bool>,
    /// Why the last message could not be sent, for people; empty if it could.
    pub failure: RwSignal<String>,
    /// The code of the failure.
    pub failure_code: RwSignal<String>,
    /// What the composer holds. Setting it changes the text on the screen too.
    pub draft: RwSignal<String>,
    /// What is shown with the next question, as data URLs.
    pub images: RwSignal<Vec<String>>,
    /// Photos for the next question that are being read.
    pub(super) reading: StoredValue<u32>,
    /// Those that could not be.
    pub(super) unread: StoredValue<u32>,
    /// What the draft would cost, where that depends on it; `None` until it is known.
    pub quoted: RwSignal<Option<Quoted>>,
    quote_turn: StoredValue<u32>,
    /// What the editor holds.
    pub edited: RwSignal<String>,
    /// What screen readers are told.
    pub announcement: RwSignal<String>,
    /// Changes when the thread turns to something else, so that what comes in late for the former is dropped.
    turn: StoredValue<u32>,
    /// Changes with the conversation alone.
    conversation_turn: StoredValue<u32>,
    keys: StoredValue<u32>,
    /// The last request that got no answer, and its idempotency key: it may have arrived after all.
    pub(super) unanswered: StoredValue<Option<(ChatRequest, String)>>,
    pub(super) workspace: WorkspaceContext,
    pub(super) navigation: Navigation,
}

impl Thread {
    /// A new chat.
    #[must_use]
    pub fn new(workspace: WorkspaceContext, navigation: Navigation) -> Self {
        Self {
            entries: RwSignal::default(),
            conversation: RwSignal::default(),
            at_end: RwSignal::new(true),
            busy: RwSignal::default(),
            stopping: RwSignal::default(),
            waiting_for: RwSignal::default(),
            limited: RwSignal::default(),
            older: RwSignal::default(),
            loading_older: RwSignal::default(),
            grown_above: StoredValue::default(),
            loading: RwSignal::default(),
            missing: RwSignal::default(),
            failure: RwSignal::default(),
            failure_code: RwSignal::default(),
            draft: RwSignal::default(),
            images: RwSignal::default(),
            reading: StoredValue::default(),
            unread: StoredValue::default(),
            quoted: RwSignal::default(),
            quote_turn: StoredValue::default(),
            edited: RwSignal::default(),
            announcement: RwSignal::default(),
            turn: StoredValue::default(),
            conversation_turn: StoredValue::default(),
            keys: StoredValue::default(),
            unanswered: StoredValue::default(),
            workspace,
            navigation,
        }
    }

    /// The draft is another one: what it was told to cost is not that of this. Returns by what this one is known.
    pub(super) fn quote_turn(self) -> Option<u32> {
        self.quote_turn.try_update_value(|turn| {
            *turn += 1;
            *turn
        })
    }

    /// Whether the draft is still that one.
    pub(super) fn is_quote_turn(self, turn: u32) -> bool {
        self.quote_turn.try_get_value() == Some(turn)
    }

    /// Turns to a conversation, or to a new chat. A reply that is being written goes on without us.
    pub fn open(self, id: Option<String>) {
        self.clear(id.clone());
        self.draft.set(drafts::find(self));
        let Some(id) = id else {
            self.workspace.turn_to(None, None);
            return;
        };
        self.loading.set(true);
        let turn = self.next_turn();
        spawn_local(async move {
            let mut loaded = talk::load_conversation(id.clone()).await;
            if loaded.as_ref().is_err_and(Failure::may_pass) && until_reached().await {
                loaded = talk::load_conversation(id).await;
            }
            if !self.is_at(turn) {
                return;
            }
            match loaded {
                Ok(conversation) => {
                    self.show(conversation);
                    self.attach();
                }
                Err(failure) => {
                    self.loading.set(false);
                    self.missing.set(true);
                    if failure.is_signed_out() {
                        go_to_sign_in();
                    }
                }
            }
        });
    }

    fn clear(self, id: Option<String>) {
        self.next_turn();
        self.conversation_turn.set_value(self.conversation_turn.get_value().wrapping_add(1));
        self.older.set(String::new());
        self.loading_older.set(false);
        self.grown_above.set_value(false);
        self.entries.set(Vec::new());
        self.conversation.set(id);
        self.at_end.set(true);
        self.loading.set(false);
        self.missing.set(false);
        self.busy.set(false);
        if !self.limited.get_untracked() {
            self.waiting_for.set(String::new());
        }
        self.failure.set(String::new());
        self.announcement.set(String::new());
    }

    /// Shows a stored conversation.
    pub fn show(self, conversation: Conversation) {
        self.workspace.learn(conversation.summary());
        self.workspace.turn_to(conversation.picked, conversation.offered);
        self.clear(Some(conversation.id));
        self.older.set(conversation.next_cursor.unwrap_or_default());
        self.entries.set(conversation.messages.into_iter().map(|message| self.entry(message)).collect());
    }

    /// Loads the messages before those on the screen, unless that is being done.
    pub fn load_older(self) {
        if !self.loading_older.get_untracked() && !self.older.read_untracked().is_empty() {
            self.loading_older.set(true);
            talk::load_older(self, self.conversation_turn.get_value());
        }
    }

    /// Puts messages before those on the screen.
    pub(super) fn put_before(self, older: Conversation) {
        let mut entries: Vec<Entry> = older.messages.into_iter().map(|message| self.entry(message)).collect();
        entries.append(&mut self.entries.get_untracked());
        self.grown_above.set_value(true);
        self.older.set(older.next_cursor.unwrap_or_default());
        self.entries.set(entries);
    }

    /// Says what went wrong, unless the page is gone.
    pub(super) fn fail(self, failure: Failure) {
        let failure = failure.or_text(Text::Unreachable);
        self.failure_code.try_set(failure.code);
        self.failure.try_set(failure.text);
    }

    /// Whether the conversation is the one that is shown; then there is nothing to load.
    #[must_use]
    pub fn shows(self, id: Option<&String>) -> bool {
        self.conversation.read_untracked().as_ref() == id
    }

    /// Follows the last reply, if it is still being written.
    pub fn attach(self) {
        let Some(entry) = self.entries.read_untracked().last().cloned() else { return };
        if !self.busy.get_untracked() && entry.message.read_untracked().state == MessageState::Running {
            self.busy.set(true);
            self.stopping.set(false);
            talk::attach(self, self.next_turn(), entry);
        }
    }

    /// Looks at the conversation again if the server has another last message than the screen, unless something is being
    /// written here: then it is followed, or would be lost.
    pub fn catch_up(self) {
        if self.busy.get_untracked() || self.loading.get_untracked() || self.is_editing() {
            return;
        }
        let entries = self.entries.read_untracked();
        let latest = self.workspace.latest.read_untracked();
        let Some(last) = entries.last() else { return };
        let last = last.message.read_untracked();
        if *latest != state_of(&last.id, last.state) {
            talk::catch_up(self, self.turn.get_value());
        }
    }

    /// Puts a text into the composer, for the user to go on with.
    pub fn write(self, text: String) {
        self.draft.set(text);
        focus_composer();
    }

    /// Puts the message with this key, or rather this text of it, into the editor, once its code is there.
    pub fn edit(self, key: u32, text: String) {
        spawn_local(async move {
            match load_editor().await {
                Ok(()) if self.edited.try_set(text).is_none() => self.set_edited(Some(key)),
                Ok(()) => {}
                Err(_) => self.fail(Failure::default()),
            }
        });
    }

    /// Whether a message is in the editor.
    pub fn is_editing(self) -> bool {
        self.entries.read_untracked().iter().any(|entry| entry.editing.get_untracked())
    }

    /// Closes the editor.
    pub fn leave_editor(self) {
        self.set_edited(None);
    }

    fn set_edited(self, key: Option<u32>) {
        for entry in &*self.entries.read_untracked() {
            entry.editing.set(Some(entry.key) == key);
        }
    }

    /// Sends what the composer holds now: what is typed on while the code for it comes is the next message.
    pub fn send(self) {
        focus_composer();
        let text = std::mem::take(&mut *self.draft.write());
        // Those that are being read belong to it too, and it waits for them.
        let is_complete = self.reading.get_value() == 0;
        let images = if is_complete { std::mem::take(&mut *self.images.write()) } else { Vec::new() };
        talk::ask(self, Question::Draft(Draft { text, images }));
    }

    /// Puts what was not sent back into the composer, above what was typed meanwhile.
    pub(super) fn put_back(self, Draft { text, images }: Draft) {
        let Some(typed) = self.draft.try_get_untracked() else { return };
        self.draft.set(if typed.is_empty() { text } else { format!("{text}\n{typed}") });
        self.images.update(|shown| drop(shown.splice(0..0, images)));
    }

    /// Sends what the editor holds, in the place of the message that it edits.
    pub fn send_edited(self) {
        talk::ask(self, Question::Edited(self.edited.get_untracked()));
    }

    /// Asks the last question again, and for another answer than one that was kept.
    pub fn try_again(self) {
        talk::ask(self, Question::Again(None));
    }

    /// Stops the reply that is being written, or as soon as it begins.
    pub fn stop(self) {
        self.stopping.set(true);
        focus_composer();
        let id = self.entries.read_untracked().last().map(|reply| reply.message.read_untracked().id.clone());
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            talk::stop(self, id);
        }
    }

    pub(super) fn entry(self, message: Message) -> Entry {
        let key = self.keys.get_value() + 1;
        self.keys.set_value(key);
        Entry { key, message: ArcRwSignal::new(message), editing: ArcRwSignal::new(false) }
    }

    pub(super) fn next_turn(self) -> u32 {
        let turn = self.turn.get_value().wrapping_add(1);
        self.turn.set_value(turn);
        turn
    }

    /// Changes with the conversation; `None` when the page is gone.
    pub(super) fn conversation_turn(self) -> Option<u32> {
        self.conversation_turn.try_get_value()
    }

    /// Whether the thread still shows the conversation that it did at `turn`, whatever was sent since.
    pub(super) fn is_at_conversation(self, turn: u32) -> bool {
        self.conversation_turn.try_get_value() == Some(turn)
    }

    /// Whether the thread still shows what it did at `turn`. Not so when the page is gone.
    pub(super) fn is_at(self, turn: u32) -> bool {
        self.turn.try_get_value() == Some(turn)
    }
}
