//! The rules of API keys.

use std::collections::HashMap;

use serde_json::json;

use super::Account;
use super::avatar_view::avatar_html;
use super::budgets::{Budgets, RefusedBudget};
use super::budgets_view::budgets_html;
use super::caller::{Caller, MANAGE, READ, SPEND};
use super::mail_links::email_html;
use super::oidc::ways_html;
use super::passkeys::passkeys_html;
use super::second_factor::two_steps_html;
use super::sessions::UserStatus;
use super::sessions::view::{Own, own_html};
use super::store::{StoredKey, User};
use crate::account::{
    AccountData, ApiKey, ApiKeyRequest, KeyFields, MAX_API_KEYS, MAX_KEY_BUDGET, MAX_KEY_DAYS, MAX_KEY_NAME_CHARS,
    MAX_KEY_PER_MINUTE, NewApiKey, Scope,
};
use crate::audit::{Action, Actor, AuditEntry};
use crate::credits::server::store::SpendingKey;
use crate::flags::Flag;
use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::db::{now_millis, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ApiKeyId, UserId};
use crate::platform::secret::{hash_secret, new_secret};
use crate::platform::time::{DAY, MINUTE};

/// What every key begins with, so that people and scanners for leaked secrets recognise one.
pub const KEY_PREFIX: &str = "tsk_";
/// How exactly it is kept when a key was last used, in milliseconds: a write for every request would be a waste.
const USE_STEP: i64 = MINUTE;

/// The limits of the key that a request came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyGrant {
    /// Requests a minute.
    pub per_minute: Option<u32>,
    /// What it may do, each as a bit: [`bit`].
    pub scopes: u8,
    pub spending: SpendingKey,
}

/// A scope in a set of them.
#[must_use]
pub const fn bit(scope: Scope) -> u8 {
    match scope {
        Scope::Spend => SPEND,
        Scope::Read => READ,
        Scope::Manage => MANAGE,
    }
}

impl Account {
    /// Makes a key.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field, [`AppError::Conflict`] when there are [`MAX_API_KEYS`], [`AppError::SwitchedOff`].
    pub async fn create_key(&self, caller: &Caller, request: ApiKeyRequest) -> AppResult<NewApiKey> {
        self.flags.check(Flag::ApiKeys, caller)?;
        let user = caller.id;
        let name = request.name.split_whitespace().collect::<Vec<_>>().join(" ");
        if !(1..=MAX_KEY_NAME_CHARS).contains(&name.chars().count()) || name.contains(char::is_control) {
            let problem = fill(Text::InvalidKeyName, &[("most", &MAX_KEY_NAME_CHARS.to_string())]);
            return Err(AppError::invalid("name", problem));
        }
        if request.per_minute.is_some_and(|count| !(1..=MAX_KEY_PER_MINUTE).contains(&count)) {
            let problem = fill(Text::InvalidKeyRate, &[("most", &MAX_KEY_PER_MINUTE.to_string())]);
            return Err(AppError::invalid("perMinute", problem));
        }
        if request.budget.is_some_and(|credits| !(Amount::LEAST..=MAX_KEY_BUDGET).contains(&credits)) {
            let problem = fill(Text::InvalidKeyBudget, &[("most", &MAX_KEY_BUDGET.to_string())]);
            return Err(AppError::invalid("budget", problem));
        }
        let mut scopes = request.scopes.unwrap_or_else(|| Scope::ALL.to_vec());
        if scopes.is_empty() {
            return Err(AppError::invalid("scopes", t(Text::NoScopes)));
        }
        scopes.sort_unstable_by_key(|scope| bit(*scope));
        scopes.dedup();
        if request.expires_in_days.is_some_and(|days| !(1..=MAX_KEY_DAYS).contains(&days)) {
            let problem = fill(Text::InvalidKeyDays, &[("most", &MAX_KEY_DAYS.to_string())]);
            return Err(AppError::invalid("expiresInDays", problem));
        }
        let key = format!("{KEY_PREFIX}{}", new_secret());
        let stored = StoredKey {
            id: ApiKeyId::now_v7(),
            name,
            hint: key[key.len() - 4..].to_owned(),
            per_minute: request.per_minute,
            budget: request.budget,
            scopes,
            expires_at: request.expires_in_days.map(|days| now_millis() + i64::from(days) * DAY),
            created_at: now_millis(),
            last_used_at: None,
        };
        if !self.store.create_key(hash_secret(&key), user, stored.clone(), MAX_API_KEYS).await? {
            let problem = fill(Text::TooManyKeys, &[("most", &MAX_API_KEYS.to_string())]);
            return Err(AppError::Conflict(problem));
        }
        tracing::info!(%user, key = %stored.id, "an API key was made");
        let made = AuditEntry::new(Actor::User(user), Action::KeyCreated, Some(user));
        self.audit.record(made.after(json!({ "key": stored.id, "scopes": stored.scopes }))).await;
        Ok(NewApiKey { key, about: shown(stored, Amount::ZERO)? })
    }

