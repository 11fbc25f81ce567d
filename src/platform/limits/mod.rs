//! Rate limits: the port, its two adapters, and who is asking.

mod local;
mod redis;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::request::Parts;

pub use self::local::LocalRateLimiter;
pub use self::redis::RedisRateLimiter;
use super::error::{AppError, AppResult};
use super::site::Site;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Registrations from one address.
    Register,
    /// Sign-ins from one address.
    LoginAddress,
    /// Sign-ins to one account, from wherever, right or wrong: guessing must not pay.
    LoginEmail,
    /// Everything of one user that costs credits.
    Spend,
    /// What one API key asks, at most so often a minute.
    ApiKey(u32),
    /// What the API keys of one user read, at most so often a minute.
    Read(u32),
}

impl Limit {
    /// In keys: letters and `-`.
    const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::LoginAddress => "login-address",
            Self::LoginEmail => "login-email",
            Self::Spend => "spend",
            Self::ApiKey(_) => "api-key",
            Self::Read(_) => "read",
        }
    }

    /// How many a minute, and at once, where `configured` is `RATE_LIMIT_PER_MINUTE`.
    fn per_minute(self, configured: u32) -> u32 {
        let count = match self {
            Self::LoginEmail => configured.div_ceil(2),
            Self::ApiKey(own) | Self::Read(own) => own,
            Self::Register | Self::LoginAddress | Self::Spend => configured,
        };
        count.max(1)
    }
}

/// What is left of a limit after an attempt that it allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many a minute.
    pub limit: u32,
    /// How many at once from now.
    pub remaining: u32,
    /// Seconds until all of the limit is there again.
    pub reset_secs: u64,
}

impl Quota {
    fn new(limit: u32, remaining: u32) -> Self {
        let used = u64::from(limit.saturating_sub(remaining));
        Self { limit, remaining, reset_secs: (used * 60).div_ceil(u64::from(limit.max(1))) }
    }
}

/// The refusal that says when to come back, in whole seconds: rounded up, as a moment too early is refused again.
fn refuse(limit: u32, wait_millis: u128) -> AppError {
    let retry_after_secs = u64::try_from(wait_millis.div_ceil(1000)).unwrap_or(u64::MAX).max(1);
    AppError::RateLimited { retry_after_secs, limit }
}

/// Counts attempts (GCRA: a limit may be used up at once and comes back evenly).
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one attempt of `key`.
    ///
    /// # Errors
    /// [`AppError::RateLimited`] when there were too many.
    async fn check(&self, limit: Limit, key: &str) -> AppResult<Quota>;

    /// Forgets keys that have long been quiet.
    fn forget_idle(&self);
}

/// Where a request came from: the peer, or what a trusted proxy says of it. An IPv6 address counts by its /64, which
/// is what one customer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress(pub String);

impl<S> FromRequestParts<S> for ClientAddress
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<IpAddr> =
            forwarded.flat_map(|value| value.split(',')).filter_map(|hop| hop.trim().parse().ok()).collect();
        Ok(Self(peer.map_or_else(
            || "unknown".to_owned(),
            |peer| client_of(peer, &hops, &Site::from_ref(state).trusted_proxies),
        )))
    }
}

/// Goes back from the peer through proxies that are trusted; the first that is not is the client.
fn client_of(peer: IpAddr, hops: &[IpAddr], trusted: &[IpAddr]) -> String {
    let mut client = peer.to_canonical();
    for hop in hops.iter().rev() {
        if !trusted.contains(&client) {
            break;
        }
        client = hop.to_canonical();
    }
    match client {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let hops = [ip("203.0.113.9"), ip("198.51.100.7")];
        assert_eq!(client_of(ip("192.0.2.1"), &hops, &[]), "192.0.2.1");
        assert_eq!(client_of(ip("10.0.0.1"), &hops, &[ip("10.0.0.1")]), "198.51.100.7");
        assert_eq!(client_of(ip("10.0.0.1"), &hops, &[ip("10.0.0.1"), ip("198.51.100.7")]), "203.0.113.9");
        assert_eq!(client_of(ip("2001:db8:1:2:3::4"), &[], &[]), "2001:db8:1:2::/64");
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(Quota::new(20, 19), Quota { limit: 20, remaining: 19, reset_secs: 3 });
        assert_eq!(Quota::new(1000, 999).reset_secs, 1);
        assert_eq!(refuse(20, 2001), AppError::RateLimited { retry_after_secs: 3, limit: 20 });
        assert_eq!(refuse(1000, 0), AppError::RateLimited { retry_after_secs: 1, limit: 1000 });
    }
}
