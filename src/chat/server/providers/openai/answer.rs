//! What an OpenAI-compatible server answers.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess};
use serde_json::Value;

use super::super::decoder::{Said, SaidCall, Told};
use super::super::{Finish, ProviderError};
use crate::chat::Usage;
use crate::generation::{Fault, Refusal, brief};
use crate::platform::lenient::{self, All, Code, First, Lenient, Odd};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk {
    choices: Odd<First<Choice>>,
    usage: Odd<Stated<ChunkUsage>>,
    error: Odd<Fault>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    /// In a box, as are others: JSON that is nested without end is read on the stack.
    delta: Odd<First<Box<Message>>>,
    /// In place of `delta`, or beside it.
    message: Odd<First<Box<Message>>>,
    /// In place of both, as completions without a chat have it.
    text: Odd<String>,
    finish_reason: Odd<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Odd<Words>,
    refusal: Odd<String>,
    reasoning_content: Odd<Words>,
    reasoning: Odd<Words>,
    reasoning_details: Odd<Words>,
    thinking: Odd<Words>,
    tool_calls: Odd<All<Call>>,
}

impl Message {
    fn thinks(&self) -> bool {
        self.content.0.thinks || self.reasoning().iter().any(|words| words.is_there)
    }

    /// What it thinks, which some servers say twice.
    fn thought(&self) -> &str {
        let all =
            self.reasoning().into_iter().map(|words| if words.text.is_empty() { &words.thought } else { &words.text });
        all.chain([&self.content.0.thought]).find(|text| !text.is_empty()).map_or("", String::as_str)
    }

