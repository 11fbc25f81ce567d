//! The routes of `/v1`.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::chunks::Completion;
use super::error::V1Error;
use super::images::{__path_create_images, create_images};
use super::leash::Leash;
use super::request::{ANY_MODEL, CompletionRequest, Wanted};
use super::schemas::{ChatCompletion, ChatCompletionChunk, Model, Models};
use crate::account::server::Account;
use crate::account::server::caller::{Caller, READ, SPEND, Scoped};
use crate::api_docs::{Refusal, Spending};
use crate::chat::server::Chat;
use crate::chat::server::providers::Turn;
use crate::chat::server::send::{Accepted, Terms};
use crate::chat::{ChatEvent, DoneEvent, ErrorEvent, FallbackEvent, StartEvent, TokenEvent};
use crate::credits::server::store::{Idempotency, WorkKind};
use crate::flags::Flag;
use crate::generation::check_key;
use crate::i18n::{current_language, in_language};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::accept::wants_fresh;
use crate::platform::http::envelope::{ApiError, JsonBody, KEEP_ALIVE, idempotency_key, with_quota_of_success};
use crate::platform::http::event_stream::{Event, event_stream};
use crate::platform::http::keep_alive::{json_once_taken, keep_alive};
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::http::uploads::on_bytes;
use crate::platform::jobs::JobEvent;
use crate::platform::limits::{Quota, Slot};

type Events = BoxStream<'static, Arc<JobEvent>>;

/// What is served under `/v1`.
const SERVED: [&str; 4] =
    ["GET /v1/models", "GET /v1/models/{name}", "POST /v1/chat/completions", "POST /v1/images/generations"];

/// The routes of this feature.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Chat: FromRef<S>,
{
    let (router, api) = OpenApiRouter::new()
        .routes(routes!(list_models))
        .routes(routes!(show_model))
        .routes(routes!(create_completion))
        .routes(routes!(create_images))
        .split_for_parts();
    let router = router.method_not_allowed_fallback(async |method: Method, uri: Uri| {
        V1Error::unserved(AppError::MethodNotAllowed, &method, uri.path(), &SERVED)
    });
    OpenApiRouter::with_openapi(api).merge(router.into())
}

/// Whether a path is one of `/v1`, served or not.
#[must_use]
pub fn is_v1(path: &str) -> bool {
    path.strip_prefix("/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The answer to any other path under `/v1`.
pub fn not_found(method: &Method, path: &str) -> Response {
    V1Error::unserved(AppError::NotFound, method, path, &SERVED).into_response()
}

/// List chat models (OpenAI-compatible).
#[utoipa::path(get, path = "/v1/models", tag = "OpenAI-compatible API",
    responses((status = 200, description = "All chat models; `tessera` stands for the first provider that answers.", body = Models)))]
async fn list_models(
    State(chat): State<Chat>,
    caller: Result<Scoped<{ SPEND | READ }>, ApiError>,
) -> Result<Json<Value>, V1Error> {
    let Scoped(caller) = caller?;
    check_open(&chat, &caller)?;
    Ok(Json(json!({ "object": "list", "data": chat_models(&chat, &caller) })))
}

/// Get a model (OpenAI-compatible).
///
/// Also finds image models. Names may contain slashes.
#[utoipa::path(get, path = "/v1/models/{*name}", tag = "OpenAI-compatible API",
    params(("name" = String, Path, description = "Name of the model.")),
    responses((status = 200, description = "The model.", body = Model)))]
async fn show_model(
    State(chat): State<Chat>,
    caller: Result<Scoped<{ SPEND | READ }>, ApiError>,
    Path(name): Path<String>,
) -> Result<Json<Value>, V1Error> {
    let Scoped(caller) = caller?;
    check_open(&chat, &caller)?;
    let painters = chat.generation.open(WorkKind::Image, &chat.images.providers, &caller);
    let painters = painters.iter().map(|provider| model(&provider.model(), provider.name()));
    let found = chat_models(&chat, &caller).into_iter().chain(painters).find(|model| model["id"] == name.as_str());
    found
        .map(Json)
        .ok_or_else(|| V1Error::from(AppError::invalid("model", format!("The model `{name}` does not exist."))))
}

/// That somebody may use these routes.
pub(super) fn check_open(chat: &Chat, caller: &Caller) -> AppResult<()> {
    chat.generation.flags.check(Flag::V1, caller)
}

