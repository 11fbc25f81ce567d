//! What is a user's of accounts, to take along and erased; and who is not given the credits of new accounts once more.

use axum::http::HeaderName;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use serde_json::json;

use super::api::{CLEAR, clear_session};
use super::store::User;
use super::{Account, SignUpGift};
use crate::account::Email;
use crate::credits::Origin;
use crate::credits::server::store::{LotTerms, NewPosting, PostingKind};
use crate::platform::amount::Amount;
use crate::platform::archive::Archive;
use crate::platform::db::{now_millis, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::UserId;
use crate::platform::secret::SecretHash;
use crate::platform::time::DAY;

/// For how long it is remembered who has had the credits of a new account, in milliseconds: a year.
const REMEMBERED: i64 = 365 * DAY;

impl Account {
    /// Writes who a user is here, how they want it, and by what they sign in. Secrets are in it nowhere: only their hashes are known.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], and those of the archive.
    pub async fn export(&self, id: UserId, archive: &mut Archive) -> AppResult<()> {
        let user = self.store.find_user_by_id(id).await?.ok_or(AppError::NotFound)?;
        let verified = user.email_verified_at.map(rfc3339).transpose()?;
        let about = json!({
            "id": user.id.to_string(), "email": user.email, "name": user.name, "role": user.role.as_str(),
            "emailVerifiedAt": verified, "hasPassword": user.password_hash.is_some(),
            "hasTwoSteps": !self.second_steps(id).await?.is_empty(),
        });
        archive.add_json("account/profile.json", &about).await?;
        archive.add_json("account/preferences.json", &self.store.find_preferences(id).await?).await?;
        archive.add_json("account/budgets.json", &self.load_budgets(id).await?).await?;
        archive.add_json("account/api-keys.json", &self.list_keys(id).await?).await?;
        let sessions = self.sessions.list(id, now_millis()).await?.into_iter().map(|session| {
            Ok(json!({
                "id": session.id().to_string(), "device": session.device, "address": session.address,
                "createdAt": rfc3339(session.created_at)?, "lastUsedAt": rfc3339(session.last_used_at)?,
                "expiresAt": rfc3339(session.expires_at)?,
            }))
        });
        archive.add_json("account/sessions.json", &sessions.collect::<AppResult<Vec<_>>>()?).await?;
        let identities = self.identities.list(id).await?.into_iter().map(|identity| {
            Ok(json!({
                "issuer": identity.issuer, "subject": identity.subject, "shownAs": identity.shown_as,
                "createdAt": rfc3339(identity.created_at)?,
            }))
        });
        archive.add_json("account/identities.json", &identities.collect::<AppResult<Vec<_>>>()?).await?;
        let passkeys = self.passkeys.list(id).await?.into_iter().map(|passkey| {
            Ok(json!({
                "id": passkey.id.to_string(), "name": passkey.name, "device": passkey.device,
                "createdAt": rfc3339(passkey.created_at)?, "lastUsedAt": passkey.last_used_at.map(rfc3339).transpose()?,
            }))
        });
        archive.add_json("account/passkeys.json", &passkeys.collect::<AppResult<Vec<_>>>()?).await
    }

    /// Deletes who a user is: the last step, after which the address is free. That they had the credits of a new account is
    /// remembered before.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]; what is left is found again.
    pub async fn erase(&self, id: UserId) -> AppResult<()> {
        if let Some(user) = self.store.find_user_by_id(id).await? {
            self.remember(&user).await?;
        }
        self.links.delete_of(id).await?;
        self.sessions.delete_of_user(id, None).await?;
        self.passkeys.delete_of_user(id).await?;
        self.second_factors.delete_of_user(id).await?;
        self.identities.delete_of_user(id).await?;
        Ok(self.store.delete_user(id).await?)
    }

    async fn remember(&self, user: &User) -> AppResult<()> {
        let mut names = vec![user.email.clone()];
        let identities = self.identities.list(user.id).await?;
        names.extend(identities.iter().map(|identity| name_of(&identity.issuer, &identity.subject)));
        self.keep_welcomed(names).await
    }

    /// Remembers that these had the credits of a new account: they are not theirs any more.
    pub(super) async fn keep_welcomed(&self, names: Vec<String>) -> AppResult<()> {
        let mut hashes = Vec::with_capacity(names.len());
        for name in names {
            hashes.push(self.passwords.blur(name).await?);
        }
        Ok(self.store.keep_welcomed(hashes, now_millis() + REMEMBERED).await?)
    }

    /// Opens the account of a user who is about to be made: without credits where they had those of a new account before. Without
    /// `identity`, they come with their address alone. Whether they are given what new accounts are.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub(super) async fn open_credits(
        &self,
        id: UserId,
        email: &str,
        identity: Option<(&str, &str)>,
    ) -> AppResult<bool> {
        let now = now_millis();
        let is_given = self.new_account_credits().is_positive();
        // Slow, and hardly ever needed.
        if !is_given || !self.store.is_welcomed(Vec::new(), now).await? {
            return Ok(true);
        }
        let mut hashes: Vec<SecretHash> = vec![self.passwords.blur(email.to_owned()).await?];
        if let Some((issuer, subject)) = identity {
            hashes.push(self.passwords.blur(name_of(issuer, subject)).await?);
        }
        let was_here = self.store.is_welcomed(hashes, now).await?;
        if was_here {
            self.credits.open_empty(id.into(), &current_request_id()).await?;
        }
        Ok(!was_here)
    }

    /// Opens the account of a user who was just made with its free credits; were it cut off here, the first use would do it. `is_new`:
    /// they are given what new accounts are at the time, once.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub(super) async fn give_new_credits(&self, id: UserId, is_new: bool) -> AppResult<()> {
        self.credits.balance(id.into(), &current_request_id()).await?;
        if let Some(SignUpGift { name, credits, expires_at }) = (self.sign_up_gift)().filter(|_| is_new) {
            let posting = NewPosting {
                owner: id.into(),
                kind: PostingKind::Grant,
                amount: credits,
                key: "sign-up".to_owned(),
                request_id: current_request_id(),
                reason: Some(name),
                terms: LotTerms { origin: Some(Origin::Promo), expires_at, ..LotTerms::default() },
            };
            self.credits.post(posting).await?;
        }
        Ok(())
    }

    /// All that a new account is given now.
    #[must_use]
    pub fn new_account_credits(&self) -> Amount {
        self.free_credits + (self.sign_up_gift)().map_or(Amount::ZERO, |gift| gift.credits)
    }

    /// Whether a user can be asked for a password.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a user who is gone.
    pub async fn has_password(&self, id: UserId) -> AppResult<bool> {
        let user = self.store.find_user_by_id(id).await?.ok_or(AppError::NotFound)?;
        Ok(user.password_hash.is_some() && self.clerk.is_none())
    }

    /// What a browser is told whose user is gone: it forgets the session, the device, and what was not sent yet.
    pub async fn sign_out_of(&self, jar: CookieJar) -> (CookieJar, [(HeaderName, &'static str); 1]) {
        let jar = match &self.clerk {
            Some(clerk) => clerk.sign_out(jar).await,
            None => jar,
        };
        let device = Cookie::build((self.device_cookie(), "")).path("/").secure(self.site.is_https()).http_only(true);
        (clear_session(self, jar).remove(device), CLEAR)
    }

    /// Makes sure that an address is the user's own: typed once more, before what cannot be undone.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a user who is gone. `false`: it is another.
    pub async fn is_own_address(&self, id: UserId, typed: &str) -> AppResult<bool> {
        let user = self.store.find_user_by_id(id).await?.ok_or(AppError::NotFound)?;
        let same = |typed: &str| typed == user.email;
        Ok(same(typed.trim()) || Email::parse(typed).is_ok_and(|email| same(email.as_str())))
    }
}

/// How somebody of an identity provider is named: no address is written so.
fn name_of(issuer: &str, subject: &str) -> String {
    format!("{issuer}\n{subject}")
}
