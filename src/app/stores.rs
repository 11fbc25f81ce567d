//! The adapters of the configuration: databases and storage.

use std::sync::Arc;

use super::config::Config;
use crate::account::server::directory::{MongoUserDirectory, SqliteUserDirectory, UserDirectory};
use crate::account::server::mail_links::{MailLinkStore, MongoMailLinkStore, SqliteMailLinkStore};
use crate::account::server::oidc::store::{IdentityStore, MongoIdentityStore, SqliteIdentityStore};
use crate::account::server::passkeys::store::{MongoPasskeyStore, PasskeyStore, SqlitePasskeyStore};
use crate::account::server::plans::{MongoPlanStore, PlanStore, SqlitePlanStore};
use crate::account::server::second_factor::store::{
    MongoSecondFactorStore, SecondFactorStore, SqliteSecondFactorStore,
};
use crate::account::server::sessions::store::{MongoSessionStore, SessionStore, SqliteSessionStore};
use crate::account::server::store::{AccountStore, MongoAccountStore, SqliteAccountStore};
use crate::admin::server::views::{MongoViewStore, SqliteViewStore, ViewStore};
use crate::admin::server::{Admin, AdminParts};
use crate::audit::AuditLog;
use crate::audit::store::{AuditStore, MongoAuditStore, SqliteAuditStore};
use crate::bookkeeping::server::store::{BookStore, MongoBookStore, SqliteBookStore};
use crate::bookkeeping::server::{Bookkeeping, BookkeepingParts};
use crate::chat::server::models::Models;
use crate::chat::server::store::{ChatStore, MongoChatStore, SqliteChatStore};
use crate::credits::server::codes::{CodeStore, MongoCodeStore, SqliteCodeStore};
use crate::credits::server::notices::{MongoNoticeStore, NoticeStore, SqliteNoticeStore};
use crate::credits::server::prices::history::{MongoPriceStore, PriceStore, SqlitePriceStore};
use crate::credits::server::store::reading::LedgerReader;
use crate::credits::server::store::{CreditStore, MongoCreditStore, SqliteCreditStore};
use crate::flags::store::{FlagStore, MongoFlagStore, SqliteFlagStore};
use crate::flags::{Flags, FlagsParts};
use crate::generation::Metrics;
use crate::images::server::config::StorageConfig;
use crate::images::server::providers::ImageProvider;
use crate::images::server::storage::{CloudinaryStore, FileStore, ObjectStore, S3Store, StorageError};
use crate::images::server::store::{ImageStore, MongoImageStore, SqliteImageStore};
use crate::leaving::server::store::{LeavingStore, MongoLeavingStore, SqliteLeavingStore};
use crate::openai_api::responses::store::{MongoResponseStore, ResponseStore, SqliteResponseStore};
use crate::payments::server::papers::store::{MongoPaperStore, PaperStore, SqlitePaperStore};
use crate::payments::server::referrals::{MongoReferralStore, ReferralStore, SqliteReferralStore};
use crate::payments::server::store::{MongoPaymentStore, PaymentStore, SqlitePaymentStore};
use crate::payments::server::subscriptions::store::{
    MongoSubscriptionStore, SqliteSubscriptionStore, SubscriptionStore,
};
use crate::platform::db::mongo::Mongo;
use crate::platform::db::sqlite::Sqlite;
use crate::platform::db::{Database, DatabaseConfig, StoreResult};
use crate::platform::private_files::private_folder;
use crate::platform::site::database_path;
use crate::platform::work_kind::WorkKind;
use crate::stats::Stats;
use crate::stats::store::{MongoStatsStore, SqliteStatsStore, StatsStore};
use crate::traces::store::{MongoTraceStore, SqliteTraceStore, TraceStore};
use crate::usage::server::prices::PriceTable;
use crate::usage::server::store::{MongoUsageStore, SqliteUsageStore, UsageStore};

