//! An authenticator: it makes passkeys and signs with them as `WebAuthn` says (ES256, no attestation), and lies where a test wants it to.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use tessera::platform::secret::new_secret;

/// Somebody was there, and was verified.
pub const PRESENT: u8 = 0x01;
pub const VERIFIED: u8 = 0x04;
/// It can be, and is, on other devices too.
pub const BACKED_UP: u8 = 0x18;
const WITH_CREDENTIAL: u8 = 0x40;

/// A device with one passkey.
pub struct Authenticator {
    pub key: EcdsaKeyPair,
    pub id: Vec<u8>,
    /// The user handle that it was given.
    pub user: Vec<u8>,
    /// How often it has signed; `None`: it does not count.
    pub counter: Option<u32>,
    pub flags: u8,
    pub origin: String,
    pub rp_id: String,
    /// What it says instead of the challenge.
    pub challenge: Option<String>,
    /// What it says that it does, instead of what it does.
    pub kind: Option<&'static str>,
}

impl Authenticator {
    pub fn new() -> Self {
        let id = BASE64.decode(new_secret()).unwrap();
        Self::with(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(), id)
    }

    /// With a key in PKCS #8.
    pub fn of_key(key: &str, id: &[u8]) -> Self {
        let key = BASE64.decode(key).unwrap();
        Self::with(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key).unwrap(), id.to_vec())
    }

    fn with(key: EcdsaKeyPair, id: Vec<u8>) -> Self {
        Self {
            key,
            id,
            user: Vec::new(),
            counter: None,
            flags: PRESENT | VERIFIED,
            origin: "http://localhost:3000".into(),
            rp_id: "localhost".into(),
            challenge: None,
            kind: None,
        }
    }

    /// What `navigator.credentials.create()` leads to.
    pub fn create(&mut self, options: &Value) -> Value {
        self.user = BASE64.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let key = [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", x, b"\x22\x58\x20", y].concat();
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let credential = [&[0; 16][..], &length, &self.id, &key].concat();
        let data = [self.data(self.flags | WITH_CREDENTIAL), credential].concat();
        let length = u8::try_from(data.len()).unwrap();
        let object = [&b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"[..], &[length], &data].concat();
        let client = self.client_data("webauthn.create", options);
        self.credential(json!({ "clientDataJSON": BASE64.encode(client), "attestationObject": BASE64.encode(object) }))
    }

    /// What `navigator.credentials.get()` leads to.
    pub fn get(&mut self, options: &Value) -> Value {
        self.counter = self.counter.map(|count| count + 1);
        let data = self.data(self.flags);
        let client = self.client_data("webauthn.get", options);
        let signed = [&data[..], digest(&SHA256, client.as_bytes()).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        self.credential(json!({
            "clientDataJSON": BASE64.encode(client),
            "authenticatorData": BASE64.encode(data),
            "signature": BASE64.encode(signature),
            "userHandle": BASE64.encode(&self.user),
        }))
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let host = digest(&SHA256, self.rp_id.as_bytes());
        [host.as_ref(), &[flags], &self.counter.unwrap_or_default().to_be_bytes()].concat()
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let challenge = self.challenge.as_deref().unwrap_or_else(|| options["challenge"].as_str().unwrap());
        let kind = self.kind.unwrap_or(kind);
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false }).to_string()
    }

    fn credential(&self, response: Value) -> Value {
        let id = BASE64.encode(&self.id);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": {} })
    }
}
