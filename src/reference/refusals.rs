//! The errors of the API as responses that operations share. Every operation has those that follow from what it is
//! (`document.rs`); a handler names the others: `responses(…, Refusal::<409>)`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::error::AppError;
use crate::server::response::Failure;

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

/// Responses that are described in one place.
pub fn references(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    statuses.iter().map(|status| (status.to_string(), Ref::from_response_name(name_of(*status)).into())).collect()
}

fn name_of(status: u16) -> String {
    format!("Error{status}")
}

/// One of each kind.
fn errors() -> [AppError; 18] {
    [
        AppError::invalid("message", "Write a message of 1 to 1000 characters."),
        AppError::Unauthenticated,
        AppError::InvalidCredentials,
        AppError::InsufficientCredits { needed: 1, available: 0 },
        AppError::OverBudget { needed: 1, available: 0 },
        AppError::Forbidden,
        AppError::NotFound,
        AppError::MethodNotAllowed,
        AppError::Conflict("This email address has an account already.".to_owned()),
        AppError::IdempotencyMismatch,
        AppError::TooLarge,
        AppError::UnsupportedMedia("application/json".to_owned()),
        AppError::RateLimited { retry_after_secs: 7, limit: 20 },
        AppError::ProviderRateLimited,
        AppError::ProviderFailed,
        AppError::ProviderTimeout,
        AppError::Unavailable,
        AppError::Internal,
    ]
}

/// The responses that [`references`] point to, by name: what each status can mean, with what is sent for it.
pub fn responses() -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<AppError>>::new();
    for error in errors() {
        by_status.entry(error.status()).or_default().push(error);
    }
    by_status.into_iter().map(|(status, errors)| (name_of(status), response(status, &errors).into())).collect()
}

fn response(status: u16, errors: &[AppError]) -> Response {
    let codes: BTreeSet<_> = errors.iter().map(|error| format!("`{}`", error.code())).collect();
    let description = codes.into_iter().collect::<Vec<_>>().join(", ");
    let examples = errors.iter().enumerate().map(|(number, error)| {
        let body = Failure::of(error, "0199c1d2-7f00-7000-8000-1234567890ab".to_owned());
        let example = ExampleBuilder::new().summary(error.to_string()).value(Some(json!(body))).build();
        (format!("{}-{number}", error.code()), RefOr::T(example))
    });
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name("Failure"))).examples_from_iter(examples).build();
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
