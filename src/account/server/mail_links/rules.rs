//! What may be done with links by mail. To ask for one says nothing about whether there is an account: whatever depends on
//! that happens after the answer.

use serde_json::json;

use super::{MailLink, Purpose};
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::second_factor::Admission;
use crate::account::server::service::find_user;
use crate::account::server::sessions::{Client, UserStatus};
use crate::account::server::store::User;
use crate::account::{Email, same_site_path};
use crate::audit::{Action, Actor, AuditEntry};
use crate::i18n::{Text, t};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;
use crate::platform::limits::{Attempt, ClientAddress, Limit};
use crate::platform::mail::{Mail, is_nobodys};
use crate::platform::secret::{hash_secret, new_secret};

/// Links that say whose an address is.
pub(super) const OF_ADDRESSES: [Purpose; 2] = [Purpose::Verify, Purpose::Change];
/// Bytes of a path to go to afterwards that a mail has room for.
const MAX_NEXT: usize = 1500;

impl Account {
    /// Asks for a link to a new password, or to sign in, that leads on to `next`, a path of this site. The answer is the
    /// same, and takes as long, whether or not there is an account.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `email`, [`AppError::RateLimited`].
    pub async fn request_link(
        &self,
        address: ClientAddress,
        email: &str,
        purpose: Purpose,
        next: Option<&str>,
    ) -> AppResult<()> {
        self.check_own_accounts()?;
        let email = Email::parse(email)?;
        let is_bearable = self.admit_link(address, &email).await?;
        let account = self.clone();
        let next = same_site_path(next.filter(|next| next.len() <= MAX_NEXT), "");
        self.outbox.prepare(async move {
            if is_bearable { account.write_link(&email, purpose, &next).await } else { Ok(None) }
        });
        Ok(())
    }