    const fn reasoning(&self) -> [&Words; 4] {
        [&self.reasoning_content.0, &self.reasoning.0, &self.reasoning_details.0, &self.thinking.0]
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Call {
    index: Odd<Option<u32>>,
    id: Odd<Code>,
    function: Odd<First<Function>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Function {
    name: Odd<String>,
    arguments: Odd<Arguments>,
}

/// JSON in a text, or, as some servers have it, as such.
#[derive(Default)]
struct Arguments(String);

impl Lenient for Arguments {
    fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn of_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(object)).map(|value| Self(value.to_string()))
    }
}

impl Call {
    fn said(self, is_message: bool) -> SaidCall {
        let Function { name, arguments } = self.function.0.0.unwrap_or_default();
        SaidCall {
            place: self.index.0.filter(|_| !is_message),
            id: self.id.0.0,
            name: name.0,
            arguments: arguments.0.0,
            is_whole: is_message,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChunkUsage {
    prompt_tokens: Odd<Option<u32>>,
    completion_tokens: Odd<Option<u32>>,
    prompt_tokens_details: Odd<First<InputDetails>>,
    /// As `DeepSeek` has it.
    prompt_cache_hit_tokens: Odd<Option<u32>>,
    completion_tokens_details: Odd<First<OutputDetails>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Odd<Option<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Odd<Option<u32>>,
}

impl ChunkUsage {
    /// Unknown where one of the two sums cannot be read; what is beside them may be.
    fn read(self) -> Option<Usage> {
        let (Odd(First(input)), Odd(First(output))) = (self.prompt_tokens_details, self.completion_tokens_details);
        let cached = input.and_then(|input| input.cached_tokens.0).or(self.prompt_cache_hit_tokens.0);
        Some(Usage {
            cached_input_tokens: cached,
            reasoning_tokens: output.and_then(|output| output.reasoning_tokens.0),
            ..Usage::of(self.prompt_tokens.0?, self.completion_tokens.0?)
        })
    }
}

/// Something of which it matters whether it was stated, and then whether it can be read.
#[derive(Default)]
enum Stated<T> {
    #[default]
    No,
    Oddly,
    As(T),
}

impl<T: serde::de::DeserializeOwned> Lenient for Stated<T> {
    fn of_text(_: &str) -> Self {
        Self::Oddly
    }

    fn of_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        First::of_object(object).map(|First(read)| read.map_or(Self::Oddly, Self::As))
    }
}

/// Text, in one of its many forms: as such, as a part, as a list of parts. What the model thinks is kept apart, and what is
/// neither is left out.
#[derive(Default)]
struct Words {
    text: String,
    thinks: bool,
    /// What it thinks.
    thought: String,
    /// There is something.
    is_there: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    #[serde(rename = "type")]
    kind: Odd<String>,
    text: Odd<String>,
    content: Odd<String>,
    thought: Odd<bool>,
    summary: Odd<String>,
    thinking: Odd<Box<Words>>,
}

impl Lenient for Words {
    fn of_text(text: &str) -> Self {
        Self { text: text.to_owned(), is_there: !text.is_empty(), ..Self::default() }
    }

    fn of_flag(flag: bool) -> Self {
        Self { is_there: flag, ..Self::default() }
    }

    fn of_number(number: u64) -> Self {
        Self { is_there: number > 0, ..Self::default() }
    }

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut all = Self::default();
        while let Some(Odd(words)) = list.next_element::<Odd<Self>>()? {
            all.text.push_str(&words.text);
            all.thought.push_str(&words.thought);
            all.thinks |= words.thinks;
            all.is_there = true;
        }
        Ok(all)
    }

    fn of_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        let part: Part = First::of_object(object)?.0.unwrap_or_default();
        let kind = part.kind.0;
        let thinks = part.thought.0 || kind.contains("think") || kind.contains("reason") || kind.contains("thought");
        let is_text = matches!(kind.as_str(), "" | "text" | "output_text");
        let text = if part.text.0.is_empty() { part.content.0 } else { part.text.0 };
        let inner = *part.thinking.0;
        let thought =
            [text.clone(), part.summary.0, inner.text, inner.thought].into_iter().find(|text| !text.is_empty());
        Ok(Self {
            text: if is_text && !thinks { text } else { String::new() },
            thought: thought.filter(|_| thinks).unwrap_or_default(),
            thinks,
            is_there: true,
        })
    }
}

/// Understands one chunk of the answer, or all of it.
pub(in super::super) fn read_piece(json: &str) -> Result<Said, serde_json::Error> {
    let Chunk { choices: Odd(First(choice)), usage: Odd(usage), error: Odd(fault) } = lenient::read(json)?;
    let mut said = Said {
        usage: match usage {
            Stated::No => Told::Nothing,
            Stated::As(usage) => usage.read().map_or(Told::Oddly, Told::Used),
            Stated::Oddly => Told::Oddly,
        },
        error: fault.is_set().then(|| fault.broke_off()),
        ..Said::default()
    };
    // The chunk with the usage has no choices.
    let Some(Choice { delta: Odd(First(delta)), message: Odd(First(message)), text: Odd(text), finish_reason }) =
        choice
    else {
        return Ok(said);
    };
    said.text = text;
    for (message, is_message) in [(message, true), (delta, false)] {
        let Some(message) = message else { continue };
        said.thinks |= message.thinks();
        said.think(message.thought(), None);
        if !message.tool_calls.0.0.is_empty() {
            said.calls = message.tool_calls.0.0.into_iter().map(|call| call.said(is_message)).collect();
            said.is_message = is_message;
        }
        let text = if message.content.0.text.is_empty() { message.refusal.0 } else { message.content.0.text };
        // What is new in it counts, where something is.
        if !text.is_empty() {
            said.text = text;
            said.is_message = is_message;
        }
    }
    said.finish = read_finish(&finish_reason.0);
    Ok(said)
}

/// What the finish reasons of `OpenAI` and of compatible servers mean. One that is not known can be the end of anything, and is
/// no end of an answer.
fn read_finish(reason: &str) -> Option<Result<Finish, ProviderError>> {
    Some(match reason.trim().to_ascii_lowercase().as_str() {
        "" => return None,
        "stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn" => Ok(Finish::Whole),
        "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => Ok(Finish::Limit),
        "content_filter" | "safety" | "sensitive" => Err(ProviderError::Blocked(reason.to_owned())),
        "tool_calls" | "function_call" | "tool_use" => Ok(Finish::Calls),
        _ => Err(ProviderError::Malformed(format!("ended with {:?}", brief(reason)))),
    })
}

/// What an answer means that is no success.
pub(super) fn refused(refusal: &Refusal) -> ProviderError {
    let fault = refusal.fault();
    let status = refusal.status;
    // Never a key: `OpenAI` itself cuts keys in its messages.
    let text = brief(&format!("{status} {}", fault.text()));
    if let Some(window) = fault.too_long() {
        return ProviderError::TooLong { reason: text, window };
    }
    match status {
        StatusCode::TOO_MANY_REQUESTS if fault.is("insufficient_quota") => ProviderError::Unavailable(text),
        StatusCode::TOO_MANY_REQUESTS => ProviderError::RateLimited { retry_after: refusal.retry_after },
        // 403 is what servers say that pass requests on to others.
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN if fault.is_blocked() => ProviderError::Blocked(text),
        status if status.is_server_error() => ProviderError::Unavailable(text),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => ProviderError::Unavailable(text),
        _ => ProviderError::Rejected(text),
    }
}
