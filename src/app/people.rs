//! Shutting the account of a user, and opening it again: over all features.

use std::time::Duration;

use tokio::time::sleep;

use super::stores::Stores;
use crate::account::server::sessions::status::set_open;
use crate::credits::server::store::{Hold, WorkKind};
use crate::platform::error::AppResult;
use crate::platform::ids::{ImageId, MessageId, UserId};

/// How often what began at the last moment is looked for.
const LOOKS: usize = 4;
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Shuts an account. Whoever uses it is out at once, on every server; what runs is stopped, and costs what stopping costs.
///
/// # Errors
/// As [`set_open`].
pub async fn disable(stores: &Stores, email: &str) -> AppResult<()> {
    let user = set_open(stores.accounts.as_ref(), stores.sessions.as_ref(), email, false).await?;
    tracing::info!(user = %user.id, "the account was disabled");
    for look in 0..LOOKS {
        if look > 0 {
            sleep(LOOK_EVERY).await;
        }
        if request_stops(stores, user.id).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Opens an account again.
///
/// # Errors
/// As [`set_open`].
pub async fn enable(stores: &Stores, email: &str) -> AppResult<()> {
    let user = set_open(stores.accounts.as_ref(), stores.sessions.as_ref(), email, true).await?;
    tracing::info!(user = %user.id, "the account was enabled");
    Ok(())
}

/// Asks the servers that do work for a user to stop it. Returns how much there is.
async fn request_stops(stores: &Stores, user: UserId) -> AppResult<usize> {
    let open = stores.credits.open_holds(user.into()).await?;
    for Hold { id, kind, .. } in &open {
        match kind {
            WorkKind::Chat => stores.chats.request_stop(user, MessageId::from(*id)).await?,
            WorkKind::Image => stores.images.request_stop(user, ImageId::from(*id)).await?,
        };
    }
    Ok(open.len())
}
