//! Watching a reply, from the start or from where one was cut off, while it runs and after it has ended.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::time::sleep;
use uuid::Uuid;

use super::reply::{error_event, job_event};
use super::service::find_reply;
use super::store::StoredReply;
use super::{ChatEvent, DoneEvent, MessageState, StartEvent, TokenEvent};
use crate::error::{AppError, AppResult};
use crate::server::jobs::{JobEvent, Position};
use crate::server::request::current_request_id;
use crate::server::state::AppState;

/// How often a reply that another process writes (or wrote, before it died) is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The events of a reply after `from`; `None` when the watcher has seen them all.
///
/// # Errors
/// [`AppError::NotFound`] also for somebody else's reply.
pub async fn watch_reply(
    state: &AppState,
    user: Uuid,
    id: Uuid,
    from: Option<Position>,
) -> AppResult<Option<BoxStream<'static, Arc<JobEvent>>>> {
    // Before anything else: the job may end between this and the look into the store.
    let job = state.jobs.get(id);
    let found = find_reply(state, user, id).await;
    if from == Some(Position::End) {
        return found.map(|_| None);
    }
    if let Some(job) = job {
        found?;
        let unseen = job.watch().filter(move |event| std::future::ready(from.is_none_or(|from| event.position > from)));
        return Ok(Some(unseen.boxed()));
    }
    let seen = match from {
        Some(Position::At(bytes)) => usize::try_from(bytes).unwrap_or(usize::MAX),
        _ => 0,
    };
    found?;
    let state = state.clone();
    let stored = stream::once(async move {
        let events = match await_end(&state, user, id).await {
            Ok(reply) => stored_events(&state, user, &reply, from.is_none(), seen).await,
            Err(error) => vec![job_event(&error_event(&error), Position::End)],
        };
        stream::iter(events.into_iter().map(Arc::new))
    });
    Ok(Some(stored.flatten().boxed()))
}

/// Waits until a reply has ended, wherever it is written.
///
/// # Errors
/// [`AppError::NotFound`], also when it is deleted meanwhile.
pub(super) async fn await_end(state: &AppState, user: Uuid, id: Uuid) -> AppResult<StoredReply> {
    if let Some(job) = state.jobs.get(id) {
        job.closed().await;
    }
    // A repeated request may come before the first has stored its reply.
    let mut patience = 10;
    loop {
        match find_reply(state, user, id).await {
            Ok(reply) if reply.message.state != MessageState::Running => return Ok(reply),
            Ok(_) => {}
            Err(AppError::NotFound) if patience > 0 => patience -= 1,
            Err(error) => return Err(error),
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The events of a reply that has ended, made from what is stored of it.
async fn stored_events(
    state: &AppState,
    user: Uuid,
    reply: &StoredReply,
    from_start: bool,
    seen: usize,
) -> Vec<JobEvent> {
    let message = &reply.message;
    let mut events = Vec::new();
    if from_start {
        let start = ChatEvent::Start(StartEvent {
            message_id: message.id.clone(),
            conversation_id: reply.conversation.to_string(),
            provider: message.provider.clone().unwrap_or_default(),
            model: message.model.clone().unwrap_or_default(),
            credits: state.config.credits.chat,
        });
        events.push(job_event(&start, Position::At(0)));
    }
    if let Some(text) = message.content.get(seen..).filter(|text| !text.is_empty()) {
        let token = ChatEvent::Token(TokenEvent { text: text.to_owned() });
        events.push(job_event(&token, Position::At(message.content.len() as u64)));
    }
    let end = match message.state {
        MessageState::Complete | MessageState::Stopped => {
            match state.credits.balance(user, &current_request_id()).await {
                Ok(balance) => ChatEvent::Done(DoneEvent {
                    reply: Some(message.content.clone()),
                    cached: message.cached,
                    remaining_credits: balance.available,
                    credits: message.credits,
                    usage: message.usage,
                }),
                Err(error) => error_event(&error.into()),
            }
        }
        _ => error_event(&AppError::from_code(message.error_code.as_deref().unwrap_or_default())),
    };
    events.push(job_event(&end, Position::End));
    events
}
