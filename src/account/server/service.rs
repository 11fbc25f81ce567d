//! Sign-up and sign-in; sessions are `sessions/`. Knows nothing of cookies or forms.

use serde_json::json;

use super::Account;
use super::device::known_device;
use super::password::normalised;
use super::second_factor::Admission;
use super::sessions::{Client, Preferences, UserStatus};
use super::store::{AccountStore, User};
use crate::account::{CredentialsForm, Email, MAX_NAME_CHARS, PASSWORD_CHARS, Profile, Role};
use crate::audit::{Action, Actor, AuditEntry};
use crate::flags::Flag;
use crate::i18n::{Text, fill, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;
use crate::platform::limits::Limit;
use crate::platform::secret::hash_secret;

/// A new session. The token is the secret: it goes to the browser and nowhere else.
pub struct NewSession {
    pub token: String,
    pub profile: Profile,
    /// By which the device is known from now on.
    pub device: String,
    /// What the device should know of its user.
    pub preferences: Preferences,
}

/// What becomes of somebody who wants an account.
pub enum Registration {
    SignedIn(NewSession),
    /// A link is on its way to the address, or its owner is told of the account that there is.
    LinkSent,
}

impl Account {
    /// Makes an account and signs in; with `SIGN_UP_CONFIRM`, sends a link that does. `client` is where the request came from.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field, [`AppError::RateLimited`], [`AppError::SwitchedOff`]; without `SIGN_UP_CONFIRM`,
    /// [`AppError::Conflict`] when the address has an account.
    pub async fn register(&self, client: &Client, form: CredentialsForm) -> AppResult<Registration> {
        self.check_own_accounts()?;
        self.flags.check_visitor(Flag::SignUp)?;
        if self.config.sign_up_confirm {
            self.request_sign_up(client, &form.email, form.next).await?;
            return Ok(Registration::LinkSent);
        }
        if let Some(problem) = new_account_problems(&form).into_iter().next() {
            return Err(problem);
        }
        let email = Email::parse(&form.email)?;
        self.limiter.check(Limit::RegisterForm, &client.address.customer()).await?;
        self.check_guessable(&email, &form).await?;
        self.limiter.check(Limit::Register, &client.address.site()).await?;
        let user = self.make_account(&email, form, None).await?;
        self.send_verification(&user);
        self.start_session(&user, client).await.map(Registration::SignedIn)
    }

    /// Refuses a password that whoever guesses would try first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `password`.
    pub(super) async fn check_guessable(&self, email: &Email, form: &CredentialsForm) -> AppResult<()> {
        let name = form.name.as_deref().unwrap_or_default().trim();
        if self.passwords.is_guessable(form.password.clone(), known_words(email, name)).await? {
            return Err(AppError::invalid("password", t(Text::PasswordGuessable)));
        }
        Ok(())
    }

    /// Makes an account of a form without mistakes; `verified_at` is when its address was shown to be its owner's.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when the address has an account.
    pub(super) async fn make_account(
        &self,
        email: &Email,
        form: CredentialsForm,
        verified_at: Option<i64>,
    ) -> AppResult<User> {
        let name = form.name.as_deref().unwrap_or_default().trim().to_owned();
        // Hashed before looking, so that a taken address answers no faster than a free one.
        let password_hash = self.passwords.hash(form.password).await?;
        let user = User {
            id: UserId::now_v7(),
            name: if name.is_empty() { email.as_str().split('@').next().unwrap_or_default().to_owned() } else { name },
            role: if self.is_admin(email, verified_at.is_some()) { Role::Admin } else { Role::User },
            email: email.as_str().to_owned(),
            password_hash: Some(password_hash),
            status: UserStatus::Active,
            email_verified_at: verified_at,
        };
        // Before the user is there: whatever comes first opens the account.
        let is_new = self.open_credits(user.id, &user.email, None).await?;
        if find_user(self.store.as_ref(), email).await?.is_some() || !self.store.create_user(user.clone()).await? {
            return Err(AppError::Conflict(t(Text::EmailTaken).to_owned()));
        }
        self.give_new_credits(user.id, is_new).await?;
        tracing::info!(user = %user.id, "registered");
        let signed_up = AuditEntry::new(Actor::User(user.id), Action::SignUp, Some(user.id));
        self.audit.record(signed_up.after(json!({ "role": user.role }))).await;
        Ok(user)
    }

    /// Signs in, from a device that may have been given a proof that it did so before; or asks for the second step. The answer and
    /// its time are the same for a wrong password and an unknown address.
    ///
    /// # Errors
    /// [`AppError::InvalidCredentials`], [`AppError::RateLimited`].
    pub async fn login(&self, client: &Client, device: Option<&str>, form: CredentialsForm) -> AppResult<Admission> {
        self.check_own_accounts()?;
        if let Some(problem) = sign_in_problems(&form).into_iter().next() {
            return Err(problem);
        }
        let email = Email::parse(&form.email)?;
        let user = find_user(self.store.as_ref(), &email).await?;
        let device = user.as_ref().zip(device).and_then(|(user, cookie)| known_device(user, cookie));
        self.admit_sign_in(client.address, &email, device).await?;
        // Longer than any password that was ever set: no need to hash it.
        let is_longer = |password: &str| password.chars().count() > *PASSWORD_CHARS.end();
        let known = user.as_ref().map(|user| user.id);
        if is_longer(&form.password) && is_longer(&normalised(&form.password)) {
            self.note_failure(known, &email, client);
            return Err(AppError::InvalidCredentials);
        }
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let right = self.passwords.verify(form.password, hash).await?;
        let Some(user) = user.filter(|_| right) else {
            self.note_failure(known, &email, client);
            return Err(AppError::InvalidCredentials);
        };
        self.finish_sign_in(user, &email, client, form.next.as_deref()).await
    }

    /// Lets in whoever has shown to be this user, by whatever way, or asks for the second step.
    ///
    /// # Errors
    /// As [`Account::start_session`].
    pub(super) async fn finish_sign_in(
        &self,
        user: User,
        email: &Email,
        client: &Client,
        next: Option<&str>,
    ) -> AppResult<Admission> {
        let user = self.promote(user, email).await?;
        self.admit(&user, client, next).await
    }

    /// Makes whoever has an admin's address one.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub(super) async fn promote(&self, mut user: User, email: &Email) -> AppResult<User> {
        if user.role != Role::Admin && self.is_admin(email, user.email_verified_at.is_some()) {
            self.make_admin(&user).await?;
            user.role = Role::Admin;
        }
        Ok(user)
    }

    /// Makes a user an admin whom the configuration names, and ends all their sessions: nobody goes on with a token that was given
    /// for another role.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is no such user any more.
    pub(super) async fn make_admin(&self, user: &User) -> AppResult<()> {
        if !self.store.set_role(&Email::stored(user.email.clone()), Role::Admin).await? {
            return Err(AppError::NotFound);
        }
        self.sessions.delete_of_user(user.id, None).await?;
        let changed = AuditEntry::new(Actor::Operator, Action::RoleChanged, Some(user.id));
        self.audit.record(changed.before(json!({ "role": user.role })).after(json!({ "role": Role::Admin }))).await;
        Ok(())
    }

    /// Notes that somebody could not sign in. Of an address that has no account, only what tells it from others is kept.
    pub(super) fn note_failure(&self, known: Option<UserId>, email: &Email, client: &Client) {
        let mut about = json!({ "device": client.device, "address": client.address_text() });
        if known.is_none() {
            let [a, b, c, d, ..] = hash_secret(email.as_str());
            about["unknown"] = format!("{a:02x}{b:02x}{c:02x}{d:02x}").into();
        }
        self.audit.note(AuditEntry::new(Actor::Visitor, Action::SignInFailed, known).after(about));
    }
}

