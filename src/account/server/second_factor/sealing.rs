//! The keys of authenticator apps that are not sealed as they would be now: those from before there was an `APP_SECRET`, and those
//! that were sealed with the one of before.

use super::store::SecondFactorStore;
use super::{open_key, seal_key};
use crate::platform::app_secret::AppSecret;
use crate::platform::error::AppResult;

/// How the keys are sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealing {
    /// With `APP_SECRET`.
    pub current: usize,
    /// With `APP_SECRET_OLD`, or not at all.
    pub before: usize,
    /// With neither: their apps show codes that nobody here can check.
    pub unreadable: usize,
}

/// Counts how the keys are sealed.
///
/// # Errors
/// The database is down.
pub async fn look_at_keys(factors: &dyn SecondFactorStore, secret: &AppSecret) -> AppResult<Sealing> {
    let mut found = Sealing::default();
    let keys = factors.list_keys().await?;
    for (user, stored) in keys.into_iter().filter(|(_, stored)| !stored.is_empty()) {
        match open_key(secret, user, &stored) {
            Some((_, true)) => found.current += 1,
            Some((_, false)) => found.before += 1,
            None => found.unreadable += 1,
        }
    }
    Ok(found)
}

/// Seals with `APP_SECRET` what is not. Returns how the keys were before. However many servers do so at once, no key is lost: one is
/// replaced only as it was read.
///
/// # Errors
/// The database is down.
pub async fn seal_keys(factors: &dyn SecondFactorStore, secret: &AppSecret) -> AppResult<Sealing> {
    let found = look_at_keys(factors, secret).await?;
    if found.before > 0 {
        for (user, stored) in factors.list_keys().await? {
            if let Some((key, false)) = open_key(secret, user, &stored) {
                factors.replace_key(user, stored, seal_key(secret, user, &key)?).await?;
            }
        }
        tracing::info!(keys = found.before, "keys of authenticator apps were sealed with APP_SECRET");
    }
    if found.unreadable > 0 {
        tracing::error!(
            keys = found.unreadable,
            "APP_SECRET is not the one that keys of authenticator apps were sealed with: their owners need recovery codes. Set the \
             one of before as APP_SECRET, or as APP_SECRET_OLD"
        );
    }
    Ok(found)
}
