//! Reading JSON of others, of which only some is needed: what is not as it should be is unknown, and costs nothing else.
//!
//! It is read once, in one pass and without a tree. Only what that pass cannot read at all (a key twice, a number that no type
//! holds, half a surrogate pair, what Python writes for no number, a control character in a text) is gone through value by value.

mod mend;
mod surrogates;

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use self::mend::{as_json, mend};
pub use self::surrogates::join_halves;

/// What can be made of a value of any type. What is not told here is as if it were not there.
pub trait Lenient: Default {
    #[must_use]
    fn of_text(_: &str) -> Self {
        Self::default()
    }

    #[must_use]
    fn of_flag(_: bool) -> Self {
        Self::default()
    }

    /// A whole number that is not negative.
    #[must_use]
    fn of_number(_: u64) -> Self {
        Self::default()
    }

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn of_object<'de, A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

/// A field of any type.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Odd<T>(pub T);

impl<'de, T: Lenient> Deserialize<'de> for Odd<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData)).map(Self)
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Lenient> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::of_text(text))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<T, E> {
        Ok(T::of_flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::of_number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(u64::try_from(number).map_or_else(|_| T::default(), T::of_number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::of_list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::of_object(object)
    }
}

impl Lenient for String {
    fn of_text(text: &str) -> Self {
        text.to_owned()
    }
}

impl<T: Lenient> Lenient for Box<T> {
    fn of_text(text: &str) -> Self {
        Self::new(T::of_text(text))
    }

    fn of_flag(flag: bool) -> Self {
        Self::new(T::of_flag(flag))
    }

    fn of_number(number: u64) -> Self {
        Self::new(T::of_number(number))
    }

    fn of_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        T::of_list(list).map(Self::new)
    }

    fn of_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        T::of_object(object).map(Self::new)
    }
}

impl Lenient for bool {
    fn of_flag(flag: bool) -> Self {
        flag
    }
}

/// A number of things. Everything but a whole number that is not too large is no number.
impl Lenient for Option<u32> {
    fn of_number(number: u64) -> Self {
        number.try_into().ok()
    }
}

/// The first object, whether it is in a list or alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct First<T>(pub Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: DeserializeOwned> Lenient for First<T> {
    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while let Some(Odd(first)) = list.next_element::<Odd<Self>>()? {
            if first.0.is_some() {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(first);
            }
        }
        Ok(Self(None))
    }

    fn of_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|read| Self(Some(read)))
    }
}

/// All that can be read of a list; what stands alone is a list of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct All<T>(pub Vec<T>);

impl<T> Default for All<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: DeserializeOwned> Lenient for All<T> {
    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut all = Vec::new();
        while let Some(Odd(First(one))) = list.next_element::<Odd<First<T>>>()? {
            all.extend(one);
        }
        Ok(Self(all))
    }

    fn of_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|read| Self(vec![read]))
    }
}

/// A text or a number, as programs write codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Code(pub String);

impl Lenient for Code {
    fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn of_number(number: u64) -> Self {
        Self(number.to_string())
    }
}

/// A flag, however it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Lenient for Flag {
    fn of_text(text: &str) -> Self {
        Self(text.eq_ignore_ascii_case("true") || text == "1")
    }

    fn of_flag(flag: bool) -> Self {
        Self(flag)
    }

    fn of_number(number: u64) -> Self {
        Self(number > 0)
    }
}

