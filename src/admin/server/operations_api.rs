//! `/api/admin/log-level`.

use axum::extract::{FromRef, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::log_level::{LogLevelChange, LogLevelNow};
use super::{Admin, Authority};
use crate::account::server::Account;
use crate::api_docs::Refusal;
use crate::platform::http::envelope::{Answer, ApiJson, ApiResult, Envelope};

/// The routes about a server itself.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(show_log_level, set_log_level))
}

/// Get the log level.
///
/// Of the server that responds; each has its own.
#[utoipa::path(get, path = "/api/admin/log-level", operation_id = "admin_read_log_level", tag = "Admin", security(("session" = [])),
    responses((status = 200, description = "How its log is filtered.", body = Envelope<LogLevelNow>), Refusal::<403>))]
async fn show_log_level(State(admin): State<Admin>, by: Authority) -> ApiResult<LogLevelNow> {
    Ok(Answer(admin.show_log_level(by)?))
}

/// Set the log level.
///
/// Of the server that responds, for a time; then that of `RUST_LOG` applies again.
#[utoipa::path(put, path = "/api/admin/log-level", operation_id = "admin_set_log_level", tag = "Admin", security(("session" = [])),
    request_body(content = LogLevelChange, example = json!({"filter": "info,tessera=debug", "minutes": 10})),
    responses((status = 200, description = "How its log is filtered now.", body = Envelope<LogLevelNow>), Refusal::<403>))]
async fn set_log_level(
    State(admin): State<Admin>,
    by: Authority,
    ApiJson(change): ApiJson<LogLevelChange>,
) -> ApiResult<LogLevelNow> {
    Ok(Answer(admin.set_log_level(by, change).await?))
}
