//! Embeddings of an OpenAI-compatible server: `POST {base}/embeddings`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::Value;

use super::super::{Embedded, EmbeddingInput, EmbeddingRequest, ProviderError};
use crate::generation::brief;
use crate::platform::lenient;

/// Most bytes of an answer: 2,048 vectors of 3,072 numbers.
pub(super) const MOST: usize = 128 * 1024 * 1024;

#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    input: &'a EmbeddingInput,
    /// What every server knows.
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

impl<'a> Body<'a> {
    pub(super) const fn new(request: &'a EmbeddingRequest, model: &'a str) -> Self {
        Self { model, input: &request.input, encoding_format: "float", dimensions: request.dimensions }
    }
}

/// What an answer says: as many vectors as were asked for, each of finite numbers; anything less is none.
pub(super) fn read(body: &[u8], count: usize) -> Result<Embedded, ProviderError> {
    let malformed = |why: &str| ProviderError::Malformed(format!("embeddings: {why}"));
    let text = std::str::from_utf8(body).map_err(|_| malformed("no text"))?;
    let answer: Answer = lenient::read(text).map_err(|error| malformed(&error.to_string()))?;
    if answer.error.0.is_set() {
        return Err(malformed(&brief(&answer.error.0.text())));
    }
    let data = answer.data.as_array().map(Vec::as_slice).unwrap_or_default();
    if data.len() != count {
        return Err(malformed(&format!("{} instead of {count}", data.len())));
    }
    let mut vectors = vec![None; count];
    for (at, one) in data.iter().enumerate() {
        // Not every server says which it is.
        let at = one["index"].as_u64().map_or(at, |at| usize::try_from(at).unwrap_or(usize::MAX));
        let place = vectors.get_mut(at).filter(|place| place.is_none()).ok_or_else(|| malformed("an odd index"))?;
        *place = Some(read_vector(&one["embedding"]).ok_or_else(|| malformed("an odd vector"))?);
    }
    let vectors = vectors.into_iter().collect::<Option<_>>().ok_or_else(|| malformed("one is missing"))?;
    Ok(Embedded { vectors, tokens: answer.usage.0.0.and_then(|usage| usage.prompt_tokens.0) })
}

#[expect(clippy::cast_possible_truncation, reason = "that is what they were")]
fn read_vector(value: &Value) -> Option<Vec<f32>> {
    let vector: Vec<f32> = match value {
        Value::Array(numbers) => {
            numbers.iter().map(|number| number.as_f64().map(|number| number as f32)).collect::<Option<_>>()?
        }
        Value::String(base64) => {
            let bytes = BASE64_STANDARD.decode(base64).ok()?;
            let (numbers, rest) = bytes.as_chunks::<4>();
            numbers.iter().filter(|_| rest.is_empty()).map(|number| f32::from_le_bytes(*number)).collect()
        }
        _ => return None,
    };
    (!vector.is_empty() && vector.iter().all(|number| number.is_finite())).then_some(vector)
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Answer {
    data: Value,
    usage: lenient::Odd<lenient::First<AnswerUsage>>,
    error: lenient::Odd<crate::generation::Fault>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct AnswerUsage {
    prompt_tokens: lenient::Odd<Option<u32>>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn vectors_are_read_in_their_order_and_in_both_forms() {
        let answer = json!({
            "data": [{"index": 1, "embedding": "AAAAPwAAgD8="}, {"index": 0, "embedding": [0.25, -1]}],
            "usage": {"prompt_tokens": 3},
        });
        let read = read(answer.to_string().as_bytes(), 2).unwrap();
        assert_eq!(read, Embedded { vectors: vec![vec![0.25, -1.0], vec![0.5, 1.0]], tokens: Some(3) });
    }

    #[test]
    fn what_is_not_whole_is_no_answer() {
        let one = |embedding: Value| json!({"data": [{"embedding": embedding}]});
        assert!(read(one(json!([1])).to_string().as_bytes(), 1).is_ok());
        for answer in [
            json!({}),
            json!({"data": []}),
            json!({"data": {"embedding": [1]}}),
            json!({"data": [{"embedding": [1]}, {"embedding": [1]}]}),
            json!({"data": [{"index": 7, "embedding": [1]}]}),
            one(json!([])),
            one(json!(["x"])),
            one(json!("AAA")),
            one(json!(null)),
            json!({"data": [{"embedding": [1]}], "error": {"message": "no"}}),
        ] {
            assert!(read(answer.to_string().as_bytes(), 1).is_err(), "{answer}");
        }
        assert!(read(b"<html>", 1).is_err() && read(br#"{"data":[{"embedding":[1e999]}]}"#, 1).is_err());
    }
}
