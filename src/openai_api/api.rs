//! The routes of `/v1`.

use std::collections::HashSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRef, Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::answer;
use super::chunks::Completion;
use super::embeddings::{__path_create_embeddings, create_embeddings};
use super::error::V1Error;
use super::images::{__path_create_images, create_images};
use super::messages::{self, MessagesError};
use super::open::Open;
use super::options::Manner;
use super::request::{CompletionRequest, Wanted};
use super::responses::{self, Responses};
use super::schemas::{ChatCompletion, ChatCompletionChunk, Model, Models};
use crate::account::server::Account;
use crate::account::server::caller::{Caller, READ, SPEND};
use crate::api_docs::{Refusal, Spending};
use crate::chat::server::Chat;
use crate::chat::{ANY_MODEL, ProviderInfo, provider_label};
use crate::credits::server::store::WorkKind;
use crate::platform::error::AppError;
use crate::platform::http::envelope::{ApiError, JsonBody};

/// What is served under `/v1`.
const SERVED: [&str; 12] = [
    "GET /v1/models",
    "GET /v1/models/{name}",
    "POST /v1/chat/completions",
    "POST /v1/images/generations",
    "POST /v1/embeddings",
    "POST /v1/messages",
    "POST /v1/messages/count_tokens",
    "POST /v1/responses",
    "GET /v1/responses/{id}",
    "DELETE /v1/responses/{id}",
    "POST /v1/responses/{id}/cancel",
    "GET /v1/responses/{id}/input_items",
];

/// The routes of this feature.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Chat: FromRef<S>,
    Responses: FromRef<S>,
{
    let (router, api) = OpenApiRouter::new()
        .routes(routes!(list_models))
        .routes(routes!(show_model))
        .routes(routes!(create_completion))
        .routes(routes!(create_images))
        .routes(routes!(create_embeddings))
        .merge(messages::routes())
        .merge(responses::routes())
        .split_for_parts();
    let router = router.method_not_allowed_fallback(async |method: Method, uri: Uri| {
        unserved(AppError::MethodNotAllowed, &method, uri.path())
    });
    OpenApiRouter::with_openapi(api).merge(router.into())
}

/// Whether a path is one of `/v1`, served or not.
#[must_use]
pub fn is_v1(path: &str) -> bool {
    path.strip_prefix("/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// An error as the clients of this path of `/v1` know it.
pub fn refuse(error: impl Into<V1Error>, path: &str) -> Response {
    let error = error.into();
    if messages::is_path(path) { MessagesError::from(error).into_response() } else { error.into_response() }
}

/// Clients of Anthropic may send the key as `x-api-key`, which counts where both are there.
pub fn take_key(headers: &mut HeaderMap) {
    let Some(key) = headers.remove("x-api-key").filter(|key| !key.is_empty()) else { return };
    if let Ok(mut bearer) = HeaderValue::from_bytes(&[b"Bearer ", key.as_bytes()].concat()) {
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
}

/// The path that a client of Anthropic means whose base URL ends in `/v1` though it adds that itself.
#[must_use]
pub fn meant_path(path: &str) -> Option<&str> {
    let asks_anthropic =
        |rest: &&str| messages::is_path(rest) || *rest == "/v1/models" || rest.starts_with("/v1/models/");
    path.strip_prefix("/v1").filter(asks_anthropic)
}

/// The answer to any other path under `/v1`.
pub fn not_found(method: &Method, path: &str) -> Response {
    unserved(AppError::NotFound, method, path)
}

fn unserved(error: AppError, method: &Method, path: &str) -> Response {
    refuse(V1Error::unserved(error, method, path, &SERVED), path)
}

/// List chat models (OpenAI-compatible).
///
/// Anthropic's clients read it as well.
#[utoipa::path(get, path = "/v1/models", tag = "OpenAI-compatible API",
    responses((status = 200, description = "All chat models and aliases; `tessera` stands for the first provider that answers.", body = Models)))]
async fn list_models(
    State(chat): State<Chat>,
    caller: Result<Open<{ SPEND | READ }>, ApiError>,
) -> Result<Json<Value>, V1Error> {
    let Open(caller) = caller?;
    let models = chat_models(&chat, &caller);
    let name = |model: Option<&Value>| model.map_or(Value::Null, |model| model["id"].clone());
    let (first, last) = (name(models.first()), name(models.last()));
    Ok(Json(json!({ "object": "list", "data": models, "has_more": false, "first_id": first, "last_id": last })))
}

/// Get a model (OpenAI-compatible).
///
/// Also finds image models, and chat models by `provider/model`. Names may contain slashes.
#[utoipa::path(get, path = "/v1/models/{*name}", tag = "OpenAI-compatible API",
    params(("name" = String, Path, description = "Name of the model.")),
    responses((status = 200, description = "The model.", body = Model)))]
