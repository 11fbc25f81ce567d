//! `/api/admin`. Only for admins who are signed in: for API keys there is none of it.

use axum::extract::{FromRef, Path, State};
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::audit::{AuditItem, AuditQuery};
use super::flags::{AnnouncementChange, AnnouncementItem, FlagChange, FlagItem, FlagList};
use super::users::{UserDetail, UserSummary, UsersQuery};
use super::{Adjusted, Admin, Authority, CreditsChange, FlagPanel, UserChange, operations_api, traces_api};
use crate::account::server::Account;
use crate::api_docs::Refusal;
use crate::credits::Page;
use crate::credits::server::Credits;
use crate::payments::server::Payments;
use crate::platform::http::envelope::{Answer, ApiJson, ApiResult, Envelope, PathId, idempotency_key};
use crate::platform::http::fields::ApiQuery;
use crate::platform::ids::UserId;

/// The routes of this feature.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
    Credits: FromRef<S>,
    FlagPanel: FromRef<S>,
    Payments: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(list_users))
        .routes(routes!(show_user, change_user))
        .routes(routes!(adjust_credits))
        .routes(routes!(end_sessions))
        .routes(routes!(list_flags))
        .routes(routes!(change_flag))
        .routes(routes!(announce))
        .routes(routes!(list_audit))
        .merge(super::stats_api::routes())
        .merge(traces_api::routes())
        .merge(operations_api::routes())
        .merge(super::prices::routes())
        .merge(super::codes::routes())
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
struct Ended {
    ended: u64,
}

/// List users.
///
/// Newest first, or as `sort` says. Only for admins, as everything here.
#[utoipa::path(get, path = "/api/admin/users", operation_id = "admin_list_users", tag = "Admin",
    security(("session" = [])), params(UsersQuery),
    responses((status = 200, description = "One page of the list.", body = Envelope<Page<UserSummary>>), Refusal::<403>))]
async fn list_users(
    State(admin): State<Admin>,
    by: Authority,
    ApiQuery(query): ApiQuery<UsersQuery>,
) -> ApiResult<Page<UserSummary>> {
    Ok(Answer(admin.list_users(by, &query).await?))
}

/// Get a user.
///
/// Their credits, purchases, sessions, keys and usage, but nothing that they wrote or made.
#[utoipa::path(get, path = "/api/admin/users/{id}", operation_id = "admin_read_user", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the user.")),
    responses((status = 200, description = "The user.", body = Envelope<UserDetail>), Refusal::<403>))]
async fn show_user(State(admin): State<Admin>, by: Authority, PathId(id): PathId<UserId>) -> ApiResult<UserDetail> {
    Ok(Answer(admin.show_user(by, id).await?))
}

/// Change a user’s role or status.
///
/// A new role ends their sessions. Disabling an account ends them too, stops what runs, and its API keys are refused. The last admin who
/// can sign in stays one (409).
#[utoipa::path(patch, path = "/api/admin/users/{id}", operation_id = "admin_change_user", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the user.")),
    request_body(content = UserChange, example = json!({"status": "active"})),
    responses((status = 200, description = "The user now.", body = Envelope<UserSummary>), Refusal::<403>, Refusal::<409>))]
async fn change_user(
    State(admin): State<Admin>,
    by: Authority,
    PathId(id): PathId<UserId>,
    ApiJson(change): ApiJson<UserChange>,
) -> ApiResult<UserSummary> {
    Ok(Answer(admin.change_user(by, id, change).await?))
}

/// Give or take credits.
///
/// An entry `adjust` of the ledger. What is given pays debt first; no more is taken than is available (409).
#[utoipa::path(post, path = "/api/admin/users/{id}/credits", operation_id = "admin_adjust_credits", tag = "Admin",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "ID of the user."),
        ("Idempotency-Key" = Option<String>, Header,
            description = "With the same key, the same change is made once; with another change it is refused (409).")),
    request_body(content = CreditsChange, example = json!({"amount": 50, "reason": "For the outage of Monday"})),
    responses((status = 200, description = "What was changed.", body = Envelope<Adjusted>), Refusal::<403>, Refusal::<409>))]
