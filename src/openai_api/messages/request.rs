//! What a client of Anthropic asks, and what it means here. What cannot be done is refused by its name.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::super::error::V1Error;
use super::super::fields::{Content, Part, PartFields, Whole};
use super::super::options::{
    Manner, check_absent, check_range, find_model, limit_output, passed_on, read_limit, read_schema, read_stops,
};
use super::super::request::{ShownTurn, Wanted, check_turns};
use super::super::tools::{MessageTool, message_toolbox, read_call};
use super::writer::Thoughts;
use crate::chat::server::Chat;
use crate::chat::server::image_text::{ImageText, RawText};
use crate::chat::server::providers::{
    CacheControl, CacheMark, Effort, FieldNames, Role, Sampling, Seal, Thought, ToolResult, Turn,
};
use crate::chat::server::quote::{ContextLimit, count_tokens};
use crate::chat::server::send::Terms;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};

/// What begins a text of Claude Code's that is for Anthropic's own books and says nothing to a model.
const NOT_FOR_MODELS: &str = "x-anthropic-billing-header:";

/// What a client asks. Other fields are ignored, as clients expect.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MessagesRequest<'a> {
    /// One of `/v1/models`.
    #[serde(default)]
    #[schema(required)]
    model: String,
    /// Required, but to count. More than this server allows is as many as it allows.
    #[schema(value_type = Option<i64>)]
    max_tokens: Option<Whole>,
    /// Oldest first. One of the assistant at the end is what the answer begins with.
    #[serde(borrow, default)]
    #[schema(required)]
    messages: Vec<RequestMessage<'a>>,
    #[serde(borrow)]
    #[schema(schema_with = blocks, required = false)]
    system: Option<Content<'a>>,
    stream: Option<bool>,
    /// 0 to 1.
    temperature: Option<f32>,
    top_p: Option<f32>,
    /// At most four.
    #[serde(default)]
    #[schema(required = false)]
    stop_sequences: Option<Vec<String>>,
    output_config: Option<OutputConfig>,
    /// `enabled` with `budget_tokens`, `adaptive` or `disabled`. With one of the first two, what the model thinks is told; with the last
    /// it is not to, whatever effort is named.
    thinking: Option<ThinkingConfig>,
    /// No field of Anthropic's: it must not cost more credits than this.
    max_credits: Option<Amount>,
    /// Tools that the model may call, and the client runs.
    #[schema(value_type = Option<Vec<Object>>)]
    tools: Option<Vec<MessageTool>>,
    /// `auto`, `any`, `none` or `tool` with a name.
    #[schema(value_type = Option<Object>)]
    tool_choice: Option<Value>,
    /// All of it is to be cached by who answers, if that keeps a cache by request.
    #[schema(value_type = Option<Object>)]
    cache_control: Option<CacheControl>,
    // What is not done here: only values that ask for nothing are taken.
    #[schema(ignore)]
    mcp_servers: Option<Value>,
    #[schema(ignore)]
    container: Option<Value>,
    #[schema(ignore)]
    top_k: Option<Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AnthropicRequestMessage)]
#[serde(expecting = "a message such as {\"role\":\"user\",\"content\":\"…\"}")]
struct RequestMessage<'a> {
    /// `user`, `assistant` or `system`.
    #[serde(default)]
    #[schema(required)]
    role: String,
    #[serde(borrow)]
    #[schema(schema_with = blocks, required = false)]
    content: Option<Content<'a>>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(expecting = "an object")]
struct OutputConfig {
    /// How much a model thinks: `low` to `max`.
    effort: Option<String>,
    /// `json_schema` with a `schema`.
    #[schema(value_type = Option<Object>)]
    format: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(expecting = "an object")]
struct ThinkingConfig {
    #[serde(rename = "type", default)]
    kind: String,
    #[schema(value_type = Option<i64>)]
    budget_tokens: Option<Whole>,
    /// `summarized` or `omitted`.
    display: Option<String>,
}

impl ThinkingConfig {
    /// What is told of it.
    fn shown(&self) -> Thoughts {
        match (self.kind.as_str(), self.display.as_deref()) {
            ("enabled" | "adaptive", Some("omitted")) => Thoughts::Sealed,
            ("enabled" | "adaptive", _) => Thoughts::Told,
            _ => Thoughts::No,
        }
    }

    fn is_off(&self) -> bool {
        self.kind == "disabled"
    }

