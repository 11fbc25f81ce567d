//! Watching a reply, from the start or from where one was cut off, while it runs and after it has ended.
//!
//! A reply that runs here is watched through its job. One that another server writes is followed through two sources:
//! the feed of jobs tells it token by token but may lose events or be gone; the store has the text up to a second ago
//! and decides when it is over. Positions are bytes of the text, so whatever comes from either is cut to what the
//! watcher has not seen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at};

use super::Chat;
use super::events::error_event;
use super::store::StoredReply;
use crate::chat::{ChatEvent, DoneEvent, FallbackEvent, MessageState, StartEvent, Thinking, TokenEvent};
use crate::generation::{LOOK_EVERY, Look, MOST_FAILURES, encode};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{MessageId, UserId};
use crate::platform::jobs::{JobEvent, Position};

/// How long the feed may take to tell of an end that the store knows already.
const END_GRACE: Duration = Duration::from_millis(200);

impl Chat {
    /// The events of a reply after `from`; `None` when the watcher has seen them all.
    ///
    /// # Errors
    /// [`AppError::NotFound`] also for somebody else's reply.
    pub async fn subscribe(
        &self,
        user: UserId,
        id: MessageId,
        from: Option<Position>,
    ) -> AppResult<Option<BoxStream<'static, Arc<JobEvent>>>> {
        // Before the look into the store: the job may end between the two.
        if let Some(events) = self.generation.own_events(user, id, from) {
            return Ok(Some(events));
        }
        let reply = self.find_reply(user, id).await?;
        if from == Some(Position::End) {
            return Ok(None);
        }
        let start = if from.is_none() { Some(start_event(self, user, id, &reply).await?) } else { None };
        let mut follower = Follower::new(self, user, id, from, &reply, start);
        if reply.message.state != MessageState::Running {
            // It is as it will be: there is nothing more to look for.
            follower.take(&reply).await;
        }
        let events = stream::unfold(follower, |mut follower| async move { Some((follower.next().await?, follower)) });
        Ok(Some(events.map(Arc::new).boxed()))
    }

    /// Waits until a reply has ended, wherever it is written.
    ///
    /// # Errors
    /// [`AppError::NotFound`], also when it is deleted meanwhile.
    pub(super) async fn await_end(&self, user: UserId, id: MessageId) -> AppResult<StoredReply> {
        let look = || async {
            let reply = self.find_reply(user, id).await?;
            Ok(if reply.message.state == MessageState::Running { Look::Running } else { Look::Ended(reply) })
        };
        self.generation.await_end(id, look).await
    }
}

/// One watcher of a reply that does not run here.
struct Follower {
    chat: Chat,
    user: UserId,
    id: MessageId,
    from_start: bool,
    /// Who answers, as far as the watcher was told.
    provider: Option<String>,
    feed: Option<BoxStream<'static, JobEvent>>,
    looks: Interval,
    failures: u32,
    /// Bytes of the text that the watcher has.
    seen: usize,
    /// Pieces of what was thought that the watcher was told, if it is to be.
    thoughts: Option<u32>,
    /// Tokens from beyond a gap, by the position of their end. What is missing comes from the store.
    early: BTreeMap<u64, JobEvent>,
    /// How the feed says that it ended.
    told_end: Option<JobEvent>,
    /// The store says that it ended, and the feed has had no time yet to say how.
    is_grace: bool,
    ready: VecDeque<JobEvent>,
    is_over: bool,
}

