//! `/api/credits`.

use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Credits;
use super::codes::{RedeemRequest, Redeemed};
use super::service::{self, CSV_HEADER, LEDGER_PAGE};
use crate::account::server::Account;
use crate::account::server::caller::{Caller, Person};
use crate::api_docs::Refusal;
use crate::credits::{self, LedgerEntry, Page};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope, page_limit};
use crate::platform::http::fields::ApiQuery;
use crate::platform::ids::UserId;

/// The routes of this feature.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Credits: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(list_ledger)).routes(routes!(redeem))
}

/// Get the credit balance.
#[utoipa::path(get, path = "/api/credits", operation_id = "read_credits", tag = "Credits",
    responses((status = 200, description = "The balance.", body = Envelope<credits::Credits>)))]
async fn show(State(credits): State<Credits>, caller: Caller) -> ApiResult<credits::Credits> {
    Ok(Answer(credits.load_credits(caller.id).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LedgerQuery {
    /// 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// `json`, or `csv` for the whole ledger in one file.
    format: Option<String>,
}

/// List credit transactions, newest first.
///
/// The amounts of an account add up to `available + held - debt` at every moment.
#[utoipa::path(get, path = "/api/credits/ledger", tag = "Credits", params(LedgerQuery),
    responses((status = 200, description = "A page of the ledger, or the whole ledger as CSV.", content(
        (Envelope<Page<LedgerEntry>> = "application/json"), (String = "text/csv")))))]
async fn list_ledger(
    State(credits): State<Credits>,
    caller: Caller,
    ApiQuery(query): ApiQuery<LedgerQuery>,
) -> Result<Response, ApiError> {
    match query.format.as_deref() {
        None | Some("json") => {
            let limit = page_limit(query.limit.as_deref(), LEDGER_PAGE)?;
            let page: Page<LedgerEntry> = credits.load_ledger(caller.id, query.cursor.as_deref(), limit).await?;
            Ok(Answer(page).into_response())
        }
        Some("csv") => Ok(csv(credits, caller.id)),
        Some(_) => Err(AppError::invalid("format", "The format is json or csv.").into()),
    }
}

/// Redeem a code.
///
/// Its credits are in the balance when this returns. Only the account's user can do it, at most 20 times an hour.
#[utoipa::path(post, path = "/api/credits/redeem", operation_id = "redeem_code", tag = "Credits",
    security(("session" = [])),
    request_body(content = RedeemRequest, example = json!({"code": "K7QM-2XWD-9FHB-TR4C"})),
    responses((status = 200, description = "What it gave.", body = Envelope<Redeemed>),
        Refusal::<403>, Refusal::<409>, Refusal::<429>))]
async fn redeem(
    State(credits): State<Credits>,
    Person(caller): Person,
    ApiJson(request): ApiJson<RedeemRequest>,
) -> ApiResult<Redeemed> {
    Ok(Answer(credits.redeem(&caller, &request.code).await?))
}

/// The whole ledger, page by page as the client reads it.
fn csv(credits: Credits, user: UserId) -> Response {
    const ROWS: usize = 500;
    enum Next {
        Header,
        Page(Option<String>),
        End,
    }
    let pages = stream::try_unfold(Next::Header, move |next| {
        let credits = credits.clone();
        async move {
            let cursor = match next {
                Next::Header => return AppResult::Ok(Some((CSV_HEADER.to_owned(), Next::Page(None)))),
                Next::Page(cursor) => cursor,
                Next::End => return Ok(None),
            };
            let page = credits.load_ledger(user, cursor.as_deref(), ROWS).await?;
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
