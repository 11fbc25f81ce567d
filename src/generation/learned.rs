//! What a server has turned out not to take: fields of requests that can be left out.

use std::sync::atomic::{AtomicU8, Ordering};

use super::Fault;

/// The fields that a server is not sent any more, until the program starts anew.
pub struct Learned {
    /// At most eight.
    fields: &'static [&'static str],
    refused: AtomicU8,
}

/// Some of those fields, by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(u8);

impl Refused {
    pub const NONE: Self = Self(0);

    /// Whether the field at this place is one of them.
    #[must_use]
    pub const fn has(self, at: u8) -> bool {
        self.0 & (1 << at) != 0
    }
}

impl Learned {
    #[must_use]
    pub const fn new(fields: &'static [&'static str]) -> Self {
        Self { fields, refused: AtomicU8::new(0) }
    }

    /// What is known to be refused.
    #[must_use]
    pub fn refused(&self) -> Refused {
        Refused(self.refused.load(Ordering::Relaxed))
    }

    /// What to leave out besides, if a refusal names something that was sent. It is not remembered before it has helped.
    #[must_use]
    pub fn more(&self, without: Refused, fault: &Fault, is_sent: impl Fn(usize) -> bool) -> Option<Refused> {
        let named = self.fields.iter().enumerate().filter(|(at, field)| is_sent(*at) && fault.names(field));
        let more = named.fold(without.0, |all, (at, _)| all | 1 << at);
        (more != without.0).then_some(Refused(more))
    }

    /// These are not sent, as whoever runs this server knows.
    #[must_use]
    pub fn without(self, names: &[String]) -> Self {
        let known = self.fields.iter().enumerate().filter(|(_, field)| names.iter().any(|name| name == *field));
        let refused = known.fold(0, |all, (at, _)| all | 1 << at);
        self.refused.fetch_or(refused, Ordering::Relaxed);
        self
    }

    /// A request without these was taken.
    pub fn keep(&self, without: Refused) {
        if without != self.refused() {
            self.refused.fetch_or(without.0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::super::Refusal;
    use super::*;

    #[test]
    fn what_is_named_is_left_out_and_remembered_once_that_has_helped() {
        let fault = |text: &str| {
            let body = format!(r#"{{"detail":"{text}"}}"#).into_bytes();
            Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, retry_after: None, body }.fault()
        };
        let learned = Learned::new(&["size", "n"]);
        let none = learned.refused();
        assert_eq!(learned.more(none, &fault("no"), |_| true), None, "no is not n");
        let without = learned.more(none, &fault("n: extra"), |_| true).unwrap();
        assert!(without.has(1) && !without.has(0));
        assert_eq!(learned.more(without, &fault("n: extra"), |_| true), None, "it is not sent any more");
        assert_eq!(learned.more(none, &fault("n: extra, give a size"), |at| at == 1), Some(without));
        assert_eq!(learned.refused(), none);
        learned.keep(without);
        assert_eq!(learned.refused(), without);
    }
}
