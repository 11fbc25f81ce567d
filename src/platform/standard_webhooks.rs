//! Reports that other services sign as Standard Webhooks say, or as Svix, which differs in the names of the headers alone.
//! <https://www.standardwebhooks.com>

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// How far its clock and ours may be apart, in seconds. After that a report may be somebody's copy.
const TOLERANCE: u64 = 5 * 60;

/// Why a report is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Ours: it is `whsec_` and Base64.
    #[error("the secret for webhooks is none")]
    Secret,
    #[error("a header is missing or cannot be read")]
    Headers,
    #[error("more than five minutes old, or from the future")]
    Time,
    #[error("the signature is wrong")]
    Signature,
}

/// Checks the id, the timestamp and the signatures of a report, as its headers give them.
///
/// # Errors
/// [`WebhookError`].
pub fn verify(
    secret: &SecretString,
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &[u8],
    now_secs: u64,
) -> Result<(), WebhookError> {
    let key = secret.expose_secret().strip_prefix("whsec_").and_then(|key| BASE64_STANDARD.decode(key).ok());
    let key = hmac::Key::new(HMAC_SHA256, &key.filter(|key| !key.is_empty()).ok_or(WebhookError::Secret)?);
    let time: u64 = timestamp.parse().map_err(|_| WebhookError::Headers)?;
    if id.is_empty() {
        return Err(WebhookError::Headers);
    }
    if now_secs.abs_diff(time) > TOLERANCE {
        return Err(WebhookError::Time);
    }
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    // Several while the secret is being changed; other versions may come one day.
    let mut candidates = signatures.split(' ').filter_map(|entry| entry.strip_prefix("v1,"));
    let is_right =
        |entry: &str| BASE64_STANDARD.decode(entry).is_ok_and(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    if candidates.any(is_right) { Ok(()) } else { Err(WebhookError::Signature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_replicate_1";
    const TIME: &str = "1767225600";
    const NOW: u64 = 1_767_225_600;
    const BODY: &[u8] =
        br#"{"id":"ufawqhfynnddngldkgtslldrkq","status":"succeeded","output":["https://replicate.delivery/x/out-0.webp"]}"#;
    const SIGNATURE: &str = "v1,YV5IOHc6b8sz585GhO7MbNaLAhogO+FzI4kbqg8s7kY=";

    fn secret() -> SecretString {
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()
    }

    #[test]
    fn reports_of_several_services_are_believed() {
        verify(&secret(), ID, TIME, SIGNATURE, BODY, NOW).unwrap();
        // Of Svix, with which Clerk signs; both were made by its own library.
        let body = br#"{"data":{"id":"user_29w83sxmDNGwOuEthce5gg56FcC","object":"user"},"object":"event","type":"user.created","timestamp":1767225600000,"instance_id":"ins_123"}"#;
        let signature = "v1,SAry/ULsFygJdyMZsoNR3mMuhlF7QRlN1jtQdJ5qP0g=";
        verify(&secret(), "msg_p5jXN8AQM9LWM0D4loKWxJek", TIME, signature, body, NOW).unwrap();
        let (time, body) = ("1614265330", br#"{"test": 2432232314}"#);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        verify(&secret(), "msg_p5jXN8AQM9LWM0D4loKWxJek", time, signature, body, 1_614_265_330).unwrap();
    }

    #[test]
    fn one_right_signature_among_several_is_enough() {
        for signatures in
            [format!("v1,AAAA {SIGNATURE}"), format!("v2,x {SIGNATURE} v1,%%%"), format!("{SIGNATURE} {SIGNATURE}")]
        {
            verify(&secret(), ID, TIME, &signatures, BODY, NOW).unwrap();
        }
    }

    #[test]
    fn anything_that_is_changed_is_not_believed() {
        let check = |id, time, signatures, body| verify(&secret(), id, time, signatures, body, NOW);
        let wrong = Err(WebhookError::Signature);
        assert_eq!(check("msg_replicate_2", TIME, SIGNATURE, BODY), wrong);
        assert_eq!(check(ID, "1767225601", SIGNATURE, BODY), wrong);
        assert_eq!(check(ID, TIME, SIGNATURE, &BODY[1..]), wrong);
        assert_eq!(check(ID, TIME, SIGNATURE, b""), wrong);
        // What is before a dot must not be able to move behind it.
        assert_eq!(check("msg_replicate_1.1767225600", TIME, SIGNATURE, BODY), wrong);
        let other_version = SIGNATURE.replace("v1", "v2");
        for signatures in ["", "v1,", " ", &SIGNATURE[3..], &other_version, &SIGNATURE[..30]] {
            assert_eq!(check(ID, TIME, signatures, BODY), wrong, "{signatures}");
        }
        assert_eq!(check("", TIME, SIGNATURE, BODY), Err(WebhookError::Headers));
        for time in ["", "now", "-1", "1767225600.5", "99999999999999999999999"] {
            assert_eq!(check(ID, time, SIGNATURE, BODY), Err(WebhookError::Headers), "{time}");
        }
    }

    #[test]
    fn reports_are_believed_for_five_minutes() {
        for now in [NOW - 300, NOW + 300] {
            verify(&secret(), ID, TIME, SIGNATURE, BODY, now).unwrap();
        }
        for now in [0, NOW - 301, NOW + 301, u64::MAX] {
            assert_eq!(verify(&secret(), ID, TIME, SIGNATURE, BODY, now), Err(WebhookError::Time));
        }
    }

    #[test]
    fn a_secret_that_is_none_is_told_apart() {
        for secret in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"] {
            let checked = verify(&secret.into(), ID, TIME, SIGNATURE, BODY, NOW);
            assert_eq!(checked, Err(WebhookError::Secret), "{secret}");
        }
    }
}
