//! Each feature, built once from the configuration. The adapters are picked here.

use std::ops::Deref;
use std::sync::Arc;

use leptos::config::LeptosOptions;
use tokio::sync::Notify;

use super::builders::{
    build_cache, build_credits, build_generation, build_leaving, build_limiter, build_notices, build_papers,
    build_payments, build_price_history, choices_of, open_identity_providers, open_queue, open_redis, open_room,
    shown_prices,
};
use super::config::Config;
use super::features;
use super::health::{Probe, compare_clocks};
use super::stores::{Stores, build_flags, build_storage};
use crate::account::server::clerk::Clerk;
use crate::account::server::passkeys::relying_party;
use crate::account::server::password::Passwords;
use crate::account::server::{Account, AccountParts};
use crate::admin::server::Admin;
use crate::api_docs::api::ApiDocs;
use crate::audit::AuditLog;
use crate::bookkeeping::server::Bookkeeping;
use crate::chat::server::image_messages::ImageReplies;
use crate::chat::server::models::Models;
use crate::chat::server::providers::ChatProvider;
use crate::chat::server::renderer::Renderer;
use crate::chat::server::search::Turns;
use crate::chat::server::{Chat, ChatParts};
use crate::credits::server::Credits;
use crate::generation::{Generation, Metrics, build_providers};
use crate::images::server::providers::{GuardedImageProvider, ImageProvider};
use crate::images::server::storage::ObjectStore;
use crate::images::server::{Images, ImagesParts};
use crate::landing::server::Landing;
use crate::leaving::server::Leaving;
use crate::payments::server::Payments;
use crate::payments::server::provider::PaymentProvider;
use crate::payments::server::storefront::provider_label;
use crate::platform::app_secret::AppSecret;
use crate::platform::mail::{Mailer, Outbox};
use crate::platform::redis::Redis;
use crate::platform::site::Site;

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
