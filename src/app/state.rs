//! Each feature, built once from the configuration. The adapters are picked here.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use leptos::config::LeptosOptions;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::features;
use super::health::{Probe, compare_clocks};
use super::stores::{Stores, build_flags, build_storage};
use crate::account::server::clerk::Clerk;
use crate::account::server::oidc::{Provider as IdentityProvider, build_providers as build_identity_providers};
use crate::account::server::passkeys::relying_party;
use crate::account::server::password::Passwords;
use crate::account::server::{Account, AccountParts, FindChoices};
use crate::admin::server::Admin;
use crate::api_docs::api::ApiDocs;
use crate::audit::AuditLog;
use crate::bookkeeping::server::Bookkeeping;
use crate::chat::server::attachments::Attachments;
use crate::chat::server::image_messages::ImageReplies;
use crate::chat::server::models::Models;
use crate::chat::server::providers::ChatProvider;
use crate::chat::server::renderer::Renderer;
use crate::chat::server::search::Turns;
use crate::chat::server::work_names::ShownWork;
use crate::chat::server::{Chat, ChatParts};
use crate::credits::server::Credits;
use crate::credits::server::config::CreditsConfig;
use crate::credits::server::notices::{Notices, NoticesParts};
use crate::credits::server::prices::history::PriceHistory;
use crate::credits::server::prices::{Configured, PriceBook};
use crate::flags::Flags;
use crate::generation::{Generation, Metrics, Parts, RetryBudget, build_providers};
use crate::images::server::providers::{GuardedImageProvider, ImageProvider};
use crate::images::server::room::Room;
use crate::images::server::storage::ObjectStore;
use crate::images::server::{Images, ImagesParts};
use crate::landing::server::{FindPrices, Landing};
use crate::landing::{ShownPrice, ShownPrices};
use crate::leaving::server::{Leaving, LeavingParts, LeavingQueue};
use crate::payments::server::papers::Papers;
use crate::payments::server::provider::PaymentProvider;
use crate::payments::server::shop::Shop;
use crate::payments::server::storefront::{ShownPurchases, provider_label};
use crate::payments::server::{Payments, PaymentsParts};
use crate::platform::app_secret::AppSecret;
use crate::platform::cache::{Cache, LocalCache, RedisCache};
use crate::platform::jobs::{JobFeed, Jobs, RedisJobFeed};
use crate::platform::limits::{LocalRateLimiter, RateLimiter, RedisRateLimiter, Slots};
use crate::platform::mail::{Mailer, Outbox};
use crate::platform::redis::Redis;
use crate::platform::site::Site;
use crate::traces::Traces;
use crate::usage::server::recorder;

/// Cheap to clone; see [`Shared`].
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// The parts of the server. Handlers take the feature that they belong to (`State<Chat>`).
pub struct Shared {
    pub config: Config,
    pub site: Site,
    pub stores: Stores,
    /// Whether something can be stored.
    pub probe: Probe,
    /// `None`: not configured.
    pub redis: Option<Redis>,
    pub outbox: Outbox,
    pub account: Account,
    pub credits: Credits,
    pub generation: Generation,
    pub images: Images,
    pub chat: Chat,
    pub payments: Payments,
    pub leaving: Leaving,
    pub admin: Admin,
    pub bookkeeping: Bookkeeping,
    pub landing: Landing,
    pub api_docs: ApiDocs,
}

