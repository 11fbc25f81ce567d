//! What users are told of their credits without asking: on pages (`told.rs`), and by mail, each once.

mod mongo;
mod sqlite;
pub mod told;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

pub use self::mongo::MongoNoticeStore;
pub use self::sqlite::SqliteNoticeStore;
use self::told::{Told, What, expiring, few_left};
use super::store::CreditStore;
use crate::account::server::sessions::UserStatus;
use crate::account::server::store::AccountStore;
use crate::i18n::{Language, Text, in_language, t};
use crate::platform::amount::Amount;
use crate::platform::db::{Database, StoreResult, millis};
use crate::platform::error::AppResult;
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{OwnerId, UserId};
use crate::platform::mail::{Letter, Mail, Outbox};
use crate::platform::site::Site;

/// How soon before they expire credits are looked at.
const WITHIN: Duration = Duration::from_hours(30 * 24);
/// Few credits left are told by mail once in this time at most, however often they come and go.
const LOW_AGAIN: Duration = Duration::from_hours(7 * 24);
/// What was told so long ago can not be told again: credits that it was about are gone.
const KEPT: Duration = Duration::from_hours(90 * 24);
/// Accounts in one go, and the pause after it: others want to read too.
const AT_A_TIME: usize = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// What a mail is about.
#[derive(Clone, Copy)]
enum Kind {
    Low,
    Expiring,
}

/// The port to what was told by mail.
#[async_trait]
pub trait NoticeStore: Send + Sync {
    /// Keeps that this is told now, unless it was told after `again`; whether it was kept, so that of many who ask at once one
    /// tells it. Times are in milliseconds since 1970.
    async fn claim(&self, owner: OwnerId, key: &str, now: i64, again: i64) -> StoreResult<bool>;

    /// Forgets what was told before.
    async fn forget_before(&self, at: i64) -> StoreResult<()>;
}

/// Tells users by mail, where mails are delivered. Cheap to clone.
#[derive(Clone)]
pub struct Notices(Arc<NoticesParts>);

/// See [`Notices`].
pub struct NoticesParts {
    pub store: Arc<dyn NoticeStore>,
    pub credits: Arc<dyn CreditStore>,
    pub accounts: Arc<dyn AccountStore>,
    pub database: Database,
    pub outbox: Outbox,
    pub site: Site,
    /// Fewer are few.
    pub low: Amount,
}

impl Notices {
    #[must_use]
    pub fn new(parts: NoticesParts) -> Self {
        Self(Arc::new(parts))
    }

    /// To be called when credits were spent: tells the owner if it were these that left few. Waits for nothing.
    pub fn spent(&self, owner: OwnerId, charged: Amount, available: Amount) {
        let is_crossed = available < self.0.low && available + charged >= self.0.low;
        if is_crossed {
            let notices = self.clone();
            self.0.outbox.prepare(async move { notices.write(owner, Kind::Low).await });
        }
    }

    /// Tells everybody whose credits expire soon, and forgets what was told long ago.
    ///
    /// # Errors
    /// [`AppError::Unavailable`](crate::platform::error::AppError::Unavailable); who was not told is told the next time.
    pub async fn tell_of_expiry(&self) -> AppResult<()> {
        let now = self.0.database.now();
        self.0.store.forget_before(now - millis(KEPT)).await?;
        let mut after = None;
        loop {
            let owners = self.0.credits.expiring_accounts(now, now + millis(WITHIN), after, AT_A_TIME).await?;
            for (_, owner) in &owners {
                let mail = self.write(*owner, Kind::Expiring).await?;
                if let Some(mail) = mail {
                    self.0.outbox.send(mail);
                }
            }
            after = owners.last().copied();
            if owners.len() < AT_A_TIME {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// The mail of what there is to tell of this kind, and was not told yet. Only to an address that is known to be the user's.
    async fn write(&self, owner: OwnerId, kind: Kind) -> AppResult<Option<Mail>> {
        let user = self.0.accounts.find_user_by_id(UserId::from(owner)).await?;
        let user = user.filter(|user| user.email_verified_at.is_some() && user.status == UserStatus::Active);
        let Some(user) = user else { return Ok(None) };
        let account = self.0.credits.account(owner, &current_request_id()).await?;
        let now = self.0.database.now();
        let (told, again) = match kind {
            Kind::Low => (few_left(account.balance.available, self.0.low), now - millis(LOW_AGAIN)),
            Kind::Expiring => (expiring(account.lots.as_slice(), now), 0),
        };
        let Some(told) = told else { return Ok(None) };
        if !self.0.store.claim(owner, &told.key, now, again).await? {
            return Ok(None);
        }
        let language = self.0.accounts.find_preferences(user.id).await?.language;
        let language = language.and_then(|code| Language::parse(&code)).unwrap_or_default();
        Ok(Some(in_language(language, async { self.letter(&told).to(&user.email) }).await))
    }

    fn letter(&self, told: &Told) -> Letter {
        let address = |path: &str| self.0.site.address_of(path).map(String::from).unwrap_or_default();
        let notice = told.clone().notice();
        let subject = match told.what {
            What::Low(_) => Text::MailCreditsLow,
            What::Expiring(..) => Text::MailCreditsExpire,
        };
        Letter {
            subject: t(subject).to_owned(),
            before: vec![notice.text],
            link: Some((notice.action, address(&notice.address))),
            after: Vec::new(),
            site: address("/"),
        }
    }
}
