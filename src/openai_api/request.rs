//! What a client asks, and what it means here. What cannot be done is refused by its name: nothing that shapes an answer is
//! left out of it and charged for.

use std::collections::HashSet;
use std::mem::take;
use std::sync::Arc;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::V1Error;
use super::fields::{Content, Part, Stops, Whole};
use super::options::{
    Manner, check_absent, check_range, find_model, limit_output, passed_on, read_format, read_limit, read_stops,
};
use super::tools::{ChatCall, ChatTool, chat_toolbox};
use crate::chat::server::Chat;
use crate::chat::server::attachments;
use crate::chat::server::image_text::{ImageText, RawText};
use crate::chat::server::providers::{
    CacheControl, CacheMark, FieldNames, Role, Sampling, Seal, Thought, ToolResult, Turn,
};
use crate::chat::server::quote::ContextLimit;
use crate::chat::server::send::Terms;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::read_json;

/// Most characters of a name.
const MAX_NAME_CHARS: usize = 64;

/// What a client asks. Other fields are ignored, as clients expect.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CompletionRequest<'a> {
    /// One of `/v1/models`.
    #[serde(default)]
    #[schema(required)]
    model: String,
    /// Oldest first. One of the assistant at the end is what the answer begins with.
    #[serde(borrow, default)]
    #[schema(required)]
    messages: Vec<RequestMessage<'a>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    /// The old name of `max_completion_tokens`.
    #[schema(value_type = Option<i64>)]
    max_tokens: Option<Whole>,
    /// -1, as nothing, is as many as this server allows.
    #[schema(value_type = Option<i64>)]
    max_completion_tokens: Option<Whole>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    frequency_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    #[schema(value_type = Option<i64>)]
    seed: Option<Whole>,
    #[schema(schema_with = Stops::schema, required = false)]
    stop: Option<Stops>,
    #[schema(value_type = Option<i64>)]
    n: Option<Whole>,
    /// `text`, `json_object` or `json_schema`, for models of servers that speak as `OpenAI` does.
    /// Functions that the model may call, and the client runs.
    #[schema(value_type = Option<Vec<Object>>)]
    tools: Option<Vec<ChatTool>>,
    /// `auto`, `none`, `required`, or one of them by its name.
    #[schema(value_type = Value, required = false)]
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    #[schema(value_type = Option<Object>)]
    response_format: Option<Box<RawValue>>,
    #[schema(value_type = Option<Object>)]
    logit_bias: Option<Value>,
    reasoning_effort: Option<String>,
    verbosity: Option<String>,
    /// No field of `OpenAI`'s: all of it is to be cached by who answers, if that keeps a cache by request.
    #[schema(value_type = Option<Object>)]
    cache_control: Option<CacheControl>,
    /// No field of `OpenAI`'s: it must not cost more credits than this.
    max_credits: Option<Amount>,
    // What is not done here: only values that ask for nothing are taken.
    #[schema(ignore)]
    functions: Option<Value>,
    #[schema(ignore)]
    function_call: Option<Value>,
    #[schema(ignore)]
    logprobs: Option<Value>,
    #[schema(ignore)]
    top_logprobs: Option<Value>,
    #[schema(ignore)]
    modalities: Option<Value>,
    #[schema(ignore)]
    audio: Option<Value>,
    #[schema(ignore)]
    web_search_options: Option<Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(expecting = "a message such as {\"role\":\"user\",\"content\":\"…\"}")]
struct RequestMessage<'a> {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    #[serde(default)]
    #[schema(required)]
    role: String,
    #[serde(borrow)]
    #[schema(schema_with = Content::schema, required = false)]
    content: Option<Content<'a>>,
    /// Who of several says it.
    name: Option<String>,
    #[schema(ignore)]
    refusal: Option<String>,
    /// Of the assistant.
    #[schema(value_type = Option<Vec<Object>>)]
    tool_calls: Option<Vec<ChatCall>>,
    /// Of a tool: which call it is the result of.
    tool_call_id: Option<String>,
    #[schema(ignore)]
    function_call: Option<Value>,
    /// Of the assistant: what a provider wants back of its thoughts, as it was told.
    #[schema(value_type = Option<Vec<Object>>)]
    reasoning_details: Option<Value>,
    /// No field of `OpenAI`'s, as clients of many models send it beside a plain text: all up to this message is to be cached.
    #[schema(value_type = Option<Object>)]
    cache_control: Option<CacheControl>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(expecting = "an object")]
struct StreamOptions {
    /// A chunk of its own at the end says how many tokens were used.
    include_usage: Option<bool>,
}

