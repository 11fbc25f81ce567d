//! What the pieces of an answer come to, whoever sends them: the text is read strictly enough to be safe, and nothing beside it
//! costs an answer.

mod calls;

use std::collections::VecDeque;

use self::calls::Calls;
pub(super) use self::calls::SaidCall;
use super::frames::{Frames, Place, TooLarge, each_value};
use super::{Finish, ProviderError, ProviderEvent, Seal, Thought};
use crate::chat::Usage;
use crate::generation::brief;
use crate::platform::lenient::join_halves;

/// What an event of the stream means.
pub(super) type Event = Result<ProviderEvent, ProviderError>;

/// What one piece says.
#[derive(Default)]
pub(super) struct Said {
    pub text: String,
    /// The text is of a whole message, not of what is new in it.
    pub is_message: bool,
    /// Calls of tools, or pieces of them.
    pub calls: Vec<SaidCall>,
    /// It says that the model thinks.
    pub thinks: bool,
    /// What it says of that.
    pub thoughts: Vec<Thought>,
    /// The answer ends here, whether a finish reason has come or not.
    pub is_end: bool,
    pub finish: Option<Result<Finish, ProviderError>>,
    pub usage: Told,
    pub error: Option<ProviderError>,
}

/// What a piece says of what was used.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    #[default]
    Nothing,
    /// Something that cannot be read.
    Oddly,
    Used(Usage),
    /// Some of it: what is not told is as it was before.
    Partly(Counts),
}

/// Tokens, as they are told one after the other.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Without those that were written to a cache, or read from it.
    pub input: Option<u32>,
    pub cache_written: Option<u32>,
    /// Of those, for an hour.
    pub cache_written_1h: Option<u32>,
    pub cache_read: Option<u32>,
    pub output: Option<u32>,
    pub reasoning: Option<u32>,
    /// No more is made.
    pub is_last: bool,
}

impl Counts {
    fn and(self, more: Self) -> Self {
        Self {
            input: more.input.or(self.input),
            cache_written: more.cache_written.or(self.cache_written),
            cache_written_1h: more.cache_written_1h.or(self.cache_written_1h),
            cache_read: more.cache_read.or(self.cache_read),
            output: more.output.or(self.output),
            reasoning: more.reasoning.or(self.reasoning),
            is_last: more.is_last,
        }
    }

    /// Unknown where one of the two sums is.
    fn usage(self) -> Option<Usage> {
        let [written, read] = [self.cache_written, self.cache_read].map(Option::unwrap_or_default);
        let input = self.input?.saturating_add(written).saturating_add(read);
        Some(Usage {
            cached_input_tokens: self.cache_read,
            // It says so too where it was not asked to.
            cache_write_tokens: self.cache_written.filter(|tokens| *tokens > 0),
            cache_write_1h_tokens: self.cache_written_1h.filter(|tokens| *tokens > 0),
            reasoning_tokens: self.reasoning,
            ..Usage::of(input, self.output?)
        })
    }
}

/// Understands the JSON of one piece.
pub(super) type ReadPiece = fn(json: &str) -> Result<Said, serde_json::Error>;

/// Reads an answer as it comes. It knows no clock and no network.
pub(super) struct Decoder {
    frames: Frames,
    read: ReadPiece,
    ready: VecDeque<Event>,
    answer: Answer,
}

/// What is known of an answer.
#[derive(Default)]
struct Answer {
    /// What the finish reason means, once it has come: only that tells an answer that ended from one that was broken off.
    finish: Option<Finish>,
    usage: Option<Usage>,
    /// Where it is told bit by bit.
    counts: Option<Counts>,
    /// Some of the text came in pieces, so that a whole message would be the same once more.
    is_in_pieces: bool,
    calls: Calls,
    /// So often something came that may be the last of the text.
    endings: u32,
    /// The text goes on after a finish reason.
    goes_on: bool,
    is_over: bool,
    /// The first half of a surrogate pair whose second has not come.
    half: Option<u32>,
    /// What was no piece of an answer.
    strange: Option<String>,
}

