//! `/api/admin/traces` and refunds of purchases.

use axum::extract::{FromRef, Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refunds::{RefundDone, RefundOffer};
use super::traces::TraceDetail;
use super::{Admin, Authority, Goodwill, GoodwillRequest};
use crate::account::server::Account;
use crate::api_docs::Refusal;
use crate::payments::server::Payments;
use crate::platform::http::envelope::{Answer, ApiJson, ApiResult, Envelope, PathId};
use crate::platform::ids::PaymentId;

/// The routes about single requests and purchases.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
    Payments: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(show_trace))
        .routes(routes!(give_goodwill))
        .routes(routes!(preview_refund, refund))
}

/// Get the trace of a request.
///
/// Who asked, what was held, which providers were asked, what was charged or given back, and the response; nothing that anybody wrote. Traces
/// of what spends, signs in or pays are kept for 14 days, attempts for 400.
#[utoipa::path(get, path = "/api/admin/traces/{id}", operation_id = "admin_read_trace", tag = "Admin",
    security(("session" = [])), params(("id" = String, Path, description = "The `X-Request-Id` of the response.")),
    responses((status = 200, description = "All that is known of it.", body = Envelope<TraceDetail>), Refusal::<403>))]
async fn show_trace(State(admin): State<Admin>, by: Authority, Path(id): Path<String>) -> ApiResult<TraceDetail> {
    Ok(Answer(admin.show_trace(by, &id).await?))
}

/// Give back what a request was charged.
///
/// All of it, as a lot of goodwill, once: again, it changes nothing and says so. If nothing was charged, it is refused (409).
#[utoipa::path(post, path = "/api/admin/traces/{id}/goodwill", operation_id = "admin_give_goodwill", tag = "Admin",
    security(("session" = [])), params(("id" = String, Path, description = "The `X-Request-Id` of the response.")),
    request_body(content = GoodwillRequest, example = json!({"reason": "The answer was cut"})),
    responses((status = 200, description = "What was given back.", body = Envelope<Goodwill>), Refusal::<403>, Refusal::<409>))]
async fn give_goodwill(
    State(admin): State<Admin>,
    by: Authority,
    Path(id): Path<String>,
    ApiJson(request): ApiJson<GoodwillRequest>,
) -> ApiResult<Goodwill> {
    Ok(Answer(admin.give_goodwill(by, &id, &request).await?))
}

/// Preview a refund.
///
/// The credits of a purchase that are not used, and their share of its price, however old it is.
#[utoipa::path(get, path = "/api/admin/payments/{id}/refund", operation_id = "admin_preview_refund", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the purchase.")),
    responses((status = 200, description = "What could be given back.", body = Envelope<RefundOffer>), Refusal::<403>, Refusal::<409>))]
async fn preview_refund(
    State(admin): State<Admin>,
    State(payments): State<Payments>,
    by: Authority,
    PathId(id): PathId<PaymentId>,
) -> ApiResult<RefundOffer> {
    Ok(Answer(admin.preview_refund(by, &payments, id).await?))
}

/// Refund a purchase.
///
/// What is not used of it, however old it is. While a refund is on its way, this asks after it; then there is nothing left (409).
#[utoipa::path(post, path = "/api/admin/payments/{id}/refund", operation_id = "admin_refund", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the purchase.")),
    responses((status = 200, description = "What was given back.", body = Envelope<RefundDone>), Refusal::<403>, Refusal::<409>))]
async fn refund(
    State(admin): State<Admin>,
    State(payments): State<Payments>,
    by: Authority,
    PathId(id): PathId<PaymentId>,
) -> ApiResult<RefundDone> {
    Ok(Answer(admin.refund(by, &payments, id).await?))
}
