//! For whom a flag is on.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::counts::Sum;
use super::watch::FEWEST_ASKED;
use crate::account::Role;
use crate::platform::ids::UserId;

/// All of them, in hundredths of a percent.
pub const WHOLE: u16 = 10_000;

/// Who wants to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    pub user: UserId,
    pub role: Role,
}

/// Somebody of whom no more is known: as a user without any other role.
impl From<UserId> for Who {
    fn from(user: UserId) -> Self {
        Self { user, role: Role::User }
    }
}

/// For whom a flag is on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Rule {
    #[default]
    On,
    Off,
    /// Only for these.
    Roles {
        roles: Vec<Role>,
    },
    /// For so many of 10,000 users: always the same ones, and more when it grows.
    Percent {
        share: u16,
    },
}

impl Rule {
    /// Whether a flag of this name is on for somebody; `None`: somebody who is not signed in, who has no role and belongs to no
    /// percentage but the whole.
    #[must_use]
    pub fn allows(&self, name: &str, who: Option<&Who>) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            Self::Roles { roles } => who.is_some_and(|who| roles.contains(&who.role)),
            Self::Percent { share } => *share >= WHOLE || who.is_some_and(|who| bucket(name, who.user) < *share),
        }
    }

    /// Whether it is off for all.
    #[must_use]
    pub fn is_for_nobody(&self) -> bool {
        match self {
            Self::Off | Self::Percent { share: 0 } => true,
            Self::Roles { roles } => roles.is_empty(),
            _ => false,
        }
    }

    /// Whether it is on for all, or for nobody: nothing is being tried out.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_for_nobody() || matches!(self, Self::On | Self::Percent { share: WHOLE.. })
    }
}

/// The place of a user among 10,000, for a flag of this name. Each flag shuffles its users anew.
#[must_use]
pub fn bucket(name: &str, user: UserId) -> u16 {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([0]);
    hash.update(Uuid::from(user).as_bytes());
    let digest = <[u8; 32]>::from(hash.finalize());
    let place = digest.first_chunk().map_or(0, |start| u64::from_be_bytes(*start)) % u64::from(WHOLE);
    u16::try_from(place).unwrap_or_default()
}

/// When a flag goes off by itself: as soon as one of these is reached within the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Safeguard {
    /// Failed attempts of 100.
    pub error_percent: Option<u8>,
    /// In millionths of a US dollar.
    pub spend_micros: Option<i64>,
}

impl Safeguard {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.error_percent.is_none() && self.spend_micros.is_none()
    }

    /// What is reached, by its name in the audit log.
    #[must_use]
    pub fn reached(self, sum: Sum) -> Option<&'static str> {
        let too_many = |percent: u8| sum.asked >= FEWEST_ASKED && sum.failed * 100 >= i64::from(percent) * sum.asked;
        if self.error_percent.is_some_and(too_many) {
            return Some("error_rate");
        }
        self.spend_micros.is_some_and(|most| sum.cost_micros >= most).then_some("spend")
    }
}

/// All that is set for a flag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    #[serde(flatten)]
    pub rule: Rule,
    #[serde(default, skip_serializing_if = "Safeguard::is_empty")]
    pub safeguard: Safeguard,
    /// Most that a provider may cost in a day (UTC), in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_cap_micros: Option<i64>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(id: u128) -> Who {
        Who { user: Uuid::from_u128(id).into(), role: Role::User }
    }

    proptest! {
        #[test]
        fn who_is_in_stays_in_when_a_percentage_grows(id: u128, name in "[a-z_]{1,20}", low in 0..=WHOLE, more in 0..=WHOLE) {
            let who = user(id);
            let allows = |share| Rule::Percent { share }.allows(&name, Some(&who));
            prop_assert_eq!(allows(low), allows(low), "it is no matter of chance");
            prop_assert!(!allows(low) || allows(low.max(more)));
            prop_assert!(!allows(0) && allows(WHOLE));
        }
    }

    #[test]
    fn places_are_the_same_on_every_server_and_version() {
        let places = [1_u128, 2, 3].map(|id| bucket("images", user(id).user));
        assert_eq!(places, [7945, 4217, 9785]);
        assert_ne!(bucket("images", user(1).user), bucket("chat", user(1).user));
    }

    #[test]
    fn a_percentage_is_about_that_many_users() {
        let rule = Rule::Percent { share: 2_500 };
        let allowed = (0..10_000_u128).filter(|id| rule.allows("chat", Some(&user(*id)))).count();
        assert!((2_300..2_700).contains(&allowed), "{allowed}");
    }

    #[test]
    fn who_is_not_signed_in_has_no_role_and_belongs_to_the_whole_alone() {
        let roles = Rule::Roles { roles: vec![Role::User, Role::Subscriber, Role::Admin] };
        for (rule, allowed) in [
            (Rule::On, true),
            (Rule::Off, false),
            (roles.clone(), false),
            (Rule::Percent { share: 9_999 }, false),
            (Rule::Percent { share: WHOLE }, true),
        ] {
            assert_eq!(rule.allows("chat", None), allowed, "{rule:?}");
        }
        assert!(roles.allows("chat", Some(&user(1))));
        let admins = Rule::Roles { roles: vec![Role::Admin] };
        assert!(!admins.allows("chat", Some(&user(1))));
        assert!(admins.allows("chat", Some(&Who { role: Role::Admin, ..user(1) })));
    }

    #[test]
    fn a_safeguard_waits_for_enough_attempts_and_does_not_blame_callers() {
        let guard = Safeguard { error_percent: Some(50), spend_micros: Some(1_000) };
        let sum = |asked, failed, cost_micros| Sum { asked, failed, cost_micros };
        assert_eq!(guard.reached(sum(FEWEST_ASKED - 1, FEWEST_ASKED - 1, 999)), None);
        assert_eq!(guard.reached(sum(FEWEST_ASKED, FEWEST_ASKED / 2 - 1, 999)), None);
        assert_eq!(guard.reached(sum(FEWEST_ASKED, FEWEST_ASKED / 2, 0)), Some("error_rate"));
        assert_eq!(guard.reached(sum(1, 0, 1_000)), Some("spend"));
        assert_eq!(Safeguard::default().reached(sum(100, 100, 1_000_000)), None);
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let setting = Setting {
            rule: Rule::Percent { share: 1_250 },
            safeguard: Safeguard { error_percent: Some(40), spend_micros: None },
            daily_cap_micros: Some(5_000_000),
        };
        let stored = serde_json::to_string(&setting).unwrap();
        assert_eq!(serde_json::from_str::<Setting>(&stored).unwrap(), setting);
        assert_eq!(serde_json::to_string(&Setting::default()).unwrap(), r#"{"state":"on"}"#);
    }
}
