//! Rate limits: the port, and its adapter inside this process.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter as Governor};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use super::state::AppState;
use crate::error::{AppError, AppResult};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Registrations from one address.
    Register,
    /// Sign-ins from one address.
    LoginAddress,
    /// Sign-ins to one account, from wherever, right or wrong: guessing must not pay.
    LoginEmail,
}

/// Counts attempts.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one attempt of `key`.
    ///
    /// # Errors
    /// [`AppError::RateLimited`] when there were too many.
    async fn check(&self, limit: Limit, key: &str) -> AppResult<()>;

    /// Forgets keys that have long been quiet.
    fn forget_idle(&self);
}

/// [`RateLimiter`] in this process (GCRA).
pub struct LocalRateLimiter {
    register: DefaultKeyedRateLimiter<String>,
    login_address: DefaultKeyedRateLimiter<String>,
    login_email: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl LocalRateLimiter {
    /// `per_minute` registrations and sign-ins per address; half as many sign-ins per account.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        let quota = |count: u32| Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self {
            register: Governor::keyed(quota(per_minute)),
            login_address: Governor::keyed(quota(per_minute)),
            login_email: Governor::keyed(quota(per_minute.div_ceil(2))),
            clock: DefaultClock::default(),
        }
    }

    const fn limiter(&self, limit: Limit) -> &DefaultKeyedRateLimiter<String> {
        match limit {
            Limit::Register => &self.register,
            Limit::LoginAddress => &self.login_address,
            Limit::LoginEmail => &self.login_email,
        }
    }
}

#[async_trait]
impl RateLimiter for LocalRateLimiter {
    async fn check(&self, limit: Limit, key: &str) -> AppResult<()> {
        self.limiter(limit).check_key(&key.to_owned()).map_err(|refused| {
            // Rounded up: a second too early is refused again.
            let wait = refused.wait_time_from(self.clock.now()) + Duration::from_millis(999);
            AppError::RateLimited { retry_after_secs: wait.as_secs().max(1) }
        })
    }

    fn forget_idle(&self) {
        for limiter in [&self.register, &self.login_address, &self.login_email] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// Where a request came from: the peer, or what a trusted proxy says of it. An IPv6 address counts by its /64, which
/// is what one customer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress(pub String);

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<IpAddr> =
            forwarded.flat_map(|value| value.split(',')).filter_map(|hop| hop.trim().parse().ok()).collect();
        Ok(Self(
            peer.map_or_else(
                || "unknown".to_owned(),
                |peer| client_of(peer, &hops, &state.config.site.trusted_proxies),
            ),
        ))
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

    #[tokio::test]
    async fn the_limit_is_per_key_and_says_when_to_come_back() {
        let limiter = LocalRateLimiter::new(3);
        for _ in 0..3 {
            limiter.check(Limit::Register, "a").await.unwrap();
        }
        let refused = limiter.check(Limit::Register, "a").await.unwrap_err();
        assert!(matches!(refused, AppError::RateLimited { retry_after_secs: 1..=20 }), "{refused:?}");
        limiter.check(Limit::Register, "b").await.unwrap();
        limiter.check(Limit::LoginAddress, "a").await.unwrap();
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let hops = [ip("203.0.113.9"), ip("198.51.100.7")];
        assert_eq!(client_of(ip("192.0.2.1"), &hops, &[]), "192.0.2.1");
        assert_eq!(client_of(ip("10.0.0.1"), &hops, &[ip("10.0.0.1")]), "198.51.100.7");
        assert_eq!(client_of(ip("10.0.0.1"), &hops, &[ip("10.0.0.1"), ip("198.51.100.7")]), "203.0.113.9");
        assert_eq!(client_of(ip("2001:db8:1:2:3::4"), &[], &[]), "2001:db8:1:2::/64");
    }
}
