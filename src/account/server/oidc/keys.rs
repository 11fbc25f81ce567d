//! The public keys of a provider, and what it signs with them (RFC 7517, 7515).

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::remote::Failure;

/// What a provider may sign with. Never with a secret that we have too, and never with nothing.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// Keys of one provider that are looked at.
const MOST_KEYS: usize = 64;

/// The keys that a provider signs with at the moment.
pub struct Keys(Vec<Jwk>);

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// What a token says of how it is signed.
pub struct Signed<'a> {
    token: &'a str,
    header: Header,
}

impl<'a> Signed<'a> {
    /// # Errors
    /// [`Failure::Wrong`] for what is no token, or is signed in no way that is taken.
    pub fn read(token: &'a str) -> Result<Self, Failure> {
        let header = decode_header(token).map_err(|error| Failure::Wrong(format!("no signed token: {error}")))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Failure::Wrong(format!("a token signed with {:?}", header.alg)));
        }
        Ok(Self { token, header })
    }
}

impl Keys {
    /// Keys of kinds that nobody knows are left out.
    ///
    /// # Errors
    /// [`Failure::Wrong`] for what is no set of keys.
    pub fn read(body: &[u8]) -> Result<Self, Failure> {
        let set: KeySet = serde_json::from_slice(body).map_err(|_| Failure::wrong("its keys cannot be read"))?;
        let keys = set.keys.into_iter().take(MOST_KEYS).filter_map(|key| serde_json::from_value(key).ok());
        Ok(Self(keys.filter(is_for_signatures).collect()))
    }

    /// Whether there is a key that this token may be signed with.
    #[must_use]
    pub fn may_have_signed(&self, signed: &Signed<'_>) -> bool {
        self.candidates(signed).next().is_some()
    }

    fn candidates<'s>(&'s self, signed: &'s Signed<'_>) -> impl Iterator<Item = &'s Jwk> {
        let Header { alg, kid, .. } = &signed.header;
        self.0.iter().filter(move |key| {
            let common = &key.common;
            let is_named = kid.is_none() || common.key_id == *kid;
            let is_of_kind = common.key_algorithm.is_none_or(|known| known.to_string() == format!("{alg:?}"));
            is_named && is_of_kind
        })
    }

    /// What the token says, if one of these keys has signed it. Nothing of it is looked at.
    ///
    /// # Errors
    /// [`Failure::Wrong`] otherwise.
    pub fn verify<T: DeserializeOwned>(&self, signed: &Signed<'_>) -> Result<T, Failure> {
        let mut validation = Validation::new(signed.header.alg);
        // What is said is judged where it is known what it should be.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let mut why = "no key that it may be signed with".to_owned();
        for key in self.candidates(signed) {
            let decoded = DecodingKey::from_jwk(key).and_then(|key| decode(signed.token, &key, &validation));
            match decoded {
                Ok(data) => return Ok(data.claims),
                Err(error) => why = error.to_string(),
            }
        }
        Err(Failure::Wrong(format!("a token that does not stand: {why}")))
    }
}

fn is_for_signatures(key: &Jwk) -> bool {
    matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature))
}
