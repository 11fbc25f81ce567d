//! One place in the batch: what llama.cpp's cache holds for it, and the reply that is being written there.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

use super::queue::Events;
use crate::chat::Usage;
use crate::chat::server::providers::{Finish, ProviderError, ProviderEvent, Sampling};

/// Candidates that the other samplers look at; keeps them off the whole vocabulary.
const TOP_K: i32 = 40;
const TOP_P: f32 = 0.9;
const TEMPERATURE: f32 = 0.2;
/// How many of the reply's last tokens count as repeated, and how strongly.
const PENALTY_SPAN: i32 = 64;
const PENALTY: f32 = 1.1;
/// llama.cpp's `LLAMA_DEFAULT_SEED`: seed from the system's random source.
const RANDOM_SEED: u32 = u32::MAX;

/// A reply that has gone round in circles for this many tokens is ended.
const LOOP_SPAN: usize = 96;
/// The longest circle that is looked for. It has to be seen three times.
const LOOP_PERIOD: usize = 48;

/// One sequence of the batch.
#[derive(Default)]
pub(super) struct Slot {
    /// The tokens in llama.cpp's cache, in order: left standing for a follow-up of the same conversation.
    pub(super) cached: Vec<LlamaToken>,
    pub(super) reply: Option<Reply>,
    /// When it last took a request, as a running number.
    pub(super) used: u64,
}

/// A reply under way.
pub(super) struct Reply {
    pub(super) events: Events,
    /// Tokens that are not in the cache yet: the rest of the prompt, then the token that was drawn last.
    pub(super) pending: Vec<LlamaToken>,
    prompt: u32,
    written: Vec<LlamaToken>,
    limit: usize,
    sampler: LlamaSampler,
    text: Utf8Buffer,
    held_back: HeldBack,
}

impl Slot {
    /// How many tokens of `prompt` need not be computed again. The last one always is: its output starts the reply.
    pub(super) fn common_prefix(&self, prompt: &[LlamaToken]) -> usize {
        let pairs = self.cached.iter().zip(prompt);
        let equal = pairs.take_while(|(cached, wanted)| cached == wanted).count();
        equal.min(prompt.len().saturating_sub(1))
    }

    /// Cuts the cache down to its first `length` tokens, or to none where the model can only forget everything.
    pub(super) fn keep_prefix(&mut self, context: &mut LlamaContext<'_>, sequence: u32, length: usize) {
        let from = u32::try_from(length).ok();
        let cut = context.clear_kv_cache_seq(Some(sequence), from, None);
        if matches!(cut, Ok(true)) {
            self.cached.truncate(length);
        } else {
            // Removing a whole sequence always succeeds.
            let _ = context.clear_kv_cache_seq(Some(sequence), None, None);
            self.cached.clear();
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.reply.is_none()
    }

    /// Ends a reply whose reader has left.
    pub(super) fn free_if_abandoned(&mut self) {
        if self.reply.as_ref().is_some_and(|reply| reply.events.is_closed()) {
            self.reply = None;
        }
    }
}

impl Reply {
    /// A reply to a prompt of which all but `pending` is cached.
    pub(super) fn new(
        events: Events,
        prompt: usize,
        pending: Vec<LlamaToken>,
        limit: usize,
        sampling: Sampling,
        vocab: &LlamaVocab<'_>,
    ) -> Self {
        let seed = sampling
            .seed
            .map_or(RANDOM_SEED, |seed| u32::try_from(seed.rem_euclid(i64::from(RANDOM_SEED))).unwrap_or_default());
        let samplers = [
            LlamaSampler::top_k(TOP_K),
            LlamaSampler::penalties(
                vocab.n_tokens(),
                PENALTY_SPAN,
                PENALTY,
                sampling.frequency_penalty.unwrap_or(0.0),
                sampling.presence_penalty.unwrap_or(0.0),
            ),
            LlamaSampler::top_p(sampling.top_p.unwrap_or(TOP_P), 1),
            LlamaSampler::temp(sampling.temperature.unwrap_or(TEMPERATURE)),
            LlamaSampler::dist(seed),
        ];
        Self {
            events,
            pending,
            prompt: u32::try_from(prompt).unwrap_or(u32::MAX),
            written: Vec::new(),
            limit,
            sampler: LlamaSampler::chain(samplers, true),
            text: Utf8Buffer::default(),
            held_back: HeldBack::new(sampling.stop),
        }
    }

    /// Draws the next token from output `index` of the last batch and sends its text. Says whether to go on.
    pub(super) fn advance(&mut self, context: &LlamaContext<'_>, index: i32, vocab: &LlamaVocab<'_>) -> bool {
        // llama.cpp ends the whole program where none can be drawn.
        if !can_be_drawn_from(context.get_logits_ith(index)) {
            let error = ProviderError::Unavailable("what the local model reckons are no numbers".into());
            // A reader that has left needs no answer.
            let _ = self.events.unbounded_send(Err(error));
            return false;
        }
        let token = self.sampler.sample(context, index);
        if vocab.is_eog(token) {
            return self.finish(Finish::Whole);
        }
        self.written.push(token);
        let text = self.text.push(&vocab.token_to_piece(token, false, None));
        let (text, is_stopped) = self.held_back.push(&text);
        if !text.is_empty() && self.events.unbounded_send(Ok(ProviderEvent::Token(text))).is_err() {
            return false;
        }
        if is_stopped {
            return self.finish(Finish::Whole);
        }
        if self.written.len() >= self.limit || goes_in_circles(&self.written) {
            return self.finish(Finish::Limit);
        }
        self.pending.push(token);
        true
    }

