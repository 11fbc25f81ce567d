//! How many tokens a text comes to, about: each model has its own, and none of them can be counted here.
//!
//! Words of Latin letters are a token, long ones more; three digits are one; of other scripts each letter is; white space and
//! punctuation come in runs. For prose, code, numbers and Chinese that is near what models make of it, and never far below.

/// Letters of a word that are one token; what follows comes in pieces.
const WORD: usize = 8;
const PIECE: usize = 4;
/// Capitals come in short pieces.
const CAPITALS: usize = 4;
const DIGITS: usize = 3;
/// Different marks in a row, and the same one.
const MARKS: usize = 2;
const SAME_MARKS: usize = 8;
/// White space in a row.
const BLANKS: usize = 16;

/// What a letter may go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Nothing,
    Small,
    Capital,
    Digit,
    /// Of an alphabet that is not the Latin one.
    Letter,
    Blank,
    Mark,
    /// A letter, sign or picture that is so many tokens by itself.
    Single(u8),
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | '\'' => Self::Small,
            'A'..='Z' => Self::Capital,
            '0'..='9' => Self::Digit,
            _ if c.is_ascii_whitespace() => Self::Blank,
            _ if c.is_ascii() => Self::Mark,
            // Latin letters with accents, Greek, Cyrillic, Hebrew, Arabic.
            '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{6ff}' | '\u{1e00}'..='\u{1fff}' => Self::Letter,
            // Pictures, and what hardly anybody writes.
            '\u{1f000}'..='\u{1faff}' => Self::Single(2),
            '\u{e000}'..='\u{f8ff}' | '\u{10000}'..='\u{1efff}' | '\u{e0000}'..='\u{10ffff}' => Self::Single(3),
            _ => Self::Single(1),
        }
    }
}

/// Counts a text as it comes, in whatever pieces: the same text is always the same count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TokenCount {
    /// Those of what is over.
    before: u64,
    /// The run that may go on.
    run: Kind,
    length: usize,
    last: char,
    is_same: bool,
}

impl TokenCount {
    pub(super) fn of(text: &str) -> u64 {
        let mut count = Self::default();
        count.push(text);
        count.total()
    }

    pub(super) fn push(&mut self, text: &str) {
        for c in text.chars() {
            let kind = Kind::of(c);
            let goes_on = match (self.run, kind) {
                (Kind::Single(_), _) | (_, Kind::Single(_)) => false,
                // A word may begin with a capital; one within it begins another.
                (Kind::Capital, Kind::Small) => self.length == 1,
                (before, kind) => before == kind,
            };
            if goes_on {
                self.is_same &= c == self.last;
                self.length += 1;
            } else {
                // Before a word, one blank is a part of it.
                let is_part = self.run == Kind::Blank
                    && self.length == 1
                    && self.last == ' '
                    && !matches!(kind, Kind::Blank | Kind::Digit);
                if !is_part {
                    self.before += self.open();
                }
                (self.length, self.is_same) = (1, true);
            }
            (self.run, self.last) = (kind, c);
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.before + self.open()
    }

    /// The tokens of the run that may go on.
    fn open(&self) -> u64 {
        let length = self.length;
        let tokens = match self.run {
            Kind::Nothing => 0,
            Kind::Small => 1 + length.saturating_sub(WORD).div_ceil(PIECE),
            Kind::Capital => length.div_ceil(CAPITALS),
            Kind::Digit => length.div_ceil(DIGITS),
            Kind::Letter => length.div_ceil(2),
            Kind::Blank => length.div_ceil(BLANKS),
            Kind::Mark if self.is_same => length.div_ceil(SAME_MARKS),
            Kind::Mark => length.div_ceil(MARKS),
            Kind::Single(tokens) => usize::from(tokens),
        };
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts, and what the tokenizers of current models make of them, at least and at most.
    const KNOWN: [(&str, u64, u64); 14] = [
        ("", 0, 0),
        ("Hello, world!", 4, 4),
        ("The quick brown fox jumps over the lazy dog.", 10, 10),
        ("Donaudampfschifffahrtsgesellschaft", 8, 12),
        ("Привет, как у тебя дела сегодня?", 8, 16),
        ("今天天气很好，我们去公园散步吧。", 11, 18),
        ("こんにちは、世界。お元気ですか？", 7, 17),
        ("fn main() {\n    println!(\"Hello\");\n}\n", 12, 16),
        ("if (a[i] != b[j]) { return Math.max(a[i], b[j]); }", 24, 32),
        ("31415926535897932384626433832795", 11, 16),
        ("2026-11-28T21:15:45Z", 11, 16),
        ("dGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcw==", 17, 26),
        ("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", 22, 32),
        ("🦀🎉👍🏽", 4, 12),
    ];

    #[test]
    fn a_count_is_near_what_models_make_of_a_text_and_not_far_below() {
        for (text, least, most) in KNOWN {
            let count = TokenCount::of(text);
            assert!(count * 5 >= least * 4, "{text:?}: {count} is far below {least}");
            assert!(count * 4 <= most * 6, "{text:?}: {count} is far above {most}");
        }
    }

    #[test]
    fn long_runs_of_anything_count() {
        for (text, least) in
            [(" ", 60), ("\n", 60), ("a", 240), ("A", 240), ("7", 330), ("-", 60), ("字", 900), ("é", 400)]
        {
            let count = TokenCount::of(&text.repeat(1000));
            assert!(count >= least && count <= 1001, "{text:?}: {count}");
        }
    }

    #[test]
    fn pieces_count_as_the_whole() {
        for (text, ..) in KNOWN {
            let mut count = TokenCount::default();
            for c in text.chars() {
                count.push(&c.to_string());
            }
            assert_eq!(count.total(), TokenCount::of(text), "{text:?}");
        }
    }
}
