//! Cutting a context down to what a model takes in.
//!
//! Tokens cannot be counted here, as each model has its own: what they come to is estimated, and who is asked has the last word.

use super::providers::{CacheControl, ImageDetail, Role, Sampling, ToolCall, Turn};
use super::tokens::TokenCount;
use crate::credits::server::prices::CacheWrites;

/// What a turn takes besides its text.
pub(super) const TURN: u64 = 8;
/// What an image takes, about.
pub(super) const IMAGE: u64 = 800;
/// The same for one that is looked at as large as it was sent: `OpenAI` takes up to 10,000 patches of it.
const ORIGINAL_IMAGE: u64 = 5000;

/// Bytes of a seal that may be a token.
const SEALED_TOKEN: u64 = 4;

/// What a context comes to, about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Its texts, with what each turn takes besides.
    pub text: u64,
    pub images: u64,
    pub turns: u64,
    /// Most that may come to that: what was thought, which who has sealed it may read or not, and what a provider says itself of tools.
    pub besides: u64,
    pub has_tools: bool,
    /// What it asks a provider to cache.
    pub writes: CacheWrites,
}

impl Counted {
    pub(super) fn of(turns: &[Turn]) -> Self {
        let text = turns.iter().map(text_tokens).sum();
        let images = turns.iter().map(image_tokens).sum();
        let besides = turns.iter().map(thought_tokens).sum();
        let writes = turns.iter().flat_map(Turn::cache_controls).map(CacheControl::writes).max().unwrap_or_default();
        Self { text, images, turns: turns.len() as u64, besides, has_tools: false, writes }
    }

    /// With the tools and the form that an answer may have.
    pub(super) fn with(mut self, sampling: &Sampling) -> Self {
        self.writes = sampling.cache_controls().map(CacheControl::writes).fold(self.writes, CacheWrites::max);
        self.text += sampling.texts().map(TokenCount::of).sum::<u64>() + TURN * sampling.toolbox.tools.len() as u64;
        self.has_tools = !sampling.toolbox.is_empty();
        self
    }

    /// For a provider that says so much itself of tools.
    pub(super) fn with_tool_prompt(mut self, tokens: u32) -> Self {
        self.besides += if self.has_tools { tokens.into() } else { 0 };
        self
    }

    pub(super) const fn total(self) -> u64 {
        self.text + self.images
    }

    /// A reading that hardly any model is above.
    pub(super) const fn upper(self) -> u64 {
        with_margin(self.text) + 2 * self.images + self.besides + 4 * self.turns + 16
    }
}

/// What is reckoned with where something has to fit: more than a text comes to for most models.
pub(super) const fn with_margin(tokens: u64) -> u64 {
    tokens + tokens.div_ceil(4)
}

/// About so many tokens, and rather more.
pub(super) fn estimate_tokens(turns: &[Turn]) -> u32 {
    turns.iter().map(estimate).sum::<u64>().try_into().unwrap_or(u32::MAX)
}

fn text_tokens(turn: &Turn) -> u64 {
    // Each call has a frame of its own.
    let of_call = |call: &ToolCall| TURN + TokenCount::of(&call.name) + TokenCount::of(&call.arguments);
    let calls: u64 = turn.calls.iter().map(of_call).sum();
    TURN + TokenCount::of(&turn.content) + turn.name.as_deref().map_or(0, TokenCount::of) + calls
}

fn thought_tokens(turn: &Turn) -> u64 {
    let told: u64 = turn.thoughts.iter().map(|thought| TokenCount::of(&thought.text)).sum();
    told + turn.sealed_bytes() as u64 / SEALED_TOKEN
}

fn image_tokens(turn: &Turn) -> u64 {
    let tokens = |(_, detail)| if detail == Some(ImageDetail::Original) { ORIGINAL_IMAGE } else { IMAGE };
    turn.shown().map(tokens).sum()
}

fn estimate(turn: &Turn) -> u64 {
    with_margin(text_tokens(turn)) + image_tokens(turn)
}

/// The newest turns that fit into so many tokens, with what the system says and the question, which always stay. `None`: there is
/// nothing that could be left out.
pub(super) fn fit(turns: &[Turn], tokens: u32) -> Option<Vec<Turn>> {
    let (last, before) = turns.split_last()?;
    let is_kept = |turn: &Turn| turn.role == Role::System;
    let kept: u64 = before.iter().filter(|turn| is_kept(turn)).map(estimate).sum::<u64>() + estimate(last);
    let mut room = u64::from(tokens).saturating_sub(kept);
    let mut from = before.len();
    for (at, turn) in before.iter().enumerate().rev().filter(|(_, turn)| !is_kept(turn)) {
        let size = estimate(turn);
        if size > room {
            break;
        }
        room -= size;
        from = at;
    }
    // An answer without its question says nothing.
    while before.get(from).is_some_and(|turn| matches!(turn.role, Role::Assistant | Role::Tool)) {
        from += 1;
    }
    let fits = |at: usize, turn: &Turn| is_kept(turn) || at >= from;
    if before.iter().enumerate().all(|(at, turn)| fits(at, turn)) {
        return None;
    }
    let kept = before.iter().enumerate().filter(|(at, turn)| fits(*at, turn)).map(|(_, turn)| turn.clone());
    Some(kept.chain([last.clone()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_with_what_the_system_says_and_the_question() {
        let long = "four".repeat(100);
        let turns = [
            Turn::new(Role::System, "Be kind."),
            Turn::new(Role::User, &long),
            Turn::new(Role::Assistant, &long),
            Turn::new(Role::User, &long),
            Turn::new(Role::Assistant, &long),
            Turn::new(Role::User, "Well?"),
        ];
        let roles = |tokens| fit(&turns, tokens).map(|turns| turns.iter().map(|turn| turn.role).collect::<Vec<_>>());
        assert_eq!(roles(10_000), None, "all of it fits");
        assert_eq!(Counted::of(&turns).total(), 11 + 4 * 107 + 10);
        assert_eq!(roles(300).unwrap(), [Role::System, Role::User, Role::Assistant, Role::User]);
        assert_eq!(roles(200).unwrap(), [Role::System, Role::User], "no answer without its question");
        assert_eq!(roles(0).unwrap(), [Role::System, Role::User]);
        assert_eq!(fit(&turns[5..], 0), None);
        assert_eq!(fit(&[], 0), None);
    }
}
