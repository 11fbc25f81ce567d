//! How an image stands in a body of JSON: megabytes of Base64, which are not copied before they are decoded.

use std::borrow::Cow;
use std::fmt;

use axum::body::Bytes;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A text of a body as it stands there, with JSON's escapes.
#[derive(Debug, Default)]
pub struct RawText<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for RawText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
        inner
            .map(|inner| Self(Cow::Borrowed(inner)))
            .ok_or_else(|| D::Error::invalid_type(unexpected(raw), &"a string"))
    }
}

fn unexpected(raw: &str) -> Unexpected<'static> {
    match raw.as_bytes().first() {
        Some(b'{') => Unexpected::Map,
        Some(b'[') => Unexpected::Seq,
        Some(b'n') => Unexpected::Unit,
        Some(b't' | b'f') => Unexpected::Other("boolean"),
        _ => Unexpected::Other("number"),
    }
}

impl RawText<'_> {
    /// The same, as a part of the body that it was read from, which it keeps.
    #[must_use]
    pub fn kept_by(self, body: &Bytes) -> ImageText {
        match self.0 {
            Cow::Borrowed(text) => ImageText(body.slice_ref(text.as_bytes())),
            Cow::Owned(text) => ImageText(text.into()),
        }
    }
}

/// An image as it was sent: a data URL, or the id of one that was sent before.
#[derive(Debug, Clone, Default)]
pub struct ImageText(Bytes);

impl ImageText {
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, with JSON's escapes, as programs write them into addresses that need none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It was read from a text.
        std::str::from_utf8(&self.0).unwrap_or_default().trim()
    }
}

/// As JSON has it, so that a request is the same however its slashes are written.
impl Serialize for ImageText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Plain<'a>(&'a str);
        impl fmt::Display for Plain<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.split("\\/").enumerate().try_for_each(|(number, part)| {
                    f.write_str(if number == 0 { "" } else { "/" })?;
                    f.write_str(part)
                })
            }
        }
        serializer.collect_str(&Plain(std::str::from_utf8(&self.0).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        images: Vec<RawText<'a>>,
    }

    #[test]
    fn a_text_is_a_part_of_its_body_whatever_is_escaped_in_it() {
        let body = Bytes::from_static(br#"{"images":["data:image\/png;base64,AA\/A","x"]}"#);
        let read: Body<'_> = serde_json::from_slice(&body).unwrap();
        let images: Vec<_> = read.images.into_iter().map(|text| text.kept_by(&body)).collect();
        assert_eq!(images[0].as_str(), r"data:image\/png;base64,AA\/A");
        assert!(body.as_ptr_range().contains(&images[0].0.as_ptr()), "it is copied");
        let told = serde_json::to_string(&images).unwrap();
        assert_eq!(told, r#"["data:image/png;base64,AA/A","x"]"#);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for (image, told) in
            [("7", "number"), ("{}", "map"), ("[\"x\"]", "sequence"), ("null", "null"), ("true", "boolean")]
        {
            let error = serde_json::from_str::<Body<'_>>(&format!("{{\"images\":[{image}]}}")).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains("a string"), "{error}");
        }
    }
}
