//! Cutting a context down to what a model takes in.
//!
//! Tokens cannot be counted here, as each model has its own: what they come to is estimated, and who is asked has the last word.

use super::providers::{Role, Turn};

/// What a turn takes besides its text.
const TURN: usize = 8;
/// What an image takes, about.
const IMAGE: usize = 800;

/// About so many tokens: four letters of Latin script are one, and each letter of another is one.
pub(super) fn estimate_tokens(turns: &[Turn]) -> u32 {
    turns.iter().map(estimate).sum::<usize>().try_into().unwrap_or(u32::MAX)
}

fn estimate(turn: &Turn) -> usize {
    let latin = turn.content.bytes().filter(u8::is_ascii).count();
    let others = turn.content.chars().filter(|c| !c.is_ascii()).count();
    TURN + latin.div_ceil(4) + others + turn.images.len() * IMAGE
}

/// The newest turns that fit into so many tokens, with what the system says and the question, which always stay. `None`: there is
/// nothing that could be left out.
pub(super) fn fit(turns: &[Turn], tokens: u32) -> Option<Vec<Turn>> {
    let (last, before) = turns.split_last()?;
    let is_kept = |turn: &Turn| turn.role == Role::System;
    let kept: usize = before.iter().filter(|turn| is_kept(turn)).map(estimate).sum::<usize>() + estimate(last);
    let mut room = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_sub(kept);
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
    while before.get(from).is_some_and(|turn| turn.role == Role::Assistant) {
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
        assert_eq!(estimate_tokens(&turns), 10 + 4 * 108 + 10);
        assert_eq!(roles(300).unwrap(), [Role::System, Role::User, Role::Assistant, Role::User]);
        assert_eq!(roles(200).unwrap(), [Role::System, Role::User], "no answer without its question");
        assert_eq!(roles(0).unwrap(), [Role::System, Role::User]);
        assert_eq!(fit(&turns[5..], 0), None);
        assert_eq!(fit(&[], 0), None);
    }
}
