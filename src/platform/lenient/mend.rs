//! Mends JSON that cannot be read in one pass: value by value.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::surrogates::Text;

/// Values that are deeper are left out.
const DEEPEST: usize = 24;

/// `null` for `NaN` and the infinities, and escapes for control characters in texts.
pub(super) fn as_json(text: &str) -> Cow<'_, str> {
    let mut json = String::new();
    let (mut copied, mut at, mut is_text) = (0, 0, false);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let rest = &text.as_bytes()[at..];
        let (length, instead) = match byte {
            b'\\' if is_text => (2, None),
            b'"' => {
                is_text = !is_text;
                (1, None)
            }
            0..0x20 if is_text => (1, Some(format!("\\u{byte:04x}"))),
            b'N' | b'I' | b'-' if !is_text => {
                let word = [&b"NaN"[..], b"Infinity", b"-Infinity"].into_iter().find(|word| rest.starts_with(word));
                word.map_or((1, None), |word| (word.len(), Some("null".to_owned())))
            }
            _ => (1, None),
        };
        if let Some(instead) = instead {
            json.push_str(&text[copied..at]);
            json.push_str(&instead);
            copied = at + length;
        }
        at += length;
    }
    if copied == 0 { Cow::Borrowed(text) } else { Cow::Owned(json + &text[copied..]) }
}

/// The same value, of which all can be read: the last of two fields of one name, `null` for numbers that nothing holds.
pub(super) fn mend(json: &str, depth: usize) -> Value {
    let json = json.trim_start();
    if depth > DEEPEST {
        return Value::Null;
    }
    match json.as_bytes().first() {
        Some(b'{') => {
            let Ok(Fields(fields)) = serde_json::from_str(json) else { return Value::Null };
            Value::Object(fields.into_iter().map(|(name, value)| (name, mend(value.get(), depth + 1))).collect())
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
            Value::Array(values.into_iter().map(|value| mend(value.get(), depth + 1)).collect())
        }
        Some(b'"') => serde_json::from_str::<Text>(json).map_or(Value::Null, |text| Value::String(text.0)),
        _ => serde_json::from_str(json).unwrap_or_default(),
    }
}

/// The fields of an object, in their order.
struct Fields<'de>(Vec<(String, &'de RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = object.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
