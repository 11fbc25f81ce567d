//! A text as searches compare it: without case, accents and forms of width, each character with where it stands.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{compose, is_combining_mark};

/// What a character is to a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A part of a word that ends at the next gap.
    Letter,
    /// One that means something by itself: a character of a script that puts no gaps between words, or a symbol.
    Sign,
    /// What stands between words.
    Gap,
}

/// A character of the folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) folded: char,
    pub(super) kind: Kind,
    /// The bytes of the text that it stands for.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The folded text. The same text in another case or normal form is the same.
pub(super) fn fold(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::with_capacity(text.len());
    let mut rest = text.char_indices().peekable();
    while let Some((start, first)) = rest.next() {
        let mut end = start + first.len_utf8();
        let mut last = first;
        while let Some((at, next)) = rest.next_if(|(_, next)| is_of_one(last, *next)) {
            end = at + next.len_utf8();
            last = next;
        }
        if end - start == 1 {
            let folded = first.to_ascii_lowercase();
            units.push(Unit { folded, kind: kind_of(folded), start, end });
            continue;
        }
        let folded = text[start..end].nfkd().filter(|c| !is_left_out(*c)).flat_map(char::to_lowercase);
        for folded in folded.filter(|c| !is_left_out(*c)).flat_map(spelled).nfc() {
            let kind = match units.last() {
                Some(before) if is_combining_mark(folded) && before.kind != Kind::Gap => before.kind,
                _ => kind_of(folded),
            };
            units.push(Unit { folded, kind, start, end });
        }
    }
    units
}

/// Whether a character belongs to the one before: an accent, or a part of a Korean or Japanese character.
fn is_of_one(before: char, next: char) -> bool {
    if next.is_ascii() {
        return false;
    }
    let is_hangul = matches!(before, '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7a3}');
    is_combining_mark(next)
        || (is_hangul && matches!(next, '\u{1160}'..='\u{11ff}'))
        || matches!(next, '\u{ff9e}' | '\u{ff9f}')
        // Vowels of a few scripts are written as one or as two.
        || compose(before, next).is_some()
}

/// Accents and vowel points, and what is not seen at all. The marks that make another letter of a kana stay.
const fn is_left_out(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}'
        | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Letters that are no other letter with an accent, and yet are written so.
fn spelled(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match c {
        'ß' => ('s', Some('s')),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'þ' => ('t', Some('h')),
        'ø' => ('o', None),
        'đ' | 'ð' => ('d', None),
        'ł' => ('l', None),
        'ı' => ('i', None),
        'ς' => ('σ', None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

fn kind_of(c: char) -> Kind {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Kind::Letter } else { Kind::Gap };
    }
    if c.is_alphanumeric() {
        return if has_no_gaps(c) { Kind::Sign } else { Kind::Letter };
    }
    // Emoji, arrows, signs of mathematics; not the punctuation that lies among them.
    let is_punctuation = matches!(c, '\u{2cf9}'..='\u{2cff}' | '\u{2e00}'..='\u{2e7f}' | '\u{3000}'..='\u{303f}'
        | '\u{30a0}' | '\u{30fb}' | '\u{fe10}'..='\u{fe6f}' | '\u{ff00}'..='\u{ffff}');
    if c >= '\u{2070}' && !is_punctuation { Kind::Sign } else { Kind::Gap }
}

/// Whether it is of a script whose words follow each other without a gap, or, as in Korean, with endings.
const fn has_no_gaps(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3035}' | '\u{3038}'..='\u{303c}' | '\u{3040}'..='\u{318f}'
        | '\u{31a0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{1aff0}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}
