//! Formulas as models write them: `\(…\)`, `\[…\]`, `$…$`, `$$…$$` and `\begin{…}…\end{…}`.
//!
//! They are found before Markdown is read, which would take their stars and underscores for emphasis and their backslashes
//! for escapes. What may as well be text, above all money, is text: `$5 and $6`, `\$5`, `\(see above\)`.

use std::ops::Range;

use super::fences::after_containers;

/// Longer ones are none.
const MAX_BYTES: usize = 8 * 1024;

/// A formula in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula {
    /// As it is written, with what stands around it.
    pub source: String,
    /// What is to be typeset of it.
    pub inner: Range<usize>,
    /// It stands by itself rather than in a line.
    pub is_display: bool,
}

/// Where the formulas are, outside the ranges of `code`, which are in order. `unfinished`: more may follow, so what has begun
/// and has no end yet is one up to the end of the text.
pub(super) fn find(text: &str, code: &[Range<usize>], unfinished: bool) -> Vec<(Range<usize>, Formula)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut code = code.iter().peekable();
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| matches!(byte, b'\\' | b'$' | b'`')) {
        at += next;
        if let Some(range) = code.next_if(|range| range.start <= at) {
            at = at.max(range.end);
            continue;
        }
        // No formula leads into a block of code.
        let until = code.peek().map_or(text.len(), |range| range.start);
        let here = Opening { text: &text[..until], at, unfinished: unfinished && until == text.len() };
        match bytes[at] {
            b'`' => at = here.after_code(),
            _ => match here.formula() {
                Some((range, formula)) => {
                    at = range.end;
                    found.push((range, formula));
                }
                None if bytes[at] == b'\\' => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
                None => at += bytes[at..].iter().take_while(|byte| **byte == b'$').count(),
            },
        }
    }
    found
}

/// A place where a formula may begin.
struct Opening<'a> {
    text: &'a str,
    at: usize,
    unfinished: bool,
}

