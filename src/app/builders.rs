//! How each feature is built of its parts.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::features;
use super::stores::Stores;
use crate::account::server::oidc::{Provider as IdentityProvider, build_providers as build_identity_providers};
use crate::account::server::{Account, FindChoices};
use crate::audit::AuditLog;
use crate::chat::server::Chat;
use crate::chat::server::attachments::Attachments;
use crate::chat::server::models::Models;
use crate::chat::server::work_names::ShownWork;
use crate::credits::server::Credits;
use crate::credits::server::config::CreditsConfig;
use crate::credits::server::notices::{Notices, NoticesParts};
use crate::credits::server::prices::history::PriceHistory;
use crate::credits::server::prices::{Configured, PriceBook};
use crate::flags::Flags;
use crate::generation::{Generation, Metrics, Parts, RetryBudget};
use crate::images::server::Images;
use crate::images::server::room::Room;
use crate::landing::server::FindPrices;
use crate::landing::{ShownPrice, ShownPrices};
use crate::leaving::server::{Leaving, LeavingParts, LeavingQueue};
use crate::payments::server::papers::Papers;
use crate::payments::server::provider::PaymentProvider;
use crate::payments::server::shop::Shop;
use crate::payments::server::storefront::ShownPurchases;
use crate::payments::server::{Payments, PaymentsParts};
use crate::platform::cache::{Cache, LocalCache, RedisCache};
use crate::platform::jobs::{JobFeed, Jobs, RedisJobFeed};
use crate::platform::limits::{LocalRateLimiter, RateLimiter, RedisRateLimiter, Slots};
use crate::platform::mail::Outbox;
use crate::platform::redis::Redis;
use crate::platform::site::Site;
use crate::traces::Traces;
use crate::usage::server::recorder;

pub(super) fn open_redis(config: &Config) -> Option<Redis> {
    let redis = config.redis.as_ref()?;
    Redis::open(redis).inspect_err(|error| tracing::error!(%error, "Redis cannot be used")).ok()
}

pub(super) fn choices_of(models: &Models) -> FindChoices {
    let models = models.clone();
    Box::new(move || models.choices())
}

pub(super) fn build_price_history(prices: PriceBook, chat: &Chat, images: &Images, stores: &Stores) -> PriceHistory {
    let (chat, images) = (chat.clone(), images.clone());
    let configured = Arc::new(move || configured_models(&chat, &images));
    PriceHistory { prices, configured, store: stores.prices.clone() }
}

/// The models that there are now.
pub(super) fn configured_models(chat: &Chat, images: &Images) -> Vec<Configured> {
    let now = chat.models.now();
    let chat = now.models.iter().map(|model| &model.provider);
    let chat = chat.map(|by| Configured { provider: by.name(), model: by.model(), is_image: false });
    let images =
        images.providers.iter().map(|by| Configured { provider: by.name(), model: by.model(), is_image: true });
    chat.chain(images).collect()
}

pub(super) fn build_credits(
    config: CreditsConfig,
    stores: &Stores,
    generation: &Generation,
    price_history: PriceHistory,
    payments: &Payments,
) -> Credits {
    Credits {
        store: stores.credits.clone(),
        codes: stores.codes.clone(),
        plans: stores.plans.clone(),
        limiter: generation.limiter.clone(),
        flags: generation.flags.clone(),
        config,
        prices: price_history.prices.clone(),
        price_history,
        names: Arc::new(ShownWork { replies: stores.chats.clone(), images: stores.images.clone() }),
        purchases: Arc::new(ShownPurchases { payments: payments.clone() }),
    }
}

/// Buying credits, from the provider that takes the money.
pub(super) fn build_payments(
    stores: &Stores,
    site: &Site,
    provider: Option<Arc<dyn PaymentProvider>>,
    papers: Papers,
    generation: &Generation,
) -> Payments {
    Payments::new(PaymentsParts {
        site: site.clone(),
        database: stores.database.clone(),
        store: stores.payments.clone(),
        subscriptions: stores.subscriptions.clone(),
        referrals: stores.referrals.clone(),
        plans: stores.plans.clone(),
        provider,
        credits: stores.credits.clone(),
        audit: AuditLog::new(stores.audit.clone()),
        shop: papers.shop.clone(),
        papers,
        limiter: generation.limiter.clone(),
        flags: generation.flags.clone(),
        metrics: generation.metrics.clone(),
        caught_up: AtomicBool::new(false),
    })
}