    /// Sends the end of the stream.
    pub(super) fn finish(&mut self, finish: Finish) -> bool {
        let rest = self.held_back.take();
        if !rest.is_empty() {
            // A reader that has left needs none of it.
            let _ = self.events.unbounded_send(Ok(ProviderEvent::Token(rest)));
        }
        let usage = Usage::of(self.prompt, u32::try_from(self.written.len()).unwrap_or(u32::MAX));
        // A reader that has left needs no ending.
        let _ = self.events.unbounded_send(Ok(ProviderEvent::Done { finish, usage: Some(usage) }));
        false
    }
}

/// Whether a token can be drawn by these: with one that is no number, none can.
pub(super) fn can_be_drawn_from(logits: &[f32]) -> bool {
    !logits.iter().any(|logit| logit.is_nan() || *logit == f32::INFINITY)
        && logits.iter().any(|logit| logit.is_finite())
}

/// Whether the last tokens are one short phrase over and over.
fn goes_in_circles<T: PartialEq>(tokens: &[T]) -> bool {
    (1..=LOOP_PERIOD).any(|period| {
        let span = LOOP_SPAN.max(3 * period);
        tokens.len().checked_sub(span).is_some_and(|start| {
            let tail = &tokens[start..];
            tail[period..] == tail[..span - period]
        })
    })
}

/// Keeps back what may be the beginning of a text that ends the reply.
#[derive(Default)]
struct HeldBack {
    stops: Vec<String>,
    text: String,
}

impl HeldBack {
    fn new(stops: Vec<String>) -> Self {
        Self { stops, text: String::new() }
    }

    /// What can be shown, and whether the reply ends there.
    fn push(&mut self, text: &str) -> (String, bool) {
        self.text.push_str(text);
        if let Some(end) = self.stops.iter().filter_map(|stop| self.text.find(stop.as_str())).min() {
            let mut shown = std::mem::take(&mut self.text);
            shown.truncate(end);
            return (shown, true);
        }
        let begins_stop = |start: usize| self.stops.iter().any(|stop| stop.starts_with(&self.text[start..]));
        let keep = self.text.char_indices().map(|(start, _)| start).find(|start| begins_stop(*start));
        let kept = keep.map(|start| self.text.split_off(start)).unwrap_or_default();
        (std::mem::replace(&mut self.text, kept), false)
    }

    fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

/// Puts characters together that a model writes in several tokens.
#[derive(Default)]
struct Utf8Buffer(Vec<u8>);

impl Utf8Buffer {
    /// Takes a token's bytes and gives back the characters that are complete. Bytes that can never become one turn
    /// into U+FFFD; those of a character that stays incomplete are never given back.
    fn push(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        let mut text = String::new();
        let mut used = 0;
        for chunk in self.0.utf8_chunks() {
            text.push_str(chunk.valid());
            used += chunk.valid().len();
            let invalid = chunk.invalid();
            let at_end = used + invalid.len() == self.0.len();
            if at_end && may_continue(invalid) {
                break;
            }
            if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                used += invalid.len();
            }
        }
        self.0.drain(..used);
        text
    }
}

/// Whether `bytes` are the beginning of a character.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_out_whole() {
        let text = "aé你😀👨‍👩‍👧z";
        for step in 1..5 {
            let mut buffer = Utf8Buffer::default();
            let parts: Vec<String> = text.as_bytes().chunks(step).map(|bytes| buffer.push(bytes)).collect();
            assert_eq!(parts.concat(), text);
        }
    }

    #[test]
    fn broken_bytes_are_replaced_and_half_a_character_is_kept_back() {
        let mut buffer = Utf8Buffer::default();
        assert_eq!(buffer.push(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(buffer.push(b"\xf0\x9f"), "");
        assert_eq!(buffer.push(b"x"), "\u{fffd}x");
        assert_eq!(buffer.push(b"\xe4\xbd"), "");
        assert_eq!(buffer.push(b"\xa0"), "你");
    }

    #[test]
    fn a_reply_ends_before_a_stop_however_it_comes() {
        let said = |stops: &[&str], pieces: &[&str]| {
            let mut held = HeldBack::new(stops.iter().map(|stop| (*stop).to_owned()).collect());
            let mut shown = String::new();
            for piece in pieces {
                let (text, is_stopped) = held.push(piece);
                shown.push_str(&text);
                if is_stopped {
                    return shown + "|" + &held.take();
                }
            }
            shown + &held.take()
        };
        assert_eq!(said(&["END"], &["one E", "N", "D two"]), "one |");
        assert_eq!(said(&["END"], &["one E", "N", "X"]), "one ENX");
        assert_eq!(said(&["b", "abc"], &["xa", "bc"]), "x|");
        assert_eq!(said(&["."], &["Eins. Zwei"]), "Eins|");
        assert_eq!(said(&["end"], &["é", "e", "n"]), "éen");
        assert_eq!(said(&[], &["any", "thing"]), "anything");
    }

    #[test]
    fn nothing_is_drawn_from_what_is_no_number() {
        assert!(can_be_drawn_from(&[0.5, f32::NEG_INFINITY, -3.0]));
        for logits in [&[][..], &[f32::NEG_INFINITY], &[1.0, f32::NAN], &[1.0, f32::INFINITY]] {
            assert!(!can_be_drawn_from(logits), "{logits:?}");
        }
    }

    #[test]
    fn circles_are_seen_and_ordinary_text_is_not() {
        let varied: Vec<u32> = (0..500).map(|n| n * n % 251).collect();
        assert!(!goes_in_circles(&varied));
        assert!(!goes_in_circles(&[7; LOOP_SPAN - 1]));
        for period in [1, 2, 17, LOOP_PERIOD] {
            let circle: Vec<usize> = (0..4 * LOOP_SPAN).map(|n| n % period).collect();
            assert!(goes_in_circles(&circle));
        }
    }
}