/// Who does outside of this process what is not asked of a model.
pub struct Outside {
    pub objects: Arc<dyn ObjectStore>,
    pub payments: Option<Arc<dyn PaymentProvider>>,
    pub mailer: Arc<dyn Mailer>,
    pub secret: AppSecret,
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
        let provider = config.payments.provider()?;
        Self::build_with(config, leptos, provider).await
    }

    /// The same with who takes the money.
    ///
    /// # Errors
    /// As [`AppState::build`].
    pub async fn build_with(
        config: Config,
        leptos: LeptosOptions,
        payments: Option<Arc<dyn PaymentProvider>>,
    ) -> Result<Self, String> {
        let stores = Stores::open(&config).await.map_err(|error| format!("{}: {error}", config.database.variable()))?;
        let secret = config.secret.open(&stores.database, &config.site.data_dir).await?;
        compare_clocks(&stores.database).await;
        let providers = build_providers(&config.chat.providers)?;
        let painters = build_providers(&config.images.providers)?;
        let objects = build_storage(&config)?;
        let mailer = config.mail.mailer()?;
        if config.mail.smtp.is_none() {
            tracing::info!("SMTP_URL is not set: mails are not delivered, but written to this log with their links");
        }
        let outside = Outside { objects, payments, mailer, secret };
        let state = Self::assemble(config, leptos, stores, providers, painters, outside);
        // What is off is off from the first request on.
        state.generation.flags.load().await.map_err(|error| format!("the flags cannot be read: {error}"))?;
        Ok(state)
    }

    /// Puts the server together from these parts.
    #[must_use]
    pub fn assemble(
        config: Config,
        leptos: LeptosOptions,
        stores: Stores,
        chat_providers: Vec<Arc<dyn ChatProvider>>,
        image_providers: Vec<Arc<dyn ImageProvider>>,
        Outside { objects, payments: payment_provider, mailer, secret }: Outside,
    ) -> Self {
        // A second start in one process (tests) finds it done.
        _ = any_spawner::Executor::init_tokio();
        let redis = open_redis(&config);
        let limiter = build_limiter(&config, redis.as_ref());
        let site = Site::new(config.site.clone(), leptos);
        let room = open_room(&config, &stores);
        let metrics = Metrics::default();
        let models = Models::new(config.chat.source.clone(), chat_providers);
        let flags = build_flags(&stores, &metrics, &models, &image_providers);
        let outbox = Outbox::new(mailer, metrics.mails());
        let queue = Arc::new(open_queue(&stores));
        let shop = config.shop.shop();
        let account = Account::new(AccountParts {
            site: site.clone(),
            config: config.accounts.clone(),
            clerk: config.accounts.clerk.clone().map(|clerk| Clerk::new(clerk, site.clone())),
            store: stores.accounts.clone(),
            sessions: stores.sessions.clone(),
            plans: stores.plans.clone(),
            links: stores.mail_links.clone(),
            second_factors: stores.second_factors.clone(),
            audit: AuditLog::new(stores.audit.clone()),
            outbox: outbox.clone(),
            identities: stores.identities.clone(),
            identity_providers: open_identity_providers(&config),
            passkeys: stores.passkeys.clone(),
            relying_party: relying_party(&config.site.public_url),
            credits: stores.credits.clone(),
            limiter: limiter.clone(),
            flags: flags.clone(),
            images: Arc::new(room.clone()),
            leavers: queue.clone(),
            choices: choices_of(&models),
            passwords: Passwords::default(),
            secret,
            free_credits: config.credits.free,
            sign_up_gift: shop.sign_up_gift(&stores.database),
        });
        let notices = build_notices(&config, &stores, &site, &outbox);
        let generation = build_generation(&config, &stores, redis.clone(), limiter, (metrics, flags), notices);
        let papers = build_papers(&shop, &stores, &site, provider_label(payment_provider.as_deref()));
        let payments = build_payments(&stores, &site, payment_provider, papers, &generation);
        let bookkeeping = stores.bookkeeping(objects.clone(), generation.metrics.clone());
        let prices = config.prices.book();
        let images = Images::new(ImagesParts {
            site: site.clone(),
            config: config.images.clone(),
            prices: prices.clone(),
            max_prompt_chars: config.chat.max_message_chars,
            store: stores.images.clone(),
            providers: image_providers.into_iter().map(GuardedImageProvider::new).map(Arc::new).collect(),
            objects,
            room,
            cleaner: Notify::new(),
            generation: generation.clone(),
            listener: Arc::new(ImageReplies { replies: stores.chats.clone(), images: stores.images.clone() }),
        });
        let chat = Chat::new(ChatParts {
            site: site.clone(),
            config: config.chat.clone(),
            prices: prices.clone(),
            store: stores.chats.clone(),
            models,
            cache: build_cache(redis.as_ref()),
            generation: generation.clone(),
            images: images.clone(),
            renderer: Renderer::default(),
            searches: Turns::default(),
        });
        let history = build_price_history(prices, &chat, &images, &stores);
        let credits = build_credits(config.credits, &stores, &generation, history, &payments);
        let shown = shown_prices(account.clone(), config.credits, chat.clone(), images.clone());
        let everything = features::AllFeatures {
            stores: stores.clone(),
            account: account.clone(),
            chat: chat.clone(),
            images: images.clone(),
            credits: credits.clone(),
            payments: payments.clone(),
        };
        Self(Arc::new(Shared {
            leaving: build_leaving(queue, everything, generation.metrics.clone()),
            credits,
            landing: Landing::new(site.clone(), shown),
            api_docs: ApiDocs::new(site.clone(), features::describe),
            admin: stores.admin(stores.stats(config.usage.prices.clone())),
            bookkeeping,
            config,
            site,
            stores,
            probe: Probe::default(),
            redis,
            outbox,
            account,
            generation,
            images,
            chat,
            payments,
        }))
    }
}

