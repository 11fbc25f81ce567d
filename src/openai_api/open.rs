//! Who may use `/v1`: whoever has a key with one of the scopes, while it is switched on for them.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use crate::account::server::Account;
use crate::account::server::caller::{Caller, Scoped};
use crate::chat::server::Chat;
use crate::flags::Flag;
use crate::platform::http::envelope::ApiError;

/// A [`Caller`] of `/v1`, for whom it is on, with one of these scopes.
pub(super) struct Open<const SCOPES: u8>(pub Caller);

impl<S, const SCOPES: u8> FromRequestParts<S> for Open<SCOPES>
where
    S: Send + Sync,
    Account: FromRef<S>,
    Chat: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Scoped(caller) = Scoped::<SCOPES>::from_request_parts(parts, state).await?;
        Chat::from_ref(state).generation.flags.check(Flag::V1, &caller)?;
        Ok(Self(caller))
    }
}