    /// The keys of a user, newest first.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn list_keys(&self, user: UserId) -> AppResult<Vec<ApiKey>> {
        let (keys, spending) = tokio::try_join!(self.store.list_keys(user), self.credits.spending(user.into()))?;
        all_shown(keys, &spending)
    }

    /// What the account page shows; `refused` is what was wrong with the form for a budget.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn load_account(
        &self,
        caller: &Caller,
        refused: RefusedBudget,
        problem: Option<String>,
    ) -> AppResult<AccountData> {
        let user = caller.id;
        let base = self.site.public_url.as_str().trim_end_matches('/');
        let owner = user.into();
        let (keys, plan, spending, preferences, found) = tokio::try_join!(
            self.store.list_keys(user),
            self.credits.budgets(owner, user),
            self.credits.spending(owner),
            self.store.find_preferences(user),
            self.store.find_user_by_id(user)
        )?;
        let found = found.ok_or(AppError::Unauthenticated)?;
        let has_password = found.password_hash.is_some();
        let own = own_html(Own {
            profile: caller.profile.clone(),
            preferences,
            time_zone: plan.time_zone.clone(),
            providers: (self.choices)(),
            sessions: if self.clerk.is_some() { None } else { Some(self.list_sessions(caller).await?) },
            has_password: has_password && self.clerk.is_none(),
        });
        let avatar = avatar_html(self.images.avatar(user).await?, &caller.profile);
        let images = self.images.describe(user).await?;
        let leaving = self.leavers.section(user, has_password && self.clerk.is_none()).await?;
        let keys = all_shown(keys, &spending)?;
        let budgets = budgets_html(Budgets::of(plan, &spending)?, &keys, refused);
        let (own, ways) = if let Some(clerk) = &self.clerk {
            (own, clerk.account_html())
        } else {
            let ways = ways_html(self, user, has_password, problem).await?;
            let passkeys = passkeys_html(self, user, has_password).await?;
            (own + &email_html(&found) + &two_steps_html(self, &found).await?, ways + &passkeys)
        };
        let own = avatar + &own + &leaving;
        Ok(AccountData { keys, images, budgets, own, ways, base_url: format!("{base}/v1"), ..AccountData::default() })
    }
}

/// What the form for a key asks for. Empty numbers are none.
///
/// # Errors
/// [`AppError::InvalidInput`] naming the field.
pub fn read_form(form: &KeyFields) -> AppResult<ApiKeyRequest> {
    fn number<T: std::str::FromStr>(field: &str, text: &str) -> AppResult<Option<T>> {
        let text = text.trim();
        let number = if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        number.map_err(|_| AppError::invalid(field, t(Text::WholeNumberOrNothing)))
    }
    let amount = |field: &str, text: &str| {
        let text = text.trim();
        let amount = if text.is_empty() { Some(None) } else { Amount::parse(text).map(Some) };
        amount.ok_or_else(|| AppError::invalid(field, t(Text::NumberOfCreditsOrNothing)))
    };
    Ok(ApiKeyRequest {
        name: form.name.clone(),
        per_minute: number("perMinute", &form.per_minute)?,
        budget: amount("budget", &form.budget)?,
        // A form without the boxes asks for what a request without them does.
        scopes: (!form.scoped.is_empty())
            .then(|| Scope::ALL.into_iter().filter(|scope| form.is_checked(*scope)).collect()),
        expires_in_days: number("expiresInDays", &form.days)?,
    })
}

impl Account {
    /// Revokes a key: what it asks from now on is refused.
    ///
    /// # Errors
    /// [`AppError::NotFound`] also for somebody else's.
    pub async fn revoke_key(&self, user: UserId, id: ApiKeyId) -> AppResult<()> {
        if !self.store.delete_key(user, id).await? {
            return Err(AppError::NotFound);
        }
        tracing::info!(%user, key = %id, "an API key was revoked");
        self.record_revoked(user, id).await;
        Ok(())
    }

    pub(super) async fn record_revoked(&self, user: UserId, id: ApiKeyId) {
        let revoked = AuditEntry::new(Actor::User(user), Action::KeyRevoked, Some(user));
        self.audit.record(revoked.before(json!({ "key": id }))).await;
    }

    /// Whether a key is one of this user's. That is no use of it.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn owns_key(&self, user: UserId, key: &str) -> AppResult<bool> {
        Ok(self.store.find_key(hash_secret(key)).await?.is_some_and(|(owner, _)| owner.id == user))
    }

    /// The user behind a key that has not expired, and what it may do.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn find_key(&self, key: &str) -> AppResult<Option<(User, KeyGrant)>> {
        let Some((user, stored)) = self.store.find_key(hash_secret(key)).await? else { return Ok(None) };
        let now = now_millis();
        if user.status != UserStatus::Active || stored.expires_at.is_some_and(|at| at <= now) {
            return Ok(None);
        }
        if stored.last_used_at.is_none_or(|at| now - at >= USE_STEP) {
            let (store, id) = (self.store.clone(), stored.id);
            // Nobody waits for it.
            tokio::spawn(async move {
                if let Err(error) = store.touch_key(id, now).await {
                    tracing::warn!(%error, "the use of a key could not be kept");
                }
            });
        }
        let spending = SpendingKey { id: stored.id, budget: stored.budget };
        let scopes = stored.scopes.iter().fold(0, |set, scope| set | bit(*scope));
        Ok(Some((user, KeyGrant { per_minute: stored.per_minute, scopes, spending })))
    }
}

/// Newest first, with what each has spent.
fn all_shown(keys: Vec<StoredKey>, spending: &HashMap<String, Amount>) -> AppResult<Vec<ApiKey>> {
    let spent = |key: &StoredKey| spending.get(&key.id.to_string()).copied().unwrap_or_default();
    let newest_first = keys.into_iter().rev();
    newest_first.map(|key| (spent(&key), key)).map(|(spent, key)| shown(key, spent)).collect()
}

fn shown(key: StoredKey, spent: Amount) -> AppResult<ApiKey> {
    Ok(ApiKey {
        id: key.id.to_string(),
        name: key.name,
        hint: key.hint,
        per_minute: key.per_minute,
        budget: key.budget,
        spent,
        scopes: key.scopes,
        expires_at: key.expires_at.map(rfc3339).transpose()?,
        expired: key.expires_at.is_some_and(|at| at <= now_millis()),
        created_at: rfc3339(key.created_at)?,
        last_used_at: key.last_used_at.map(rfc3339).transpose()?,
    })
}
