//! Fenced code: where it stands, and blocks of Markdown that hold fenced code themselves.
//!
//! Models show Markdown in a block of three backticks that holds blocks of three backticks. To the letter, the first that ends
//! inside ends the one around it, and what follows leaks out. Where a block of Markdown has fenced code in it and an end
//! of its own, it is read as it was meant: the fence around it is made longer.

use std::ops::Range;

/// The fences of a text.
#[derive(Default)]
pub(super) struct Fences {
    /// Each block, with both of its fences.
    pub blocks: Vec<Range<usize>>,
    /// Where a fence has to be longer, with what.
    pub longer: Vec<(usize, String)>,
    /// The fence that is open at the end.
    pub open: Option<String>,
}

/// A line that begins or ends a block of code.
#[derive(Clone, Copy)]
struct Fence<'a> {
    /// Where its marks begin.
    at: usize,
    mark: char,
    length: usize,
    /// What is written behind the marks.
    info: &'a str,
}

impl Fence<'_> {
    fn ends(&self, open: &Self) -> bool {
        self.mark == open.mark && self.length >= open.length && self.info.is_empty()
    }

    fn is_markdown(&self) -> bool {
        let language = self.info.split([' ', '\t', ',', '{']).next().unwrap_or_default();
        ["md", "markdown", "mdx"].iter().any(|name| language.eq_ignore_ascii_case(name))
    }
}

/// `unfinished`: more may follow, so a block of Markdown that has code in it may still get its end.
pub(super) fn find(text: &str, unfinished: bool) -> Fences {
    let mut found = Fences::default();
    let mut open: Option<(usize, Fence<'_>)> = None;
    let mut at = 0;
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
        let line = &text[at..end];
        match open {
            Some((start, fence)) => {
                if fence_of(line, at, false).is_some_and(|line| line.ends(&fence)) {
                    found.blocks.push(start..end);
                    open = None;
                }
            }
            None => {
                if let Some(fence) = fence_of(line, at, true) {
                    open = Some((at, fence));
                    if fence.is_markdown()
                        && let Some(nest) = Nest::read(&text[end..], end, fence, unfinished)
                    {
                        let more = fence.mark.to_string().repeat(nest.longest + 1 - fence.length);
                        found.longer.push((fence.at, more.clone()));
                        found.longer.extend(nest.end.map(|(at, _)| (at, more.clone())));
                        let after = nest.end.map_or(text.len(), |(_, after)| after);
                        found.blocks.push(at..after);
                        if nest.end.is_none() {
                            found.open = Some(fence.mark.to_string().repeat(nest.longest + 1));
                        }
                        (open, at) = (None, after);
                        continue;
                    }
                }
            }
        }
        at = end;
    }
    if let Some((start, fence)) = open {
        found.blocks.push(start..text.len());
        found.open = Some(fence.mark.to_string().repeat(fence.length));
    }
    found
}

/// A block of Markdown that holds blocks of code.
struct Nest {
    /// Where its end begins, and where what follows does.
    end: Option<(usize, usize)>,
    /// Marks of the longest fence in it.
    longest: usize,
}

impl Nest {
    /// Reads what follows the fence that opens it. Nothing if the letter of Markdown is what was meant.
    fn read(rest: &str, start: usize, outer: Fence<'_>, unfinished: bool) -> Option<Self> {
        let mut inner: Option<Fence<'_>> = None;
        let mut longest = 0;
        let mut at = start;
        for line in rest.split_inclusive('\n') {
            let fence = fence_of(line, at, true).filter(|fence| fence.mark == outer.mark);
            match (inner, fence) {
                (None, Some(fence)) if fence.ends(&outer) => {
                    let end = Some((fence.at, at + line.len()));
                    return (longest > 0).then(|| Self { end, longest: longest.max(fence.length) });
                }
                (None, Some(fence)) if !fence.info.is_empty() => {
                    (inner, longest) = (Some(fence), longest.max(fence.length));
                }
                (Some(open), Some(fence)) if fence.ends(&open) => {
                    (inner, longest) = (None, longest.max(fence.length));
                }
                _ => {}
            }
            at += line.len();
        }
        (unfinished && longest > 0).then_some(Self { end: None, longest: longest.max(outer.length) })
    }
}