/// The user with this address, in whatever form it was stored.
pub async fn find_user(accounts: &dyn AccountStore, email: &Email) -> AppResult<Option<User>> {
    let mut found = accounts.find_user(email).await?;
    for earlier in email.earlier() {
        if found.is_none() {
            found = accounts.find_user(&earlier).await?;
        }
    }
    Ok(found)
}

/// What somebody who guesses would try first: the address, the name, and their parts.
pub(super) fn known_words(email: &Email, name: &str) -> Vec<String> {
    let (local, domain) = email.as_str().split_once('@').unwrap_or_default();
    let run_together = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    let wholes = [email.as_str(), local, domain, name, "tessera"].map(str::to_owned);
    let parts = [local, domain, name].into_iter().flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
    let parts = parts.filter(|part| part.chars().count() >= 3).map(str::to_owned);
    wholes
        .into_iter()
        .chain(parts)
        .chain([run_together(local), run_together(name)])
        .filter(|word| !word.is_empty())
        .collect()
}

/// All that is wrong with the fields for a new account, as far as they themselves tell.
pub fn new_account_problems(form: &CredentialsForm) -> Vec<AppError> {
    let email = Email::parse(&form.email).and_then(|email| email.check_looks());
    let name = form.name.as_deref().unwrap_or_default().trim();
    let is_long = name.chars().count() > MAX_NAME_CHARS || name.contains(char::is_control);
    let too_long = || AppError::invalid("name", fill(Text::NameTooLong, &[("most", &MAX_NAME_CHARS.to_string())]));
    let name = is_long.then(too_long);
    [email.err(), check_new_password(&form.password).err(), name].into_iter().flatten().collect()
}

/// The same for signing in.
pub fn sign_in_problems(form: &CredentialsForm) -> Vec<AppError> {
    let password = form.password.is_empty().then(|| AppError::invalid("password", t(Text::EnterPassword)));
    [Email::parse(&form.email).err(), password].into_iter().flatten().collect()
}

pub(super) fn check_new_password(password: &str) -> AppResult<()> {
    let (least, most) = PASSWORD_CHARS.into_inner();
    match normalised(password).chars().count() {
        count if count < least => {
            Err(AppError::invalid("password", fill(Text::PasswordTooShort, &[("least", &least.to_string())])))
        }
        count if count > most => {
            Err(AppError::invalid("password", fill(Text::PasswordTooLong, &[("most", &most.to_string())])))
        }
        _ => Ok(()),
    }
}

impl Account {
    pub(super) fn is_admin_email(&self, email: &Email) -> bool {
        self.config.admin_emails.iter().any(|admin| admin == email.as_str())
    }

    /// Whether somebody who signs in here is an admin by their address, which may be anybody's until it is confirmed.
    fn is_admin(&self, email: &Email, is_confirmed: bool) -> bool {
        (is_confirmed || !self.config.admins_confirm) && self.is_admin_email(email)
    }
}
