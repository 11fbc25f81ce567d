//! Under which names the site is asked for: a page of another site whose name was led here (DNS rebinding) is none of ours.

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use url::{Host, Url};

use crate::platform::config::Reader;

/// The names that the site answers to. Addresses and names of this machine are always among them: nobody can lead those
/// elsewhere.
#[derive(Debug, Clone)]
pub struct KnownHosts(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Any,
    Name(String),
    /// All names below this one.
    Below(String),
}

impl KnownHosts {
    /// `PUBLIC_URL` and what is set besides.
    pub(crate) fn read(reader: &mut Reader, public_url: &Url) -> Self {
        let mut patterns: Vec<_> = public_url.host_str().and_then(domain_of).map(Pattern::Name).into_iter().collect();
        for text in reader.list("ALLOWED_HOSTS") {
            match Pattern::parse(text) {
                Some(pattern) => patterns.push(pattern),
                None => reader
                    .problem("ALLOWED_HOSTS", format!("{text:?} is no host name, and nothing such as *.example.org")),
            }
        }
        Self(patterns)
    }

    /// Whether a request asks for this site. One that names no host comes from no browser.
    #[must_use]
    pub fn are_asked(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let in_headers = headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
        uri.authority().map(Authority::as_str).into_iter().chain(in_headers).all(|authority| self.know(authority))
    }

    fn know(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        match Host::parse(authority.host()) {
            Ok(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost") || self.0.iter().any(|known| known.covers(name))
            }
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            Err(_) => false,
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("*.") {
            _ if text == "*" => Some(Self::Any),
            Some(name) => domain_of(name).map(Self::Below),
            None => domain_of(text).map(Self::Name),
        }
    }

    fn covers(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(known) => known == name,
            Self::Below(known) => {
                name.strip_suffix(known.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }
}

/// A name as browsers send it; `None` for an address, which needs no permission, and for what is neither.
fn domain_of(text: &str) -> Option<String> {
    match Host::parse(text) {
        Ok(Host::Domain(name)) if !name.contains('*') => Some(name.trim_end_matches('.').to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn known(set: &str) -> Result<KnownHosts, Vec<String>> {
        let vars = BTreeMap::from([("ALLOWED_HOSTS".to_owned(), set.to_owned())]);
        let mut reader = Reader::new(&vars);
        let hosts = KnownHosts::read(&mut reader, &Url::parse("https://chät.example.org:8443").unwrap());
        reader.finish(hosts)
    }

    #[test]
    fn only_names_that_were_set_are_known() {
        let hosts = known("tessera, *.example.net").unwrap();
        for ours in [
            "xn--cht-rla.example.org",
            "XN--CHT-rla.example.org:1",
            "tessera:3000",
            "a.example.net",
            "b.a.example.net.",
            "localhost:3000",
            "app.localhost",
            "127.0.0.1:3000",
            "[::1]",
            "[2001:db8::1]:80",
        ] {
            assert!(hosts.know(ours), "{ours}");
        }
        for other in [
            "",
            "evil.example",
            "example.net",
            ".example.net",
            "notexample.net",
            "xn--cht-rla.example.org.evil.example",
            "localhost.evil.example",
            "tessera.evil.example",
            "tessera@evil.example",
            "127.0.0.1.evil.example",
            "a b",
        ] {
            assert!(!hosts.know(other), "{other}");
        }
        assert!(known("*").unwrap().know("whatever.example"));
    }

    #[test]
    fn what_is_no_name_is_no_setting() {
        for wrong in ["tessera:3000", "https://example.org", "a.*.example.org", "exa mple.org", "*.", "10.0.0.1"] {
            assert!(known(wrong).unwrap_err()[0].starts_with("ALLOWED_HOSTS: "), "{wrong}");
        }
    }
}
