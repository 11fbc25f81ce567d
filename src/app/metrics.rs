//! `GET /metrics`: who may read what the server counts (`generation/metrics.rs`).

use std::collections::HashSet;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, VARY, WWW_AUTHENTICATE};
use axum::http::{Extensions, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::health;
use super::state::AppState;
use crate::api_docs::Refusal;
use crate::credits::WorkKind;
use crate::platform::error::AppError;
use crate::platform::http::accept::wants_classic_metrics;
use crate::platform::http::envelope::ApiError;

/// Who may read `/metrics`.
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// `METRICS_TOKEN` (none: whoever is on this machine may).
    pub token: Option<SecretString>,
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
/// What proxies add: who is behind one is not on this machine.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// Get metrics for Prometheus.
///
/// If `METRICS_TOKEN` is set, send it as a bearer token. Without it, only callers on the same machine that come without a
/// proxy are answered. `Accept: text/plain` selects the classic text format.
#[utoipa::path(get, path = "/metrics", tag = "Operations", security(()),
    responses((status = 200, description = "OpenMetrics, or the classic text format.",
        content((String = "application/openmetrics-text"), (String = "text/plain"))),
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
    state.generation.metrics.operations().look(health::vitals(&state));
    let replies = state.chat.providers();
    let replies = replies.iter().map(|guarded| (WorkKind::Chat, guarded.name(), guarded.breaker_state()));
    let images =
        state.images.providers.iter().map(|guarded| (WorkKind::Image, guarded.name(), guarded.breaker_state()));
    match state.generation.metrics.render(state.generation.jobs.count(), replies.chain(images)) {
        Ok(text) => {
            let (kind, text) = if wants_classic_metrics(request.headers()) {
                (CLASSIC, to_classic(&text))
            } else {
                (OPEN_METRICS, text)
            };
            let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store"), (VARY, "accept")];
            (headers, text).into_response()
        }
        Err(_) => ApiError(AppError::Internal).into_response(),
    }
}

/// The same in the format from before `OpenMetrics`: there a counter is described under the name of its sample, and there are
/// no units and no end. <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
fn to_classic(text: &str) -> String {
    let counter = |line: &str| line.strip_prefix("# TYPE ")?.strip_suffix(" counter").map(str::to_owned);
    let counters: HashSet<String> = text.lines().filter_map(counter).collect();
    let mut classic = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let mut words = line.splitn(4, ' ');
        let described = match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what @ ("HELP" | "TYPE")), Some(name), rest) if counters.contains(name) => {
                Some(format!("# {what} {name}_total {}", rest.unwrap_or_default()))
            }
            _ => None,
        };
        classic.push_str(described.as_deref().unwrap_or(line));
        classic.push('\n');
    }
    classic
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classic_format_names_counters_as_their_samples() {
        let text = "# HELP t_jobs Jobs, that are counter.\n# TYPE t_jobs gauge\nt_jobs 1\n\
            # HELP t_asked Times.\n# TYPE t_asked counter\nt_asked_total{a=\"# TYPE x counter\"} 2\n\
            # HELP t_took Time.\n# TYPE t_took histogram\n# UNIT t_took seconds\nt_took_bucket{le=\"+Inf\"} 1\n# EOF\n";
        let classic = "# HELP t_jobs Jobs, that are counter.\n# TYPE t_jobs gauge\nt_jobs 1\n\
            # HELP t_asked_total Times.\n# TYPE t_asked_total counter\nt_asked_total{a=\"# TYPE x counter\"} 2\n\
            # HELP t_took Time.\n# TYPE t_took histogram\nt_took_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(to_classic(text), classic);
    }
}