/// The one that stands for all of them, then each by name, as far as it can chat: one whose file is missing does not, and one
/// that makes images never does.
fn chat_models(chat: &Chat, caller: &Caller) -> Vec<Value> {
    let mut seen = HashSet::new();
    let open = chat.generation.open(WorkKind::Chat, &chat.providers, caller);
    let able = open.iter().filter(|provider| provider.problem().is_none());
    let own = able.map(|provider| (provider.model(), provider.name()));
    let all = std::iter::once((ANY_MODEL.to_owned(), "tessera")).chain(own);
    all.filter(|(id, _)| seen.insert(id.clone())).map(|(id, owner)| model(&id, owner)).collect()
}

/// When a model was made is not known; clients want a number.
fn model(id: &str, owner: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": owner })
}

/// Create a chat completion (OpenAI-compatible).
///
/// Costs the same as a message, by the same rules. With `stream: true` the answer comes in chunks that end with `[DONE]`.
/// Closing the connection stops the work, and what was not delivered is free. With an `Idempotency-Key`, a complete answer is
/// finished anyway and kept for a retry with the same key. Responses that take longer than 15 s are preceded by white space
/// (streams: by a comment), and a failure after that is reported in the body. Unsupported parameters are refused by name, free
/// of charge. `Cache-Control: no-cache` asks for a fresh answer.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "OpenAI-compatible API",
    params(("Cache-Control" = Option<String>, Header, description = "`no-cache`: don’t answer from the cache.")),
    request_body(content = CompletionRequest,
        example = json!({"model": "tessera", "messages": [{"role": "user", "content": "What is a tessera?"}]})),
    responses((status = 200, description = "The complete answer, or a stream of its chunks.", content(
        (ChatCompletion = "application/json"), (ChatCompletionChunk = "text/event-stream"))),
        Spending, Refusal::<404>))]
async fn create_completion(
    State(chat): State<Chat>,
    caller: Result<Scoped<SPEND>, ApiError>,
    headers: HeaderMap,
    body: Result<JsonBody, ApiError>,
) -> Result<Response, V1Error> {
    let begun = Instant::now();
    let Scoped(caller) = caller?;
    check_open(&chat, &caller)?;
    let JsonBody { bytes, permit } = body?;
    let length = bytes.len();
    let (key, fresh, asked) = (idempotency_key(&headers)?, wants_fresh(&headers), chat.clone());
    let read = move || {
        let wanted = Wanted::of(&bytes, &asked, fresh)?;
        Ok::<_, V1Error>((wanted, key.map(|key| check_key(key, &bytes)).transpose()?))
    };
    let (mut wanted, idempotency) = on_bytes(length, read).await??;
    let is_stream = wanted.is_stream;
    let slot = is_stream.then(|| chat.generation.jobs.watchers.take(caller.id)).transpose()?;
    wanted.look().await?;
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
                stream_answer(Stage::Opened(opened), slot)
            } else {
                keep_alive(begun, answer_whole(opened)).await
            };
            Ok(with_quota_of_success(response, quota))
        }
        () = sleep_until(begun + KEEP_ALIVE) => Ok(if is_stream {
            stream_answer(Stage::Silent(opening), slot)
        } else {
            keep_alive(begun, async move {
                match opening.await {
                    Ok((opened, _)) => answer_whole(opened).await,
                    Err(error) => V1Error::from(error).into_response(),
                }
            })
            .await
        }),
    }
}

/// An answer that has begun.
struct Opened {
    completion: Completion,
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
    let Wanted { turns, terms, own_limit, with_usage, .. } = wanted;
    let (asked, leash) = ask(chat, caller, turns, terms, idempotency).await?;
    let events = chat.subscribe(caller.id, asked.reply, None).await?.ok_or(AppError::Internal)?;
    let (model, first, events) = await_first_word(chat, events).await?;
    let created = now_millis() / 1000;
    let completion = Completion { id: asked.reply, model, created, with_usage, own_limit };
    let events = stream::once(async { first }).chain(events).boxed();
    Ok((Opened { completion, events, leash }, asked.quota))
}

