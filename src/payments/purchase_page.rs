//! What the pages of purchases get from the server.

use serde::{Deserialize, Serialize};

use crate::platform::amount::Amount;

/// A page below its heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurchasePage {
    pub html: String,
    /// What can be spent now.
    pub available: Amount,
    /// Money is on its way: look again.
    pub waits: bool,
    /// Credits came: other tabs should look too.
    pub has_landed: bool,
}
