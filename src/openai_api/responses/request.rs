//! What a client asks, and what it means here. What cannot be done is refused by its name.

use std::sync::Arc;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::super::error::V1Error;
use super::super::fields::Whole;
use super::super::options::{
    Manner, check_absent, check_range, find_model, limit_output, passed_on, read_format, read_limit,
};
use super::super::request::{ShownTurn, Wanted, check_turns};
use super::super::tools::{ResponseTool, custom_names, response_toolbox, told_tools};
use super::Past;
use super::items::{Items, add_turn, read_stored};
use crate::chat::server::Chat;
use crate::chat::server::providers::{FieldNames, Role, Sampling, Toolbox, Turn};
use crate::chat::server::send::Terms;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::read_json;

/// What a client asks. Other fields are ignored, as clients expect.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ResponseRequest<'a> {
    /// One of `/v1/models`.
    #[serde(default)]
    #[schema(required)]
    model: String,
    /// A text, or a list of messages, of calls of tools (`function_call`) and their results, and of references to items of earlier responses.
    #[serde(borrow, default)]
    #[schema(schema_with = items, required)]
    input: Items<'a>,
    /// What the system says before everything else.
    instructions: Option<String>,
    /// A response that was kept: what it was asked and what it answered come before the input.
    previous_response_id: Option<String>,
    /// Whether it is kept for 30 days, which is the default.
    store: Option<bool>,
    stream: Option<bool>,
    #[schema(value_type = Option<i64>)]
    max_output_tokens: Option<Whole>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    text: Option<TextConfig>,
    reasoning: Option<ReasoningConfig>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// No field of `OpenAI`'s: it must not cost more credits than this.
    max_credits: Option<Amount>,
    /// Functions and custom tools that the model may call, and the client runs; others are left out.
    #[schema(value_type = Option<Vec<Object>>)]
    tools: Option<Vec<ResponseTool>>,
    /// `auto`, `none`, `required`, or one of them by its name.
    #[schema(value_type = Value, required = false)]
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    // What is not done here: only values that ask for nothing are taken.
    #[schema(ignore)]
    background: Option<Value>,
    #[schema(ignore)]
    conversation: Option<Value>,
    #[schema(ignore)]
    prompt: Option<Value>,
    #[schema(ignore)]
    top_logprobs: Option<Value>,
    #[schema(ignore)]
    include: Option<Value>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(expecting = "an object")]
struct TextConfig {
    /// `text`, `json_object` or `json_schema`, for models that can.
    #[schema(value_type = Option<Object>)]
    format: Option<Box<RawValue>>,
    verbosity: Option<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(expecting = "an object")]
struct ReasoningConfig {
    effort: Option<String>,
}

/// A text, or items.
fn items() -> Schema {
    let item = ObjectBuilder::new().schema_type(Type::Object).build();
    Schema::OneOf(OneOfBuilder::new().item(String::schema()).item(ArrayBuilder::new().items(item).build()).build())
}

/// What has to be found before a request can be read.
#[derive(Debug, Default)]
pub struct Needed {
    pub previous: Option<String>,
    pub items: Vec<String>,
    pub is_kept: bool,
}

impl Needed {
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub fn of(body: &[u8]) -> AppResult<Self> {
        let request: ResponseRequest<'_> = read_json(body)?;
        let items = request.input.0.iter().filter_map(|item| item.reference().map(str::to_owned)).collect();
        let previous = request.previous_response_id.filter(|name| !name.is_empty());
        Ok(Self { previous, items, is_kept: request.store != Some(false) })
    }
}

/// A request that was read.
pub struct Read {
    pub wanted: Wanted,
    /// The fields of the response that repeat what was asked.
    pub shape: Value,
    /// What is kept of what was asked: a list of items, as JSON; `None` where nothing is.
    pub kept: Option<String>,
    /// The field of each turn.
    pub places: Vec<String>,
    /// What the model thinks is told.
    pub tells_thoughts: bool,
    /// The custom tools: what they are called with is a text.
    pub custom: Vec<String>,
}

