//! What it means where Replicate does not answer with a prediction.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use super::prediction::is_about_content;
use crate::generation::{ProviderError, Refusal, brief};

/// What was asked: the same status can mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    ToStart,
    ById,
}

/// Any of these may be missing.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    title: Option<String>,
    detail: Option<String>,
}

pub(super) fn refused(asked: Asked, refusal: &Refusal) -> ProviderError {
    let error: ErrorBody = serde_json::from_slice(&refusal.body).unwrap_or_default();
    let (title, detail) = (error.title.unwrap_or_default(), error.detail.unwrap_or_default());
    let text = brief(&format!("{} {title}: {detail}", refusal.status));
    match refusal.status {
        StatusCode::TOO_MANY_REQUESTS => {
            ProviderError::RateLimited { retry_after: refusal.retry_after.or_else(|| read_reset(&detail)) }
        }
        StatusCode::REQUEST_TIMEOUT => ProviderError::Timeout,
        StatusCode::UNAUTHORIZED | StatusCode::PAYMENT_REQUIRED | StatusCode::FORBIDDEN => {
            ProviderError::Unavailable(text)
        }
        // A prediction that nobody knows will not come; a model that nobody knows is the operator's mistake.
        StatusCode::NOT_FOUND if asked == Asked::ById => ProviderError::Malformed(text),
        StatusCode::NOT_FOUND => ProviderError::Unavailable(text),
        StatusCode::UNPROCESSABLE_ENTITY if title.starts_with("Invalid version") => ProviderError::Unavailable(text),
        StatusCode::UNPROCESSABLE_ENTITY if is_about_content(&detail) => ProviderError::Blocked(text),
        status if status.is_server_error() => ProviderError::Unavailable(text),
        // Also redirects: the API has none.
        _ => ProviderError::Rejected(text),
    }
}

/// `… Your rate limit resets in ~30s.`
fn read_reset(detail: &str) -> Option<Duration> {
    let (_, rest) = detail.split_once("resets in ~")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    rest[digits.len()..].starts_with('s').then(|| digits.parse().ok().map(Duration::from_secs))?
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(asked: Asked, status: u16, body: &Value) -> ProviderError {
        let status = StatusCode::from_u16(status).unwrap();
        refused(asked, &Refusal { status, retry_after: None, body: body.to_string().into_bytes() })
    }

    #[test]
    fn the_operators_troubles_are_no_fault_of_the_request() {
        let troubles = [
            (401, json!({ "title": "Unauthenticated", "detail": "You did not pass a valid authentication token" })),
            (402, json!({ "title": "Insufficient credit", "detail": "You have insufficient credit" })),
            (404, json!({ "detail": "The requested resource could not be found." })),
            (422, json!({ "title": "Invalid version or not permitted", "detail": "The specified version …" })),
            (500, json!(null)),
            (503, json!("<html>")),
        ];
        for (status, body) in troubles {
            let error = answer(Asked::ToStart, status, &body);
            assert!(matches!(error, ProviderError::Unavailable(_)), "{status}: {error:?}");
        }
    }

    #[test]
    fn a_request_that_is_not_taken_is_told_from_one_that_is_blocked() {
        let invalid = json!({ "title": "Input validation failed", "detail": "- input: prompt is required\n" });
        let error = answer(Asked::ToStart, 422, &invalid);
        let text = "422 Unprocessable Entity Input validation failed: - input: prompt is required ";
        assert_eq!(error, ProviderError::Rejected(text.into()));
        let blocked = json!({ "detail": "NSFW content detected" });
        assert!(matches!(answer(Asked::ToStart, 422, &blocked), ProviderError::Blocked(_)));
        assert!(matches!(answer(Asked::ToStart, 302, &json!({})), ProviderError::Rejected(_)));
        assert!(matches!(answer(Asked::ById, 404, &json!({})), ProviderError::Malformed(_)));
    }

    #[test]
    fn a_limit_says_when_it_is_over() {
        let after = |detail: &str| match answer(Asked::ToStart, 429, &json!({ "detail": detail })) {
            ProviderError::RateLimited { retry_after } => retry_after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after("Request was throttled. Your rate limit resets in ~30s."), Some(30));
        for detail in ["", "resets in ~", "resets in ~s", "resets in ~soon", "resets in ~99999999999999999999s"] {
            assert_eq!(after(detail), None, "{detail}");
        }
        let refusal = Refusal {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(Duration::from_secs(7)),
            body: br#"{"detail":"resets in ~30s"}"#.to_vec(),
        };
        let seven = ProviderError::RateLimited { retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(refused(Asked::ById, &refusal), seven);
    }
}