impl Opening<'_> {
    /// Where code in a line ends that begins here, or the marks that begin none.
    fn after_code(&self) -> usize {
        let rest = &self.text[self.at..];
        let marks = rest.len() - rest.trim_start_matches('`').len();
        let mut at = marks;
        while let Some(next) = rest[at..].find('`') {
            if has_blank_line(&rest[at..at + next]) {
                break;
            }
            at += next;
            let length = rest[at..].len() - rest[at..].trim_start_matches('`').len();
            at += length;
            if length == marks {
                return self.at + at;
            }
        }
        self.at + marks
    }

    fn formula(&self) -> Option<(Range<usize>, Formula)> {
        let rest = &self.text[self.at..];
        if rest.starts_with("\\(") {
            self.between(2, "\\)", false)
        } else if rest.starts_with("\\[") {
            self.between(2, "\\]", true)
        } else if rest.starts_with("$$") && !rest.starts_with("$$$") {
            self.between(2, "$$", true)
        } else if let Some(named) = rest.strip_prefix("\\begin{") {
            let name = named.split_once('}')?.0;
            let is_name = !name.is_empty() && name.trim_end_matches('*').bytes().all(|byte| byte.is_ascii_alphabetic());
            if is_name { self.environment(name) } else { None }
        } else if rest.starts_with('$') {
            self.in_dollars()
        } else {
            None
        }
    }

    /// A formula with an end of its own, which may be lines away.
    fn between(&self, opening: usize, closing: &str, is_display: bool) -> Option<(Range<usize>, Formula)> {
        let start = self.at + opening;
        // What begins again before it has ended is none.
        let begin = Some(&self.text[self.at..start]).filter(|begin| begin.starts_with('\\'));
        let is_end = |rest: &str| rest.starts_with(closing) || begin.is_some_and(|begin| rest.starts_with(begin));
        let Some(end) = self.end(start, is_end) else { return self.open_at_end(is_display) };
        let inner = &self.text[start..end];
        // Two dollars may be text, and so may brackets, which are escaped to be no link.
        if !self.text[end..].starts_with(closing) || !is_formula(inner) {
            return None;
        }
        Some(self.found(end + closing.len(), opening, closing.len(), is_display))
    }

    fn environment(&self, name: &str) -> Option<(Range<usize>, Formula)> {
        let (begin, closing) = (format!("\\begin{{{name}}}"), format!("\\end{{{name}}}"));
        let mut depth = 0_usize;
        let end = self.end(self.at, |rest| {
            if rest.starts_with(&begin) {
                depth += 1;
            } else if rest.starts_with(&closing) {
                depth -= 1;
            }
            depth == 0
        });
        match end {
            Some(end) => Some(self.found(end + closing.len(), 0, 0, true)),
            None => self.open_at_end(true),
        }
    }

    /// Between single dollars, as in Pandoc: no space inside of them, no digit behind, one line.
    fn in_dollars(&self) -> Option<(Range<usize>, Formula)> {
        let before = self.text[..self.at].chars().next_back();
        let rest = &self.text[self.at + 1..];
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '$') || rest.starts_with(char::is_whitespace) {
            return None;
        }
        let line = rest.split('\n').next().unwrap_or_default();
        let mut escaped = false;
        let end = line.find(|c| {
            let found = !escaped && matches!(c, '$' | '`');
            escaped = !escaped && c == '\\';
            found
        });
        let Some(end) = end else {
            let is_last =
                self.unfinished && line.len() == rest.len() && !line.starts_with(|c: char| c.is_ascii_digit());
            return if is_last && is_formula(line) { self.open_at_end(false) } else { None };
        };
        let (inner, after) = (&line[..end], &line[end..]);
        let closes = after.starts_with('$')
            && !inner.ends_with(char::is_whitespace)
            && !after[1..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '$');
        if !closes || !is_formula(inner) || is_money(inner) {
            return None;
        }
        Some(self.found(self.at + end + 2, 1, 1, false))
    }

    /// Where the end begins. What an escape stands before is none, and a paragraph's end is the end of the search.
    fn end(&self, start: usize, mut is_end: impl FnMut(&str) -> bool) -> Option<usize> {
        let text = &self.text[..self.text.floor_char_boundary(self.at + MAX_BYTES)];
        let bytes = text.as_bytes();
        // A formula that stands in a line of words does not lead into the next item, quote or heading.
        let line = self.text[..self.at].rfind('\n').map_or(0, |end| end + 1);
        let is_block = after_containers(&text[line..self.at]).is_empty() || text[start..].starts_with(['\n', '\r']);
        let mut at = start;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' | b'$' if is_end(&text[at..]) => return Some(at),
                b'\\' => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
                b'\n' => {
                    let next = text[at + 1..].split('\n').next().unwrap_or_default();
                    let is_blank =
                        next.trim_matches([' ', '\t', '\r', '>']).is_empty() && at + 1 + next.len() < text.len();
                    if is_blank || (!is_block && begins_block(next)) {
                        return None;
                    }
                    at += 1;
                }
                _ => at += 1,
            }
        }
        None
    }

    /// What has begun and may still end: all that is there.
    fn open_at_end(&self, is_display: bool) -> Option<(Range<usize>, Formula)> {
        let rest = &self.text[self.at..];
        if !self.unfinished || rest.len() > MAX_BYTES || has_blank_line(rest) {
            return None;
        }
        let end = self.at + rest.trim_end_matches(['\n', '\r']).len();
        let mut found = self.found(end, 0, 0, is_display);
        found.1.inner = 0..0;
        Some(found)
    }

    fn found(&self, end: usize, opening: usize, closing: usize, is_display: bool) -> (Range<usize>, Formula) {
        let line = self.text[..self.at].rfind('\n').map_or(0, |end| end + 1);
        let is_quoted = self.text[line..self.at].trim_start().starts_with('>');
        let written = &self.text[self.at..end];
        let source = written.split('\n').enumerate().map(|(index, line)| match index {
            0 => line,
            _ if is_quoted => line.trim_start_matches([' ', '\t', '>']),
            _ => line.trim_start_matches([' ', '\t']),
        });
        let source = source.collect::<Vec<_>>().join("\n");
        let inner = opening..source.len() - closing;
        (self.at..end, Formula { source, inner, is_display })
    }
}

fn has_blank_line(text: &str) -> bool {
    let mut lines = text.split('\n').skip(1).peekable();
    std::iter::from_fn(|| lines.next().filter(|_| lines.peek().is_some()))
        .any(|line| line.trim_matches([' ', '\t', '\r', '>']).is_empty())
}