impl ResponseRequest<'_> {
    pub(in super::super) fn read(
        mut self,
        body: &Bytes,
        chat: &Chat,
        manner: Manner,
        past: &Past,
    ) -> Result<Read, V1Error> {
        let picked = find_model(chat, &self.model, manner.may_repeat)?;
        self.check_unserved()?;
        let choice = self.tool_choice.as_ref();
        let custom = custom_names(self.tools.as_deref().unwrap_or_default());
        let toolbox = response_toolbox(self.tools.take(), choice, self.parallel_tool_calls)?;
        let shape = self.shape(&toolbox, &custom);
        let asked = read_limit("max_output_tokens", self.max_output_tokens)?;
        let (max_output_tokens, own_limit) = limit_output(asked, chat.config.max_output_tokens);
        let TextConfig { format, verbosity } = self.text.unwrap_or_default();
        let wants_seals = |value: &Value| {
            value.as_array().is_some_and(|all| all.iter().any(|one| one == "reasoning.encrypted_content"))
        };
        let tells_thoughts = self.reasoning.is_some() || self.include.as_ref().is_some_and(wants_seals);
        let effort = self.reasoning.unwrap_or_default().effort;
        let sampling = Sampling {
            max_output_tokens,
            temperature: check_range("temperature", self.temperature, 0.0, 2.0)?,
            top_p: check_range("top_p", self.top_p, 0.0, 1.0)?,
            toolbox: Arc::new(toolbox),
            format: read_format("text.format", format.as_deref())?,
            passed_on: passed_on(None, effort, verbosity)?,
            names: FieldNames { limit: "max_output_tokens", ..FieldNames::default() },
            ..Sampling::default()
        };
        let longest = chat.context_limit(picked.as_ref(), max_output_tokens);
        let kept = (self.store != Some(false)).then(|| keep_input(body, past)).transpose()?;
        let (turns, places) = read_turns(self.instructions, self.input, body, past)?;
        let (turns, shown) = check_turns("input", turns, longest, &sampling)?;
        let terms = Terms { picked, fresh: manner.fresh, sampling, delivery: None, max_credits: self.max_credits };
        let is_stream = self.stream == Some(true);
        let wanted = Wanted { turns, shown, is_stream, with_usage: true, terms, own_limit };
        Ok(Read { wanted, shape, kept, places, tells_thoughts, custom })
    }

    /// That nothing is asked for that is not done here.
    fn check_unserved(&self) -> AppResult<()> {
        let is_false = |value: &Value| value.as_bool() == Some(false);
        let background = "Answers are given at once, or streamed: leave it out.";
        check_absent("background", self.background.as_ref(), is_false, background)?;
        let conversation = "Use previous_response_id: leave it out.";
        check_absent("conversation", self.conversation.as_ref(), Value::is_null, conversation)?;
        check_absent("prompt", self.prompt.as_ref(), Value::is_null, "Send the text itself: leave it out.")?;
        let (is_zero, told) =
            (|value: &Value| value.as_f64() == Some(0.0), "Probabilities are not told here: leave it out.");
        check_absent("top_logprobs", self.top_logprobs.as_ref(), is_zero, told)?;
        let asks_logprobs = |value: &Value| {
            value.as_array().is_some_and(|all| all.iter().any(|one| one == "message.output_text.logprobs"))
        };
        check_absent("include", self.include.as_ref(), |value| !asks_logprobs(value), told)
    }

    fn shape(&self, toolbox: &Toolbox, custom: &[String]) -> Value {
        let text = self.text.as_ref();
        let mut told = json!({ "format": text.and_then(|text| text.format.as_ref()).map_or(json!({ "type": "text" }), |format| json!(format)) });
        if let Some(verbosity) = text.and_then(|text| text.verbosity.as_deref()) {
            told["verbosity"] = verbosity.into();
        }
        json!({
            "object": "response",
            "background": false,
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens.map(|Whole(most)| most),
            "metadata": self.metadata.clone().unwrap_or_default(),
            "parallel_tool_calls": self.parallel_tool_calls.unwrap_or(true),
            "previous_response_id": self.previous_response_id.as_deref().filter(|name| !name.is_empty()),
            "reasoning": { "effort": self.reasoning.as_ref().and_then(|it| it.effort.as_deref()), "summary": null },
            "service_tier": "default",
            "store": self.store != Some(false),
            "temperature": number(self.temperature),
            "text": told,
            "tool_choice": self.tool_choice.clone().unwrap_or_else(|| "auto".into()),
            "tools": told_tools(toolbox, custom),
            "top_logprobs": 0,
            "top_p": number(self.top_p),
            "truncation": "disabled",
            "user": null,
        })
    }
}

/// As it was written: 0.1 is no 0.100000001.
fn number(asked: Option<f32>) -> f64 {
    asked.and_then(|number| number.to_string().parse().ok()).unwrap_or(1.0)
}

/// What the instructions say, what came before, and the input; and the field of each.
fn read_turns(
    instructions: Option<String>,
    Items(input): Items<'_>,
    body: &Bytes,
    past: &Past,
) -> Result<(Vec<ShownTurn>, Vec<String>), V1Error> {
    let (mut turns, mut places) = (Vec::new(), Vec::new());
    if let Some(instructions) = instructions.filter(|text| !text.is_empty()) {
        turns.push((Turn::new(Role::System, instructions), Vec::new()));
        places.push("instructions".to_owned());
    }
    for stored in &past.chain {
        for turn in read_stored(stored)? {
            add_turn(&mut turns, turn);
        }
    }
    places.resize(turns.len(), "previous_response_id".to_owned());
    for (number, item) in input.into_iter().enumerate() {
        let field = format!("input[{number}]");
        if let Some(turn) = item.read(&field, body, &past.items)? {
            add_turn(&mut turns, turn);
            places.resize(turns.len(), format!("{field}.content"));
        }
    }
    Ok((turns, places))
}