impl Decoder {
    pub(super) fn new(read: ReadPiece) -> Self {
        Self { frames: Frames::default(), read, ready: VecDeque::new(), answer: Answer::default() }
    }

    /// The next event, if it has come.
    pub(super) fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Nothing follows what [`Decoder::next`] still has.
    pub(super) const fn is_over(&self) -> bool {
        self.answer.is_over
    }

    /// A number that changes when something came that may be the last of the text; 0: the end is not in sight.
    pub(super) const fn endings(&self) -> u32 {
        self.answer.endings
    }

    /// Whether text has followed the last finish reason.
    pub(super) const fn goes_on(&self) -> bool {
        self.answer.goes_on
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let Self { frames, read, ready, answer } = self;
        let pushed = frames.push(bytes, &mut |place, text| answer.take(*read, place, text, ready));
        if pushed == Err(TooLarge) {
            answer.fail(ProviderError::Malformed("an event is too large".into()), ready);
        }
    }

    /// The body has ended, as it should.
    pub(super) fn end(&mut self) {
        let Self { frames, read, ready, answer } = self;
        frames.end(&mut |place, text| answer.take(*read, place, text, ready));
        answer.end(ready);
    }

    /// The connection broke.
    pub(super) fn fail(&mut self, error: ProviderError) {
        let Self { frames, read, ready, answer } = self;
        // What came of an event may be all of it.
        frames.end(&mut |place, text| answer.take(*read, place, text, ready));
        answer.fail(error, ready);
    }
}

impl Answer {
    fn take(&mut self, read: ReadPiece, place: Place, text: &str, ready: &mut VecDeque<Event>) {
        let text = text.trim();
        if self.is_over || text.is_empty() {
            return;
        }
        if text == "[DONE]" {
            return self.end(ready);
        }
        if text.starts_with('[') {
            // A list of lists is none of pieces.
            each_value(text, &mut |value| self.take_piece(read, place, value, ready));
        } else {
            self.take_piece(read, place, text, ready);
        }
    }

    fn take_piece(&mut self, read: ReadPiece, place: Place, text: &str, ready: &mut VecDeque<Event>) {
        if self.is_over {
            return;
        }
        match read(text) {
            Ok(said) => {
                if place == Place::Body && said.says_nothing() {
                    self.strange = Some(brief(text));
                }
                self.apply(said, place, ready);
            }
            // Words that keep a connection alive; there is no text of a model in them.
            Err(_) if place == Place::Event && !text.contains(['{', '}', ']', '"']) => {}
            Err(_) if place == Place::Body => self.strange = Some(brief(text)),
            Err(error) => self.fail(ProviderError::Malformed(format!("{error} in {}", brief(text))), ready),
        }
    }

    fn apply(&mut self, mut said: Said, place: Place, ready: &mut VecDeque<Event>) {
        let before = ready.len();
        let used = match said.usage {
            Told::Nothing => self.usage,
            Told::Oddly => {
                self.counts = None;
                None
            }
            Told::Used(usage) => Some(usage),
            Told::Partly(counts) => {
                let counts = self.counts.unwrap_or_default().and(counts);
                self.counts = Some(counts);
                counts.usage()
            }
        };
        if used != self.usage {
            self.usage = used;
            ready.extend(used.map(|usage| Ok(ProviderEvent::Usage(usage))));
        }
        if let Some(error) = said.error {
            return self.fail(error, ready);
        }
        // What was said in pieces is not said again.
        let is_said_before = said.is_message && self.is_in_pieces;
        if !is_said_before {
            join_halves(&mut said.text, &mut self.half);
        }
        if !is_said_before {
            ready.extend(said.thoughts.into_iter().map(|thought| Ok(ProviderEvent::Thought(thought))));
        }
        if !said.text.is_empty() && !is_said_before {
            self.is_in_pieces |= !said.is_message;
            if self.finish.is_some() {
                self.goes_on = true;
                self.endings += 1;
            }
            if said.is_message && place == Place::Body && said.finish.is_none() {
                // The JSON is whole, and so is what it says.
                self.finish = Some(Finish::Whole);
                self.endings += 1;
            }
            ready.push_back(Ok(ProviderEvent::Token(said.text)));
        }
        self.take_calls(said.calls, said.is_message, place, said.finish.is_none(), ready);
        if self.is_over {
            return;
        }
        match said.finish {
            None => {}
            // The answer was whole before.
            Some(Err(_)) if self.finish.is_some() && !self.goes_on => {}
            Some(Ok(Finish::Calls)) if self.calls.is_empty() => {
                // The model made that of the prompt, which says nothing of the server.
                self.is_over = true;
                ready.push_back(Err(ProviderError::Rejected("ended with calls of tools, and there are none".into())));
            }
            Some(Ok(finish)) => {
                self.finish = Some(finish);
                self.goes_on = false;
                self.endings += 1;
            }
            Some(Err(error)) => {
                self.is_over = true;
                ready.push_back(Err(error));
            }
        }
        if said.is_end && self.finish.is_none() && !self.is_over {
            self.finish = Some(Finish::Whole);
            self.endings += 1;
        }
        if ready.len() == before {
            ready.push_back(Ok(ProviderEvent::Alive { thinks: said.thinks }));
        }
    }

