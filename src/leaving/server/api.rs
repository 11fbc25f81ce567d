//! `/api/account/export` and `DELETE /api/account`. Only for people.

use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::erase::{EraseRequest, ErasureView};
use super::export::ExportView;
use super::{Leaving, forms};
use crate::account::server::Account;
use crate::account::server::caller::Person;
use crate::account::server::sessions::Client;
use crate::api_docs::Refusal;
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope};
use crate::platform::site::Site;

/// The routes of this feature.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Leaving: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(begin_export, find_export))
        .routes(routes!(download_export))
        .routes(routes!(erase))
        .routes(routes!(follow_erasure))
        .merge(forms::routes())
}

/// Export everything.
///
/// Begins to make one ZIP file of all that is the user’s: account, conversations, images, ledger, receipts. One archive an hour; one
/// that is being made goes on.
#[utoipa::path(post, path = "/api/account/export", operation_id = "begin_export", tag = "Accounts",
    security(("session" = [])),
    responses((status = 202, description = "The archive is being made.", body = Envelope<ExportView>),
        Refusal::<403>, Refusal::<429>))]
async fn begin_export(State(leaving): State<Leaving>, Person(caller): Person) -> Result<Response, ApiError> {
    let export = leaving.begin_export(caller.id).await?;
    Ok((StatusCode::ACCEPTED, Answer(export)).into_response())
}

/// Get how far the export is.
#[utoipa::path(get, path = "/api/account/export", operation_id = "find_export", tag = "Accounts",
    security(("session" = [])),
    responses((status = 200, description = "How far it is.", body = Envelope<ExportView>), Refusal::<403>))]
async fn find_export(State(leaving): State<Leaving>, Person(caller): Person) -> ApiResult<ExportView> {
    Ok(Answer(leaving.find_export(caller.id).await?))
}

/// Download the export.
///
/// For 24 hours. The user must have signed in, or given the password, within the last ten minutes.
#[utoipa::path(get, path = "/api/account/export/download", operation_id = "download_export", tag = "Accounts",
    security(("session" = [])),
    responses((status = 200, description = "The archive.", body = Vec<u8>, content_type = "application/zip"),
        Refusal::<400>, Refusal::<403>, Refusal::<404>, Refusal::<409>))]
async fn download_export(
    State(leaving): State<Leaving>,
    Person(caller): Person,
    client: Client,
) -> Result<Response, ApiError> {
    Ok(leaving.download(&caller, &client, None).await?)
}

/// What an erasure can be followed by.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Begun {
    /// Opens `GET /api/account/erasure/{token}`, for nobody is signed in any more.
    receipt: String,
}

/// Erase everything.
///
/// The user is signed out everywhere at once, and what runs is stopped; then all that is theirs is deleted. The ledger stays, under an
/// id that names nobody, and receipts stay as the law requires. A subscription is cancelled first; if that fails, nothing is erased.
/// Credits that were paid for and are left have to be given up with `forfeitCredits`.
#[utoipa::path(delete, path = "/api/account", operation_id = "erase_account", tag = "Accounts",
    security(("session" = [])),
    request_body(content = EraseRequest, example = json!({"email": "{ownEmail}", "forfeitCredits": true})),
    responses((status = 202, description = "It goes on by itself. Clears the session cookie.", body = Envelope<Begun>),
        Refusal::<403>, Refusal::<409>, Refusal::<429>))]
async fn erase(
    State(leaving): State<Leaving>,
    Person(caller): Person,
    client: Client,
    jar: CookieJar,
    ApiJson(request): ApiJson<EraseRequest>,
) -> Result<Response, ApiError> {
    let receipt = leaving.erase(&caller, &client, &request).await?;
    let gone = leaving.account.sign_out_of(jar).await;
    Ok((StatusCode::ACCEPTED, gone, Answer(Begun { receipt })).into_response())
}

/// Get how far an erasure is.
#[utoipa::path(get, path = "/api/account/erasure/{token}", operation_id = "follow_erasure", tag = "Accounts", security(()),
    params(("token" = String, Path, description = "The receipt.")),
    responses((status = 200, description = "How far it is.", body = Envelope<ErasureView>), Refusal::<404>))]
async fn follow_erasure(State(leaving): State<Leaving>, Path(token): Path<String>) -> ApiResult<ErasureView> {
    Ok(Answer(leaving.follow_erasure(&token).await?))
}
