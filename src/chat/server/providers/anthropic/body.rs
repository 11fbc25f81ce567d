//! What Anthropic is asked.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::{AnswerFormat, CacheControl, Effort, ProviderRequest, Role, ToolChoice, Toolbox, Turn};
use super::config::ApiVersion;
use super::model::{Thinking, takes_sampling};
use super::{REDACTED, SEALS};
use crate::generation::Refused;

/// What can be left out where a model does not take it.
pub(super) const OPTIONAL: &[&str] = &["temperature", "top_p", "thinking", "effort"];
const TEMPERATURE: u8 = 0;
const TOP_P: u8 = 1;
const THINKING: u8 = 2;
const EFFORT: u8 = 3;
/// Fewer tokens are no budget to think with.
const LEAST_BUDGET: u32 = 1024;
/// What stands for arguments that are no object, and for a schema that is not there.
const EMPTY: [&str; 2] = ["{}", r#"{"type":"object"}"#];

#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<BodyTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<BodyChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
    stream: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Image {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Cow<'a, RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    ToolResult {
        tool_use_id: &'a str,
        content: Vec<Self>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
}

#[derive(Serialize)]
struct Source<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    media_type: &'a str,
    data: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ThinkingConfig {
    Enabled {
        budget_tokens: u32,
    },
    /// A summary of what it thinks is told.
    Adaptive {
        display: &'static str,
    },
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<BodyFormat<'a>>,
}

#[derive(Serialize)]
struct BodyFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'a RawValue,
}

#[derive(Serialize)]
struct BodyTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Cow<'a, RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
struct BodyChoice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

/// The text of a turn, then what it shows and calls, up to each mark and after the last; white space alone is refused.
fn blocks_of(turn: &Turn) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let (mut from, mut shown, mut called) = (0, 0, 0);
    let marks = turn.cache.iter().map(|mark| (mark.text, mark.images, mark.calls, Some(mark.control)));
    let all = (turn.content.len(), turn.images.len(), turn.calls.len(), None);
    for (text, images, calls, control) in marks.chain([all]) {
        // Images may be left out, and are not shown then.
        let (text, images, calls) = (text.max(from), images.clamp(shown, all.1), calls.clamp(called, all.2));
        let said = turn.content.get(from..text).unwrap_or_default();
        if !said.trim().is_empty() {
            let name = turn.name.as_ref().filter(|_| from == 0);
            let text = name.map_or(Cow::Borrowed(said), |name| format!("{name}: {said}").into());
            blocks.push(Block::Text { text, cache_control: None });
        }
        blocks.extend(turn.images[shown..images].iter().map(|image| Block::Image {
            source: Source { kind: "base64", media_type: &image.media_type, data: image.to_base64() },
            cache_control: None,
        }));
        blocks.extend(turn.calls[called..calls].iter().map(|call| Block::ToolUse {
            id: &call.id,
            name: &call.name,
            input: object(&call.arguments),
            cache_control: None,
        }));
        if let (Some(control), Some(last)) = (control, blocks.last_mut()) {
            last.cache(control);
        }
        (from, shown, called) = (text, images, calls);
    }
    blocks
}

impl Block<'_> {
    /// All up to it is to be cached. What was thought cannot be marked.
    fn cache(&mut self, control: CacheControl) {
        match self {
            Self::Text { cache_control, .. }
            | Self::Image { cache_control, .. }
            | Self::ToolUse { cache_control, .. }
            | Self::ToolResult { cache_control, .. } => *cache_control = Some(control),
            Self::Thinking { .. } | Self::RedactedThinking { .. } => {}
        }
    }
}

/// What a turn is to it: what was thought and what was called stand where they did.
fn content_of(turn: &Turn) -> Vec<Block<'_>> {
    if let Some(result) = &turn.result {
        let content = blocks_of(turn);
        return vec![Block::ToolResult {
            tool_use_id: &result.call_id,
            content,
            is_error: result.is_error,
            cache_control: result.cache,
        }];
    }
    let thoughts = turn.thoughts_of(SEALS).map(|(text, seal)| match seal.strip_prefix(REDACTED) {
        Some(data) => Block::RedactedThinking { data },
        None => Block::Thinking { thinking: text, signature: seal },
    });
    thoughts.chain(blocks_of(turn)).collect()
}

/// What a model wrote for arguments may be no JSON.
fn object(arguments: &str) -> Cow<'_, RawValue> {
    let is_object = arguments.trim_start().starts_with('{');
    let read: Option<&RawValue> = serde_json::from_str(arguments).ok().filter(|_| is_object);
    read.map_or_else(|| raw(EMPTY[0]), Cow::Borrowed)
}

fn raw(json: &str) -> Cow<'static, RawValue> {
    RawValue::from_string(json.to_owned()).map_or(Cow::Borrowed(RawValue::NULL), Cow::Owned)
}

