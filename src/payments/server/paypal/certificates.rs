//! The certificates that PayPal signs with: fetched from PayPal alone, and believed if a public root vouches for them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::future::Cache;
use reqwest::{ClientBuilder, StatusCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use url::{Host, Url};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::generation::{BodyError, RetryBudget, innermost_cause, read_body};
use crate::payments::server::provider::Unheard;

/// Certificates are there, and signed for, below this name only.
const DOMAIN: &str = ".paypal.com";
/// A chain has a few kilobytes.
const MAX_CHAIN: usize = 64 * 1024;
/// PayPal uses one or two at a time.
const MOST_KEPT: u64 = 16;
const KEPT_FOR: Duration = Duration::from_hours(24);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Those that were fetched, by their addresses.
pub(super) struct Certificates {
    http: reqwest::Client,
    roots: Vec<TrustAnchor<'static>>,
    known: Cache<Url, Arc<Chain>>,
    /// Anybody can name certificates that there are not: what that makes us ask PayPal for is limited.
    fetches: RetryBudget,
}

/// A certificate, and others that lead from it to a root.
struct Chain {
    leaf: CertificateDer<'static>,
    others: Vec<CertificateDer<'static>>,
}

/// What certificates are fetched with: from where it was checked to be, and nowhere else.
pub fn certificate_client() -> ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(TIMEOUT)
        .timeout(TIMEOUT)
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
}

impl Certificates {
    pub(super) fn new(http: reqwest::Client, roots: &[CertificateDer<'static>]) -> Self {
        // One that cannot be read vouches for nobody.
        let roots = roots.iter().filter_map(|root| Some(anchor_from_trusted_cert(root).ok()?.to_owned())).collect();
        let known = Cache::builder().max_capacity(MOST_KEPT).time_to_live(KEPT_FOR).build();
        Self { http, roots, known, fetches: RetryBudget::default() }
    }

    /// The public key of the certificate at this address.
    pub(super) async fn key_at(&self, url: &Url, now: SystemTime) -> Result<Vec<u8>, Unheard> {
        let fetched = self.known.try_get_with_by_ref(url, async {
            let chain = self.fetch(url).await?;
            // Only what was good is kept.
            self.key_of(&chain, now)?;
            Ok::<_, Unheard>(Arc::new(chain))
        });
        let chain = fetched.await.map_err(|error| Unheard::clone(&error))?;
        self.key_of(&chain, now)
    }

    /// The key of a certificate, if it is PayPal's at this time.
    fn key_of(&self, chain: &Chain, now: SystemTime) -> Result<Vec<u8>, Unheard> {
        let distrusted = |error: webpki::Error| Unheard::Distrusted(format!("its certificate: {error}"));
        if self.roots.is_empty() {
            return Err(Unheard::Unavailable("there are no root certificates on this machine".to_owned()));
        }
        let leaf = EndEntityCert::try_from(&chain.leaf).map_err(distrusted)?;
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &self.roots,
            &chain.others,
            UnixTime::since_unix_epoch(since),
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map_err(distrusted)?;
        if !is_for_paypal(&leaf) {
            return Err(Unheard::Distrusted("its certificate is for somebody else".to_owned()));
        }
        Ok(leaf.subject_public_key_info().as_ref().to_vec())
    }

    async fn fetch(&self, url: &Url) -> Result<Chain, Unheard> {
        let unavailable = |why: String| Unheard::Unavailable(format!("a certificate of PayPal: {why}"));
        let distrusted = |why: String| Unheard::Distrusted(format!("its certificate: {why}"));
        if !self.fetches.spend() {
            return Err(unavailable("too many were asked for".to_owned()));
        }
        let response = self.http.get(url.clone()).send().await.map_err(|error| unavailable(innermost_cause(&error)))?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(unavailable(status.to_string()));
            }
            // Whoever named it made it up. Also where it is elsewhere: nobody goes there.
            status => return Err(distrusted(status.to_string())),
        }
        let pem = read_body(response, MAX_CHAIN).await.map_err(|error| match error {
            BodyError::TooLarge { most } => distrusted(format!("more than {most} bytes")),
            BodyError::Broken(error) => unavailable(innermost_cause(&error)),
        })?;
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let mut all = all.map_err(|error| distrusted(error.to_string()))?;
        // The first, as a rule.
        let at = all.iter().position(|one| EndEntityCert::try_from(one).is_ok_and(|cert| is_for_paypal(&cert)));
        let leaf = all.remove(at.ok_or_else(|| distrusted("none is for PayPal".to_owned()))?);
        Ok(Chain { leaf, others: all })
    }
}

fn is_for_paypal(leaf: &EndEntityCert<'_>) -> bool {
    leaf.valid_dns_names().any(|name| name.to_ascii_lowercase().ends_with(DOMAIN))
}

/// Where a certificate may be fetched from. Nothing is asked before this is known.
///
/// # Errors
/// What is wrong with the address.
pub(super) fn certificate_url(text: &str) -> Result<Url, &'static str> {
    // What is checked is what will be connected to, however it is written.
    let mut url = Url::parse(text).map_err(|_| "it is no URL")?;
    if url.scheme() != "https" {
        return Err("it is not by https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user name");
    }
    // `None` also where 443 is written out.
    if url.port().is_some() {
        return Err("its port is not allowed");
    }
    match url.host() {
        // The parser has made it lower case.
        Some(Host::Domain(host)) if host.ends_with(DOMAIN) => {}
        _ => return Err("its host is not PayPal's"),
    }
    // Whoever makes addresses up can have nothing fetched that is no certificate.
    if !url.path().starts_with("/v1/notifications/certs/") {
        return Err("it is not the address of a certificate");
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_at_paypal_and_nowhere_else() {
        for url in [
            "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-df8cd2d5",
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
            "https://api-m.PAYPAL.com:443/v1/notifications/certs/CERT-1#x",
        ] {
            assert!(certificate_url(url).is_ok(), "{url}");
        }
        for (url, why) in [
            ("", "no URL"),
            ("api.paypal.com/cert", "no URL"),
            ("http://api.paypal.com/cert", "https"),
            ("file:///etc/ssl/cert.pem", "https"),
            ("https://user@api.paypal.com/cert", "user name"),
            ("https://:pass@api.paypal.com/cert", "user name"),
            ("https://api.paypal.com@evil.example/cert", "user name"),
            ("https://api.paypal.com:8443/cert", "port"),
            ("https://api.paypal.com:80/cert", "port"),
            ("https://evil.example/api.paypal.com", "host"),
            ("https://api.paypal.com.evil.example/cert", "host"),
            ("https://evilpaypal.com/cert", "host"),
            ("https://api-paypal.com/cert", "host"),
            ("https://paypal.com/cert", "host"),
            ("https://api.paypal.com./cert", "host"),
            ("https://evil.example\\.paypal.com/cert", "host"),
            ("https://evil.example#.paypal.com", "host"),
            ("https://evil.example?.paypal.com", "host"),
            // With a Cyrillic letter.
            ("https://api.p\u{430}ypal.com/cert", "host"),
            ("https://127.0.0.1/cert", "host"),
            ("https://[::1]/cert", "host"),
            ("https://2130706433/cert", "host"),
            ("https://localhost/cert", "host"),
        ] {
            let refused = certificate_url(url).unwrap_err();
            assert!(refused.contains(why), "{url}: {refused}");
        }
    }
}
