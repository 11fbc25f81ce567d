//! Thoughts, text and calls of an answer, one after the other: two dialects begin and end each of them, and some know only one at a time.

use serde::de::IgnoredAny;

use crate::chat::{CallEvent, ToolCall};

/// What happens to the parts of an answer. Numbers count from 0, of thoughts, texts and calls alike.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    ThoughtBegins(usize),
    Thought(usize, String),
    /// What its provider wants back with it.
    Seal(usize, String),
    ThoughtEnds(usize),
    TextBegins(usize),
    TextEnds(usize),
    /// With its id and name.
    CallBegins(usize),
    Arguments(usize, String),
    CallEnds(usize),
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Thought { text: String, seal: Option<String> },
    Text(String),
    Call(ToolCall),
}

/// The parts of an answer so far.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// In the order in which they began.
    pub parts: Vec<Part>,
    open: Option<usize>,
    /// Where each call that has begun is, and how much of its arguments has left.
    begun: Vec<(usize, usize)>,
    /// All calls that were heard of.
    calls: Vec<ToolCall>,
}

impl Sequence {
    /// A thought goes on. Its seal ends it: what follows is another one.
    pub(super) fn thought(&mut self, text: &str, seal: Option<&str>) -> Vec<Step> {
        let mut steps = Vec::new();
        if !matches!(self.open.and_then(|at| self.parts.get(at)), Some(Part::Thought { .. })) {
            self.close(&mut steps);
            self.open = Some(self.parts.len());
            steps.push(Step::ThoughtBegins(self.parts.len()));
            self.parts.push(Part::Thought { text: String::new(), seal: None });
        }
        let at = self.parts.len() - 1;
        if let Some(Part::Thought { text: all, seal: own }) = self.parts.last_mut() {
            all.push_str(text);
            *own = seal.map(str::to_owned);
        }
        if !text.is_empty() {
            steps.push(Step::Thought(at, text.to_owned()));
        }
        if let Some(seal) = seal {
            steps.push(Step::Seal(at, seal.to_owned()));
            self.close(&mut steps);
        }
        steps
    }

    /// Text goes on.
    pub(super) fn text(&mut self, text: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        if !matches!(self.open.and_then(|at| self.parts.get(at)), Some(Part::Text(_))) {
            self.close(&mut steps);
            self.open = Some(self.parts.len());
            steps.push(Step::TextBegins(self.parts.len()));
            self.parts.push(Part::Text(String::new()));
        }
        if let Some(Part::Text(all)) = self.parts.last_mut() {
            all.push_str(text);
        }
        steps
    }

    /// A call goes on, or begins.
    pub(super) fn call(&mut self, event: CallEvent) -> Vec<Step> {
        let CallEvent { index, id, name, arguments } = event;
        if let (Some(id), Some(name)) = (id, name) {
            self.calls.push(ToolCall { id, name, arguments: String::new() });
        }
        if let Some(call) = self.calls.get_mut(index) {
            call.arguments.push_str(&arguments);
        }
        self.go_on(false)
    }

    /// Nothing more comes; of the calls nobody may have been told.
    pub(super) fn end(&mut self, calls: &[ToolCall]) -> Vec<Step> {
        self.calls.extend(calls.iter().skip(self.calls.len()).cloned());
        let mut steps = self.go_on(true);
        self.close(&mut steps);
        steps
    }

