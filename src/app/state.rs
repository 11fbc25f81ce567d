//! What every handler and job shares. The adapters are picked here, once.

use std::ops::Deref;
use std::sync::Arc;

use leptos::config::LeptosOptions;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::config::{Config, DatabaseConfig, ImageProviderName, ProviderName, StorageConfig, database_path};
use super::metrics::Metrics;
use super::pages::ReadyPages;
use crate::account::server::password::Passwords;
use crate::account::server::store::{AccountStore, MongoAccountStore, SqliteAccountStore};
use crate::chat::server::providers::local::LocalProvider;
use crate::chat::server::providers::{ChatProvider, GeminiProvider, GuardedProvider, OpenAiProvider};
use crate::chat::server::store::{ChatStore, MongoChatStore, SqliteChatStore};
use crate::credits::server::store::{CreditStore, MongoCreditStore, SqliteCreditStore};
use crate::generation::{Generation, Parts, RetryBudget};
use crate::images::server::providers::{
    GuardedImageProvider, ImageProvider, OpenAiImageProvider, ReplicateProvider, SketchProvider,
};
use crate::images::server::storage::{CloudinaryStore, FileStore, ObjectStore, S3Store, StorageError};
use crate::images::server::store::{ImageStore, MongoImageStore, SqliteImageStore};
use crate::platform::cache::{Cache, LocalCache, RedisCache};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::Mongo;
use crate::platform::db::sqlite::Sqlite;
use crate::platform::jobs::{JobFeed, Jobs, RedisJobFeed};
use crate::platform::limits::{LocalRateLimiter, RateLimiter, RedisRateLimiter};
use crate::platform::redis::Redis;
use crate::usage::server::recorder::UsageRecorder;
use crate::usage::server::store::{MongoUsageStore, SqliteUsageStore, UsageStore};

/// The ports to everything that is stored.
#[derive(Clone)]
pub struct Stores {
    pub accounts: Arc<dyn AccountStore>,
    pub credits: Arc<dyn CreditStore>,
    pub chats: Arc<dyn ChatStore>,
    pub attempts: Arc<dyn UsageStore>,
    pub images: Arc<dyn ImageStore>,
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
            credits: Arc::new(MongoCreditStore::new(mongo, config.credits.free)),
        })
    }

    fn open_sqlite(config: &Config) -> StoreResult<Self> {
        let directory = &config.site.data_dir;
        std::fs::create_dir_all(directory)
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", directory.display())))?;
        let db = Sqlite::open(&database_path(directory))?;
        Ok(Self {
            accounts: Arc::new(SqliteAccountStore::new(db.clone())),
            credits: Arc::new(SqliteCreditStore::new(db.clone(), config.credits.free)),
            attempts: Arc::new(SqliteUsageStore::new(db.clone())),
            images: Arc::new(SqliteImageStore::new(db.clone())),
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

/// Cheap to clone; see [`Shared`].
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// The parts of the server.
pub struct Shared {
    pub config: Config,
    pub leptos: LeptosOptions,
    pub accounts: Arc<dyn AccountStore>,
    pub credits: Arc<dyn CreditStore>,
    pub chats: Arc<dyn ChatStore>,
    pub attempts: Arc<dyn UsageStore>,
    /// The way into `attempts` that nobody waits for.
    pub usage: Arc<UsageRecorder>,
    /// In the order in which they are asked; never empty.
    pub chat_providers: Vec<Arc<GuardedProvider>>,
    pub images: Arc<dyn ImageStore>,
    /// In the order in which they are asked; never empty.
    pub image_providers: Vec<Arc<GuardedImageProvider>>,
    pub objects: Arc<dyn ObjectStore>,
    /// Told when there are files to delete.
    pub cleaner: Notify,
    pub limiter: Arc<dyn RateLimiter>,
    pub cache: Arc<dyn Cache>,
    /// `None`: not configured.
    pub redis: Option<Redis>,
    pub passwords: Passwords,
    pub jobs: Arc<Jobs>,
    /// What replies and images have in common.
    pub generation: Generation,
    pub metrics: Arc<Metrics>,
    pub pages: ReadyPages,
    /// Cancelled when the server should end.
    pub shutdown: CancellationToken,
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl AppState {
    /// Puts the server together from its configuration.
    ///
    /// # Errors
    /// One line that names the variable, when the database cannot be opened or a part cannot be set up.
    pub async fn build(config: Config, leptos: LeptosOptions) -> Result<Self, String> {
        let stores = Stores::open(&config).await.map_err(|error| format!("{}: {error}", config.database.variable()))?;
        let providers = build_providers(&config);
        let painters = build_image_providers(&config)?;
        let objects = build_storage(&config)?;
        Ok(Self::assemble(config, leptos, stores, providers, painters, objects))
    }

    /// Puts the server together from these parts.
    #[must_use]
    pub fn assemble(
        config: Config,
        leptos: LeptosOptions,
        stores: Stores,
        chat_providers: Vec<Arc<dyn ChatProvider>>,
        image_providers: Vec<Arc<dyn ImageProvider>>,
        objects: Arc<dyn ObjectStore>,
    ) -> Self {
        // A second start in one process (tests) finds it done.
        _ = any_spawner::Executor::init_tokio();
        let redis = config.redis.as_ref().and_then(|redis| {
            Redis::open(redis).inspect_err(|error| tracing::error!(%error, "Redis cannot be used")).ok()
        });
        let per_minute = config.site.rate_limit_per_minute;
        let limiter: Arc<dyn RateLimiter> = match &redis {
            Some(redis) => Arc::new(RedisRateLimiter::new(redis.clone(), per_minute)),
            None => Arc::new(LocalRateLimiter::new(per_minute)),
        };
        let cache: Arc<dyn Cache> = match &redis {
            Some(redis) => Arc::new(RedisCache::new(redis.clone())),
            None => Arc::new(LocalCache::default()),
        };
        let metrics = Arc::new(Metrics::default());
        let feed = redis.clone().map(|redis| Arc::new(RedisJobFeed::new(redis)) as Arc<dyn JobFeed>);
        let usage = Arc::new(UsageRecorder::start(stores.attempts.clone(), metrics.lost_records()));
        let jobs = Arc::new(Jobs::new(feed));
        let shutdown = CancellationToken::new();
        let generation = Generation::new(Parts {
            credits: stores.credits.clone(),
            jobs: jobs.clone(),
            metrics: metrics.clone(),
            retries: RetryBudget::default(),
            usage: usage.clone(),
            prices: config.usage.prices.clone(),
            limiter: limiter.clone(),
            shutdown: shutdown.clone(),
        });
        Self(Arc::new(Shared {
            leptos,
            accounts: stores.accounts,
            credits: stores.credits,
            chats: stores.chats,
            usage,
            attempts: stores.attempts,
            chat_providers: chat_providers.into_iter().map(GuardedProvider::new).map(Arc::new).collect(),
            images: stores.images,
            image_providers: image_providers.into_iter().map(GuardedImageProvider::new).map(Arc::new).collect(),
            objects,
            cleaner: Notify::new(),
            limiter,
            cache,
            redis,
            passwords: Passwords::default(),
            jobs,
            generation,
            metrics,
            pages: ReadyPages::default(),
            shutdown,
            config,
        }))
    }

    /// Whether new work is refused.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_cancelled()
    }
}
