//! Turning two-step sign-in on and off, and recovery codes.

use std::iter::repeat_with;

use super::app_key::{ShownKey, new_key, show_key};
use super::rules::CODE;
use super::store::{AuthenticatorApp, SecondFactorStore};
use super::{AppKey, open_key, seal_key, step_of};
use crate::account::Email;
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::password::normalised;
use crate::account::server::service::find_user;
use crate::account::server::sessions::Client;
use crate::account::server::store::{AccountStore, User};
use crate::credits::server::codes::{hash_code, new_code};
use crate::i18n::{Text, t};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;
use crate::platform::limits::Limit;
use crate::platform::secret::SecretHash;
use crate::platform::time::HOUR;

/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;
/// How long a key waits for the first code of its app, in milliseconds.
const SETUP_LASTS: i64 = HOUR;

/// Recovery codes and their hashes. With 120 random bits in each, a plain hash is enough.
fn new_recovery_codes() -> (Vec<String>, Vec<SecretHash>) {
    // As one that gives credits, and half of another one.
    let code = || format!("{}-{}", new_code(), &new_code()[..9]);
    let codes: Vec<String> = repeat_with(code).take(RECOVERY_CODES).collect();
    let hashes = codes.iter().filter_map(|code| hash_code(code)).collect();
    (codes, hashes)
}

impl Account {
    /// Makes the key for an app. Nothing changes until a code shows that the app has it.
    ///
    /// # Errors
    /// [`AppError::Conflict`] where two steps are on; as [`Account::confirm_way`].
    pub(super) async fn begin_second_factor(
        &self,
        caller: &Caller,
        client: &Client,
        password: Option<&str>,
    ) -> AppResult<ShownKey> {
        let user = self.confirmed_owner(caller, client, password).await?;
        let key = new_key();
        let sealed = seal_key(&self.secret, user.id, &key)?;
        if !self.second_factors.begin(user.id, sealed, now_millis()).await? {
            return Err(AppError::Conflict(t(Text::TwoStepsOnAlready).to_owned()));
        }
        self.show_app_key(&user, &key)
    }

    /// The key that waits for its first code.
    ///
    /// # Errors
    /// [`AppError::Conflict`] where there is none.
    pub(super) async fn waiting_second_factor(&self, caller: &Caller) -> AppResult<ShownKey> {
        let user = self.store.find_user_by_id(caller.id).await?.ok_or(AppError::Unauthenticated)?;
        let (_, key) = self.waiting_app(user.id).await?;
        self.show_app_key(&user, &key)
    }

    fn show_app_key(&self, user: &User, key: &AppKey) -> AppResult<ShownKey> {
        show_key(key, self.site.public_url.host_str().unwrap_or_default(), &user.email)
    }

    /// The app that waits, and its key.
    async fn waiting_app(&self, user: UserId) -> AppResult<(AuthenticatorApp, AppKey)> {
        let app = self.second_factors.find(user).await?;
        let is_waiting =
            |app: &AuthenticatorApp| app.confirmed_at.is_none() && now_millis() - app.created_at < SETUP_LASTS;
        // One that cannot be read is begun anew.
        let app = app.filter(is_waiting).and_then(|app| {
            let (key, _) = open_key(&self.secret, user, &app.key)?;
            Some((app, key))
        });
        app.ok_or_else(|| AppError::Conflict(t(Text::SetupOver).to_owned()))
    }

    /// Turns two steps on, by the first code of the app. Returns the recovery codes: nobody sees them again.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `code`, [`AppError::Conflict`] where no key waits for one, [`AppError::RateLimited`].
    pub(super) async fn confirm_second_factor(&self, caller: &Caller, code: &str) -> AppResult<Vec<String>> {
        let user = self.store.find_user_by_id(caller.id).await?.ok_or(AppError::Unauthenticated)?;
        let (app, key) = self.waiting_app(user.id).await?;
        self.limiter.check(Limit::SecondStep, &format!("setup {}", user.id)).await?;
        let step = step_of(&key, &normalised(code), now_millis());
        let step = step.ok_or_else(|| AppError::invalid(CODE, t(Text::SecondCodeWrong)))?;
        let (codes, hashes) = new_recovery_codes();
        if !self.second_factors.confirm(user.id, app.key, step, hashes, now_millis()).await? {
            return Err(AppError::Conflict(t(Text::SetupOver).to_owned()));
        }
        tracing::info!(user = %user.id, "two-step sign-in was turned on");
        self.notify(&user, Text::MailTwoStepsOn);
        Ok(codes)
    }

