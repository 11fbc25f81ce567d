//! What is sold.

use std::sync::Arc;

use crate::platform::amount::Amount;
use crate::platform::money::{Currency, Money};

/// What is sold now. Cheap to clone: all clones change together.
#[derive(Clone, Default)]
pub struct Shop(Arc<Catalog>);

/// All that an operator sells, and on which terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    pub packs: Vec<Pack>,
    /// How long after a purchase what is not used of it can be given back.
    pub refund_days: u32,
}

/// Credits that are bought at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Small letters, digits and `-`.
    pub id: String,
    pub name: String,
    pub credits: Amount,
    /// Credits on top.
    pub bonus: Amount,
    pub price: Money,
}

impl Shop {
    #[must_use]
    pub fn now(&self) -> Arc<Catalog> {
        self.0.clone()
    }
}

impl Default for Catalog {
    /// What is sold where nothing is said.
    fn default() -> Self {
        let pack = |credits: i64, dollars: i64| Pack {
            id: credits.to_string(),
            name: format!("{credits} credits"),
            credits: Amount::credits(credits),
            bonus: Amount::ZERO,
            price: Money::new(dollars * 100, Currency::USD),
        };
        Self { packs: vec![pack(100, 5), pack(500, 20), pack(2000, 60)], refund_days: 14 }
    }
}
