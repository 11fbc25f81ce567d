//! The routes of Responses.

use std::collections::hash_map::Entry;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRef, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::answer::answer;
use super::super::error::V1Error;
use super::super::open::Open;
use super::super::options::Manner;
use super::request::{Needed, ResponseRequest};
use super::schemas::{DeletedResponse, InputItems, ModelResponse, ResponseStreamEvent};
use super::store::StoredResponse;
use super::writer::ResponseWriter;
use super::{Past, Responses};
use crate::account::server::Account;
use crate::account::server::caller::{MANAGE, READ, SPEND};
use crate::api_docs::{Refusal, Spending};
use crate::chat::server::Chat;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{ApiError, JsonBody, page_limit, read_json};
use crate::platform::http::fields::ApiQuery;
use crate::platform::http::uploads::on_bytes;
use crate::platform::ids::UserId;

/// Items of a list, where nothing else is asked for.
const USUAL_PAGE: usize = 20;

pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Chat: FromRef<S>,
    Responses: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(create_response))
        .routes(routes!(show_response, delete_response))
        .routes(routes!(cancel_response))
        .routes(routes!(list_input_items))
}

/// Create a response (OpenAI-compatible).
///
/// Costs the same as `POST /v1/chat/completions`, by the same rules. With `stream: true` the answer comes in named events that
/// end with `response.completed`. It is kept for 30 days for `previous_response_id`, unless `store` is `false`.
#[utoipa::path(post, path = "/v1/responses", tag = "OpenAI-compatible API",
    params(("Cache-Control" = Option<String>, Header, description = "`no-cache`: don’t answer from the cache.")),
    request_body(content = ResponseRequest,
        example = json!({"model": "tessera", "input": "What is a tessera?"})),
    responses((status = 200, description = "The complete response, or a stream of its events.", content(
        (ModelResponse = "application/json"), (ResponseStreamEvent = "text/event-stream"))),
        Spending, Refusal::<404>))]
async fn create_response(
    State(responses): State<Responses>,
    caller: Result<Open<SPEND>, ApiError>,
    headers: HeaderMap,
    body: Result<JsonBody, ApiError>,
) -> Result<Response, V1Error> {
    let Open(caller) = caller?;
    let body = body?;
    let past = responses.look_back(caller.id, &body.bytes).await?;
    let (user, kept_in) = (caller.id, responses.clone());
    let read = move |body: &Bytes, chat: &Chat, manner: Manner| {
        let read = read_json::<ResponseRequest<'_>>(body)?.read(body, chat, manner, &past)?;
        let previous = past.chain.last().map(|last| last.id);
        Ok(ResponseWriter::of(read, kept_in, user, previous))
    };
    answer(responses.chat, caller, &headers, body, read).await
}

impl Responses {
    /// Finds what a request goes on with, if it may be kept.
    async fn look_back(&self, user: UserId, body: &Bytes) -> Result<Past, V1Error> {
        let read = body.clone();
        let needed = on_bytes(body.len(), move || Needed::of(&read)).await??;
        if needed.is_kept {
            self.check_size(body.len())?;
        }
        let mut past = Past::default();
        if let Some(previous) = needed.previous {
            past.chain = self.find_chain(user, &previous).await?;
        }
        for name in needed.items {
            if let Entry::Vacant(place) = past.items.entry(name) {
                let item = self.find_item(user, place.key()).await?;
                place.insert(item);
            }
        }
        Ok(past)
    }
}

/// How a response is wanted.
#[derive(Debug, Deserialize)]
struct View {
    stream: Option<String>,
}

/// Get a response (OpenAI-compatible).
#[utoipa::path(get, path = "/v1/responses/{id}", tag = "OpenAI-compatible API",
    params(("id" = String, Path, description = "Name of the response.")),
    responses((status = 200, description = "The response.", body = ModelResponse), Refusal::<404>))]