fn open_redis(config: &Config) -> Option<Redis> {
    let redis = config.redis.as_ref()?;
    Redis::open(redis).inspect_err(|error| tracing::error!(%error, "Redis cannot be used")).ok()
}

fn choices_of(models: &Models) -> FindChoices {
    let models = models.clone();
    Box::new(move || models.choices())
}

fn build_price_history(prices: PriceBook, chat: &Chat, images: &Images, stores: &Stores) -> PriceHistory {
    let (chat, images) = (chat.clone(), images.clone());
    let configured = Arc::new(move || configured_models(&chat, &images));
    PriceHistory { prices, configured, store: stores.prices.clone() }
}

/// The models that there are now.
fn configured_models(chat: &Chat, images: &Images) -> Vec<Configured> {
    let now = chat.models.now();
    let chat = now.models.iter().map(|model| &model.provider);
    let chat = chat.map(|by| Configured { provider: by.name(), model: by.model(), is_image: false });
    let images =
        images.providers.iter().map(|by| Configured { provider: by.name(), model: by.model(), is_image: true });
    chat.chain(images).collect()
}

fn build_credits(
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

/// Buying credits, from whoever takes the money.
fn build_payments(
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
fn build_leaving(queue: Arc<LeavingQueue>, features: features::AllFeatures, metrics: Metrics) -> Leaving {
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
fn build_limiter(config: &Config, redis: Option<&Redis>) -> Arc<dyn RateLimiter> {
    let rates = config.site.rates;
    match redis {
        Some(redis) => Arc::new(RedisRateLimiter::new(redis.clone(), rates)),
        None => Arc::new(LocalRateLimiter::new(rates)),
    }
}

/// Where what was answered is found again, by all servers or by this one.
fn build_cache(redis: Option<&Redis>) -> Arc<dyn Cache> {
    match redis {
        Some(redis) => Arc::new(RedisCache::new(redis.clone())),
        None => Arc::new(LocalCache::default()),
    }
}

/// Who signs people in besides us; nobody, where there is no HTTP client to ask them with.
fn open_room(config: &Config, stores: &Stores) -> Room {
    let sent = Arc::new(Attachments(stores.chats.clone()));
    Room { made: stores.images.clone(), sent, quota: config.chat.attachment_quota }
}

fn open_identity_providers(config: &Config) -> Vec<Arc<IdentityProvider>> {
    build_identity_providers(&config.accounts.providers, &config.site)
        .inspect_err(|error| tracing::error!(error, "nobody else can sign people in"))
        .unwrap_or_default()
}

/// Receipts and credit notes of payments that this provider takes.
fn build_papers(shop: &Shop, stores: &Stores, site: &Site, paid_by: &'static str) -> Papers {
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
fn build_generation(
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

/// Nobody is told of their credits by a log.
fn build_notices(config: &Config, stores: &Stores, site: &Site, outbox: &Outbox) -> Option<Notices> {
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
fn shown_prices(account: Account, config: CreditsConfig, chat: Chat, images: Images) -> FindPrices {
    Box::new(move || ShownPrices {
        free: account.new_account_credits(),
        chat: {
            let (prices, varies) = chat.usual_prices();
            ShownPrice::of(&prices, varies, config.chat)
        },
        image: ShownPrice::of(&images.list_prices(), false, config.image),
    })
}
