//! Devices that have signed in before: who guesses passwords from elsewhere must not keep the owner out.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tokio::time::sleep;

use super::Account;
use super::store::User;
use crate::account::Email;
use crate::platform::error::{AppError, AppResult};
use crate::platform::limits::{Attempt, ClientAddress, Limit};
use crate::platform::secret::new_secret;

/// The most that a sign-in is slowed down.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What a device is given that has signed in to this account: an id, and a proof that only the server can make.
///
/// The key is the stored hash of the password, which leaves the server as little as any other secret of it, is the same for
/// all servers, and is another one when the password is: then all devices are strangers again.
#[must_use]
pub fn new_device(user: &User) -> String {
    let id = new_secret();
    // Nobody guesses a password that there is not.
    let Some(key) = key_of(user) else { return id };
    let proof = hmac::sign(&key, &signed(user, &id));
    format!("{id}.{}", BASE64_URL_SAFE_NO_PAD.encode(proof))
}

/// The id of a device that has signed in to this account before.
#[must_use]
pub fn known_device<'a>(user: &User, cookie: &'a str) -> Option<&'a str> {
    let (id, proof) = cookie.split_once('.')?;
    let proof = BASE64_URL_SAFE_NO_PAD.decode(proof).ok()?;
    hmac::verify(&key_of(user)?, &signed(user, id), &proof).is_ok().then_some(id)
}

fn key_of(user: &User) -> Option<hmac::Key> {
    user.password_hash.as_ref().map(|hash| hmac::Key::new(hmac::HMAC_SHA256, hash.as_bytes()))
}

fn signed(user: &User, id: &str) -> Vec<u8> {
    format!("device {} {id}", user.id).into_bytes()
}

impl Account {
    /// Counts a try at a password. A device that is known has a limit of its own, wherever it is. Strangers have one for each
    /// account and address; and where many addresses try one account, they are slowed down, as refusing would be what they
    /// want. Whether there is such an account makes no difference.
    ///
    /// # Errors
    /// [`AppError::RateLimited`].
    pub(super) async fn admit_sign_in(
        &self,
        address: ClientAddress,
        email: &Email,
        device: Option<&str>,
    ) -> AppResult<()> {
        let customer = address.customer();
        let own = match device {
            Some(device) => Attempt::of(Limit::LoginDevice, device),
            None => Attempt::of(Limit::LoginPair, format!("{customer} {}", email.as_str())),
        };
        self.limiter.check_all(&[Attempt::of(Limit::LoginAddress, customer), own]).await?;
        if device.is_none()
            && let Err(AppError::RateLimited { retry_after_secs, .. }) =
                self.limiter.check(Limit::LoginEmail, email.as_str()).await
        {
            sleep(Duration::from_secs(retry_after_secs).min(LONGEST_WAIT)).await;
        }
        Ok(())
    }

    /// The name of the cookie by which a device is known; see [`Account::session_cookie`].
    #[must_use]
    pub fn device_cookie(&self) -> &'static str {
        if self.site.is_https() { "__Host-tessera_device" } else { "tessera_device" }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::account::Role;
    use crate::account::server::sessions::UserStatus;
    use crate::platform::ids::UserId;

    #[test]
    fn only_a_cookie_that_was_given_for_this_account_and_password_is_known() {
        let user = |hash: &str| User {
            id: UserId::now_v7(),
            email: "ada@example.org".into(),
            name: "Ada".into(),
            password_hash: Some(hash).filter(|hash| !hash.is_empty()).map(str::to_owned),
            email_verified_at: None,
            role: Role::User,
            status: UserStatus::Active,
        };
        let ada = user("$argon2id$one");
        let cookie = new_device(&ada);
        let (id, proof) = cookie.split_once('.').unwrap();
        assert_eq!(known_device(&ada, &cookie), Some(id));
        assert_ne!(cookie, new_device(&ada));
        let other = new_device(&ada);
        let (other_id, _) = other.split_once('.').unwrap();
        for forged in ["", ".", id, &format!("{id}."), &format!("{other_id}.{proof}"), &format!("{id}.{proof}A")] {
            assert_eq!(known_device(&ada, forged), None, "{forged}");
        }
        assert_eq!(known_device(&user("$argon2id$one"), &cookie), None, "another account");
        assert_eq!(
            known_device(&User { password_hash: Some("$argon2id$two".into()), ..ada.clone() }, &cookie),
            None,
            "a new password"
        );
        // A key that is empty would be everybody's.
        let bob = user("");
        let (id, key) = ("id", hmac::Key::new(hmac::HMAC_SHA256, b""));
        let forged = format!("{id}.{}", BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, &signed(&bob, id))));
        assert_eq!(known_device(&bob, &forged), None, "no password");
        assert_eq!(known_device(&bob, &new_device(&bob)), None, "no password");
    }
}