/// In turns: neighbours of one role are one message, and the first is the user's, as an older question may have fallen out of the
/// context before its answer.
fn messages_of(turns: &[Turn]) -> Vec<Message<'_>> {
    let mut messages: Vec<Message<'_>> = Vec::new();
    let spoken = turns.iter().filter(|turn| turn.role != Role::System);
    for turn in spoken.skip_while(|turn| turn.role == Role::Assistant) {
        let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
        let content = content_of(turn);
        match messages.last_mut() {
            Some(last) if last.role == role => last.content.extend(content),
            _ if content.is_empty() => {}
            _ => messages.push(Message { role, content }),
        }
    }
    // What an answer begins with may not end with white space.
    if let Some(Message { role: "assistant", content }) = messages.last_mut()
        && let Some(Block::Text { text, .. }) = content.last_mut()
    {
        *text = text.trim_end().to_owned().into();
    }
    messages
}

/// Whether calls are answered that no thought of its own stands before: then it may not think now.
fn has_bare_calls(turns: &[Turn]) -> bool {
    let asked = turns.iter().rposition(|turn| turn.role == Role::User).unwrap_or(0);
    let first = turns[asked..].iter().find(|turn| turn.role == Role::Assistant);
    first.is_some_and(|turn| !turn.calls.is_empty() && turn.thoughts_of(SEALS).next().is_none())
}

const fn effort_of(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    }
}

/// Tokens that a model may think, on top of those of its answer.
pub(super) fn room_to_think(model: &str, effort: Option<Effort>, without: Refused) -> u32 {
    let thinking = Thinking::of(model);
    // One that always does needs no field for it.
    let asks = thinking == Thinking::Always || !without.has(THINKING);
    thinking.asked(effort).filter(|_| asks).unwrap_or(0)
}

/// Whether more of what says how it thinks is left out than before.
pub(super) const fn thinks_less(before: Refused, after: Refused) -> bool {
    after.has(THINKING) && !before.has(THINKING) || after.has(EFFORT) && !before.has(EFFORT)
}

/// Whether nothing is asked with which some models do not think, or not so much.
pub(super) fn thinks_as_usual(request: &ProviderRequest) -> bool {
    let ProviderRequest { turns, sampling, .. } = request;
    let is_free = matches!(sampling.toolbox.choice, ToolChoice::Auto | ToolChoice::None);
    let is_begun = turns.last().is_some_and(|turn| turn.role == Role::Assistant);
    let is_much = matches!(Effort::of(sampling), Some(Effort::XHigh | Effort::Max));
    // Whoever asks may have changed what is sealed, or left it out.
    let is_plain = turns.iter().all(|turn| !turn.is_of_tools() && turn.thoughts.is_empty());
    is_free && !is_begun && !is_much && is_plain
}

fn tools_of(toolbox: &Toolbox) -> Vec<BodyTool<'_>> {
    let tools = toolbox.tools.iter().map(|tool| BodyTool {
        name: &tool.name,
        description: tool.description.as_deref(),
        input_schema: tool.schema.as_deref().map_or_else(|| raw(EMPTY[1]), Cow::Borrowed),
        strict: tool.strict,
        cache_control: tool.cache,
    });
    tools.collect()
}

fn choice_of(toolbox: &Toolbox) -> Option<BodyChoice<'_>> {
    let (kind, name) = match &toolbox.choice {
        ToolChoice::Auto => ("auto", None),
        ToolChoice::None => ("none", None),
        ToolChoice::Required => ("any", None),
        ToolChoice::Named(name) => ("tool", Some(name.as_str())),
    };
    let alone = toolbox.parallel == Some(false) && kind != "none";
    (!toolbox.is_empty() && (kind != "auto" || alone)).then_some(BodyChoice {
        kind,
        name,
        disable_parallel_tool_use: alone,
    })
}

