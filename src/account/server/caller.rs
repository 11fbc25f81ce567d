//! Who is asking: the user behind a request, by session cookie or API key.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use leptos::prelude::use_context;

use super::Account;
use super::keys::{KEY_PREFIX, KeyGrant, bit};
use super::plans::{Standing, standing, with_plan};
use super::sessions::store::{Known, Session, SignedIn};
use super::store::User;
use crate::account::{Profile, Scope};
use crate::flags::{Flag, Who};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::visitor::SESSION_COOKIES;
use crate::platform::ids::UserId;
use crate::platform::limits::{Attempt, Limit, Quota, RateLimiter};
use crate::platform::trace;

/// The signed-in user behind a request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub id: UserId,
    pub profile: Profile,
    /// The API key that the request came with; `None`: the user's own session.
    pub key: Option<KeyGrant>,
    /// The session, where it is the user's own.
    pub session: Option<Session>,
    /// Where the session is Clerk's: how many minutes ago its user proved there who they are, if that is told.
    pub proved_minutes_ago: Option<i64>,
    /// The plan that the user has now.
    pub plan: Option<Standing>,
    /// What came with the session; `None`: it was not read.
    pub known: Option<Arc<Known>>,
}

impl Caller {
    /// The user of the API key, if the request carries one, else of the session: Clerk's, where it signs people in, or that of the
    /// cookie.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`] without a valid key or session, and as [`Account::user_of_clerk`].
    pub async fn from_headers(account: &Account, headers: &HeaderMap) -> AppResult<Self> {
        if let Some(key) = api_key(headers) {
            let (user, key) = account.find_key(key).await?.ok_or(AppError::Unauthenticated)?;
            let plan = account.plan_of(user.id).await?;
            let caller = Self { key: Some(key), ..Self::of(&user, plan, "key") };
            account.flags.check(Flag::ApiKeys, &caller)?;
            return Ok(caller);
        }
        if let Some(clerk) = &account.clerk {
            let found = account.find_clerk_user(clerk, headers).await?;
            let (user, proved_minutes_ago) = found.ok_or(AppError::Unauthenticated)?;
            let plan = account.plan_of(user.id).await?;
            return Ok(Self { proved_minutes_ago, ..Self::of(&user, plan, "clerk") });
        }
        let cookies = CookieJar::from_headers(headers);
        let token = cookies.get(account.session_cookie()).map(|cookie| cookie.value().to_owned());
        let found = match token {
            Some(token) => account.find_session(&token).await?,
            None => None,
        };
        let SignedIn { user, session, periods, known } = found.ok_or(AppError::Unauthenticated)?;
        let plan = standing(periods, now_millis());
        Ok(Self { session: Some(session), known: Some(Arc::new(known)), ..Self::of(&user, plan, "session") })
    }

    /// A user as they are now, let in by a key, a session or Clerk.
    fn of(user: &User, plan: Option<Standing>, by: &'static str) -> Self {
        trace::current().of_caller(user.id, by);
        Self {
            id: user.id,
            profile: with_plan(user.profile(), plan.as_ref()),
            key: None,
            session: None,
            proved_minutes_ago: None,
            plan,
            known: None,
        }
    }