/// Users who leave, of all features.
pub(super) fn build_leaving(queue: Arc<LeavingQueue>, features: features::AllFeatures, metrics: Metrics) -> Leaving {
    Leaving::new(LeavingParts {
        queue,
        account: features.account.clone(),
        credits: features.credits.clone(),
        payments: features.payments.clone(),
        metrics,
        features: Arc::new(features),
    })
}

/// What is to be done for users who leave.
pub(super) fn open_queue(stores: &Stores) -> LeavingQueue {
    LeavingQueue {
        store: stores.leavings.clone(),
        accounts: stores.accounts.clone(),
        directory: stores.directory.clone(),
        sessions: stores.sessions.clone(),
        database: stores.database.clone(),
        exports: Notify::new(),
        erasures: Notify::new(),
    }
}

/// Who counts: all servers together, or this one alone.
pub(super) fn build_limiter(config: &Config, redis: Option<&Redis>) -> Arc<dyn RateLimiter> {
    let rates = config.site.rates;
    match redis {
        Some(redis) => Arc::new(RedisRateLimiter::new(redis.clone(), rates)),
        None => Arc::new(LocalRateLimiter::new(rates)),
    }
}

/// Where what was answered is found again, by all servers or by this one.
pub(super) fn build_cache(redis: Option<&Redis>) -> Arc<dyn Cache> {
    match redis {
        Some(redis) => Arc::new(RedisCache::new(redis.clone())),
        None => Arc::new(LocalCache::default()),
    }
}

/// The room that a user has for images.
pub(super) fn open_room(config: &Config, stores: &Stores) -> Room {
    let sent = Arc::new(Attachments(stores.chats.clone()));
    Room { made: stores.images.clone(), sent, quota: config.chat.attachment_quota }
}

/// The identity providers; none where no HTTP client can be made.
pub(super) fn open_identity_providers(config: &Config) -> Vec<Arc<IdentityProvider>> {
    build_identity_providers(&config.accounts.providers, &config.site)
        .inspect_err(|error| tracing::error!(error, "nobody else can sign people in"))
        .unwrap_or_default()
}

/// Receipts and credit notes of payments that this provider takes.
pub(super) fn build_papers(shop: &Shop, stores: &Stores, site: &Site, paid_by: &'static str) -> Papers {
    Papers {
        store: stores.papers.clone(),
        accounts: stores.accounts.clone(),
        shop: shop.clone(),
        site: site.clone(),
        database: stores.database.clone(),
        paid_by,
    }
}

/// What all paid work shares.
pub(super) fn build_generation(
    config: &Config,
    stores: &Stores,
    redis: Option<Redis>,
    limiter: Arc<dyn RateLimiter>,
    (metrics, flags): (Metrics, Flags),
    notices: Option<Notices>,
) -> Generation {
    let feed = redis.map(|redis| Arc::new(RedisJobFeed::new(redis)) as Arc<dyn JobFeed>);
    Generation::new(Parts {
        database: stores.database.clone(),
        credits: stores.credits.clone(),
        notices,
        jobs: Arc::new(Jobs::new(feed, Slots::new(config.http.streams_per_user))),
        usage: Arc::new(recorder::start(stores.attempts.clone(), metrics.lost_records())),
        traces: Traces::start(stores.traces.clone(), config.traces, metrics.lost_traces()),
        metrics,
        flags,
        retries: RetryBudget::default(),
        prices: config.usage.prices.clone(),
        limiter,
        shutdown: CancellationToken::new(),
    })
}

/// Notices of credits; none where mails would only go to the log.
pub(super) fn build_notices(config: &Config, stores: &Stores, site: &Site, outbox: &Outbox) -> Option<Notices> {
    config.mail.smtp.as_ref().map(|_| {
        Notices::new(NoticesParts {
            store: stores.notices.clone(),
            credits: stores.credits.clone(),
            accounts: stores.accounts.clone(),
            database: stores.database.clone(),
            outbox: outbox.clone(),
            site: site.clone(),
            low: config.credits.low,
        })
    })
}

/// What strangers are told of the prices, as they are at the time.
pub(super) fn shown_prices(account: Account, config: CreditsConfig, chat: Chat, images: Images) -> FindPrices {
    Box::new(move || ShownPrices {
        free: account.new_account_credits(),
        chat: {
            let (prices, varies) = chat.usual_prices();
            ShownPrice::of(&prices, varies, config.chat)
        },
        image: ShownPrice::of(&images.list_prices(), false, config.image),
    })
}