    /// What is new of the calls; `is_last`: nothing else may say that the answer has ended.
    fn take_calls(
        &mut self,
        said: Vec<SaidCall>,
        is_message: bool,
        place: Place,
        is_last: bool,
        ready: &mut VecDeque<Event>,
    ) {
        if said.is_empty() || (is_message && self.calls.in_pieces) {
            return;
        }
        self.calls.in_pieces |= !is_message;
        if self.finish.is_some() {
            self.goes_on = true;
            self.endings += 1;
        }
        if is_message && place == Place::Body && is_last {
            self.finish = Some(Finish::Whole);
            self.endings += 1;
        }
        for call in said {
            let piece = self.calls.take(call);
            if self.calls.is_full() {
                // Whoever asks can make it so: those before have come, and are paid for.
                self.is_over = true;
                ready.push_back(Ok(ProviderEvent::Done { finish: Finish::Limit, usage: self.last_usage() }));
                return;
            }
            ready.extend(piece.map(|call| Ok(ProviderEvent::Call(call))));
        }
    }

    /// What was used in the end: what was told at the beginning is not that.
    fn last_usage(&self) -> Option<Usage> {
        let is_last = self.counts.is_none_or(|counts| counts.is_last);
        self.usage.filter(|_| is_last)
    }

    /// The stream has ended: was that the whole answer?
    fn end(&mut self, ready: &mut VecDeque<Event>) {
        let why =
            self.strange.take().map_or_else(|| "the stream was cut".to_owned(), |text| format!("no answer: {text}"));
        self.fail(ProviderError::Malformed(why), ready);
    }

    /// Something went wrong, which is nothing to an answer that is whole.
    fn fail(&mut self, error: ProviderError, ready: &mut VecDeque<Event>) {
        if !self.is_over {
            self.is_over = true;
            let usage = self.last_usage();
            ready.push_back(match self.finish {
                // Not every server says that it waits for results.
                Some(Finish::Whole) if !self.calls.is_empty() => {
                    Ok(ProviderEvent::Done { finish: Finish::Calls, usage })
                }
                Some(finish) => Ok(ProviderEvent::Done { finish, usage }),
                None => Err(error),
            });
        }
    }
}

impl Said {
    /// The model thinks this, if it is anything.
    pub(super) fn think(&mut self, text: &str, seal: Option<Seal>) {
        if !text.is_empty() || seal.is_some() {
            self.thinks = true;
            self.thoughts.push(Thought { text: text.to_owned(), seal });
        }
    }

    fn says_nothing(&self) -> bool {
        self.text.is_empty()
            && self.calls.is_empty()
            && self.finish.is_none()
            && self.usage == Told::Nothing
            && self.error.is_none()
            && !self.thinks
            && !self.is_end
    }
}

#[cfg(test)]
mod tests;
