//! `GET /metrics`: who may read what the server counts (`generation/metrics.rs`).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{Extensions, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::state::AppState;
use crate::api_docs::Refusal;
use crate::credits::WorkKind;
use crate::platform::error::AppError;
use crate::platform::http::envelope::ApiError;

/// Who may read `/metrics`.
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// `METRICS_TOKEN` (none: whoever is on this machine may).
    pub token: Option<SecretString>,
}

const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What proxies add: who is behind one is not on this machine.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// Counts what the server does, for Prometheus.
///
/// With `METRICS_TOKEN` set it wants that token; without, it answers only callers on the same machine that no proxy stands
/// before.
#[utoipa::path(get, path = "/metrics", tag = "Operations", security(()),
    responses((status = 200, description = "OpenMetrics.", body = String, content_type = "application/openmetrics-text"),
        Refusal::<401>, Refusal::<404>))]
pub async fn show(State(state): State<AppState>, request: Request) -> Response {
    let allowed = match &state.config.metrics.token {
        Some(token) => carries(request.headers(), token.expose_secret()),
        None if is_local(request.extensions(), request.headers()) => true,
        // Without a token there is nothing here for others, not even a door.
        None => return ApiError(AppError::NotFound).into_response(),
    };
    if !allowed {
        let mut refusal = ApiError(AppError::Unauthenticated).into_response();
        refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refusal;
    }
    let replies = state.chat.providers.iter().map(|guarded| (WorkKind::Chat, guarded.name(), guarded.breaker_state()));
    let images =
        state.images.providers.iter().map(|guarded| (WorkKind::Image, guarded.name(), guarded.breaker_state()));
    match state.generation.metrics.render(state.generation.jobs.count(), replies.chain(images)) {
        Ok(text) => ([(CONTENT_TYPE, CONTENT), (CACHE_CONTROL, "no-store")], text).into_response(),
        Err(_) => ApiError(AppError::Internal).into_response(),
    }
}

fn carries(headers: &HeaderMap, token: &str) -> bool {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    // Digests, so that not even the length shows in the time it takes.
    sent.is_some_and(|sent| {
        let (sent, token) = (Sha256::digest(sent), Sha256::digest(token));
        aws_lc_rs::constant_time::verify_slices_are_equal(&sent, &token).is_ok()
    })
}

fn is_local(extensions: &Extensions, headers: &HeaderMap) -> bool {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    peer.is_some_and(|peer| peer.is_loopback()) && FORWARDED.iter().all(|name| !headers.contains_key(*name))
}
