//! What Replicate says of a prediction: the same whether it is answered, asked for or reported.
//! <https://replicate.com/docs/topics/predictions/lifecycle>

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::generation::{ProviderError, brief};
use crate::images::server::providers::{Source, Step};

/// The parts of a prediction that matter here.
#[derive(Debug, Deserialize)]
pub(super) struct Prediction {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub status: String,
    /// A URL or a list of them; for other models anything.
    #[serde(default)]
    pub output: Value,
    #[serde(default)]
    pub error: Value,
    #[serde(default)]
    pub data_removed: bool,
}

impl Prediction {
    pub(super) fn parse(body: &[u8]) -> Result<Self, ProviderError> {
        serde_json::from_slice(body).map_err(|error| ProviderError::Malformed(format!("a prediction: {error}")))
    }

    /// The answer to a request that waited can be ahead of its status: the files are there, but nothing is counted yet.
    pub(super) fn trust_output(mut self) -> Self {
        if self.status == "processing" && self.first_output().is_some() {
            "succeeded".clone_into(&mut self.status);
        }
        self
    }

    fn first_output(&self) -> Option<&str> {
        self.output.as_str().or_else(|| self.output.get(0)?.as_str()).filter(|text| !text.is_empty())
    }
}

/// Whether this is an id as Replicate gives them: only then it becomes part of an address.
pub(super) fn is_id(text: &str) -> bool {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

/// How far a prediction has come, or how it ended. Errors are the end of it, never a matter of asking again.
pub(super) fn read_prediction(prediction: &Prediction) -> Result<Step, ProviderError> {
    if !is_id(&prediction.id) {
        return Err(ProviderError::Malformed("a prediction without an id".to_owned()));
    }
    let remote_id = prediction.id.clone();
    match &*prediction.status {
        "succeeded" if prediction.data_removed => Err(ProviderError::Malformed("its files are deleted".to_owned())),
        "succeeded" => {
            // The safety checker leaves out what it does not like; where that is all, the prediction has failed instead.
            let output = prediction.first_output().ok_or_else(|| ProviderError::Malformed("no output".to_owned()))?;
            let url = Url::parse(output).map_err(|_| ProviderError::Malformed("the output is no URL".to_owned()))?;
            Ok(Step::Made { remote_id: Some(remote_id), source: Source::Url(url) })
        }
        "failed" => {
            let text = prediction.error.as_str().map_or_else(|| prediction.error.to_string(), str::to_owned);
            let text = brief(&text);
            Err(if is_about_content(&text) { ProviderError::Blocked(text) } else { ProviderError::Rejected(text) })
        }
        // By its deadline, by us, or by hand.
        status @ ("canceled" | "aborted") => Err(ProviderError::Rejected(status.to_owned())),
        // `starting`, `processing`, and what nobody has thought of yet: the deadline ends that too.
        _ => Ok(Step::Working { remote_id }),
    }
}

/// `All generated images contained NSFW content. …`, `… flagged as sensitive. … (E005)`: models have no codes in common.
pub(super) fn is_about_content(text: &str) -> bool {
    let text = text.to_lowercase();
    ["nsfw", "flagged as sensitive", "(e005)", "safety system", "content policy"]
        .iter()
        .any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<Step, ProviderError> {
        read_prediction(&Prediction::parse(body.to_string().as_bytes()).unwrap())
    }

    fn made(url: &str) -> Step {
        Step::Made { remote_id: Some("gm3q".into()), source: Source::Url(Url::parse(url).unwrap()) }
    }

    #[test]
    fn what_has_succeeded_has_a_url_or_a_list_of_them() {
        let url = "https://replicate.delivery/xezq/abc/out-0.png";
        for output in [json!(url), json!([url]), json!([url, "https://replicate.delivery/other"])] {
            assert_eq!(read(json!({ "id": "gm3q", "status": "succeeded", "output": output })), Ok(made(url)));
        }
        for output in
            [json!(null), json!([]), json!(""), json!([""]), json!([[url]]), json!({ "url": url }), json!("x")]
        {
            let step = read(json!({ "id": "gm3q", "status": "succeeded", "output": output }));
            assert!(matches!(step, Err(ProviderError::Malformed(_))), "{output}: {step:?}");
        }
        let removed = json!({ "id": "gm3q", "status": "succeeded", "output": null, "data_removed": true });
        assert_eq!(read(removed), Err(ProviderError::Malformed("its files are deleted".into())));
    }

    #[test]
    fn failures_are_about_the_content_or_not() {
        let nsfw = "All generated images contained NSFW content. Try running it again with a different prompt.";
        let failed = |error: Value| read(json!({ "id": "gm3q", "status": "failed", "error": error, "output": null }));
        assert_eq!(failed(json!(nsfw)), Err(ProviderError::Blocked(nsfw.into())));
        assert_eq!(failed(json!("CUDA\nout of memory")), Err(ProviderError::Rejected("CUDA out of memory".into())));
        assert_eq!(failed(json!(null)), Err(ProviderError::Rejected("null".into())));
        for status in ["canceled", "aborted"] {
            let ended = read(json!({ "id": "gm3q", "status": status }));
            assert_eq!(ended, Err(ProviderError::Rejected(status.into())));
        }
    }

    #[test]
    fn anything_else_is_still_being_worked_on() {
        for status in ["starting", "processing", "queued", ""] {
            let working = Ok(Step::Working { remote_id: "gm3q".into() });
            assert_eq!(read(json!({ "id": "gm3q", "status": status, "output": null })), working);
        }
    }

    #[test]
    fn only_an_answer_that_waited_is_ahead_of_its_status() {
        let url = "https://replicate.delivery/a.png";
        let body = json!({ "id": "gm3q", "status": "processing", "output": [url] });
        assert_eq!(read(body.clone()), Ok(Step::Working { remote_id: "gm3q".into() }));
        let prediction = Prediction::parse(body.to_string().as_bytes()).unwrap().trust_output();
        assert_eq!(read_prediction(&prediction), Ok(made(url)));
        let early = json!({ "id": "gm3q", "status": "processing", "output": [] });
        let prediction = Prediction::parse(early.to_string().as_bytes()).unwrap().trust_output();
        assert_eq!(read_prediction(&prediction), Ok(Step::Working { remote_id: "gm3q".into() }));
    }

    #[test]
    fn ids_that_could_lead_elsewhere_are_none() {
        assert!(is_id("gm3qorzdhgbfurvjtvhg6dckhu") && is_id("0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab"));
        for text in ["", "../models", "a/b", "a b", "A", "ü", "a%2fb", "a?b", &"a".repeat(65)] {
            assert!(!is_id(text), "{text}");
            assert!(matches!(read(json!({ "id": text, "status": "succeeded" })), Err(ProviderError::Malformed(_))));
        }
        assert!(Prediction::parse(b"<html>").is_err() && Prediction::parse(b"{\"id\":1}").is_err());
    }
}
