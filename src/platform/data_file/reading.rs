//! Reading tables of TOML: whatever is wrong is remembered with its line and its key, and reading goes on.

use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::decimal::{Decimal, NotDecimal};
use crate::platform::amount::Amount;

/// A file that is being read, and what is wrong with it so far.
pub struct Reading<'a> {
    text: &'a str,
    /// Each with where it is.
    problems: Vec<(usize, String)>,
}

/// A table of it.
#[derive(Clone)]
pub struct Section<'a> {
    /// As messages call it; empty for the file itself.
    pub name: String,
    pub table: &'a DeTable<'a>,
    pub at: Range<usize>,
}

/// What a key has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field<T> {
    Absent,
    /// Something that is not right, which has been said.
    Wrong,
    Is(T),
}

impl<T> Field<T> {
    pub const fn is_set(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    pub fn value(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }

    pub fn and_then<U>(self, to: impl FnOnce(T) -> Field<U>) -> Field<U> {
        match self {
            Self::Is(value) => to(value),
            Self::Wrong => Field::Wrong,
            Self::Absent => Field::Absent,
        }
    }
}

impl<'a> Section<'a> {
    pub fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A key as messages call it.
    fn named(&self, key: &str) -> String {
        match (self.name.as_str(), key) {
            (name, "") => name.to_owned(),
            ("", key) => key.to_owned(),
            (name, key) => format!("{name}: {key}"),
        }
    }

    fn place(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or_else(|| self.at.clone(), |(key, _)| key.span())
    }
}

/// What `read` makes of a file of TOML.
///
/// # Errors
/// Every problem on a line that begins with `file` and its line there.
pub fn read_file<T>(
    text: &str,
    file: &str,
    read: impl for<'a> FnOnce(&mut Reading<'a>, &'a Spanned<DeTable<'a>>) -> T,
) -> Result<T, Vec<String>> {
    let mut reading = Reading { text, problems: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            // What comes after may have been understood otherwise than it was meant.
            reading.problem_at(error.span().map_or(0, |span| span.start), error.message());
        }
        return Err(reading.finish(file));
    }
    let read = read(&mut reading, &document);
    let problems = reading.finish(file);
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

impl<'a> Reading<'a> {
    /// What was wrong, by line. The lines are counted once, however many problems there are.
    fn finish(self, file: &str) -> Vec<String> {
        let ends: Vec<usize> = self.text.match_indices('\n').map(|(at, _)| at).collect();
        let line_of = |at: usize| ends.partition_point(|end| *end < at) + 1;
        let mut problems: Vec<_> = self.problems.into_iter().map(|(at, problem)| (line_of(at), problem)).collect();
        problems.sort();
        problems.dedup();
        problems.into_iter().map(|(line, problem)| format!("{file}:{line}: {problem}")).collect()
    }

    pub fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    pub fn problem_at(&mut self, at: usize, problem: impl Display) {
        self.problems.push((at, problem.to_string()));
    }

    /// Something is wrong with a key of a section, or with all of it (`""`).
    pub fn problem(&mut self, section: &Section<'_>, key: &str, problem: impl Display) {
        let (at, name) = (section.place(key).start, section.named(key));
        if name.is_empty() {
            self.problem_at(at, problem);
        } else {
            self.problem_at(at, format!("{name}: {problem}"));
        }
    }

    /// Nobody would notice a key that is misspelt.
    pub fn only(&mut self, section: &Section<'_>, known: &[&str]) {
        for (key, _) in section.table {
            if !known.contains(&key.get_ref().as_ref()) {
                let name = section.named(key.get_ref());
                self.problem_at(key.span().start, format!("{name}: is not one of {}", known.join(", ")));
            }
        }
    }

