//! The words of a text, and what is wanted of them.
//!
//! A word is a run of letters. Where a script has no gaps, each character with the one after it is a word, and the last
//! one alone is another: so that any two that follow each other are found, and, by the beginning of a word, any one.

use std::ops::Range;

use super::fold::{Kind, Unit, fold};
use super::searched;

/// Characters of a word that are kept: names of files and keys may be of any length.
const WORD_CHARS: usize = 40;

/// A word with the bytes of the text that it stands for.
struct Word {
    text: String,
    start: usize,
    end: usize,
}

/// The words by which a text is found, in their order.
#[must_use]
pub fn index_words(text: &str) -> Vec<String> {
    words(&fold(searched(text))).into_iter().map(|word| word.text).collect()
}

fn words(units: &[Unit]) -> Vec<Word> {
    let mut words = Vec::new();
    for run in units.chunk_by(|one, next| one.kind == next.kind) {
        match run {
            [Unit { kind: Kind::Gap, .. }, ..] => {}
            [first @ Unit { kind: Kind::Letter, .. }, rest @ ..] => {
                let text = run.iter().take(WORD_CHARS).map(|unit| unit.folded).collect();
                words.push(Word { text, start: first.start, end: rest.last().unwrap_or(first).end });
            }
            signs => {
                words.extend((0..signs.len()).map(|at| {
                    let text = signs.iter().skip(at).take(2).map(|unit| unit.folded).collect();
                    let sign = signs[at];
                    Word { text, start: sign.start, end: sign.end }
                }));
            }
        }
    }
    words
}

/// What somebody looks for: words that follow each other, the last of which may go on. What stands between them
/// matters only where the query has more than white space there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    whole: Vec<String>,
    /// What the last word begins with.
    beginning: String,
    /// The last bytes of the query's last word belong to it, but not to its [`Word::end`].
    signs: bool,
    /// The folded query with its punctuation, if there is any.
    exact: Option<Vec<char>>,
}

impl Wanted {
    /// `None` where there is nothing to look for: a query without a letter, digit or symbol.
    #[must_use]
    pub fn new(query: &str) -> Option<Self> {
        let units = fold(searched(query));
        let mut whole: Vec<String> = words(&units).into_iter().map(|word| word.text).collect();
        let said: Vec<Kind> = units.iter().rev().map(|unit| unit.kind).skip_while(|kind| *kind == Kind::Gap).collect();
        let signs = said.starts_with(&[Kind::Sign, Kind::Sign]);
        if signs {
            // Its last character alone would have to be the last one of the text, too.
            whole.pop();
        }
        let beginning = whole.pop()?;
        let is_exact = units.iter().any(|unit| unit.kind == Kind::Gap && !unit.folded.is_whitespace());
        let exact = is_exact.then(|| spaced(&units).into_iter().map(|(folded, _)| folded).collect());
        Some(Self { whole, beginning, signs, exact })
    }

    /// The words that a text must have, and what another one must begin with.
    #[must_use]
    pub fn words(&self) -> (&[String], &str) {
        (&self.whole, &self.beginning)
    }

    /// Where it is in a text.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Range<usize>> {
        let units = fold(searched(text));
        let words = words(&units);
        let found = words.windows(self.whole.len() + 1).find(|said| {
            let (last, before) = said.split_last().map_or(("", &[][..]), |(last, before)| (&*last.text, before));
            before.iter().map(|word| &word.text).eq(&self.whole) && last.starts_with(&self.beginning)
        })?;
        let Some(exact) = &self.exact else {
            let (first, last) = (found.first()?, found.last()?);
            // A word of two signs ends where the second does.
            let next = words.iter().find(|word| self.signs && word.start >= last.end);
            return Some(first.start..next.map_or(last.end, |next| next.end));
        };
        let folded = spaced(&units);
        let at = folded.windows(exact.len()).position(|said| said.iter().map(|(c, _)| c).eq(exact))?;
        Some(folded[at].1.start..folded[at + exact.len() - 1].1.end)
    }
}

