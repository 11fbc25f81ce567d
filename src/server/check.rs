//! Whether everything that is configured can be reached: `/readyz` and `tessera check`.

use std::fmt::Write;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::future::ready;
use serde_json::json;
use tokio::time::timeout;

use super::config::{Config, DatabaseConfig};
use super::redis;
use super::state::{AppState, Stores, build_providers};
use crate::chat::providers::{ProviderError, ProviderEvent, ProviderRequest, Role, Turn};

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// 200 when requests can be served, else 503 with what is wrong.
pub async fn readyz(State(state): State<AppState>) -> Response {
    let database = timeout(PATIENCE, state.accounts.find_session([0; 32], 0)).await.is_ok_and(|found| found.is_ok());
    let draining = state.is_shutting_down();
    let providers: Vec<_> = state
        .chat_providers
        .iter()
        .map(|provider| {
            let breaker = provider.breaker_state().as_str();
            json!({ "name": provider.name(), "model": provider.model(), "breaker": breaker, "problem": provider.trouble() })
        })
        .collect();
    // Only told: a server goes on alone without it.
    let redis = state.redis.as_ref().map(|redis| json!({ "problem": redis.problem() }));
    let ready = database && !draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready,
        "draining": draining,
        "database": database,
        "redis": redis,
        "chatProviders": providers,
    });
    (status, Json(body)).into_response()
}

/// Tries every configured part and returns a table of what came of it, and whether all is well.
pub async fn run(config: &Config) -> (String, bool) {
    let mut rows = vec![("configuration".to_owned(), Ok(format!("{} → {}", config.site.addr, config.site.public_url)))];
    rows.push(match Stores::open(config).await {
        Ok(stores) => {
            let found = stores.accounts.find_session([0; 32], 0).await;
            let place = match &config.database {
                DatabaseConfig::Sqlite => super::config::database_path(&config.site.data_dir).display().to_string(),
                DatabaseConfig::Mongo(_) => "MongoDB".to_owned(),
            };
            ("database".to_owned(), found.map(|_| place).map_err(|error| error.to_string()))
        }
        Err(error) => ("database".to_owned(), Err(error.to_string())),
    });
    if let Some(redis) = &config.redis {
        rows.push(("redis".to_owned(), redis::try_out(redis).await));
    }
    for provider in build_providers(config) {
        let request =
            ProviderRequest { turns: vec![Turn::new(Role::User, "Say hello.")], model: None, max_output_tokens: 16 };
        let answered = timeout(config.chat.timeout, async {
            let stream = provider.start(request).await?;
            let mut stream = stream.filter(|event| ready(!matches!(event, Ok(ProviderEvent::Usage(_)))));
            stream.next().await.unwrap_or(Err(ProviderError::Malformed("no answer".to_owned())))
        });
        let result = match answered.await {
            Ok(Ok(_)) => Ok(provider.model()),
            Ok(Err(error)) => Err(provider.problem().unwrap_or_else(|| error.to_string())),
            Err(_) => Err("no answer in time".to_owned()),
        };
        rows.push((format!("chat: {}", provider.name()), result));
    }
    let all_well = rows.iter().all(|(_, result)| result.is_ok());
    let mut table = String::new();
    for (part, result) in rows {
        let (mark, text) = match result {
            Ok(text) => ("ok    ", text),
            Err(text) => ("FAILED", text),
        };
        // Writing to a string does not fail.
        _ = writeln!(table, "{mark}  {part:<16} {text}");
    }
    (table, all_well)
}