async fn adjust_credits(
    State(admin): State<Admin>,
    by: Authority,
    PathId(id): PathId<UserId>,
    headers: HeaderMap,
    ApiJson(change): ApiJson<CreditsChange>,
) -> ApiResult<Adjusted> {
    Ok(Answer(admin.adjust_credits(by, id, idempotency_key(&headers)?, change).await?))
}

/// End all sessions of a user.
#[utoipa::path(delete, path = "/api/admin/users/{id}/sessions", operation_id = "admin_end_sessions", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the user.")),
    responses((status = 200, description = "The user is signed out everywhere.", body = Envelope<Ended>), Refusal::<403>))]
async fn end_sessions(State(admin): State<Admin>, by: Authority, PathId(id): PathId<UserId>) -> ApiResult<Ended> {
    Ok(Answer(Ended { ended: admin.end_sessions(by, id).await? }))
}

/// List flags.
///
/// Every flag with what is set for it, what providers cost today, and what is announced on every page.
#[utoipa::path(get, path = "/api/admin/flags", operation_id = "admin_list_flags", tag = "Admin",
    security(("session" = [])),
    responses((status = 200, description = "All flags.", body = Envelope<FlagList>), Refusal::<403>))]
async fn list_flags(State(panel): State<FlagPanel>, by: Authority) -> ApiResult<FlagList> {
    Ok(Answer(panel.list(by)?))
}

/// Change a flag.
///
/// Sets all of it, and holds on every server within 5 s. `version` is the one that was seen: where somebody else was faster, nothing is
/// changed (409). Sent again by the same admin, it is done already.
#[utoipa::path(put, path = "/api/admin/flags/{name}", operation_id = "admin_change_flag", tag = "Admin",
    security(("session" = [])), params(("name" = String, Path, description = "Name of the flag.")),
    request_body(content = FlagChange, example = json!({"version": 0, "state": "roles", "roles": ["USER", "SUBSCRIBER", "ADMIN"]})),
    responses((status = 200, description = "The flag now.", body = Envelope<FlagItem>), Refusal::<403>, Refusal::<409>))]
async fn change_flag(
    State(panel): State<FlagPanel>,
    by: Authority,
    Path(name): Path<String>,
    ApiJson(change): ApiJson<FlagChange>,
) -> ApiResult<FlagItem> {
    Ok(Answer(panel.change(by, &name, change).await?))
}

/// Announce something on every page.
///
/// In the place of what was announced before; without a text, nothing is. `version` as for flags.
#[utoipa::path(put, path = "/api/admin/announcement", operation_id = "admin_announce", tag = "Admin",
    security(("session" = [])),
    request_body(content = AnnouncementChange,
        example = json!({"version": 0, "kind": "warning", "en": "Maintenance at noon (UTC).", "until": "2026-12-01", "dismissible": true})),
    responses((status = 200, description = "What is announced now.", body = Envelope<AnnouncementItem>), Refusal::<403>,
        Refusal::<409>))]
async fn announce(
    State(panel): State<FlagPanel>,
    by: Authority,
    ApiJson(change): ApiJson<AnnouncementChange>,
) -> ApiResult<AnnouncementItem> {
    Ok(Answer(panel.announce(by, change).await?))
}

/// Search the audit log.
///
/// Who did what to whom, newest first. Sign-ins are kept for 90 days, everything else for good.
#[utoipa::path(get, path = "/api/admin/audit", operation_id = "admin_list_audit", tag = "Admin",
    security(("session" = [])), params(AuditQuery),
    responses((status = 200, description = "One page of the log.", body = Envelope<Page<AuditItem>>), Refusal::<403>))]
async fn list_audit(
    State(admin): State<Admin>,
    by: Authority,
    ApiQuery(query): ApiQuery<AuditQuery>,
) -> ApiResult<Page<AuditItem>> {
    Ok(Answer(admin.list_audit(by, &query).await?))
}