    /// Counts a link that somebody asks for. Whether the mailbox can bear another one is not told.
    pub(super) async fn admit_link(&self, address: ClientAddress, email: &Email) -> AppResult<bool> {
        let (customer, mailbox) = (address.customer(), email.as_str());
        let pair = Attempt::of(Limit::MailPair, format!("{customer} {mailbox}"));
        self.limiter.check_all(&[Attempt::of(Limit::MailAddress, customer), pair]).await?;
        match self.limiter.check(Limit::Mailbox, mailbox).await {
            Ok(_) => Ok(true),
            Err(AppError::RateLimited { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn write_link(&self, email: &Email, purpose: Purpose, next: &str) -> AppResult<Option<Mail>> {
        let user = find_user(self.store.as_ref(), email).await?;
        let Some(user) = user.filter(|user| user.status == UserStatus::Active) else { return Ok(None) };
        // Whoever made an account with somebody else's address knows its password: the owner gets in with another one.
        let is_first = user.email_verified_at.is_none() && purpose == Purpose::SignIn;
        let purpose = if is_first { Purpose::Reset } else { purpose };
        self.write(&user, purpose, is_first, user.email.clone(), next).await.map(Some)
    }

    /// Makes a link, which ends the one before, and the mail with it.
    async fn write(&self, user: &User, purpose: Purpose, is_first: bool, email: String, next: &str) -> AppResult<Mail> {
        let token = new_secret();
        let lasts = i64::try_from(purpose.lasts().as_millis()).unwrap_or(i64::MAX);
        let link = MailLink { user: user.id, purpose, email: email.clone(), expires_at: now_millis() + lasts };
        self.links.put(hash_secret(&token), link).await?;
        Ok(self.link_letter(purpose, is_first, &token, next).to(&email))
    }

    /// Looks at a link. That is no use of it: programs that look for harm in mails follow links too.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `token`, where it opens nothing (any more).
    pub async fn find_link(&self, token: &str, purposes: &[Purpose]) -> AppResult<(MailLink, User)> {
        let link = self.links.find(hash_secret(token), now_millis()).await?;
        self.checked(link.filter(|link| purposes.contains(&link.purpose))).await
    }

    /// Uses a link: this once.
    async fn take_link(&self, token: &str, purposes: &[Purpose]) -> AppResult<(MailLink, User)> {
        let link = self.links.take(hash_secret(token), purposes, now_millis()).await?;
        self.checked(link).await
    }

    /// A link with its user, who may come in, and whose address is still the one that it was sent to.
    async fn checked(&self, link: Option<MailLink>) -> AppResult<(MailLink, User)> {
        let link = link.ok_or_else(invalid)?;
        let user = self.store.find_user_by_id(link.user).await?;
        let user = user.filter(|user| user.status == UserStatus::Active).ok_or_else(invalid)?;
        if link.purpose == Purpose::Change || link.email == user.email { Ok((link, user)) } else { Err(invalid()) }
    }

    /// Sets another password, by a link. All sessions end, and the address is confirmed with it.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `token` or `password`, [`AppError::RateLimited`].
    pub async fn reset_password(&self, address: ClientAddress, token: &str, password: String) -> AppResult<()> {
        self.limiter.check(Limit::MailAddress, &address.customer()).await?;
        let (_, user) = self.find_link(token, &[Purpose::Reset]).await?;
        // The link is still there for a better one.
        self.check_choice(&user, &password).await?;
        let password_hash = self.passwords.hash(password).await?;
        let (link, user) = self.take_link(token, &[Purpose::Reset]).await?;
        // As when it is changed: cut off in between, nobody stays in with the password of before.
        self.sessions.delete_of_user(user.id, None).await?;
        self.store.set_password(user.id, &password_hash).await?;
        if user.email_verified_at.is_none() {
            self.drop_unproved_ways(user.id).await?;
        }
        self.sessions.delete_of_user(user.id, None).await?;
        // Last: cut off before, it is all done again with the next link.
        self.store.verify_email(user.id, &link.email, now_millis()).await?;
        self.links.delete_of(user.id).await?;
        tracing::info!(user = %user.id, "the password was reset");
        let reset = AuditEntry::new(Actor::User(user.id), Action::PasswordChanged, Some(user.id));
        self.audit.record(reset.after(json!({ "by": "link" }))).await;
        self.outbox.send(self.password_letter().to(&user.email));
        Ok(())
    }

    /// Takes away the ways into an account that nobody has proved to be the owner of its address for: somebody else may have made
    /// them, with an address that was not theirs.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub(in crate::account::server) async fn drop_unproved_ways(&self, user: UserId) -> AppResult<()> {
        self.identities.delete_of_user(user).await?;
        self.passkeys.delete_of_user(user).await?;
        self.second_factors.delete_of_user(user).await?;
        for key in self.store.list_keys(user).await? {
            if self.store.delete_key(user, key.id).await? {
                self.record_revoked(user, key.id).await;
            }
        }
        Ok(())
    }

    /// Signs in by a link, where it is used; or asks for the second step.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `token`, [`AppError::RateLimited`].
    pub async fn sign_in_by_link(&self, client: &Client, token: &str, next: Option<&str>) -> AppResult<Admission> {
        self.limiter.check(Limit::MailAddress, &client.address.customer()).await?;
        let (link, mut user) = self.take_link(token, &[Purpose::SignIn]).await?;
        let now = now_millis();
        self.store.verify_email(user.id, &link.email, now).await?;
        user.email_verified_at.get_or_insert(now);
        let email = Email::parse(&user.email).unwrap_or_else(|_| Email::stored(user.email.clone()));
        self.finish_sign_in(user, &email, client, next).await
    }

    /// Sends a link by which a new address is confirmed.
    pub fn send_verification(&self, user: &User) {
        let (account, user) = (self.clone(), user.clone());
        self.outbox.prepare(async move {
            account.write(&user, Purpose::Verify, false, user.email.clone(), "").await.map(Some)
        });
    }

    /// The same once more. Returns where to.
    ///
    /// # Errors
    /// [`AppError::Conflict`] where the address is confirmed, or there is none; [`AppError::RateLimited`], and as
    /// [`Account::check_own_accounts`].
    pub async fn send_verification_again(&self, user: UserId) -> AppResult<String> {
        self.check_own_accounts()?;
        let user = self.store.find_user_by_id(user).await?.ok_or(AppError::Unauthenticated)?;
        if user.email_verified_at.is_some() {
            return Err(AppError::Conflict(t(Text::EmailConfirmedAlready).to_owned()));
        }
        if is_nobodys(&user.email) {
            return Err(AppError::Conflict(t(Text::NoEmailYet).to_owned()));
        }
        self.limiter.check(Limit::MailPair, &user.id.to_string()).await?;
        self.send_verification(&user);
        Ok(user.email)
    }

    /// Confirms an address, or takes another one, by a link. Returns the address. `caller` is who is signed in where it is used.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `token`, [`AppError::Conflict`] where somebody else has it by now, or an admin's address is
    /// confirmed for somebody else's account, [`AppError::RateLimited`].
    pub async fn confirm_email(
        &self,
        address: ClientAddress,
        caller: Option<&Caller>,
        token: &str,
    ) -> AppResult<String> {
        self.limiter.check(Limit::MailAddress, &address.customer()).await?;
        self.check_whose_admin(caller, token).await?;
        let (link, user) = self.take_link(token, &OF_ADDRESSES).await?;
        if link.purpose == Purpose::Verify {
            let is_own = self.store.verify_email(user.id, &link.email, now_millis()).await?;
            return if is_own { Ok(link.email) } else { Err(invalid()) };
        }
        if !self.store.change_email(user.id, &user.email, &link.email, now_millis()).await? {
            return Err(AppError::Conflict(t(Text::EmailNotFree).to_owned()));
        }
        self.keep_welcomed(vec![user.email.clone()]).await?;
        self.links.delete_of(user.id).await?;
        tracing::info!(user = %user.id, "the address was changed");
        // Without the addresses: the log stays when its users go.
        self.audit.record(AuditEntry::new(Actor::User(user.id), Action::EmailChanged, Some(user.id))).await;
        self.outbox.send(self.changed_letter(&link.email).to(&user.email));
        Ok(link.email)
    }

    /// An admin who confirms an account that somebody else made with their address would make that one an admin: they have to be
    /// signed in to it. What is refused uses no link up.
    async fn check_whose_admin(&self, caller: Option<&Caller>, token: &str) -> AppResult<()> {
        let (link, user) = self.find_link(token, &OF_ADDRESSES).await?;
        let is_admins = self.config.admins_confirm && self.is_admin_email(&Email::stored(link.email));
        if is_admins && caller.is_none_or(|caller| caller.id != user.id) {
            return Err(AppError::Conflict(t(Text::SignInToConfirm).to_owned()));
        }
        Ok(())
    }

    /// Asks for another address, which counts once its link is used. The answer is the same for one that is taken, whose
    /// owner is told. Returns the address.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `email`, [`AppError::RateLimited`]; as [`Account::confirm_way`] and
    /// [`Account::check_own_accounts`].
    pub async fn request_email_change(
        &self,
        client: &Client,
        caller: &Caller,
        email: &str,
        current_password: &str,
    ) -> AppResult<String> {
        self.check_own_accounts()?;
        let email = Email::parse(email)?;
        email.check_looks()?;
        let user = self.store.find_user_by_id(caller.id).await?.ok_or(AppError::Unauthenticated)?;
        if email.as_str() == user.email {
            return Err(AppError::invalid("email", t(Text::SameEmail)));
        }
        self.confirm_way(caller, client, Some(current_password)).await?;
        let is_bearable = self.admit_link(client.address, &email).await?;
        let (account, wanted) = (self.clone(), email.clone());
        self.outbox.prepare(async move {
            if !is_bearable {
                return Ok(None);
            }
            match find_user(account.store.as_ref(), &wanted).await? {
                Some(owner) => Ok(Some(account.taken_letter().to(&owner.email))),
                None => account.write(&user, Purpose::Change, false, wanted.as_str().to_owned(), "").await.map(Some),
            }
        });
        Ok(email.as_str().to_owned())
    }
}

fn invalid() -> AppError {
    AppError::invalid("token", t(Text::LinkInvalid))
}
