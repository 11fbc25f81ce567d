//! `POST /api/webhooks/replicate`: a second way to learn how far an image is.
//!
//! A report only says that there is something to ask after: what becomes of an image is always what the provider answers
//! when it is asked. So reports may come twice, late or never.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Images;
use super::providers::replicate::read_report;
use crate::api_docs::Refusal;
use crate::platform::db::now_millis;
use crate::platform::error::AppError;
use crate::platform::http::envelope::{Answer, ApiResult, Envelope, Nothing};
use crate::platform::http::fields::ApiQuery;
use crate::platform::http::uploads::unread;
use crate::platform::ids::ImageId;
use crate::platform::standard_webhooks::{WebhookError, verify};

/// A report repeats the input of a prediction and has logs, but no files.
pub const MAX_BODY: usize = 1024 * 1024;

/// The route, whose body may have [`MAX_BODY`].
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Images: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(hear_replicate))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    /// The image that the prediction was created for.
    #[param(value_type = Option<Uuid>)]
    job: Option<ImageId>,
}

/// Receive a webhook from Replicate.
#[utoipa::path(post, path = "/api/webhooks/replicate", operation_id = "hear_replicate", tag = "Operations",
    security(()), params(ReportQuery), request_body(content = serde_json::Value,
        example = json!({"id": "gm3qorzdhgbfurvjtvhg6dckhu", "status": "succeeded"})),
    responses((status = 200, description = "Received.", body = Envelope<Nothing>), Refusal::<401>, Refusal::<404>))]
async fn hear_replicate(
    State(images): State<Images>,
    ApiQuery(query): ApiQuery<ReportQuery>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> ApiResult<Nothing> {
    let secret = &images.config.webhook.as_ref().ok_or(AppError::NotFound)?.secret;
    let body = body.map_err(unread)?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, time, signatures) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let now = u64::try_from(now_millis() / 1000).unwrap_or(0);
    verify(secret, id, time, signatures, &body, now).map_err(|error| {
        tracing::warn!(%error, "a report of an image was not believed");
        if error == WebhookError::Secret { AppError::Internal } else { AppError::Unauthenticated }
    })?;
    let report = read_report(&body).map_err(|error| AppError::invalid("body", error.to_string()))?;
    let Some(image) = query.job else { return Ok(Answer(Nothing {})) };
    // Known from here on, even if the answer to the order is lost on its way.
    let is_ours = images.store.learn_remote_id(image, &report.remote_id).await.map_err(AppError::from)?;
    if let (true, Some(job)) = (is_ours, images.generation.jobs.get(image)) {
        job.nudge();
    }
    Ok(Answer(Nothing {}))
}
