//! Accounts on the server: who is asking, sign-up and sign-in, API keys.

pub mod api;
mod avatar_view;
pub mod budget_api;
pub mod budgets;
pub mod budgets_view;
pub mod caller;
pub mod clerk;
pub mod config;
mod device;
pub mod directory;
pub mod email;
mod form_page;
pub mod forms;
mod guessing;
pub mod key_api;
pub mod keys;
mod leaving;
pub mod mail_links;
pub mod oidc;
pub mod page;
pub mod passkeys;
pub mod password;
pub mod password_field;
pub mod plans;
pub mod second_factor;
pub mod service;
pub mod sessions;
pub mod sign_in;
pub mod sign_in_page;
pub mod store;
pub mod ways;

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use webauthn_rs::Webauthn;

use self::clerk::Clerk;
pub use self::clerk::SessionKeeper;
use self::config::AccountsConfig;
use self::mail_links::MailLinkStore;
use self::oidc::Provider;
use self::oidc::store::IdentityStore;
use self::passkeys::store::PasskeyStore;
use self::password::Passwords;
use self::plans::PlanStore;
use self::second_factor::store::SecondFactorStore;
use self::sessions::store::SessionStore;
use self::store::AccountStore;
use crate::audit::AuditLog;
use crate::credits::server::store::CreditStore;
use crate::flags::Flags;
use crate::platform::amount::Amount;
use crate::platform::app_secret::AppSecret;
use crate::platform::error::AppResult;
use crate::platform::ids::{ImageId, UserId};
use crate::platform::limits::RateLimiter;
use crate::platform::mail::Outbox;
use crate::platform::site::Site;

/// Users, their sessions and their keys. Cheap to clone.
#[derive(Clone)]
pub struct Account(Arc<AccountParts>);

/// The images that a user has stored, which a feature above knows.
#[async_trait]
pub trait StoredImages: Send + Sync {
    /// How much room they take, and how much there is: for people.
    async fn describe(&self, user: UserId) -> AppResult<String>;
    /// Where the picture is that they show of themselves, if there is one.
    async fn avatar(&self, user: UserId) -> AppResult<Option<String>>;
    /// Where such a picture is.
    fn avatar_address(&self, id: ImageId) -> String;
}

/// Users who leave, of whom a feature above knows what becomes.
#[async_trait]
pub trait Leavers: Send + Sync {
    /// What `/account` says of it: HTML.
    async fn section(&self, user: UserId, has_password: bool) -> AppResult<String>;
    /// Has everything erased that is a user's who was deleted where they sign in.
    async fn erase_deleted(&self, user: UserId) -> AppResult<()>;
}

/// What [`Account`] is made of.
pub struct AccountParts {
    pub site: Site,
    pub config: AccountsConfig,
    pub store: Arc<dyn AccountStore>,
    pub sessions: Arc<dyn SessionStore>,
    /// What users have paid for.
    pub plans: Arc<dyn PlanStore>,
    pub links: Arc<dyn MailLinkStore>,
    /// Authenticator apps, recovery codes and half sign-ins.
    pub second_factors: Arc<dyn SecondFactorStore>,
    /// Told of sign-ins and keys.
    pub audit: AuditLog,
    pub outbox: Outbox,
    /// Who of a provider is which user.
    pub identities: Arc<dyn IdentityStore>,
    /// Who signs people in besides us, in the order of their names.
    pub identity_providers: Vec<Arc<Provider>>,
    pub passkeys: Arc<dyn PasskeyStore>,
    /// Checks what authenticators say; `None` where the site can have no passkeys.
    pub relying_party: Option<Webauthn>,
    /// Opens the account of a new user, and knows what a key has spent.
    pub credits: Arc<dyn CreditStore>,
    pub limiter: Arc<dyn RateLimiter>,
    /// Whether anybody may sign up, or use a key.
    pub flags: Flags,
    pub images: Arc<dyn StoredImages>,
    pub leavers: Arc<dyn Leavers>,
    /// Who may be asked first for a reply.
    pub choices: FindChoices,
    pub passwords: Passwords,
    /// Seals the keys of authenticator apps, and links that make accounts.
    pub secret: AppSecret,
    /// Who signs people in, in the place of our own accounts.
    pub clerk: Option<Clerk>,
    /// What a new account is given, as the form says.
    pub free_credits: Amount,
    /// What it is given besides, at the time.
    pub sign_up_gift: FindSignUpGift,
}

/// Credits for a new account, besides those that are configured.
pub struct SignUpGift {
    /// What their owner reads of it in the ledger.
    pub name: String,
    pub credits: Amount,
    /// In milliseconds since 1970.
    pub expires_at: Option<i64>,
}

/// What a new account is given now; `None`: nothing besides.
pub type FindSignUpGift = Box<dyn Fn() -> Option<SignUpGift> + Send + Sync>;

/// Who may be asked first for a reply now: names, and what each is called.
pub type FindChoices = Box<dyn Fn() -> Vec<(String, String)> + Send + Sync>;

impl Account {
    #[must_use]
    pub fn new(parts: AccountParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Account {
    type Target = AccountParts;

    fn deref(&self) -> &AccountParts {
        &self.0
    }
}

impl Account {
    /// The script that keeps the session of a browser fresh, where one is needed.
    #[must_use]
    pub fn session_keeper(&self) -> Option<SessionKeeper> {
        self.clerk.as_ref()?.session_keeper()
    }
}