    /// Turns two steps on, with passkeys as the second. Returns the recovery codes: nobody sees them again.
    ///
    /// # Errors
    /// [`AppError::Conflict`] where two steps are on, or there is no passkey; as [`Account::confirm_way`].
    pub(super) async fn turn_on_by_passkey(
        &self,
        caller: &Caller,
        client: &Client,
        password: Option<&str>,
    ) -> AppResult<Vec<String>> {
        let user = self.confirmed_owner(caller, client, password).await?;
        if self.passkey_origin().is_none() || self.passkeys.list(user.id).await?.is_empty() {
            return Err(AppError::Conflict(t(Text::AddPasskeyFirst).to_owned()));
        }
        let (codes, hashes) = new_recovery_codes();
        let no_key = Vec::new();
        if !self.second_factors.begin(user.id, no_key.clone(), now_millis()).await?
            || !self.second_factors.confirm(user.id, no_key, 0, hashes, now_millis()).await?
        {
            return Err(AppError::Conflict(t(Text::TwoStepsOnAlready).to_owned()));
        }
        tracing::info!(user = %user.id, "two-step sign-in was turned on, with passkeys");
        self.notify(&user, Text::MailTwoStepsOn);
        Ok(codes)
    }

    /// Other recovery codes: those of before end.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where two steps are off; as [`Account::confirm_way`].
    pub(super) async fn renew_recovery_codes(
        &self,
        caller: &Caller,
        client: &Client,
        password: Option<&str>,
    ) -> AppResult<Vec<String>> {
        let user = self.confirmed_owner(caller, client, password).await?;
        let (codes, hashes) = new_recovery_codes();
        if !self.second_factors.replace_codes(user.id, hashes).await? {
            return Err(AppError::NotFound);
        }
        tracing::info!(user = %user.id, "there are new recovery codes");
        self.notify(&user, Text::MailNewRecoveryCodes);
        Ok(codes)
    }

    /// Turns two steps off.
    ///
    /// # Errors
    /// As [`Account::confirm_way`].
    pub(super) async fn turn_second_factor_off(
        &self,
        caller: &Caller,
        client: &Client,
        password: Option<&str>,
    ) -> AppResult<()> {
        let user = self.confirmed_owner(caller, client, password).await?;
        // In another tab, they were off already.
        if self.second_factors.delete_of_user(user.id).await? {
            tracing::info!(user = %user.id, "two-step sign-in was turned off");
            self.notify(&user, Text::MailTwoStepsOff);
        }
        Ok(())
    }

    async fn confirmed_owner(&self, caller: &Caller, client: &Client, password: Option<&str>) -> AppResult<User> {
        self.check_own_accounts()?;
        self.confirm_way(caller, client, password).await?;
        self.store.find_user_by_id(caller.id).await?.ok_or(AppError::Unauthenticated)
    }
}

/// Turns two steps off for the user with this address, who has lost app and codes; for the command line.
///
/// # Errors
/// [`AppError::InvalidInput`] for no address, [`AppError::NotFound`] for no such user, [`AppError::Conflict`] where they are off.
pub async fn turn_off(accounts: &dyn AccountStore, factors: &dyn SecondFactorStore, email: &str) -> AppResult<UserId> {
    let user = find_user(accounts, &Email::parse(email)?).await?.ok_or(AppError::NotFound)?;
    if factors.delete_of_user(user.id).await? {
        Ok(user.id)
    } else {
        Err(AppError::Conflict("Two-step sign-in is off already.".to_owned()))
    }
}