    /// How much is thought, where that is said.
    fn effort(&self) -> Option<Effort> {
        match (self.kind.as_str(), self.budget_tokens) {
            ("enabled", Some(Whole(tokens))) => Some(Effort::of_budget(tokens.try_into().unwrap_or(u32::MAX))),
            _ => None,
        }
    }
}

/// A text, or blocks of type `text` and, in messages, `image` with Base64, `tool_use` and `tool_result`.
fn blocks() -> Schema {
    let block = ObjectBuilder::new().schema_type(Type::Object).build();
    Schema::OneOf(OneOfBuilder::new().item(String::schema()).item(ArrayBuilder::new().items(block).build()).build())
}

impl MessagesRequest<'_> {
    /// What is to be done, the field of each turn, and what is told of thoughts.
    pub(in super::super) fn read(
        self,
        body: &Bytes,
        chat: &Chat,
        manner: Manner,
    ) -> Result<(Wanted, Vec<String>, Thoughts), V1Error> {
        let picked = find_model(chat, &self.model, manner.may_repeat)?;
        self.check_unserved()?;
        let asked = read_limit("max_tokens", self.max_tokens)?
            .ok_or_else(|| AppError::invalid("max_tokens", "Say how many tokens the answer may have."))?;
        let (max_output_tokens, own_limit) = limit_output(Some(asked), chat.config.max_output_tokens);
        let OutputConfig { effort, format } = self.output_config.unwrap_or(OutputConfig { effort: None, format: None });
        let thoughts = self.thinking.as_ref().map_or(Thoughts::No, ThinkingConfig::shown);
        let budget = self.thinking.as_ref().and_then(ThinkingConfig::effort);
        let no_thoughts = self.thinking.as_ref().is_some_and(ThinkingConfig::is_off);
        let effort = effort.or_else(|| budget.map(|effort| effort.as_str().to_owned())).filter(|_| !no_thoughts);
        let sampling = Sampling {
            max_output_tokens,
            temperature: check_range("temperature", self.temperature, 0.0, 1.0)?,
            top_p: check_range("top_p", self.top_p, 0.0, 1.0)?,
            stop: read_stops("stop_sequences", self.stop_sequences.unwrap_or_default())?,
            toolbox: Arc::new(message_toolbox(self.tools, self.tool_choice.as_ref())?),
            format: read_schema("output_config.format", format.as_deref())?,
            cache: self.cache_control,
            passed_on: passed_on(None, effort, None)?,
            no_thoughts,
            names: FieldNames { limit: "max_tokens", stop: "stop_sequences" },
            ..Sampling::default()
        };
        let longest = chat.context_limit(picked.as_ref(), max_output_tokens);
        let (turns, places) = read_turns(self.system, self.messages, body)?;
        let (turns, shown) = check_turns("messages", turns, longest, &sampling)?;
        let terms = Terms { picked, fresh: manner.fresh, sampling, delivery: None, max_credits: self.max_credits };
        let is_stream = self.stream == Some(true);
        Ok((Wanted { turns, shown, is_stream, with_usage: true, terms, own_limit }, places, thoughts))
    }

    /// About how many tokens it has.
    pub fn count(self, body: &Bytes, chat: &Chat) -> Result<u64, V1Error> {
        find_model(chat, &self.model, false)?;
        self.check_unserved()?;
        let toolbox = Arc::new(message_toolbox(self.tools, self.tool_choice.as_ref())?);
        let sampling = Sampling { toolbox, ..Sampling::default() };
        let (turns, _) = read_turns(self.system, self.messages, body)?;
        let (turns, shown) = check_turns("messages", turns, ContextLimit::Chars(usize::MAX), &sampling)?;
        Ok(count_tokens(&turns, &sampling, shown.iter().map(Vec::len).sum()))
    }

    /// That nothing is asked for that is not done here.
    fn check_unserved(&self) -> AppResult<()> {
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.is_null();
        let servers = "Tools are run by the client: leave it out.";
        check_absent("mcp_servers", self.mcp_servers.as_ref(), is_empty, servers)?;
        check_absent("container", self.container.as_ref(), Value::is_null, "Nothing is run here: leave it out.")?;
        check_absent("top_k", self.top_k.as_ref(), Value::is_null, "Use top_p: leave it out.")
    }
}

