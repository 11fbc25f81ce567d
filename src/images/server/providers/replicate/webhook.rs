//! What Replicate reports on its own. Whether it was Replicate, `platform/standard_webhooks.rs` tells.

use super::prediction::{Prediction, is_id, read_prediction};
use crate::generation::ProviderError;
use crate::images::server::providers::Step;

/// The body of a report is no prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is no prediction")]
pub struct NoPrediction;

/// What has become of a prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub remote_id: String,
    /// As [`super::super::ImageProvider::look`] would say it; errors are the end of it. Reports come twice and out of
    /// order, so only ever go forward by them.
    pub outcome: Result<Step, ProviderError>,
}

/// Reads a report that was verified.
///
/// # Errors
/// [`NoPrediction`].
pub fn read_report(body: &[u8]) -> Result<Report, NoPrediction> {
    let prediction = Prediction::parse(body).map_err(|_| NoPrediction)?;
    if !is_id(&prediction.id) {
        return Err(NoPrediction);
    }
    Ok(Report { outcome: read_prediction(&prediction), remote_id: prediction.id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_a_prediction_is_read() {
        let body = br#"{"id":"ufawqhfynnddngldkgtslldrkq","status":"succeeded","output":["https://replicate.delivery/x/out-0.webp"]}"#;
        let report = read_report(body).unwrap();
        assert_eq!(report.remote_id, "ufawqhfynnddngldkgtslldrkq");
        assert!(matches!(report.outcome, Ok(Step::Made { .. })));
    }

    #[test]
    fn a_body_that_is_no_prediction_is_refused() {
        for body in [&b""[..], b"[]", b"{}", br#"{"id":"../x","status":"succeeded"}"#, br#"{"id":7}"#, &[0xFF; 9]] {
            assert_eq!(read_report(body), Err(NoPrediction));
        }
        let failed = read_report(br#"{"id":"a1","status":"failed","error":"NSFW"}"#).unwrap();
        assert_eq!(failed.outcome, Err(ProviderError::Blocked("NSFW".into())));
    }
}