async fn show_response(
    State(responses): State<Responses>,
    caller: Result<Open<{ SPEND | READ }>, ApiError>,
    Path(name): Path<String>,
    view: Result<ApiQuery<View>, ApiError>,
) -> Result<Json<Value>, V1Error> {
    let Open(caller) = caller?;
    let ApiQuery(View { stream }) = view?;
    if stream.is_some_and(|stream| stream == "true") {
        return Err(AppError::invalid("stream", "It is told as a whole: leave it out.").into());
    }
    shown(&responses.find_named(caller.id, &name).await?)
}

/// Delete a response (OpenAI-compatible).
#[utoipa::path(delete, path = "/v1/responses/{id}", tag = "OpenAI-compatible API",
    params(("id" = String, Path, description = "Name of the response.")),
    responses((status = 200, description = "It is gone.", body = DeletedResponse), Refusal::<404>))]
async fn delete_response(
    State(responses): State<Responses>,
    caller: Result<Open<{ SPEND | MANAGE }>, ApiError>,
    Path(name): Path<String>,
) -> Result<Json<Value>, V1Error> {
    let Open(caller) = caller?;
    let found = responses.find_named(caller.id, &name).await?;
    responses.store.delete(caller.id, found.id).await.map_err(AppError::from)?;
    Ok(Json(json!({ "id": name, "object": "response", "deleted": true })))
}

/// Cancel a response (OpenAI-compatible).
///
/// Every response that is kept has come to its end, so nothing changes. Closing the connection stops one that is being made.
#[utoipa::path(post, path = "/v1/responses/{id}/cancel", tag = "OpenAI-compatible API",
    params(("id" = String, Path, description = "Name of the response.")),
    responses((status = 200, description = "The response as it is.", body = ModelResponse), Refusal::<404>))]
async fn cancel_response(
    State(responses): State<Responses>,
    caller: Result<Open<{ SPEND | MANAGE }>, ApiError>,
    Path(name): Path<String>,
) -> Result<Json<Value>, V1Error> {
    let Open(caller) = caller?;
    shown(&responses.find_named(caller.id, &name).await?)
}

/// Which items are wanted.
#[derive(Debug, Deserialize)]
struct ItemPage {
    limit: Option<String>,
    order: Option<String>,
    after: Option<String>,
}

/// List the items that a response was asked (OpenAI-compatible).
///
/// Without those of the response that it goes on with.
#[utoipa::path(get, path = "/v1/responses/{id}/input_items", tag = "OpenAI-compatible API",
    params(("id" = String, Path, description = "Name of the response."),
        ("limit" = Option<u32>, Query, description = "1 to 100, else 20."),
        ("order" = Option<String>, Query, description = "`desc`, which is the default, or `asc`."),
        ("after" = Option<String>, Query, description = "Name of the item before the first.")),
    responses((status = 200, description = "The items.", body = InputItems), Refusal::<404>))]
async fn list_input_items(
    State(responses): State<Responses>,
    caller: Result<Open<{ SPEND | READ }>, ApiError>,
    Path(name): Path<String>,
    page: Result<ApiQuery<ItemPage>, ApiError>,
) -> Result<Json<Value>, V1Error> {
    let Open(caller) = caller?;
    let ApiQuery(page) = page?;
    let found = responses.find_named(caller.id, &name).await?;
    Ok(Json(page_of(found.input_items()?, &page)?))
}

fn page_of(mut items: Vec<Value>, page: &ItemPage) -> AppResult<Value> {
    let limit = page_limit(page.limit.as_deref(), USUAL_PAGE)?;
    match page.order.as_deref() {
        None | Some("desc") => items.reverse(),
        Some("asc") => {}
        Some(_) => return Err(AppError::invalid("order", "The order is asc or desc.")),
    }
    if let Some(after) = page.after.as_deref() {
        let place = items.iter().position(|item| item["id"] == after);
        let place = place.ok_or_else(|| AppError::invalid("after", "There is no such item."))?;
        items.drain(..=place);
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    let name = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    let (first, last) = (name(items.first()), name(items.last()));
    Ok(json!({ "object": "list", "data": items, "first_id": first, "last_id": last, "has_more": has_more }))
}

fn shown(stored: &StoredResponse) -> Result<Json<Value>, V1Error> {
    let response = serde_json::from_str(&stored.response).map_err(|_| AppError::Internal)?;
    Ok(Json(response))
}
