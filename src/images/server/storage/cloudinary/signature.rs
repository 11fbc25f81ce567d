//! How requests to Cloudinary are signed, and its answers.
//! <https://cloudinary.com/documentation/authentication_signatures>

use std::fmt::Write;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

/// What an account signs with. Cloudinary's own choice: a plain hash with the secret at its end, not an HMAC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// Unless the account says otherwise.
    #[default]
    Sha1,
    Sha256,
}

impl HashAlgorithm {
    fn digest(self) -> &'static Algorithm {
        match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
        }
    }
}

/// What is sent, but is no part of what is signed.
const UNSIGNED: [&str; 5] = ["file", "cloud_name", "resource_type", "api_key", "signature"];

/// Version 2 of the signature, in lower-case hexadecimal. Lists are given as they are sent: joined with commas.
#[must_use]
pub fn sign(parameters: &[(&str, &str)], secret: &SecretString, algorithm: HashAlgorithm) -> String {
    let signed = parameters.iter().filter(|(name, value)| !value.is_empty() && !UNSIGNED.contains(name));
    // An `&` in a value could otherwise stand for the beginning of another parameter.
    let mut pairs: Vec<_> = signed.map(|(name, value)| format!("{name}={value}").replace('&', "%26")).collect();
    // Not by name alone: the SDKs have `a1=…` before `a=…`.
    pairs.sort_unstable();
    hash(&pairs.join("&"), secret, algorithm)
}

/// Whether an answer is Cloudinary's: <https://cloudinary.com/documentation/signatures#verifying_api_responses>.
pub(super) fn is_signed(
    public_id: &str,
    version: u64,
    signature: &str,
    secret: &SecretString,
    algorithm: HashAlgorithm,
) -> bool {
    // Version 1 of the signature, whatever the request was signed with.
    let wanted = hash(&format!("public_id={public_id}&version={version}"), secret, algorithm);
    verify_slices_are_equal(wanted.as_bytes(), signature.as_bytes()).is_ok()
}

fn hash(text: &str, secret: &SecretString, algorithm: HashAlgorithm) -> String {
    let hash = digest(algorithm.digest(), format!("{text}{}", secret.expose_secret()).as_bytes());
    hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::HashAlgorithm::{Sha1, Sha256};
    use super::*;

    const TIME: (&str, &str) = ("timestamp", "1767225600");

    fn secret() -> SecretString {
        "abcdefghijklmnopqrstuvwxyz0".into()
    }

    #[test]
    fn the_worked_example_of_the_documentation_comes_out() {
        let parameters = [
            ("timestamp", "1315060510"),
            ("public_id", "sample_image"),
            ("eager", "w_400,h_300,c_pad|w_260,h_200,c_crop"),
        ];
        assert_eq!(sign(&parameters, &"abcd".into(), Sha1), "bfd09f95f331f558cbd1320e67aa8d488770583e");
    }

    #[test]
    fn uploads_and_deletions_are_signed_as_the_sdks_do() {
        let id = ("public_id", "users/42/gen_7f3a");
        assert_eq!(sign(&[id, TIME], &secret(), Sha1), "ec7a6251a725e5a1d635ecacfbabf474f2cd27dc");
        assert_eq!(
            sign(&[id, TIME], &secret(), Sha256),
            "ddbb1569f8e875b7088e58cf3fb012427f2645b24d85eb154ac526026c16dc8d"
        );
        let tagged = [id, ("overwrite", "1"), TIME, ("tags", "a,b")];
        assert_eq!(sign(&tagged, &secret(), Sha1), "73fb8b2e68cf6e4f696c99b753c8d3c62eace199");
        let destroy = [("invalidate", "1"), id, TIME];
        assert_eq!(sign(&destroy, &secret(), Sha1), "c7830524414f14fb837872ddb204eb079a22573a");
    }

    #[test]
    fn an_ampersand_in_a_value_begins_no_parameter() {
        let parameters = [
            ("context", "alt=cat & dog"),
            ("folder", "users/42"),
            ("overwrite", "true"),
            ("public_id", "gen_7f3a"),
            ("tags", "avatar,gen"),
            TIME,
        ];
        assert_eq!(sign(&parameters, &secret(), Sha1), "3062bffd4ac95b21fb37f527a0aa194c2dd8c562");
    }

    #[test]
    fn empty_values_and_what_is_not_signed_make_no_difference() {
        let id = ("public_id", "users/42/gen_7f3a");
        let more =
            [id, TIME, ("tags", ""), ("file", "x"), ("api_key", "1"), ("cloud_name", "c"), ("resource_type", "image")];
        assert_eq!(sign(&more, &secret(), Sha1), sign(&[TIME, id], &secret(), Sha1));
    }

    #[test]
    fn only_the_signature_of_an_answer_vouches_for_it() {
        let signed = |id: &str, version, signature: &str| is_signed(id, version, signature, &secret(), Sha1);
        let signature = "e185de17625744471f5bf67cce3ba6580c3d4593";
        assert!(signed("users/42/gen_7f3a", 1_767_225_601, signature));
        assert!(!signed("users/42/gen_7f3b", 1_767_225_601, signature));
        assert!(!signed("users/42/gen_7f3a", 1_767_225_602, signature));
        assert!(!signed("users/42/gen_7f3a", 1_767_225_601, &signature.to_uppercase()));
        assert!(!signed("users/42/gen_7f3a", 1_767_225_601, ""));
    }
}
