//! The wire format of events: a name, JSON, and a position.
//!
//! The names are beside the types of the events, where the browser finds them too.

use serde::Serialize;

use crate::platform::jobs::{JobEvent, Position};

/// Something that work tells those who follow it.
pub trait Event {
    /// Its name in an event stream, and whether nothing follows it.
    fn head(&self) -> (&'static str, bool);

    fn fields(&self) -> &dyn ToJson;
}

/// What can be said in JSON, whatever its type.
pub trait ToJson {
    fn to_json(&self) -> String;
}

impl<T: Serialize> ToJson for T {
    fn to_json(&self) -> String {
        // Structs of texts and numbers: there is nothing in them that JSON could not say.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An event as jobs carry it. Who has seen it is at `position`, or at the end.
#[must_use]
pub fn encode<E: Event>(event: &E, position: u64) -> JobEvent {
    let (name, is_last) = event.head();
    let position = if is_last { Position::End } else { Position::At(position) };
    JobEvent { name: name.into(), data: event.fields().to_json(), position }
}
