//! Changing the password.

use serde::Deserialize;
use utoipa::ToSchema;

use super::client::Client;
use crate::account::Email;
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::service::{NewSession, check_new_password, known_words};
use crate::account::server::store::User;
use crate::audit::{Action, Actor, AuditEntry};
use crate::i18n::{Text, t};
use crate::platform::error::{AppError, AppResult};

/// The password that is wanted, and the one that there is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordRequest {
    #[serde(default)]
    #[schema(required)]
    pub current_password: String,
    /// 8 to 128 characters.
    #[serde(default)]
    #[schema(required)]
    pub new_password: String,
}

impl Account {
    /// Changes the password, and ends all sessions: the caller goes on with a new one.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `currentPassword` or `newPassword`, [`AppError::RateLimited`].
    pub async fn change_password(
        &self,
        caller: &Caller,
        client: &Client,
        request: PasswordRequest,
    ) -> AppResult<NewSession> {
        let PasswordRequest { current_password, new_password } = request;
        let user = self.check_password(caller, client, &current_password).await?;
        self.check_choice(&user, &new_password).await.map_err(|error| match error {
            AppError::InvalidInput { message, .. } => AppError::invalid("newPassword", message),
            error => error,
        })?;
        let password_hash = self.passwords.hash(new_password).await?;
        // Before and after: cut off in between, nobody stays in with the password of before.
        self.sessions.delete_of_user(user.id, None).await?;
        self.store.set_password(user.id, &password_hash).await?;
        self.sessions.delete_of_user(user.id, None).await?;
        self.links.delete_of(user.id).await?;
        tracing::info!(user = %user.id, "the password was changed");
        self.audit.record(AuditEntry::new(Actor::User(user.id), Action::PasswordChanged, Some(user.id))).await;
        self.outbox.send(self.password_letter().to(&user.email));
        self.start_session(&User { password_hash: Some(password_hash), ..user }, client).await
    }

    /// Whether a user may have this password.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `password`.
    pub(in crate::account::server) async fn check_choice(&self, user: &User, password: &str) -> AppResult<()> {
        check_new_password(password)?;
        let known = known_words(&Email::stored(user.email.clone()), &user.name);
        if self.passwords.is_guessable(password.to_owned(), known).await? {
            return Err(AppError::invalid("password", t(Text::PasswordGuessable)));
        }
        Ok(())
    }
}
