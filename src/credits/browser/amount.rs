//! Amounts of credits, in words.

use crate::i18n::{Text, count, t};

/// How many credits, in words.
#[must_use]
pub fn credits_text(credits: i64) -> String {
    match credits {
        0 => t(Text::Free).to_owned(),
        more => count(Text::CreditsCount, more.unsigned_abs()),
    }
}
