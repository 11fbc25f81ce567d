//! `/api/credits/subscribe` and `/api/credits/unsubscribe`.

use axum::extract::{FromRef, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Subscribed;
use crate::account::server::Account;
use crate::account::server::caller::Person;
use crate::api_docs::Refusal;
use crate::payments::server::Payments;
use crate::platform::http::envelope::{Answer, ApiJson, ApiResult, Envelope, Nothing};

/// The routes of subscriptions.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Payments: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(subscribe)).routes(routes!(unsubscribe))
}

#[derive(Deserialize, ToSchema)]
struct SubscribeRequest {
    /// The id of a plan.
    plan: String,
}

/// A subscription that waits for its buyer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SubscribeAnswer {
    /// The provider's.
    subscription_id: String,
    /// Where the buyer agrees, in a browser. Absent: there is nothing to agree to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    approve_url: Option<String>,
}

/// Subscribe to a plan, or change to another one.
///
/// The buyer agrees at `approveUrl` and comes back to `/buy-credits/return`. A user has one subscription: where one runs, its plan
/// changes with the next payment. The same request again is the same subscription until somebody has agreed.
#[utoipa::path(post, path = "/api/credits/subscribe", operation_id = "subscribe_to_plan", tag = "Credits",
    security(("session" = [])),
    request_body(content = SubscribeRequest, example = json!({"plan": "plus"})),
    responses((status = 200, description = "The subscription.", body = Envelope<SubscribeAnswer>),
        Refusal::<403>, Refusal::<409>, Refusal::<429>))]
async fn subscribe(
    State(payments): State<Payments>,
    Person(caller): Person,
    ApiJson(request): ApiJson<SubscribeRequest>,
) -> ApiResult<SubscribeAnswer> {
    let Subscribed { subscription_id, approve_url } = payments.subscribe(&caller, &request.plan).await?;
    Ok(Answer(SubscribeAnswer { subscription_id, approve_url }))
}

/// Cancel the subscription.
///
/// No more is paid. Plan and credits stay until the time is over that is paid.
#[utoipa::path(post, path = "/api/credits/unsubscribe", operation_id = "cancel_subscription", tag = "Credits",
    security(("session" = [])),
    responses((status = 200, description = "It has ended.", body = Envelope<Nothing>),
        Refusal::<403>, Refusal::<404>, Refusal::<429>))]
async fn unsubscribe(State(payments): State<Payments>, Person(caller): Person) -> ApiResult<Nothing> {
    payments.unsubscribe(caller.id).await?;
    Ok(Answer(Nothing {}))
}
