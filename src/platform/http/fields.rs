//! Queries and forms: what is wrong with one is said by the name of its field.

use std::collections::HashSet;

use axum::extract::{FromRequestParts, RawQuery};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_urlencoded::Deserializer;
use url::form_urlencoded;

use super::envelope::ApiError;
use crate::platform::error::{AppError, AppResult};

/// Reads `name=value&…`.
///
/// # Errors
/// [`AppError::InvalidInput`] naming the field; `body` where there is no telling.
pub fn read_fields<T: DeserializeOwned>(text: &[u8]) -> AppResult<T> {
    let refused = match serde_path_to_error::deserialize(Deserializer::new(form_urlencoded::parse(text))) {
        Ok(fields) => return Ok(fields),
        Err(refused) => refused,
    };
    // Only where it matters: clients may add what nobody reads.
    let mut seen = HashSet::new();
    if let Some((twice, _)) = form_urlencoded::parse(text).find(|(name, _)| !seen.insert(name.clone())) {
        return Err(AppError::invalid(twice, "This field is there more than once."));
    }
    let path = refused.path().to_string();
    Err(misread(&path, &refused.into_inner().to_string()))
}

/// What is wrong with the field at a path (`.`: the whole), as serde says it: without the place in the text and the names of
/// Rust's types.
pub(super) fn misread(path: &str, problem: &str) -> AppError {
    const TYPES: [(&str, &str); 7] = [
        ("expected f32", "expected a number"),
        ("expected f64", "expected a number"),
        ("expected i64", "expected a whole number"),
        ("expected u64", "expected a whole number from 0 on"),
        ("expected u32", "expected a whole number from 0 on"),
        ("expected usize", "expected a whole number from 0 on"),
        ("expected struct ", "expected an object: "),
    ];
    let problem = problem.split(" at line ").next().unwrap_or_default();
    let problem = TYPES.iter().fold(problem.to_owned(), |problem, (rust, plain)| problem.replace(rust, plain));
    // A field that is missing has no path; only the text names it.
    match problem.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        Some(missing) if path == "." => AppError::invalid(missing, format!("{missing} is missing.")),
        _ => {
            let field = if path == "." { "body" } else { path };
            AppError::invalid(field, format!("{field} is not what is expected here: {problem}."))
        }
    }
}

/// The query of a request. What is wrong with it is said in the envelope.
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Ok(RawQuery(query)) = RawQuery::from_request_parts(parts, state).await;
        Ok(Self(read_fields(query.unwrap_or_default().as_bytes())?))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Fields {
        some_id: Option<Uuid>,
        action: String,
    }

    #[test]
    fn what_is_wrong_has_a_name() {
        let field = |text: &str| match read_fields::<Fields>(text.as_bytes()) {
            Err(AppError::InvalidInput { field, .. }) => field,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(field("action=a&action=b"), "action");
        assert_eq!(field("action=a&someId=1&someId=2"), "someId");
        assert_eq!(field("action=a&someId=none"), "someId");
        assert_eq!(field("someId=&action=a"), "someId");
        assert_eq!(field(""), "action");
        let well = read_fields::<Fields>(b"action=a+b%26c&other=1&other=2").unwrap();
        assert_eq!(well, Fields { some_id: None, action: "a b&c".to_owned() });
    }
}
