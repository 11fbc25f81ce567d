//! `POST /api/webhooks/clerk`: what Clerk reports of its users.
//!
//! A report only says whom to ask after: what is true of them is what Clerk answers when it is asked. So reports may come
//! twice, late, in any order or never.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Clerk;
use crate::account::server::Account;
use crate::api_docs::Refusal;
use crate::platform::db::now_millis;
use crate::platform::error::AppError;
use crate::platform::http::envelope::{Answer, ApiResult, Envelope, Nothing};
use crate::platform::http::uploads::unread;
use crate::platform::standard_webhooks::{WebhookError, verify};

/// The routes that Clerk calls.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(hear_clerk))
}

/// What is read of a report.
#[derive(Deserialize)]
struct Report {
    r#type: String,
    #[serde(default)]
    data: About,
}

#[derive(Default, Deserialize)]
struct About {
    id: Option<String>,
}

/// Receive a webhook from Clerk.
#[utoipa::path(post, path = "/api/webhooks/clerk", operation_id = "hear_clerk", tag = "Operations",
    security(()), request_body(content = serde_json::Value,
        example = json!({"type": "user.created", "object": "event", "data": {"id": "user_29w83sxmDNGwOuEthce5gg56FcC"}})),
    responses((status = 200, description = "Received.", body = Envelope<Nothing>), Refusal::<401>, Refusal::<404>))]
async fn hear_clerk(
    State(account): State<Account>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> ApiResult<Nothing> {
    let clerk = account.clerk.clone().ok_or(AppError::NotFound)?;
    let body = body.map_err(unread)?;
    let report = clerk.read_report(&headers, &body)?;
    match (report.r#type.as_str(), report.data.id) {
        (kind @ ("user.created" | "user.updated" | "user.deleted"), Some(id)) => {
            account.look_at_clerk_user(&clerk, &id, kind == "user.deleted").await?;
        }
        (other, _) => tracing::debug!(event = other, "an event of Clerk that changes nothing here"),
    }
    Ok(Answer(Nothing {}))
}

impl Clerk {
    fn read_report(&self, headers: &HeaderMap, body: &[u8]) -> Result<Report, AppError> {
        let secret = self.config.webhook_secret.as_ref().ok_or(AppError::NotFound)?;
        let header = |name: &str| {
            let value = ["svix", "webhook"].iter().find_map(|prefix| headers.get(format!("{prefix}-{name}")));
            value.and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let now = u64::try_from(now_millis() / 1000).unwrap_or_default();
        verify(secret, header("id"), header("timestamp"), header("signature"), body, now).map_err(|error| {
            tracing::warn!(%error, "an event of Clerk was not believed");
            if error == WebhookError::Secret { AppError::Internal } else { AppError::Unauthenticated }
        })?;
        serde_json::from_slice(body).map_err(|_| AppError::invalid("body", "This is not an event."))
    }
}
