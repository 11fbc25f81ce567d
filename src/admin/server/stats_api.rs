//! Statistics over HTTP, for admins who are signed in.

use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::stats::{AttemptItem, AttemptsQuery, StatsQuery};
use super::{Admin, Authority, csv};
use crate::account::server::Account;
use crate::api_docs::Refusal;
use crate::credits::Page;
use crate::platform::error::AppError;
use crate::platform::http::envelope::{Answer, ApiError, Envelope};
use crate::platform::http::fields::ApiQuery;
use crate::stats::report::{Costs, Statistics};

/// The routes of statistics.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(read_stats)).routes(routes!(read_costs)).routes(routes!(list_attempts))
}

/// Whether it is to be CSV.
fn is_csv(format: &str) -> Result<bool, ApiError> {
    match format {
        "" | "json" => Ok(false),
        "csv" => Ok(true),
        _ => Err(AppError::invalid("format", "The format is json or csv.").into()),
    }
}

/// Read statistics.
///
/// What happened in a range, by its days or hours, compared with the range before, and how users and credits stand now.
#[utoipa::path(get, path = "/api/admin/stats", operation_id = "admin_read_stats", tag = "Admin",
    security(("session" = [])), params(StatsQuery),
    responses((status = 200, description = "The statistics, or their days or hours as CSV.", content(
        (Envelope<Statistics> = "application/json"), (String = "text/csv"))), Refusal::<403>))]
async fn read_stats(
    State(admin): State<Admin>,
    by: Authority,
    ApiQuery(query): ApiQuery<StatsQuery>,
) -> Result<Response, ApiError> {
    let as_csv = is_csv(&query.format)?;
    let overview = admin.read_stats(by, &query).await?;
    if as_csv {
        return Ok(csv::file("stats", csv::parts(&overview.about, &overview.parts)));
    }
    Ok(Answer(overview).into_response())
}

/// Read costs.
///
/// What providers took in a range: by day or hour, provider, model, user and API key.
#[utoipa::path(get, path = "/api/admin/costs", operation_id = "admin_read_costs", tag = "Admin",
    security(("session" = [])), params(StatsQuery),
    responses((status = 200, description = "The costs, or one table of them as CSV.", content(
        (Envelope<Costs> = "application/json"), (String = "text/csv"))), Refusal::<403>))]
async fn read_costs(
    State(admin): State<Admin>,
    by: Authority,
    ApiQuery(query): ApiQuery<StatsQuery>,
) -> Result<Response, ApiError> {
    let as_csv = is_csv(&query.format)?;
    let costs = admin.read_costs(by, &query).await?;
    if as_csv {
        return Ok(csv::file("costs", csv::table(&costs, &query.table)?));
    }
    Ok(Answer(costs).into_response())
}

/// List attempts at providers.
///
/// Newest first: the records that costs are made of. They are kept for 400 days.
#[utoipa::path(get, path = "/api/admin/attempts", operation_id = "admin_list_attempts", tag = "Admin",
    security(("session" = [])), params(AttemptsQuery),
    responses((status = 200, description = "One page of the list, or all of it as CSV.", content(
        (Envelope<Page<AttemptItem>> = "application/json"), (String = "text/csv"))), Refusal::<403>))]
async fn list_attempts(
    State(admin): State<Admin>,
    by: Authority,
    ApiQuery(query): ApiQuery<AttemptsQuery>,
) -> Result<Response, ApiError> {
    if is_csv(&query.format)? {
        let filter = admin.attempts_of(by, &query).await?;
        return Ok(csv::attempts(admin, by, filter));
    }
    Ok(Answer(admin.list_attempts(by, &query).await?).into_response())
}
