//! The errors of the API as responses that operations share. Every operation has those that follow from what it is
//! (`document.rs`); a handler names the others: `responses(…, Refusal::<409>)`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::IntoResponses;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::openai_api::V1Error;
use crate::openai_api::messages::MessagesError;
use crate::platform::amount::Amount;
use crate::platform::error::AppError;
use crate::platform::http::envelope::Failure;

/// The operation may answer with this status for a reason of its own.
pub struct Refusal<const STATUS: u16>;

impl<const STATUS: u16> IntoResponses for Refusal<STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[STATUS])
    }
}

/// The operation spends credits: it can be repeated with an `Idempotency-Key`, is limited, and depends on a provider.
pub struct Spending;

impl IntoResponses for Spending {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Self::STATUS, 409, 429, 502, 504])
    }
}

impl Spending {
    /// The status by which an operation is known to spend.
    pub const STATUS: u16 = 402;
}

/// In examples.
const REQUEST_ID: &str = "0199c1d2-7f00-7000-8000-1234567890ab";

/// What begins the names of the same responses in the shape that clients of `OpenAI` know.
pub const V1: &str = "V1Error";
/// The same for clients of Anthropic.
pub const MESSAGES: &str = "MessagesError";

/// Responses that are described in one place.
pub fn references(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let name = |status: &u16| (status.to_string(), Ref::from_response_name(format!("Error{status}")).into());
    statuses.iter().map(name).collect()
}

/// One of each kind.
fn errors() -> [AppError; 28] {
    [
        AppError::invalid("message", "Write a message of 1 to 1000 characters."),
        AppError::Unauthenticated,
        AppError::InvalidCredentials,
        AppError::SecondFactorRequired,
        AppError::InsufficientCredits { needed: Amount::credits(1), available: Amount::ZERO },
        AppError::OverBudget { needed: Amount::credits(1), available: Amount::ZERO },
        AppError::OverOwnBudget { needed: Amount::credits(1), available: Amount::ZERO },
        AppError::Forbidden,
        AppError::SwitchedOff("Images are switched off at the moment.".to_owned()),
        AppError::MissingScope("spend".to_owned()),
        AppError::NotFound,
        AppError::MethodNotAllowed,
        AppError::Conflict("This email address has an account already.".to_owned()),
        AppError::IdempotencyMismatch,
        AppError::TooLarge,
        AppError::UnsupportedMedia("application/json".to_owned()),
        AppError::RateLimited { retry_after_secs: 7, limit: 20 },
        AppError::TooManyStops { retry_after_secs: 1728, limit: 50 },
        AppError::ProviderRateLimited { retry_after_secs: Some(7) },
        AppError::ProviderFailed,
        AppError::ProviderRefused(
            "The model didn’t accept this request: no such parameter. Nothing was charged.".to_owned(),
        ),
        AppError::ContextTooLong,
        AppError::ProviderTimeout,
        AppError::ContentBlocked,
        AppError::Stopped,
        AppError::Unavailable,
        AppError::Paused("Images pause until tomorrow.".to_owned()),
        AppError::Internal,
    ]
}

/// The responses that [`references`] point to, by name: what each status can mean, with what is sent for it; and the same
/// for clients of `OpenAI` and of Anthropic.
pub fn responses() -> BTreeMap<String, RefOr<Response>> {
    let mut all = BTreeMap::new();
    let own = errors().map(|error| {
        let body = json!(Failure::of(&error, REQUEST_ID.to_owned()));
        (error.status(), error.code().to_owned(), body)
    });
    let known = errors().map(V1Error::from).map(|error| {
        let body = error.body();
        let code = ["code", "type"].iter().find_map(|name| body["error"][name].as_str()).unwrap_or_default().to_owned();
        (error.status(), code, body)
    });
    let told = errors().map(MessagesError::from).map(|error| {
        let (status, mut body) = error.parts();
        body["request_id"] = REQUEST_ID.into();
        (status, body["error"]["type"].as_str().unwrap_or_default().to_owned(), body)
    });
    let shapes = [
        ("Error", "Failure", own.to_vec()),
        (V1, "V1Failure", known.to_vec()),
        (MESSAGES, "MessagesFailure", told.to_vec()),
    ];
    for (prefix, schema, samples) in shapes {
        let mut by_status = BTreeMap::<u16, Vec<(String, Value)>>::new();
        for (status, code, body) in samples {
            by_status.entry(status).or_default().push((code, body));
        }
        for (status, samples) in by_status {
            all.insert(format!("{prefix}{status}"), response(status, schema, samples).into());
        }
    }
    all
}

fn response(status: u16, schema: &str, samples: Vec<(String, Value)>) -> Response {
    let codes: BTreeSet<_> = samples.iter().map(|(code, _)| format!("`{code}`")).collect();
    let description = codes.into_iter().collect::<Vec<_>>().join(", ");
    let examples = samples.into_iter().enumerate().map(|(number, (code, body))| {
        (format!("{code}-{number}"), RefOr::T(ExampleBuilder::new().value(Some(body)).build()))
    });
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).examples_from_iter(examples).build();
    let response = ResponseBuilder::new().description(description).content("application/json", content);
    let headers: &[&str] = match status {
        429 => &["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"],
        503 => &["Retry-After"],
        _ => &[],
    };
    headers.iter().fold(response, |response, name| response.header_ref(*name, header(name))).build()
}

/// The description of a header that several responses have.
pub fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::mem::discriminant;

    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn there_is_one_of_each_kind() {
        let described: HashSet<_> = errors().iter().map(discriminant).collect();
        assert!(AppError::iter().all(|error| described.contains(&discriminant(&error))));
    }
}
