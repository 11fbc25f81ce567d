//! What a text consists of: the parser's events, and what it does not know.
//!
//! The parser is to the letter of `CommonMark`. What models mean otherwise is changed in the text that it gets, in ways that
//! change nothing else, and changed back in what it gives: formulas are one letter to it, doubtful stars have a mark beside them, and
//! fences are longer. If a text has the characters that this needs, it is read to the letter.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

use super::math::Formula;
use super::{emphasis, fences, math};

/// Around the number of a formula. No characters, but for the parser letters.
const OPEN: char = '\u{FDD0}';
const CLOSE: char = '\u{FDD1}';

/// A part of a text.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Event(Event<'a>),
    Formula(&'a Formula),
    /// What a link may refer to, which the parser leaves out.
    Definition(String),
}

/// A text as the parser gets it.
pub(super) struct Prepared<'a> {
    text: Cow<'a, str>,
    formulas: Vec<Formula>,
    /// As they are written.
    written: Vec<&'a str>,
    /// The ends of what was changed: in the text, and in the original.
    shifts: Vec<(usize, usize)>,
}

impl<'a> Prepared<'a> {
    /// `unfinished`: more may follow.
    pub fn new(original: &'a str, unfinished: bool) -> Self {
        let mut new = Self { text: original.into(), formulas: Vec::new(), written: Vec::new(), shifts: Vec::new() };
        if original.contains([OPEN, CLOSE, emphasis::MARK]) {
            return new;
        }
        let fences = fences::find(original, unfinished);
        let formulas = math::find(original, &fences.blocks, unfinished);
        let mut skipped: Vec<Range<usize>> = fences.blocks;
        skipped.extend(formulas.iter().map(|(range, _)| range.clone()));
        skipped.sort_unstable_by_key(|range| range.start);
        let marks = emphasis::find(original, &skipped).into_iter().map(|at| (at..at, emphasis::MARK.to_string()));
        let mut changes: Vec<(Range<usize>, String)> = marks.collect();
        changes.extend(fences.longer.into_iter().map(|(at, more)| (at..at, more)));
        changes.extend(citations(original, &skipped).map(|at| (at..at, emphasis::MARK.to_string())));
        for (number, (range, formula)) in formulas.into_iter().enumerate() {
            changes.push((range.clone(), format!("{OPEN}{number}{CLOSE}")));
            new.written.push(&original[range]);
            new.formulas.push(formula);
        }
        if changes.is_empty() {
            return new;
        }
        changes.sort_by_key(|(range, _)| range.start);
        let mut text = String::with_capacity(original.len() + changes.len() * 8);
        let mut done = 0;
        for (range, with) in changes {
            text.push_str(&original[done..range.start]);
            text.push_str(&with);
            done = range.end;
            new.shifts.push((text.len(), done));
        }
        text.push_str(&original[done..]);
        new.text = text.into();
        new
    }

    /// Where in the original a place of the text is.
    pub fn original(&self, at: usize) -> usize {
        let after = self.shifts.partition_point(|(end, _)| *end <= at);
        let (here, there) = after.checked_sub(1).map_or((0, 0), |last| self.shifts[last]);
        there + (at - here)
    }

    /// Where the last block begins.
    pub fn last_block(&self) -> usize {
        let mut depth = 0_usize;
        let mut start = 0;
        for (event, range) in Parser::new_ext(&self.text, options()).into_offset_iter() {
            if depth == 0 && !matches!(event, Event::End(_)) {
                start = range.start;
            }
            match event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                _ => {}
            }
        }
        // The indentation belongs to the block, but not to its range.
        self.original(self.text[..start].rfind('\n').map_or(0, |end| end + 1))
    }

    /// All parts, in order.
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Pieces { of: self, all: Vec::new(), done: 0, in_leaf: 0, is_code: false };
        for (event, range) in Parser::new_ext(&self.text, options()).into_offset_iter() {
            pieces.add(event, range);
        }
        pieces.definitions(self.text.len());
        pieces.all
    }

    /// Whether there is something of ours in a text of the parser.
    fn is_changed(&self, text: &str) -> bool {
        !self.shifts.is_empty() && text.contains([OPEN, emphasis::MARK])
    }

    /// A text of the parser as it was written.
    fn restored<'b>(&self, text: CowStr<'b>) -> CowStr<'b> {
        if !self.is_changed(&text) {
            return text;
        }
        let mut restored = String::with_capacity(text.len());
        self.split(&text, |part| match part {
            Ok(text) => restored.push_str(text),
            Err(number) => restored.push_str(self.written[number]),
        });
        restored.into()
    }

    /// Parts a text into what it says and the numbers of the formulas in it.
    fn split(&self, text: &str, mut part: impl FnMut(Result<&str, usize>)) {
        let mut rest = text;
        while let Some(at) = rest.find([OPEN, emphasis::MARK]) {
            if at > 0 {
                part(Ok(&rest[..at]));
            }
            let mark = if rest[at..].starts_with(OPEN) { OPEN } else { emphasis::MARK };
            rest = &rest[at + mark.len_utf8()..];
            if let Some((number, after)) = rest.split_once(CLOSE).filter(|_| mark == OPEN) {
                rest = after;
                if let Some(number) = number.parse().ok().filter(|number| *number < self.written.len()) {
                    part(Err(number));
                }
            }
        }
        if !rest.is_empty() {
            part(Ok(rest));
        }
    }
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_FOOTNOTES
}

