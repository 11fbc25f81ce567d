//! The adapters of the configuration: databases, providers, storage.

use std::sync::Arc;

use super::config::Config;
use crate::account::server::store::{AccountStore, MongoAccountStore, SqliteAccountStore};
use crate::chat::server::config::ProviderName;
use crate::chat::server::providers::local::LocalProvider;
use crate::chat::server::providers::{ChatProvider, GeminiProvider, OpenAiProvider};
use crate::chat::server::store::{ChatStore, MongoChatStore, SqliteChatStore};
use crate::credits::server::store::{CreditStore, MongoCreditStore, SqliteCreditStore};
use crate::images::server::config::{ImageProviderName, StorageConfig};
use crate::images::server::providers::{ImageProvider, OpenAiImageProvider, ReplicateProvider, SketchProvider};
use crate::images::server::storage::{CloudinaryStore, FileStore, ObjectStore, S3Store, StorageError};
use crate::images::server::store::{ImageStore, MongoImageStore, SqliteImageStore};
use crate::platform::db::mongo::Mongo;
use crate::platform::db::sqlite::Sqlite;
use crate::platform::db::{Database, DatabaseConfig, StoreResult};
use crate::platform::private_files::private_folder;
use crate::platform::site::database_path;
use crate::usage::server::store::{MongoUsageStore, SqliteUsageStore, UsageStore};

/// The ports to everything that is stored.
#[derive(Clone)]
pub struct Stores {
    pub accounts: Arc<dyn AccountStore>,
    pub credits: Arc<dyn CreditStore>,
    pub chats: Arc<dyn ChatStore>,
    pub attempts: Arc<dyn UsageStore>,
    pub images: Arc<dyn ImageStore>,
    /// What all of them are kept in.
    pub database: Database,
}

impl Stores {
    /// Opens the database that the configuration names.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(config: &Config) -> StoreResult<Self> {
        let uri = match &config.database {
            DatabaseConfig::Sqlite => return Self::open_sqlite(config),
            DatabaseConfig::Mongo(uri) => uri,
        };
        let mongo = Box::pin(Mongo::open(uri)).await?;
        Ok(Self {
            accounts: Arc::new(MongoAccountStore::new(&mongo)),
            chats: Arc::new(MongoChatStore::new(&mongo)),
            attempts: Arc::new(MongoUsageStore::new(&mongo)),
            images: Arc::new(MongoImageStore::new(&mongo)),
            database: Database::Mongo(mongo.clone()),
            credits: Arc::new(MongoCreditStore::new(mongo, config.credits.free)),
        })
    }

    fn open_sqlite(config: &Config) -> StoreResult<Self> {
        let directory = &config.site.data_dir;
        private_folder(directory)
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", directory.display())))?;
        let db = Sqlite::open(&database_path(directory))?;
        Ok(Self {
            accounts: Arc::new(SqliteAccountStore::new(db.clone())),
            credits: Arc::new(SqliteCreditStore::new(db.clone(), config.credits.free)),
            attempts: Arc::new(SqliteUsageStore::new(db.clone())),
            images: Arc::new(SqliteImageStore::new(db.clone())),
            database: Database::Sqlite(db.clone()),
            chats: Arc::new(SqliteChatStore::new(db)),
        })
    }
}

/// The chat providers of the configuration, in their order.
#[must_use]
pub fn build_providers(config: &Config) -> Vec<Arc<dyn ChatProvider>> {
    let chat = &config.chat;
    // Only the connection has a timeout of its own: the job watches over the rest.
    let http = reqwest::Client::builder()
        .connect_timeout(chat.timeout.min(std::time::Duration::from_secs(10)))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .build()
        .inspect_err(|error| tracing::error!(%error, "the HTTP client could not be built"))
        .ok();
    let provider = |name: &ProviderName| -> Option<Arc<dyn ChatProvider>> {
        match name {
            ProviderName::Gemini => Some(Arc::new(GeminiProvider::new(chat.gemini.clone()?, http.clone()?))),
            ProviderName::OpenAi => Some(Arc::new(OpenAiProvider::new(chat.openai.clone()?, http.clone()?))),
            ProviderName::Local => {
                // One core stays free: llama.cpp's threads wait for each other busily, and starve where others need them.
                let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
                let threads = cores.saturating_sub(1).max(1);
                Some(Arc::new(LocalProvider::new(chat.local.path.clone(), threads)))
            }
        }
    };
    chat.providers.iter().filter_map(provider).collect()
}

/// The image providers of the configuration, in their order.
///
/// # Errors
/// One line that names the variable.
pub fn build_image_providers(config: &Config) -> Result<Vec<Arc<dyn ImageProvider>>, String> {
    let images = &config.images;
    let mut providers: Vec<Arc<dyn ImageProvider>> = Vec::new();
    for name in &images.providers {
        match (name, &images.replicate, &images.openai) {
            (ImageProviderName::Replicate, Some(replicate), _) => {
                let provider = ReplicateProvider::new(replicate.clone());
                providers.push(Arc::new(provider.map_err(|error| format!("REPLICATE_MODEL: {error}"))?));
            }
            (ImageProviderName::OpenAi, _, Some(openai)) => {
                let provider = OpenAiImageProvider::new(openai.clone());
                providers.push(Arc::new(provider.map_err(|error| format!("OPENAI_IMAGE_MODEL: {error}"))?));
            }
            (ImageProviderName::Sketch, ..) => providers.push(Arc::new(SketchProvider)),
            // The configuration lists none that is not configured.
            (ImageProviderName::Replicate | ImageProviderName::OpenAi, ..) => {}
        }
    }
    Ok(providers)
}

/// Where images are kept.
///
/// # Errors
/// One line that names the variable.
pub fn build_storage(config: &Config) -> Result<Arc<dyn ObjectStore>, String> {
    let storage = &config.images.storage;
    let built: Result<Arc<dyn ObjectStore>, StorageError> = match storage {
        StorageConfig::Files => FileStore::new(config.site.data_dir.join("images")).map(|store| Arc::new(store) as _),
        StorageConfig::S3(s3) => S3Store::new(s3.clone()).map(|store| Arc::new(store) as _),
        StorageConfig::Cloudinary(cloud) => CloudinaryStore::new(cloud.clone()).map(|store| Arc::new(store) as _),
    };
    built.map_err(|error| format!("{}: {error}", storage.variable()))
}
