//! `.env` in the working directory. An error names the line and the variable, never the value, which may be a secret.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The names and values of the file, in its order; none where there is no file.
///
/// # Errors
/// A line for people.
pub(super) fn read_dotenv(file: &Path) -> Result<Vec<(String, String)>, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => parse(text.trim_start_matches('\u{feff}')),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!(".env: cannot be read: {error}")),
    }
}

fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let taken = Cell::new(0);
    let mut entries = dotenvy::from_read_iter(Lines { rest: text.as_bytes(), taken: &taken });
    let mut read: Vec<(String, String)> = Vec::new();
    loop {
        let before = taken.get();
        match entries.next() {
            None => return Ok(read),
            // Which of both counts differs between the programs that read such files.
            Some(Ok((name, _))) if read.iter().any(|(known, _)| *known == name) => {
                return Err(format!(".env:{}: {name}: is there twice", taken.get()));
            }
            Some(Ok(entry)) => read.push(entry),
            // The error would repeat the value.
            Some(Err(_)) => return Err(problem(text, before)),
        }
    }
}

/// The error of the first entry after the first `before` lines.
fn problem(text: &str, before: usize) -> String {
    let is_entry = |line: &str| !line.is_empty() && !line.starts_with('#');
    let mut lines = text.lines().map(str::trim).enumerate().skip(before);
    let (index, line) = lines.find(|(_, line)| is_entry(line)).unwrap_or_default();
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let name = line.split_once('=').map(|(name, _)| name.trim()).filter(is_name);
    let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
    let line = index + 1;
    format!(".env:{line}: {name}is not NAME=VALUE; a value with spaces, quotes, # or $ is written in 'single quotes'")
}

/// Reads a line at a time, and counts the lines.
struct Lines<'a> {
    rest: &'a [u8],
    taken: &'a Cell<usize>,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |at| at + 1);
        let count = self.rest.take(end as u64).read(buffer)?;
        self.rest = self.rest.split_at(count).1;
        if count > 0 && count == end {
            self.taken.set(self.taken.get() + 1);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_read_in_their_order() {
        let read = parse("# A comment\n\nA=1\nexport B='two words'\nC=\"of\nmore lines\"\nD=4").unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("A", "1"), ("B", "two words"), ("C", "of\nmore lines"), ("D", "4")]);
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_name_and_never_by_value() {
        for (text, told) in [
            ("A=hunter2 x", ".env:1: A: "),
            ("# one\n\nA=1\n\n# more\nOPENAI_API_KEY=sk hunter2\nB=1\n", ".env:6: OPENAI_API_KEY: "),
            ("A=\"of\nmore lines\"\nB=hunter2 x\n", ".env:3: B: "),
            ("A=1\nB=\"hunter2\nC=3\n", ".env:2: B: "),
            ("A=1\nB='hunter2\nC=3", ".env:2: B: "),
            ("A=1\r\nB=hunter2 x\r\n", ".env:2: B: "),
            ("hunter2\n", ".env:1: is not NAME=VALUE"),
            ("hunter2 x=1\n", ".env:1: is not NAME=VALUE"),
            ("=hunter2\n", ".env:1: is not NAME=VALUE"),
            ("A=${hunter2\n", ".env:1: A: "),
            ("A=1\nB=hunter2\nA=hunter2\n", ".env:3: A: is there twice"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.starts_with(told) && !problem.contains("hunter2"), "{text:?}: {problem}");
        }
    }
}
