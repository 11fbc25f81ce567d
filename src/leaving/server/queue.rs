//! What is to be done for users who leave, and who may: below all rules, so that accounts can ask for it too.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::erase::Erasure;
use super::export::ExportView;
use super::store::{Leaving, LeavingKind, LeavingStore};
use super::view::section_html;
use crate::account::server::Leavers;
use crate::account::server::directory::{Access, AccessChange, UserDirectory};
use crate::account::server::sessions::UserStatus;
use crate::account::server::sessions::store::SessionStore;
use crate::account::server::store::AccountStore;
use crate::i18n::{Text, t};
use crate::platform::db::Database;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{RunId, UserId};
use crate::platform::secret::{SecretHash, hash_secret, new_secret};

/// How long a try is taken for alive, in milliseconds, and how often it says so.
pub(super) const LEASE: i64 = 45_000;
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// How often somebody is locked out anew whom another changes at the same moment.
const TRIES: usize = 20;
/// The end of what never comes.
const NEVER: i64 = i64::MAX;

/// Exports and erasures, and what is needed to ask for them.
pub struct LeavingQueue {
    pub store: Arc<dyn LeavingStore>,
    pub accounts: Arc<dyn AccountStore>,
    pub directory: Arc<dyn UserDirectory>,
    pub sessions: Arc<dyn SessionStore>,
    /// Whose clock is everybody's.
    pub database: Database,
    /// Told when there is something to do.
    pub exports: Notify,
    pub erasures: Notify,
}

impl LeavingQueue {
    /// Has everything of a user erased: from now on it will be, whatever happens. They are out when this returns. `false`: somebody
    /// else has asked for it before, and that goes on.
    ///
    /// # Errors
    /// [`AppError::Conflict`] for the last admin, [`AppError::Unavailable`].
    pub async fn erase(&self, user: UserId, receipt: SecretHash) -> AppResult<bool> {
        let now = self.database.now();
        let new = Leaving {
            user,
            kind: LeavingKind::Erasure,
            run: RunId::now_v7(),
            // Whoever asked for it locks the user out first.
            look_at: Some(now + LEASE),
            free_at: NEVER,
            receipt: Some(receipt),
            body: written(&Erasure::new(now))?,
        };
        // One that is there already goes on.
        let is_first = self.store.begin(new, now).await?;
        self.lock_out(user).await?;
        if is_first {
            tracing::info!(%user, "everything of this user is being erased");
            let begun = self.store.find(user, LeavingKind::Erasure).await?.ok_or(AppError::Unavailable)?;
            // Unless a try is at it already.
            self.store.save(Leaving { look_at: Some(now), ..begun }).await?;
        }
        self.erasures.notify_one();
        Ok(is_first)
    }

    /// Makes sure that nobody is or comes in as this user, by whatever way, on whatever server. By the rule of all changes of what
    /// users may: whoever is demoted, disabled or erased at the same moment, an admin is left.
    ///
    /// # Errors
    /// [`AppError::Conflict`] for the last admin: then they stay, and nothing is erased.
    pub(super) async fn lock_out(&self, user: UserId) -> AppResult<()> {
        for _ in 0..TRIES {
            let found = self.directory.find(user).await?.map(|found| Access::from(&found.user));
            let Some(from) = found.filter(|from| from.status != UserStatus::Erasing) else {
                self.sessions.delete_of_user(user, None).await?;
                return Ok(());
            };
            let out = Access { status: UserStatus::Erasing, ..from };
            if self.directory.change_access(user, from, out).await? == AccessChange::LastAdmin {
                self.store.delete(user, LeavingKind::Erasure).await?;
                return Err(AppError::Conflict(t(Text::LastAdminStays).to_owned()));
            }
        }
        Err(AppError::Unavailable)
    }

    /// Does some work as a try that says all the while that it is alive. `None`: another one goes on with it, or it is gone.
    pub(super) async fn while_alive<T>(
        &self,
        user: UserId,
        kind: LeavingKind,
        run: RunId,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let alive = async {
            loop {
                sleep(RENEW_EVERY).await;
                let until = self.database.now() + LEASE;
                match self.store.renew(user, kind, run, until).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => tracing::warn!(%error, "a job for a user who leaves could not say that it is alive"),
                }
            }
        };
        tokio::select! {
            done = work => Some(done),
            () = alive => None,
        }
    }

    /// How far the export of a user is.
    pub(super) async fn find_export(&self, user: UserId) -> AppResult<ExportView> {
        let found = self.store.find(user, LeavingKind::Export).await?;
        ExportView::of(found.as_ref(), self.database.now())
    }
}

#[async_trait]
impl Leavers for LeavingQueue {
    async fn section(&self, user: UserId, has_password: bool) -> AppResult<String> {
        Ok(section_html(self.find_export(user).await?, has_password))
    }

    async fn erase_deleted(&self, user: UserId) -> AppResult<()> {
        // Nobody follows it.
        match self.erase(user, hash_secret(&new_secret())).await {
            Err(AppError::Conflict(_)) => {
                tracing::error!(%user, "the last admin was deleted where they sign in: the account is only shut");
                self.accounts.change_status(user, UserStatus::Active, UserStatus::Disabled).await?;
                Ok(())
            }
            done => done.map(drop),
        }
    }
}

pub(super) fn written(progress: &impl Serialize) -> AppResult<String> {
    serde_json::to_string(progress).map_err(|_| AppError::Internal)
}

pub(super) fn read<T: DeserializeOwned>(body: &str) -> AppResult<T> {
    serde_json::from_str(body).map_err(|error| {
        tracing::error!(%error, "how far a job for a user who leaves is cannot be read");
        AppError::Internal
    })
}
