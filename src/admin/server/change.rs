//! What a user may, and whether the account is open; and ending their sessions.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;
use utoipa::ToSchema;

use super::users::UserSummary;
use super::{Admin, Authority};
use crate::account::server::directory::{Access, AccessChange};
use crate::account::server::service::find_user;
use crate::account::server::sessions::UserStatus;
use crate::account::{Email, Role};
use crate::audit::{Action, AuditEntry};
use crate::credits::server::store::Hold;
use crate::i18n::{Text, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ImageId, MessageId, UserId};
use crate::platform::work_kind::WorkKind;

/// How often a change is tried anew that another came before.
const TRIES: usize = 5;
/// How often what began at the last moment is looked for.
const LOOKS: usize = 4;
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// What a user is to be from now on. What is absent stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub struct UserChange {
    /// `USER` or `ADMIN`: who is a `SUBSCRIBER` follows from plans.
    pub role: Option<Role>,
    /// `active` or `disabled`.
    pub status: Option<UserStatus>,
}

impl Admin {
    /// The user with this address.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] for no address, [`AppError::NotFound`] for no such user.
    pub async fn find_by_email(&self, email: &str) -> AppResult<UserId> {
        let user = find_user(self.accounts.as_ref(), &Email::parse(email)?).await?;
        Ok(user.ok_or(AppError::NotFound)?.id)
    }

    /// Changes a user. Said again, it changes nothing, but does what is left to do of it: whoever has another role signs in again, and
    /// whoever is shut out is out on every server, and what runs for them is stopped, and costs what stopping costs.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::InvalidInput`] for a role that a plan gives, or no change at all; [`AppError::Conflict`]
    /// where no other admin is left who can sign in, or the account is being erased.
    pub async fn change_user(&self, by: Authority, id: UserId, change: UserChange) -> AppResult<UserSummary> {
        if change.role == Some(Role::Subscriber) {
            return Err(AppError::invalid("role", t(Text::RoleFollowsPlan)));
        }
        if change.status == Some(UserStatus::Erasing) || change == UserChange::default() {
            return Err(AppError::invalid("status", t(Text::NothingToChange)));
        }
        for _ in 0..TRIES {
            let mut found = self.directory.find(id).await?.ok_or(AppError::NotFound)?;
            let from = Access::from(&found.user);
            if from.status == UserStatus::Erasing {
                return Err(AppError::Conflict(t(Text::IsBeingErased).to_owned()));
            }
            let to = Access { role: change.role.unwrap_or(from.role), status: change.status.unwrap_or(from.status) };
            if to != from {
                match self.directory.change_access(id, from, to).await? {
                    AccessChange::Changed => self.record_access(by, id, from, to).await,
                    AccessChange::Stale => continue,
                    AccessChange::LastAdmin => return Err(AppError::Conflict(t(Text::LastAdmin).to_owned())),
                }
            }
            if to.role != from.role || to.status != UserStatus::Active {
                self.sessions.delete_of_user(id, None).await?;
            }
            if to.status != UserStatus::Active {
                self.stop_work(id).await?;
            }
            (found.user.role, found.user.status) = (to.role, to.status);
            return UserSummary::of(found);
        }
        Err(AppError::Unavailable)
    }

    async fn record_access(&self, by: Authority, id: UserId, from: Access, to: Access) {
        if from.role != to.role {
            let changed = AuditEntry::new(by.actor(), Action::RoleChanged, Some(id));
            self.log().record(changed.before(json!({ "role": from.role })).after(json!({ "role": to.role }))).await;
        }
        if from.status != to.status {
            let changed = AuditEntry::new(by.actor(), Action::StatusChanged, Some(id));
            let (before, after) = (json!({ "status": from.status }), json!({ "status": to.status }));
            self.log().record(changed.before(before).after(after)).await;
        }
        tracing::info!(user = %id, role = to.role.as_str(), status = to.status.as_str(), "has other access now");
    }

    /// Ends all sessions of a user; how many there were.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn end_sessions(&self, by: Authority, id: UserId) -> AppResult<u64> {
        self.directory.find(id).await?.ok_or(AppError::NotFound)?;
        let ended = self.sessions.delete_of_user(id, None).await?;
        if ended > 0 {
            let entry = AuditEntry::new(by.actor(), Action::SessionsEnded, Some(id));
            self.log().record(entry.after(json!({ "sessions": ended }))).await;
        }
        Ok(ended)
    }

    async fn stop_work(&self, user: UserId) -> AppResult<()> {
        for look in 0..LOOKS {
            if look > 0 {
                sleep(LOOK_EVERY).await;
            }
            if self.request_stops(user).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Asks the servers that do work for a user to stop it. Returns how much there is.
    async fn request_stops(&self, user: UserId) -> AppResult<usize> {
        let open = self.credits.open_holds(user.into()).await?;
        for Hold { id, kind, .. } in &open {
            match kind {
                WorkKind::Chat => self.chats.request_stop(user, MessageId::from(*id)).await?,
                WorkKind::Image => self.images.request_stop(user, ImageId::from(*id)).await?,
            };
        }
        Ok(open.len())
    }
}
