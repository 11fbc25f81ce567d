//! Amounts of credits, in words.

use crate::i18n::{Text, count_written, t};
use crate::platform::amount::Amount;

/// How many credits, in words.
#[must_use]
pub fn credits_text(credits: Amount) -> String {
    if credits.is_zero() { t(Text::Free).to_owned() } else { count_written(Text::CreditsCount, &credits.as_price()) }
}
