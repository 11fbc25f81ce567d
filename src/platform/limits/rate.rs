//! What is limited, and how often it may be.

use std::time::Duration;

use super::Quota;
use crate::platform::error::AppError;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// More codes than anybody has who is not guessing.
const CODES_PER_HOUR: u32 = 20;
/// More codes for a second step than anybody needs who has the app: a guess is right three times in a million.
const SECOND_STEPS_PER_HOUR: u32 = 10;
/// More links than anybody needs who reads their mails, and what a mailbox can bear.
const LINKS_PER_HOUR: u32 = 5;
const LINKS_TO_MAILBOX_PER_HOUR: u32 = 10;
const DAY: Duration = Duration::from_hours(24);

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Forms for a registration from one address: to look at one takes some computing.
    RegisterForm,
    /// Registrations from one address.
    Register,
    /// Sign-ins from one address.
    LoginAddress,
    /// Sign-ins to one account from one address, right or wrong: guessing must not pay.
    LoginPair,
    /// Sign-ins to one account from devices that it does not know, wherever they are. What is above it is only slowed down.
    LoginEmail,
    /// Sign-ins of a device that has signed in before.
    LoginDevice,
    /// Ceremonies with passkeys that one address, or one user, begins: a page that is only looked at begins one.
    PasskeyCeremony,
    /// Codes for the second step of one account from devices that it does not know, or of one that it knows; right or wrong.
    SecondStep,
    /// Links by mail that one address asks for or follows.
    MailAddress,
    /// Links to one mailbox that one address asks for.
    MailPair,
    /// Links to one mailbox that anybody asks for: above it none is sent, and nobody is told so.
    Mailbox,
    /// Shared conversations that are shown to one address.
    Share,
    /// Codes that one user tries, right or wrong: guessing must not pay.
    Redeem,
    /// Everything of one user that costs credits.
    Spend,
    /// The same of one who has a plan, at most so often a minute.
    Plan(u32),
    /// Large bodies of one user, whatever becomes of them.
    Upload,
    /// Work of one user that was stopped before there was anything to pay for.
    FreeStop,
    /// What one API key asks, at most so often a minute.
    ApiKey(u32),
    /// What the API keys of one user read, at most so often a minute.
    Read(u32),
}

/// So many in such a time, and at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub count: u32,
    pub period: Duration,
}

/// How often each may be.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// `RATE_LIMIT_PER_MINUTE`.
    pub per_minute: u32,
    /// `REGISTRATIONS_PER_HOUR`.
    pub registrations_per_hour: u32,
    /// `FREE_STOPS_PER_DAY`.
    pub free_stops_per_day: u32,
}

impl Rates {
    /// As many free stops a day as nobody needs who only changes their mind.
    pub const FREE_STOPS: u32 = 50;

    /// With `RATE_LIMIT_PER_MINUTE` set, and nothing else.
    #[must_use]
    pub const fn of(per_minute: u32) -> Self {
        Self { per_minute, registrations_per_hour: per_minute, free_stops_per_day: Self::FREE_STOPS }
    }

    pub(super) fn rate(&self, limit: Limit) -> Rate {
        let (count, period) = match limit {
            Limit::Register => (self.registrations_per_hour, HOUR),
            Limit::FreeStop => (self.free_stops_per_day, DAY),
            Limit::LoginPair | Limit::LoginEmail | Limit::LoginDevice => (self.per_minute.div_ceil(2), MINUTE),
            Limit::Redeem => (CODES_PER_HOUR, HOUR),
            Limit::SecondStep => (SECOND_STEPS_PER_HOUR, HOUR),
            Limit::MailPair => (LINKS_PER_HOUR, HOUR),
            Limit::Mailbox => (LINKS_TO_MAILBOX_PER_HOUR, HOUR),
            // Whoever reads goes from page to page.
            Limit::Share | Limit::PasskeyCeremony => (self.per_minute.saturating_mul(3), MINUTE),
            Limit::ApiKey(own) | Limit::Read(own) => (own, MINUTE),
            // Who pays never has less than everybody.
            Limit::Plan(own) => (own.max(self.per_minute), MINUTE),
            Limit::RegisterForm | Limit::LoginAddress | Limit::MailAddress | Limit::Spend | Limit::Upload => {
                (self.per_minute, MINUTE)
            }
        };
        Rate { count: count.max(1), period }
    }
}

impl Limit {
    /// In keys: letters and `-`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RegisterForm => "register-form",
            Self::Register => "register",
            Self::LoginAddress => "login-address",
            Self::LoginPair => "login-pair",
            Self::LoginEmail => "login-email",
            Self::LoginDevice => "login-device",
            Self::PasskeyCeremony => "passkey",
            Self::SecondStep => "second-step",
            Self::MailAddress => "mail-address",
            Self::MailPair => "mail-pair",
            Self::Mailbox => "mailbox",
            Self::Share => "share",
            Self::Redeem => "redeem",
            // What was done before a plan began, or ended, still counts.
            Self::Spend | Self::Plan(_) => "spend",
            Self::Upload => "upload",
            Self::FreeStop => "free-stop",
            Self::ApiKey(_) => "api-key",
            Self::Read(_) => "read",
        }
    }

    /// The refusal that says when to come back, in whole seconds: rounded up, as a moment too early is refused again.
    pub(super) fn refuse(self, rate: Rate, wait: Duration) -> AppError {
        let retry_after_secs = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
        match self {
            Self::FreeStop => AppError::TooManyStops { retry_after_secs, limit: rate.count },
            _ => AppError::RateLimited { retry_after_secs, limit: rate.count },
        }
    }
}

impl Rate {
    pub(super) fn period_micros(self) -> u64 {
        u64::try_from(self.period.as_micros()).unwrap_or(u64::MAX)
    }

    /// What is left of it when so many may still come at once.
    pub(super) fn quota(self, remaining: u32) -> Quota {
        let used = u64::from(self.count.saturating_sub(remaining));
        let reset_secs = (used * self.period.as_secs()).div_ceil(u64::from(self.count.max(1)));
        Quota { limit: self.count, remaining, reset_secs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        let rate = |count| Rate { count, period: MINUTE };
        assert_eq!(rate(20).quota(19), Quota { limit: 20, remaining: 19, reset_secs: 3 });
        assert_eq!(rate(1000).quota(999).reset_secs, 1);
        let refuse = |count, millis| Limit::Spend.refuse(rate(count), Duration::from_millis(millis));
        assert_eq!(refuse(20, 2001), AppError::RateLimited { retry_after_secs: 3, limit: 20 });
        assert_eq!(refuse(1000, 0), AppError::RateLimited { retry_after_secs: 1, limit: 1000 });
    }

    #[test]
    fn each_has_its_time() {
        let rates = Rates { registrations_per_hour: 7, ..Rates::of(5) };
        assert_eq!(rates.rate(Limit::Register), Rate { count: 7, period: HOUR });
        assert_eq!(rates.rate(Limit::FreeStop), Rate { count: 50, period: DAY });
        assert_eq!(rates.rate(Limit::Spend), Rate { count: 5, period: MINUTE });
        assert_eq!(rates.rate(Limit::FreeStop).quota(48).reset_secs, 2 * 24 * 3600 / 50);
    }
}
