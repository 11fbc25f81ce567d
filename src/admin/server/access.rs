//! Who may use the panel.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use crate::account::Role;
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::audit::Actor;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::ApiError;

/// Leave to do what admins do. Every rule asks for it, and only this file gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority(Actor);

impl Authority {
    /// That of an admin who is signed in. No API key has it.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn of(caller: &Caller) -> AppResult<Self> {
        let is_admin = caller.profile.role == Role::Admin && caller.key.is_none();
        if is_admin { Ok(Self(Actor::User(caller.id))) } else { Err(AppError::Forbidden) }
    }

    /// That of whoever runs the server; for the command line.
    #[must_use]
    pub const fn operator() -> Self {
        Self(Actor::Operator)
    }

    /// Who acts, for the audit log.
    pub(super) const fn actor(self) -> Actor {
        self.0
    }
}

impl<S> FromRequestParts<S> for Authority
where
    S: Send + Sync,
    Account: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self::of(&Caller::from_headers(&Account::from_ref(state), &parts.headers).await?)?)
    }
}