impl<'a> Body<'a> {
    pub(super) fn new(request: &'a ProviderRequest, model: &'a str, version: ApiVersion, without: Refused) -> Self {
        let ProviderRequest { turns, sampling, .. } = request;
        let mut system: Vec<_> = turns.iter().filter(|turn| turn.role == Role::System).flat_map(blocks_of).collect();
        let mut messages = messages_of(turns);
        // Without a turn of the user's nothing is answered.
        if messages.is_empty() && !system.is_empty() {
            messages.push(Message { role: "user", content: std::mem::take(&mut system) });
        }
        let effort = Effort::of(sampling);
        let room = room_to_think(model, effort, without);
        let most = sampling.max_output_tokens.saturating_add(room);
        let max_tokens = request.most_output.map_or(most, |paid| most.min(paid));
        let kind = Thinking::of(model);
        let thinking = match kind {
            _ if room == 0 || without.has(THINKING) => None,
            Thinking::No => None,
            // Some of it is for the answer.
            Thinking::Budget => Some(room.min(max_tokens / 2))
                .filter(|budget| *budget >= LEAST_BUDGET && !has_bare_calls(turns))
                .map(|budget_tokens| ThinkingConfig::Enabled { budget_tokens }),
            Thinking::Adaptive | Thinking::Always => Some(ThinkingConfig::Adaptive { display: "summarized" }),
        };
        let knows_effort = matches!(kind, Thinking::Adaptive | Thinking::Always);
        let effort = effort.filter(|_| room > 0 && knows_effort && !without.has(EFFORT)).map(effort_of);
        let format = sampling.format.as_ref().and_then(AnswerFormat::schema);
        let format = format.map(|schema| BodyFormat { kind: "json_schema", schema });
        // Who thinks by a budget draws its words in one way.
        let samples = takes_sampling(model, version) && thinking.is_none();
        let temperature = sampling.temperature.filter(|_| samples && !without.has(TEMPERATURE));
        Self {
            model,
            max_tokens,
            system,
            messages,
            temperature: temperature.map(|temperature| temperature.min(1.0)),
            // One of the two.
            top_p: sampling.top_p.filter(|_| samples && temperature.is_none() && !without.has(TOP_P)),
            stop_sequences: &sampling.stop,
            thinking,
            output_config: (effort.is_some() || format.is_some()).then_some(OutputConfig { effort, format }),
            tools: tools_of(&sampling.toolbox),
            tool_choice: choice_of(&sampling.toolbox),
            cache_control: sampling.cache,
            stream: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::{CacheMark, CacheTtl, Sampling, Seal, Thought, Tool, ToolCall};
    use super::*;

    fn body(turns: Vec<Turn>, sampling: Sampling, model: &str) -> Value {
        let request = ProviderRequest { turns, model: None, sampling, most_output: None, must_fit: false };
        serde_json::to_value(Body::new(&request, model, ApiVersion::Old, Refused::NONE)).unwrap()
    }

    fn sampling(effort: Option<&str>) -> Sampling {
        let mut sampling = Sampling { max_output_tokens: 100, temperature: Some(1.5), ..Sampling::default() };
        sampling.passed_on.extend(effort.map(|effort| (Effort::FIELD.to_owned(), effort.into())));
        sampling
    }

    #[test]
    fn a_round_of_tools_is_told_in_its_own_way() {
        let seal = |kind: &'static str, data: &str| Some(Seal { kind: kind.into(), data: data.to_owned() });
        let thought = |text: &str, seal| Thought { text: text.to_owned(), seal };
        let call = |id: &str, arguments: &str| ToolCall {
            id: id.to_owned(),
            name: "weather".to_owned(),
            arguments: arguments.to_owned(),
        };
        let asked = Turn {
            thoughts: vec![
                thought("Hm", seal(SEALS, "sig")),
                thought("", seal(SEALS, "redacted.x")),
                thought("secret", None),
                thought("other", seal("gemini", "y")),
            ],
            calls: vec![call("a", "{\"city\":\"Rome\"}"), call("b", "no json")],
            ..Turn::new(Role::Assistant, "Let me look. ")
        };
        let turns = vec![
            Turn::new(Role::System, "Be kind."),
            Turn::new(Role::Assistant, "left over"),
            Turn::new(Role::User, "Weather?"),
            asked,
            Turn::result("a", "20 C", false),
            Turn::result("b", "no", true),
            Turn::new(Role::User, "Well?"),
        ];
        let tool = Tool { name: "weather".to_owned(), ..Tool::default() };
        let toolbox = Toolbox { tools: vec![tool], choice: ToolChoice::Required, parallel: Some(false) };
        let sampling = Sampling { toolbox: toolbox.into(), ..sampling(None) };
        assert_eq!(
            body(turns, sampling, "claude-sonnet-4-5"),
            json!({
                "model": "claude-sonnet-4-5", "max_tokens": 100, "stream": true, "temperature": 1.0,
                "system": [{"type": "text", "text": "Be kind."}],
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
                    {"role": "assistant", "content": [
                        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
                        {"type": "redacted_thinking", "data": "x"},
                        {"type": "text", "text": "Let me look. "},
                        {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Rome"}},
                        {"type": "tool_use", "id": "b", "name": "weather", "input": {}},
                    ]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "20 C"}]},
                        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "no"}], "is_error": true},
                        {"type": "text", "text": "Well?"},
                    ]},
                ],
                "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
            })
        );
    }

    #[test]
    fn a_turn_is_cached_up_to_where_it_is_marked() {
        let control = |ttl| CacheControl::Ephemeral { ttl };
        let mark = |text, images, calls, ttl| CacheMark { text, images, calls, control: control(ttl) };
        let call = |id: &str| ToolCall { id: id.to_owned(), name: "look".to_owned(), arguments: String::new() };
        let hour = Some(CacheTtl::OneHour);
        let system = Turn { cache: vec![mark(5, 0, 0, hour)], ..Turn::new(Role::System, "Long.Short.") };
        let asked = Turn {
            name: Some("Ada".to_owned()),
            // The last is beyond what there is, as where images are left out.
            cache: vec![mark(4, 0, 0, None), mark(4, 1, 0, Some(CacheTtl::FiveMinutes))],
            ..Turn::new(Role::User, "What?  ")
        };
        let answer = Turn {
            cache: vec![mark(0, 0, 0, None), mark(5, 0, 1, None)],
            calls: vec![call("a"), call("b")],
            ..Turn::new(Role::Assistant, "Hello")
        };
        let mut result = Turn { cache: vec![mark(2, 0, 0, None)], ..Turn::result("a", "20 C", false) };
        result.result.as_mut().unwrap().cache = Some(control(None));
        let tool = Tool { name: "look".to_owned(), cache: Some(control(hour)), ..Tool::default() };
        let toolbox = Toolbox { tools: vec![tool], ..Toolbox::default() };
        let sampling = Sampling { toolbox: toolbox.into(), cache: Some(control(None)), ..sampling(None) };
        let body = body(vec![system, asked, answer, result], sampling, "claude-sonnet-4-5");
        let (plain, hour) = (json!({"type": "ephemeral"}), json!({"type": "ephemeral", "ttl": "1h"}));
        assert_eq!(
            body["system"],
            json!([{"type": "text", "text": "Long.", "cache_control": hour}, {"type": "text", "text": "Short."}])
        );
        let five = json!({"type": "ephemeral", "ttl": "5m"});
        let input = json!({});
        assert_eq!(
            body["messages"],
            json!([
                {"role": "user", "content": [
                    {"type": "text", "text": "Ada: What", "cache_control": five}, {"type": "text", "text": "?  "}]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "Hello"},
                    {"type": "tool_use", "id": "a", "name": "look", "input": input, "cache_control": plain},
                    {"type": "tool_use", "id": "b", "name": "look", "input": input}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "cache_control": plain, "content": [
                    {"type": "text", "text": "20", "cache_control": plain}, {"type": "text", "text": " C"}]}]},
            ])
        );
        assert_eq!((&body["tools"][0]["cache_control"], &body["cache_control"]), (&hour, &plain));
    }

    #[test]
    fn how_much_it_thinks_is_said_as_the_model_takes_it() {
        let asked = |model: &str, effort: Option<&str>| {
            let body = body(vec![Turn::new(Role::User, "Hi")], sampling(effort), model);
            let pick = |name: &str| body.get(name).cloned().unwrap_or_default();
            (body["max_tokens"].as_u64().unwrap(), pick("thinking"), pick("output_config"), pick("temperature"))
        };
        let adaptive = json!({"type": "adaptive", "display": "summarized"});
        let none = Value::Null;
        assert_eq!(asked("claude-3-5-haiku-latest", Some("high")), (100, none.clone(), none.clone(), json!(1.0)));
        let budget = json!({"type": "enabled", "budget_tokens": 1074});
        assert_eq!(asked("claude-haiku-4-5", Some("low")), (2148, budget, none.clone(), none.clone()));
        assert_eq!(asked("claude-haiku-4-5", Some("none")), (100, none.clone(), none.clone(), json!(1.0)));
        assert_eq!(asked("claude-opus-5", None), (100, none.clone(), none.clone(), none.clone()));
        let effort = json!({"effort": "xhigh"});
        assert_eq!(asked("claude-opus-5", Some("xhigh")), (16_484, adaptive.clone(), effort, none.clone()));
        assert_eq!(asked("claude-haiku-5-5", None), (8292, adaptive, none.clone(), none));
    }

    #[test]
    fn no_more_is_asked_for_than_is_paid_for() {
        let turns = vec![Turn::new(Role::User, "Hi"), Turn::new(Role::Assistant, "Once \n")];
        let request = ProviderRequest {
            turns,
            model: None,
            sampling: sampling(Some("high")),
            most_output: Some(600),
            must_fit: true,
        };
        let body = Body::new(&request, "claude-sonnet-4-5", ApiVersion::New, Refused::NONE);
        let body = serde_json::to_value(body).unwrap();
        assert_eq!((&body["max_tokens"], &body["thinking"]), (&json!(600), &Value::Null));
        assert_eq!((&body["temperature"], &body["messages"][1]["content"][0]["text"]), (&Value::Null, &json!("Once")));
    }
}
