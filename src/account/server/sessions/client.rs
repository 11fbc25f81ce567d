//! Who signs in, as far as the request tells: the device, and where it is.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::platform::limits::ClientAddress;
use crate::platform::site::Site;

/// Most characters of a name that no browser is known by.
const MAX_NAME_CHARS: usize = 32;

/// The device behind a request.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: ClientAddress,
    /// In words, such as "Firefox on Linux"; empty where it says nothing.
    pub device: String,
}

impl Client {
    /// The address as it is kept with a session.
    #[must_use]
    pub fn address_text(&self) -> String {
        self.address.0.map(|address| address.to_string()).unwrap_or_default()
    }
}

impl<S> FromRequestParts<S> for Client
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let address = ClientAddress::from_request_parts(parts, state).await?;
        Ok(Self { address, device: device_of(&parts.headers) })
    }
}

fn device_of(headers: &HeaderMap) -> String {
    headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).map(describe_agent).unwrap_or_default()
}

/// What browsers call themselves, the more special first: many claim to be several.
const BROWSERS: [(&str, &str); 12] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// A `User-Agent` in words. It is what somebody says, so it is only shown to the owner, to tell their devices apart.
fn describe_agent(agent: &str) -> String {
    let known = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| (*name).to_owned())
    };
    // A program says its name first: `curl/8.5.0`.
    let program = || {
        let name = agent.split(|c: char| c == '/' || c.is_whitespace()).next().unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let name: String = name.chars().filter(|c| is_plain(*c)).take(MAX_NAME_CHARS).collect();
        Some(name).filter(|name| !name.is_empty() && name != "Mozilla")
    };
    let browser = known(&BROWSERS).or_else(program);
    match (browser, known(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_as_its_owner_would() {
        for (agent, words) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("curl/8.5.0", "curl"),
            ("python-requests/2.32 <script>", "python-requests"),
            ("Mozilla/5.0", ""),
            ("", ""),
        ] {
            assert_eq!(describe_agent(agent), words, "{agent}");
        }
        assert_eq!(describe_agent(&"x".repeat(5000)).len(), MAX_NAME_CHARS);
    }
}
