//! Password hashing: argon2id, off the async threads, so many at a time and no more.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString, rand_core::OsRng};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use super::guessing;
use crate::platform::error::{AppError, AppResult};
use crate::platform::secret::SecretHash;

/// OWASP's floor for argon2id: 19 MiB, 2 passes, 1 lane.
const PARAMS: Params = match Params::new(19 * 1024, 2, 1, None) {
    Ok(params) => params,
    Err(_) => Params::DEFAULT,
};

/// A hash of no password that anybody knows: checked when the address is unknown, so that both answers take as long.
/// Written down rather than made at start, where its 19 MiB would stay.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// With another one for each name, none could be found again.
const SALT_OF_NAMES: &[u8] = b"tessera: names of those who had their welcome";

/// Hashes and checks passwords.
pub struct Passwords {
    /// Each hash takes 19 MiB and tens of milliseconds of a core.
    permits: Arc<Semaphore>,
}

impl Default for Passwords {
    /// As many at a time as there are cores.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { permits: Arc::new(Semaphore::new(cores)) }
    }
}

impl Passwords {
    /// The PHC string of a password.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub async fn hash(&self, password: String) -> AppResult<String> {
        self.run(move || hash_blocking(&normalised(&password))).await?
    }

    /// A slow hash of what is no secret but can be told from others: always the same, so that it can be looked for, and nothing
    /// that names it can be read from it but by trying.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub async fn blur(&self, name: String) -> AppResult<SecretHash> {
        let work = move || {
            let mut hash = SecretHash::default();
            hasher().hash_password_into(name.as_bytes(), SALT_OF_NAMES, &mut hash).map(|()| hash)
        };
        self.run(work).await?.map_err(|error| {
            tracing::error!(%error, "a name could not be hashed");
            AppError::Internal
        })
    }

    /// Whether a password is among the million that are guessed first, by somebody who knows these words of the user.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub async fn is_guessable(&self, password: String, known: Vec<String>) -> AppResult<bool> {
        self.run(move || guessing::is_guessable(&normalised(&password), &known)).await
    }

    /// Whether the password is the one that was hashed, also as it was typed, for hashes from before passwords were normalised;
    /// always `false`, and as slow, for `None`.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub async fn verify(&self, password: String, hash: Option<String>) -> AppResult<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DECOY.to_owned());
        let right = self
            .run(move || {
                let normalised = normalised(&password);
                PasswordHash::new(&hash).is_ok_and(|hash| {
                    let is_right = |typed: &str| hasher().verify_password(typed.as_bytes(), &hash).is_ok();
                    is_right(&normalised) || normalised != password && is_right(&password)
                })
            })
            .await?;
        Ok(right && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| AppError::Internal)?;
        let work = move || {
            // It goes with the work, which nobody can stop: whoever asked may go away.
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| AppError::Internal)
    }
}

/// The same password however a keyboard writes it: an accent alone or with its letter, digits of full width (NFKC, as NIST
/// SP 800-63B has it).
#[must_use]
pub fn normalised(password: &str) -> String {
    password.nfkc().collect()
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS)
}

fn hash_blocking(password: &str) -> AppResult<String> {
    let salt = SaltString::generate(&mut OsRng);
    hasher().hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(|error| {
        tracing::error!(%error, "a password could not be hashed");
        AppError::Internal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_passes() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("correct horse".into(), None).await.unwrap());
        assert!(PasswordHash::new(DECOY).is_ok(), "the decoy takes as long as a hash");
    }
    #[tokio::test]
    async fn however_it_is_typed_and_from_before_it_did_not_matter() {
        let passwords = Passwords::default();
        let (composed, decomposed) = ("caf\u{e9} １７", "cafe\u{301} 17");
        let new = passwords.hash(decomposed.into()).await.unwrap();
        let old = hash_blocking(decomposed).unwrap();
        let old_wide = hash_blocking(composed).unwrap();
        for (typed, hash, right) in [
            (composed, &new, true),
            (decomposed, &new, true),
            (decomposed, &old, true),
            (composed, &old, false),
            (composed, &old_wide, true),
            ("cafe 17", &new, false),
        ] {
            assert_eq!(passwords.verify(typed.into(), Some(hash.clone())).await.unwrap(), right, "{typed} {hash}");
        }
    }

    /// Whoever goes away leaves its work behind, which takes its memory until it ends.
    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_keeps_its_place() {
        let passwords = Arc::new(Passwords::default());
        let places = passwords.permits.available_permits();
        let mut left = Vec::new();
        for _ in 0..places {
            let (tell, has_begun) = tokio::sync::oneshot::channel();
            let (let_go, wait) = std::sync::mpsc::channel::<()>();
            let asking = passwords.clone();
            let task = tokio::spawn(async move {
                let work = move || {
                    tell.send(()).unwrap();
                    wait.recv().is_err()
                };
                asking.run(work).await
            });
            has_begun.await.unwrap();
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            left.push(let_go);
        }
        assert_eq!(passwords.permits.available_permits(), 0);
        drop(left);
        assert!(passwords.hash("correct horse".into()).await.is_ok(), "there is a place again");
    }

    #[tokio::test]
    async fn what_is_guessed_first_is_guessable() {
        let passwords = Passwords::default();
        let known = vec!["ada.lovelace@example.org".to_owned(), "ada.lovelace".to_owned()];
        let is_guessable = async |password: &str| passwords.is_guessable(password.into(), known.clone()).await.unwrap();
        for weak in ["password", "ｐａｓｓｗｏｒｄ", "12345678", "Ada.Lovelace@example.org", "ada.lovelace1"] {
            assert!(is_guessable(weak).await, "{weak}");
        }
        for good in ["correct horse battery", "Xk2-uuQ7!lm", "四时田园杂兴其一二"] {
            assert!(!is_guessable(good).await, "{good}");
        }
    }
}