    /// What is new of the calls, as far as it is its turn: while one has not ended, the next waits.
    fn go_on(&mut self, is_end: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            self.pass_on(&mut steps);
            let next = self.begun.len();
            let is_waiting = match self.begun.last() {
                Some((at, _)) if self.open == Some(*at) && !is_end => {
                    let arguments = self.calls.get(next - 1).map_or("", |call| call.arguments.as_str());
                    serde_json::from_str::<IgnoredAny>(arguments).is_err()
                }
                _ => false,
            };
            let Some(call) = self.calls.get(next).filter(|_| !is_waiting) else { return steps };
            let part = Part::Call(ToolCall { arguments: String::new(), ..call.clone() });
            self.close(&mut steps);
            let at = self.parts.len();
            self.parts.push(part);
            self.begun.push((at, 0));
            self.open = Some(at);
            steps.push(Step::CallBegins(at));
        }
    }

    /// The arguments that have not left.
    fn pass_on(&mut self, steps: &mut Vec<Step>) {
        for ((at, sent), call) in self.begun.iter_mut().zip(&self.calls) {
            let Some(rest) = call.arguments.get(*sent..).filter(|rest| !rest.is_empty()) else { continue };
            if let Some(Part::Call(part)) = self.parts.get_mut(*at) {
                part.arguments.push_str(rest);
            }
            if self.open == Some(*at) {
                steps.push(Step::Arguments(*at, rest.to_owned()));
            }
            *sent = call.arguments.len();
        }
    }

    fn close(&mut self, steps: &mut Vec<Step>) {
        if let Some(at) = self.open.take() {
            steps.push(match self.parts.get(at) {
                Some(Part::Call(_)) => Step::CallEnds(at),
                Some(Part::Thought { .. }) => Step::ThoughtEnds(at),
                _ => Step::TextEnds(at),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(index: usize, name: &str, arguments: &str) -> CallEvent {
        let (id, name) = (Some(format!("call_{index}")), Some(name.to_owned()));
        CallEvent { index, id, name, arguments: arguments.to_owned() }
    }

    fn goes_on(index: usize, arguments: &str) -> CallEvent {
        CallEvent { index, arguments: arguments.to_owned(), ..CallEvent::default() }
    }

    #[test]
    fn mixed_calls_come_one_after_the_other_and_nothing_is_lost() {
        let mut sequence = Sequence::default();
        let mut steps = sequence.text("Let me look.");
        for event in [
            begins(0, "look", "{\"at\""),
            begins(1, "find", "{"),
            goes_on(0, ":1}"),
            goes_on(1, "}"),
            begins(2, "end", ""),
        ] {
            steps.extend(sequence.call(event));
        }
        steps.extend(sequence.end(&[]));
        let expected = [
            Step::TextBegins(0),
            Step::TextEnds(0),
            Step::CallBegins(1),
            Step::Arguments(1, "{\"at\"".to_owned()),
            Step::Arguments(1, ":1}".to_owned()),
            Step::CallEnds(1),
            Step::CallBegins(2),
            Step::Arguments(2, "{".to_owned()),
            Step::Arguments(2, "}".to_owned()),
            Step::CallEnds(2),
            Step::CallBegins(3),
            Step::CallEnds(3),
        ];
        assert_eq!(steps, expected);
        let Part::Call(call) = &sequence.parts[2] else { panic!() };
        assert_eq!((call.name.as_str(), call.arguments.as_str()), ("find", "{}"));
    }

    #[test]
    fn a_seal_ends_a_thought_and_so_does_what_follows_it() {
        let mut sequence = Sequence::default();
        let mut steps = sequence.thought("Hm", None);
        steps.extend(sequence.thought("m.", Some("anthropic.x")));
        steps.extend(sequence.thought("Well.", None));
        steps.extend(sequence.text("Six."));
        let expected = [
            Step::ThoughtBegins(0),
            Step::Thought(0, "Hm".to_owned()),
            Step::Thought(0, "m.".to_owned()),
            Step::Seal(0, "anthropic.x".to_owned()),
            Step::ThoughtEnds(0),
            Step::ThoughtBegins(1),
            Step::Thought(1, "Well.".to_owned()),
            Step::ThoughtEnds(1),
            Step::TextBegins(2),
        ];
        assert_eq!(steps, expected);
        let sealed = Part::Thought { text: "Hmm.".to_owned(), seal: Some("anthropic.x".to_owned()) };
        assert_eq!(sequence.parts[0], sealed);
    }

    #[test]
    fn calls_that_nobody_has_told_of_come_at_the_end() {
        let mut sequence = Sequence::default();
        let call = ToolCall { id: "c".to_owned(), name: "look".to_owned(), arguments: "{}".to_owned() };
        let steps = sequence.end(std::slice::from_ref(&call));
        assert_eq!(steps, [Step::CallBegins(0), Step::Arguments(0, "{}".to_owned()), Step::CallEnds(0)]);
        assert_eq!(sequence.parts, [Part::Call(call)]);
    }
}
