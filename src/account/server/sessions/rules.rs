//! The rules of sessions.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;
use utoipa::ToSchema;

use super::client::Client;
use super::status::UserStatus;
use super::store::{Session, SignedIn};
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::device::new_device;
use crate::account::server::service::NewSession;
use crate::account::server::store::User;
use crate::audit::{Action, Actor, AuditEntry};
use crate::platform::db::{now_millis, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{SessionId, UserId};
use crate::platform::secret::{hash_secret, new_secret};
use crate::platform::time::MINUTE;
use crate::platform::trace;

/// How long a session lasts.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(30 * 24);
/// Most sessions of a user; one more, and the one goes that was not used for the longest time.
pub const MAX_SESSIONS: usize = 50;
/// How exactly it is kept when a session was used, in milliseconds: a write for every request would be a waste.
const USE_STEP: i64 = 5 * MINUTE;
/// How soon an event stream ends when whoever follows it is out.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Where somebody is signed in, as clients see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionInfo {
    /// `UUIDv7`.
    pub id: String,
    /// The browser and the system, such as `Firefox on Linux`; empty if it said nothing.
    pub device: String,
    /// The network address it began at.
    pub address: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// To about five minutes.
    pub last_used_at: String,
    /// When its owner last proved who they are, by signing in or by the password.
    pub confirmed_at: String,
    pub expires_at: String,
    /// It is the one that asks.
    pub current: bool,
}

impl Account {
    /// Signs a user in who has proved who they are: always with a new token, so nobody can have known it before.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] for an account that is shut; [`AppError::InvalidCredentials`] where the password has changed meanwhile.
    pub async fn start_session(&self, user: &User, client: &Client) -> AppResult<NewSession> {
        self.check_own_accounts()?;
        let about = json!({ "device": client.device, "address": client.address_text() });
        if user.status != UserStatus::Active {
            self.audit.note(AuditEntry::new(Actor::Visitor, Action::SignInFailed, Some(user.id)).after(about));
            return Err(AppError::Forbidden);
        }
        let (token, now) = (new_secret(), now_millis());
        let lifetime = i64::try_from(SESSION_LIFETIME.as_millis()).unwrap_or(i64::MAX);
        let session = Session {
            token: hash_secret(&token),
            device: client.device.clone(),
            address: client.address_text(),
            created_at: now,
            last_used_at: now,
            confirmed_at: now,
            expires_at: now + lifetime,
        };
        self.sessions.create(user.id, session, MAX_SESSIONS).await?;
        // Whoever shuts an account or changes a password does so before ending its sessions. So either they have ended this one,
        // or it is seen here what they did.
        let is_same = |now: &User| now.status == UserStatus::Active && now.password_hash == user.password_hash;
        if !self.store.find_user_by_id(user.id).await?.as_ref().is_some_and(is_same) {
            self.sessions.delete(hash_secret(&token)).await?;
            return Err(AppError::InvalidCredentials);
        }
        self.audit.note(AuditEntry::new(Actor::User(user.id), Action::SignIn, Some(user.id)).after(about));
        trace::current().of_caller(user.id, "new session");
        let preferences = self.store.find_preferences(user.id).await?;
        Ok(NewSession { token, profile: self.profile_of(user).await?, device: new_device(user), preferences })
    }

    /// Whether people sign in here, and not somewhere else.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn check_own_accounts(&self) -> AppResult<()> {
        if self.clerk.is_some() { Err(AppError::Forbidden) } else { Ok(()) }
    }

    /// Ends a session. One that is not there has ended already.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn logout(&self, token: &str) -> AppResult<()> {
        Ok(self.sessions.delete(hash_secret(token)).await?)
    }

    /// Who is signed in with a session token.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn find_session(&self, token: &str) -> AppResult<Option<SignedIn>> {
        let now = now_millis();
        let found = self.sessions.find_signed_in(hash_secret(token), now).await?;
        let found = found.filter(|found| found.user.status == UserStatus::Active);
        if let Some(SignedIn { session, .. }) = &found
            && now - session.last_used_at >= USE_STEP
        {
            let (sessions, token) = (self.sessions.clone(), session.token);
            // Nobody waits for it.
            tokio::spawn(async move {
                if let Err(error) = sessions.touch(token, now).await {
                    tracing::warn!(%error, "the use of a session could not be kept");
                }
            });
        }
        Ok(found)
    }

    /// Where the caller is signed in, the last used first.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn list_sessions(&self, caller: &Caller) -> AppResult<Vec<SessionInfo>> {
        let sessions = self.sessions.list(caller.id, now_millis()).await?;
        let own = caller.session.as_ref().map(|session| session.token);
        let shown = sessions.into_iter().map(|session| {
            Ok(SessionInfo {
                id: session.id().to_string(),
                current: Some(session.token) == own,
                created_at: rfc3339(session.created_at)?,
                last_used_at: rfc3339(session.last_used_at)?,
                confirmed_at: rfc3339(session.confirmed_at)?,
                expires_at: rfc3339(session.expires_at)?,
                device: session.device,
                address: session.address,
            })
        });
        shown.collect()
    }

    /// Ends one session of a user. From now on nobody is signed in with it, on any server.
    ///
    /// # Errors
    /// [`AppError::NotFound`] also for somebody else's.
    pub async fn end_session(&self, user: UserId, id: SessionId) -> AppResult<()> {
        let sessions = self.sessions.list(user, now_millis()).await?;
        let session = sessions.into_iter().find(|session| session.id() == id).ok_or(AppError::NotFound)?;
        self.sessions.delete(session.token).await?;
        tracing::info!(%user, session = %id, "a session was ended");
        Ok(())
    }

    /// Ends all sessions of the caller but their own. Returns how many.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn end_other_sessions(&self, caller: &Caller) -> AppResult<u64> {
        let own = caller.session.as_ref().map(|session| session.token);
        let ended = self.sessions.delete_of_user(caller.id, own).await?;
        tracing::info!(user = %caller.id, ended, "sessions were ended");
        Ok(ended)
    }

    /// Whether whoever was let in would be let in now.
    async fn is_still_in(&self, caller: &Caller) -> AppResult<bool> {
        if let Some(session) = &caller.session {
            let found = self.sessions.find(session.token, now_millis()).await?;
            return Ok(found.is_some_and(|(user, _)| user.status == UserStatus::Active));
        }
        let user = self.store.find_user_by_id(caller.id).await?;
        Ok(user.is_some_and(|user| user.status == UserStatus::Active))
    }

    /// Waits until a caller is out: their session has ended, or their account was shut.
    pub fn until_out(&self, caller: &Caller) -> impl Future<Output = ()> + Send + use<> {
        let (account, caller) = (self.clone(), caller.clone());
        async move {
            loop {
                sleep(LOOK_EVERY).await;
                // A database that does not answer says nothing about it.
                if matches!(account.is_still_in(&caller).await, Ok(false)) {
                    return;
                }
            }
        }
    }
}
