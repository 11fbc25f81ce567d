//! Fields that clients of `OpenAI` write in more than one way. Each reads all of them, and says of anything else what it is
//! and what was expected: the name of the field comes from [`read_json`](crate::platform::http::envelope::read_json).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::chat::server::image_text::RawText;
use crate::chat::server::providers::{CacheControl, ImageDetail};

/// A whole number. `12.0` is one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(i64::try_from(number).unwrap_or(i64::MAX)))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Whole, E> {
                if number.fract() != 0.0 {
                    return Err(E::invalid_type(serde::de::Unexpected::Float(number), &self));
                }
                let beyond = if number > 0.0 { i64::MAX } else { i64::MIN };
                Ok(Whole(format!("{number:.0}").parse().unwrap_or(beyond)))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// Texts that end an answer: one, or a list.
#[derive(Debug, Default)]
pub struct Stops(pub Vec<String>);

impl Stops {
    pub fn schema() -> Schema {
        Schema::OneOf(OneOfBuilder::new().item(String::schema()).item(Vec::<String>::schema()).item(null()).build())
    }
}

impl<'de> Deserialize<'de> for Stops {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Stops;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Stops, E> {
                Ok(Stops(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Stops, A::Error> {
                Ok(Stops(read_all(list)?))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

/// What a message says: a text, a part, or a list of parts.
#[derive(Debug, Default)]
pub struct Content<'a>(pub Vec<Part<'a>>);

impl Content<'_> {
    pub fn schema() -> Schema {
        let parts = ArrayBuilder::new().items(PartFields::schema()).build();
        Schema::OneOf(OneOfBuilder::new().item(String::schema()).item(parts).item(null()).build())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of parts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
                Ok(Content(vec![Part::text(text)]))
            }

            fn visit_map<A: MapAccess<'de>>(self, part: A) -> Result<Content<'de>, A::Error> {
                Ok(Content(vec![Part(PartFields::deserialize(MapAccessDeserializer::new(part))?)]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Content<'de>, A::Error> {
                Ok(Content(read_all(list)?))
            }
        }
        deserializer.deserialize_any(Parts)
    }
}

/// A part of a message. A bare text is one too.
#[derive(Debug)]
pub struct Part<'a>(pub PartFields<'a>);

#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Part)]
pub struct PartFields<'a> {
    /// `text` or `image_url`.
    #[serde(rename = "type", default)]
    pub kind: String,
    #[schema(required = false, nullable = false)]
    pub text: Option<String>,
    #[schema(ignore)]
    pub refusal: Option<String>,
    #[serde(borrow)]
    #[schema(inline, required = false, nullable = false)]
    pub image_url: Option<ImageUrl<'a>>,
    /// Of an `input_image` of Responses.
    #[schema(ignore)]
    pub detail: Option<ImageDetail>,
    /// Of an image in a block of Anthropic's.
    #[serde(borrow)]
    #[schema(ignore)]
    pub source: Option<Source<'a>>,
    /// Of a call of a tool in a block of Anthropic's, as are those that follow.
    #[schema(ignore)]
    pub id: Option<String>,
    #[schema(ignore)]
    pub name: Option<String>,
    #[schema(ignore)]
    pub input: Option<Box<RawValue>>,
    /// Of what came of it.
    #[schema(ignore)]
    pub tool_use_id: Option<String>,
    #[serde(borrow)]
    #[schema(ignore)]
    pub content: Option<Content<'a>>,
    #[schema(ignore)]
    pub is_error: Option<bool>,
    /// All up to this part is to be cached by who answers, if that keeps a cache by request.
    #[schema(value_type = Option<Object>)]
    pub cache_control: Option<CacheControl>,
    /// Of what a model thought.
    #[schema(ignore)]
    pub thinking: Option<String>,
    #[schema(ignore)]
    pub signature: Option<String>,
    #[schema(ignore)]
    pub data: Option<String>,
}

/// Where the bytes of a block are.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with a type")]
pub struct Source<'a> {
    #[serde(rename = "type", default)]
    pub kind: String,
    pub media_type: Option<String>,
    #[serde(borrow)]
    pub data: Option<RawText<'a>>,
}

impl Part<'_> {
    fn text(text: &str) -> Self {
        Self(PartFields { kind: "text".to_owned(), text: Some(text.to_owned()), ..PartFields::default() })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> Visitor<'de> for One {
            type Value = Part<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part such as {\"type\":\"text\",\"text\":\"…\"}")
            }

            fn visit_str<E>(self, text: &str) -> Result<Part<'de>, E> {
                Ok(Part::text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, part: A) -> Result<Part<'de>, A::Error> {
                PartFields::deserialize(MapAccessDeserializer::new(part)).map(Part)
            }
        }
        deserializer.deserialize_any(One)
    }
}

