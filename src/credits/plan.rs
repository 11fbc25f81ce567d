//! The plan of a user, as clients see it.

use serde::{Deserialize, Serialize};

/// What a user has besides credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PlanState {
    pub name: String,
    pub status: PlanStatus,
    /// RFC 3339, UTC: until when it is paid; absent: the first payment is on its way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
    /// Whether there will be another payment.
    pub renews: bool,
}

/// How a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    Active,
    /// The last payment did not come about; what is paid stays.
    PastDue,
    /// No money is taken until it goes on.
    Suspended,
    /// It ends with what is paid.
    Cancelled,
    /// Days that were given.
    Prepaid,
}
