//! The cookies of an instance. Each may be there twice, with and without a suffix: other instances may be used on the same
//! domain, and older ones know no suffix.

use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;

use super::config::ClerkConfig;
use super::token::Unverified;

pub use crate::platform::http::visitor::CLERK_SESSION as SESSION;

/// When the client last changed, in seconds since 1970; 0: nobody is signed in.
pub const CLIENT_UAT: &str = "__client_uat";
/// By which an instance for development knows a browser.
pub const DEV_BROWSER: &str = "__clerk_db_jwt";
pub const HANDSHAKE: &str = "__clerk_handshake";
pub const REDIRECTS: &str = "__clerk_redirect_count";

/// What a request brings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClerkCookies {
    pub session: Option<String>,
    /// 0 as well where there is none.
    pub client_uat: i64,
    pub dev_browser: Option<String>,
    /// Whether they are those with the suffix.
    pub suffixed: bool,
}

impl ClerkCookies {
    #[must_use]
    pub fn read(jar: &CookieJar, config: &ClerkConfig) -> Self {
        let find = |name: &str| jar.get(name).map(Cookie::value).filter(|value| !value.is_empty()).map(str::to_owned);
        let set = |suffixed: bool| {
            let find = |name: &str| if suffixed { find(&suffixed_name(name, config)) } else { find(name) };
            let uat = find(CLIENT_UAT);
            let has_uat = uat.is_some();
            let client_uat = uat.and_then(|text| text.parse().ok()).unwrap_or_default();
            (Self { session: find(SESSION), client_uat, dev_browser: find(DEV_BROWSER), suffixed }, has_uat)
        };
        let ((plain, _), (suffixed, has_suffixed_uat)) = (set(false), set(true));
        if is_suffixed_meant(&plain, &suffixed, has_suffixed_uat, config.issuer()) { suffixed } else { plain }
    }
}

/// The name of a cookie that is this instance's alone.
#[must_use]
pub fn suffixed_name(name: &str, config: &ClerkConfig) -> String {
    format!("{name}_{}", config.suffix)
}

fn is_suffixed_meant(plain: &ClerkCookies, suffixed: &ClerkCookies, has_suffixed_uat: bool, issuer: &str) -> bool {
    let said = plain.session.as_deref().map(Unverified::read).unwrap_or_default();
    if plain.session.is_some() && said.iss != issuer {
        // Of something that is no token nothing can be said: then nobody is signed in.
        return !said.iss.is_empty();
    }
    if !has_suffixed_uat || (suffixed.client_uat == 0 && plain.client_uat != 0) {
        return false;
    }
    let suffixed_iat = suffixed.session.as_deref().map(Unverified::read).unwrap_or_default().iat;
    !(suffixed.client_uat != 0 && plain.client_uat != 0 && said.iat > suffixed_iat)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    const OURS: &str = "https://clerk.example.com";

    fn cookies(iss: Option<&str>, iat: i64, client_uat: i64) -> ClerkCookies {
        let token =
            |iss| format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(json!({ "iss": iss, "iat": iat }).to_string()));
        ClerkCookies { session: iss.map(token), client_uat, ..ClerkCookies::default() }
    }

    #[test]
    fn of_two_sets_of_cookies_the_right_one_is_read() {
        let none = || cookies(None, 0, 0);
        for (plain, suffixed, has_uat, is_suffixed) in [
            (none(), none(), false, false),
            (cookies(Some(OURS), 5, 5), none(), false, false),
            (none(), cookies(Some(OURS), 5, 5), true, true),
            // Another instance's.
            (cookies(Some("https://clerk.other.com"), 9, 9), none(), false, true),
            (ClerkCookies { session: Some("no token".into()), ..none() }, cookies(Some(OURS), 5, 5), true, false),
            // Without its time, a session with a suffix is not whole.
            (cookies(Some(OURS), 5, 5), cookies(Some(OURS), 6, 0), false, false),
            (cookies(Some(OURS), 5, 5), none(), true, false),
            (cookies(Some(OURS), 6, 6), cookies(Some(OURS), 5, 5), true, false),
            (cookies(Some(OURS), 5, 5), cookies(Some(OURS), 6, 6), true, true),
            (cookies(Some(OURS), 5, 0), cookies(None, 0, 0), true, true),
        ] {
            assert_eq!(is_suffixed_meant(&plain, &suffixed, has_uat, OURS), is_suffixed, "{plain:?} {suffixed:?}");
        }
    }
}
