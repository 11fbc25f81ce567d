//! What a model thinks aloud before its answer, between tags at the beginning of the text, is no part of the answer: it is neither
//! shown nor stored, and nothing is charged for it alone.

/// The tags that models think between.
const TAGS: [(&str, &str); 3] = [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>")];
/// White space beyond this is the beginning of an answer, such as it is.
const MOST_BLANK: usize = 4096;

/// Takes the pieces of a text as they come and leaves the thoughts out.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    at: At,
    /// What may be the beginning of a tag.
    held: String,
    bytes: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nothing was said yet.
    #[default]
    Start,
    /// Within thoughts that this tag ends.
    Inside(&'static str),
    /// Thoughts are over, the answer has not begun.
    After,
    Answer,
}

impl Thoughts {
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
                        self.bytes += over;
                        self.held.drain(..over);
                        return String::new();
                    };
                    self.bytes += at;
                    self.held.drain(..at + end.len());
                    self.at = At::After;
                }
                At::Start | At::After => {
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
            At::Start | At::After => std::mem::take(&mut self.held),
            At::Inside(_) | At::Answer => String::new(),
        }
    }

    /// Whether thoughts have begun and not ended.
    pub(super) const fn are_open(&self) -> bool {
        matches!(self.at, At::Inside(_))
    }

    /// Bytes that were left out.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
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
    fn what_is_left_out_takes_no_memory() {
        let mut thoughts = Thoughts::default();
        thoughts.take("<think>".to_owned());
        for _ in 0..1000 {
            assert_eq!(thoughts.take("é".repeat(100)), "");
            assert!(thoughts.held.len() < 20 && thoughts.are_open());
        }
        assert!(thoughts.bytes() > 199_000);
    }
}
