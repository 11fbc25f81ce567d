//! How a context is answered, in whatever dialect it was asked: the hold, the limits, the keep-alives and the leash of the
//! connection are here, once. A [`Dialect`] only writes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::error::V1Error;
use super::leash::Leash;
use super::options::Manner;
use super::request::Wanted;
use crate::account::server::caller::Caller;
use crate::chat::server::Chat;
use crate::chat::server::providers::Turn;
use crate::chat::server::send::{Accepted, Terms};
use crate::chat::{CallEvent, ChatEvent, DoneEvent, ErrorEvent, FallbackEvent, StartEvent, ThinkingEvent, TokenEvent};
use crate::credits::server::store::Idempotency;
use crate::generation::check_key;
use crate::i18n::{current_language, in_language};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::accept::wants_fresh;
use crate::platform::http::envelope::{ApiError, JsonBody, KEEP_ALIVE, idempotency_key, with_quota_of_success};
use crate::platform::http::event_stream::{Event, event_stream};
use crate::platform::http::keep_alive::{json_once_taken, keep_alive};
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::http::uploads::on_bytes;
use crate::platform::ids::MessageId;
use crate::platform::jobs::JobEvent;
use crate::platform::limits::{Quota, Slot};

type Events = BoxStream<'static, Arc<JobEvent>>;
type Opening = BoxFuture<'static, AppResult<(Opened, Quota)>>;

/// How an answer is written: one of these for each.
pub(super) trait Dialect: Send + Sync + 'static {
    /// The field that what was said is in.
    const TURNS: &str = "messages";
    /// It is known who answers.
    fn open(&mut self, id: MessageId, model: String);
    /// The events before the text.
    fn begin(&mut self) -> Vec<Event>;
    /// Those of a `token` event; none for what is none.
    fn token(&mut self, data: &str) -> Vec<Event>;
    /// Those of what the model thinks, which comes before the text, or in the middle of it.
    fn thought(&mut self, _piece: &ThinkingEvent) -> Vec<Event> {
        Vec::new()
    }
    /// Those of a call of a tool that goes on, or begins.
    fn call(&mut self, call: CallEvent) -> Vec<Event>;
    /// The events after the text.
    fn end(&mut self, done: &DoneEvent) -> Vec<Event>;
    /// Those of an answer that breaks off, perhaps before it is known who answers.
    fn break_off(&mut self, error: &V1Error) -> Vec<Event>;
    /// The whole answer; what it calls is in `done`.
    fn whole(&mut self, text: &str, done: &DoneEvent) -> Value;
    /// A failure, where nothing was sent but white space.
    fn refuse(&self, error: V1Error) -> Response;
    /// The field that a turn was read from.
    fn place(&self, turn: usize) -> String;
    /// Keeps what was written, once it is paid for.
    fn keep(self) -> BoxFuture<'static, ()>
    where
        Self: Sized,
    {
        std::future::ready(()).boxed()
    }
}

/// Answers what `read` makes of a body.
pub(super) async fn answer<D, R>(
    chat: Chat,
    caller: Caller,
    headers: &HeaderMap,
    body: JsonBody,
    read: R,
) -> Result<Response, V1Error>
where
    D: Dialect,
    R: FnOnce(&Bytes, &Chat, Manner) -> Result<(Wanted, D), V1Error> + Send + 'static,
{
    let shop = chat.site.public_url.clone();
    let answered = try_answer(chat, caller, headers, body, read).await;
    answered.map_err(|error| error.about(D::TURNS).with_shop(&shop))
}

async fn try_answer<D, R>(
    chat: Chat,
    caller: Caller,
    headers: &HeaderMap,
    body: JsonBody,
    read: R,
) -> Result<Response, V1Error>
where
    D: Dialect,
    R: FnOnce(&Bytes, &Chat, Manner) -> Result<(Wanted, D), V1Error> + Send + 'static,
{
    let begun = Instant::now();
    let JsonBody { bytes, permit } = body;
    let length = bytes.len();
    let (key, asked) = (idempotency_key(headers)?, chat.clone());
    let manner = Manner { fresh: wants_fresh(headers), may_repeat: key.is_some() };
    let read = move || {
        let (wanted, dialect) = read(&bytes, &asked, manner)?;
        Ok::<_, V1Error>((wanted, dialect, key.map(|key| check_key(key, &bytes)).transpose()?))
    };
    let (mut wanted, dialect, idempotency) = on_bytes(length, read).await??;
    let is_stream = wanted.is_stream;
    let slot = is_stream.then(|| chat.generation.jobs.watchers.take(caller.id)).transpose()?;
    wanted.look_at(|turn| dialect.place(turn)).await?;
    let shop = chat.site.public_url.clone();
    let opening = async move {
        let opened = open(&chat, &caller, wanted, idempotency).await;
        // What was sent is stored; the answer may take minutes.
        drop(permit);
        opened
    };
    // It may have to go on outside of the handler.
    let mut opening = in_request(current_request_id(), in_language(current_language(), opening)).boxed();
    tokio::select! {
        biased;
        // A failure before anything was sent has its own status, which is what clients raise their errors by.
        opened = &mut opening => {
            let (opened, quota) = opened?;
            let response = if is_stream {
                stream_answer(Stage::Opened(opened), Writer { dialect, shop }, slot)
            } else {
                keep_alive(begun, answer_whole(opened, Writer { dialect, shop })).await
            };
            Ok(with_quota_of_success(response, quota))
        }
        () = sleep_until(begun + KEEP_ALIVE) => Ok(if is_stream {
            stream_answer(Stage::Silent(opening), Writer { dialect, shop }, slot)
        } else {
            keep_alive(begun, async move {
                let writer = Writer { dialect, shop };
                match opening.await {
                    Ok((opened, _)) => answer_whole(opened, writer).await,
                    Err(error) => writer.refuse(error),
                }
            })
            .await
        }),
    }
}