async fn show_model(
    State(chat): State<Chat>,
    caller: Result<Open<{ SPEND | READ }>, ApiError>,
    Path(name): Path<String>,
) -> Result<Json<Value>, V1Error> {
    let Open(caller) = caller?;
    let painters = chat.generation.open(WorkKind::Image, &chat.images.providers, &caller);
    let painters = painters.iter().map(|provider| model(&provider.model(), provider.name(), None));
    let found = chat_models(&chat, &caller).into_iter().chain(painters).find(|model| model["id"] == name.as_str());
    let found = found.or_else(|| {
        let picked = chat.models.now().pick(&name)?;
        let info = chat.list_providers(&caller).into_iter().find(|info| info.name == picked.choice)?;
        Some(model(&name, &info.provider, Some(&info)))
    });
    found
        .map(Json)
        .ok_or_else(|| V1Error::from(AppError::invalid("model", format!("The model `{name}` does not exist."))))
}

/// The one that stands for all of them, then each by name, as far as it can chat: one whose file is missing does not, and one
/// that makes images never does.
fn chat_models(chat: &Chat, caller: &Caller) -> Vec<Value> {
    let mut seen = HashSet::new();
    let all = chat.list_providers(caller);
    let now = chat.models.now();
    let is_there = |one: &&ProviderInfo| {
        now.find(&one.provider, &one.model).is_some_and(|model| model.provider.problem().is_none())
    };
    let (aliases, models): (Vec<_>, Vec<_>) = all.iter().filter(is_there).partition(|one| one.is_alias);
    let any = std::iter::once(model(ANY_MODEL, "tessera", None));
    let aliases = aliases.into_iter().map(|one| model(&one.name, "tessera", Some(one)));
    // Who asks for one that several have gets the first of them, unless it is asked for as `provider/model`.
    let models = models.into_iter().map(|one| model(&one.model, &one.provider, Some(one)));
    let embedders = chat.embedders(caller);
    let embeds = embedders.iter().filter_map(|provider| Some((provider.embedding_model()?, provider.name())));
    let embeds = embeds.map(|(id, owner)| {
        let mut model = model(id, owner, None);
        model["kind"] = "embedding".into();
        model
    });
    let embeds: Vec<_> = embeds.filter(|model| seen.insert(model["id"].clone())).collect();
    let chats = any.chain(aliases).chain(models).filter(|model| seen.insert(model["id"].clone()));
    chats.chain(embeds).collect()
}

/// As clients of `OpenAI` and those of Anthropic know it. When a model was made is not known; clients want a time.
fn model(id: &str, owner: &str, info: Option<&ProviderInfo>) -> Value {
    let mut told = json!({
        "id": id, "object": "model", "created": 0, "owned_by": owner,
        "type": "model", "display_name": id, "created_at": "1970-01-01T00:00:00Z",
    });
    if let (Some(info), Some(told)) = (info, told.as_object_mut()) {
        let tessera = json!({
            "price": info.price, "sees_images": info.sees_images, "thinks": info.thinks, "calls_tools": info.calls_tools,
        });
        let more = [
            (
                "display_name",
                Some(Value::from(if info.label == provider_label(&info.provider) { id } else { &info.label })),
            ),
            ("context_length", info.context_tokens.map(Value::from)),
            ("max_output_tokens", info.max_output_tokens.map(Value::from)),
            ("tessera", Some(tessera)),
        ];
        told.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    told
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
    caller: Result<Open<SPEND>, ApiError>,
    headers: HeaderMap,
    body: Result<JsonBody, ApiError>,
) -> Result<Response, V1Error> {
    let Open(caller) = caller?;
    let read = |body: &Bytes, chat: &Chat, manner: Manner| {
        let wanted = Wanted::of(body, chat, manner)?;
        let completion = Completion::new(wanted.with_usage, wanted.own_limit);
        Ok((wanted, completion))
    };
    answer(chat, caller, &headers, body?, read).await
}
