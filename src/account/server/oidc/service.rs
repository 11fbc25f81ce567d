//! What becomes of somebody whom a provider vouches for: let in, a new user, or one who has to sign in once. And what a user
//! changes of it. Knows nothing of cookies or forms.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::flow::{Flow, Purpose};
use super::problem::Problem;
use super::provider::{Provider, Vouched};
use super::remote::Failure;
use super::store::{Identity, Unlinked};
use super::token::About;
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::second_factor::Admission;
use crate::account::server::service::find_user;
use crate::account::server::sessions::{Client, UserStatus};
use crate::account::server::store::User;
use crate::account::{Email, MAX_NAME_CHARS, Role};
use crate::audit::{Action, Actor, AuditEntry};
use crate::flags::Flag;
use crate::i18n::{Text, t};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{IdentityId, UserId};
use crate::platform::limits::{Attempt, Limit};
use crate::platform::secret::{hash_secret, new_secret};

/// How long an identity waits for its user to sign in.
pub const ASIDE_SECS: i64 = 15 * 60;
/// How long it may take until a new identity has its user.
const MAKING_SECS: u64 = 10 * 60;
/// Characters of an address that are shown.
const MAX_SHOWN: usize = 254;

/// What a provider answered (RFC 6749, 4.1.2; RFC 9207).
#[derive(Debug, Default, serde::Deserialize)]
pub struct ProviderAnswer {
    pub code: Option<String>,
    pub state: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
}

/// What became of somebody who came back from a provider.
pub enum Arrival {
    /// Signed in, or asked for the second step: what the provider has asked for does not count here.
    Admitted(Admission),
    /// The provider is now a way to sign in to the account of who asked for it.
    Linked,
    /// The address has an account. Its owner signs in once: then who has the token gets it linked.
    SignInFirst { token: String },
}

/// Why nobody came in.
pub enum Refused {
    /// For people, on the page that they came from.
    Problem(Problem),
    Error(AppError),
}

impl From<AppError> for Refused {
    fn from(error: AppError) -> Self {
        Self::Error(error)
    }
}

impl From<crate::platform::db::StoreError> for Refused {
    fn from(error: crate::platform::db::StoreError) -> Self {
        Self::Error(error.into())
    }
}

/// Somebody whom nobody here knows yet.
struct Newcomer {
    email: Option<Email>,
    is_trusted: bool,
    name: String,
}

