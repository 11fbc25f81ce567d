//! The events of a reply, as jobs carry them.

use crate::chat::{ChatEvent, ErrorEvent};
use crate::generation::{Event, ToJson};
use crate::platform::error::AppError;

/// The event that tells a watcher why there is no (whole) answer. Nothing was charged.
pub fn error_event(error: &AppError) -> ChatEvent {
    ChatEvent::Error(ErrorEvent { code: error.code().to_owned(), error: error.to_string(), charged: false })
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
