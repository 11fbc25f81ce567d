//! What a model thinks aloud before its answer, between tags at the beginning of the text, is no part of the answer: it is told apart
//! from it, and nothing is charged for it alone.

/// The tags that models think between.
const TAGS: [(&str, &str); 3] = [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>")];
/// More is no thought that one waits for the end of.
const MOST_UNOPENED: usize = 256 * 1024;
/// White space beyond this is the beginning of an answer, such as it is.
const MOST_BLANK: usize = 4096;

/// Takes the pieces of a text as they come and leaves the thoughts out.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    at: At,
    /// What may be the beginning of a tag.
    held: String,
    /// What was thought since that was last asked for.
    thought: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nothing was said yet.
    #[default]
    Start,
    /// Nothing was said yet, by a model whose template begins its thoughts: all may be thought, up to a tag that ends it.
    Unopened,
    /// Within thoughts that this tag ends.
    Inside(&'static str),
    /// Thoughts are over, the answer has not begun.
    After,
    Answer,
}

impl Thoughts {
    /// Of a model that is known to end thoughts that it has not begun.
    pub(super) fn unopened() -> Self {
        Self { at: At::Unopened, ..Self::default() }
    }

    /// Its server keeps its thoughts apart, so that there are none in the text.
    pub(super) fn are_apart(&mut self) {
        if self.at == At::Unopened {
            self.at = At::Start;
        }
    }

    /// What of a piece is answer; it may be empty. Once the answer has begun, that is the piece itself.
    pub(super) fn take(&mut self, piece: String) -> String {
        if self.at == At::Answer {
            return piece;
        }
        if self.held.is_empty() {
            self.held = piece;
        } else {
            self.held.push_str(&piece);
        }
        loop {
            match self.at {
                At::Answer => return std::mem::take(&mut self.held),
                At::Inside(end) => {
                    let Some(at) = self.held.find(end) else {
                        // All but what may be the beginning of its end.
                        let over = self.held.len().saturating_sub(end.len() - 1);
                        let over = self.held.floor_char_boundary(over);
                        self.thought.extend(self.held.drain(..over));
                        return String::new();
                    };
                    self.leave_out(at, end);
                }
                At::Unopened if self.held.len() > MOST_UNOPENED => self.at = At::Start,
                At::Unopened if TAGS.iter().all(|(tag, _)| !self.held.trim_start().starts_with(tag)) => {
                    let Some((at, end)) = first_end(&self.held) else { return String::new() };
                    self.leave_out(at, end);
                }
                At::Start | At::Unopened | At::After => {
                    let text = self.held.trim_start();
                    if let Some((tag, end)) = TAGS.iter().find(|(tag, _)| text.starts_with(tag)) {
                        let before = self.held.len() - text.len();
                        self.held.drain(..before + tag.len());
                        self.at = At::Inside(end);
                        continue;
                    }
                    let is_open = TAGS.iter().any(|(tag, _)| tag.starts_with(text));
                    if is_open && self.held.len() < MOST_BLANK {
                        return String::new();
                    }
                    if self.at == At::After {
                        // The gap between the two.
                        let gap = self.held.len() - text.len();
                        self.held.drain(..gap);
                    }
                    self.at = At::Answer;
                }
            }
        }
    }

    /// What was held back and is answer after all, as nothing more comes.
    pub(super) fn end(&mut self) -> String {
        match self.at {
            At::Start | At::Unopened | At::After => std::mem::take(&mut self.held),
            At::Inside(_) | At::Answer => String::new(),
        }
    }

    /// Whether thoughts have begun and not ended.
    pub(super) const fn are_open(&self) -> bool {
        matches!(self.at, At::Inside(_) | At::Unopened)
    }

    /// Whether thoughts may have begun unsaid, and nothing has told yet.
    pub(super) const fn are_unopened(&self) -> bool {
        matches!(self.at, At::Unopened)
    }

    /// What was left out since that was last asked for.
    pub(super) fn thought(&mut self) -> String {
        std::mem::take(&mut self.thought)
    }

    /// Thoughts are over, up to this tag.
    fn leave_out(&mut self, until: usize, end: &str) {
        self.thought.push_str(&self.held[..until]);
        self.held.drain(..until + end.len());
        self.at = At::After;
    }
}

/// The first tag that ends thoughts.
fn first_end(text: &str) -> Option<(usize, &'static str)> {
    TAGS.iter().filter_map(|(_, end)| Some((text.find(end)?, *end))).min()
}

/// What is thought and what is answer of a whole text whose thoughts end and do not begin: some templates of prompts begin them.
/// Nothing, where that is not so, or where nothing follows. The tag has a line of its own, which no text about it gives it outside of code.
pub(super) fn after_unopened(text: &str) -> Option<(&str, &str)> {
    let (at, end) = first_end(text)?;
    let (before, after) = (&text[..at], &text[at + end.len()..]);
    let is_line = before.ends_with('\n') && after.starts_with(['\r', '\n']);
    let is_begun = TAGS.iter().any(|(tag, _)| before.contains(tag));
    let is_code = before.matches("```").count() % 2 == 1;
    let answer = after.trim_start();
    (is_line && !is_begun && !is_code && !answer.is_empty()).then_some((before, answer))
}

/// A whole text without its thoughts.
pub(super) fn without_thoughts(text: String) -> String {
    if !text.trim_start().starts_with('<') {
        return text;
    }
    let mut thoughts = Thoughts::default();
    let mut answer = thoughts.take(text.clone());
    answer.push_str(&thoughts.end());
    // Where they do not end, they may be none.
    if thoughts.are_open() { text } else { answer }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pieces: &[&str]) -> String {
        let mut thoughts = Thoughts::default();
        let mut answer: String = pieces.iter().map(|piece| thoughts.take((*piece).to_owned())).collect();
        answer.push_str(&thoughts.end());
        answer
    }

    #[test]
    fn thoughts_at_the_beginning_are_left_out_however_they_are_cut() {
        for (text, wanted) in [
            ("<think>Hmm, 2 < 3.</think>\n\nSix.", "Six."),
            ("\n <think></think>Six.", "Six."),
            ("<think>a</think>\n<think>b</think> Six.", "Six."),
            ("<thinking>a</think></thinking>Six.", "Six."),
            ("<think>ü🦀</think>Six <think>is</think> it.", "Six <think>is</think> it."),
            ("<think>only thoughts", ""),
            ("<think>only thoughts</think>", ""),
            ("<think>only thoughts</think>\n", "\n"),
            ("<thin ice", "<thin ice"),
            ("<thin", "<thin"),
            ("  <b>x", "  <b>x"),
            ("\n\n Six.", "\n\n Six."),
            ("", ""),
            (" \n", " \n"),
        ] {
            let chars: Vec<String> = text.chars().map(String::from).collect();
            assert_eq!(answer(&[text]), wanted, "{text:?}");
            assert_eq!(answer(&chars.iter().map(String::as_str).collect::<Vec<_>>()), wanted, "{text:?}");
            let whole = without_thoughts(text.to_owned());
            assert!(whole == wanted || wanted.is_empty() && whole == text, "{text:?}");
        }
        assert_eq!(answer(&[&" ".repeat(5000), "<think>"]).len(), 5007, "nobody thinks so late");
    }

    #[test]
    fn thoughts_that_were_begun_by_the_prompt_end_all_the_same() {
        for (text, wanted) in [
            ("Hmm, 2 < 3.\n</think>\n\nSix.", "Six."),
            ("Hmm</thinking>Six.", "Six."),
            ("<think>Hmm</think>Six.", "Six."),
            ("Six.", "Six."),
            ("", ""),
            ("Hmm</think>", ""),
        ] {
            let mut thoughts = Thoughts::unopened();
            let mut answer: String = text.chars().map(|char| thoughts.take(char.to_string())).collect();
            assert!(text.ends_with("Six.") || answer.is_empty());
            answer.push_str(&thoughts.end());
            assert_eq!(answer, wanted, "{text:?}");
        }
        let mut thoughts = Thoughts::unopened();
        assert_eq!((thoughts.take("x".repeat(MOST_UNOPENED)).len(), thoughts.are_unopened()), (0, true));
        assert_eq!(thoughts.take("x".to_owned()).len(), MOST_UNOPENED + 1);
        let mut thoughts = Thoughts::unopened();
        thoughts.are_apart();
        assert_eq!(thoughts.take("Six.".to_owned()), "Six.");
    }

    #[test]
    fn an_end_alone_is_seen_in_a_whole_text() {
        assert_eq!(after_unopened("Hmm.\n</think>\n\nSix."), Some(("Hmm.\n", "Six.")));
        assert_eq!(after_unopened("Hmm.\n</think>\r\nSix."), Some(("Hmm.\n", "Six.")));
        for text in [
            "Six.",
            "The tag </think> ends thoughts.",
            "<think>\nHmm\n</think>\nSix.",
            "See:\n```\nHmm\n</think>\nSix.\n```",
            "Hmm.\n</think>\n",
        ] {
            assert_eq!(after_unopened(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_left_out_takes_no_memory() {
        let mut thoughts = Thoughts::default();
        thoughts.take("<think>".to_owned());
        let mut bytes = 0;
        for _ in 0..1000 {
            assert_eq!(thoughts.take("é".repeat(100)), "");
            bytes += thoughts.thought().len();
            assert!(thoughts.held.len() < 20 && thoughts.are_open());
        }
        assert!(bytes > 199_000);
    }

    #[test]
    fn what_is_left_out_is_told_apart_however_it_is_cut() {
        for (text, wanted, is_unopened) in [
            ("<think>Hmm, 2 < 3.</think>\n\nSix.", "Hmm, 2 < 3.", false),
            ("<think>a</think>\n<thinking>b 🦀</thinking> Six.", "ab 🦀", false),
            ("Hmm.\n</think>Six.", "Hmm.\n", true),
            ("Six.", "", false),
        ] {
            let mut thoughts = if is_unopened { Thoughts::unopened() } else { Thoughts::default() };
            let mut told = String::new();
            for char in text.chars() {
                thoughts.take(char.to_string());
                told.push_str(&thoughts.thought());
            }
            assert_eq!(told, wanted, "{text:?}");
        }
    }
}