    pub fn text(&mut self, section: &Section<'a>, key: &str, expected: &str) -> Field<&'a str> {
        match section.get(key).map(Spanned::get_ref) {
            None => Field::Absent,
            Some(DeValue::String(text)) if !text.trim().is_empty() => Field::Is(text.trim()),
            Some(other) => self.wrong(section, key, format!("{} is not {expected}", shown(other))),
        }
    }

    /// A table at a key.
    pub fn section(&mut self, section: &Section<'a>, key: &str) -> Field<Section<'a>> {
        let Some(value) = section.get(key) else { return Field::Absent };
        match value.get_ref() {
            DeValue::Table(table) => Field::Is(Section { name: section.named(key), table, at: section.place(key) }),
            other => self.wrong(section, key, format!("{} is not a table", shown(other))),
        }
    }

    /// The tables of a list at a key, as `name` calls the n-th of them.
    pub fn sections(
        &mut self,
        section: &Section<'a>,
        key: &str,
        name: impl Fn(usize, &DeTable<'a>) -> String,
    ) -> Vec<Section<'a>> {
        let Some(value) = section.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            let brackets = format!("is not a list of tables: write [[{key}]]");
            self.problem(section, key, brackets);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (n, item) in items.iter().enumerate() {
            if let DeValue::Table(table) = item.get_ref() {
                sections.push(Section { name: name(n, table), table, at: item.span() });
            } else {
                let problem = format!("{} is not a table", shown(item.get_ref()));
                self.problem(section, key, problem);
            }
        }
        sections
    }

    /// A list of texts, none of them empty.
    pub fn texts(&mut self, section: &Section<'a>, key: &str, expected: &str) -> Field<Vec<&'a str>> {
        let Some(value) = section.get(key) else { return Field::Absent };
        let text = |item: &'a Spanned<DeValue<'a>>| match item.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        };
        let texts = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(text).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        match texts {
            Some(texts) => Field::Is(texts),
            None => self.wrong(section, key, format!("{} is not {expected}", shown(value.get_ref()))),
        }
    }

    /// A number of millionths above zero: as a number or as text.
    pub fn millionths(&mut self, section: &Section<'a>, key: &str, expected: &str) -> Field<u64> {
        self.decimal(section, key, expected).and_then(|number| match number.in_units(6) {
            Some((0, _)) => self.wrong(section, key, format!("0 is not {expected}")),
            Some((_, false)) => self.wrong(section, key, "it has more than six decimals"),
            Some((millionths, true)) if i64::try_from(millionths).is_ok_and(|most| most <= Amount::MAX.micros()) => {
                Field::Is(millionths)
            }
            _ => self.wrong(section, key, format!("it is at most {}", Amount::MAX)),
        })
    }

    /// A price in credits.
    pub fn amount(&mut self, section: &Section<'a>, key: &str) -> Field<Amount> {
        let credits = self.millionths(section, key, "a number of credits above 0");
        credits.and_then(|millionths| Field::Is(Amount::from_micros(i64::try_from(millionths).unwrap_or(i64::MAX))))
    }

    /// A number that may be zero.
    pub fn decimal(&mut self, section: &Section<'a>, key: &str, expected: &str) -> Field<Decimal> {
        let Some(value) = section.get(key) else { return Field::Absent };
        let number = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Decimal::parse(number.as_str()),
            DeValue::Float(number) => Decimal::parse(number.as_str()),
            DeValue::String(text) => Decimal::parse(text),
            _ => Err(NotDecimal::Unreadable),
        };
        match number {
            Ok(number) => Field::Is(number),
            Err(_) => self.wrong(section, key, format!("{} is not {expected}", shown(value.get_ref()))),
        }
    }

    pub fn whole(&mut self, section: &Section<'a>, key: &str, expected: &str) -> Field<u64> {
        self.decimal(section, key, expected).and_then(|number| match number.in_units(0) {
            Some((number, true)) if number > 0 => Field::Is(number),
            _ => self.wrong(section, key, format!("it is not {expected}")),
        })
    }

    pub fn wrong<T>(&mut self, section: &Section<'_>, key: &str, problem: impl Display) -> Field<T> {
        self.problem(section, key, problem);
        Field::Wrong
    }
}

/// A value as it was written, more or less.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(is_so) => is_so.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
