//! `/api/credits/receipts`.

use axum::extract::{FromRef, Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::paper::{Paper, Receipt};
use super::{Papers, pdf};
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::credits::Page;
use crate::i18n::{current_language, in_language_here};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::accept::wants_pdf;
use crate::platform::http::envelope::{Answer, ApiError, ApiResult, Envelope, page_limit};
use crate::platform::http::fields::ApiQuery;

/// Papers of a page where nothing else is asked for.
const PAPERS_PAGE: usize = 25;

/// The routes of papers.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Papers: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// List receipts and credit notes, newest first.
#[utoipa::path(get, path = "/api/credits/receipts", operation_id = "list_purchase_receipts", tag = "Credits", params(ListQuery),
    responses((status = 200, description = "One page of the list.", body = Envelope<Page<Receipt>>)))]
async fn list(
    State(papers): State<Papers>,
    caller: Caller,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Page<Receipt>> {
    let limit = page_limit(query.limit.as_deref(), PAPERS_PAGE)?;
    let page = papers.list(caller.id, query.cursor.as_deref(), limit).await?;
    let items = page.items.into_iter().map(Receipt::from).collect();
    Ok(Answer(Page { items, next_cursor: page.next_cursor }))
}

/// Get a receipt or a credit note.
///
/// With `.pdf` after the number, or `Accept: application/pdf`, as PDF in the language of `Accept-Language`.
#[utoipa::path(get, path = "/api/credits/receipts/{number}", operation_id = "read_purchase_receipt", tag = "Credits",
    params(("number" = String, Path, description = "Its number, such as `R2026-00042`.")),
    responses((status = 200, description = "The paper.", content(
        (Envelope<Receipt> = "application/json"), (Vec<u8> = "application/pdf")))))]
async fn show(
    State(papers): State<Papers>,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let named = number.strip_suffix(".pdf");
    let is_pdf = named.is_some() || wants_pdf(&headers);
    let paper = papers.find(caller.id, named.unwrap_or(&number)).await?;
    let mut response = if is_pdf { as_pdf(paper).await? } else { Answer(Receipt::from(paper)).into_response() };
    response
        .headers_mut()
        .insert(VARY, const { axum::http::HeaderValue::from_static("accept, accept-language, cookie") });
    Ok(response)
}

pub(in crate::payments::server) async fn pdf_of(paper: Paper) -> AppResult<Vec<u8>> {
    let language = current_language();
    let written = spawn_blocking(move || in_language_here(language, || pdf::write(&paper))).await;
    written.map_err(|_| AppError::Internal)?.map_err(|error| {
        tracing::error!(error, "a paper could not be written as PDF");
        AppError::Internal
    })
}

async fn as_pdf(paper: Paper) -> AppResult<Response> {
    let name = format!("inline; filename=\"{}.pdf\"", paper.number);
    let bytes = pdf_of(paper).await?;
    Ok(([(CONTENT_TYPE, "application/pdf".to_owned()), (CONTENT_DISPOSITION, name)], bytes).into_response())
}
