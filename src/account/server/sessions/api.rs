//! `/api/account/sessions` and `/api/account/password`. Only for people.

use axum::extract::{FromRef, State};
use axum::response::Response;
use axum_extra::extract::CookieJar;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::Client;
use super::forms;
use super::password::PasswordRequest;
use super::rules::SessionInfo;
use crate::account::server::Account;
use crate::account::server::api::signed_in;
use crate::account::server::caller::Person;
use crate::api_docs::Refusal;
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope, Nothing, PathId};
use crate::platform::ids::SessionId;
use crate::platform::site::Site;

/// The routes of sessions, and the forms of the account page.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(list, end_others))
        .routes(routes!(end))
        .routes(routes!(change_password))
        .merge(forms::routes())
}

/// Where a user is signed in.
#[derive(Serialize, ToSchema)]
struct Sessions {
    items: Vec<SessionInfo>,
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
struct EndedSessions {
    ended: u64,
}

/// List sessions.
///
/// Where the user is signed in, the last used first. There are at most 50: a new one replaces the one not used for the longest time.
#[utoipa::path(get, path = "/api/account/sessions", operation_id = "list_sessions", tag = "Accounts",
    security(("session" = [])),
    responses((status = 200, description = "The sessions.", body = Envelope<Sessions>), Refusal::<403>))]
async fn list(State(account): State<Account>, Person(caller): Person) -> ApiResult<Sessions> {
    Ok(Answer(Sessions { items: account.list_sessions(&caller).await? }))
}

/// End all other sessions.
#[utoipa::path(delete, path = "/api/account/sessions", operation_id = "end_other_sessions", tag = "Accounts",
    security(("session" = [])),
    responses((status = 200, description = "Only this session is left.", body = Envelope<EndedSessions>), Refusal::<403>))]
async fn end_others(State(account): State<Account>, Person(caller): Person) -> ApiResult<EndedSessions> {
    Ok(Answer(EndedSessions { ended: account.end_other_sessions(&caller).await? }))
}

/// End a session.
///
/// Nobody is signed in with it any more, on any server; its event streams end within seconds. It may be the one that asks.
#[utoipa::path(delete, path = "/api/account/sessions/{id}", operation_id = "end_session", tag = "Accounts",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the session.")),
    responses((status = 200, description = "The session has ended.", body = Envelope<Nothing>), Refusal::<403>))]
async fn end(
    State(account): State<Account>,
    Person(caller): Person,
    PathId(id): PathId<SessionId>,
) -> ApiResult<Nothing> {
    account.end_session(caller.id, id).await?;
    Ok(Answer(Nothing {}))
}

/// Change the password.
///
/// All sessions end; the response sets the cookies of a new one. Tries are limited like sign-ins. API keys stay.
#[utoipa::path(post, path = "/api/account/password", operation_id = "change_password", tag = "Accounts",
    security(("session" = [])),
    request_body(content = PasswordRequest,
        example = json!({"currentPassword": "correct horse battery", "newPassword": "staple of another horse"})),
    responses((status = 200, description = "Changed. Sets the session and device cookies.", body = Envelope<Nothing>),
        Refusal::<403>, Refusal::<429>))]
async fn change_password(
    State(account): State<Account>,
    Person(caller): Person,
    client: Client,
    jar: CookieJar,
    ApiJson(request): ApiJson<PasswordRequest>,
) -> Result<Response, ApiError> {
    let session = account.change_password(&caller, &client, request).await?;
    Ok(signed_in(&account, jar, session, Answer(Nothing {})).await)
}
