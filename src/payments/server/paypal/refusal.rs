//! What it means where PayPal does not do what it was asked.

use reqwest::StatusCode;
use serde::Deserialize;

use super::super::provider::ProviderError;
use super::orders::{Link, link_of};
use crate::generation::{Refusal, brief};

/// What was asked: the same status can mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Token,
    Create,
    Capture,
    Look,
    Refund,
    Verify,
    Plan,
    Subscribe,
    Cancel,
    Revise,
}

/// Any of these may be missing; a refused token has others.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    #[serde(default, alias = "error")]
    name: String,
    #[serde(default)]
    debug_id: String,
    #[serde(default)]
    details: Vec<Detail>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Detail {
    #[serde(default)]
    issue: String,
    #[serde(default)]
    field: String,
}

pub(super) fn refused(asked: Asked, refusal: &Refusal) -> ProviderError {
    let body: ErrorBody = serde_json::from_slice(&refusal.body).unwrap_or_default();
    let issue = body.details.first().map(|detail| detail.issue.as_str()).filter(|issue| !issue.is_empty());
    let code = brief(issue.unwrap_or(&body.name));
    let field = brief(body.details.first().map_or("", |detail| &detail.field));
    // The buyer's own affairs are none of the operator's.
    let error = meaning(asked, refusal.status, &code, &body.links);
    let (status, debug_id) = (refusal.status.as_u16(), brief(&body.debug_id));
    match error {
        ProviderError::Declined { .. } | ProviderError::NotApproved | ProviderError::Gone => {
            tracing::info!(?asked, status, code, debug_id, "PayPal did not do it");
        }
        _ if refusal.status == StatusCode::UNAUTHORIZED => {
            tracing::error!(?asked, code, debug_id, "PayPal refuses PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET");
        }
        _ => tracing::warn!(?asked, status, code, field, debug_id, "PayPal refused it"),
    }
    error
}

