//! Halves of surrogate pairs: JSON may have one alone, a text of Rust may not.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// Half a surrogate pair stands so far above it, in a plane that is for private use, until [`join_halves`].
const HALVES: u32 = 0x10_0000;

/// Puts the two halves of surrogate pairs together, also where the second comes in another piece of text than the first: that is
/// what `waiting` is for. What remains alone becomes U+FFFD.
pub fn join_halves(text: &mut String, waiting: &mut Option<u32>) {
    // The first byte of what stands for a half.
    if waiting.is_none() && !text.as_bytes().contains(&0xf4) {
        return;
    }
    let mut joined = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        let half = u32::from(c).wrapping_sub(HALVES);
        match (waiting.take(), half) {
            (Some(high), 0xdc00..=0xdfff) => {
                let pair = 0x1_0000 + ((high - 0xd800) << 10) + (half - 0xdc00);
                joined.push(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
                continue;
            }
            (Some(_), _) => joined.push(char::REPLACEMENT_CHARACTER),
            (None, _) => {}
        }
        match half {
            0xd800..=0xdbff => *waiting = Some(half),
            0xdc00..=0xdfff => joined.push(char::REPLACEMENT_CHARACTER),
            _ => joined.push(c),
        }
    }
    *text = joined;
}

/// A text that may have half a surrogate pair in it.
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                let (mut text, mut rest) = (String::new(), bytes);
                // Half a pair is written as UTF-8 would, if it were a character: `ED A0 80` to `ED BF BF`.
                while let Some(at) = rest.windows(3).position(|next| next[0] == 0xed && next[1] >= 0xa0) {
                    text.push_str(&String::from_utf8_lossy(&rest[..at]));
                    let half = 0xd000 | u32::from(rest[at + 1] & 0x3f) << 6 | u32::from(rest[at + 2] & 0x3f);
                    text.push(char::from_u32(HALVES + half).unwrap_or(char::REPLACEMENT_CHARACTER));
                    rest = &rest[at + 3..];
                }
                text.push_str(&String::from_utf8_lossy(rest));
                Ok(Text(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