/// The address of an image: an object, or the address alone.
#[derive(Debug, ToSchema)]
pub struct ImageUrl<'a> {
    /// A `data:` URL of an image.
    #[schema(value_type = String)]
    pub url: RawText<'a>,
    /// `auto`, `low`, `high` or `original`: how closely it is looked at, where the model knows that.
    #[schema(value_type = Option<String>)]
    pub detail: Option<ImageDetail>,
}

impl<'de: 'a, 'a> Deserialize<'de> for ImageUrl<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            url: RawText<'a>,
            detail: Option<ImageDetail>,
        }
        struct Address;
        impl<'de> Visitor<'de> for Address {
            type Value = ImageUrl<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a url")
            }

            fn visit_borrowed_str<E>(self, url: &'de str) -> Result<ImageUrl<'de>, E> {
                Ok(ImageUrl { url: RawText(Cow::Borrowed(url)), detail: None })
            }

            fn visit_str<E>(self, url: &str) -> Result<ImageUrl<'de>, E> {
                Ok(ImageUrl { url: RawText(Cow::Owned(url.to_owned())), detail: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<ImageUrl<'de>, A::Error> {
                let Fields { url, detail } = Fields::deserialize(MapAccessDeserializer::new(object))?;
                Ok(ImageUrl { url, detail })
            }
        }
        deserializer.deserialize_any(Address)
    }
}

fn read_all<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(mut list: A) -> Result<Vec<T>, A::Error> {
    let mut all = Vec::new();
    while let Some(one) = list.next_element()? {
        all.push(one);
    }
    Ok(all)
}

fn null() -> Object {
    ObjectBuilder::new().schema_type(Type::Null).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::error::AppError;
    use crate::platform::http::envelope::read_json;

    #[derive(Debug, Deserialize)]
    struct Request<'a> {
        n: Option<Whole>,
        #[serde(borrow, default)]
        contents: Vec<Option<Content<'a>>>,
    }

    fn field(json: &str) -> String {
        match read_json::<Request<'_>>(json.as_bytes()) {
            Err(AppError::InvalidInput { field, message }) => {
                assert!(message.starts_with(&field) && !message.contains("untagged"), "{message}");
                field
            }
            other => panic!("{json}: {other:?}"),
        }
    }

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        let n = |json: &str| read_json::<Request<'_>>(format!("{{\"n\":{json}}}").as_bytes()).unwrap().n;
        for (json, number) in [
            ("7", 7),
            ("7.0", 7),
            ("-1", -1),
            ("-1.0", -1),
            ("7e2", 700),
            ("18446744073709551615", i64::MAX),
            ("1e30", i64::MAX),
            ("-1e30", i64::MIN),
        ] {
            assert_eq!(n(json), Some(Whole(number)), "{json}");
        }
        assert_eq!(n("null"), None);
        for json in ["1.5", "\"7\"", "true", "[]", "{}"] {
            assert_eq!(field(&format!("{{\"n\":{json}}}")), "n");
        }
    }

    #[test]
    fn what_is_wrong_names_the_field() {
        for (json, name) in [
            ("", "body"),
            ("{", "body"),
            ("[]", "body"),
            (" 7", "body"),
            ("{} {}", "body"),
            ("{\"contents\":7}", "contents"),
            ("{\"contents\":[\"x\",7]}", "contents[1]"),
            ("{\"contents\":[[{}, 7]]}", "contents[0][1]"),
            ("{\"contents\":[{\"text\":7}]}", "contents[0].text"),
            ("{\"contents\":[[{\"image_url\":7}]]}", "contents[0][0].image_url"),
            ("{\"contents\":[[{\"image_url\":{\"url\":7}}]]}", "contents[0][0].image_url.url"),
        ] {
            assert_eq!(field(json), name, "{json}");
        }
    }

    #[test]
    fn contents_are_read_in_every_form() {
        let texts = |json: &str| {
            let json = format!("{{\"contents\":[{json}]}}");
            let request: Request<'_> = read_json(json.as_bytes()).unwrap();
            let parts = request.contents.into_iter().flatten().flat_map(|content| content.0);
            parts.map(|Part(part)| part.text.unwrap_or_default()).collect::<Vec<_>>().join("|")
        };
        assert_eq!(texts("null"), "");
        assert_eq!(texts("\"a\""), "a");
        assert_eq!(texts("{\"type\":\"text\",\"text\":\"a\"}"), "a");
        assert_eq!(texts("[\"a\",{\"type\":\"text\",\"text\":\"b\"},{}]"), "a|b|");
    }
}
