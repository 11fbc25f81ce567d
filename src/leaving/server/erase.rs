//! Erasing everything: what has to be so before, and the job that does it.
//!
//! It begins with the row that says so, and with the user locked out. Then what runs is stopped, each feature deletes what is
//! theirs, and the account goes last. Whatever fails is tried again, from the beginning: what is gone already takes no time. A while
//! later all of it is done once more, for whatever a request that had begun before may have stored since.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use utoipa::ToSchema;

use super::queue::{LEASE, read, written};
use super::store::{Leaving as Job, LeavingKind};
use super::{Leaving, Part};
use crate::account::Role;
use crate::account::server::caller::Caller;
use crate::account::server::sessions::Client;
use crate::generation::outlive_handler;
use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::db::rfc3339;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::in_request;
use crate::platform::ids::{RunId, UserId};
use crate::platform::secret::{hash_secret, new_secret};
use crate::platform::time::MINUTE;

/// The order: first what could still take money or make something, last who it is.
const PARTS: [Part; 5] = [Part::Payments, Part::Chat, Part::Images, Part::Credits, Part::Account];
/// How often what is due is looked for when nobody tells of it.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// When to look again while something runs, in milliseconds.
const SOON: i64 = 1000;
/// The pause after a failure, which doubles, and the longest.
const PAUSE: i64 = 5000;
const LONGEST_PAUSE: i64 = 10 * MINUTE;
/// When it is done once more: no request takes so long.
const ONCE_MORE_AFTER: i64 = 30 * MINUTE;

/// What is erased, and by whom.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EraseRequest {
    /// The address of the account, typed once more.
    #[serde(default)]
    #[schema(required)]
    pub email: String,
    /// That credits which were paid for and are left may be lost.
    #[serde(default)]
    pub forfeit_credits: bool,
    /// Needed where the session’s user proved who they are more than ten minutes ago.
    #[serde(default)]
    pub current_password: Option<String>,
}

/// How far an erasure is, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Erasure {
    /// Everything was deleted, once.
    is_erased: bool,
    /// Features that are done.
    done: usize,
    /// Failures in a row.
    failures: u32,
    begun_at: i64,
    ended_at: Option<i64>,
}

impl Erasure {
    pub(super) const fn new(now: i64) -> Self {
        Self { is_erased: false, done: 0, failures: 0, begun_at: now, ended_at: None }
    }
}

/// How far an erasure is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureView {
    /// `running` or `erased`.
    pub state: String,
    /// Steps that are done, and how many there are.
    pub done: usize,
    pub steps: usize,
    /// RFC 3339, UTC.
    pub begun_at: String,
    /// When everything was gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub erased_at: Option<String>,
}

/// What a user would lose.
pub(super) struct Losses {
    /// All that can be spent.
    pub credits: Amount,
    /// What of it was paid for.
    pub paid: Amount,
    pub has_subscription: bool,
}

/// What came of a try.
enum Turn {
    Done,
    /// Something still runs.
    Waits,
    /// Another try goes on with it.
    Lost,
}

