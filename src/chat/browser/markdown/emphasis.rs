//! Emphasis beside punctuation, as people who write no spaces mean it.
//!
//! To the letter, `**注意：**请` is not bold: stars behind a punctuation mark end nothing unless a space or another mark
//! follows, and Chinese, Japanese and Korean have no spaces there. So stars are taken for an end, and for a beginning,
//! beside such letters, as they are in the middle of words; and two stars or more behind a mark that ends something
//! are an end in any script (`**Note:**text`). Marks that can only begin something never end it, nor the other way round.

/// A mark of punctuation to the parser that nobody writes. Put on both sides of stars, it lets them begin and end alike.
pub(super) const MARK: char = '\u{1DA8B}';

/// The places where [`MARK`] belongs; not in the ranges of `skipped`, which are in order.
pub(super) fn find(text: &str, skipped: &[std::ops::Range<usize>]) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut places = Vec::new();
    let mut skipped = skipped.iter().peekable();
    let mut at = 0;
    while at < bytes.len() {
        if let Some(range) = skipped.next_if(|range| range.start <= at) {
            at = at.max(range.end);
            continue;
        }
        match bytes[at] {
            b'\\' if bytes.get(at + 1).is_some_and(u8::is_ascii_punctuation) => at += 2,
            b'*' => {
                let end = at + bytes[at..].iter().take_while(|byte| **byte == b'*').count();
                if is_doubtful(&text[..at], &text[end..], end - at) {
                    places.extend([at, end]);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    places
}

/// Whether stars between these two would only begin, or only end, though they may be meant for the other.
fn is_doubtful(before: &str, after: &str, stars: usize) -> bool {
    let (mut left, right) = (before.chars().rev(), after.chars().next());
    let (Some(last), Some(next)) = (left.next(), right) else { return false };
    if last.is_whitespace() || next.is_whitespace() {
        return false;
    }
    let is_east_asian = is_east_asian(last) || is_east_asian(next);
    if is_mark(last) && next.is_alphanumeric() {
        // A straight quote says by the word before it which of both it is.
        let is_end = !begins(last) && (!matches!(last, '"' | '\'') || left.next().is_some_and(|c| !c.is_whitespace()));
        return is_end && (is_east_asian || stars > 1);
    }
    last.is_alphanumeric() && is_mark(next) && !ends(next) && is_east_asian
}

/// Punctuation and signs: those that stand beside stars.
fn is_mark(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{A1}'..='\u{BF}' | '\u{2010}'..='\u{205E}' | '\u{20A0}'..='\u{20CF}' | '\u{2190}'..='\u{2BFF}'
            | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3020}' | '\u{3030}' | '\u{303D}' | '\u{30FB}'
            | '\u{FE10}'..='\u{FE19}' | '\u{FE30}'..='\u{FE6B}' | '\u{FF01}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF20}'
            | '\u{FF3B}'..='\u{FF40}' | '\u{FF5B}'..='\u{FF65}' | '\u{1F300}'..='\u{1FAFF}')
            && !c.is_alphanumeric()
}

fn begins(c: char) -> bool {
    matches!(
        c,
        '(' | '['
            | '{'
            | '<'
            | '“'
            | '‘'
            | '«'
            | '‹'
            | '「'
            | '『'
            | '（'
            | '【'
            | '《'
            | '〈'
            | '［'
            | '｛'
            | '〔'
            | '〖'
            | '¿'
            | '¡'
    )
}

fn ends(c: char) -> bool {
    matches!(
        c,
        ')' | ']'
            | '}'
            | '>'
            | '”'
            | '’'
            | '»'
            | '›'
            | '」'
            | '』'
            | '）'
            | '】'
            | '》'
            | '〉'
            | '］'
            | '｝'
            | '〕'
            | '〗'
            | '.'
            | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '。'
            | '，'
            | '；'
            | '：'
            | '！'
            | '？'
            | '、'
            | '％'
            | '%'
            | '…'
    )
}

/// Letters and marks of the scripts that are written without spaces, and of Korean, whose particles follow at once.
fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{A4CF}' | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FE10}'..='\u{FE1F}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF00}'..='\u{FFEF}'
        | '\u{1B000}'..='\u{1B2FF}' | '\u{20000}'..='\u{3FFFF}')
}
