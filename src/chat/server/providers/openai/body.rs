//! What an OpenAI-compatible server is asked.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::{AnswerFormat, ProviderRequest, Role, Turn};
use crate::generation::Refused;

/// What can be left out where a server does not take it, as nobody who asks has chosen it. The old name of the limit stands in for
/// the new one.
pub(super) const OPTIONAL: &[&str] = &["max_completion_tokens", "max_tokens", "stream_options"];

#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    messages: Vec<BodyMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<BodyFormat<'a>>,
    #[serde(flatten)]
    passed_on: &'a Map<String, Value>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct BodyMessage<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    content: BodyContent<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum BodyContent<'a> {
    Text(&'a str),
    Parts(Vec<BodyPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BodyPart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Serialize)]
struct ImageUrl {
    url: String,
}

/// Whether the field at this place of [`OPTIONAL`] is sent.
pub(super) const fn is_sent(at: usize, without: Refused) -> bool {
    match at {
        // Told of the new name, a server may say that the old one is right.
        1 => without.has(0),
        _ => true,
    }
}

/// A plain text where nothing is shown: not every compatible server knows parts.
fn content_of(turn: &Turn) -> BodyContent<'_> {
    if turn.images.is_empty() {
        return BodyContent::Text(&turn.content);
    }
    let images = turn.images.iter().map(|image| {
        let url = format!("data:{};base64,{}", image.media_type, image.to_base64());
        BodyPart::ImageUrl { image_url: ImageUrl { url } }
    });
    BodyContent::Parts(std::iter::once(BodyPart::Text { text: &turn.content }).chain(images).collect())
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BodyFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: BodySchema<'a> },
}

#[derive(Serialize)]
struct BodySchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

fn format_of(format: &AnswerFormat) -> BodyFormat<'_> {
    match format {
        AnswerFormat::JsonObject => BodyFormat::JsonObject,
        AnswerFormat::JsonSchema { name, description, schema, strict } => {
            let (description, schema, strict) = (description.as_deref(), schema.as_deref(), *strict);
            BodyFormat::JsonSchema { json_schema: BodySchema { name, description, schema, strict } }
        }
    }
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'a> Body<'a> {
    pub(super) fn new(request: &'a ProviderRequest, model: &'a str, without: Refused) -> Self {
        let ProviderRequest { turns, sampling, .. } = request;
        let messages = turns.iter().map(|turn| BodyMessage {
            role: match turn.role {
                // Compatible servers know `system`; OpenAI takes it for its own `developer`.
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::Tool => "tool",
            },
            name: turn.name.as_deref(),
            content: content_of(turn),
        });
        let limit = Some(request.max_output_tokens());
        let [no_limit, no_old_limit, no_options] = [0, 1, 2].map(|at| without.has(at));
        Self {
            model,
            messages: messages.collect(),
            max_completion_tokens: limit.filter(|_| !no_limit),
            max_tokens: limit.filter(|_| no_limit && !no_old_limit),
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            frequency_penalty: sampling.frequency_penalty,
            presence_penalty: sampling.presence_penalty,
            seed: sampling.seed,
            response_format: sampling.format.as_ref().map(format_of),
            passed_on: &sampling.passed_on,
            stop: &sampling.stop,
            stream: true,
            stream_options: (!no_options).then_some(StreamOptions { include_usage: true }),
        }
    }
}