impl Leaving {
    /// What erasing everything would cost a user.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub(super) async fn losses(&self, user: UserId) -> AppResult<Losses> {
        Ok(Losses {
            credits: self.credits.load_credits(user).await?.available,
            paid: self.credits.paid_left(user).await?,
            has_subscription: self.payments.has_subscription(user).await?,
        })
    }

    /// Has everything of the caller erased. They are out when this returns; what can be followed is the secret that it returns.
    ///
    /// # Errors
    /// As [`crate::account::server::Account::confirm_way`]; [`AppError::InvalidInput`] naming `email` where another address was
    /// typed, and `forfeitCredits` where credits that were paid for would be lost; [`AppError::Conflict`] while money is on its way,
    /// where the subscription cannot be ended, and for the last admin. Then nothing has changed.
    pub async fn erase(&self, caller: &Caller, client: &Client, request: &EraseRequest) -> AppResult<String> {
        self.account.confirm_way(caller, client, request.current_password.as_deref()).await?;
        if !self.account.is_own_address(caller.id, &request.email).await? {
            return Err(AppError::invalid("email", t(Text::TypeOwnAddress)));
        }
        if caller.profile.role == Role::Admin && self.queue.accounts.other_admins(caller.id).await? == 0 {
            return Err(AppError::Conflict(t(Text::LastAdminStays).to_owned()));
        }
        self.refuse_while_money_moves(caller.id).await?;
        let paid = self.credits.paid_left(caller.id).await?;
        if paid.is_positive() && !request.forfeit_credits {
            let told = fill(Text::PaidCreditsLeft, &[("credits", &paid.as_balance())]);
            return Err(AppError::invalid("forfeitCredits", told));
        }
        // Of two that ask at once, one is out already.
        self.begin_erasure(caller.id).await?.ok_or(AppError::Unauthenticated)
    }

    /// Has everything of somebody else erased, whatever they would lose. `false`: it goes on already.
    ///
    /// # Errors
    /// [`AppError::Conflict`] as [`Leaving::erase`]; then nothing has changed.
    pub async fn erase_user(&self, user: UserId) -> AppResult<bool> {
        // Before anything is ended; who decides is the step that locks them out.
        let is_admin = self.queue.accounts.find_user_by_id(user).await?.is_some_and(|user| user.role == Role::Admin);
        if is_admin && self.queue.accounts.other_admins(user).await? == 0 {
            return Err(AppError::Conflict(t(Text::LastAdminStays).to_owned()));
        }
        self.refuse_while_money_moves(user).await?;
        Ok(self.begin_erasure(user).await?.is_some())
    }

    async fn refuse_while_money_moves(&self, user: UserId) -> AppResult<()> {
        if self.payments.is_money_moving(user).await? {
            return Err(AppError::Conflict(t(Text::MoneyIsMoving).to_owned()));
        }
        Ok(())
    }

    /// Ends the subscription, and locks the user out. What the erasure can be followed by; `None`: it goes on already.
    async fn begin_erasure(&self, user: UserId) -> AppResult<Option<String>> {
        self.payments.end_subscription(user).await.map_err(|error| {
            tracing::error!(%user, %error, "a subscription could not be ended: nothing is erased");
            AppError::Conflict(t(Text::SubscriptionNotEnded).to_owned())
        })?;
        let receipt = new_secret();
        let (queue, hash) = (self.queue.clone(), hash_secret(&receipt));
        let is_first = outlive_handler(async move { queue.erase(user, hash).await }).await?;
        Ok(is_first.then_some(receipt))
    }

    /// How far an erasure is, for whoever has its receipt.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn follow_erasure(&self, receipt: &str) -> AppResult<ErasureView> {
        let found = self.queue.store.find_by_receipt(hash_secret(receipt)).await?.ok_or(AppError::NotFound)?;
        let erasure: Erasure = read(&found.body)?;
        Ok(ErasureView {
            state: if erasure.is_erased { "erased" } else { "running" }.to_owned(),
            done: if erasure.is_erased { PARTS.len() } else { erasure.done },
            steps: PARTS.len(),
            begun_at: rfc3339(erasure.begun_at)?,
            erased_at: erasure.ended_at.map(rfc3339).transpose()?,
        })
    }

    /// Erases what is due, until the server has ended.
    pub async fn run_erasures(self) {
        loop {
            match self.erase_due(self.queue.database.now()).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "users who leave are erased later"),
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = self.queue.erasures.notified() => {}
            }
        }
    }

    /// One try at what has been due the longest at `now`. Whether there was any.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn erase_due(&self, now: i64) -> AppResult<bool> {
        let claimed = self.queue.store.claim(LeavingKind::Erasure, now, RunId::now_v7(), now + LEASE).await?;
        let Some(job) = claimed else { return Ok(false) };
        let (user, run) = (job.user, job.run);
        let work = in_request(format!("erasure-{run}"), Box::pin(self.try_to_erase(job)));
        match self.queue.while_alive(user, LeavingKind::Erasure, run, work).await {
            Some(tried) => tried.map(|()| true),
            None => Ok(true),
        }
    }

    async fn try_to_erase(&self, mut job: Job) -> AppResult<()> {
        let mut erasure: Erasure = read(&job.body)?;
        let turn = self.erase_once(&mut job, &mut erasure).await;
        let now = self.queue.database.now();
        erasure.failures = if turn.is_ok() { 0 } else { erasure.failures + 1 };
        job.look_at = match turn {
            Ok(Turn::Lost) | Err(AppError::Conflict(_)) => return Ok(()),
            Ok(Turn::Waits) => Some(now + SOON),
            Ok(Turn::Done) if erasure.is_erased => None,
            Ok(Turn::Done) => {
                tracing::info!(user = %job.user, "everything of this user was erased");
                (erasure.is_erased, erasure.ended_at) = (true, Some(now));
                Some(now + ONCE_MORE_AFTER)
            }
            Err(error) => {
                self.metrics.erasure_failed();
                tracing::error!(user = %job.user, failures = erasure.failures, %error, "erasing a user is tried again");
                let doubled = PAUSE.saturating_mul(1 << erasure.failures.clamp(1, 10));
                Some(now + doubled.min(LONGEST_PAUSE))
            }
        };
        job.body = written(&erasure)?;
        self.queue.store.save(job).await?;
        Ok(())
    }

    async fn erase_once(&self, job: &mut Job, erasure: &mut Erasure) -> AppResult<Turn> {
        let user = job.user;
        self.queue.lock_out(user).await?;
        if self.features.stop_work(user).await? > 0 {
            return Ok(Turn::Waits);
        }
        self.queue.store.delete(user, LeavingKind::Export).await?;
        self.queue.store.delete_pieces(user, None).await?;
        for (done, part) in PARTS.into_iter().enumerate() {
            let erased = self.features.erase(part, user).await;
            erased
                .inspect_err(|error| tracing::error!(%user, part = part.as_str(), %error, "this is not erased yet"))?;
            erasure.done = done + 1;
            let look_at = Some(self.queue.database.now() + LEASE);
            *job = Job { look_at, body: written(erasure)?, ..job.clone() };
            if !self.queue.store.save(job.clone()).await? {
                return Ok(Turn::Lost);
            }
        }
        if let Err(error) = self.queue.database.wipe().await {
            tracing::warn!(%error, "what was deleted may still be on the disk");
        }
        Ok(Turn::Done)
    }
}
