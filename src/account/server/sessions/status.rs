//! Whether an account is open: one that is shut lets nobody in, in no way, on no server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::Email;
use crate::account::server::service::find_user;
use crate::account::server::store::{AccountStore, User};
use crate::platform::error::{AppError, AppResult};

/// Whether an account is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    #[default]
    Active,
    /// An admin has shut it.
    Disabled,
    /// All that is its user's is being erased.
    Erasing,
}

impl UserStatus {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Erasing => "erasing",
        }
    }

    /// The status of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled, Self::Erasing].into_iter().find(|status| status.as_str() == name)
    }
}

/// The user with this address.
///
/// # Errors
/// [`AppError::InvalidInput`] for no address, [`AppError::NotFound`] for no such user.
pub async fn find_by_address(accounts: &dyn AccountStore, email: &str) -> AppResult<User> {
    find_user(accounts, &Email::parse(email)?).await?.ok_or(AppError::NotFound)
}
