//! The events of a reply, as jobs carry them.

use crate::chat::{ChatEvent, ErrorEvent};
use crate::generation::{Event, ToJson};
use crate::platform::error::AppError;

/// The event that tells a watcher why there is no (whole) answer. Nothing was charged.
pub fn error_event(error: &AppError) -> ChatEvent {
    let retry_after_secs = match error {
        AppError::ProviderRateLimited { retry_after_secs } => *retry_after_secs,
        _ => None,
    };
    let (code, error) = (error.code().to_owned(), error.to_string());
    ChatEvent::Error(ErrorEvent { code, error, charged: false, retry_after_secs })
}

impl Event for ChatEvent {
    fn head(&self) -> (&'static str, bool) {
        (self.name(), Self::is_last(self.name()))
    }

    fn fields(&self) -> &dyn ToJson {
        match self {
            Self::Start(event) => event,
            Self::Token(event) => event,
            Self::Call(event) => event,
            Self::Shortened(event) => event,
            Self::Thinking(event) => event,
            Self::Usage(event) => event,
            Self::Fallback(event) => event,
            Self::Done(event) => event,
            Self::Error(event) => event,
        }
    }
}
