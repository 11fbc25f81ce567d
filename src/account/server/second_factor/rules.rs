//! The second step of signing in. Whoever has shown who they are in one way gets a half sign-in, which is good for nothing but to
//! take the second step: for ten minutes, and for a few tries.

use webauthn_rs::prelude::PublicKeyCredential;

use super::store::HalfSignIn;
use super::{Admission, SecondStep, open_key, step_of};
use crate::account::same_site_path;
use crate::account::server::Account;
use crate::account::server::device::known_device;
use crate::account::server::password::normalised;
use crate::account::server::service::NewSession;
use crate::account::server::sessions::{Client, UserStatus};
use crate::account::server::store::User;
use crate::credits::server::codes::hash_code;
use crate::i18n::{Text, t};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;
use crate::platform::limits::{Attempt, Limit};
use crate::platform::secret::{SecretHash, hash_secret, new_secret};

/// How long a half sign-in lasts.
pub const HALF_SECS: i64 = 10 * 60;
/// Codes that may be tried with one; then it ends.
pub const MAX_TRIES: u32 = 5;
/// Bytes of the longest path that is kept to go to afterwards.
const MAX_NEXT: usize = 2048;
/// The field of a code.
pub const CODE: &str = "code";

impl Account {
    /// What a user may show as the second step; nothing, where they sign in with one.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn second_steps(&self, user: UserId) -> AppResult<Vec<SecondStep>> {
        let app = self.second_factors.find(user).await?;
        if app.is_none_or(|app| app.confirmed_at.is_none()) {
            return Ok(Vec::new());
        }
        let has_passkey = self.passkey_origin().is_some() && !self.passkeys.list(user).await?.is_empty();
        Ok(std::iter::once(SecondStep::Code).chain(has_passkey.then_some(SecondStep::Passkey)).collect())
    }

    /// Lets somebody in who has shown who they are in one way, or asks for the second step.
    ///
    /// # Errors
    /// As [`Account::start_session`].
    pub(in crate::account::server) async fn admit(
        &self,
        user: &User,
        client: &Client,
        next: Option<&str>,
    ) -> AppResult<Admission> {
        // Whose account is shut is told so after the first step, as those are who have one.
        if user.status != UserStatus::Active || self.second_steps(user.id).await?.is_empty() {
            return self.start_session(user, client).await.map(Admission::SignedIn);
        }
        self.check_own_accounts()?;
        let token = new_secret();
        let half = HalfSignIn {
            user: user.id,
            password: password_of(user),
            next: same_site_path(next.filter(|next| next.len() <= MAX_NEXT), "/chat"),
            tries: 0,
            expires_at: now_millis() + HALF_SECS * 1000,
        };
        self.second_factors.put_half(hash_secret(&token), half).await?;
        Ok(Admission::SecondStep(token))
    }

    /// The half sign-in of a token, and what may be shown for it; `None` where there is none (any more).
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub(super) async fn find_half(&self, token: &str) -> AppResult<Option<(HalfSignIn, Vec<SecondStep>)>> {
        let half = self.second_factors.find_half(hash_secret(token), now_millis()).await?;
        let Some(half) = half.filter(|half| half.tries < MAX_TRIES) else { return Ok(None) };
        let steps = self.second_steps(half.user).await?;
        Ok(Some((half, steps)))
    }

    /// Takes the second step by a passkey of the same user, and signs in. Returns where to go, too. It answers a challenge that
    /// [`Account::begin_passkey_sign_in`] made.
    ///
    /// # Errors
    /// As [`Account::finish_passkey`]; [`AppError::InvalidInput`] naming `credential` for a passkey of somebody else;
    /// [`AppError::Unauthenticated`] where there is no half sign-in (any more); [`AppError::RateLimited`], and as
    /// [`Account::start_session`].
    pub async fn take_second_step_by_passkey(
        &self,
        client: &Client,
        token: &str,
        ceremony: &str,
        credential: &PublicKeyCredential,
    ) -> AppResult<(NewSession, String)> {
        self.limiter.check(Limit::LoginAddress, &client.address.customer()).await?;
        let token = hash_secret(token);
        let half = self.second_factors.try_half(token, MAX_TRIES, now_millis()).await?;
        let half = half.ok_or(AppError::Unauthenticated)?;
        let user = self.finish_passkey(ceremony, credential).await?;
        if user.id != half.user {
            tracing::warn!(user = %half.user, "a passkey of somebody else was shown as the second step");
            return Err(AppError::invalid("credential", t(Text::PasskeyRefused)));
        }
        let (session, next) = self.finish_half(client, token).await?;
        self.check_still_there(credential, &session).await?;
        Ok((session, next))
    }

    /// Takes the second step by a code, and signs in. Returns where to go, too.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `code`; [`AppError::Unauthenticated`] where there is no half sign-in (any more), so that the
    /// first step has to be taken again; [`AppError::RateLimited`], and as [`Account::start_session`].
    pub async fn take_second_step(
        &self,
        client: &Client,
        device: Option<&str>,
        token: &str,
        code: &str,
    ) -> AppResult<(NewSession, String)> {
        let token = hash_secret(token);
        let half = self.second_factors.find_half(token, now_millis()).await?.ok_or(AppError::Unauthenticated)?;
        if code.trim().is_empty() {
            return Err(AppError::invalid(CODE, t(Text::EnterSecondCode)));
        }
        let user = self.store.find_user_by_id(half.user).await?.ok_or(AppError::Unauthenticated)?;
        self.admit_code(client, device, &user).await?;
        let half = self.second_factors.try_half(token, MAX_TRIES, now_millis()).await?;
        let tries = half.ok_or(AppError::Unauthenticated)?.tries;
        if self.accept_code(&user, code).await? {
            return self.finish_half(client, token).await;
        }
        tracing::info!(user = %user.id, tries, "a wrong code for the second step");
        if tries < MAX_TRIES {
            return Err(AppError::invalid(CODE, t(Text::SecondCodeWrong)));
        }
        // It stays, used up: who tried with the right code at the same time still comes in.
        tracing::warn!(user = %user.id, "a half sign-in was ended by wrong codes: somebody got as far as the second step");
        Err(AppError::Unauthenticated)
    }

    /// Counts a code, right or wrong. As whoever gets this far has taken the first step, refusing keeps out no owner whom somebody
    /// merely dislikes; and a device that has signed in before has a count of its own.
    async fn admit_code(&self, client: &Client, device: Option<&str>, user: &User) -> AppResult<()> {
        let device = device.and_then(|cookie| known_device(user, cookie));
        let whose = device.map_or_else(|| format!("user {}", user.id), |device| format!("device {device}"));
        let address = Attempt::of(Limit::LoginAddress, client.address.customer());
        self.limiter.check_all(&[address, Attempt::of(Limit::SecondStep, whose)]).await?;
        Ok(())
    }

    /// Whether a code is right, which it is once.
    async fn accept_code(&self, user: &User, typed: &str) -> AppResult<bool> {
        let app = self.second_factors.find(user.id).await?.filter(|app| app.confirmed_at.is_some());
        let Some(app) = app else { return Ok(false) };
        let typed = normalised(typed);
        let key = open_key(&self.secret, user.id, &app.key).map(|(key, _)| key);
        if key.is_none() && !app.key.is_empty() {
            tracing::error!(
                user = %user.id,
                "APP_SECRET is not the one that the key of an authenticator app was sealed with: its codes are refused"
            );
        }
        if let Some(step) = key.and_then(|key| step_of(&key, &typed, now_millis())) {
            return Ok(self.second_factors.accept_step(user.id, app.key, step).await?);
        }
        let Some(hash) = hash_code(&typed) else { return Ok(false) };
        let is_taken = self.second_factors.take_code(user.id, hash).await?;
        if is_taken {
            tracing::info!(user = %user.id, "a recovery code was used");
            self.notify(user, Text::MailRecoveryCodeUsed);
        }
        Ok(is_taken)
    }

    /// Ends a half sign-in, this once, and signs its user in: what follows any second step.
    pub(in crate::account::server) async fn finish_half(
        &self,
        client: &Client,
        token: SecretHash,
    ) -> AppResult<(NewSession, String)> {
        let half = self.second_factors.take_half(token, now_millis()).await?.ok_or(AppError::Unauthenticated)?;
        let user = self.store.find_user_by_id(half.user).await?.ok_or(AppError::Unauthenticated)?;
        // Who set another password meanwhile has shut out whoever knew the one of before.
        if password_of(&user) != half.password {
            return Err(AppError::Unauthenticated);
        }
        Ok((self.start_session(&user, client).await?, half.next))
    }
}

/// By which it is noticed that a password has changed.
fn password_of(user: &User) -> SecretHash {
    hash_secret(user.password_hash.as_deref().unwrap_or_default())
}
