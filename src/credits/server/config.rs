//! Prices and gifts.

use crate::platform::config::Reader;

/// Prices and gifts, in whole credits.
#[derive(Debug, Clone, Copy)]
pub struct CreditsConfig {
    /// `FREE_CREDITS` (10): what a new account gets. May be 0.
    pub free: i64,
    /// `CHAT_CREDITS` (1): price of a reply, at least 1.
    pub chat: i64,
    /// `IMAGE_CREDITS` (2): price of an image, at least 1.
    pub image: i64,
}

impl CreditsConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            free: reader.at_least("FREE_CREDITS", 10, 0),
            chat: reader.at_least("CHAT_CREDITS", 1, 1),
            image: reader.at_least("IMAGE_CREDITS", 2, 1),
        }
    }
}