/// The fence that a line is. One that opens may stand in a quote or an item; what ends it, in a quote.
fn fence_of(line: &str, start: usize, may_open: bool) -> Option<Fence<'_>> {
    let marks = if may_open { after_containers(line) } else { line.trim_start_matches([' ', '\t', '>']) };
    let mark = marks.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let info = marks.trim_start_matches(mark);
    let length = marks.len() - info.len();
    let is_fence = length >= 3 && !(mark == '`' && info.contains('`'));
    is_fence.then(|| Fence { at: start + line.len() - marks.len(), mark, length, info: info.trim() })
}

/// A line without what quotes and items put before it.
pub(super) fn after_containers(line: &str) -> &str {
    let mut rest = line;
    loop {
        let before = rest;
        rest = rest.trim_start_matches([' ', '\t', '>']);
        let number = rest.trim_start_matches(|mark: char| mark.is_ascii_digit());
        let marked = if number.len() < rest.len() { number } else { rest };
        let marks = if number.len() < rest.len() { &['.', ')'][..] } else { &['-', '+', '*'][..] };
        if let Some(item) = marked.strip_prefix(marks).filter(|item| item.starts_with([' ', '\t'])) {
            rest = item;
        }
        if rest.len() == before.len() {
            return rest;
        }
    }
}

/// A text whose fences mean the same to every reader of Markdown, with the last one closed.
#[must_use]
pub fn closed(text: &str) -> String {
    let text = text.trim_end();
    let fences = find(text, false);
    let mut closed = String::with_capacity(text.len() + 1);
    let mut done = 0;
    for (at, more) in fences.longer {
        closed.push_str(&text[done..at]);
        closed.push_str(&more);
        done = at;
    }
    closed.push_str(&text[done..]);
    if !closed.is_empty() {
        closed.push('\n');
    }
    if let Some(fence) = fences.open {
        closed.push_str(&fence);
        closed.push('\n');
    }
    closed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_code_that_breaks_off_is_closed() {
        assert_eq!(closed("plain"), "plain\n");
        assert_eq!(closed("```rust\nlet x"), "```rust\nlet x\n```\n");
        assert_eq!(closed("```\na\n```\n"), "```\na\n```\n");
        assert_eq!(closed("````md\n```\na\n```"), "````md\n```\na\n```\n````\n");
        assert_eq!(closed("~~~\n```"), "~~~\n```\n~~~\n");
        assert_eq!(closed(""), "");
    }

    #[test]
    fn markdown_with_code_in_it_gets_a_longer_fence() {
        let nested = "```markdown\n# T\n```bash\nls\n```\nMore\n```\nAfter";
        assert_eq!(closed(nested), "````markdown\n# T\n```bash\nls\n```\nMore\n````\nAfter\n");
        // Without an end of its own, the letter of Markdown is what is left.
        let flat = "```markdown\n# T\n```bash\nls\n```\nAfter";
        assert_eq!(closed(flat), format!("{flat}\n"));
        let plain = "```markdown\n# T\n```\nAfter\n```bash\nls\n```";
        assert_eq!(closed(plain), format!("{plain}\n"));
        let other = "```md\na\n````sh\nls\n````\nb\n```\nAfter";
        assert_eq!(closed(other), "`````md\na\n````sh\nls\n````\nb\n`````\nAfter\n");
        assert_eq!(
            closed("- x\n  ```md\n  ```sh\n  ls\n  ```\n  ```\n"),
            "- x\n  ````md\n  ```sh\n  ls\n  ```\n  ````\n"
        );
    }
}
