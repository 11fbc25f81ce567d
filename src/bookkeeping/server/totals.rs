//! Sums over all accounts.

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign, Neg, Sub};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::platform::amount::Amount;

/// Credits of many accounts together: more than an [`Amount`] from outside may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = f64, multiple_of = 0.000_001)]
pub struct Total(Amount);

impl Total {
    pub const ZERO: Self = Self(Amount::ZERO);

    #[must_use]
    pub const fn amount(self) -> Amount {
        self.0
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl<'de> Deserialize<'de> for Total {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let credits = f64::deserialize(deserializer)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "exact below 2^53 millionths, and checked by the books themselves"
        )]
        Ok(Self(Amount::from_micros((credits * 1_000_000.0).round() as i64)))
    }
}

impl From<Amount> for Total {
    fn from(amount: Amount) -> Self {
        Self(amount)
    }
}

impl Add for Total {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Total {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Total {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Total {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

/// What all accounts have at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    pub available: Total,
    pub held: Total,
    pub debt: Total,
    /// What was taken beyond all lots; part of the debt.
    pub overdrawn: Total,
    /// What is left of lots, by where they came from: `promo`, `gift`, `goodwill`, `plan`, `bought`.
    pub origins: BTreeMap<String, Total>,
    /// What was paid for what is left, by currency, in its smallest unit.
    pub paid_for: BTreeMap<String, i64>,
}

impl Totals {
    /// `available + held - debt`.
    #[must_use]
    pub fn worth(&self) -> Total {
        self.available + self.held - self.debt
    }

    /// What the lots come to.
    #[must_use]
    pub fn lots(&self) -> Total {
        self.origins.values().fold(-self.overdrawn, |sum, left| sum + *left)
    }

    /// Adds what an account has now, and takes what it had before.
    pub fn replace(&mut self, before: &Self, now: &Self) {
        for (totals, sign) in [(before, -1), (now, 1)] {
            let signed = |total: Total| if sign < 0 { -total } else { total };
            self.available += signed(totals.available);
            self.held += signed(totals.held);
            self.debt += signed(totals.debt);
            self.overdrawn += signed(totals.overdrawn);
            for (origin, left) in &totals.origins {
                *self.origins.entry(origin.clone()).or_default() += signed(*left);
            }
            for (currency, minor) in &totals.paid_for {
                *self.paid_for.entry(currency.clone()).or_default() += sign * minor;
            }
        }
        self.origins.retain(|_, left| !left.is_zero());
        self.paid_for.retain(|_, minor| *minor != 0);
    }
}