fn meaning(asked: Asked, status: StatusCode, code: &str, links: &[Link]) -> ProviderError {
    match (status, code) {
        (_, "INSTRUMENT_DECLINED") => ProviderError::Declined { again_url: link_of(links, &["redirect"]) },
        (_, "PAYER_CANNOT_PAY" | "TRANSACTION_REFUSED" | "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED") => {
            ProviderError::Declined { again_url: None }
        }
        (_, "ORDER_NOT_APPROVED" | "PAYER_ACTION_REQUIRED") => ProviderError::NotApproved,
        // Somebody else is doing it at this moment.
        (_, "ORDER_COMPLETION_IN_PROGRESS" | "PREVIOUS_REQUEST_IN_PROGRESS") => ProviderError::Unavailable,
        (_, "INVALID_RESOURCE_ID" | "ORDER_EXPIRED" | "ORDER_VOIDED") => ProviderError::Gone,
        (StatusCode::NOT_FOUND, _) if asked != Asked::Token && asked != Asked::Verify => ProviderError::Gone,
        // An order that has expired can no longer be looked at.
        (StatusCode::UNPROCESSABLE_ENTITY, _) if asked == Asked::Look => ProviderError::Gone,
        // The operator's trouble: whoever buys may try later.
        (
            StatusCode::UNAUTHORIZED
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_MANY_REQUESTS,
            _,
        ) => ProviderError::Unavailable,
        (status, _) if status.is_server_error() || asked == Asked::Token => ProviderError::Unavailable,
        // Also redirects: the API has none.
        (status, "") => ProviderError::Refused(status.as_u16().to_string()),
        (_, code) => ProviderError::Refused(code.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(asked: Asked, status: u16, body: &Value) -> ProviderError {
        let status = StatusCode::from_u16(status).unwrap();
        refused(asked, &Refusal { status, retry_after: None, body: body.to_string().into_bytes() })
    }

    fn issue(asked: Asked, issue: &str) -> ProviderError {
        let body =
            json!({ "name": "UNPROCESSABLE_ENTITY", "details": [{ "issue": issue }], "debug_id": "f3391198e4dae" });
        answer(asked, 422, &body)
    }

    #[test]
    fn a_status_says_whether_to_come_back() {
        for (status, name) in [
            (401, "AUTHENTICATION_FAILURE"),
            (409, "RESOURCE_CONFLICT"),
            (429, "RATE_LIMIT_REACHED"),
            (500, "INTERNAL_SERVER_ERROR"),
            (503, "SERVICE_UNAVAILABLE"),
        ] {
            for asked in [Asked::Create, Asked::Capture, Asked::Look, Asked::Refund, Asked::Token] {
                assert_eq!(answer(asked, status, &json!({ "name": name })), ProviderError::Unavailable, "{status}");
            }
        }
        let in_progress =
            json!({ "name": "RESOURCE_CONFLICT", "details": [{ "issue": "PREVIOUS_REQUEST_IN_PROGRESS" }] });
        assert_eq!(answer(Asked::Refund, 409, &in_progress), ProviderError::Unavailable);
        let unknown = json!({ "name": "RESOURCE_NOT_FOUND", "details": [{ "issue": "INVALID_RESOURCE_ID" }] });
        for asked in [Asked::Capture, Asked::Look, Asked::Refund] {
            assert_eq!(answer(asked, 404, &unknown), ProviderError::Gone);
            assert_eq!(answer(asked, 404, &json!(null)), ProviderError::Gone);
        }
        assert_eq!(issue(Asked::Look, "ORDER_EXPIRED"), ProviderError::Gone);
        assert_eq!(issue(Asked::Look, "SOMETHING_NEW"), ProviderError::Gone);
        let refused = |code: &str| ProviderError::Refused(code.to_owned());
        let malformed =
            json!({ "name": "INVALID_REQUEST", "details": [{ "issue": "MISSING_REQUIRED_PARAMETER", "field": "/x" }] });
        assert_eq!(answer(Asked::Create, 400, &malformed), refused("MISSING_REQUIRED_PARAMETER"));
        assert_eq!(answer(Asked::Create, 400, &json!({ "name": "INVALID_REQUEST" })), refused("INVALID_REQUEST"));
        let forbidden = json!({ "name": "NOT_AUTHORIZED", "details": [{ "issue": "PERMISSION_DENIED" }] });
        assert_eq!(answer(Asked::Capture, 403, &forbidden), refused("PERMISSION_DENIED"));
        assert_eq!(answer(Asked::Create, 302, &json!(null)), refused("302"));
        let client = json!({ "error": "invalid_client", "error_description": "Client Authentication failed" });
        assert_eq!(answer(Asked::Token, 401, &client), ProviderError::Unavailable);
    }

    #[test]
    fn what_a_capture_is_refused_for_is_the_buyers_affair_or_ours() {
        let declined = ProviderError::Declined { again_url: None };
        for name in [
            "PAYER_CANNOT_PAY",
            "TRANSACTION_REFUSED",
            "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
            "INSTRUMENT_DECLINED",
        ] {
            assert_eq!(issue(Asked::Capture, name), declined, "{name}");
        }
        for name in ["ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED"] {
            assert_eq!(issue(Asked::Capture, name), ProviderError::NotApproved, "{name}");
        }
        assert_eq!(issue(Asked::Capture, "ORDER_COMPLETION_IN_PROGRESS"), ProviderError::Unavailable);
        for name in ["DUPLICATE_INVOICE_ID", "COMPLIANCE_VIOLATION", "ORDER_ALREADY_CAPTURED", "SOMETHING_NEW"] {
            assert_eq!(issue(Asked::Capture, name), ProviderError::Refused(name.to_owned()));
        }
        let again = "https://www.sandbox.paypal.com/checkoutnow?token=5O190127TN364715T";
        let body =
            json!({ "details": [{ "issue": "INSTRUMENT_DECLINED" }], "links": [{ "href": again, "rel": "redirect" }] });
        assert_eq!(answer(Asked::Capture, 422, &body), ProviderError::Declined { again_url: Some(again.to_owned()) });
    }

    #[test]
    fn what_a_refund_is_refused_for_is_said() {
        for name in [
            "CAPTURE_FULLY_REFUNDED",
            "REFUND_AMOUNT_EXCEEDED",
            "REFUND_TIME_LIMIT_EXCEEDED",
            "REFUND_NOT_ALLOWED",
            "REFUND_CAPTURE_CURRENCY_MISMATCH",
            "PENDING_CAPTURE",
            "REFUND_FAILED_INSUFFICIENT_FUNDS",
            "TRANSACTION_DISPUTED",
        ] {
            assert_eq!(issue(Asked::Refund, name), ProviderError::Refused(name.to_owned()));
        }
    }
}