/// The input as it is kept: a list of items that stand for themselves.
fn keep_input(body: &[u8], past: &Past) -> AppResult<String> {
    #[derive(Deserialize)]
    struct Kept {
        #[serde(default)]
        input: Value,
    }
    let Kept { input } = serde_json::from_slice(body).map_err(|_| AppError::Internal)?;
    let items = match input {
        Value::Array(items) => items,
        text => vec![json!({ "role": "user", "content": text })],
    };
    let mut kept = Vec::with_capacity(items.len());
    for mut item in items {
        if item["type"] == "item_reference" {
            let named = item["id"].as_str().and_then(|name| past.items.get(name));
            item = named.and_then(|item| serde_json::from_slice(item).ok()).ok_or(AppError::Internal)?;
        }
        if !item.is_object() {
            return Err(AppError::invalid("input", "An item is an object."));
        }
        if item.get("type").is_none_or(Value::is_null) {
            item["type"] = "message".into();
        }
        if let Some(text) = item["content"].as_str() {
            let kind = if item["role"] == "assistant" { "output_text" } else { "input_text" };
            item["content"] = json!([{ "type": kind, "text": text }]);
        }
        kept.push(item);
    }
    serde_json::to_string(&kept).map_err(|_| AppError::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(json: &Value) -> Result<Vec<(Role, String, usize)>, V1Error> {
        let body = Bytes::from(json.to_string());
        let request: ResponseRequest<'_> = serde_json::from_slice(&body).unwrap();
        request.check_unserved()?;
        response_toolbox(request.tools, request.tool_choice.as_ref(), None)?;
        let (turns, places) = read_turns(request.instructions, request.input, &body, &Past::default())?;
        assert_eq!(turns.len(), places.len());
        Ok(turns.into_iter().map(|(turn, shown)| (turn.role, turn.content, shown.len())).collect())
    }

    #[test]
    fn items_become_turns() {
        let said = |role, text: &str, images| (role, text.to_owned(), images);
        assert_eq!(turns(&json!({ "input": "Hello" })).unwrap(), [said(Role::User, "Hello", 0)]);
        let image = json!({ "type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto" });
        let input = json!([
            { "role": "developer", "content": "In verse." },
            { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "What is it?" }, image] },
            { "type": "reasoning", "id": "rs_1", "summary": [] },
            { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "A cat." }] },
            { "role": "user", "content": "Why?" },
        ]);
        let expected = [
            said(Role::System, "Be brief.", 0),
            said(Role::System, "In verse.", 0),
            said(Role::User, "What is it?", 1),
            said(Role::Assistant, "A cat.", 0),
            said(Role::User, "Why?", 0),
        ];
        assert_eq!(turns(&json!({ "instructions": "Be brief.", "input": input })).unwrap(), expected);
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        let item = |item: Value| json!({ "input": [item] });
        for (json, name) in [
            (json!({ "tools": [{ "type": "function", "name": "" }] }), "tools[0]"),
            (json!({ "tool_choice": "required" }), "tool_choice"),
            (json!({ "background": true }), "background"),
            (json!({ "conversation": "conv_1" }), "conversation"),
            (json!({ "prompt": { "id": "pmpt_1" } }), "prompt"),
            (json!({ "top_logprobs": 3 }), "top_logprobs"),
            (json!({ "include": ["message.output_text.logprobs"] }), "include"),
            (item(json!({ "type": "function_call_output", "output": "x" })), "input[0]"),
            (item(json!({ "type": "function_call", "call_id": "c", "arguments": "{}" })), "input[0]"),
            (item(json!({ "type": "computer_call" })), "input[0]"),
            (item(json!({ "type": "custom_tool_call", "name": "x", "input": "y" })), "input[0]"),
            (item(json!({ "role": "tool", "content": "x" })), "input[0].role"),
            (item(json!({ "role": "user", "content": [{ "type": "input_file" }] })), "input[0].content"),
            (item(json!({ "type": "item_reference", "id": "msg_1" })), "input"),
        ] {
            let refused = turns(&json).expect_err(&json.to_string());
            assert_eq!(refused.body()["error"]["param"], name, "{json}");
        }
        let nothing = json!({ "tools": [], "tool_choice": "auto", "background": false, "prompt": null, "include": [] });
        assert!(turns(&nothing).unwrap().is_empty());
    }

    #[test]
    fn what_is_kept_stands_for_itself() {
        let items =
            [("msg_1".to_owned(), Bytes::from_static(br#"{"id":"msg_1","type":"message","role":"assistant"}"#))];
        let past = Past { items: items.into(), ..Past::default() };
        let body =
            json!({ "input": [{ "type": "item_reference", "id": "msg_1" }, { "role": "user", "content": "Hi" }] });
        let kept: Value = serde_json::from_str(&keep_input(body.to_string().as_bytes(), &past).unwrap()).unwrap();
        let message = json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Hi" }] });
        assert_eq!(kept, json!([{ "id": "msg_1", "type": "message", "role": "assistant" }, message]));
    }
}