impl Follower {
    fn new(
        chat: &Chat,
        user: UserId,
        id: MessageId,
        from: Option<Position>,
        reply: &StoredReply,
        start: Option<JobEvent>,
    ) -> Self {
        let seen = match from {
            Some(Position::At(bytes)) => usize::try_from(bytes).unwrap_or(usize::MAX),
            _ => 0,
        };
        let is_running = reply.message.state == MessageState::Running;
        let feed = is_running.then(|| chat.generation.jobs.read_elsewhere(id)).flatten();
        // With a feed, the first word is its own: it knows more.
        let mut looks =
            if feed.is_some() { interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY) } else { interval(LOOK_EVERY) };
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            chat: chat.clone(),
            user,
            id,
            from_start: from.is_none(),
            provider: reply.message.provider.clone(),
            feed,
            looks,
            failures: 0,
            seen,
            thoughts: from.is_none().then_some(0),
            early: BTreeMap::new(),
            told_end: None,
            is_grace: false,
            ready: start.into_iter().collect(),
            is_over: false,
        }
    }

    async fn next(&mut self) -> Option<JobEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.is_over |= event.position == Position::End;
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            let told = tokio::select! {
                told = next_of(self.feed.as_mut()) => Some(told),
                _ = self.looks.tick() => None,
            };
            match told {
                Some(Some(event)) => self.hear(event).await,
                Some(None) => self.feed = None,
                None => self.look().await,
            }
        }
    }

    /// What the feed says.
    async fn hear(&mut self, event: JobEvent) {
        match event.position {
            Position::End => {
                self.told_end = Some(event);
                // The store has what the feed may have lost, and the last word.
                self.look().await;
            }
            Position::At(end) if event.name == ChatEvent::TOKEN => {
                self.early.insert(end, event);
                self.catch_up();
            }
            Position::At(_) if event.name == ChatEvent::FALLBACK => {
                // The feed begins with the beginning; the store may be further.
                match serde_json::from_str(&event.data) {
                    Ok(FallbackEvent { from, to, model }) if self.provider.as_ref() == Some(&from) => {
                        self.fall_back(Some(&to), &model);
                    }
                    _ => {}
                }
            }
            // Where the watcher is: the text before it may be missing yet.
            Position::At(_) if event.name == ChatEvent::USAGE => {
                let position = Position::At(u64::try_from(self.seen).unwrap_or(u64::MAX));
                self.ready.push_back(JobEvent { position, ..event });
            }
            // As the fallback: what comes in the middle of the text is in the store at the end.
            Position::At(_) if event.name == ChatEvent::THINKING && self.from_start && self.seen == 0 => {
                let is_told = event.data.contains("\"millis\"");
                self.thoughts = self.thoughts.map(|told| told + u32::from(is_told));
                self.ready.push_back(event);
            }
            // The start was made from the store.
            Position::At(_) => {}
        }
    }

    /// Tells who answers now. Only before the first token: after it, it is always the same.
    fn fall_back(&mut self, to: Option<&str>, model: &str) {
        if to == self.provider.as_deref() || !self.from_start || self.seen > 0 {
            return;
        }
        if let (Some(from), Some(to)) = (self.provider.clone(), to.map(str::to_owned)) {
            let fallback = ChatEvent::Fallback(FallbackEvent { from, to: to.clone(), model: model.to_owned() });
            self.ready.push_back(encode(&fallback, 0));
            self.provider = Some(to);
        }
    }

    /// Passes on the tokens that go on where the watcher is.
    fn catch_up(&mut self) {
        while let Some(first) = self.early.first_entry() {
            let end = usize::try_from(*first.key()).unwrap_or(usize::MAX);
            let text =
                serde_json::from_str(&first.get().data).map_or_else(|_| String::new(), |TokenEvent { text }| text);
            let start = end.saturating_sub(text.len());
            if start > self.seen {
                return;
            }
            let whole = first.remove();
            if start == self.seen && end > start {
                self.ready.push_back(whole);
                self.seen = end;
            } else if end > self.seen {
                self.pass_on(text.get(self.seen - start..), end);
            }
        }
    }

    /// What the store says.
    async fn look(&mut self) {
        let reply = match self.chat.find_reply(self.user, self.id).await {
            Ok(reply) => reply,
            Err(error) => {
                self.failures += 1;
                if error == AppError::NotFound || self.failures > MOST_FAILURES {
                    self.ready.push_back(encode(&error_event(&error), 0));
                }
                return;
            }
        };
        self.failures = 0;
        self.take(&reply).await;
    }

    /// Goes on with what is stored.
    async fn take(&mut self, reply: &StoredReply) {
        let has_ended = reply.message.state != MessageState::Running;
        if has_ended && self.told_end.is_none() && self.feed.is_some() && !self.is_grace {
            self.is_grace = true;
            self.looks.reset_after(END_GRACE);
            return;
        }
        self.fall_back(reply.message.provider.as_deref(), reply.message.model.as_deref().unwrap_or_default());
        let text = &reply.message.content;
        if let Some(thinking) = reply.message.thinking.clone().filter(|_| self.thoughts == Some(0)) {
            self.thoughts = None;
            self.ready.push_back(encode(&ChatEvent::Thinking(thinking.piece()), self.seen as u64));
        }
        if text.len() > self.seen {
            self.pass_on(text.get(self.seen..), text.len());
            self.catch_up();
        }
        if has_ended {
            let end = match self.told_end.take() {
                Some(told) => told,
                None => end_event(&self.chat, self.user, reply).await,
            };
            self.ready.push_back(end);
        } else if self.early.is_empty() && self.told_end.as_ref().is_some_and(|end| end.name == ChatEvent::ERROR) {
            // Its writer could not even store that it has failed; the sweeper will.
            self.ready.extend(self.told_end.take());
        }
    }

    /// `None` for a position inside a character, which was never one of ours: nothing can be made of it.
    fn pass_on(&mut self, text: Option<&str>, end: usize) {
        if let Some(text) = text {
            let token = ChatEvent::Token(TokenEvent { text: text.to_owned() });
            self.ready.push_back(encode(&token, end as u64));
        }
        self.seen = end;
    }
}