/// Reads an object. JSON that is none is an object without fields.
///
/// # Errors
/// Where it is no JSON.
pub fn read<T: DeserializeOwned + Default>(json: &str) -> Result<T, serde_json::Error> {
    let read = serde_json::from_str::<Odd<First<T>>>(json).or_else(|error| {
        let json = as_json(json);
        let raw: &RawValue = serde_json::from_str(&json).map_err(|_| error)?;
        serde_json::from_value(mend(raw.get(), 0))
    });
    Ok(read?.0.0.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Thing {
        name: Odd<String>,
        count: Odd<Option<u32>>,
        first: Odd<First<Box<Thing>>>,
        all: Odd<All<Box<Thing>>>,
    }

    fn name(json: &str) -> String {
        read::<Thing>(json).unwrap().name.0
    }

    #[test]
    fn what_is_beside_a_text_does_not_matter() {
        for beside in [
            "null",
            "\"\"",
            "\"7\"",
            "-35",
            "12.0",
            "1e999",
            "true",
            "{}",
            "[]",
            "[[{}]]",
            "{\"a\":[1e999]}",
            "4294967296",
            "99999999999999999999999",
            "\"\\ud83d\"",
            "NaN",
            "-Infinity",
            "{\"bytes\":[Infinity],\"text\":\"a\tb\\\"NaN\"}",
            "[null,5,{\"name\":7}]",
        ] {
            for field in ["count", "first", "all", "unheard-of"] {
                assert_eq!(name(&format!("{{\"{field}\":{beside},\"name\":\"a\"}}")), "a", "{field} {beside}");
                assert_eq!(name(&format!("{{\"name\":\"a\",\"{field}\":{beside}}}")), "a", "{field} {beside}");
            }
            let first = format!("{{\"first\":[null,{{\"count\":{beside},\"name\":\"a\"}}]}}");
            assert_eq!(read::<Thing>(&first).unwrap().first.0.0.unwrap().name.0, "a", "{beside}");
        }
        assert_eq!(name("{\"name\":\"a\",\"name\":\"b\"}"), "b");
        let mut text = name("{\"name\":\"a\\ud83d!\",\"count\":1e999}");
        join_halves(&mut text, &mut None);
        assert_eq!(text, "a\u{fffd}!");
        assert_eq!(name("[]"), "");
        assert!(read::<Thing>("{\"name\":\"a\"").is_err() && read::<Thing>("").is_err());
        let deep = format!("{{\"x\":{}1e999{},\"name\":\"a\"}}", "[".repeat(500_000), "]".repeat(500_000));
        assert_eq!(read::<Thing>(&deep).map(|thing| thing.name.0).unwrap_or_default(), "a");
    }

    #[test]
    fn control_characters_in_a_text_are_read_and_words_in_it_stay() {
        assert_eq!(name("{\"name\":\"a\tb\\\" NaN\n\",\"count\":NaN}"), "a\tb\" NaN\n");
        assert!(read::<Thing>("{\"name\":NaNa}").is_err() && read::<Thing>("{\"name\":\"a\tb").is_err());
    }

    #[test]
    fn pairs_are_joined_over_pieces_and_halves_are_marked() {
        let mut waiting = None;
        let mut read_next = |json: &str| {
            let mut text = name(&format!("{{\"name\":\"{json}\"}}"));
            join_halves(&mut text, &mut waiting);
            text
        };
        assert_eq!(read_next("a\\ud83d"), "a");
        assert_eq!(read_next("\\ude00b\u{10fffd}"), "😀b\u{10fffd}");
        assert_eq!(read_next("\\ude00\\ud83d\\ud83d"), "\u{fffd}\u{fffd}");
        assert_eq!(read_next("c"), "\u{fffd}c");
        assert_eq!(read_next("\\ud83d\\ude00"), "😀");
    }

    #[test]
    fn flags_are_read_however_they_are_written() {
        let flag = |json: &str| serde_json::from_str::<Odd<Flag>>(json).unwrap().0.0;
        assert!(["true", "\"true\"", "\"True\"", "1", "\"1\""].into_iter().all(flag));
        assert!(!["false", "\"false\"", "0", "\"\"", "null", "[]", "{}", "1.5"].into_iter().any(flag));
    }

    #[test]
    fn numbers_are_whole_and_lists_give_what_can_be_read() {
        let count = |json: &str| read::<Thing>(&format!("{{\"count\":{json}}}")).unwrap().count.0;
        assert_eq!([count("7"), count("0"), count("4294967295")], [Some(7), Some(0), Some(u32::MAX)]);
        for odd in ["-1", "1.5", "12.0", "\"7\"", "4294967296", "null", "[7]"] {
            assert_eq!(count(odd), None, "{odd}");
        }
        let all = |json: &str| read::<Thing>(&format!("{{\"all\":{json}}}")).unwrap().all.0.0.len();
        assert_eq!([all("[{},5,{}]"), all("{}"), all("5"), all("null")], [2, 1, 0, 0]);
    }
}
