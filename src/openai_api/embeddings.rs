//! `POST /v1/embeddings`: texts as vectors, for clients of `OpenAI`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::error::V1Error;
use super::fields::Whole;
use super::open::Open;
use crate::account::server::caller::{Caller, SPEND};
use crate::api_docs::{Refusal, Spending};
use crate::chat::server::Chat;
use crate::chat::server::embeddings::{Delivered, Embeddings};
use crate::chat::server::providers::{EmbeddingInput, EmbeddingRequest, GuardedProvider};
use crate::credits::server::store::Idempotency;
use crate::generation::check_key;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{ApiError, JsonBody, idempotency_key, read_json, with_quota_of_success};
use crate::platform::http::keep_alive::{json_once_taken, keep_alive};
use crate::platform::http::uploads::on_bytes;

/// Most inputs of a call.
const MOST_INPUTS: usize = 2048;
/// Most bytes of all of them, and most tokens.
const MOST_BYTES: usize = 2 * 1024 * 1024;
const MOST_TOKENS: usize = 300_000;
const NO_INPUT: &str = "A text, a list of texts, or lists of tokens: at most 2,048, and none of them empty.";

/// What a client asks. Other fields are ignored, as clients expect.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EmbeddingsRequest {
    /// One of `/v1/models` that embeds.
    #[serde(default)]
    #[schema(required)]
    model: String,
    /// A text, a list of texts, or lists of tokens.
    #[serde(default)]
    #[schema(required)]
    input: Value,
    /// `float` or `base64`.
    encoding_format: Option<String>,
    #[schema(value_type = Option<i64>)]
    dimensions: Option<Whole>,
}

/// The vectors.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbeddingList {
    /// `list`.
    object: &'static str,
    model: String,
    data: Vec<Embedding>,
    usage: EmbeddingUsage,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Embedding {
    /// `embedding`.
    object: &'static str,
    index: usize,
    /// Numbers, or the Base64 of them, as 32 bits each, little-endian.
    #[serde(rename = "embedding")]
    vector: Vector,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Vector {
    Floats(Vec<f32>),
    Base64(String),
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EmbeddingUsage {
    #[serde(rename = "prompt_tokens")]
    prompt: u32,
    #[serde(rename = "total_tokens")]
    total: u32,
}

/// Create embeddings (OpenAI-compatible).
///
/// Needs a provider with an embedding model (`OPENAI_EMBEDDING_MODEL`, or `embeds` in `providers.toml`); without one it is 404. Each
/// call is charged once, by the price of that model; closing the connection before the response is free. With an `Idempotency-Key`,
/// an answer of up to a mebibyte is kept for a retry with the same key. Responses that take longer than 15 s are preceded by white
/// space, and a failure after that is reported in the body of a 200.
#[utoipa::path(post, path = "/v1/embeddings", tag = "OpenAI-compatible API",
    request_body(content = EmbeddingsRequest,
        example = json!({"model": "text-embedding-3-small", "input": "What is a tessera?"})),
    responses((status = 200, description = "The vectors, in the order of the inputs.", body = EmbeddingList),
        Spending, Refusal::<404>))]
pub async fn create_embeddings(
    State(chat): State<Chat>,
    caller: Result<Open<SPEND>, ApiError>,
    headers: HeaderMap,
    body: Result<JsonBody, ApiError>,
) -> Result<Response, V1Error> {
    let begun = Instant::now();
    let Open(caller) = caller?;
    if chat.embedders(&caller).is_empty() {
        return Err(V1Error::no_embedder());
    }
    let JsonBody { bytes, permit } = body?;
    let (key, length) = (idempotency_key(&headers)?, bytes.len());
    let reading = move || {
        let request: EmbeddingsRequest = read_json(&bytes)?;
        let idempotency = key.map(|key| check_key(key, &bytes)).transpose()?;
        Ok::<_, AppError>((read(request)?, idempotency))
    };
    let (wanted, idempotency) = on_bytes(length, reading).await??;
    let shop = chat.site.public_url.clone();
    let work = async move {
        let answered = answer(&chat, &caller, wanted, idempotency).await;
        drop(permit);
        answered.unwrap_or_else(|error| error.with_shop(&shop).into_response())
    };
    Ok(keep_alive(begun, work).await)
}

/// What is asked, once it is read.
struct Wanted {
    model: String,
    request: EmbeddingRequest,
    as_base64: bool,
}

