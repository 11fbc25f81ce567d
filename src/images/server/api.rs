//! `/api/image` and `/api/images`.

use axum::extract::{FromRef, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::StreamExt;
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Images;
use super::order::ImageSpec;
use super::service::IMAGES_PAGE;
use super::storage::Rendition;
use super::store::ImageFilter;
use super::subscribe::error_of;
use super::{avatar, forms};
use crate::account::server::Account;
use crate::account::server::caller::{Caller, MANAGE, READ, SPEND, Scoped};
use crate::api_docs::{Refusal, Spending};
use crate::credits::Page;
use crate::generation::check_key;
use crate::images::{
    DeletedImages, Image, ImageChange, ImageDetail, ImageEvent, ImageRequest, ImageSelection, ImageStatus, ImageTicket,
    Studio,
};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{
    Answer, ApiError, ApiJson, ApiResult, Envelope, Nothing, PathId, idempotency_key, page_limit, with_quota,
    with_quota_of_success,
};
use crate::platform::http::event_stream::{Event, event_stream};
use crate::platform::http::fields::ApiQuery;
use crate::platform::http::keep_alive::keep_alive;
use crate::platform::ids::{ImageId, UserId};
use crate::platform::jobs::Position;
use crate::platform::site::Site;

/// The routes of this feature.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Images: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .merge(avatar::api::routes())
        .routes(routes!(show_studio, make))
        .routes(routes!(list))
        .routes(routes!(show, change, delete))
        .routes(routes!(delete_several))
        .routes(routes!(watch))
        .routes(routes!(stop))
        .routes(routes!(show_file))
        .routes(routes!(show_thumbnail))
        .route("/images", post(forms::submit))
        .route("/images/{id}", post(forms::submit_change))
}

/// Get image options: providers, aspect ratios and price.
#[utoipa::path(get, path = "/api/image", operation_id = "show_studio", tag = "Images",
    responses((status = 200, description = "The options.", body = Envelope<Studio>)))]
async fn show_studio(State(images): State<Images>, _: Scoped<{ SPEND | READ }>) -> Answer<Studio> {
    Answer(images.load_studio())
}

/// Create an image.
///
/// The price is put on hold first and charged when the image is stored: no image, no charge. The response comes at once and
/// names the image. With `Prefer: wait` it comes when the image is finished, preceded by white space from 15 s on; a failure
/// after that is reported in the body of a 200. Closing the connection doesn’t stop the work; only `stop` does.
#[utoipa::path(post, path = "/api/image", operation_id = "make_image", tag = "Images",
    params(("Prefer" = Option<String>, Header, description = "`wait`: respond when the image is finished.")),
    request_body(content = ImageRequest, example = json!({"prompt": "A lighthouse at dusk", "aspectRatio": "16:9"})),
    responses((status = 202, description = "The image is in progress.", body = Envelope<ImageTicket>),
        (status = 200, description = "With `Prefer: wait`: the finished image.", body = Envelope<Image>),
        Spending, Refusal::<422>))]
async fn make(
    State(images): State<Images>,
    Scoped(caller): Scoped<SPEND>,
    headers: HeaderMap,
    ApiJson(request): ApiJson<ImageRequest>,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    // Over the parsed request, so that white space between the fields does not matter.
    let canonical = serde_json::to_vec(&request).map_err(|_| AppError::Internal)?;
    let idempotency = idempotency_key(&headers)?.map(|key| check_key(key, &canonical)).transpose()?;
    let wish = ImageSpec::read(&images, request)?;
    let price = wish.price(&images);
    let ordered = images.generate_image(&caller, wish, idempotency).await?;
    if !wants_to_wait(&headers) {
        let (status, credits) = if ordered.is_new {
            (ImageStatus::Running, price)
        } else {
            let image = images.find_image(caller.id, ordered.id).await?;
            // It may have been ordered when, or where, it had another price.
            let price = images.generation.held_ceiling(caller.id, ordered.id).await?;
            (image.status, price.ok_or(AppError::NotFound)?)
        };
        let ticket = ImageTicket { id: ordered.id.to_string(), status, credits };
        return Ok(with_quota((StatusCode::ACCEPTED, Answer(ticket)).into_response(), ordered.quota));
    }
    let work = async move {
        let image = images.await_end(caller.id, ordered.id).await;
        let shown = image.and_then(|image| error_of(&image).map_or(Ok(Answer(image)), Err));
        shown.map_err(ApiError).into_response()
    };
    let mut response = with_quota_of_success(keep_alive(begun, work).await, ordered.quota);
    response.headers_mut().insert(HeaderName::from_static("preference-applied"), HeaderValue::from_static("wait"));
    Ok(response)
}