/// The turns, what `system` says first; and the field of each.
fn read_turns(
    system: Option<Content<'_>>,
    messages: Vec<RequestMessage<'_>>,
    body: &Bytes,
) -> AppResult<(Vec<ShownTurn>, Vec<String>)> {
    let mut turns = Vec::with_capacity(messages.len() + 1);
    let mut read = Blocks::default();
    read.add("system", system.unwrap_or_default(), body)?;
    if !read.images.is_empty() || read.is_of_tools() {
        return Err(AppError::invalid("system", "Only text belongs here."));
    }
    if !read.text.is_empty() {
        turns.push((Turn { role: Role::System, content: read.text, ..read.turn }, Vec::new()));
    }
    let mut places = vec!["system".to_owned(); turns.len()];
    for (number, message) in messages.into_iter().enumerate() {
        let role = match message.role.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            other => {
                let problem = format!("The role {other:?} is not known here: user, assistant or system.");
                return Err(AppError::invalid(format!("messages[{number}].role"), problem));
            }
        };
        let field = format!("messages[{number}].content");
        let mut read = Blocks::default();
        read.add(&field, message.content.unwrap_or_default(), body)?;
        if (!read.turn.calls.is_empty() && role != Role::Assistant) || (!read.results.is_empty() && role != Role::User)
        {
            let problem = "Calls of tools belong to the assistant, their results to the user.";
            return Err(AppError::invalid(field, problem));
        }
        let Blocks { text, images, turn, results } = read;
        let is_said = results.is_empty() || !text.is_empty() || !images.is_empty();
        // Results come right after the calls.
        turns.extend(results);
        turns.extend(is_said.then_some((Turn { role, content: text, ..turn }, images)));
        places.resize(turns.len(), field);
    }
    Ok((turns, places))
}

/// What the blocks of a message come to.
struct Blocks {
    text: String,
    images: Vec<ImageText>,
    /// Calls and thoughts.
    turn: Turn,
    results: Vec<ShownTurn>,
}

impl Default for Blocks {
    fn default() -> Self {
        let turn = Turn::new(Role::User, "");
        Self { text: String::new(), images: Vec::new(), turn, results: Vec::new() }
    }
}

impl Blocks {
    const fn is_of_tools(&self) -> bool {
        !self.turn.calls.is_empty() || !self.results.is_empty()
    }

    fn add(&mut self, field: &str, Content(blocks): Content<'_>, body: &Bytes) -> AppResult<()> {
        for Part(block) in blocks {
            let control = block.cache_control.filter(|_| block.kind != "tool_result");
            match block.kind.as_str() {
                "text" => {
                    let said = block.text.unwrap_or_default();
                    self.text.push_str(if said.starts_with(NOT_FOR_MODELS) { "" } else { &said });
                }
                "image" => self.images.push(read_image(field, block, body)?),
                // What a model has thought says nothing to another one: only what is sealed goes back, and to its own kind alone.
                "thinking" | "redacted_thinking" => {
                    let seal = block.signature.or(block.data).and_then(|told| Seal::read(&told));
                    let thought = Thought { text: block.thinking.unwrap_or_default(), seal };
                    self.turn.thoughts.extend(thought.seal.is_some().then_some(thought));
                }
                "tool_use" => {
                    let (id, name) = (block.id.unwrap_or_default(), block.name.unwrap_or_default());
                    self.turn.calls.push(read_call(field, id, name, block.input.as_deref())?);
                }
                "tool_result" => {
                    let mut told = Self::default();
                    told.add(field, block.content.unwrap_or_default(), body)?;
                    if told.is_of_tools() {
                        return Err(AppError::invalid(field, "A result of a tool is made of text and images."));
                    }
                    let result = ToolResult {
                        call_id: block.tool_use_id.unwrap_or_default(),
                        is_error: block.is_error == Some(true),
                        cache: block.cache_control,
                    };
                    let turn = Turn { role: Role::Tool, content: told.text, result: Some(result), ..told.turn };
                    self.results.push((turn, told.images));
                }
                kind => return Err(AppError::invalid(field, format!("Blocks of type {kind:?} are not read here."))),
            }
            self.turn.cache.extend(control.map(|control| CacheMark {
                text: self.text.len(),
                images: self.images.len(),
                calls: self.turn.calls.len(),
                control,
            }));
        }
        Ok(())
    }
}

