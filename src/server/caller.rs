//! Who is asking: the signed-in user behind a request.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use leptos::prelude::use_context;
use uuid::Uuid;

use super::response::ApiError;
use super::state::AppState;
use crate::account::{Profile, service};
use crate::error::{AppError, AppResult};

/// The signed-in user behind a request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub id: Uuid,
    pub profile: Profile,
}

impl Caller {
    /// The user of the session cookie.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`] without a valid session.
    pub async fn from_headers(state: &AppState, headers: &HeaderMap) -> AppResult<Self> {
        let cookies = CookieJar::from_headers(headers);
        let token = cookies.get(session_cookie(state)).map(|cookie| cookie.value().to_owned());
        let user = match token {
            Some(token) => service::find_session(state, &token).await?,
            None => None,
        };
        let user = user.ok_or(AppError::Unauthenticated)?;
        Ok(Self { id: user.id, profile: user.profile() })
    }

    /// The user behind the server function that is running.
    ///
    /// # Errors
    /// As [`Caller::from_headers`].
    pub async fn from_context(state: &AppState) -> AppResult<Self> {
        let parts = use_context::<Parts>().ok_or(AppError::Internal)?;
        Self::from_headers(state, &parts.headers).await
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Ok(Self::from_headers(state, &parts.headers).await?)
    }
}

/// The name of the session cookie. Over TLS the prefix makes browsers refuse one from a sibling domain or plain HTTP.
#[must_use]
pub fn session_cookie(state: &AppState) -> &'static str {
    if state.config.site.is_https() { "__Host-tessera_session" } else { "tessera_session" }
}
