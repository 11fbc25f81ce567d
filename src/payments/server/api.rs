//! `/api/credits/purchase`, `/capture` and `/refund`.

use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Bought, Payments, Progress, RefundPreview, Refunded};
use crate::account::server::Account;
use crate::account::server::caller::{Caller, Person};
use crate::api_docs::Refusal;
use crate::platform::amount::Amount;
use crate::platform::db::rfc3339;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{Answer, ApiJson, ApiResult, Envelope, idempotency_key};
use crate::platform::ids::PaymentId;
use crate::platform::money::{Money, WrittenMoney};

/// The routes of this feature.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Payments: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(purchase)).routes(routes!(capture)).routes(routes!(refund))
}

#[derive(Deserialize, ToSchema)]
struct PurchaseRequest {
    /// The id of a pack.
    pack: String,
}

/// An order that waits for its buyer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PurchaseAnswer {
    /// `UUIDv7`.
    payment_id: String,
    /// The provider's.
    order_id: String,
    /// Where the buyer agrees, in a browser.
    approve_url: String,
}

/// Order credits.
///
/// The buyer agrees at `approveUrl` and comes back to `/buy-credits/return`, which takes the money. A program may do that by
/// `POST /api/credits/capture`. With an `Idempotency-Key`, the same request again is the same order.
#[utoipa::path(post, path = "/api/credits/purchase", operation_id = "order_credits", tag = "Credits",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, remembered for 24 hours.")),
    request_body(content = PurchaseRequest, example = json!({"pack": "500"})),
    responses((status = 200, description = "The order.", body = Envelope<PurchaseAnswer>), Refusal::<409>, Refusal::<429>))]
async fn purchase(
    State(payments): State<Payments>,
    caller: Caller,
    headers: HeaderMap,
    ApiJson(request): ApiJson<PurchaseRequest>,
) -> ApiResult<PurchaseAnswer> {
    let key = read_key(&headers)?;
    let Bought { payment, order_id, approve_url } = payments.buy(&caller, &request.pack, key).await?;
    Ok(Answer(PurchaseAnswer { payment_id: payment.to_string(), order_id, approve_url }))
}

fn read_key(headers: &HeaderMap) -> AppResult<Option<String>> {
    let key = idempotency_key(headers)?;
    let is_right = |key: &String| (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    match key {
        Some(key) if !is_right(&key) => {
            Err(AppError::invalid("Idempotency-Key", "The key is 1 to 255 visible ASCII characters."))
        }
        key => Ok(key),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CaptureRequest {
    order_id: String,
}

/// How far a purchase is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CaptureAnswer {
    status: CaptureProgress,
    /// With `credited`: how many came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    credits: Option<Amount>,
    /// With `not_approved`, and perhaps with `declined`: where the buyer agrees, or tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    approve_url: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CaptureProgress {
    /// The credits are there.
    Credited,
    /// Nothing is known yet. Whatever comes of it is booked by itself.
    Pending,
    /// The means of payment was refused.
    Declined,
    /// The buyer has not agreed.
    NotApproved,
    /// Nothing will come of it.
    Dead,
}

/// Complete an order of credits.
///
/// Takes the money, once, if the buyer has agreed. It may be repeated.
#[utoipa::path(post, path = "/api/credits/capture", operation_id = "complete_order", tag = "Credits",
    request_body(content = CaptureRequest, example = json!({"orderId": "{orderId}"})),
    responses((status = 200, description = "How far the purchase is.", body = Envelope<CaptureAnswer>), Refusal::<404>, Refusal::<429>))]
async fn capture(
    State(payments): State<Payments>,
    caller: Caller,
    ApiJson(request): ApiJson<CaptureRequest>,
) -> ApiResult<CaptureAnswer> {
    let (status, credits, approve_url) = match payments.finish(caller.id, &request.order_id).await? {
        Progress::Credited { credits } => (CaptureProgress::Credited, Some(credits), None),
        Progress::Pending => (CaptureProgress::Pending, None, None),
        Progress::Declined { again_url } => (CaptureProgress::Declined, None, again_url),
        Progress::NotApproved { approve_url } => (CaptureProgress::NotApproved, None, approve_url),
        Progress::Dead => (CaptureProgress::Dead, None, None),
    };
    Ok(Answer(CaptureAnswer { status, credits, approve_url }))
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefundRequest {
    #[schema(value_type = uuid::Uuid)]
    payment_id: PaymentId,
    /// Only say what would be given back.
    #[serde(default)]
    preview: bool,
}

/// What is given back of a payment, or would be.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefundAnswer {
    /// `preview`: nothing has happened. `pending`: the money is on its way.
    status: RefundProgress,
    /// Credits that are neither spent nor held.
    credits: Amount,
    #[schema(value_type = WrittenMoney)]
    money: Money,
    /// Of a preview: how many were bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    of: Option<Amount>,
    /// Of a preview: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bought_at: Option<String>,
    /// Of a preview: until when; RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    until: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RefundProgress {
    Preview,
    Pending,
    Done,
}

/// Give back bought credits.
///
/// What is neither spent nor held of a purchase goes back for its part of the price, for some days after it. Only the account's
/// user can do so.
#[utoipa::path(post, path = "/api/credits/refund", operation_id = "refund_credits", tag = "Credits",
    security(("session" = [])),
    request_body(content = RefundRequest, example = json!({"paymentId": "{paymentId}", "preview": true})),
    responses((status = 200, description = "What is given back.", body = Envelope<RefundAnswer>),
        Refusal::<403>, Refusal::<404>, Refusal::<409>, Refusal::<429>))]
async fn refund(
    State(payments): State<Payments>,
    Person(caller): Person,
    ApiJson(RefundRequest { payment_id, preview }): ApiJson<RefundRequest>,
) -> ApiResult<RefundAnswer> {
    if preview {
        let RefundPreview { credits, of, money, bought_at, until } =
            payments.preview_refund(caller.id, payment_id).await?;
        let time = |at| rfc3339(at).map_err(AppError::from);
        return Ok(Answer(RefundAnswer {
            status: RefundProgress::Preview,
            credits,
            money,
            of: Some(of),
            bought_at: Some(time(bought_at)?),
            until: Some(time(until)?),
        }));
    }
    let Refunded { credits, money, is_done } = payments.refund(caller.id, payment_id).await?;
    let status = if is_done { RefundProgress::Done } else { RefundProgress::Pending };
    Ok(Answer(RefundAnswer { status, credits, money, of: None, bought_at: None, until: None }))
}