/// A request that can be done, but for its images, which are not looked at yet.
pub struct Wanted {
    pub turns: Vec<Turn>,
    /// For each turn.
    pub(super) shown: Vec<Vec<ImageText>>,
    pub is_stream: bool,
    /// Whether the stream ends with a chunk of its own for the usage.
    pub with_usage: bool,
    pub terms: Terms,
    /// The limit of tokens, where it is this server's and not what was asked for.
    pub own_limit: Option<u32>,
}

impl Wanted {
    /// Reads what a client asks: the context and how it is to be answered.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub(super) fn of(body: &Bytes, chat: &Chat, manner: Manner) -> Result<Self, V1Error> {
        read_json::<CompletionRequest<'_>>(body)?.read(body, chat, manner)
    }

    /// Reads the images; `place` is the field that a turn was read from.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn look_at(&mut self, place: impl Fn(usize) -> String + Send) -> AppResult<()> {
        for (number, (turn, shown)) in self.turns.iter_mut().zip(take(&mut self.shown)).enumerate() {
            turn.images = attachments::read_data_urls(shown).await.map_err(|error| match error {
                AppError::InvalidInput { message, .. } => AppError::invalid(place(number), message),
                other => other,
            })?;
        }
        Ok(())
    }
}

impl CompletionRequest<'_> {
    fn read(self, body: &Bytes, chat: &Chat, manner: Manner) -> Result<Wanted, V1Error> {
        let picked = find_model(chat, &self.model, manner.may_repeat)?;
        if self.n.is_some_and(|n| n != Whole(1)) {
            return Err(AppError::invalid("n", "One answer at a time: n is 1.").into());
        }
        self.check_unserved()?;
        let toolbox = chat_toolbox(self.tools, self.tool_choice.as_ref(), self.parallel_tool_calls)?;
        let most = chat.config.max_output_tokens;
        let asked = [("max_completion_tokens", self.max_completion_tokens), ("max_tokens", self.max_tokens)]
            .into_iter()
            .find_map(|(field, tokens)| read_limit(field, tokens).transpose())
            .transpose()?;
        let (max_output_tokens, own_limit) = limit_output(asked, most);
        let sampling = Sampling {
            max_output_tokens,
            temperature: check_range("temperature", self.temperature, 0.0, 2.0)?,
            top_p: check_range("top_p", self.top_p, 0.0, 1.0)?,
            frequency_penalty: check_range("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?,
            presence_penalty: check_range("presence_penalty", self.presence_penalty, -2.0, 2.0)?,
            seed: self.seed.map(|Whole(seed)| seed),
            stop: read_stops("stop", self.stop.unwrap_or_default().0)?,
            toolbox: Arc::new(toolbox),
            format: read_format("response_format", self.response_format.as_deref())?,
            cache: self.cache_control,
            passed_on: passed_on(self.logit_bias, self.reasoning_effort, self.verbosity)?,
            no_thoughts: false,
            names: FieldNames::default(),
        };
        let longest = chat.context_limit(picked.as_ref(), sampling.max_output_tokens);
        let (turns, shown) = read_messages(self.messages, body, longest, &sampling)?;
        Ok(Wanted {
            turns,
            shown,
            is_stream: self.stream == Some(true),
            with_usage: self.stream_options.is_some_and(|options| options.include_usage == Some(true)),
            terms: Terms { picked, fresh: manner.fresh, sampling, delivery: None, max_credits: self.max_credits },
            own_limit,
        })
    }

    /// That nothing is asked for that is not done here.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming it.
    fn check_unserved(&self) -> AppResult<()> {
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        check_absent("functions", self.functions.as_ref(), is_empty, "Use tools: leave it out.")?;
        let is_usual = |value: &Value| matches!(value.as_str(), Some("auto" | "none"));
        check_absent("function_call", self.function_call.as_ref(), is_usual, "Use tool_choice: leave it out.")?;
        let is_nothing = |value: &Value| value.as_bool() == Some(false) || value.as_f64() == Some(0.0);
        for (field, value) in [("logprobs", &self.logprobs), ("top_logprobs", &self.top_logprobs)] {
            check_absent(field, value.as_ref(), is_nothing, "Probabilities are not told here: leave it out.")?;
        }
        let is_text = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(|one| one == "text"));
        check_absent("modalities", self.modalities.as_ref(), is_text, "Answers are text: leave it out.")?;
        check_absent("audio", self.audio.as_ref(), |_| false, "Answers are text: leave it out.")?;
        let search = "Nothing is searched for here: leave it out.";
        check_absent("web_search_options", self.web_search_options.as_ref(), |_| false, search)
    }
}

/// The turns, and what each of them shows.
type Shown = (Vec<Turn>, Vec<Vec<ImageText>>);
/// The same of one turn.
pub(super) type ShownTurn = (Turn, Vec<ImageText>);