impl Account {
    /// The provider of this name; where Clerk signs people in, nobody else does.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        let providers: &[_] = if self.clerk.is_some() { &[] } else { &self.identity_providers };
        providers.iter().find(|provider| provider.config.name == name)
    }

    /// Where a sign-in goes on.
    ///
    /// # Errors
    /// `Refused`, with what people are told.
    pub async fn leave_for(&self, client: &Client, provider: &Provider, flow: &Flow) -> Result<String, Refused> {
        // A try counts when it comes back.
        self.limiter.check_all(&[Attempt::look(Limit::LoginAddress, client.address.customer())]).await?;
        let url = provider.authorization_url(flow).await.map_err(|failure| told(provider, &failure))?;
        Ok(url.into())
    }

    /// What becomes of an answer. `user` is who is signed in.
    ///
    /// # Errors
    /// `Refused`, with what people are told.
    pub async fn come_back(
        &self,
        client: &Client,
        provider: &Provider,
        flow: &Flow,
        answer: ProviderAnswer,
        user: Option<UserId>,
    ) -> Result<Arrival, Refused> {
        self.limiter.check(Limit::LoginAddress, &client.address.customer()).await?;
        provider.check_answer(answer.iss.as_deref()).await.map_err(|failure| told(provider, &failure))?;
        if let Some(error) = answer.error {
            return Err(Refused::Problem(Problem::of_answer(&provider.config.variables, &error)));
        }
        // Whoever signed out, or is somebody else by now, has asked for nothing.
        if matches!(flow.purpose, Purpose::Link(asked) if user != Some(asked)) {
            return Err(Refused::Problem(Problem::Expired));
        }
        let code = answer.code.ok_or(Refused::Problem(Problem::Refused))?;
        let vouched = provider.redeem(&code, flow).await.map_err(|failure| told(provider, &failure))?;
        match flow.purpose {
            Purpose::SignIn => self.arrive(client, provider, vouched, Some(&flow.next())).await,
            Purpose::Link(user) => self.link(identity(provider, &vouched, user)).await.map(|()| Arrival::Linked),
        }
    }

    async fn arrive(
        &self,
        client: &Client,
        provider: &Provider,
        mut vouched: Vouched,
        next: Option<&str>,
    ) -> Result<Arrival, Refused> {
        let owner = self.identities.find(&provider.config.issuer, &vouched.subject).await?;
        let known = match owner {
            Some(owner) => self.store.find_user_by_id(owner).await?,
            None => None,
        };
        if let Some(user) = known {
            let user = self.with_role(provider, &vouched.about, user).await?;
            return Ok(Arrival::Admitted(self.admit(&user, client, next).await?));
        }
        if let Some(gone) = owner.filter(|owner| is_old(*owner)) {
            // Of a user who is no more: whoever comes now is another one.
            self.identities.remove_orphan(&provider.config.issuer, &vouched.subject, gone).await?;
        }
        vouched.about = provider.describe(&vouched).await.map_err(|failure| told(provider, &failure))?;
        let newcomer = self.look_at(provider, &vouched);
        let existing = match &newcomer.email {
            Some(email) => find_user(self.store.as_ref(), email).await?,
            None => None,
        };
        // They may come several times at once, and one of them was faster.
        if let Some(user) = &existing
            && self.identities.find(&provider.config.issuer, &vouched.subject).await? == Some(user.id)
        {
            return Ok(Arrival::Admitted(self.admit(user, client, next).await?));
        }
        match existing {
            // Both sides have to be sure whose address it is. Where it takes two steps to sign in, an address is not enough.
            Some(user)
                if newcomer.is_trusted
                    && user.email_verified_at.is_some()
                    && self.second_steps(user.id).await?.is_empty() =>
            {
                // Nothing becomes a way in to an account that is shut.
                if user.status != UserStatus::Active {
                    return Err(AppError::Forbidden.into());
                }
                self.link(identity(provider, &vouched, user.id)).await?;
                Ok(Arrival::Admitted(self.admit(&user, client, next).await?))
            }
            Some(user) => self.put_aside(provider, &vouched, user.id).await,
            None => self.welcome(client, provider, &vouched, newcomer, next).await,
        }
    }

    /// What counts of what a provider says. An address that is not trusted must not be taken for an admin's.
    fn look_at(&self, provider: &Provider, vouched: &Vouched) -> Newcomer {
        let about = vouched.about.clone();
        let is_trusted = provider.config.trust_email.trusts(about.email_verified);
        let email = about.email.as_deref().and_then(|email| Email::parse(email).ok());
        let email = email.filter(|email| email.check_looks().is_ok());
        let claims_admin = !is_trusted && email.as_ref().is_some_and(|email| self.is_admin_email(email));
        if claims_admin {
            tracing::warn!(
                provider = provider.config.name,
                "somebody came with an address of ADMIN_EMAILS that the provider does not call verified: it is not taken \
                 for theirs (see {}_TRUST_EMAIL)",
                provider.config.variables
            );
        }
        let email = email.filter(|_| !claims_admin);
        let name = [about.name, about.preferred_username].into_iter().flatten().find_map(|name| shown(&name));
        let name = name.or_else(|| email.as_ref()?.as_str().split('@').next().map(str::to_owned));
        let name = name.unwrap_or_else(|| format!("{} {}", provider.config.label, short(&vouched.subject)));
        Newcomer { is_trusted: is_trusted && email.is_some(), email, name }
    }

    /// Makes the account of somebody who is here for the first time: once, however often and wherever they come at once.
    async fn welcome(
        &self,
        client: &Client,
        provider: &Provider,
        vouched: &Vouched,
        newcomer: Newcomer,
        next: Option<&str>,
    ) -> Result<Arrival, Refused> {
        self.flags.check_visitor(Flag::SignUp)?;
        self.limiter.check(Limit::Register, &client.address.site()).await?;
        let Newcomer { email, is_trusted, name } = newcomer;
        let is_admin = is_trusted && email.as_ref().is_some_and(|email| self.is_admin_email(email));
        // The identity first: it decides who of many at once makes the user, and which. A user who is missing is made later.
        let wanted = identity(provider, vouched, UserId::now_v7());
        let id = self.identities.add(wanted).await?;
        // What stands for an address that there is not: nobody has it, and no mail ever leaves for it (RFC 2606).
        let stand_in = || format!("{id}@{}.invalid", provider.config.name);
        let address = email.as_ref().map_or_else(stand_in, |email| email.as_str().to_owned());
        let email_verified_at = is_trusted.then(now_millis);
        let role = if is_admin { Role::Admin } else { Role::User };
        let user =
            User { id, email: address, name, password_hash: None, email_verified_at, role, status: UserStatus::Active };
        // Before the user is there: whatever comes first opens the account.
        let is_new = self.open_credits(id, &user.email, Some((&provider.config.issuer, &vouched.subject))).await?;
        let user = if self.store.create_user(user.clone()).await? {
            tracing::info!(user = %id, provider = provider.config.name, "registered");
            if email.is_some() && !is_trusted {
                self.send_verification(&user);
            }
            user
        } else if let Some(made) = self.store.find_user_by_id(id).await? {
            made
        } else {
            // Somebody else has taken the address at this moment.
            self.identities.remove_orphan(&provider.config.issuer, &vouched.subject, id).await?;
            let email = email.ok_or(AppError::Internal)?;
            let owner = find_user(self.store.as_ref(), &email).await?.ok_or(AppError::Unavailable)?;
            return self.put_aside(provider, vouched, owner.id).await;
        };
        self.give_new_credits(user.id, is_new).await?;
        Ok(Arrival::Admitted(self.admit(&user, client, next).await?))
    }

    async fn put_aside(&self, provider: &Provider, vouched: &Vouched, user: UserId) -> Result<Arrival, Refused> {
        let token = new_secret();
        let expires_at = now_millis() + ASIDE_SECS * 1000;
        self.identities.put_aside(hash_secret(&token), identity(provider, vouched, user), expires_at).await?;
        Ok(Arrival::SignInFirst { token })
    }

    /// Links what was put aside, now that its user has signed in.
    ///
    /// # Errors
    /// `Refused`, with what people are told.
    pub async fn link_aside(&self, token: &str, caller: &Caller, client: &Client) -> Result<(), Refused> {
        // Whoever finds a browser where somebody signed in long ago has not.
        if self.confirm_owner(caller, client, None).await.is_err() {
            return Err(Refused::Problem(Problem::SignInAgain));
        }
        let aside = self.identities.take(hash_secret(token), now_millis()).await?;
        match aside {
            Some(identity) if identity.user == caller.id => self.link(identity).await,
            // Of the account with that address, and of no other: nobody was asked about another.
            Some(_) => Err(Refused::Problem(Problem::OtherAccount)),
            None => Err(Refused::Problem(Problem::Expired)),
        }
    }

    async fn link(&self, identity: Identity) -> Result<(), Refused> {
        let (issuer, subject, user) = (identity.issuer.clone(), identity.subject.clone(), identity.user);
        let before = self.identities.find(&issuer, &subject).await?;
        let mut owner = self.identities.add(identity.clone()).await?;
        if owner != user && self.store.find_user_by_id(owner).await?.is_none() {
            // Of an account that was never made.
            self.identities.remove_orphan(&issuer, &subject, owner).await?;
            owner = self.identities.add(identity).await?;
        }
        if owner != user {
            return Err(Refused::Problem(Problem::Taken));
        }
        if before != Some(user) {
            tracing::info!(%user, issuer, "linked");
            self.tell_of_way(user, Text::MailWayLinked, Some(&issuer));
        }
        Ok(())
    }

    /// Takes a way to sign in away from a user.
    ///
    /// # Errors
    /// [`AppError::Conflict`] for the last one, [`AppError::NotFound`].
    pub async fn unlink(&self, user: UserId, id: IdentityId) -> AppResult<()> {
        let known = self.identities.list(user).await?.into_iter().find(|identity| identity.id == id);
        match self.identities.remove(user, id).await? {
            Unlinked::Done => {
                tracing::info!(%user, "unlinked");
                self.tell_of_way(user, Text::MailWayUnlinked, known.as_ref().map(|known| known.issuer.as_str()));
                Ok(())
            }
            Unlinked::Unknown => Err(AppError::NotFound),
            Unlinked::LastWay => Err(AppError::Conflict(t(Text::LastWayToSignIn).to_owned())),
        }
    }

    /// Gives a user who only has providers a password besides.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `newPassword`, [`AppError::Conflict`] where there is a password.
    pub async fn set_first_password(&self, user: UserId, password: String) -> AppResult<()> {
        let found = self.store.find_user_by_id(user).await?.ok_or(AppError::Unauthenticated)?;
        self.check_choice(&found, &password).await.map_err(|error| match error {
            AppError::InvalidInput { message, .. } => AppError::invalid("newPassword", message),
            error => error,
        })?;
        let hash = self.passwords.hash(password).await?;
        if !self.identities.set_first_password(user, hash).await? {
            return Err(AppError::Conflict(t(Text::HasPassword).to_owned()));
        }
        let set = AuditEntry::new(Actor::User(user), Action::PasswordChanged, Some(user));
        self.audit.record(set.after(json!({ "by": "first" }))).await;
        self.tell_of_way(user, Text::MailFirstPassword, None);
        Ok(())
    }

    /// Whoever comes with an admin's address that is trusted, and has it here too, is one.
    async fn with_role(&self, provider: &Provider, about: &About, user: User) -> AppResult<User> {
        let said = about.email.as_deref().and_then(|email| Email::parse(email).ok());
        let is_trusted = provider.config.trust_email.trusts(about.email_verified);
        let is_admin = said.is_some_and(|email| email.as_str() == user.email && self.is_admin_email(&email));
        if user.role == Role::Admin || !is_trusted || !is_admin {
            return Ok(user);
        }
        self.make_admin(&user).await?;
        Ok(User { role: Role::Admin, ..user })
    }
}

