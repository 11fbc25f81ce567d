//! What passkeys are bound to: the host of `PUBLIC_URL`. Under another one they do not work.

use std::time::Duration;

use url::Url;
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// How long a ceremony may take.
pub const CEREMONY: Duration = Duration::from_mins(5);

/// What checks ceremonies of the site at this URL; `None` where browsers have none: at an IP address, or without TLS.
#[must_use]
pub fn relying_party(public_url: &Url) -> Option<Webauthn> {
    let host = public_url.domain()?;
    let is_this_machine = host == "localhost" || host.ends_with(".localhost");
    if public_url.scheme() != "https" && !is_this_machine {
        return None;
    }
    let built =
        WebauthnBuilder::new(host, public_url).and_then(|site| site.rp_name("Tessera").timeout(CEREMONY).build());
    built.inspect_err(|error| tracing::error!(%error, "passkeys are off")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_need_a_name_and_tls_but_not_on_this_machine() {
        for (url, has_passkeys) in [
            ("https://chat.example.org", true),
            ("https://chat.example.org:8443", true),
            ("https://intranet", true),
            ("http://localhost:3000", true),
            ("http://tessera.localhost", true),
            ("http://chat.example.org", false),
            ("http://127.0.0.1:3000", false),
            ("https://192.0.2.7", false),
            ("https://[2001:db8::1]", false),
        ] {
            assert_eq!(relying_party(&Url::parse(url).unwrap()).is_some(), has_passkeys, "{url}");
        }
    }
}
