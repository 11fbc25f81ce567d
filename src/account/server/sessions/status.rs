//! Whether an account is open: one that is shut lets nobody in, in no way, on no server.

use super::store::SessionStore;
use crate::account::Email;
use crate::account::server::service::find_user;
use crate::account::server::store::{AccountStore, User};
use crate::platform::error::{AppError, AppResult};

/// Whether an account is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

/// Shuts the account with this address, or opens it again. Whoever was signed in is out; what runs is for the caller to stop.
///
/// # Errors
/// [`AppError::InvalidInput`] for no address, [`AppError::NotFound`] for no such user, [`AppError::Conflict`] for one that is being
/// erased.
pub async fn set_open(
    accounts: &dyn AccountStore,
    sessions: &dyn SessionStore,
    email: &str,
    is_open: bool,
) -> AppResult<User> {
    let user = find_by_address(accounts, email).await?;
    let (from, to) =
        if is_open { (UserStatus::Disabled, UserStatus::Active) } else { (UserStatus::Active, UserStatus::Disabled) };
    if user.status != to && !accounts.change_status(user.id, from, to).await? {
        return Err(AppError::Conflict("This account is being erased.".to_owned()));
    }
    if !is_open {
        // Not needed to keep anybody out, but nobody should come back in when it is opened again.
        sessions.delete_of_user(user.id, None).await?;
    }
    Ok(user)
}