fn identity(provider: &Provider, vouched: &Vouched, user: UserId) -> Identity {
    let about = &vouched.about;
    let names = [&about.email, &about.preferred_username, &about.name].into_iter().flatten();
    Identity {
        id: IdentityId::now_v7(),
        issuer: provider.config.issuer.clone(),
        subject: vouched.subject.clone(),
        user,
        shown_as: names
            .map(|name| name.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect())
            .next()
            .unwrap_or_default(),
        created_at: now_millis(),
    }
}

/// Whether a user would have been made by now.
#[must_use]
pub fn is_old(user: UserId) -> bool {
    let begun = Uuid::from(user).get_timestamp().map_or(0, |time| time.to_unix().0);
    u64::try_from(now_millis() / 1000).is_ok_and(|now| now.saturating_sub(begun) > MAKING_SECS)
}

/// A name that can be shown.
fn shown(name: &str) -> Option<String> {
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    Some(name).filter(|name| !name.is_empty())
}

fn short(text: &str) -> String {
    let digest = hash_secret(text);
    let [first, ..] = digest.as_chunks::<8>().0 else { return String::new() };
    format!("{:016x}", u64::from_be_bytes(*first))
}

/// A failure as people are told it. The reason is said in the log, once.
fn told(provider: &Provider, failure: &Failure) -> Refused {
    let name = &provider.config.variables;
    tracing::warn!(provider = name, %failure, "somebody could not be signed in");
    Refused::Problem(match failure {
        Failure::Unreachable(_) => Problem::Unavailable,
        Failure::Refused { status, .. } if *status >= 500 => Problem::Unavailable,
        // The code has counted already, or is too old.
        Failure::Refused { code, .. } if code == "invalid_grant" => Problem::Expired,
        Failure::Refused { .. } | Failure::Wrong(_) => Problem::Refused,
    })
}
