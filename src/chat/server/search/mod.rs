//! Finding what was said: the words by which both stores index a text, and what a query finds in one.
//!
//! The indexes of the databases do not know our languages: SQLite's `unicode61` and MongoDB's text index take a run of
//! Chinese for one word, and `trigram` finds no word of two characters. So the words are ours (`words.rs`), and a store
//! only keeps them: they say which texts to look at, and [`Wanted::find`] says whether, and where, it is in them.

mod fold;
mod turns;
mod words;

use std::ops::Range;

pub use turns::Turns;
pub use words::{Wanted, index_words};

/// Bytes of a text that are indexed, at most.
const INDEXED_BYTES: usize = 200_000;
/// Characters of a snippet before what was found, and in all.
const SNIPPET_BEFORE: usize = 40;
const SNIPPET_CHARS: usize = 140;

/// What is searched of a text.
fn searched(text: &str) -> &str {
    &text[..text.floor_char_boundary(INDEXED_BYTES)]
}

/// What was found with a little around it, on one line.
#[must_use]
pub fn snippet(text: &str, found: &Range<usize>) -> String {
    let before: Vec<(usize, char)> = text[..found.start].char_indices().rev().take(SNIPPET_BEFORE).collect();
    let mut start = before.last().map_or(found.start, |(at, _)| *at);
    if start > 0 {
        // Not in the middle of a word, if there is one that begins.
        let word = text[start..found.start].find(char::is_whitespace);
        start += word.unwrap_or(0);
    }
    let rest = &text[start..];
    let mut end = rest.char_indices().nth(SNIPPET_CHARS).map_or(rest.len(), |(at, _)| at);
    if end < rest.len() {
        let least = (found.end - start).min(end);
        end = rest[least..end].rfind(char::is_whitespace).map_or(end, |at| least + at);
    }
    let line = rest[..end].split_whitespace().collect::<Vec<_>>().join(" ");
    let (left, right) = (if start > 0 { "…" } else { "" }, if end < rest.len() { "…" } else { "" });
    format!("{left}{line}{right}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_one_line_around_what_was_found() {
        let of = |text: &str, query: &str| snippet(text, &Wanted::new(query).unwrap().find(text).unwrap());
        assert_eq!(of("How do\n  tides work?", "tides"), "How do tides work?");
        let long = format!("{}the Tídes {}", "before ".repeat(40), "after ".repeat(40));
        let found = of(&long, "tides");
        assert!(found.starts_with("…before ") && found.ends_with(" after…"), "{found}");
        assert!(found.contains("the Tídes after") && found.chars().count() <= SNIPPET_CHARS + 2, "{found}");
        let chinese = format!("{}潮汐{}", "前".repeat(300), "后".repeat(300));
        let found = of(&chinese, "潮汐");
        assert_eq!(found, format!("…{}潮汐{}…", "前".repeat(40), "后".repeat(98)));
    }
}
