//! Sign-in with Clerk: its sessions are ours. A request is signed in by Clerk's own token, verified here without asking anybody;
//! people sign in on Clerk's pages, and who they are is asked once.

mod backend;
pub mod config;
mod cookies;
mod handshake;
mod keys;
mod people;
mod token;
mod view;
pub mod webhook;

use std::ops::Deref;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use moka::future::Cache;

use self::backend::Backend;
use self::config::ClerkConfig;
use self::cookies::{CLIENT_UAT, ClerkCookies, SESSION, suffixed_name};
pub use self::handshake::Visit;
use self::keys::{Keys, NoKey};
pub use self::token::Claims;
use self::token::{Expected, Signed, TokenError};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::site::Site;

/// Sessions that a server remembers to have seen.
const SESSIONS_SEEN: u64 = 50_000;

/// An instance of Clerk. Cheap to clone.
#[derive(Clone)]
pub struct Clerk(Arc<ClerkParts>);

/// What [`Clerk`] is made of.
pub struct ClerkParts {
    pub config: ClerkConfig,
    keys: Keys,
    backend: Backend,
    site: Site,
    /// The origin that its tokens are for.
    origin: String,
    /// Those that this server has seen.
    sessions: Cache<String, ()>,
}

/// Whether somebody is signed in.
#[derive(Debug, PartialEq, Eq)]
pub enum Presence {
    In(Claims),
    Out,
    /// Only Clerk knows: the browser is sent there and back, for this reason.
    Unsure(&'static str),
}

impl Deref for Clerk {
    type Target = ClerkParts;

    fn deref(&self) -> &ClerkParts {
        &self.0
    }
}

impl Clerk {
    #[must_use]
    pub fn new(config: ClerkConfig, site: Site) -> Self {
        let (keys, backend) = (Keys::new(config.jwt_key.clone()), Backend::new(&config));
        let origin = site.public_url.origin().ascii_serialization();
        let sessions = Cache::new(SESSIONS_SEEN);
        Self(Arc::new(ClerkParts { config, keys, backend, site, origin, sessions }))
    }

    /// Who is signed in, by the token of the request or by the cookies of the browser.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] while no key is known to verify with.
    pub async fn find_presence(&self, headers: &HeaderMap) -> AppResult<Presence> {
        if let Some(token) = bearer(headers) {
            return Ok(match self.verify(token).await? {
                Ok(claims) => Presence::In(claims),
                Err(error) => {
                    tracing::debug!(%error, "a token of Clerk is not taken");
                    Presence::Out
                }
            });
        }
        self.find_presence_by(&CookieJar::from_headers(headers)).await
    }

    /// The same by the cookies alone.
    async fn find_presence_by(&self, jar: &CookieJar) -> AppResult<Presence> {
        let cookies = ClerkCookies::read(jar, &self.config);
        if self.config.is_development && cookies.dev_browser.is_none() {
            return Ok(Presence::Unsure("dev-browser-missing"));
        }
        let Some(session) = cookies.session else {
            return Ok(if cookies.client_uat == 0 {
                Presence::Out
            } else {
                Presence::Unsure("client-uat-but-no-session-token")
            });
        };
        if cookies.client_uat == 0 {
            return Ok(Presence::Unsure("session-token-but-no-client-uat"));
        }
        Ok(match self.verify(&session).await? {
            Ok(claims) if claims.iat < cookies.client_uat => Presence::Unsure("session-token-iat-before-client-uat"),
            Ok(claims) => Presence::In(claims),
            Err(TokenError::Expired) => Presence::Unsure("session-token-expired"),
            Err(TokenError::NotYet) => Presence::Unsure("session-token-nbf"),
            Err(TokenError::FromTheFuture) => Presence::Unsure("session-token-iat-in-the-future"),
            Err(error @ TokenError::Wrong(_)) => {
                tracing::debug!(%error, "a session of Clerk is not taken");
                Presence::Out
            }
        })
    }

    /// What a session token says, if it is good.
    async fn verify(&self, token: &str) -> AppResult<Result<Claims, TokenError>> {
        let signed = match Signed::read(token) {
            Ok(signed) => signed,
            Err(error) => return Ok(Err(error)),
        };
        let key = match self.keys.find(signed.kid.as_deref(), &self.backend).await {
            Ok(key) => key,
            Err(NoKey::Unknown) => return Ok(Err(TokenError::Wrong("kid"))),
            Err(NoKey::Unavailable) => return Err(AppError::Unavailable),
        };
        let claims = signed.verify::<Claims>(&key);
        let expected = Expected { issuer: self.config.issuer(), origin: &self.origin, now: now_millis() / 1000 };
        Ok(claims.and_then(|claims| claims.check(&expected).map(|()| claims)))
    }

    /// Ends the session of a browser at Clerk, and takes its cookies away. If Clerk cannot be reached, they are taken away all the
    /// same.
    pub async fn sign_out(&self, jar: CookieJar) -> CookieJar {
        if let Ok(Presence::In(Claims { sid: Some(session), .. })) = self.find_presence_by(&jar).await
            && let Err(failure) = self.backend.revoke_session(&session).await
        {
            tracing::warn!(%failure, "a session of Clerk could not be ended there");
        }
        let names = [SESSION, CLIENT_UAT].into_iter();
        let names = names.flat_map(|name| [name.to_owned(), suffixed_name(name, &self.config)]);
        names.fold(jar, |jar, name| jar.remove(Cookie::build((name, "")).path("/")))
    }

    /// Whether Clerk can be reached; says where it is, or what is wrong.
    ///
    /// # Errors
    /// For people.
    pub async fn check(&self) -> Result<String, String> {
        self.backend.check().await
    }
}

/// The token of `Authorization`, with or without its scheme.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    match value.split_once(' ') {
        Some((scheme, token)) => scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()),
        None => Some(value),
    }
}

/// The script that keeps the session of a browser fresh while a page is open.
#[derive(Debug, Clone)]
pub struct SessionKeeper {
    /// Whom it may ask.
    pub origin: String,
    /// The address of the script.
    pub script: String,
    /// What tells it which instance it is of.
    pub key: String,
}

/// Of Clerk's script; the newest of its kind.
const SCRIPT: &str = "npm/@clerk/clerk-js@6/dist/clerk.browser.js";

impl Clerk {
    #[must_use]
    pub fn session_keeper(&self) -> Option<SessionKeeper> {
        let script = self.config.frontend_url.join(SCRIPT).ok()?;
        Some(SessionKeeper {
            origin: self.config.frontend_url.origin().ascii_serialization(),
            script: script.into(),
            key: self.config.publishable_key.clone(),
        })
    }
}
