//! Who a user is: roles, the sign-in form, and what pages may know of a user.

use serde::{Deserialize, Serialize};

/// The cookie that remembers which notice was seen.
pub const SEEN_COOKIE: &str = "seen";

/// The cookie that remembers who is asked first for a reply.
pub const PROVIDER_COOKIE: &str = "provider";

/// What a user may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    #[default]
    User,
    Subscriber,
    Admin,
}

impl Role {
    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Subscriber => "SUBSCRIBER",
            Self::Admin => "ADMIN",
        }
    }

    /// The role of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::User, Self::Subscriber, Self::Admin].into_iter().find(|role| role.as_str() == name)
    }
}

/// The signed-in user as clients see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// `UUIDv7`.
    pub id: String,
    pub email: String,
    pub name: String,
    // No page asks for it in the browser.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub role: Role,
}

/// Who signs up or in: the body of both requests, and the fields of both forms.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct CredentialsForm {
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(required))]
    pub email: String,
    /// 8 to 128 characters.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(required))]
    pub password: String,
    /// Up to 80 characters; only for signing up.
    pub name: Option<String>,
    /// Where a page form goes afterwards: a path of this site.
    #[cfg_attr(feature = "ssr", schema(ignore))]
    pub next: Option<String>,
}

/// Fewest and most characters of a password. The upper bound keeps hashing cheap.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;
/// Bytes of a picture that somebody sends of themselves, at most.
pub const MAX_AVATAR_BYTES: usize = 2 * 1024 * 1024;

/// Where the picture is that the user shows of themselves: for the server, which makes the menu.
#[derive(Debug, Clone)]
pub struct AvatarAddress(pub String);

/// Most characters of a display name.
pub const MAX_NAME_CHARS: usize = 80;

/// The part of `next` that may be followed: a path on this site, else `fallback`.
///
/// `//host` and `/\host` would leave the site in a browser.
#[must_use]
pub fn same_site_path(next: Option<&str>, fallback: &str) -> String {
    next.filter(|path| {
        path.starts_with('/') && !path.starts_with("//") && !path.contains(|c: char| c == '\\' || c.is_control())
    })
    .unwrap_or(fallback)
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_stays_on_this_site() {
        assert_eq!(same_site_path(Some("/chat/1?a=b"), "/chat"), "/chat/1?a=b");
        for next in ["https://evil.example", "//evil.example", "/\\evil.example", "chat", "/a\nb", ""] {
            assert_eq!(same_site_path(Some(next), "/chat"), "/chat", "{next:?}");
        }
        assert_eq!(same_site_path(None, "/dashboard"), "/dashboard");
    }
}
