//! `tessera check`: whether everything that is configured can be reached.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::ready;
use tokio::time::timeout;

use super::config::Config;
use super::health::{CLOCK_WRONG_AFTER, PATIENCE};
use super::serve::read_site_options;
use super::stores::{Stores, build_storage};
use crate::account::server::oidc::build_providers as build_identity_providers;
use crate::account::server::second_factor::{Sealing, look_at_keys};
use crate::chat::server::models::Models;
use crate::chat::server::providers::{
    ChatProvider, ProviderError, ProviderEvent, ProviderRequest, Role, Sampling, Turn,
};
use crate::document::Assets;
use crate::generation::build_providers;
use crate::images::server::garbage::{Inventory, take_inventory};
use crate::images::server::providers::ImageProvider;
use crate::platform::db::{Database, DatabaseConfig, Probed};
use crate::platform::redis;
use crate::platform::site::database_path;
use leptos::config::LeptosOptions;

/// Tries every configured part. Returns a table of the results, and whether all is well. `with_storage` also counts what is stored,
/// which looks at every file.
pub async fn run(config: &Config, with_storage: bool) -> (String, bool) {
    let mut rows = vec![("configuration".to_owned(), Ok(format!("{} → {}", config.site.addr, config.site.public_url)))];
    rows.push(("prices".to_owned(), Ok(config.prices.book().summary())));
    rows.push(("shop".to_owned(), Ok(config.shop.summary())));
    rows.push(("site".to_owned(), read_site_options().and_then(|options| check_site(&options))));
    let stores = Stores::open(config).await;
    match &stores {
        Ok(stores) => rows.extend(check_database(config, &stores.database).await),
        Err(error) => rows.push(("database".to_owned(), Err(error.to_string()))),
    }
    rows.push(("secret".to_owned(), check_secret(config, stores.as_ref().ok()).await));
    if let Some(redis) = &config.redis {
        rows.push(("redis".to_owned(), redis::try_out(redis).await));
    }
    rows.extend(check_sign_in(config).await);
    match build_providers(&config.chat.providers) {
        Ok(providers) => rows.extend(check_models(config, providers).await),
        Err(problem) => rows.push(("chat".to_owned(), Err(problem))),
    }
    match build_providers(&config.images.providers) {
        // Trying them out would make, and cost, an image.
        Ok(providers) => {
            let row =
                |provider: &Arc<dyn ImageProvider>| (format!("images: {}", provider.name()), Ok(provider.model()));
            rows.extend(providers.iter().map(row));
        }
        Err(problem) => rows.push(("images".to_owned(), Err(problem))),
    }
    match config.payments.provider() {
        Ok(None) => {}
        Ok(Some(provider)) => rows.push((format!("payments: {}", provider.name()), provider.check().await)),
        Err(problem) => rows.push(("payments".to_owned(), Err(problem))),
    }
    if let Some(plan) = &config.backups {
        rows.push(("backups".to_owned(), plan.check()));
    }
    rows.push(("mail".to_owned(), check_mail(config).await));
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

/// Looks for what pages ask for.
///
/// # Errors
/// One line that says what is missing.
pub fn check_site(options: &LeptosOptions) -> Result<String, String> {
    let Some(assets) = Assets::of(options) else {
        let text = format!("{} is not beside the program: pages have no styles and no scripts", options.hash_file);
        // As in tests.
        return if cfg!(debug_assertions) { Ok(text) } else { Err(text) };
    };
    match assets.missing(options)[..] {
        [] => Ok(options.site_root.to_string()),
        [first, ..] => Err(format!("{}{first} is missing: install all of the release", options.site_root)),
    }
}

/// Whether `APP_SECRET` opens what the database has sealed.
async fn check_secret(config: &Config, stores: Option<&Stores>) -> Result<String, String> {
    let place = config.secret.place(&config.database, &config.site.data_dir);
    let Some(stores) = stores else { return Ok(place) };
    let secret = config.secret.open(&stores.database, &config.site.data_dir).await?;
    let found = look_at_keys(stores.second_factors.as_ref(), &secret).await.map_err(|error| error.to_string())?;
    let Sealing { current, before, unreadable } = found;
    let keys = current + before + unreadable;
    match (before, unreadable) {
        (0, 0) => Ok(format!("{place} opens the keys of {keys} authenticator apps")),
        (_, 0) => Ok(format!("{place}: {before} of {keys} keys of authenticator apps are sealed at the next start")),
        _ => Err(format!(
            "APP_SECRET: {place} does not open {unreadable} of {keys} keys of authenticator apps: it belongs to another database"
        )),
    }
}

/// Connects to the mail server, and signs in.
async fn check_mail(config: &Config) -> Result<String, String> {
    let mailer = config.mail.mailer()?;
    timeout(PATIENCE * 2, mailer.check()).await.unwrap_or_else(|_| Err("it did not answer in time".to_owned()))
}

/// Writes to the database, looks for damage in it, and compares clocks.
async fn check_database(config: &Config, database: &Database) -> Vec<(String, Result<String, String>)> {
    let place = match &config.database {
        DatabaseConfig::Sqlite => database_path(&config.site.data_dir).display().to_string(),
        DatabaseConfig::Mongo(_) => "MongoDB".to_owned(),
    };
    let probed = database.probe().await;
    let found = match &probed {
        Ok(_) => database.look_for_damage().await.map(|()| place).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let mut rows = vec![("database".to_owned(), found)];
    if let (Ok(Probed { ahead, .. }), DatabaseConfig::Mongo(_)) = (&probed, &config.database) {
        let told = format!("{ahead} ms ahead of the database's");
        rows.push(("clock".to_owned(), if ahead.abs() > CLOCK_WRONG_AFTER { Err(told) } else { Ok(told) }));
    }
    rows
}

/// Reaches each identity provider.
async fn check_sign_in(config: &Config) -> Vec<(String, Result<String, String>)> {
    let providers = match build_identity_providers(&config.accounts.providers, &config.site) {
        Ok(providers) => providers,
        Err(problem) => return vec![("sign-in".to_owned(), Err(problem))],
    };
    let mut rows = Vec::new();
    for provider in providers {
        rows.push((format!("sign-in: {}", provider.config.name), provider.check().await));
    }
    rows
}

/// Loads the models, and tries each provider with the first of its models.
async fn check_models(config: &Config, own: Vec<Arc<dyn ChatProvider>>) -> Vec<(String, Result<String, String>)> {
    let models = Models::new(config.chat.source.clone(), own);
    models.refresh().await;
    let mut rows = vec![("models".to_owned(), Ok(models.summary()))];
    rows.extend(models.problems().into_iter().map(|(name, problem)| (format!("chat: {name}"), Err(problem))));
    for provider in &models.now().providers {
        let result = check_chat(provider.provider(), config.chat.timeout).await;
        rows.push((format!("chat: {}", provider.name()), result));
    }
    rows
}

/// Asks a chat provider for a word.
async fn check_chat(provider: &dyn ChatProvider, patience: Duration) -> Result<String, String> {
    let request = ProviderRequest {
        turns: vec![Turn::new(Role::User, "Say hello.")],
        model: None,
        sampling: Sampling { max_output_tokens: 16, ..Sampling::default() },
        most_output: None,
        must_fit: false,
    };
    let answered = timeout(patience, async {
        let stream = provider.start(request).await?;
        let mut stream =
            stream.filter(|event| ready(!matches!(event, Ok(ProviderEvent::Usage(_) | ProviderEvent::Alive { .. }))));
        stream.next().await.unwrap_or(Err(ProviderError::Malformed("no answer".to_owned())))
    });
    match answered.await {
        Ok(Ok(_)) => Ok(provider.model()),
        // The operator gets the error besides the text for people.
        Ok(Err(error)) => Err(match provider.problem() {
            Some(problem) => format!("{problem} ({error})"),
            None => error.to_string(),
        }),
        Err(_) => Err("no answer in time".to_owned()),
    }
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
