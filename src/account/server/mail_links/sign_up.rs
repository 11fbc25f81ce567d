//! Signing up by a link (`SIGN_UP_CONFIRM`): an account is made when somebody who reads the mails of its address sets its password.
//! To ask for one says nothing about whether there is an account already.
//!
//! Nothing is stored until then. The link is the address, when it ends and the way back, sealed with `APP_SECRET`; it works once, as an address
//! has one account at most.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::account::server::Account;
use crate::account::server::service::{NewSession, find_user, new_account_problems};
use crate::account::server::sessions::{Client, UserStatus};
use crate::account::{CredentialsForm, Email, same_site_path};
use crate::flags::Flag;
use crate::i18n::{Text, t};
use crate::platform::db::{millis, now_millis};
use crate::platform::error::{AppError, AppResult};
use crate::platform::limits::Limit;
use crate::platform::mail::Mail;

/// What links are sealed for.
const PURPOSE: &str = "sign-up";
/// Most bytes of a way back: longer ones make links that mail programs break.
const MOST_OF_A_WAY_BACK: usize = 500;
/// How long one lasts.
const LASTS: std::time::Duration = std::time::Duration::from_hours(24);

#[derive(Serialize, Deserialize)]
struct SignUp {
    email: String,
    until: i64,
    /// Where they were going.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Account {
    /// Asks for a link that makes an account. The answer is the same, and takes as long, where there is one, whose owner is told.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `email`, [`AppError::RateLimited`].
    pub(in crate::account::server) async fn request_sign_up(
        &self,
        client: &Client,
        email: &str,
        next: Option<String>,
    ) -> AppResult<()> {
        let email = Email::parse(email)?;
        email.check_looks()?;
        self.limiter.check(Limit::RegisterForm, &client.address.customer()).await?;
        self.limiter.check(Limit::Register, &client.address.site()).await?;
        let is_bearable = self.admit_link(client.address, &email).await?;
        let account = self.clone();
        self.outbox
            .prepare(async move { if is_bearable { account.write_sign_up(&email, next).await } else { Ok(None) } });
        Ok(())
    }

    async fn write_sign_up(&self, email: &Email, next: Option<String>) -> AppResult<Option<Mail>> {
        if let Some(owner) = find_user(self.store.as_ref(), email).await? {
            // Whose account is shut would ask why.
            let is_open = owner.status == UserStatus::Active;
            return Ok(is_open.then(|| self.has_account_letter().to(&owner.email)));
        }
        let token = self.sign_up_token(email, now_millis() + millis(LASTS), next)?;
        Ok(Some(self.sign_up_letter(&token, LASTS).to(email.as_str())))
    }

    /// The last part of a link that makes an account with this address, until a time in milliseconds since 1970, and leads on to `next`.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub fn sign_up_token(&self, email: &Email, until: i64, next: Option<String>) -> AppResult<String> {
        let next = next.filter(|next| next.len() <= MOST_OF_A_WAY_BACK);
        let sign_up = SignUp { email: email.as_str().to_owned(), until, next };
        let plain = serde_json::to_vec(&sign_up).map_err(|_| AppError::Internal)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(self.secret.seal(PURPOSE, &[], &plain)?))
    }

    fn open_sign_up(&self, token: &str) -> Option<SignUp> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let opened = self.secret.open(PURPOSE, &[], &sealed)?;
        serde_json::from_slice(&opened.plain).ok()
    }

    /// Where a link leads on to: a path of this site.
    pub(super) fn after_sign_up(&self, token: &str) -> String {
        let next = self.open_sign_up(token).and_then(|sign_up| sign_up.next);
        same_site_path(next.as_deref(), "/chat")
    }

    /// The address of a link. That is no use of it.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `token`, where it opens nothing (any more).
    pub(super) async fn find_sign_up(&self, token: &str) -> AppResult<Email> {
        let sign_up = self.open_sign_up(token).filter(|sign_up| now_millis() < sign_up.until).ok_or_else(invalid)?;
        let email = Email::parse(&sign_up.email)?;
        if find_user(self.store.as_ref(), &email).await?.is_some() {
            return Err(invalid());
        }
        Ok(email)
    }

    /// Makes the account that a link is for, with its address confirmed, and signs in.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `token`, `password` or `name`; [`AppError::RateLimited`].
    pub async fn finish_sign_up(
        &self,
        client: &Client,
        token: &str,
        name: Option<String>,
        password: String,
    ) -> AppResult<NewSession> {
        self.check_own_accounts()?;
        self.flags.check_visitor(Flag::SignUp)?;
        self.limiter.check(Limit::MailAddress, &client.address.customer()).await?;
        let email = self.find_sign_up(token).await?;
        let form = CredentialsForm { email: email.as_str().to_owned(), password, name, next: None };
        if let Some(problem) = new_account_problems(&form).into_iter().next() {
            return Err(problem);
        }
        self.check_guessable(&email, &form).await?;
        let user = self.make_account(&email, form, Some(now_millis())).await;
        let user = user.map_err(|error| if matches!(error, AppError::Conflict(_)) { invalid() } else { error })?;
        self.start_session(&user, client).await
    }
}

fn invalid() -> AppError {
    AppError::invalid("token", t(Text::LinkInvalid))
}
