//! `/api/account/budgets`.

use axum::extract::{FromRef, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Account;
use super::budgets::{Budgets, BudgetsRequest};
use super::caller::{Caller, Person};
use crate::api_docs::Refusal;
use crate::platform::http::envelope::{Answer, ApiJson, ApiResult, Envelope};

/// The routes of budgets.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(show, set))
}

/// List budgets.
///
/// Each budget caps what may be spent in a day, a week or a month. What running work holds counts as spent.
#[utoipa::path(get, path = "/api/account/budgets", operation_id = "read_budgets", tag = "Accounts",
    responses((status = 200, description = "The budgets, and what is spent of them.", body = Envelope<Budgets>)))]
async fn show(State(account): State<Account>, caller: Caller) -> ApiResult<Budgets> {
    Ok(Answer(account.load_budgets(caller.id).await?))
}

/// Replace all budgets.
///
/// A budget for the same period, key and model as before keeps its count. Only the account's user can change budgets: a key
/// cannot lift its own cap.
#[utoipa::path(put, path = "/api/account/budgets", operation_id = "set_budgets", tag = "Accounts",
    security(("session" = [])),
    request_body(content = BudgetsRequest, example = json!({"timeZone": "Europe/Zurich", "budgets": [{"period": "day", "limit": 25}, {"period": "month", "limit": 99.5, "model": "gpt-5*"}]})),
    responses((status = 200, description = "The budgets, and what is spent of them.", body = Envelope<Budgets>), Refusal::<403>))]
async fn set(
    State(account): State<Account>,
    Person(caller): Person,
    ApiJson(request): ApiJson<BudgetsRequest>,
) -> ApiResult<Budgets> {
    Ok(Answer(account.set_budgets(caller.id, request).await?))
}
