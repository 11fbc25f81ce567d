//! The rules of passkeys. Knows nothing of cookies or forms.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use webauthn_rs::Webauthn;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    WebauthnError,
};

use super::relying_party::CEREMONY;
use super::store::{Added, Ceremony, StoredPasskey};
use super::{MAX_PASSKEY_NAME_CHARS, MAX_PASSKEYS};
use crate::account::Email;
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::service::NewSession;
use crate::account::server::sessions::Client;
use crate::account::server::store::User;
use crate::account::server::ways::Unlinked;
use crate::i18n::{Text, fill, t};
use crate::platform::db::{now_millis, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{PasskeyId, UserId};
use crate::platform::limits::Limit;
use crate::platform::secret::{hash_secret, new_secret};

/// A passkey, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyInfo {
    /// `UUIDv7`.
    pub id: String,
    pub name: String,
    /// The browser and the system that it was added with, such as `Firefox on Linux`; empty if it said nothing.
    pub device: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub last_used_at: Option<String>,
}

/// The first half of a ceremony.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeyCeremony {
    /// Finishes it, once, within five minutes.
    pub ceremony: String,
    /// For `navigator.credentials`, as `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` read it.
    #[schema(value_type = Object)]
    pub options: Value,
}

impl Account {
    /// Begins to add a passkey: only the owner may.
    ///
    /// # Errors
    /// As [`Account::confirm_way`]; [`AppError::Conflict`] where passkeys are off, or there are [`MAX_PASSKEYS`];
    /// [`AppError::RateLimited`].
    pub async fn begin_passkey(
        &self,
        caller: &Caller,
        client: &Client,
        password: Option<&str>,
    ) -> AppResult<PasskeyCeremony> {
        let site = self.passkey_site()?;
        self.limiter.check(Limit::PasskeyCeremony, &caller.id.to_string()).await?;
        self.confirm_way(caller, client, password).await?;
        let user = self.store.find_user_by_id(caller.id).await?.ok_or(AppError::Unauthenticated)?;
        let known = self.passkeys.list(user.id).await?;
        if known.len() >= MAX_PASSKEYS {
            return Err(too_many());
        }
        let known = known.into_iter().map(|passkey| passkey.credential_id).collect();
        let shown = if user.name.is_empty() { &user.email } else { &user.name };
        let begun = site.start_passkey_registration(user.id.into(), &user.email, shown, Some(known));
        let (challenge, state) = begun.map_err(|error| broken(&error))?;
        let mut options = as_json(&challenge.public_key)?;
        // `webauthn-rs` discourages keys that are found without being named; only such can sign in alone.
        options["authenticatorSelection"]["residentKey"] = json!("required");
        options["authenticatorSelection"]["requireResidentKey"] = json!(true);
        Ok(PasskeyCeremony { ceremony: self.keep_ceremony(Some(user.id), &state).await?, options })
    }

    /// Adds the passkey that an authenticator has made.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `ceremony`, `credential` or `name`; [`AppError::Conflict`] where somebody has it, or the
    /// user has [`MAX_PASSKEYS`].
    pub async fn add_passkey(
        &self,
        caller: &Caller,
        client: &Client,
        ceremony: &str,
        name: &str,
        credential: &RegisterPublicKeyCredential,
    ) -> AppResult<PasskeyInfo> {
        let site = self.passkey_site()?;
        let name = match checked_name(name)? {
            name if !name.is_empty() => name,
            _ if client.device.is_empty() => t(Text::Passkey).to_owned(),
            _ => client.device.chars().take(MAX_PASSKEY_NAME_CHARS).collect(),
        };
        let state: PasskeyRegistration = self.take_ceremony(ceremony, Some(caller.id)).await?;
        let passkey = site.finish_passkey_registration(credential, &state).map_err(|error| refused(&error))?;
        let user = self.store.find_user_by_id(caller.id).await?.ok_or(AppError::Unauthenticated)?;
        let stored = StoredPasskey {
            id: PasskeyId::now_v7(),
            user: user.id,
            credential_id: passkey.cred_id().clone(),
            credential: as_json(&passkey)?.to_string(),
            counter: 0,
            name,
            device: client.device.clone(),
            created_at: now_millis(),
            last_used_at: None,
        };
        match self.passkeys.add(stored.clone(), MAX_PASSKEYS).await? {
            Added::Done => {}
            Added::Taken => return Err(AppError::Conflict(t(Text::PasskeyTaken).to_owned())),
            Added::TooMany => return Err(too_many()),
        }
        tracing::info!(user = %user.id, passkey = %stored.id, "a passkey was added");
        self.notify_of_passkey(&user, true, &stored.name);
        shown(stored)
    }