/// RFC 7240: `Prefer: wait`, also `wait=60`, among other preferences.
fn wants_to_wait(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences
        .flat_map(|value| value.split([',', ';']))
        .any(|preference| preference.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("wait")))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Images on the page: 1 to 100.
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// Only images whose prompt contains this.
    q: Option<String>,
    /// `true`: only favorites.
    favorites: Option<String>,
}

/// List images, newest first.
#[utoipa::path(get, path = "/api/images", operation_id = "list_images", tag = "Images", params(ListQuery),
    responses((status = 200, description = "One page of the list.", body = Envelope<Page<Image>>)))]
async fn list(
    State(images): State<Images>,
    caller: Caller,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Page<Image>> {
    let limit = page_limit(query.limit.as_deref(), IMAGES_PAGE)?;
    let favorites_only = match query.favorites.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(AppError::invalid("favorites", "favorites is true or false.").into()),
    };
    let filter = ImageFilter { query: query.q.unwrap_or_default(), favorites_only };
    Ok(Answer(images.list_images(caller.id, filter, query.cursor.as_deref(), limit).await?))
}

/// Get an image.
///
/// Also works while the image is still in progress.
#[utoipa::path(get, path = "/api/images/{id}", operation_id = "read_image", tag = "Images",
    params(("id" = Uuid, Path, description = "ID of the image.")),
    responses((status = 200, description = "The image.", body = Envelope<ImageDetail>)))]
async fn show(
    State(images): State<Images>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
    PathId(id): PathId<ImageId>,
) -> ApiResult<ImageDetail> {
    Ok(Answer(images.load_image(caller.id, &id.to_string()).await?))
}

/// Add an image to favorites, or remove it.
#[utoipa::path(patch, path = "/api/images/{id}", operation_id = "change_image", tag = "Images",
    params(("id" = Uuid, Path, description = "ID of the image.")),
    request_body(content = ImageChange, example = json!({"favorite": true})),
    responses((status = 200, description = "Updated.", body = Envelope<Image>)))]
async fn change(
    State(images): State<Images>,
    caller: Caller,
    PathId(id): PathId<ImageId>,
    ApiJson(change): ApiJson<ImageChange>,
) -> ApiResult<Image> {
    Ok(Answer(images.change_image(caller.id, id, change).await?))
}

/// Delete an image and its files.
#[utoipa::path(delete, path = "/api/images/{id}", operation_id = "delete_image", tag = "Images",
    params(("id" = Uuid, Path, description = "ID of the image.")),
    responses((status = 200, description = "Deleted.", body = Envelope<Nothing>)))]
async fn delete(State(images): State<Images>, caller: Caller, PathId(id): PathId<ImageId>) -> ApiResult<Nothing> {
    images.delete_image(caller.id, id).await?;
    Ok(Answer(Nothing {}))
}

/// Delete several images and their files.
#[utoipa::path(post, path = "/api/images/delete", operation_id = "delete_images", tag = "Images",
    request_body(content = ImageSelection, example = json!({"ids": ["01900000-0000-7000-8000-000000000001"]})),
    responses((status = 200, description = "Deleted.", body = Envelope<DeletedImages>)))]
async fn delete_several(
    State(images): State<Images>,
    caller: Caller,
    ApiJson(selection): ApiJson<ImageSelection>,
) -> ApiResult<DeletedImages> {
    let ids: Result<Vec<ImageId>, _> = selection.ids.iter().map(|id| id.parse()).collect();
    let ids = ids.map_err(|_| AppError::invalid("ids", "One of these is not an id."))?;
    Ok(Answer(DeletedImages { deleted: images.delete_images(caller.id, ids).await? }))
}

