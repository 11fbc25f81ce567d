//! What others see of an account's credits.

use serde::{Deserialize, Serialize};

use super::{LedgerEntry, PlanState};
use crate::i18n::Text;
use crate::platform::amount::Amount;

/// An account at one moment. `sum(ledger) = sum(lots) = available + held - debt` holds at every moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// What can be spent.
    pub available: Amount,
    /// What is put aside for running work.
    pub held: Amount,
    /// What a refund took that was already spent.
    pub debt: Amount,
}

impl Balance {
    /// What work can be begun with: nothing is spent before what is owed is paid.
    #[must_use]
    pub fn spendable(&self) -> Amount {
        (self.available - self.debt).max(Amount::ZERO)
    }
}

/// What an account has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Credits {
    /// What can be spent.
    pub available: Amount,
    /// What is put aside for running work.
    pub held: Amount,
    /// What a refund took that was already spent.
    pub debt: Amount,
    /// What the plan is called; `free` where there is none.
    pub plan: String,
    /// How the plan stands; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    #[cfg_attr(feature = "ssr", schema(nullable = false))]
    pub subscription: Option<PlanState>,
    /// Where they come from, in the order in which they are used.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub lots: Vec<Lot>,
}

/// Where credits come from. What expires first is used first; of what expires together, or never, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Free ones that every account gets, or that a campaign gives.
    Promo,
    /// Given by somebody.
    Gift,
    /// Given by the operator, for something that went wrong.
    Goodwill,
    /// Of a subscription.
    Plan,
    Bought,
}

impl Origin {
    pub const ALL: [Self; 5] = [Self::Promo, Self::Gift, Self::Goodwill, Self::Plan, Self::Bought];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promo => "promo",
            Self::Gift => "gift",
            Self::Goodwill => "goodwill",
            Self::Plan => "plan",
            Self::Bought => "bought",
        }
    }

    /// For people.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Promo => Text::OriginPromo,
            Self::Gift => Text::OriginGift,
            Self::Goodwill => Text::OriginGoodwill,
            Self::Plan => Text::OriginPlan,
            Self::Bought => Text::OriginBought,
        }
    }
}

/// Credits of one origin, as far as they are not spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Lot {
    /// `UUIDv7`: that of the ledger entry that they came with.
    pub id: String,
    pub origin: Origin,
    /// How many there were.
    pub amount: Amount,
    /// How many are left, with what running work holds of them.
    pub left: Amount,
    /// RFC 3339, UTC; absent: they do not expire.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
}

/// Something that users are told of their credits without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    /// What to do about it, and where.
    pub action: String,
    pub address: String,
    /// Names the notice: whoever has seen it is not told again.
    pub key: String,
}

/// How many credits of a lot came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LotShare {
    /// The id of the lot.
    pub id: String,
    pub origin: Origin,
    pub amount: Amount,
}

/// How long a budget lasts, in the time zone of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Day,
    /// From Monday on.
    Week,
    Month,
}

impl Period {
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// One page of a list that is paged by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `cursor` to get the next page; there is none after the last.
    pub next_cursor: Option<String>,
}

/// Nothing, and nothing after it.
impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next_cursor: None }
    }
}

/// What became of credits, as people read it: work is one line, whatever entries it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    pub entry: LedgerEntry,
    /// What was made: the conversation's title, or the prompt of the image; empty where that is not known, or gone.
    pub name: String,
    /// Where it is.
    pub href: String,
    /// Where the credits come from, if any came.
    #[serde(default)]
    pub origin: Option<Origin>,
}

/// Everything `/dashboard` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    pub credits: Credits,
    /// Where the credits come from and when they expire, where there is something to say of it, and where to redeem a code: HTML.
    pub lots: String,
    pub activity: Page<Activity>,
}