fn read_image(field: &str, block: PartFields<'_>, body: &Bytes) -> AppResult<ImageText> {
    let source = block.source.filter(|source| source.kind == "base64");
    let problem = "The source of an image has the type base64, a media_type and data.";
    let source = source.ok_or_else(|| AppError::invalid(field, problem))?;
    let (kind, RawText(data)) = (source.media_type.unwrap_or_default(), source.data.unwrap_or_default());
    Ok(RawText(Cow::Owned(format!("data:{kind};base64,{data}"))).kept_by(body))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn turns(json: &Value) -> AppResult<Vec<ShownTurn>> {
        let body = Bytes::from(json.to_string());
        let request: MessagesRequest<'_> = serde_json::from_slice(&body).unwrap();
        request.check_unserved()?;
        message_toolbox(request.tools, request.tool_choice.as_ref())?;
        read_turns(request.system, request.messages, &body).map(|(turns, _)| turns)
    }

    #[test]
    fn messages_become_turns() {
        let image =
            json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AAA\u{2b}" } });
        let said = json!({
            "system": [{ "type": "text", "text": "x-anthropic-billing-header: cc" }, { "type": "text", "text": "Be brief." }],
            "messages": [
                { "role": "user", "content": [{ "type": "text", "text": "What is it?" }, image] },
                { "role": "assistant", "content": [
                    { "type": "thinking", "thinking": "Hm", "signature": "c2ln" }, { "type": "text", "text": "A cat." }] },
                { "role": "system", "content": "In verse." },
                { "role": "user", "content": "Why?" },
            ],
        });
        let turns = turns(&said).unwrap();
        let told: Vec<_> = turns.iter().map(|(turn, shown)| (turn.role, turn.content.as_str(), shown.len())).collect();
        let expected = [
            (Role::System, "Be brief.", 0),
            (Role::User, "What is it?", 1),
            (Role::Assistant, "A cat.", 0),
            (Role::System, "In verse.", 0),
            (Role::User, "Why?", 0),
        ];
        assert_eq!(told, expected);
        assert_eq!(turns[1].1[0].as_str(), "data:image/png;base64,AAA+");
    }

    #[test]
    fn calls_and_their_results_are_turns_of_their_own() {
        let said = json!({ "messages": [
            { "role": "user", "content": "Look." },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "Hm", "signature": "anthropic.c2ln" },
                { "type": "thinking", "thinking": "Of somebody else", "signature": "c2ln" },
                { "type": "text", "text": "I look." },
                { "type": "tool_use", "id": "a", "name": "look", "input": { "at": 1 } },
                { "type": "tool_use", "id": "b", "name": "look", "input": {} }] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "a", "content": [{ "type": "text", "text": "A cat." },
                    { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AAAA" } }] },
                { "type": "tool_result", "tool_use_id": "b", "content": "Gone.", "is_error": true },
                { "type": "text", "text": "And?" }] },
        ] });
        let turns = turns(&said).unwrap();
        assert_eq!(turns.iter().map(|(_, shown)| shown.len()).collect::<Vec<_>>(), [0, 0, 1, 0, 0]);
        let turns: Vec<_> = turns.into_iter().map(|(turn, _)| turn).collect();
        let calls: Vec<_> = turns[1].calls.iter().map(|call| (call.id.as_str(), call.arguments.as_str())).collect();
        assert_eq!(calls, [("a", r#"{"at":1}"#), ("b", "{}")]);
        assert_eq!((turns[1].content.as_str(), turns[1].thoughts.len()), ("I look.", 1));
        assert_eq!(turns[2], Turn::result("a", "A cat.", false));
        assert_eq!(turns[3], Turn::result("b", "Gone.", true));
        assert_eq!(turns[4], Turn::new(Role::User, "And?"));
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        let field = |json: &Value| match turns(json) {
            Err(AppError::InvalidInput { field, .. }) => field,
            other => panic!("{json}: {other:?}"),
        };
        let block = |block: Value| json!({ "messages": [{ "role": "user", "content": [block] }] });
        for (json, name) in [
            (json!({ "tools": [{ "name": "look", "type": "bash_20250124" }] }), "tools[0]"),
            (json!({ "tool_choice": { "type": "any" } }), "tool_choice"),
            (json!({ "top_k": 5 }), "top_k"),
            (json!({ "system": [{ "type": "image", "source": { "type": "base64", "data": "" } }] }), "system"),
            (json!({ "messages": [{ "role": "tool", "content": "x" }] }), "messages[0].role"),
            (block(json!({ "type": "tool_use", "id": "x", "name": "look" })), "messages[0].content"),
            (block(json!({ "type": "tool_result", "content": [{ "type": "document" }] })), "messages[0].content"),
            (block(json!({ "type": "document" })), "messages[0].content"),
            (block(json!({ "type": "image", "source": { "type": "url", "url": "x" } })), "messages[0].content"),
        ] {
            assert_eq!(field(&json), name, "{json}");
        }
        let nothing = json!({ "tools": [], "tool_choice": { "type": "auto" }, "mcp_servers": [], "container": null });
        assert!(turns(&nothing).unwrap().is_empty());
    }
}