fn read_messages(
    messages: Vec<RequestMessage<'_>>,
    body: &Bytes,
    longest: ContextLimit,
    sampling: &Sampling,
) -> Result<Shown, V1Error> {
    let mut turns = Vec::with_capacity(messages.len());
    for (number, message) in messages.into_iter().enumerate() {
        turns.push(message.read(body, number)?);
    }
    check_turns("messages", turns, longest, sampling)
}

/// That there is something to answer, and not too much of it; `field` has the turns.
pub(super) fn check_turns(
    field: &str,
    mut turns: Vec<ShownTurn>,
    longest: ContextLimit,
    sampling: &Sampling,
) -> Result<Shown, V1Error> {
    let is_blank = |(turn, shown): &ShownTurn| {
        turn.content.trim().is_empty() && shown.is_empty() && turn.calls.is_empty() && turn.result.is_none()
    };
    let is_answer = |(turn, _): &ShownTurn| turn.role == Role::Assistant;
    // A prefill without a word is none.
    while turns.last().is_some_and(|last| is_answer(last) && is_blank(last)) {
        turns.pop();
    }
    match turns.last() {
        Some(last) if !is_answer(last) && is_blank(last) => {
            return Err(AppError::invalid(field, "The last message is empty.").into());
        }
        _ if turns.iter().all(|turn| is_answer(turn) || is_blank(turn)) => {
            return Err(AppError::invalid(field, "There is nothing to answer.").into());
        }
        _ => {}
    }
    check_calls(field, &turns)?;
    match longest.exceeded_by(turns.iter().map(|(turn, _)| turn), sampling) {
        Some(length) => Err(V1Error::too_long(field, length, longest)),
        None => Ok(turns.into_iter().unzip()),
    }
}

/// That each result has its call before it, and that calls are not what is to be gone on with.
fn check_calls(field: &str, turns: &[ShownTurn]) -> AppResult<()> {
    let mut called = HashSet::new();
    for (turn, _) in turns {
        called.extend(turn.calls.iter().map(|call| call.id.as_str()));
        if let Some(result) = turn.result.as_ref().filter(|result| !called.contains(result.call_id.as_str())) {
            let problem = format!("There is no call before its result that has the id {:?}.", result.call_id);
            return Err(AppError::invalid(field, problem));
        }
    }
    match turns.last() {
        Some((last, _)) if !last.calls.is_empty() => {
            Err(AppError::invalid(field, "The results of the last calls of tools are missing."))
        }
        _ => Ok(()),
    }
}

impl RequestMessage<'_> {
    /// `number` is its place in the list.
    fn read(self, body: &Bytes, number: usize) -> AppResult<(Turn, Vec<ImageText>)> {
        let field = |name: &str| format!("messages[{number}].{name}");
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            other => {
                let known = "system, developer, user, assistant or tool";
                let problem = format!("The role {other:?} is not known here: {known}.");
                return Err(AppError::invalid(field("role"), problem));
            }
        };
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        check_absent(&field("function_call"), self.function_call.as_ref(), is_empty, "Use tool_calls: leave it out.")?;
        let mut calls = Vec::new();
        for (number, call) in self.tool_calls.unwrap_or_default().into_iter().enumerate() {
            calls.push(call.read(&field(&format!("tool_calls[{number}]")))?);
        }
        if !calls.is_empty() && role != Role::Assistant {
            return Err(AppError::invalid(field("tool_calls"), "Only the assistant calls tools."));
        }
        let result = match self.tool_call_id.filter(|id| !id.is_empty() && role == Role::Tool) {
            None if role == Role::Tool => {
                return Err(AppError::invalid(field("tool_call_id"), "Say which call it is the result of."));
            }
            result => result.map(|call_id| ToolResult { call_id, is_error: false, cache: self.cache_control }),
        };
        let name = self.name.filter(|name| !name.is_empty());
        if name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME_CHARS) {
            let problem = format!("Names can have up to {MAX_NAME_CHARS} characters.");
            return Err(AppError::invalid(field("name"), problem));
        }
        let (mut said, urls) = read_content(&field("content"), self.content.unwrap_or_default())?;
        if said.content.is_empty() {
            said.content = self.refusal.unwrap_or_default();
        }
        let (text, images) = (said.content.len(), urls.len());
        let mark = self.cache_control.filter(|_| result.is_none());
        said.cache.extend(mark.map(|control| CacheMark { text, images, calls: calls.len(), control }));
        let shown = urls.into_iter().map(|url| url.kept_by(body)).collect();
        let name = name.filter(|_| role != Role::Tool);
        let thoughts = read_thoughts(self.reasoning_details.as_ref().filter(|_| role == Role::Assistant));
        Ok((Turn { role, name, calls, thoughts, result, ..said }, shown))
    }
}

