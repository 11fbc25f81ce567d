//! What the command line does with users: the rules are those of the admin panel, and of leaving.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::builders::open_queue;
use super::state::AppState;
use super::stores::Stores;
use crate::account::Role;
use crate::account::server::second_factor::turn_off;
use crate::account::server::sessions::UserStatus;
use crate::account::server::sessions::status::find_by_address;
use crate::admin::server::{Authority, UserChange};
use crate::credits::server::store::{Hold, WorkKind};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ImageId, MessageId, UserId};
use crate::platform::secret::{hash_secret, new_secret};
use crate::usage::server::prices::PriceTable;

/// What is said of a command that did not work.
#[must_use]
pub fn problem(email: &str, error: &AppError) -> String {
    match error {
        AppError::NotFound => format!("{email}: no account has this address"),
        error => format!("{email}: {error}"),
    }
}

/// Makes the user with this address an admin.
///
/// # Errors
/// As [`crate::admin::server::Admin::change_user`].
pub async fn grant(stores: &Stores, email: &str) -> AppResult<()> {
    change(stores, email, UserChange { role: Some(Role::Admin), status: None }).await
}

/// Shuts an account. Whoever uses it is out at once, on every server; what runs is stopped, and costs what stopping costs.
///
/// # Errors
/// As [`crate::admin::server::Admin::change_user`].
pub async fn disable(stores: &Stores, email: &str) -> AppResult<()> {
    change(stores, email, UserChange { role: None, status: Some(UserStatus::Disabled) }).await
}

/// Opens an account again.
///
/// # Errors
/// As [`crate::admin::server::Admin::change_user`].
pub async fn enable(stores: &Stores, email: &str) -> AppResult<()> {
    change(stores, email, UserChange { role: None, status: Some(UserStatus::Active) }).await
}

async fn change(stores: &Stores, email: &str, change: UserChange) -> AppResult<()> {
    let admin = stores.admin(stores.stats(PriceTable::default()));
    let id = admin.find_by_email(email).await?;
    admin.change_user(Authority::operator(), id, change).await.map(drop)
}

/// Has everything of a user erased. They are out when this returns; the rest is up to servers.
///
/// # Errors
/// [`AppError::NotFound`] for no such user, [`AppError::Conflict`] for the last admin.
pub async fn erase(stores: &Stores, email: &str) -> AppResult<()> {
    let user = find_by_address(stores.accounts.as_ref(), email).await?;
    open_queue(stores).erase(user.id, hash_secret(&new_secret())).await.map(drop)
}

/// Writes everything of a user into a new file. Returns a line for people.
///
/// # Errors
/// One line that says what is in the way.
pub async fn export(state: &AppState, email: &str, to: &Path) -> Result<String, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", to.display());
    let user = find_by_address(state.stores.accounts.as_ref(), email).await;
    let user = user.map_err(|error| problem(email, &error))?;
    // Nobody else's to read: see `main`.
    let mut file = OpenOptions::new().write(true).create_new(true).open(to).map_err(|error| named(&error))?;
    let (pieces, mut written) = mpsc::channel::<Bytes>(2);
    let writing = spawn_blocking(move || {
        while let Some(piece) = written.blocking_recv() {
            file.write_all(&piece)?;
        }
        file.sync_all()
    });
    let exported = state.leaving.export_to(user.id, pieces).await;
    let kept = writing.await.map_err(|error| named(&error))?;
    let files = exported.map_err(|error| named(&error)).and_then(|files| kept.map(|()| files).map_err(|e| named(&e)));
    if files.is_err() {
        _ = std::fs::remove_file(to);
    }
    Ok(format!("{}: {} files of {email}\n", to.display(), files?))
}

/// Turns two-step sign-in off for somebody who has lost both the app and the recovery codes.
///
/// # Errors
/// As [`turn_off`].
pub async fn turn_two_steps_off(stores: &Stores, email: &str) -> AppResult<()> {
    let user = turn_off(stores.accounts.as_ref(), stores.second_factors.as_ref(), email).await?;
    tracing::info!(%user, "two-step sign-in was turned off by an operator");
    Ok(())
}

/// Asks the servers that do work for a user to stop it. Returns how much there is.
pub(super) async fn request_stops(stores: &Stores, user: UserId) -> AppResult<usize> {
    let open = stores.credits.open_holds(user.into()).await?;
    for Hold { id, kind, .. } in &open {
        match kind {
            WorkKind::Chat => stores.chats.request_stop(user, MessageId::from(*id)).await?,
            WorkKind::Image => stores.images.request_stop(user, ImageId::from(*id)).await?,
        };
    }
    Ok(open.len())
}
