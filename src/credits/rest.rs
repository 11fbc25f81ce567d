//! `/api/credits`.

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use serde::Deserialize;
use uuid::Uuid;

use super::service::{self, CSV_HEADER, LEDGER_PAGE};
use super::{Credits, LedgerEntry, Page};
use crate::error::{AppError, AppResult};
use crate::server::caller::Caller;
use crate::server::response::{Answer, ApiError, ApiResult, page_limit};
use crate::server::state::AppState;

/// The routes of this feature.
pub fn router() -> Router<AppState> {
    Router::new().route("/api/credits", get(show)).route("/api/credits/ledger", get(list_ledger))
}

async fn show(State(state): State<AppState>, caller: Caller) -> ApiResult<Credits> {
    Ok(Answer(service::load_credits(&state, caller.id).await?))
}

#[derive(Deserialize)]
struct LedgerQuery {
    limit: Option<String>,
    cursor: Option<String>,
    format: Option<String>,
}

async fn list_ledger(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<LedgerQuery>,
) -> Result<Response, ApiError> {
    match query.format.as_deref() {
        None | Some("json") => {
            let limit = page_limit(query.limit.as_deref(), LEDGER_PAGE)?;
            let page: Page<LedgerEntry> =
                service::load_ledger(&state, caller.id, query.cursor.as_deref(), limit).await?;
            Ok(Answer(page).into_response())
        }
        Some("csv") => Ok(csv(state, caller.id)),
        Some(_) => Err(AppError::invalid("format", "The format is json or csv.").into()),
    }
}

/// The whole ledger, page by page as the client reads it.
fn csv(state: AppState, user: Uuid) -> Response {
    const ROWS: usize = 500;
    enum Next {
        Header,
        Page(Option<String>),
        End,
    }
    let pages = stream::try_unfold(Next::Header, move |next| {
        let state = state.clone();
        async move {
            let cursor = match next {
                Next::Header => return AppResult::Ok(Some((CSV_HEADER.to_owned(), Next::Page(None)))),
                Next::Page(cursor) => cursor,
                Next::End => return Ok(None),
            };
            let page = service::load_ledger(&state, user, cursor.as_deref(), ROWS).await?;
            let lines = page.items.iter().map(service::csv_line).collect::<String>();
            let next = page.next_cursor.map_or(Next::End, |cursor| Next::Page(Some(cursor)));
            Ok(Some((lines, next)))
        }
    });
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"tessera-ledger.csv\""),
    ];
    (headers, Body::from_stream(pages)).into_response()
}