fn begins_block(line: &str) -> bool {
    after_containers(line).len() < line.trim_start().len() || line.trim_start().starts_with('#')
}

/// Whether this can be a formula: there is a sign in it, or no word.
fn is_formula(text: &str) -> bool {
    let text = text.trim();
    let is_sign = |c| matches!(c, '\\' | '^' | '_' | '=' | '<' | '>' | '{' | '}' | '+' | '|' | '\u{2190}'..='\u{22FF}');
    if !text.contains(|c: char| c.is_alphanumeric()) {
        return false;
    }
    text.contains(is_sign)
        || text.split(|c: char| !c.is_alphabetic()).all(|word| {
            word.len() < 3 || word.chars().all(|c| matches!(c, '\u{370}'..='\u{3FF}')) && word.chars().count() < 3
        })
}

/// Whether this is an amount, and words up to the next one.
fn is_money(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains(['\\', '^', '_']);
    let has_word = text.split(|c: char| !c.is_alphabetic()).any(|word| word.chars().count() > 1);
    let has_sign = text.contains(['=', '+', '-', '*', '/', '<', '>']);
    begins && (has_word || (text.contains(char::is_whitespace) && !has_sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formulas(text: &str) -> Vec<String> {
        let code = super::super::fences::find(text, false).blocks;
        find(text, &code, false).into_iter().map(|(_, formula)| formula.source).collect()
    }

    #[test]
    fn each_way_to_write_one_is_known() {
        for formula in [
            "\\(a*b*c\\)",
            "\\[ x = 1 \\]",
            "$x$",
            "$x_1$",
            "$$\\frac{a}{b}$$",
            "$2n$",
            "$\\$5 + x$",
            "\\(n\\)",
            "\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}",
            "\\[\na \\\\[2pt]\n= b\n\\]",
            "$f(x)$",
            "$-1$",
            "$α$",
            "\\begin{a}\\begin{a}x\\end{a}\\end{a}",
        ] {
            assert_eq!(formulas(&format!("So {formula}.")), [formula]);
            assert_eq!(formulas(&format!("设{formula}为\n")), [formula]);
        }
    }

    #[test]
    fn what_may_be_text_is_text() {
        for text in [
            "$5 and $6",
            "\\$5 and \\$x$",
            "between $5 or 6$ a day",
            "$5-$10",
            "US$5 and CA$6",
            "价格为$5，或者$6。",
            "$HOME/bin:$PATH",
            "a $ b $ c",
            "\\(see above\\)",
            "\\[citation needed\\]",
            "`$x$` and `` \\(y\\) ``",
            "```\n$x$\n```",
            "\\\\(x\\\\)",
            "$x\ny$",
            "$$ and $$",
            "$$$",
            "\\[\\]",
            "\\begin{",
            "\\begin{a b}x\\end{a b}",
            "\\[ x\n\ny = 1 \\]",
            "- a \\( x\n- b \\)",
            "costs 5$, or 6$ more",
            "\\(and\\(bar\\)",
            "$a`b$c`",
        ] {
            assert_eq!(formulas(text), <[String; 0]>::default(), "{text}");
        }
    }

    #[test]
    fn a_formula_in_a_quote_has_no_quote_marks() {
        assert_eq!(formulas("> \\[\n> x > 1\n> \\]"), ["\\[\nx > 1\n\\]"]);
        assert_eq!(formulas("- $$\n  x > 1\n  $$"), ["$$\nx > 1\n$$"]);
    }

    #[test]
    fn what_has_begun_is_whole_while_it_is_written() {
        for text in ["\\(a*b*c", "\\[", "$$\n*a*\n", "\\begin{align} a*b", "$a*b*c", "so \\( "] {
            let found = find(text, &[], true);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(find(text, &[], false).len(), 0, "{text}");
        }
        for text in ["$5*a*b", "\\(a\n\nb", "$ x", "\\$x", "\\begin", "$x$ and $5"] {
            let open = find(text, &[], true).iter().any(|(_, formula)| formula.inner.is_empty());
            assert!(!open, "{text}");
        }
    }
}