    /// Begins a sign-in. Which passkey it will be with, and whose, is for the browser to find.
    ///
    /// # Errors
    /// [`AppError::Conflict`] where passkeys are off, [`AppError::RateLimited`].
    pub async fn begin_passkey_sign_in(&self, client: &Client) -> AppResult<PasskeyCeremony> {
        let site = self.passkey_site()?;
        self.limiter.check(Limit::PasskeyCeremony, &client.address.customer()).await?;
        let begun = site.start_discoverable_authentication();
        let (challenge, state) = begun.map_err(|error| broken(&error))?;
        let options = as_json(&challenge.public_key)?;
        Ok(PasskeyCeremony { ceremony: self.keep_ceremony(None, &state).await?, options })
    }

    /// Signs in with a passkey. It has verified its user, so it counts as two factors.
    ///
    /// # Errors
    /// As [`Account::finish_passkey`]; [`AppError::Forbidden`] for an account that is shut, [`AppError::RateLimited`].
    pub async fn sign_in_by_passkey(
        &self,
        client: &Client,
        ceremony: &str,
        credential: &PublicKeyCredential,
    ) -> AppResult<NewSession> {
        self.limiter.check(Limit::LoginAddress, &client.address.customer()).await?;
        let user = self.finish_passkey(ceremony, credential).await?;
        let user = self.promote(user.clone(), &Email::stored(user.email)).await?;
        let session = self.start_session(&user, client).await?;
        self.check_still_there(credential, &session).await?;
        Ok(session)
    }

    /// Ends a session that has just begun where its passkey is gone: whoever takes a passkey away and then ends all sessions has
    /// either ended this one, or it is seen here what they did.
    pub(in crate::account::server) async fn check_still_there(
        &self,
        credential: &PublicKeyCredential,
        session: &NewSession,
    ) -> AppResult<()> {
        if self.passkeys.find(credential.get_credential_id()).await?.is_some() {
            return Ok(());
        }
        self.logout(&session.token).await?;
        Err(unknown())
    }

    /// Whose passkey has answered a challenge of ours, and has verified its user. It counts once.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `ceremony` or `credential`, [`AppError::Conflict`] where passkeys are off.
    pub async fn finish_passkey(&self, ceremony: &str, credential: &PublicKeyCredential) -> AppResult<User> {
        let site = self.passkey_site()?;
        let state: DiscoverableAuthentication = self.take_ceremony(ceremony, None).await?;
        let (user, id) = site.identify_discoverable_authentication(credential).map_err(|error| refused(&error))?;
        let stored = self.passkeys.find(id).await?.filter(|stored| Uuid::from(stored.user) == user);
        let stored = stored.ok_or_else(unknown)?;
        let mut passkey: Passkey = read_json(&stored.credential)?;
        let seen = match site.finish_discoverable_authentication_v2(credential, state, &passkey) {
            Ok(seen) => seen,
            Err(WebauthnError::CredentialPossibleCompromise) => return Err(copied(&stored)),
            Err(error) => return Err(refused(&error)),
        };
        passkey.update_credential(&seen);
        let credential = as_json(&passkey)?.to_string();
        // Another server may have seen a later count meanwhile.
        if !self.passkeys.keep_use(stored.id, credential, seen.counter(), now_millis()).await? {
            return Err(copied(&stored));
        }
        self.store.find_user_by_id(stored.user).await?.ok_or_else(unknown)
    }