    /// The caller, if it is not a program with an API key.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn into_person(self) -> AppResult<Self> {
        if self.key.is_some() { Err(AppError::Forbidden) } else { Ok(self) }
    }

    /// The caller, if it may do one of these: a person may, and a key that has one of these scopes.
    ///
    /// # Errors
    /// [`AppError::MissingScope`].
    pub fn into_one_who_may(self, scopes: u8) -> AppResult<Self> {
        match self.key {
            Some(key) if key.scopes & scopes == 0 => {
                let names = Scope::ALL.into_iter().filter(|scope| bit(*scope) & scopes != 0).map(Scope::as_str);
                Err(AppError::MissingScope(names.collect::<Vec<_>>().join(", ")))
            }
            _ => Ok(self),
        }
    }

    /// Who asks for something that those with one of these scopes may have. What keys read is counted.
    async fn from_parts(account: &Account, parts: &Parts, scopes: u8) -> AppResult<Self> {
        let caller = Self::from_headers(account, &parts.headers).await?.into_one_who_may(scopes)?;
        if parts.method.is_safe() {
            caller.count_reading(account).await?;
        }
        Ok(caller)
    }

    /// Counts a request that reads, where it comes with a key.
    ///
    /// # Errors
    /// [`AppError::RateLimited`].
    pub async fn count_reading(&self, account: &Account) -> AppResult<()> {
        if self.key.is_some() {
            let limit = Limit::Read(account.config.reads_per_minute);
            account.limiter.check(limit, &self.id.to_string()).await?;
        }
        Ok(())
    }

    /// Counts a request that spends against the limit of its key, if it has one, and of its user, who must not have
    /// stopped too much for nothing. Returns what is the less.
    ///
    /// # Errors
    /// [`AppError::RateLimited`], [`AppError::TooManyStops`].
    pub async fn count_spending(&self, limiter: &dyn RateLimiter) -> AppResult<Quota> {
        let own = match self.key {
            Some(KeyGrant { per_minute: Some(per_minute), spending, .. }) => {
                Some(Attempt::of(Limit::ApiKey(per_minute), spending.id.to_string()))
            }
            _ => None,
        };
        let user = self.id.to_string();
        let attempts = [Attempt::look(Limit::FreeStop, user.clone())].into_iter().chain(own);
        let pace = self.plan.as_ref().map_or(Limit::Spend, |plan| Limit::Plan(plan.per_minute));
        let attempts: Vec<_> = attempts.chain([Attempt::of(pace, user)]).collect();
        let quotas = limiter.check_all(&attempts).await?;
        // Never that of the stops.
        quotas.into_iter().skip(1).rev().min_by_key(|quota| quota.remaining).ok_or(AppError::Internal)
    }

    /// The user behind the server function that is running.
    ///
    /// # Errors
    /// As [`Caller::from_headers`].
    pub async fn from_context(account: &Account) -> AppResult<Self> {
        let parts = use_context::<Parts>().ok_or(AppError::Internal)?;
        // They only read, whatever their method.
        Self::from_headers(account, &parts.headers).await?.into_one_who_may(READ)
    }
}

/// Whom flags are asked for.
impl From<&Caller> for Who {
    fn from(caller: &Caller) -> Self {
        Self { user: caller.id, role: caller.profile.role }
    }
}

/// Whoever asks, as far as the method says: reading needs the scope for it, everything else that for managing.
impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Account: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let scopes = if parts.method.is_safe() { READ } else { MANAGE };
        Ok(Self::from_parts(&Account::from_ref(state), parts, scopes).await?)
    }
}

/// A scope in the set of a [`Scoped`]. Numbers, and not what a function says: optimised, rustc 1.95 finds a cycle in types
/// that name a function's result.
pub const SPEND: u8 = 1;
pub const READ: u8 = 2;
pub const MANAGE: u8 = 4;

/// A [`Caller`] of a route that a key needs one of these scopes for, and not that of its method.
pub struct Scoped<const SCOPES: u8>(pub Caller);

impl<S, const SCOPES: u8> FromRequestParts<S> for Scoped<SCOPES>
where
    S: Send + Sync,
    Account: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(Caller::from_parts(&Account::from_ref(state), parts, SCOPES).await?))
    }
}

/// A [`Caller`] with a session: what API keys may not do.
pub struct Person(pub Caller);

impl<S> FromRequestParts<S> for Person
where
    S: Send + Sync,
    Account: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(Caller::from_headers(&Account::from_ref(state), &parts.headers).await?.into_person()?))
    }
}

/// The Tessera API key of a request (`Authorization: Bearer tsk_…`).
fn api_key(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(KEY_PREFIX)).then_some(token)
}

impl Account {
    /// The name of the session cookie. Over TLS the prefix makes browsers refuse one from a sibling domain or plain
    /// HTTP.
    #[must_use]
    pub fn session_cookie(&self) -> &'static str {
        SESSION_COOKIES[usize::from(self.site.is_https())]
    }

    /// The name of the cookie that brings a new key to the page which shows it.
    #[must_use]
    pub fn new_key_cookie(&self) -> &'static str {
        if self.site.is_https() { "__Secure-tessera_new_key" } else { "tessera_new_key" }
    }
}
