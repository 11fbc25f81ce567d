//! JSON that the pages get, read in the browser by the browser's own parser.
//!
//! With `serde_json` there would be 30 KB more WASM (brotli) before the first page answers to a click: its parser, numbers
//! with a fraction, and for each struct the code that matches names. Here a struct asks for its fields in their order.

use std::fmt;

use js_sys::{Array, JSON, Reflect};
use serde::Deserialize;
use serde::de::value::SeqDeserializer;
use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};
use wasm_bindgen::JsValue;

use crate::platform::error::{AppError, AppResult};

/// The value of a JSON text; `None` if it is not one of that shape. It reads structs, lists, options, texts, numbers,
/// booleans and enums without data; a field that is absent counts as `null`, a list as empty, a boolean as false.
#[must_use]
pub fn read_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    if cfg!(target_arch = "wasm32") {
        T::deserialize(Value(JSON::parse(text).ok()?)).ok()
    } else {
        serde_json::from_str(text).ok()
    }
}

/// What an answer of the HTTP API says, in its envelope.
///
/// # Errors
/// The failure that it tells of, by its code and its text; [`AppError::Internal`] if it is no such answer.
pub fn read_answer<T: DeserializeOwned>(text: &str) -> AppResult<T> {
    #[derive(Deserialize)]
    struct Failure {
        code: Option<String>,
        error: Option<String>,
    }
    match read_json(text) {
        Some(Failure { code: Some(code), error }) => Err(AppError::from_answer(&code, error.unwrap_or_default())),
        _ => read_data(text).ok_or(AppError::Internal),
    }
}

/// The data of a successful answer of the HTTP API; `None` if it is no such answer.
#[must_use]
pub fn read_data<T: DeserializeOwned>(text: &str) -> Option<T> {
    #[derive(Deserialize)]
    struct Success<T> {
        data: T,
    }
    read_json(text).map(|Success { data }| data)
}

struct Value(JsValue);

/// Something is not what the type says. What exactly, only a developer would want to know: it would have to be in the WASM.
#[derive(Debug)]
struct Mismatch;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unexpected JSON")
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl IntoDeserializer<'_, Mismatch> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for Value {
    type Error = Mismatch;

    /// Numbers; everything else has its own function.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let number = self.0.as_f64().ok_or(Mismatch)?;
        if number.fract() == 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "integers in JSON are smaller than 2^53")]
            visitor.visit_i64(number as i64)
        } else {
            visitor.visit_f64(number)
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        // What is not so may be left out.
        if self.0.is_null() || self.0.is_undefined() {
            return visitor.visit_bool(false);
        }
        visitor.visit_bool(self.0.as_bool().ok_or(Mismatch)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_string(self.0.as_string().ok_or(Mismatch)?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.0.is_null() || self.0.is_undefined() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        // Lists that are empty may be left out.
        if self.0.is_null() || self.0.is_undefined() {
            return visit_items(Vec::new(), visitor);
        }
        if !Array::is_array(&self.0) {
            return Err(Mismatch);
        }
        visit_items(Array::from(&self.0).iter().collect(), visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        // Refused by what is no object.
        let field = |name: &&str| Reflect::get(&self.0, &JsValue::from_str(name));
        visit_items(fields.iter().map(field).collect::<Result<_, _>>().map_err(|_| Mismatch)?, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_enum(self.0.as_string().ok_or(Mismatch)?.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct map identifier ignored_any
    }
}

fn visit_items<'de, V: Visitor<'de>>(items: Vec<JsValue>, visitor: V) -> Result<V::Value, Mismatch> {
    visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_data_or_its_failure() {
        assert_eq!(read_answer::<Option<i64>>(r#"{"success":true,"data":3}"#), Ok(Some(3)));
        assert_eq!(read_answer::<Option<i64>>(r#"{"success":true,"data":null}"#), Ok(None));
        assert_eq!(read_answer::<i64>(r#"{"success":false,"code":"not_found","error":"…"}"#), Err(AppError::NotFound));
        let conflict = AppError::Conflict("One is enough.".to_owned());
        assert_eq!(read_answer::<i64>(r#"{"code":"conflict","error":"One is enough."}"#), Err(conflict));
        assert_eq!(read_answer::<i64>("<html>"), Err(AppError::Internal));
    }
}