fn read(request: EmbeddingsRequest) -> AppResult<Wanted> {
    let as_base64 = match request.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(AppError::invalid("encoding_format", "float or base64.")),
    };
    let dimensions = match request.dimensions {
        None => None,
        Some(Whole(number @ 1..=65_536)) => u32::try_from(number).ok(),
        Some(_) => return Err(AppError::invalid("dimensions", "1 to 65,536.")),
    };
    let input = read_input(request.input).ok_or_else(|| AppError::invalid("input", NO_INPUT))?;
    let is_too_long = match &input {
        EmbeddingInput::Texts(_) => input.bytes() > MOST_BYTES,
        EmbeddingInput::Tokens(all) => all.iter().map(Vec::len).sum::<usize>() > MOST_TOKENS,
    };
    if is_too_long {
        return Err(AppError::invalid(
            "input",
            format!("At most {MOST_BYTES} bytes, or {MOST_TOKENS} tokens, at once."),
        ));
    }
    Ok(Wanted { model: request.model, request: EmbeddingRequest { input, dimensions }, as_base64 })
}

/// `None` for what is none of the forms.
fn read_input(input: Value) -> Option<EmbeddingInput> {
    let tokens = |list: &[Value]| -> Option<Vec<u32>> {
        list.iter().map(|token| token.as_u64().and_then(|token| u32::try_from(token).ok())).collect()
    };
    let read = match input {
        Value::String(text) => EmbeddingInput::Texts(vec![text]),
        Value::Array(list) => match list.first()? {
            Value::String(_) => {
                EmbeddingInput::Texts(list.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<_>>()?)
            }
            Value::Array(_) => {
                EmbeddingInput::Tokens(list.iter().map(|one| tokens(one.as_array()?)).collect::<Option<_>>()?)
            }
            _ => EmbeddingInput::Tokens(vec![tokens(&list)?]),
        },
        _ => return None,
    };
    let is_blank = match &read {
        EmbeddingInput::Texts(all) => all.iter().any(String::is_empty),
        EmbeddingInput::Tokens(all) => all.iter().any(Vec::is_empty),
    };
    (!is_blank && read.count() <= MOST_INPUTS).then_some(read)
}

async fn answer(
    chat: &Chat,
    caller: &Caller,
    wanted: Wanted,
    idempotency: Option<Idempotency>,
) -> Result<Response, V1Error> {
    let Wanted { model, request, as_base64 } = wanted;
    // Of several that have it, the first, unless it is asked for as `provider/model`.
    let is_meant = |provider: &Arc<GuardedProvider>| {
        let embeds = provider.embedding_model().unwrap_or_default();
        model == embeds || model.strip_prefix(provider.name()).and_then(|rest| rest.strip_prefix('/')) == Some(embeds)
    };
    let provider = chat.embedders(caller).into_iter().find(is_meant);
    let unknown = || AppError::invalid("model", format!("The model `{model}` does not embed here."));
    let embeddings = chat.embed(caller, provider.ok_or_else(unknown)?, request, idempotency).await?;
    let Delivered { embedded, model, tokens, quota, payment } = match embeddings {
        Embeddings::New(delivered) => *delivered,
        Embeddings::Kept(json, quota) => {
            let response = ([(CONTENT_TYPE, "application/json")], json).into_response();
            return Ok(with_quota_of_success(response, quota));
        }
    };
    let data = embedded.vectors.into_iter().enumerate().map(|(index, vector)| Embedding {
        object: "embedding",
        index,
        vector: if as_base64 { Vector::Base64(to_base64(&vector)) } else { Vector::Floats(vector) },
    });
    let usage = EmbeddingUsage { prompt: tokens, total: tokens };
    let list = EmbeddingList { object: "list", model, data: data.collect(), usage };
    let kept = serde_json::to_vec(&list).map_err(|_| AppError::Internal)?;
    let response = json_once_taken(&list, move || async move { payment.take(kept).await.is_some() })?;
    Ok(with_quota_of_success(response, quota))
}

fn to_base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_an_input_is_read_and_nothing_else() {
        let count =
            |input: Value| read_input(input).map(|read| (read.count(), matches!(read, EmbeddingInput::Texts(_))));
        assert_eq!(count(json!("a")), Some((1, true)));
        assert_eq!(count(json!(["a", "b"])), Some((2, true)));
        assert_eq!(count(json!([1, 2])), Some((1, false)));
        assert_eq!(count(json!([[1, 2], [3]])), Some((2, false)));
        for input in
            [json!(null), json!(7), json!(""), json!([]), json!([""]), json!(["a", 1]), json!([[1], []]), json!([-1])]
        {
            assert_eq!(count(input.clone()), None, "{input}");
        }
        assert_eq!(count(json!(vec!["a"; 2049])), None);
    }

    #[test]
    fn base64_is_little_endian() {
        assert_eq!(to_base64(&[0.5, 1.0]), "AAAAPwAAgD8=");
    }
}
