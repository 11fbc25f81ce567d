//! Who a user of Clerk is here. They are asked after once, and again when Clerk reports a change; what is true of them is what
//! Clerk says then.

use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::backend::Person;
use super::{Claims, Clerk, Presence};
use crate::account::server::Account;
use crate::account::server::oidc::is_old;
use crate::account::server::oidc::store::Identity;
use crate::account::server::service::find_user;
use crate::account::server::sessions::status::UserStatus;
use crate::account::server::store::User;
use crate::account::{Email, MAX_NAME_CHARS, Role};
use crate::audit::{Action, Actor, AuditEntry};
use crate::flags::Flag;
use crate::i18n::{Text, t};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{IdentityId, UserId};
use crate::platform::secret::new_secret;

/// What counts of what Clerk says of somebody.
struct About {
    email: Option<Email>,
    is_verified: bool,
    name: String,
    role: Option<Role>,
}

impl Account {
    /// The user who is signed in at Clerk, and how many minutes ago they proved there who they are, if that is told.
    ///
    /// # Errors
    /// As [`Self::user_of_clerk`].
    pub async fn find_clerk_user(&self, clerk: &Clerk, headers: &HeaderMap) -> AppResult<Option<(User, Option<i64>)>> {
        match clerk.find_presence(headers).await? {
            Presence::In(claims) => Ok(Some((self.user_of_clerk(clerk, &claims).await?, claims.proved_minutes_ago()))),
            Presence::Out | Presence::Unsure(_) => Ok(None),
        }
    }

    /// The user of a session of Clerk; one who is here for the first time gets an account.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`] for nobody, or who was shut out; [`AppError::Conflict`] for somebody whose address another
    /// account has; [`AppError::Unavailable`] while Clerk cannot be asked.
    pub async fn user_of_clerk(&self, clerk: &Clerk, claims: &Claims) -> AppResult<User> {
        let user = if let Some(user) = self.known_user(clerk, &claims.sub).await? {
            user
        } else {
            let person = ask(clerk, &claims.sub).await?.ok_or(AppError::Unauthenticated)?;
            self.take_in(clerk, &person).await?
        };
        if user.status != UserStatus::Active {
            return Err(AppError::Unauthenticated);
        }
        if let Some(session) = &claims.sid
            && clerk.sessions.entry(session.clone()).or_insert(()).await.is_fresh()
        {
            // Whichever server sees a session first: its name is written once.
            let signed_in = AuditEntry::new(Actor::User(user.id), Action::SignIn, Some(user.id));
            let signed_in = signed_in.after(json!({ "way": "clerk" }));
            self.audit.note(signed_in.once(format!("clerk:{session}")));
        }
        Ok(user)
    }

    /// Brings what is known of a user of Clerk up to date. One who is no more there, or shut out, is shut out here too. All that is
    /// theirs is erased where Clerk reported that they were deleted, and says the same when it is asked.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] while Clerk cannot be asked.
    pub async fn look_at_clerk_user(&self, clerk: &Clerk, id: &str, is_deleted: bool) -> AppResult<()> {
        let asked = ask(clerk, id).await?;
        let known = self.known_user(clerk, id).await?;
        if let (None, Some(user), true) = (&asked, &known, is_deleted) {
            return self.leavers.erase_deleted(user.id).await;
        }
        let person = asked.filter(|person| !person.is_shut_out());
        let (user, person) = match (known, person) {
            (None, None) => return Ok(()),
            (Some(user), None) => {
                if self.store.change_status(user.id, UserStatus::Active, UserStatus::Disabled).await? {
                    tracing::info!(user = %user.id, "shut out, as Clerk says");
                    let shut = AuditEntry::new(Actor::System, Action::StatusChanged, Some(user.id));
                    let after = json!({ "status": UserStatus::Disabled, "by": "clerk" });
                    self.audit.record(shut.before(json!({ "status": UserStatus::Active })).after(after)).await;
                }
                return Ok(());
            }
            (None, Some(person)) => match self.take_in(clerk, &person).await {
                Ok(user) => (user, person),
                Err(AppError::Conflict(_)) => {
                    tracing::warn!(person = id, "a user of Clerk has the address of another account here");
                    return Ok(());
                }
                Err(AppError::Unauthenticated) => {
                    tracing::info!(person = id, "a user of Clerk has the address of an account that is shut here");
                    return Ok(());
                }
                Err(AppError::SwitchedOff(_)) => {
                    tracing::info!(person = id, "a user of Clerk is not let in: sign-up is off");
                    return Ok(());
                }
                Err(error) => return Err(error),
            },
            (Some(user), Some(person)) => (user, person),
        };
        let about = self.read(&person);
        if !about.name.is_empty() && about.name != user.name {
            let preferences = self.store.find_preferences(user.id).await?;
            self.store.set_profile(user.id, Some(&about.name), &preferences).await?;
        }
        if let Some(email) = about.email.filter(|email| about.is_verified && email.as_str() != user.email) {
            if self.store.change_email(user.id, &user.email, email.as_str(), now_millis()).await? {
                self.keep_welcomed(vec![user.email.clone()]).await?;
                let changed = AuditEntry::new(Actor::System, Action::EmailChanged, Some(user.id));
                self.audit.record(changed.after(json!({ "by": "clerk" }))).await;
            } else {
                tracing::warn!(user = %user.id, "the new address of a user of Clerk belongs to another account here");
            }
        }
        if let Some(role) = about.role.filter(|role| *role != user.role) {
            let now = self.store.find_user_by_id(user.id).await?.ok_or(AppError::Unavailable)?;
            self.store.set_role(&Email::stored(now.email), role).await?;
            tracing::info!(user = %user.id, role = role.as_str(), "has another role, as Clerk says");
            let changed = AuditEntry::new(Actor::System, Action::RoleChanged, Some(user.id));
            let after = json!({ "role": role, "by": "clerk" });
            self.audit.record(changed.before(json!({ "role": user.role })).after(after)).await;
        }
        Ok(())
    }

