//! What an OpenAI-compatible server is asked.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::{AnswerFormat, ImageDetail, ProviderRequest, Role, Seal, Tool, ToolChoice, ToolResult, Turn};
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<BodyTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<BodyChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
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
    content: Option<BodyContent<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<BodyCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct BodyCall<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: BodyFunction<'a>,
}

#[derive(Serialize)]
struct BodyFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct BodyTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: ToolFunction<'a>,
}

#[derive(Serialize)]
struct ToolFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> BodyTool<'a> {
    fn of(tool: &'a Tool) -> Self {
        let Tool { name, description, schema, strict, .. } = tool;
        let (description, parameters, strict) = (description.as_deref(), schema.as_deref(), *strict);
        Self { kind: "function", function: ToolFunction { name, description, parameters, strict } }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum BodyChoice<'a> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        function: ChosenFunction<'a>,
    },
}

#[derive(Serialize)]
struct ChosenFunction<'a> {
    name: &'a str,
}

fn choice_of(choice: &ToolChoice) -> Option<BodyChoice<'_>> {
    Some(match choice {
        ToolChoice::Auto => return None,
        ToolChoice::None => BodyChoice::Word("none"),
        ToolChoice::Required => BodyChoice::Word("required"),
        ToolChoice::Named(name) => BodyChoice::Named { kind: "function", function: ChosenFunction { name } },
    })
}

#[derive(Serialize)]
#[serde(untagged)]
enum BodyContent<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<BodyPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BodyPart<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Serialize)]
struct ImageUrl {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<ImageDetail>,
}

/// Whether the field at this place of [`OPTIONAL`] is sent.
pub(super) const fn is_sent(at: usize, without: Refused) -> bool {
    match at {
        // Told of the new name, a server may say that the old one is right.
        1 => without.has(0),
        _ => true,
    }
}

/// A plain text where nothing is shown: not every compatible server knows parts. What a tool shows comes after it.
fn content_of(turn: &Turn) -> Option<BodyContent<'_>> {
    match &turn.result {
        Some(ToolResult { is_error: true, .. }) => {
            return Some(BodyContent::Text(format!("Error: {}", turn.content).into()));
        }
        Some(_) => return Some(BodyContent::Text(turn.content.as_str().into())),
        None if !turn.calls.is_empty() && turn.content.is_empty() => return None,
        None if turn.images.is_empty() => return Some(BodyContent::Text(turn.content.as_str().into())),
        None => {}
    }
    Some(parts_of(turn, turn.content.as_str().into()))
}

fn parts_of<'a>(turn: &'a Turn, text: Cow<'a, str>) -> BodyContent<'a> {
    let images = turn.shown().map(|(image, detail)| {
        let url = format!("data:{};base64,{}", image.media_type, image.to_base64());
        BodyPart::ImageUrl { image_url: ImageUrl { url, detail } }
    });
    BodyContent::Parts(std::iter::once(BodyPart::Text { text }).chain(images).collect())
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

/// A message for each turn. What tools show has no place in their results here: it comes after all of them.
fn messages_of(turns: &[Turn]) -> Vec<BodyMessage<'_>> {
    let (mut messages, mut shown) = (Vec::with_capacity(turns.len()), Vec::new());
    for (at, turn) in turns.iter().enumerate() {
        messages.push(message_of(turn));
        if turn.result.is_some() && !turn.images.is_empty() {
            let content = Some(parts_of(turn, "What a tool has shown:".into()));
            shown.push(BodyMessage { role: "user", name: None, content, tool_calls: Vec::new(), tool_call_id: None });
        }
        if turns.get(at + 1).is_none_or(|next| next.result.is_none()) {
            messages.append(&mut shown);
        }
    }
    messages
}

fn message_of(turn: &Turn) -> BodyMessage<'_> {
    let calls = turn.calls.iter().map(|call| BodyCall {
        id: Seal::of_id(&call.id).0,
        kind: "function",
        function: BodyFunction {
            name: &call.name,
            arguments: if call.arguments.trim().is_empty() { "{}" } else { &call.arguments },
        },
    });
    BodyMessage {
        role: match turn.role {
            // Compatible servers know `system`; OpenAI takes it for its own `developer`.
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        },
        name: turn.name.as_deref(),
        content: content_of(turn),
        tool_calls: calls.collect(),
        tool_call_id: turn.result.as_ref().map(|result| Seal::of_id(&result.call_id).0),
    }
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'a> Body<'a> {
    pub(super) fn new(request: &'a ProviderRequest, model: &'a str, without: Refused) -> Self {
        let ProviderRequest { turns, sampling, .. } = request;
        let toolbox = &sampling.toolbox;
        let choice = choice_of(&toolbox.choice).filter(|_| !toolbox.is_empty());
        let limit = Some(request.max_output_tokens());
        let [no_limit, no_old_limit, no_options] = [0, 1, 2].map(|at| without.has(at));
        Self {
            model,
            messages: messages_of(turns),
            max_completion_tokens: limit.filter(|_| !no_limit),
            max_tokens: limit.filter(|_| no_limit && !no_old_limit),
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            frequency_penalty: sampling.frequency_penalty,
            presence_penalty: sampling.presence_penalty,
            seed: sampling.seed,
            tools: toolbox.tools.iter().map(BodyTool::of).collect(),
            tool_choice: choice,
            parallel_tool_calls: toolbox.parallel.filter(|_| !toolbox.is_empty()),
            response_format: sampling.format.as_ref().map(format_of),
            passed_on: &sampling.passed_on,
            stop: &sampling.stop,
            stream: true,
            stream_options: (!no_options).then_some(StreamOptions { include_usage: true }),
        }
    }
}