/// Stream the progress of an image.
///
/// The stream starts at the beginning, or after the event named by `Last-Event-ID`. Any number of clients may follow the
/// same image.
#[utoipa::path(get, path = "/api/images/{id}/events", operation_id = "watch_image", tag = "Images",
    params(("id" = Uuid, Path, description = "ID of the image."),
        ("Last-Event-ID" = Option<String>, Header, description = "ID of the last event received.")),
    responses((status = 200, description = "The events.", body = ImageEvent, content_type = "text/event-stream"),
        (status = 204, description = "No more events."), Refusal::<429>))]
async fn watch(
    State(images): State<Images>,
    State(account): State<Account>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
    PathId(id): PathId<ImageId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let from = Position::of_request(&headers)?;
    let slot = images.generation.jobs.watchers.take(caller.id)?;
    let Some(events) = images.subscribe(caller.id, id, from).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let events = events.map(|event| Event::from(&*event)).take_until(account.until_out(&caller));
    Ok(event_stream(events, Some(slot)))
}

/// Stop creating an image.
///
/// A stopped image is free. An image that is already finished is kept.
#[utoipa::path(post, path = "/api/images/{id}/stop", operation_id = "stop_image", tag = "Images",
    params(("id" = Uuid, Path, description = "ID of the image.")),
    responses((status = 200, description = "Stopped, or already finished.", body = Envelope<Nothing>)))]
async fn stop(
    State(images): State<Images>,
    Scoped(caller): Scoped<{ SPEND | MANAGE }>,
    PathId(id): PathId<ImageId>,
) -> ApiResult<Nothing> {
    images.stop_image(caller.id, id).await?;
    Ok(Answer(Nothing {}))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    /// Whatever it says: the file is to be saved, not shown.
    download: Option<String>,
}

/// Download the file of an image.
#[utoipa::path(get, path = "/api/images/{id}/file", operation_id = "read_image_file", tag = "Images",
    params(("id" = Uuid, Path, description = "ID of the image."), FileQuery),
    responses((status = 200, description = "The image.", content_type = "image/png")))]
async fn show_file(
    State(images): State<Images>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
    PathId(id): PathId<ImageId>,
    ApiQuery(query): ApiQuery<FileQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut response = send_file(&images, caller.id, id, Rendition::Full, &headers).await?;
    if query.download.is_some() {
        let name = images.find_image(caller.id, id).await.map(|image| file_name(&image))?;
        let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition.map_err(|_| AppError::Internal)?);
    }
    Ok(response)
}

/// Download the thumbnail of an image.
#[utoipa::path(get, path = "/api/images/{id}/thumbnail", operation_id = "read_thumbnail", tag = "Images",
    params(("id" = Uuid, Path, description = "ID of the image.")),
    responses((status = 200, description = "The thumbnail.", content_type = "image/webp")))]
async fn show_thumbnail(
    State(images): State<Images>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
    PathId(id): PathId<ImageId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok(send_file(&images, caller.id, id, Rendition::Thumbnail, &headers).await?)
}

async fn send_file(
    images: &Images,
    user: UserId,
    id: ImageId,
    rendition: Rendition,
    headers: &HeaderMap,
) -> AppResult<Response> {
    // An image never changes: what a browser has of it, it may go on showing, if it is still there to be seen.
    let tag = format!("\"{id}-{}\"", rendition.media_type().trim_start_matches("image/"));
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let response = if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        images.find_image(user, id).await?;
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (_, bytes) = images.load_file(user, id, rendition).await?;
        ([(CONTENT_TYPE, HeaderValue::from_static(rendition.media_type()))], bytes).into_response()
    };
    let headers = [
        (ETAG, HeaderValue::try_from(tag).map_err(|_| AppError::Internal)?),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
        // It came from outside: nothing may take it for more than an image.
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, response).into_response())
}

/// What a saved image is called: words of its prompt, in letters that every system takes.
fn file_name(image: &Image) -> String {
    let words = image.prompt.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = "tessera".to_owned();
    for word in words.take(8) {
        name.push('-');
        name.extend(word.chars().take(24).map(|c| c.to_ascii_lowercase()));
    }
    format!("{name}-{}.png", &image.id[image.id.len() - 6..])
}