async fn next_of(feed: Option<&mut BoxStream<'static, JobEvent>>) -> Option<JobEvent> {
    match feed {
        Some(feed) => feed.next().await,
        None => std::future::pending().await,
    }
}

/// The first event, made from what is stored.
async fn start_event(chat: &Chat, user: UserId, id: MessageId, reply: &StoredReply) -> AppResult<JobEvent> {
    let message = &reply.message;
    let start = ChatEvent::Start(StartEvent {
        message_id: message.id.clone(),
        conversation_id: reply.conversation.to_string(),
        provider: message.provider.clone().unwrap_or_default(),
        model: message.model.clone().unwrap_or_default(),
        credits: if message.cached { Amount::ZERO } else { price_of(chat, user, id, reply).await? },
    });
    Ok(encode(&start, 0))
}

/// What was held for a reply, or for the image that it shows: prices may have changed since. A copy costs nothing.
async fn price_of(chat: &Chat, user: UserId, id: MessageId, reply: &StoredReply) -> AppResult<Amount> {
    if let Some(price) = chat.generation.held_ceiling(user, id).await? {
        return Ok(price);
    }
    let price = match chat.images.store.find_shown(reply.conversation, id).await? {
        Some(image) => chat.generation.held_ceiling(user, image).await?,
        None => None,
    };
    Ok(price.unwrap_or(reply.message.credits))
}

/// The last event of a reply that has ended, made from what is stored.
async fn end_event(chat: &Chat, user: UserId, reply: &StoredReply) -> JobEvent {
    let message = &reply.message;
    let end = match message.state {
        MessageState::Complete | MessageState::Stopped => {
            match chat.generation.credits.balance(user.into(), &current_request_id()).await {
                Ok(balance) => ChatEvent::Done(DoneEvent {
                    reply: Some(message.content.clone()),
                    calls: message.calls.clone(),
                    thoughts: message.thinking.clone().map(Thinking::piece).into_iter().collect(),
                    cached: message.cached,
                    cut: message.cut,
                    cut_reason: message.cut_reason,
                    remaining_credits: balance.available,
                    credits: message.credits,
                    usage: message.usage,
                }),
                Err(error) => error_event(&error.into()),
            }
        }
        _ => error_event(&AppError::from_code(message.error_code.as_deref().unwrap_or_default())),
    };
    encode(&end, 0)
}
