//! Whether a report is PayPal's: by its signature here, or by asking PayPal.
//! <https://developer.paypal.com/api/rest/webhooks/rest/>

use std::time::SystemTime;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::CertificateDer;
use serde::Serialize;
use serde_json::value::RawValue;
use url::Url;

use super::certificates::{Certificates, certificate_url};
use crate::payments::server::provider::Unheard;

/// The only way of signing that is taken.
const ALGORITHM: &str = "SHA256withRSA";
/// The longest value of a header that is worth a look.
const MAX_HEADER: usize = 2048;

/// What the headers of a report say about it, as they were sent.
#[derive(Serialize)]
pub(super) struct ReportHeaders<'a> {
    auth_algo: &'a str,
    cert_url: &'a str,
    transmission_id: &'a str,
    transmission_sig: &'a str,
    transmission_time: &'a str,
}

impl<'a> ReportHeaders<'a> {
    /// Reads the headers. What can be seen to be wrong without asking anybody is an error here.
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Self, Unheard> {
        let read = |name: &'static str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            let is_right = |value: &&str| (1..=MAX_HEADER).contains(&value.len());
            value.filter(is_right).ok_or_else(|| Unheard::Distrusted(format!("{name} is missing or cannot be read")))
        };
        let report = Self {
            auth_algo: read("paypal-auth-algo")?,
            cert_url: read("paypal-cert-url")?,
            transmission_id: read("paypal-transmission-id")?,
            transmission_sig: read("paypal-transmission-sig")?,
            transmission_time: read("paypal-transmission-time")?,
        };
        if report.auth_algo != ALGORITHM {
            return Err(Unheard::Distrusted(format!("paypal-auth-algo is not {ALGORITHM}")));
        }
        report.certificate_url()?;
        Ok(report)
    }

    fn certificate_url(&self) -> Result<Url, Unheard> {
        certificate_url(self.cert_url).map_err(|why| Unheard::Distrusted(format!("paypal-cert-url: {why}")))
    }
}

/// Verifies reports without asking PayPal for more than its certificates.
pub struct OfflineVerifier {
    webhook_id: String,
    certificates: Certificates,
}

impl OfflineVerifier {
    /// For the webhook of this id, with certificates that `http` fetches ([`super::certificate_client`]) and `roots` vouch for.
    #[must_use]
    pub fn new(webhook_id: &str, http: reqwest::Client, roots: &[CertificateDer<'static>]) -> Self {
        Self { webhook_id: webhook_id.to_owned(), certificates: Certificates::new(http, roots) }
    }

    /// Whether PayPal has sent this body.
    ///
    /// # Errors
    /// Why it is not believed, or that it cannot be told now.
    pub(super) async fn verify(
        &self,
        headers: &ReportHeaders<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), Unheard> {
        let forged = |why: &str| Unheard::Distrusted(why.to_owned());
        let signature = BASE64_STANDARD
            .decode(headers.transmission_sig)
            .map_err(|_| forged("paypal-transmission-sig is not Base64"))?;
        let key = self.certificates.key_at(&headers.certificate_url()?, now).await?;
        let message =
            signed_message(headers.transmission_id, headers.transmission_time, &self.webhook_id, crc32fast::hash(body));
        if is_signed(&key, message.as_bytes(), &signature) { Ok(()) } else { Err(forged("the signature is wrong")) }
    }
}

/// What is signed: the body only by its checksum, in decimal.
fn signed_message(id: &str, time: &str, webhook_id: &str, checksum: u32) -> String {
    format!("{id}|{time}|{webhook_id}|{checksum}")
}

/// Whether this key, as a certificate has it, signed this message.
fn is_signed(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(message, signature).is_ok()
}

/// What PayPal is asked, to tell whether it has sent a report.
#[derive(Serialize)]
pub(super) struct Postback<'a> {
    #[serde(flatten)]
    pub(super) headers: &'a ReportHeaders<'a>,
    pub(super) webhook_id: &'a str,
    /// As it came: written anew, it would be another.
    pub(super) webhook_event: &'a RawValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A delivery of PayPal's simulator, for which every webhook is called `WEBHOOK_ID`.
    const ID: &str = "51730200-5106-11ef-9a30-157053fd3e43";
    const TIME: &str = "2024-08-02T19:35:04Z";
    const CHECKSUM: u32 = 3_783_980_084;
    const SIGNATURE: &str = "ff31fhZxoix1VbYc2wPp991eiUBdhALb71NFSq8VOMkbaBdx3Gm4lFZmQDL/lUXl4rImLjUdDvBMp4DOCN7T5WmyY7G88yzMJJCngENSA7+r1NXweP+TLy5/jyGoNU2j3VEUSr9gwNF1tKrCpixnJbzwTA7tI8s4c53xfdtPuYKd4KNjH7jRQXt/YH+sR9hwNZTPWpIUm1LrdGFxCH1iHoM5/mO1E7EngRuTf8zYAFIJE/vBcY2dLoD2gTJPfLbo5D+KSSMqgrD+xuCPJtZnQjP9QbA0rUAenRYAbRxPh2u3dLTiAaRMP7mZBI4d9ecPkdk0HgtUAPVhJTTBmx+Lag==";
    const KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuBs6F2wG2WNZza0erK/1hgSh67+TM1yvkGNpbTdHmRUjEd0PxYU0lSshRhLaqXZFbtkcJyZ6c9HbQwJ7LAWUwxP93Wnxk+NXDz7Y0E8f1S4QtJ6FfkgnMGJNgb+75tkaniVFFak4aLjZmT2kWTaTD0AwKnR1KCMUpP5EJYT1R4UwqY2PcMFG8J+PRP/n+OFvO5JHl7K203rem0nqoFtaMu7I9kEdL4NsYtcmMnTaoTIbHHod6Ve6kX75T+0b98qK7AlmVwG8UgezCs3ErJzNp+IhNtKU1lolGiizyC+L06n5dHKkcoCsdD3MuGpJ8SEcGyPAG+Pd4+XNkZrcb+GSYQIDAQAB";

    fn is_believed(id: &str, time: &str, webhook_id: &str, checksum: u32) -> bool {
        let [key, signature] = [KEY, SIGNATURE].map(|text| BASE64_STANDARD.decode(text).unwrap());
        is_signed(&key, signed_message(id, time, webhook_id, checksum).as_bytes(), &signature)
    }

    #[test]
    fn a_real_delivery_is_believed_and_nothing_else() {
        assert!(is_believed(ID, TIME, "WEBHOOK_ID", CHECKSUM));
        assert!(!is_believed(ID, TIME, "WEBHOOK_IE", CHECKSUM));
        assert!(!is_believed(ID, TIME, "WEBHOOK_ID", CHECKSUM + 1));
        assert!(!is_believed(ID, "2024-08-02T19:35:05Z", "WEBHOOK_ID", CHECKSUM));
        assert!(!is_believed(&ID.to_uppercase(), TIME, "WEBHOOK_ID", CHECKSUM));
        assert!(!is_signed(b"", b"", b"") && !is_signed(KEY.as_bytes(), b"", b""));
    }

    #[test]
    fn the_checksum_is_that_of_ieee() {
        assert_eq!(crc32fast::hash(b"123456789"), 3_421_780_262);
        assert_eq!(crc32fast::hash(br#"{"a":1}"#), 1_444_654_255);
    }
}