/// The whole answer in one piece.
async fn answer_whole(opened: Opened) -> Response {
    let Opened { completion, events, leash } = opened;
    let collected = collect_answer(events, &leash).await;
    let answer =
        collected.and_then(|(text, done)| json_once_taken(&completion.whole(&text, &done), move || leash.hand_over()));
    answer.unwrap_or_else(|error| V1Error::from(error).into_response())
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
async fn await_first_word(chat: &Chat, mut events: Events) -> AppResult<(String, Arc<JobEvent>, Events)> {
    let mut model = String::new();
    while let Some(event) = events.next().await {
        match event.name.as_ref() {
            ChatEvent::START => model = read::<StartEvent>(&event)?.model,
            ChatEvent::FALLBACK => {
                let to = read::<FallbackEvent>(&event)?.to;
                let provider = chat.providers.iter().find(|provider| provider.name() == to);
                model = provider.map(|provider| provider.model()).unwrap_or(to);
            }
            ChatEvent::ERROR => return Err(error_in(&event)),
            ChatEvent::THINKING | ChatEvent::SHORTENED | ChatEvent::USAGE => {}
            _ => return Ok((model, event, events)),
        }
    }
    Err(AppError::Unavailable)
}

/// The whole answer: of the job, which waits until it is taken, or as it is stored.
async fn collect_answer(mut events: Events, leash: &Leash<DoneEvent>) -> AppResult<(String, DoneEvent)> {
    let mut text = String::new();
    loop {
        let event = tokio::select! {
            biased;
            done = leash.result() => return Ok((done.reply.clone().unwrap_or_default(), done)),
            event = events.next() => event.ok_or(AppError::Unavailable)?,
        };
        match event.name.as_ref() {
            ChatEvent::TOKEN => text.push_str(&read::<TokenEvent>(&event)?.text),
            ChatEvent::ERROR => return Err(error_in(&event)),
            ChatEvent::DONE => {
                let done: DoneEvent = read(&event)?;
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
        Ok(ErrorEvent { code, error, .. }) => AppError::from_answer(&code, error),
        Err(error) => error,
    }
}

fn read<'a, T: serde::Deserialize<'a>>(event: &'a JobEvent) -> AppResult<T> {
    serde_json::from_str(&event.data).map_err(|_| AppError::Internal)
}

/// How far a stream is.
enum Stage {
    /// It is not known yet who answers, and something is due.
    Silent(BoxFuture<'static, AppResult<(Opened, Quota)>>),
    Waiting(BoxFuture<'static, AppResult<(Opened, Quota)>>),
    /// What the connection asks for counts from here on.
    Opened(Opened),
    Coming(Opened),
}

impl Stage {
    /// What leaves next, and how it goes on.
    async fn go_on(self) -> (Vec<Event>, Option<Self>) {
        let failed = |error: AppError| (vec![Event::of_data(&V1Error::from(error).body().to_string())], None);
        let Opened { completion, mut events, leash } = match self {
            Self::Silent(opening) => return (vec![Event::comment()], Some(Self::Waiting(opening))),
            Self::Waiting(opening) => match opening.await {
                Ok((opened, _)) => return (Vec::new(), Some(Self::Opened(opened))),
                Err(error) => return failed(error),
            },
            Self::Opened(mut opened) => {
                if !opened.leash.take() {
                    return failed(AppError::Unavailable);
                }
                return (vec![Event::of_data(&opened.completion.first_chunk())], Some(Self::Coming(opened)));
            }
            Self::Coming(opened) => opened,
        };
        loop {
            let Some(event) = events.next().await else { return failed(AppError::Unavailable) };
            match event.name.as_ref() {
                ChatEvent::TOKEN => {
                    if let Some(chunk) = completion.token_chunk(&event.data) {
                        let going_on = Self::Coming(Opened { completion, events, leash });
                        return (vec![Event::of_data(&chunk)], Some(going_on));
                    }
                }
                ChatEvent::DONE => {
                    let Ok(done) = read::<DoneEvent>(&event) else { return (Vec::new(), None) };
                    leash.let_go();
                    let chunks = completion.last_chunks(&done).into_iter();
                    return (chunks.map(|chunk| Event::of_data(&chunk)).collect(), None);
                }
                ChatEvent::ERROR => return failed(error_in(&event)),
                _ => {}
            }
        }
    }
}

/// Passes the tokens on as they come. Dropped with the connection, and the leash with it.
fn stream_answer(stage: Stage, slot: Option<Slot>) -> Response {
    let events = stream::unfold(Some(stage), |stage| async move { Some(stage?.go_on().await) });
    event_stream(events.flat_map(stream::iter), slot)
}
