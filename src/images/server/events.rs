//! The events of an image, as jobs carry them.

use crate::generation::{Event, ToJson};
use crate::images::{ImageErrorEvent, ImageEvent};
use crate::platform::error::AppError;

/// The event that tells a watcher why there is no image. Nothing was charged.
pub(super) fn error_event(error: &AppError) -> ImageEvent {
    ImageEvent::Error(ImageErrorEvent { code: error.code().to_owned(), error: error.to_string(), charged: false })
}

impl Event for ImageEvent {
    fn head(&self) -> (&'static str, bool) {
        (self.name(), Self::is_last(self.name()))
    }

    fn fields(&self) -> &dyn ToJson {
        match self {
            Self::Start(event) => event,
            Self::Fallback(event) => event,
            Self::Progress(event) => event,
            Self::Done(event) => event,
            Self::Error(event) => event,
        }
    }
}
