//! Whether a model sees: some do not, and their servers say so only when they are shown something.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::ProviderError;
use crate::generation::Refusal;

/// So many images in a row that a server fails at, and its model is taken not to see.
const FAILURES: u32 = 3;
/// So long; then it is shown one again, as another model may be behind the server.
const BLIND: Duration = Duration::from_mins(10);

/// What is known of it.
#[derive(Default)]
pub(super) struct Sight(Mutex<State>);

#[derive(Default)]
struct State {
    /// In a row.
    failures: u32,
    blind_until: Option<Instant>,
}

impl Sight {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Two values: nothing in them can be half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it sees, as far as is known.
    pub(super) fn is_given(&self) -> bool {
        self.lock().blind_until.is_none_or(|until| until <= Instant::now())
    }

    /// It took an image.
    pub(super) fn saw(&self) {
        *self.lock() = State::default();
    }

    /// It did not take a request with images. What it said then is about them, where it says so.
    pub(super) fn refused(&self, refusal: &Refusal, error: ProviderError) -> ProviderError {
        let text = refusal.fault().text().to_lowercase();
        let is_told = says_blind(&text);
        let mut state = self.lock();
        if is_told || refusal.status.is_server_error() {
            state.failures += 1;
        }
        if is_told || state.failures >= FAILURES {
            *state = State { failures: 0, blind_until: Some(Instant::now() + BLIND) };
        }
        match error {
            ProviderError::Unavailable(text) if is_told => ProviderError::Rejected(text),
            error => error,
        }
    }
}

/// `image input is not supported`, `m is not a multimodal model`, `No endpoints found that support image input` …
fn says_blind(text: &str) -> bool {
    let is_about_sight =
        ["image", "vision", "multimodal", "multi-modal", "mmproj"].iter().any(|word| text.contains(word));
    let is_about_form = ["format", "unsupported image", "too large", "size"].iter().any(|word| text.contains(word));
    let says_no =
        ["support", "multimodal", "multi-modal", "mmproj", "missing data"].iter().any(|word| text.contains(word));
    is_about_sight && says_no && !is_about_form
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn refusal(status: u16, text: &str) -> Refusal {
        let body = format!(r#"{{"error":{{"message":"{text}"}}}}"#).into_bytes();
        Refusal { status: StatusCode::from_u16(status).unwrap(), retry_after: None, body }
    }

    #[test]
    fn who_says_that_it_does_not_see_is_believed_and_who_fails_thrice_too() {
        for text in [
            "image input is not supported - hint: you may need to provide the mmproj",
            "tiny is not a multimodal model",
            "No endpoints found that support image input",
            "Invalid content type. image_url is only supported by certain models.",
            "this model is missing data required for image input",
        ] {
            let sight = Sight::default();
            let error = sight.refused(&refusal(500, text), ProviderError::Unavailable("x".to_owned()));
            assert_eq!((error, sight.is_given()), (ProviderError::Rejected("x".to_owned()), false), "{text}");
        }
        for text in ["overloaded", "unsupported image", "Supported image formats are png and jpeg", "image too large"] {
            let sight = Sight::default();
            let error = || ProviderError::Unavailable("x".to_owned());
            assert_eq!(sight.refused(&refusal(500, text), error()), error());
            assert!(sight.is_given(), "{text}");
            for _ in 1..FAILURES {
                sight.refused(&refusal(500, text), error());
            }
            assert!(!sight.is_given(), "{text}");
            sight.saw();
            assert!(sight.is_given());
            for _ in 0..9 {
                sight.refused(&refusal(400, text), ProviderError::Rejected("x".to_owned()));
            }
            assert!(sight.is_given(), "{text}: a request that was refused may be the reason");
        }
    }
}
