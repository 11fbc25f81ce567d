//! Proving again who one is, before what cannot be undone.

use super::client::Client;
use crate::account::PASSWORD_CHARS;
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::password::normalised;
use crate::account::server::store::User;
use crate::i18n::{Text, t};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::limits::{Attempt, Limit};
use crate::platform::time::MINUTE;

/// For how long a proof is good, in milliseconds.
const FRESH: i64 = 10 * MINUTE;

/// The field of the current password.
pub const CURRENT_PASSWORD: &str = "currentPassword";

impl Account {
    /// Makes sure that it is the owner who asks: they signed in or gave the password within ten minutes, or give it now. For what
    /// changes who can sign in, and for what cannot be undone.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `currentPassword`, [`AppError::RateLimited`], [`AppError::Forbidden`] for an API key;
    /// [`AppError::Conflict`] for somebody who signed in with Clerk longer ago.
    pub async fn confirm_owner(&self, caller: &Caller, client: &Client, password: Option<&str>) -> AppResult<()> {
        if self.clerk.is_some() && caller.key.is_none() {
            let is_fresh = caller.proved_minutes_ago.is_some_and(|minutes| minutes < FRESH / MINUTE);
            return if is_fresh { Ok(()) } else { Err(AppError::Conflict(t(Text::SignInAgainAtClerk).to_owned())) };
        }
        let session = caller.session.as_ref().ok_or(AppError::Forbidden)?;
        match password.filter(|password| !password.is_empty()) {
            Some(password) => {
                self.check_password(caller, client, password).await?;
                Ok(self.sessions.confirm(session.token, now_millis()).await?)
            }
            None if (0..FRESH).contains(&(now_millis() - session.confirmed_at)) => Ok(()),
            None => Err(AppError::invalid(CURRENT_PASSWORD, t(Text::ConfirmWithPassword))),
        }
    }

    /// Makes sure that it is the owner who asks; see [`Account::confirm_owner`]. Who has no password has to sign in again.
    ///
    /// # Errors
    /// As there, and [`AppError::Conflict`].
    pub async fn confirm_way(&self, caller: &Caller, client: &Client, password: Option<&str>) -> AppResult<()> {
        let user = self.store.find_user_by_id(caller.id).await?.ok_or(AppError::Unauthenticated)?;
        let has_password = user.password_hash.is_some();
        match self.confirm_owner(caller, client, password.filter(|_| has_password)).await {
            Err(AppError::InvalidInput { .. }) if !has_password => {
                Err(AppError::Conflict(t(Text::SignInAgainFirst).to_owned()))
            }
            confirmed => confirmed,
        }
    }

    /// Checks the current password of the caller. Tries count as those of signing in do: a session that was left open must not be a
    /// place to guess it.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `currentPassword`, [`AppError::RateLimited`].
    pub(super) async fn check_password(&self, caller: &Caller, client: &Client, password: &str) -> AppResult<User> {
        let user = self.store.find_user_by_id(caller.id).await?.ok_or(AppError::Unauthenticated)?;
        let own = Attempt::of(Limit::LoginDevice, format!("owner {}", user.id));
        self.limiter.check_all(&[Attempt::of(Limit::LoginAddress, client.address.customer()), own]).await?;
        let is_longer = |password: &str| password.chars().count() > *PASSWORD_CHARS.end();
        let is_too_long = is_longer(password) && is_longer(&normalised(password));
        let hash = user.password_hash.clone();
        if is_too_long || !self.passwords.verify(password.to_owned(), hash).await? {
            return Err(AppError::invalid(CURRENT_PASSWORD, t(Text::CurrentPasswordWrong)));
        }
        Ok(user)
    }
}
