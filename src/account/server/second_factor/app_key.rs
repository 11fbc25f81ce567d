//! What an authenticator app and the server both know, and the codes that follow from it.

use rand::RngCore;
use totp_rs::{Builder, Totp};
use uuid::Uuid;

use crate::platform::app_secret::AppSecret;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;

/// 160 bits, as RFC 4226 recommends.
pub const KEY_BYTES: usize = 20;

/// The key of an app. The codes are made of it, so it cannot be kept as a hash.
pub type AppKey = [u8; KEY_BYTES];

/// The key of an app as it is stored: sealed with `APP_SECRET`, for its user alone. Before there was one, it was the key itself.
/// Empty, there is no app: passkeys are the second step.
pub type SealedKey = Vec<u8>;

/// What keys are sealed for.
const PURPOSE: &str = "authenticator app";

/// Seals the key of a user.
///
/// # Errors
/// [`AppError::Internal`].
pub fn seal_key(secret: &AppSecret, user: UserId, key: &AppKey) -> AppResult<SealedKey> {
    secret.seal(PURPOSE, Uuid::from(user).as_bytes(), key)
}

/// The key that is stored, and whether it is sealed as it would be now; `None` where `APP_SECRET` is not the one that it was sealed
/// with.
#[must_use]
pub fn open_key(secret: &AppSecret, user: UserId, stored: &SealedKey) -> Option<(AppKey, bool)> {
    if let Ok(plain) = AppKey::try_from(stored.as_slice()) {
        return Some((plain, false));
    }
    let opened = secret.open(PURPOSE, Uuid::from(user).as_bytes(), stored)?;
    Some((opened.plain.try_into().ok()?, opened.is_current))
}

/// What every app can do: SHA-1, six digits, steps of 30 seconds; one step before and one after are taken too.
fn with_key(key: &AppKey) -> Builder {
    Builder::new().with_secret(*key)
}

pub(super) fn new_key() -> AppKey {
    let mut key = [0; KEY_BYTES];
    rand::rng().fill_bytes(&mut key);
    key
}

/// The step whose code was typed, of those that are taken at a time in milliseconds since 1970.
#[must_use]
pub fn step_of(key: &AppKey, typed: &str, at: i64) -> Option<i64> {
    let code: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let step = with_key(key).build_noncompliant().check(&code, seconds(at))?;
    i64::try_from(step).ok()
}

/// What the app shows at a time in milliseconds since 1970.
#[must_use]
pub fn code_at(key: &AppKey, at: i64) -> String {
    with_key(key).build_noncompliant().generate(seconds(at)).to_string()
}

fn seconds(at: i64) -> u64 {
    u64::try_from(at / 1000).unwrap_or_default()
}

/// A key as its owner gets it into an app.
pub(super) struct ShownKey {
    /// Base32, in groups of four.
    pub text: String,
    /// `otpauth://…`, which is also what the QR code says.
    pub uri: String,
}

/// Shows a key under the name of this site and of its user.
///
/// # Errors
/// [`AppError::Internal`].
pub(super) fn show_key(key: &AppKey, host: &str, user: &str) -> AppResult<ShownKey> {
    // A colon separates the two.
    let plain = |text: &str| text.replace(':', "-");
    let app = with_key(key).with_issuer(Some(format!("Tessera ({})", plain(host)))).with_account_name(plain(user));
    let app: Totp = app.build_noncompliant();
    let uri = app.to_url().map_err(|error| {
        tracing::error!(%error, "the key of an authenticator app could not be written");
        AppError::Internal
    })?;
    let text: Vec<char> = app.secret().to_base32().chars().collect();
    let text = text.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ");
    Ok(ShownKey { text, uri })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &AppKey = b"12345678901234567890";

    #[test]
    fn a_key_is_shown_as_apps_read_it() {
        let shown = show_key(KEY, "[::1]", "ada@example.org").unwrap();
        assert_eq!(shown.text, "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let read = Totp::from_url(&shown.uri).unwrap();
        assert_eq!((read.issuer(), read.account_name()), (Some("Tessera ([--1])"), "ada@example.org"));
        assert_eq!((read.secret().as_bytes(), read.digits(), read.step()), (&KEY[..], 6, 30));
        assert_ne!(new_key(), new_key());
    }
}