    /// The passkeys of a user, oldest first.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn list_passkeys(&self, user: UserId) -> AppResult<Vec<PasskeyInfo>> {
        self.passkeys.list(user).await?.into_iter().map(shown).collect()
    }

    /// Gives a passkey another name.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `name`, [`AppError::NotFound`].
    pub async fn rename_passkey(&self, user: UserId, id: PasskeyId, name: &str) -> AppResult<()> {
        let name = checked_name(name)?;
        if name.is_empty() {
            return Err(AppError::invalid("name", t(Text::NamePasskey)));
        }
        if self.passkeys.rename(user, id, &name).await? { Ok(()) } else { Err(AppError::NotFound) }
    }

    /// Takes a passkey away: only the owner may, and never the last way to sign in.
    ///
    /// # Errors
    /// As [`Account::confirm_way`]; [`AppError::Conflict`] for the last way, [`AppError::NotFound`].
    pub async fn remove_passkey(
        &self,
        caller: &Caller,
        client: &Client,
        id: PasskeyId,
        password: Option<&str>,
    ) -> AppResult<()> {
        self.check_own_accounts()?;
        let passkeys = self.passkeys.list(caller.id).await?;
        let is_last = passkeys.len() == 1;
        let passkey = passkeys.into_iter().find(|passkey| passkey.id == id).ok_or(AppError::NotFound)?;
        let app = self.second_factors.find(caller.id).await?;
        if is_last && app.is_some_and(|app| app.confirmed_at.is_some() && app.key.is_empty()) {
            return Err(AppError::Conflict(t(Text::PasskeyIsSecondStep).to_owned()));
        }
        self.confirm_way(caller, client, password).await?;
        match self.passkeys.remove(caller.id, id).await? {
            Unlinked::Done => {}
            Unlinked::Unknown => return Err(AppError::NotFound),
            Unlinked::LastWay => return Err(AppError::Conflict(t(Text::LastWayToSignIn).to_owned())),
        }
        tracing::info!(user = %caller.id, passkey = %id, "a passkey was removed");
        if let Some(user) = self.store.find_user_by_id(caller.id).await? {
            self.notify_of_passkey(&user, false, &passkey.name);
        }
        Ok(())
    }

    /// What checks ceremonies.
    fn passkey_site(&self) -> AppResult<&Webauthn> {
        self.check_own_accounts()?;
        let url = self.site.public_url.origin().ascii_serialization();
        self.relying_party.as_ref().ok_or_else(|| AppError::Conflict(fill(Text::PasskeysOff, &[("url", &url)])))
    }

    /// Keeps a ceremony where every server finds it. Returns its handle.
    async fn keep_ceremony(&self, user: Option<UserId>, state: &impl Serialize) -> AppResult<String> {
        let handle = new_secret();
        let lasts = i64::try_from(CEREMONY.as_millis()).unwrap_or(i64::MAX);
        let ceremony = Ceremony { user, state: as_json(state)?.to_string(), expires_at: now_millis() + lasts };
        self.passkeys.begin(hash_secret(&handle), ceremony).await?;
        Ok(handle)
    }

    /// Takes a ceremony that this user has begun, or nobody yet: this once, whatever comes of it.
    async fn take_ceremony<T: DeserializeOwned>(&self, handle: &str, user: Option<UserId>) -> AppResult<T> {
        let taken = self.passkeys.take(hash_secret(handle), now_millis()).await?;
        let ceremony = taken.filter(|ceremony| ceremony.user == user);
        read_json(&ceremony.ok_or_else(|| AppError::invalid("ceremony", t(Text::PasskeyExpired)))?.state)
    }

    /// Tells the owner by mail.
    fn notify_of_passkey(&self, user: &User, is_added: bool, name: &str) {
        let (subject, text) = if is_added {
            (Text::MailPasskeyAddedSubject, Text::MailPasskeyAdded)
        } else {
            (Text::MailPasskeyRemovedSubject, Text::MailPasskeyRemoved)
        };
        let letter = self.notice_letter(subject, fill(text, &[("name", name)]), Text::MailPasskeyNotYou);
        self.outbox.send(letter.to(&user.email));
    }
}

/// A name on one line; it may be empty.
fn checked_name(name: &str) -> AppResult<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().count() > MAX_PASSKEY_NAME_CHARS || name.contains(char::is_control) {
        let problem = fill(Text::NameTooLong, &[("most", &MAX_PASSKEY_NAME_CHARS.to_string())]);
        return Err(AppError::invalid("name", problem));
    }
    Ok(name)
}

fn shown(passkey: StoredPasskey) -> AppResult<PasskeyInfo> {
    Ok(PasskeyInfo {
        id: passkey.id.to_string(),
        name: passkey.name,
        device: passkey.device,
        created_at: rfc3339(passkey.created_at)?,
        last_used_at: passkey.last_used_at.map(rfc3339).transpose()?,
    })
}

fn too_many() -> AppError {
    AppError::Conflict(fill(Text::TooManyPasskeys, &[("most", &MAX_PASSKEYS.to_string())]))
}

fn unknown() -> AppError {
    AppError::invalid("credential", t(Text::PasskeyRefused))
}

/// What an authenticator, or who pretends to be one, said wrong.
fn refused(error: &WebauthnError) -> AppError {
    tracing::info!(%error, "a passkey was refused");
    unknown()
}

/// One that has signed elsewhere what never came here: there may be a copy of it.
fn copied(passkey: &StoredPasskey) -> AppError {
    tracing::warn!(user = %passkey.user, passkey = %passkey.id, "the counter of a passkey has not gone on: it was refused");
    unknown()
}

fn broken(error: &WebauthnError) -> AppError {
    tracing::error!(%error, "a ceremony could not begin");
    AppError::Internal
}

fn as_json(value: &impl Serialize) -> AppResult<Value> {
    serde_json::to_value(value).map_err(|error| {
        tracing::error!(%error, "a passkey could not be written");
        AppError::Internal
    })
}

fn read_json<T: DeserializeOwned>(text: &str) -> AppResult<T> {
    serde_json::from_str(text).map_err(|error| {
        tracing::error!(%error, "a passkey could not be read");
        AppError::Internal
    })
}
