//! How much the models of others can take in, as their makers say, and as servers turn out to. Contexts are cut to it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So long; then it is asked with all of a context again, as it may have been started anew with more room.
const REMEMBERED: Duration = Duration::from_hours(1);

/// The beginning of a model's name, and its tokens. The first that fits counts.
const WINDOWS: [(&str, u32); 13] = [
    ("gemini-1.5-pro", 2_097_152),
    ("gemini-", 1_048_576),
    ("claude-", 200_000),
    ("gpt-5.4-mini", 400_000),
    ("gpt-5.4-nano", 400_000),
    ("gpt-5.4", 1_050_000),
    ("gpt-5", 400_000),
    ("gpt-4.1", 1_047_576),
    ("gpt-4o", 128_000),
    ("gpt-oss", 131_072),
    ("o1", 200_000),
    ("o3", 200_000),
    ("o4", 200_000),
];

/// The context window of a model, if it is one of those that are known.
pub(super) fn known_window(model: &str) -> Option<u32> {
    WINDOWS.iter().find(|(name, _)| model.starts_with(name)).map(|(_, tokens)| *tokens)
}

/// What a server has turned out to take, which may be less than its model could.
#[derive(Default)]
pub(super) struct LearnedWindow(Mutex<Option<(u32, Instant)>>);

impl LearnedWindow {
    pub(super) fn learn(&self, tokens: u32) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((tokens, Instant::now()));
    }

    /// The smaller of this and what is known of the model.
    pub(super) fn within(&self, known: Option<u32>) -> Option<u32> {
        let learned = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = learned.filter(|(_, since)| since.elapsed() < REMEMBERED).map(|(tokens, _)| tokens);
        learned.map_or(known, |learned| Some(known.map_or(learned, |known| known.min(learned))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_wins_and_strangers_have_none() {
        assert_eq!(known_window("gemini-3.8-flash"), Some(1_048_576));
        assert_eq!(known_window("gpt-5.4-mini-2026-03-17"), Some(400_000));
        assert_eq!(known_window("gpt-5.4"), Some(1_050_000));
        assert_eq!(known_window("my-own-model"), None);
    }
}