/// Between the two of `[1][2]`, which are two sources, and no link with the text 1.
fn citations<'a>(text: &'a str, skipped: &'a [Range<usize>]) -> impl Iterator<Item = usize> + 'a {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.match_indices("][").map(|(at, _)| at + 1).filter(move |at| {
        let before = text[..at - 1].rsplit('[').next().unwrap_or_default();
        let after = text[at + 1..].split(']').next().unwrap_or_default();
        is_number(before) && is_number(after) && !skipped.iter().any(|range| range.contains(at))
    })
}

/// The parts so far.
struct Pieces<'a, 'p> {
    of: &'a Prepared<'p>,
    all: Vec<Piece<'a>>,
    /// Up to here, all of the text is in a part.
    done: usize,
    /// Open elements from the block on that has no blocks in it.
    in_leaf: usize,
    is_code: bool,
}

impl<'a> Pieces<'a, '_> {
    fn add(&mut self, event: Event<'a>, range: Range<usize>) {
        match &event {
            _ if self.in_leaf > 0 => match event {
                Event::Start(_) => self.in_leaf += 1,
                Event::End(_) => self.in_leaf -= 1,
                _ => {}
            },
            Event::Start(Tag::FootnoteDefinition(_)) => {
                self.definitions(range.start);
                let source = &self.of.text[range.clone()];
                self.done = range.start + source.find("]:").map_or(0, |end| end + 2);
            }
            Event::Start(Tag::BlockQuote(_) | Tag::List(_) | Tag::Item) => self.definitions(range.start),
            Event::End(TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item | TagEnd::FootnoteDefinition) => {
                self.definitions(range.end);
            }
            _ => {
                self.definitions(range.start);
                self.in_leaf = usize::from(matches!(event, Event::Start(_)));
                self.done = self.done.max(range.end);
            }
        }
        self.push(event);
    }

    fn push(&mut self, event: Event<'a>) {
        let of = self.of;
        match event {
            Event::Text(text) if !self.is_code && of.is_changed(&text) => {
                of.split(&text, |part| {
                    self.all.push(match part {
                        Ok(text) => Piece::Event(Event::Text(text.to_owned().into())),
                        Err(number) => Piece::Formula(&of.formulas[number]),
                    });
                });
            }
            event => {
                match event {
                    Event::Start(Tag::CodeBlock(_)) => self.is_code = true,
                    Event::End(TagEnd::CodeBlock) => self.is_code = false,
                    _ => {}
                }
                self.all.push(Piece::Event(self.restored(event)));
            }
        }
    }

    fn restored(&self, event: Event<'a>) -> Event<'a> {
        let restored = |text| self.of.restored(text);
        match event {
            Event::Text(text) => Event::Text(restored(text)),
            Event::Code(text) => Event::Code(restored(text)),
            Event::Html(text) => Event::Html(restored(text)),
            Event::InlineHtml(text) => Event::InlineHtml(restored(text)),
            Event::FootnoteReference(name) => Event::FootnoteReference(restored(name)),
            Event::Start(Tag::FootnoteDefinition(name)) => Event::Start(Tag::FootnoteDefinition(restored(name))),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(restored(info))))
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => Event::Start(Tag::Link {
                link_type,
                dest_url: restored(dest_url),
                title: restored(title),
                id: restored(id),
            }),
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => Event::Start(Tag::Image {
                link_type,
                dest_url: restored(dest_url),
                title: restored(title),
                id: restored(id),
            }),
            other => other,
        }
    }

    /// What the parser has left out up to here, and what a reader would miss: definitions.
    fn definitions(&mut self, until: usize) {
        let left_out = self.of.text.get(self.done..until).unwrap_or_default();
        self.done = self.done.max(until);
        if !left_out.contains("]:") {
            return;
        }
        let mut shown = String::new();
        for line in left_out.lines().map(fences::after_containers) {
            if !shown.is_empty() || line.starts_with('[') {
                // Writing to a text does not fail.
                _ = writeln!(shown, "{}", line.trim_end());
            }
        }
        if !shown.is_empty() {
            self.all.push(Piece::Definition(self.of.restored(shown.into()).trim_end().to_owned()));
        }
    }
}
