//! The books as admins see them: the reconciliation and the daily closes. `/api/admin/reconciliation` and `/api/admin/closes`.

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Authority;
use crate::account::server::Account;
use crate::api_docs::Refusal;
use crate::bookkeeping::server::{Bookkeeping, CloseView, Standing};
use crate::credits::Page;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{Answer, ApiError, ApiResult, Envelope, page_limit};
use crate::platform::http::fields::ApiQuery;

/// Closes of a page where nothing else is asked for.
const CLOSES_PAGE: usize = 30;

/// The routes of the books.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Bookkeeping: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(run)).routes(routes!(list_closes))
}

/// Whether a check began.
#[derive(Serialize, ToSchema)]
struct CheckBegun {
    /// `false`: one was going on already.
    began: bool,
}

/// Which closes, and how.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ClosesQuery {
    /// `csv`: all of them, the oldest first. Otherwise JSON, page by page.
    #[serde(default)]
    #[param(required = false)]
    pub format: String,
    /// 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A page of closes.
pub(super) async fn page_of_closes(books: &Bookkeeping, query: &ClosesQuery) -> AppResult<Page<CloseView>> {
    let limit = page_limit(query.limit.as_deref(), CLOSES_PAGE)?;
    let before = query.cursor.as_deref().map(str::parse::<i64>).transpose();
    let before = before.map_err(|_| AppError::invalid("cursor", "This cursor is not valid."))?;
    Ok(books.list_closes(before, limit).await?)
}

/// Show whether all books agree.
///
/// The latest checks of accounts, purchases, receipts, holds, storage and closes, newest first, with how to mend what does not agree.
#[utoipa::path(get, path = "/api/admin/reconciliation", operation_id = "admin_read_reconciliation", tag = "Admin",
    security(("session" = [])),
    responses((status = 200, description = "The checks.", body = Envelope<Standing>), Refusal::<403>))]
async fn show(State(books): State<Bookkeeping>, _: Authority) -> ApiResult<Standing> {
    Ok(Answer(books.standing().await.map_err(AppError::from)?))
}

/// Check now whether all books agree.
///
/// In the background, by one server at a time. Nothing is changed by it.
#[utoipa::path(post, path = "/api/admin/reconciliation/run", operation_id = "admin_run_reconciliation", tag = "Admin",
    security(("session" = [])),
    responses((status = 202, description = "It is being checked.", body = Envelope<CheckBegun>), Refusal::<403>))]
async fn run(State(books): State<Bookkeeping>, _: Authority) -> Result<Response, ApiError> {
    let began = books.begin_reconciliation().await.map_err(AppError::from)?;
    Ok((StatusCode::ACCEPTED, Answer(CheckBegun { began })).into_response())
}

/// List the daily closes.
///
/// Newest first. A close is made an hour after its day (UTC) and never changes; entries that come later are in the next one, by name.
#[utoipa::path(get, path = "/api/admin/closes", operation_id = "admin_list_closes", tag = "Admin",
    security(("session" = [])), params(ClosesQuery),
    responses((status = 200, description = "One page of the list, or all closes as CSV.",
        content((Envelope<Page<CloseView>> = "application/json"), (String = "text/csv"))), Refusal::<403>))]
async fn list_closes(
    State(books): State<Bookkeeping>,
    _: Authority,
    ApiQuery(query): ApiQuery<ClosesQuery>,
) -> Result<Response, ApiError> {
    match &*query.format {
        "" | "json" => Ok(Answer(page_of_closes(&books, &query).await?).into_response()),
        "csv" => {
            let csv = books.closes_as_csv().await.map_err(AppError::from)?;
            let name = "attachment; filename=\"tessera-closes.csv\"";
            Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, name)], csv).into_response())
        }
        _ => Err(AppError::invalid("format", "The format is json or csv.").into()),
    }
}
