//! `POST /api/webhooks/paypal`: what PayPal reports by itself. Anybody can call it, so nothing is believed before it is
//! verified; and what could not be handled is not acknowledged, so that PayPal sends it again.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Payments;
use super::provider::{Event, Unheard};
use crate::api_docs::Refusal;
use crate::generation::{brief, outlive_handler};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{Answer, ApiResult, Envelope, Nothing};
use crate::platform::http::uploads::unread;

/// The routes that providers call.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Payments: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(hear_paypal))
}

/// Receive a webhook from PayPal.
#[utoipa::path(post, path = "/api/webhooks/paypal", operation_id = "hear_paypal", tag = "Operations",
    security(()), request_body(content = serde_json::Value,
        example = json!({"id": "WH-2WR32451HC0233532-67976317FL4543714", "event_type": "PAYMENT.CAPTURE.COMPLETED"})),
    responses((status = 200, description = "Received.", body = Envelope<Nothing>), Refusal::<404>))]
async fn hear_paypal(
    State(payments): State<Payments>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> ApiResult<Nothing> {
    let body = body.map_err(unread)?;
    // PayPal may have gone before all is done: then it sends the same again.
    outlive_handler(async move {
        let event = payments.hear(&headers, &body).await?;
        payments.handle(event).await
    })
    .await?;
    Ok(Answer(Nothing {}))
}

impl Payments {
    /// The event of a report, if it is the provider's.
    async fn hear(&self, headers: &HeaderMap, body: &[u8]) -> AppResult<Event> {
        let provider = self.provider.as_ref().ok_or(AppError::NotFound)?;
        provider.hear(headers, body).await.map_err(|error| match error {
            Unheard::Off => AppError::NotFound,
            Unheard::Unavailable(why) => {
                tracing::error!(why, "a payment event cannot be verified now");
                AppError::Unavailable
            }
            Unheard::Distrusted(why) => {
                tracing::warn!(why = brief(&why), "a payment event was not believed");
                AppError::invalid("signature", "This is not signed by who it claims to be from.")
            }
            Unheard::Unreadable(why) => {
                tracing::error!(why = brief(&why), "a payment event cannot be read");
                AppError::invalid("body", "This is not an event.")
            }
        })
    }
}