/// A dialect, and where there are more credits.
struct Writer<D> {
    dialect: D,
    shop: Url,
}

impl<D: Dialect> Writer<D> {
    fn refuse(&self, error: AppError) -> Response {
        self.dialect.refuse(V1Error::from(error).about(D::TURNS).with_shop(&self.shop))
    }

    fn break_off(&mut self, error: AppError) -> Vec<Event> {
        self.dialect.break_off(&V1Error::from(error).about(D::TURNS).with_shop(&self.shop))
    }
}

/// An answer that has begun.
struct Opened {
    id: MessageId,
    model: String,
    events: Events,
    leash: Leash<DoneEvent>,
}

/// Asks, and waits until it is known who answers.
async fn open(
    chat: &Chat,
    caller: &Caller,
    wanted: Wanted,
    idempotency: Option<Idempotency>,
) -> AppResult<(Opened, Quota)> {
    let Wanted { turns, terms, .. } = wanted;
    let (asked, leash) = ask(chat, caller, turns, terms, idempotency).await?;
    let events = chat.subscribe(caller.id, asked.reply, None).await?.ok_or(AppError::Internal)?;
    let (model, first, events) = await_first_word(events).await?;
    let events = stream::once(async { first }).chain(events).boxed();
    Ok((Opened { id: asked.reply, model, events, leash }, asked.quota))
}

/// The whole answer in one piece.
async fn answer_whole<D: Dialect>(opened: Opened, mut writer: Writer<D>) -> Response {
    let Opened { id, model, events, leash } = opened;
    writer.dialect.open(id, model);
    let (text, done) = match collect_answer(events, &leash).await {
        Ok(collected) => collected,
        Err(error) => return writer.refuse(error),
    };
    let whole = writer.dialect.whole(&text, &done);
    let kept = in_request(current_request_id(), writer.dialect.keep());
    let take = move || async move {
        let is_paid = leash.hand_over().await;
        // Nobody reads later what was not paid for.
        if is_paid {
            _ = tokio::spawn(kept).await;
        }
        is_paid
    };
    match json_once_taken(&whole, take) {
        Ok(response) => response,
        Err(error) => ApiError(error).into_response(),
    }
}

/// Asks, and ties the work to this connection: for a client of `/v1` nobody else could look at the answer.
async fn ask(
    chat: &Chat,
    caller: &Caller,
    turns: Vec<Turn>,
    mut terms: Terms,
    idempotency: Option<Idempotency>,
) -> AppResult<(Accepted, Leash<DoneEvent>)> {
    let (answer, answered) = oneshot::channel();
    let (chat, caller) = (chat.clone(), caller.clone());
    let mut leash = Leash::new(&chat, idempotency.is_some());
    terms.delivery = leash.delivery();
    // A task of its own: the client may go away in the middle of it, when the work has begun and nobody knows its id.
    tokio::spawn(in_request(current_request_id(), async move {
        let asked = chat.complete(&caller, turns, terms, idempotency).await;
        let leashed = asked.map(|asked| {
            if asked.is_new {
                leash.hold(asked.reply);
            }
            (asked, leash)
        });
        // Nobody there: the leash is dropped with the answer.
        drop(answer.send(leashed));
    }));
    answered.await.map_err(|_| AppError::Internal)?
}

/// Waits until it is known who answers, so that a failure before that has its own status. Returns the model, and the
/// event that told.
async fn await_first_word(mut events: Events) -> AppResult<(String, Arc<JobEvent>, Events)> {
    let mut model = String::new();
    while let Some(event) = events.next().await {
        match event.name.as_ref() {
            ChatEvent::START => model = read::<StartEvent>(&event)?.model,
            ChatEvent::FALLBACK => {
                model = read::<FallbackEvent>(&event)?.model;
            }
            ChatEvent::ERROR => return Err(error_in(&event)),
            ChatEvent::SHORTENED | ChatEvent::USAGE => {}
            // Before the answer has begun, nothing is told of it.
            ChatEvent::THINKING if thought_in(&event).is_none() => {}
            _ => return Ok((model, event, events)),
        }
    }
    Err(AppError::Unavailable)
}