    async fn known_user(&self, clerk: &Clerk, id: &str) -> AppResult<Option<User>> {
        match self.identities.find(clerk.config.issuer(), id).await? {
            Some(user) => Ok(self.store.find_user_by_id(user).await?),
            None => Ok(None),
        }
    }

    fn read(&self, person: &Person) -> About {
        let (email, is_verified) = person.email().map_or((None, false), |(email, is_verified)| {
            let email = Email::parse(email).ok().filter(|email| email.check_looks().is_ok());
            (email, is_verified)
        });
        let is_admin = is_verified && email.as_ref().is_some_and(|email| self.is_admin_email(email));
        let said = person.role().and_then(|role| Role::parse(&role.to_ascii_uppercase()));
        let name: String = person.name().chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
        About { email, is_verified, name, role: if is_admin { Some(Role::Admin) } else { said } }
    }

    /// Makes the account of somebody who is here for the first time: once, however often and by whatever way they come at once.
    async fn take_in(&self, clerk: &Clerk, person: &Person) -> AppResult<User> {
        if person.is_shut_out() {
            return Err(AppError::Unauthenticated);
        }
        let About { email, is_verified, name, role } = self.read(person);
        if let Some(email) = &email
            && let Some(user) = find_user(self.store.as_ref(), email).await?
            && self.known_user(clerk, &person.id).await?.is_none()
        {
            return self.join(clerk, person, user, is_verified).await;
        }
        self.flags.check_visitor(Flag::SignUp)?;
        if let Some(gone) =
            self.identities.find(clerk.config.issuer(), &person.id).await?.filter(|owner| is_old(*owner))
        {
            // Of a user who is no more: whoever comes now is another one.
            self.identities.remove_orphan(clerk.config.issuer(), &person.id, gone).await?;
        }
        // The identity first: it decides who of many at once makes the user, and which. A user who is missing is made later.
        let id = self.identities.add(identity(clerk, person, UserId::now_v7())).await?;
        // Nobody can have such an address, and no mail ever leaves for it (RFC 2606).
        let stand_in = || format!("{}@clerk.invalid", stand_in_name(&person.id));
        let address = email.as_ref().map_or_else(stand_in, |email| email.as_str().to_owned());
        let name = if name.is_empty() { address.split('@').next().unwrap_or_default().to_owned() } else { name };
        let user = User {
            id,
            email: address,
            name,
            password_hash: None,
            email_verified_at: is_verified.then(now_millis),
            role: role.unwrap_or_default(),
            status: UserStatus::Active,
        };
        // Before the user is there: whatever comes first opens the account.
        let is_new = self.open_credits(id, &user.email, Some((clerk.config.issuer(), &person.id))).await?;
        if self.store.create_user(user.clone()).await? {
            tracing::info!(user = %id, "registered by Clerk");
            let signed_up = AuditEntry::new(Actor::User(id), Action::SignUp, Some(id));
            self.audit.record(signed_up.after(json!({ "role": user.role, "by": "clerk" }))).await;
        } else if self.store.find_user_by_id(id).await?.is_none() {
            // Somebody else has taken the address at this moment.
            self.identities.remove_orphan(clerk.config.issuer(), &person.id, id).await?;
            return Err(AppError::Conflict(t(Text::AddressOfAnother).to_owned()));
        }
        self.give_new_credits(id, is_new).await?;
        self.store.find_user_by_id(id).await?.ok_or(AppError::Unavailable)
    }

    /// Somebody comes with the address of an account that was made without Clerk. If Clerk has verified that it is theirs, so is
    /// the account; whoever made it without proving the same has been waiting there for them, and is locked out.
    async fn join(&self, clerk: &Clerk, person: &Person, user: User, is_verified: bool) -> AppResult<User> {
        if !is_verified {
            return Err(AppError::Conflict(t(Text::AddressOfAnother).to_owned()));
        }
        // Nothing becomes a way in to an account that is shut, or is being erased.
        if user.status != UserStatus::Active {
            return Err(AppError::Unauthenticated);
        }
        if user.email_verified_at.is_none() {
            let nobodys = self.passwords.hash(new_secret()).await?;
            self.store.set_password(user.id, &nobodys).await?;
            self.sessions.delete_of_user(user.id, None).await?;
            self.drop_unproved_ways(user.id).await?;
        }
        let owner = self.identities.add(identity(clerk, person, user.id)).await?;
        self.store.verify_email(owner, &user.email, now_millis()).await?;
        self.store.find_user_by_id(owner).await?.ok_or(AppError::Unavailable)
    }
}

async fn ask(clerk: &Clerk, id: &str) -> AppResult<Option<Person>> {
    clerk.backend.find_user(id).await.map_err(|failure| {
        tracing::warn!(%failure, "Clerk does not say who a user is");
        AppError::Unavailable
    })
}

fn identity(clerk: &Clerk, person: &Person, user: UserId) -> Identity {
    Identity {
        id: IdentityId::now_v7(),
        issuer: clerk.config.issuer().to_owned(),
        subject: person.id.clone(),
        user,
        shown_as: person.email().map(|(email, _)| email.to_owned()).unwrap_or_default(),
        created_at: now_millis(),
    }
}

/// Ids differ in capital letters too, which addresses do not.
fn stand_in_name(id: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(id)).to_lowercase()
}
