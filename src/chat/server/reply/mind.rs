//! What the model thinks, kept until it may be read: with the first word of the answer, which is when the price stands. It may be all
//! of an answer, and nothing is read that is not paid for.

use tokio::time::Instant;

use super::super::providers::Thought;
use crate::chat::{Thinking, ThinkingEvent};

/// Most bytes that are kept; what comes after them is only counted.
const MOST: usize = 128 * 1024;

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Mind {
    /// What nobody was told yet.
    waiting: Vec<Thought>,
    /// Everything.
    all: Vec<Thought>,
    /// Bytes of that.
    kept: usize,
    /// When it began, and when the answer did.
    span: Option<(Instant, Option<Instant>)>,
    bytes: usize,
    /// Some of what comes is left out, so that no seal fits it.
    is_full: bool,
}

impl Mind {
    /// It thinks, whether that is told or not.
    pub(super) fn thinks(&mut self, now: Instant) {
        self.span.get_or_insert((now, None));
    }

    /// The answer begins.
    pub(super) fn speaks(&mut self, now: Instant) {
        if let Some((_, end)) = &mut self.span {
            end.get_or_insert(now);
        }
    }

    pub(super) fn push(&mut self, thought: Thought, now: Instant) {
        if thought.text.is_empty() && thought.seal.is_none() {
            return;
        }
        self.thinks(now);
        self.bytes += thought.text.len();
        if self.is_full || self.kept + thought.text.len() > MOST {
            self.is_full = true;
            return;
        }
        self.kept += thought.text.len();
        add(&mut self.all, thought.clone());
        add(&mut self.waiting, thought);
    }

    /// Bytes of all that was thought.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is to be told now that it may be; nothing is told twice.
    pub(super) fn tell(&mut self) -> Vec<ThinkingEvent> {
        let told = std::mem::take(&mut self.waiting).into_iter();
        told.map(|thought| self.event(thought)).collect()
    }

    /// All of it, told before or not.
    pub(super) fn all(&self) -> Vec<ThinkingEvent> {
        self.all.iter().map(|thought| self.event(thought.clone())).collect()
    }

    fn event(&self, Thought { text, seal }: Thought) -> ThinkingEvent {
        ThinkingEvent { text, millis: self.millis(), seal: seal.map(|seal| seal.told()) }
    }

    /// What is kept of it; nothing where it did not think.
    pub(super) fn thinking(&self) -> Option<Thinking> {
        let millis = self.millis()?;
        // A moment without a word is none.
        let text: String = self.all.iter().map(|thought| thought.text.as_str()).collect();
        (!text.is_empty() || millis >= 1000).then(|| Thinking { text: text.trim().to_owned(), millis })
    }

    fn millis(&self) -> Option<u32> {
        let (began, end) = self.span?;
        Some(u32::try_from((end? - began).as_millis()).unwrap_or(u32::MAX))
    }
}

/// A seal ends a thought.
fn add(thoughts: &mut Vec<Thought>, more: Thought) {
    match thoughts.last_mut() {
        Some(last) if last.seal.is_none() => {
            last.text.push_str(&more.text);
            last.seal = more.seal;
        }
        _ => thoughts.push(more),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::chat::server::providers::Seal;

    fn thought(text: &str, seal: Option<&str>) -> Thought {
        let seal = seal.map(|data| Seal { kind: "anthropic".into(), data: data.to_owned() });
        Thought { text: text.to_owned(), seal }
    }

    #[test]
    fn pieces_become_one_thought_until_a_seal_ends_it_and_are_told_once() {
        let (mut mind, begun) = (Mind::default(), Instant::now());
        for piece in [thought("Hm", None), thought("m.", None), thought("", Some("a")), thought("Well.", None)] {
            mind.push(piece, begun);
        }
        assert_eq!(mind.thinking(), None, "the answer has not begun");
        mind.speaks(begun + Duration::from_millis(1500));
        mind.speaks(begun + Duration::from_secs(9));
        let told = mind.tell();
        let told: Vec<_> = told.iter().map(|told| (told.text.as_str(), told.seal.as_deref(), told.millis)).collect();
        assert_eq!(told, [("Hmm.", Some("anthropic.a"), Some(1500)), ("Well.", None, Some(1500))]);
        assert_eq!((mind.tell().len(), mind.all().len()), (0, 2));
        assert_eq!(mind.thinking(), Some(Thinking { text: "Hmm.Well.".to_owned(), millis: 1500 }));
        assert_eq!(mind.thinking().map(|thinking| thinking.seconds()), Some(2));
    }

    #[test]
    fn more_than_fits_is_counted_and_not_kept_nor_sealed() {
        let (mut mind, now) = (Mind::default(), Instant::now());
        for _ in 0..2 {
            mind.push(thought(&"x".repeat(MOST), None), now);
        }
        mind.push(thought("", Some("a")), now);
        assert_eq!((mind.bytes(), mind.kept), (2 * MOST, MOST));
        assert!(mind.tell().iter().all(|told| told.seal.is_none()));
    }

    #[test]
    fn who_does_not_think_has_no_thoughts() {
        let (mut mind, now) = (Mind::default(), Instant::now());
        mind.speaks(now);
        mind.push(thought("", None), now);
        assert_eq!((mind.thinking(), mind.tell().len()), (None, 0));
        mind.thinks(now);
        mind.speaks(now + Duration::from_millis(400));
        assert_eq!(mind.thinking(), None, "a moment of which nothing is told");
    }
}