/// The ports to everything that is stored.
#[derive(Clone)]
pub struct Stores {
    pub accounts: Arc<dyn AccountStore>,
    pub directory: Arc<dyn UserDirectory>,
    pub sessions: Arc<dyn SessionStore>,
    pub plans: Arc<dyn PlanStore>,
    pub mail_links: Arc<dyn MailLinkStore>,
    pub identities: Arc<dyn IdentityStore>,
    pub passkeys: Arc<dyn PasskeyStore>,
    pub second_factors: Arc<dyn SecondFactorStore>,
    pub credits: Arc<dyn CreditStore>,
    pub codes: Arc<dyn CodeStore>,
    pub notices: Arc<dyn NoticeStore>,
    pub prices: Arc<dyn PriceStore>,
    pub chats: Arc<dyn ChatStore>,
    pub responses: Arc<dyn ResponseStore>,
    pub attempts: Arc<dyn UsageStore>,
    pub images: Arc<dyn ImageStore>,
    pub payments: Arc<dyn PaymentStore>,
    pub subscriptions: Arc<dyn SubscriptionStore>,
    pub referrals: Arc<dyn ReferralStore>,
    pub papers: Arc<dyn PaperStore>,
    pub leavings: Arc<dyn LeavingStore>,
    pub audit: Arc<dyn AuditStore>,
    pub statistics: Arc<dyn StatsStore>,
    pub flags: Arc<dyn FlagStore>,
    pub traces: Arc<dyn TraceStore>,
    pub views: Arc<dyn ViewStore>,
    pub books: Arc<dyn BookStore>,
    pub ledger: Arc<dyn LedgerReader>,
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
        let credits = Arc::new(MongoCreditStore::new(mongo.clone(), config.credits.free));
        Ok(Self {
            accounts: Arc::new(MongoAccountStore::new(&mongo)),
            directory: Arc::new(MongoUserDirectory::new(mongo.clone())),
            sessions: Arc::new(MongoSessionStore::new(&mongo)),
            plans: Arc::new(MongoPlanStore::new(&mongo)),
            mail_links: Arc::new(MongoMailLinkStore::new(&mongo)),
            identities: Arc::new(MongoIdentityStore::new(&mongo)),
            passkeys: Arc::new(MongoPasskeyStore::new(&mongo)),
            second_factors: Arc::new(MongoSecondFactorStore::new(&mongo)),
            codes: Arc::new(MongoCodeStore::new(&mongo)),
            notices: Arc::new(MongoNoticeStore::new(&mongo)),
            prices: Arc::new(MongoPriceStore::new(&mongo)),
            chats: Arc::new(MongoChatStore::new(&mongo)),
            responses: Arc::new(MongoResponseStore::new(&mongo)),
            attempts: Arc::new(MongoUsageStore::new(&mongo)),
            images: Arc::new(MongoImageStore::new(&mongo)),
            payments: Arc::new(MongoPaymentStore::new(&mongo)),
            subscriptions: Arc::new(MongoSubscriptionStore::new(&mongo)),
            referrals: Arc::new(MongoReferralStore::new(&mongo)),
            papers: Arc::new(MongoPaperStore::new(&mongo)),
            leavings: Arc::new(MongoLeavingStore::new(&mongo)),
            audit: Arc::new(MongoAuditStore::new(&mongo)),
            statistics: Arc::new(MongoStatsStore::new(mongo.clone())),
            flags: Arc::new(MongoFlagStore::new(&mongo)),
            traces: Arc::new(MongoTraceStore::new(&mongo)),
            views: Arc::new(MongoViewStore::new(&mongo)),
            books: Arc::new(MongoBookStore::new(&mongo)),
            ledger: credits.clone(),
            credits,
            database: Database::Mongo(mongo),
        })
    }

    fn open_sqlite(config: &Config) -> StoreResult<Self> {
        let directory = &config.site.data_dir;
        private_folder(directory)
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", directory.display())))?;
        let db = Sqlite::open(&database_path(directory))?;
        let credits = SqliteCreditStore::new(db.clone(), config.credits.free);
        let chats = Arc::new(SqliteChatStore::new(db.clone(), credits.clone()));
        let credits = Arc::new(credits);
        Ok(Self {
            accounts: Arc::new(SqliteAccountStore::new(db.clone())),
            directory: Arc::new(SqliteUserDirectory::new(db.clone())),
            sessions: Arc::new(SqliteSessionStore::new(db.clone())),
            plans: Arc::new(SqlitePlanStore::new(db.clone())),
            mail_links: Arc::new(SqliteMailLinkStore::new(db.clone())),
            identities: Arc::new(SqliteIdentityStore::new(db.clone())),
            passkeys: Arc::new(SqlitePasskeyStore::new(db.clone())),
            second_factors: Arc::new(SqliteSecondFactorStore::new(db.clone())),
            ledger: credits.clone(),
            credits,
            books: Arc::new(SqliteBookStore::new(db.clone())),
            codes: Arc::new(SqliteCodeStore::new(db.clone())),
            notices: Arc::new(SqliteNoticeStore::new(db.clone())),
            prices: Arc::new(SqlitePriceStore::new(db.clone())),
            responses: Arc::new(SqliteResponseStore::new(db.clone())),
            attempts: Arc::new(SqliteUsageStore::new(db.clone())),
            images: Arc::new(SqliteImageStore::new(db.clone())),
            payments: Arc::new(SqlitePaymentStore::new(db.clone())),
            subscriptions: Arc::new(SqliteSubscriptionStore::new(db.clone())),
            referrals: Arc::new(SqliteReferralStore::new(db.clone())),
            papers: Arc::new(SqlitePaperStore::new(db.clone())),
            leavings: Arc::new(SqliteLeavingStore::new(db.clone())),
            audit: Arc::new(SqliteAuditStore::new(db.clone())),
            statistics: Arc::new(SqliteStatsStore::new(db.clone())),
            flags: Arc::new(SqliteFlagStore::new(db.clone())),
            traces: Arc::new(SqliteTraceStore::new(db.clone())),
            views: Arc::new(SqliteViewStore::new(db.clone())),
            database: Database::Sqlite(db),
            chats,
        })
    }
}