/// What is sealed of what was thought, as it was told: what nobody here has sealed says nothing to a model.
fn read_thoughts(details: Option<&Value>) -> Vec<Thought> {
    let details = details.and_then(Value::as_array).into_iter().flatten();
    let sealed = details.filter_map(|detail| {
        let seal = detail["signature"].as_str().or(detail["data"].as_str()).and_then(Seal::read)?;
        let text = detail["text"].as_str().unwrap_or_default().to_owned();
        Some(Thought { text, seal: Some(seal) })
    });
    sealed.collect()
}

/// What is said, as a turn of nobody yet, and the URLs of its images.
pub(super) fn read_content<'a>(field: &str, Content(parts): Content<'a>) -> AppResult<(Turn, Vec<RawText<'a>>)> {
    let (mut said, mut urls) = (Turn::new(Role::User, ""), Vec::new());
    for Part(part) in parts {
        let (control, detail) = (part.cache_control, part.detail);
        match (part.kind.as_str(), part.image_url) {
            ("text" | "input_text" | "output_text", _) => said.content.push_str(&part.text.unwrap_or_default()),
            ("refusal", _) => said.content.push_str(&part.refusal.unwrap_or_default()),
            ("image_url" | "input_image", Some(image)) => {
                urls.push(image.url);
                said.details.push(image.detail.or(detail));
            }
            (kind, _) => return Err(AppError::invalid(field, format!("Parts of type {kind:?} are not read here."))),
        }
        let (text, images) = (said.content.len(), urls.len());
        said.cache.extend(control.map(|control| CacheMark { text, images, calls: 0, control }));
    }
    Ok((said, urls))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn messages(json: Value) -> Result<Vec<Turn>, V1Error> {
        let body = Bytes::from(json.to_string());
        let (turns, shown) = read_messages(
            serde_json::from_slice(&body).unwrap(),
            &body,
            ContextLimit::Chars(40),
            &Sampling::default(),
        )?;
        let terms = Terms::default();
        let mut wanted = Wanted { turns, shown, is_stream: false, with_usage: false, terms, own_limit: None };
        wanted.look_at(|turn| format!("messages[{turn}].content")).await?;
        Ok(wanted.turns)
    }

    #[tokio::test]
    async fn messages_become_turns() {
        let turns = messages(serde_json::json!([
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "Hel" }, { "type": "text", "text": "lo" }] },
            { "role": "assistant", "content": null },
            { "role": "user", "name": "Ada", "content": "Well?" },
            { "role": "assistant", "content": "Once" },
            { "role": "assistant", "content": " " },
        ]))
        .await
        .unwrap();
        let told: Vec<_> =
            turns.iter().map(|turn| (turn.role, turn.content.as_str(), turn.name.as_deref().unwrap_or(""))).collect();
        let expected = [
            (Role::System, "Be brief.", ""),
            (Role::User, "Hello", ""),
            (Role::Assistant, "", ""),
            (Role::User, "Well?", "Ada"),
            (Role::Assistant, "Once", ""),
        ];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_refused_by_name() {
        let field = async |json: Value| messages(json).await.err().unwrap().body()["error"]["param"].clone();
        assert_eq!(field(serde_json::json!([])).await, "messages");
        assert_eq!(field(serde_json::json!([{ "role": "assistant", "content": "x" }])).await, "messages");
        assert_eq!(field(serde_json::json!([{ "role": "user", "content": "  " }])).await, "messages");
        assert_eq!(field(serde_json::json!([{ "role": "function", "content": "x" }])).await, "messages[0].role");
        assert_eq!(field(serde_json::json!([{ "role": "tool", "content": "x" }])).await, "messages[0].tool_call_id");
        let stray = serde_json::json!([{ "role": "tool", "tool_call_id": "c", "content": "x" }]);
        assert_eq!(field(stray).await, "messages");
        let call =
            serde_json::json!({ "id": "c", "type": "function", "function": { "name": "look", "arguments": "{}" } });
        let open =
            serde_json::json!([{ "role": "user", "content": "x" }, { "role": "assistant", "tool_calls": [call] }]);
        assert_eq!(field(open).await, "messages");
        let link = serde_json::json!([
            { "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://example.org/cat.png" } }] },
        ]);
        assert_eq!(field(link).await, "messages[0].content");
        let audio = serde_json::json!([{ "role": "user", "content": [{ "type": "input_audio" }] }]);
        assert_eq!(field(audio).await, "messages[0].content");
    }

    #[tokio::test]
    async fn all_messages_together_have_a_limit() {
        let said = |chars: usize| serde_json::json!([{ "role": "system", "content": "é".repeat(chars) }, { "role": "user", "content": "x" }]);
        assert!(messages(said(39)).await.is_ok());
        let refused = messages(said(40)).await.err().unwrap();
        assert_eq!(
            (refused.status(), &refused.body()["error"]["code"]),
            (400, &Value::from("context_length_exceeded"))
        );
    }
}