/// The whole answer: of the job, which waits until it is taken, or as it is stored.
async fn collect_answer(mut events: Events, leash: &Leash<DoneEvent>) -> AppResult<(String, DoneEvent)> {
    let (mut text, mut thoughts) = (String::new(), Vec::new());
    loop {
        let event = tokio::select! {
            biased;
            done = leash.result() => return Ok((done.reply.clone().unwrap_or_default(), done)),
            event = events.next() => event.ok_or(AppError::Unavailable)?,
        };
        match event.name.as_ref() {
            ChatEvent::TOKEN => text.push_str(&read::<TokenEvent>(&event)?.text),
            ChatEvent::THINKING => thoughts.extend(thought_in(&event)),
            ChatEvent::ERROR => return Err(error_in(&event)),
            ChatEvent::DONE => {
                let mut done: DoneEvent = read(&event)?;
                if done.thoughts.is_empty() {
                    done.thoughts = thoughts;
                }
                // Who comes late gets it all at once.
                let text = done.reply.clone().unwrap_or(text);
                return Ok((text, done));
            }
            _ => {}
        }
    }
}

/// The error that an event tells of.
fn error_in(event: &JobEvent) -> AppError {
    match read(event) {
        Ok(ErrorEvent { code, error, retry_after_secs, .. }) => {
            AppError::from_answer(&code, error).after(retry_after_secs)
        }
        Err(error) => error,
    }
}

/// What is thought, where that is told.
fn thought_in(event: &JobEvent) -> Option<ThinkingEvent> {
    read(event).ok().filter(|piece: &ThinkingEvent| !piece.text.is_empty() || piece.seal.is_some())
}

fn read<'a, T: serde::Deserialize<'a>>(event: &'a JobEvent) -> AppResult<T> {
    serde_json::from_str(&event.data).map_err(|_| AppError::Internal)
}

/// How far a stream is.
enum Stage {
    /// It is not known yet who answers, and something is due.
    Silent(Opening),
    Waiting(Opening),
    /// What the connection asks for counts from here on.
    Opened(Opened),
    Coming(Opened),
}

impl Stage {
    /// What leaves next, and how it goes on.
    async fn go_on<D: Dialect>(self, mut writer: Writer<D>) -> (Vec<Event>, Option<(Self, Writer<D>)>) {
        let mut opened = match self {
            Self::Silent(opening) => return (vec![Event::comment()], Some((Self::Waiting(opening), writer))),
            Self::Waiting(opening) => match opening.await {
                Ok((opened, _)) => return (Vec::new(), Some((Self::Opened(opened), writer))),
                Err(error) => return (writer.break_off(error), None),
            },
            Self::Opened(mut opened) => {
                if !opened.leash.take() {
                    return (writer.break_off(AppError::Unavailable), None);
                }
                writer.dialect.open(opened.id, std::mem::take(&mut opened.model));
                return (writer.dialect.begin(), Some((Self::Coming(opened), writer)));
            }
            Self::Coming(opened) => opened,
        };
        loop {
            let Some(event) = opened.events.next().await else {
                return (writer.break_off(AppError::Unavailable), None);
            };
            match event.name.as_ref() {
                ChatEvent::TOKEN => {
                    let events = writer.dialect.token(&event.data);
                    if !events.is_empty() {
                        return (events, Some((Self::Coming(opened), writer)));
                    }
                }
                ChatEvent::THINKING => {
                    let events = thought_in(&event).map(|piece| writer.dialect.thought(&piece)).unwrap_or_default();
                    if !events.is_empty() {
                        return (events, Some((Self::Coming(opened), writer)));
                    }
                }
                ChatEvent::CALL => {
                    let events = read(&event).map(|call| writer.dialect.call(call)).unwrap_or_default();
                    if !events.is_empty() {
                        return (events, Some((Self::Coming(opened), writer)));
                    }
                }
                ChatEvent::DONE => {
                    let Ok(done) = read::<DoneEvent>(&event) else { return (Vec::new(), None) };
                    opened.leash.let_go();
                    let events = writer.dialect.end(&done);
                    // It is paid for, whether the connection still is there or not.
                    _ = tokio::spawn(in_request(current_request_id(), writer.dialect.keep())).await;
                    return (events, None);
                }
                ChatEvent::ERROR => return (writer.break_off(error_in(&event)), None),
                _ => {}
            }
        }
    }
}

/// Passes the tokens on as they come. Dropped with the connection, and the leash with it.
fn stream_answer<D: Dialect>(stage: Stage, writer: Writer<D>, slot: Option<Slot>) -> Response {
    let events = stream::unfold(Some((stage, writer)), |going_on| async move {
        let (stage, writer) = going_on?;
        Some(stage.go_on(writer).await)
    });
    event_stream(events.flat_map(stream::iter), slot)
}