impl Stores {
    /// Statistics of what is in them.
    #[must_use]
    pub fn stats(&self, prices: PriceTable) -> Stats {
        Stats::new(self.database.clone(), self.statistics.clone(), prices)
    }

    /// What admins do with them.
    #[must_use]
    pub fn admin(&self, stats: Stats) -> Admin {
        Admin::new(AdminParts {
            database: self.database.clone(),
            accounts: self.accounts.clone(),
            directory: self.directory.clone(),
            sessions: self.sessions.clone(),
            plans: self.plans.clone(),
            credits: self.credits.clone(),
            chats: self.chats.clone(),
            images: self.images.clone(),
            payments: self.payments.clone(),
            attempts: self.attempts.clone(),
            codes: self.codes.clone(),
            audit: self.audit.clone(),
            stats,
            traces: self.traces.clone(),
            views: self.views.clone(),
        })
    }
}

/// What is on, with a flag for each provider.
#[must_use]
pub fn build_flags(stores: &Stores, metrics: &Metrics, models: &Models, images: &[Arc<dyn ImageProvider>]) -> Flags {
    let chat = models.names().into_iter().map(|name| (WorkKind::Chat, name));
    let images = images.iter().map(|provider| (WorkKind::Image, provider.name()));
    Flags::new(FlagsParts {
        database: stores.database.clone(),
        store: stores.flags.clone(),
        audit: AuditLog::new(stores.audit.clone()),
        alerts: metrics.flag_alerts(),
        providers: chat.chain(images).collect(),
    })
}

impl Stores {
    /// The closes and checks of what they hold.
    #[must_use]
    pub fn bookkeeping(&self, objects: Arc<dyn ObjectStore>, metrics: Metrics) -> Bookkeeping {
        Bookkeeping::new(BookkeepingParts {
            database: self.database.clone(),
            store: self.books.clone(),
            ledger: self.ledger.clone(),
            credits: self.credits.clone(),
            payments: self.payments.clone(),
            papers: self.papers.clone(),
            attempts: self.attempts.clone(),
            images: self.images.clone(),
            objects,
            metrics,
        })
    }
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
