//! Secrets that somebody is given once: session tokens, API keys, links. Only their hash is kept.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::RngCore;
use sha2::{Digest, Sha256};

/// SHA-256 of a secret. With 256 random bits in it, a plain hash is enough.
pub type SecretHash = [u8; 32];

/// How long a secret is.
pub const SECRET_CHARS: usize = 43;

/// 256 random bits as [`SECRET_CHARS`] characters that a URL can carry.
#[must_use]
pub fn new_secret() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// What is kept of a secret.
#[must_use]
pub fn hash_secret(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}
