//! The routes of `/v1`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::http::HeaderMap;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::future::ready;
use futures::stream::{self, BoxStream};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::chunks::Completion;
use super::error::V1Error;
use super::images::{__path_create_images, create_images};
use super::leash::Leash;
use super::request::{ANY_MODEL, CompletionRequest};
use super::schemas::{ChatCompletion, ChatCompletionChunk, Model, Models};
use crate::account::server::Account;
use crate::account::server::caller::{Caller, READ, SPEND, Scoped};
use crate::api_docs::{Refusal, Spending};
use crate::chat::server::Chat;
use crate::chat::server::providers::Turn;
use crate::chat::server::send::{Accepted, Terms};
use crate::chat::{ChatEvent, DoneEvent, ErrorEvent, FallbackEvent, StartEvent, TokenEvent};
use crate::credits::server::store::Idempotency;
use crate::generation::check_key;
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{ApiError, ApiJson, event_stream, idempotency_key, with_quota_of_success};
use crate::platform::http::keep_alive::{json_once_taken, keep_alive};
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::jobs::JobEvent;
use crate::platform::limits::Slot;

type Events = BoxStream<'static, Arc<JobEvent>>;

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
    let router = router.method_not_allowed_fallback(async || V1Error(AppError::MethodNotAllowed));
    OpenApiRouter::with_openapi(api).merge(router.into())
}

/// The answer to any other path under `/v1`.
pub fn not_found() -> Response {
    V1Error(AppError::NotFound).into_response()
}

/// Lists the models.
#[utoipa::path(get, path = "/v1/models", tag = "For clients of OpenAI",
    responses((status = 200, description = "All that can be asked; `tessera` is whoever answers first.", body = Models)))]
async fn list_models(
    State(chat): State<Chat>,
    caller: Result<Scoped<{ SPEND | READ }>, ApiError>,
) -> Result<Json<Value>, V1Error> {
    caller?;
    Ok(Json(json!({ "object": "list", "data": models(&chat) })))
}

/// Reads one model. A name may hold slashes.
#[utoipa::path(get, path = "/v1/models/{*name}", tag = "For clients of OpenAI",
    params(("name" = String, Path, description = "The model's name.")),
    responses((status = 200, description = "The model.", body = Model)))]
async fn show_model(
    State(chat): State<Chat>,
    caller: Result<Scoped<{ SPEND | READ }>, ApiError>,
    Path(name): Path<String>,
) -> Result<Json<Value>, V1Error> {
    caller?;
    let found = models(&chat).into_iter().find(|model| model["id"] == name.as_str());
    found.map(Json).ok_or_else(|| V1Error(AppError::invalid("model", format!("The model `{name}` does not exist."))))
}

/// The one that stands for all of them, then each by name. When a model was made is not known; clients want a number.
fn models(chat: &Chat) -> Vec<Value> {
    let model = |id: &str, owner: &str| json!({ "id": id, "object": "model", "created": 0, "owned_by": owner });
    let own = chat.providers.iter().map(|provider| model(&provider.model(), provider.name()));
    let painters = chat.images.providers.iter().map(|provider| model(&provider.model(), provider.name()));
    std::iter::once(model(ANY_MODEL, "tessera")).chain(own).chain(painters).collect()
}

/// Asks a model as clients of `OpenAI` do.
///
/// Costs what a message costs, by the same rules. With `stream: true` the answer comes in chunks, ended by `[DONE]`. Closing
/// the connection stops the work, and what it had not taken is free. A whole answer with an `Idempotency-Key` goes on and
/// waits for the same key. One that takes longer than 15 s has white space before it.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "For clients of OpenAI",
    request_body(content = CompletionRequest,
        example = json!({"model": "tessera", "messages": [{"role": "user", "content": "What is a tessera?"}]})),
    responses((status = 200, description = "The whole answer, or its chunks as they come.", content(
        (ChatCompletion = "application/json"), (ChatCompletionChunk = "text/event-stream"))),
        Spending, Refusal::<404>))]
async fn create_completion(
    State(chat): State<Chat>,
    caller: Result<Scoped<SPEND>, ApiError>,
    headers: HeaderMap,
    body: Result<ApiJson<CompletionRequest>, ApiError>,
) -> Result<Response, V1Error> {
    let begun = Instant::now();
    let Scoped(caller) = caller?;
    let ApiJson(request, bytes) = body?;
    let idempotency = idempotency_key(&headers)?.map(|key| check_key(key, &bytes)).transpose()?;
    let (is_stream, with_usage) = (request.is_stream(), request.wants_usage());
    let slot = is_stream.then(|| chat.generation.jobs.watchers.take(caller.id)).transpose()?;
    let (turns, terms) = request.read(&chat).await?;
    let (asked, leash) = ask(&chat, &caller, turns, terms, idempotency).await?;
    // It may be megabytes, and the answer may take minutes.
    drop(bytes);
    let events = chat.subscribe(caller.id, asked.reply, None).await?.ok_or(AppError::Internal)?;
    let (model, first, events) = await_first_word(&chat, events).await?;
    let created = now_millis() / 1000;
    let completion = Completion { id: asked.reply, model, created, with_usage };
    let events = stream::once(async { first }).chain(events).boxed();
    let response = if is_stream {
        stream_answer(completion, events, leash, slot)
    } else {
        // Somebody answers, so a success is to be expected.
        keep_alive(begun, ready(()), async move {
            let collected = collect_answer(events, &leash).await;
            let answer = collected
                .and_then(|(text, done)| json_once_taken(&completion.whole(&text, &done), move || leash.hand_over()));
            answer.unwrap_or_else(|error| V1Error(error).into_response())
        })
        .await
    };
    Ok(with_quota_of_success(response, asked.quota))
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
            ChatEvent::THINKING => {}
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

/// Passes the tokens on as they come. Dropped with the connection, and the leash with it.
fn stream_answer(completion: Completion, events: Events, leash: Leash<DoneEvent>, slot: Option<Slot>) -> Response {
    let chunks = stream::unfold(Some((completion, events, leash, true)), |streaming| async move {
        let (completion, mut events, mut leash, is_first) = streaming?;
        if is_first {
            // What the connection asks for counts from here on.
            if !leash.take() {
                return Some((vec![V1Error(AppError::Unavailable).body().to_string()], None));
            }
            return Some((vec![completion.first_chunk()], Some((completion, events, leash, false))));
        }
        loop {
            let Some(event) = events.next().await else {
                return Some((vec![V1Error(AppError::Unavailable).body().to_string()], None));
            };
            match event.name.as_ref() {
                ChatEvent::TOKEN => {
                    if let Some(chunk) = completion.token_chunk(&event.data) {
                        return Some((vec![chunk], Some((completion, events, leash, false))));
                    }
                }
                ChatEvent::DONE => {
                    let Ok(done) = read::<DoneEvent>(&event) else { return None };
                    leash.let_go();
                    return Some((completion.last_chunks(&done), None));
                }
                ChatEvent::ERROR => {
                    return Some((vec![V1Error(error_in(&event)).body().to_string()], None));
                }
                _ => {}
            }
        }
    });
    event_stream(chunks.flat_map(stream::iter).map(|chunk| Event::default().data(chunk)), "no-cache", slot)
}
