//! Whether everything that is configured can be reached: `/readyz` and `tessera check`.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::future::ready;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::config::Config;
use super::state::AppState;
use super::stores::{Stores, build_image_providers, build_providers, build_storage};
use crate::chat::server::providers::{ProviderError, ProviderEvent, ProviderRequest, Role, Sampling, Turn};
use crate::generation::{Guarded, Provider};
use crate::images::server::garbage::{Inventory, take_inventory};
use crate::images::server::providers::ImageProvider;
use crate::platform::db::DatabaseConfig;
use crate::platform::redis;
use crate::platform::site::database_path;

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether requests can be served, and what is wrong.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    ready: bool,
    /// It is shutting down.
    draining: bool,
    /// It can be reached.
    database: bool,
    /// Only told, if there is one: a server goes on alone without it.
    redis: Option<RedisHealth>,
    /// Only told, in the order in which they are asked.
    chat_providers: Vec<ProviderHealth>,
    /// Only told, in the order in which they are asked.
    image_providers: Vec<ProviderHealth>,
}

#[derive(Serialize, ToSchema)]
struct RedisHealth {
    problem: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct ProviderHealth {
    name: &'static str,
    model: String,
    /// `closed`, `half-open` or `open`: then it is left out.
    breaker: &'static str,
    problem: Option<String>,
}

/// Says that the process lives.
#[utoipa::path(get, path = "/healthz", tag = "Operations", security(()),
    responses((status = 200, description = "It does.", body = String)))]
pub async fn healthz() -> &'static str {
    "ok"
}

/// Says whether requests can be served.
#[utoipa::path(get, path = "/readyz", tag = "Operations", security(()),
    responses((status = 200, description = "They can.", body = Readiness),
        (status = 503, description = "They cannot, and why.", body = Readiness)))]
pub async fn readyz(State(state): State<AppState>) -> Response {
    let database =
        timeout(PATIENCE, state.stores.accounts.find_session([0; 32], 0)).await.is_ok_and(|found| found.is_ok());
    let draining = state.generation.is_shutting_down();
    let chat_providers = state.chat.providers.iter().map(|provider| health(provider)).collect();
    let image_providers = state.images.providers.iter().map(|provider| health(provider)).collect();
    let redis = state.redis.as_ref().map(|redis| RedisHealth { problem: redis.problem() });
    let ready = database && !draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, draining, database, redis, chat_providers, image_providers })).into_response()
}

fn health<P: Provider + ?Sized>(provider: &Guarded<P>) -> ProviderHealth {
    ProviderHealth {
        name: provider.name(),
        model: provider.model(),
        breaker: provider.breaker_state().as_str(),
        problem: provider.trouble(),
    }
}

/// Tries every configured part and returns a table of what came of it, and whether all is well. `with_storage` also counts
/// what is stored, which looks at every file.
pub async fn run(config: &Config, with_storage: bool) -> (String, bool) {
    let mut rows = vec![("configuration".to_owned(), Ok(format!("{} → {}", config.site.addr, config.site.public_url)))];
    let stores = Stores::open(config).await;
    rows.push(match &stores {
        Ok(stores) => {
            let found = stores.accounts.find_session([0; 32], 0).await;
            let place = match &config.database {
                DatabaseConfig::Sqlite => database_path(&config.site.data_dir).display().to_string(),
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
        let request = ProviderRequest {
            turns: vec![Turn::new(Role::User, "Say hello.")],
            model: None,
            sampling: Sampling { max_output_tokens: 16, ..Sampling::default() },
        };
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
    match build_image_providers(config) {
        // Trying them out would make, and cost, an image.
        Ok(providers) => {
            let row =
                |provider: &Arc<dyn ImageProvider>| (format!("images: {}", provider.name()), Ok(provider.model()));
            rows.extend(providers.iter().map(row));
        }
        Err(problem) => rows.push(("images".to_owned(), Err(problem))),
    }
    rows.push(("storage".to_owned(), check_storage(config, stores.ok().filter(|_| with_storage)).await));
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

/// Writes to storage and, with the database, counts what is in both.
async fn check_storage(config: &Config, stores: Option<Stores>) -> Result<String, String> {
    let objects = build_storage(config)?;
    objects.check().await.map_err(|error| error.to_string())?;
    let Some(stores) = stores else { return Ok(objects.name().to_owned()) };
    let count = stores.images.count().await.map_err(|error| error.to_string())?;
    let known = format!("{}: {} images, {} to be deleted", objects.name(), count.complete, count.strays);
    let Some(inventory) = take_inventory(stores.images.as_ref(), objects.as_ref()).await? else {
        return Ok(format!("{known}; it cannot list its files"));
    };
    let Inventory { files, strays } = inventory;
    let found = format!("{known}, {files} files, {} images without a row", strays.len());
    if strays.is_empty() { Ok(found) } else { Err(found) }
}
