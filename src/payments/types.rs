//! What others see of payments.

use serde::{Deserialize, Serialize};

use crate::platform::amount::Amount;
use crate::platform::money::Money;

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PaymentState {
    /// Nobody has paid yet.
    Created,
    /// Paid, and the provider has not got the money yet.
    Pending,
    /// The money is here, and not everything is booked.
    Captured,
    /// Paid and booked.
    Credited,
    /// The provider or the buyer's bank refused. Another try may do.
    Declined,
    /// Nobody will pay any more.
    Abandoned,
    /// Something about the money is not what was ordered: nothing was booked, and the operator has to look.
    Rejected,
}

impl PaymentState {
    pub const ALL: [Self; 7] =
        [Self::Created, Self::Pending, Self::Captured, Self::Credited, Self::Declined, Self::Abandoned, Self::Rejected];

    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Pending => "pending",
            Self::Captured => "captured",
            Self::Credited => "credited",
            Self::Declined => "declined",
            Self::Abandoned => "abandoned",
            Self::Rejected => "rejected",
        }
    }

    /// Whether the money is here.
    #[must_use]
    pub const fn is_paid(self) -> bool {
        matches!(self, Self::Captured | Self::Credited)
    }
}

/// A payment as its buyer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    /// `UUIDv7`.
    pub id: String,
    /// What the pack was called.
    pub name: String,
    pub credits: Amount,
    /// What came on top; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bonus: Option<Amount>,
    /// What that was called.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bonus_name: Option<String>,
    #[cfg_attr(feature = "ssr", schema(value_type = crate::platform::money::WrittenMoney))]
    pub price: Money,
    /// What went back of it.
    #[cfg_attr(feature = "ssr", schema(value_type = crate::platform::money::WrittenMoney))]
    pub refunded: Money,
    pub state: PaymentState,
    /// Somebody disputes it at the provider: what is left of its credits is frozen.
    #[serde(default)]
    pub disputed: bool,
    /// RFC 3339, UTC: until when what is not used of it can be given back; absent: not any more, or not yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refund_until: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
}