/// The folded text with one space for any white space between words.
fn spaced(units: &[Unit]) -> Vec<(char, Range<usize>)> {
    let mut folded: Vec<(char, Range<usize>)> = Vec::with_capacity(units.len());
    for unit in units {
        let c = if unit.folded.is_whitespace() { ' ' } else { unit.folded };
        if c != ' ' || folded.last().is_some_and(|(before, _)| *before != ' ') {
            folded.push((c, unit.start..unit.end));
        }
    }
    if folded.last().is_some_and(|(last, _)| *last == ' ') {
        folded.pop();
    }
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    fn finds(query: &str, text: &str) -> bool {
        Wanted::new(query).is_some_and(|wanted| wanted.find(text).is_some())
    }

    #[test]
    fn words_are_those_of_each_language() {
        assert_eq!(index_words("The café's 2nd menu"), ["the", "cafe", "s", "2nd", "menu"]);
        assert_eq!(index_words("我喜欢编程。"), ["我喜", "喜欢", "欢编", "编程", "程"]);
        assert_eq!(index_words("iPhone手机"), ["iphone", "手机", "机"]);
        assert_eq!(index_words("ﾊﾟｿｺﾝ"), index_words("パソコン"));
        assert_eq!(index_words("ＡＢＣ１２３"), ["abc123"]);
        assert_eq!(index_words("한국어"), ["한국", "국어", "어"]);
        assert_eq!(index_words("\u{16d68}"), index_words("\u{16d67}\u{16d67}"));
        assert_eq!(index_words("Straße ŁÓDŹ İstanbul ΣΊΣΥΦΟΣ"), ["strasse", "lodz", "istanbul", "σισυφοσ"]);
        assert_eq!(index_words(" …!?,。、「」 \0"), Vec::<String>::new());
        assert_eq!(index_words(&"x".repeat(100)), ["x".repeat(WORD_CHARS)]);
    }

    #[test]
    fn what_is_wanted_is_found_in_every_language() {
        for (query, text) in [
            ("tides", "How do Tides work?"),
            ("TIDES WO", "How do tides work?"),
            ("tid", "How do tides work?"),
            ("cafe", "Le CAFÉ noir"),
            ("café", "cafe"),
            ("cafe\u{301}", "café"),
            ("strasse", "die Straße"),
            ("编程", "我喜欢编程"),
            ("喜欢", "我喜欢编程"),
            ("程", "我喜欢编程"),
            ("我", "我喜欢编程"),
            ("喜欢编", "我喜欢编程"),
            ("手机", "iPhone手机壳"),
            ("iPhone 手机", "iPhone手机壳"),
            ("パソコン", "ﾊﾟｿｺﾝを買う"),
            ("を買", "パソコンを買う"),
            ("東京", "東京都へ"),
            ("한국", "나는 한국어를 배운다"),
            ("\u{1112}\u{1161}\u{11ab}국", "한국어"),
            ("ภาษา", "ฉันเรียนภาษาไทย"),
            ("привет", "ПРИВЕТ, мир"),
            ("еще", "ещё раз"),
            ("🌊", "a wave 🌊 comes"),
            ("a.b", "100% (a.b)"),
            ("100% (a.b)", "answer 3 100%  (A.B)"),
            ("c++", "I like C++ more"),
            ("bold text", "**bold** *text*"),
        ] {
            assert!(finds(query, text), "{query:?} in {text:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for (query, text) in [
            ("ides", "tides"),
            ("tides how", "How do tides work?"),
            ("ti work", "tides work"),
            ("a_b", "a.b"),
            ("100%x", "100% (a.b)"),
            ("c++", "c, d"),
            ("喜程", "我喜欢编程"),
            ("か", "が"),
            ("", "anything"),
            ("\\", "a\\b"),
            ("。", "我喜欢编程。"),
        ] {
            assert!(!finds(query, text), "{query:?} in {text:?}");
        }
    }

    #[test]
    fn where_it_is_found_is_where_it_stands() {
        for (query, text, found) in [
            ("cafe", "Le CAFE\u{301} noir", "CAFE\u{301}"),
            ("喜欢", "我喜欢编程", "喜欢"),
            ("欢", "我喜欢编程", "欢"),
            ("编程", "我喜欢编程", "编程"),
            ("(a.b", "100% (A.b)", "(A.b"),
            ("tides wo", "How do tides work?", "tides work"),
        ] {
            let range = Wanted::new(query).unwrap().find(text).unwrap();
            assert_eq!(&text[range], found, "{query:?}");
        }
    }

    /// What a store may answer by its index alone.
    fn index_has(wanted: &Wanted, text: &str) -> bool {
        let (words, (whole, beginning)) = (index_words(text), wanted.words());
        whole.iter().all(|word| words.contains(word)) && words.iter().any(|word| word.starts_with(beginning))
    }

    proptest! {
        #[test]
        fn a_part_that_begins_with_a_word_is_found_and_its_index_has_it(
            text in r"[a-zA-Zé0-9 ,.我喜欢编程がｶﾞ한🌊ß\u{301}]{1,40}", from in 0..40_usize, length in 1..12_usize,
        ) {
            let starts: Vec<usize> = words(&fold(&text)).iter().map(|word| word.start).collect();
            prop_assume!(!starts.is_empty());
            let start = starts[from % starts.len()];
            let end = text[start..].char_indices().nth(length).map_or(text.len(), |(at, _)| start + at);
            let query = &text[start..end];
            // A half of a character is another one: what is cut off in the middle need not be found.
            let is_cut = text[end..].chars().next().is_some_and(|next| !next.is_ascii());
            let Some(wanted) = Wanted::new(query) else {
                prop_assert!(is_cut, "{query:?} in {text:?}");
                return Ok(());
            };
            let found = wanted.find(&text);
            prop_assert!(found.is_some() || is_cut, "{query:?} in {text:?}");
            prop_assert!(found.is_none() || index_has(&wanted, &text));
        }

        #[test]
        fn whatever_is_found_its_index_has(query in r"\PC{1,12}", text in r"\PC{0,60}") {
            if let Some(wanted) = Wanted::new(&query)
                && let Some(found) = wanted.find(&text)
            {
                prop_assert!(index_has(&wanted, &text), "{query:?} in {text:?}");
                prop_assert!(text.get(found).is_some_and(|found| !found.is_empty()));
            }
        }

        #[test]
        fn case_and_normal_form_make_no_difference(text in r"[\PC가-힣ぁ-んァ-ヶｦ-ﾟÀ-ỹα-ωа-я]{0,40}") {
            let words = index_words(&text);
            prop_assert_eq!(&words, &index_words(&text.nfd().collect::<String>()));
            prop_assert_eq!(&words, &index_words(&text.nfc().collect::<String>()));
            prop_assert!(words.iter().all(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_punctuation() || c.is_whitespace())));
        }
    }
}
