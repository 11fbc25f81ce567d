//! Tools in what a client asks, in the shapes of the three dialects, as one toolbox. Names and schemas are as they came.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::options::is_name;
use crate::chat::ToolCall;
use crate::chat::server::providers::{CacheControl, Tool, ToolChoice, Toolbox};
use crate::platform::error::{AppError, AppResult};

/// A tool of chat completions.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a tool such as {\"type\":\"function\",\"function\":{\"name\":\"…\"}}")]
pub(super) struct ChatTool {
    #[serde(rename = "type", default)]
    kind: String,
    function: Option<FunctionFields>,
    /// No field of `OpenAI`'s.
    cache_control: Option<CacheControl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct FunctionFields {
    name: String,
    description: Option<String>,
    parameters: Option<Box<RawValue>>,
    strict: Option<bool>,
}

/// A tool of Responses: a function, or a custom tool, which takes any text. Others are run by `OpenAI`, and left out here, as clients
/// always send some.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a tool such as {\"type\":\"function\",\"name\":\"…\"}")]
pub(super) struct ResponseTool {
    #[serde(rename = "type", default)]
    kind: String,
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Box<RawValue>>,
    strict: Option<bool>,
    /// Of a custom tool: how its text is written.
    format: Option<Value>,
}

/// What a custom tool takes, as a function: models of other kinds know no others.
const TEXT_SCHEMA: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

impl ResponseTool {
    fn is_custom(&self) -> bool {
        self.kind == "custom"
    }

    /// A custom tool as a function; nothing holds a model to the grammar, but it is told of it.
    fn of_text(self) -> Tool {
        let Self { name, description, format, .. } = self;
        let format = format.unwrap_or_default();
        let grammar = format["definition"].as_str().map(|definition| {
            let syntax = format["syntax"].as_str().unwrap_or_default();
            format!("The input is a text of this grammar ({syntax}):\n{definition}")
        });
        let told: Vec<_> = description.into_iter().chain(grammar).collect();
        Tool {
            name: name.unwrap_or_default(),
            description: (!told.is_empty()).then(|| told.join("\n\n")),
            schema: RawValue::from_string(TEXT_SCHEMA.to_owned()).ok(),
            ..Tool::default()
        }
    }
}

/// The names of the custom tools.
pub(super) fn custom_names(tools: &[ResponseTool]) -> Vec<String> {
    tools.iter().filter(|tool| tool.is_custom()).filter_map(|tool| tool.name.clone()).collect()
}

/// The text that a custom tool is called with, and back.
pub(super) fn text_of_call(arguments: &str) -> String {
    let read = serde_json::from_str::<Value>(arguments).ok();
    read.and_then(|read| read["input"].as_str().map(str::to_owned)).unwrap_or_else(|| arguments.to_owned())
}

pub(super) fn call_of_text(field: &str, id: String, name: String, input: &str) -> AppResult<ToolCall> {
    let call = read_call(field, id, name, None)?;
    Ok(ToolCall { arguments: json!({ "input": input }).to_string(), ..call })
}

/// A tool of Messages.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a tool such as {\"name\":\"…\",\"input_schema\":{}}")]
pub(super) struct MessageTool {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    name: String,
    description: Option<String>,
    input_schema: Option<Box<RawValue>>,
    strict: Option<bool>,
    cache_control: Option<CacheControl>,
}

/// A call that an assistant made before, in chat completions.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "a call such as {\"id\":\"…\",\"type\":\"function\",\"function\":{\"name\":\"…\"}}")]
pub(super) struct ChatCall {
    id: String,
    function: CalledFunction,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct CalledFunction {
    name: String,
    arguments: Option<Box<RawValue>>,
}

impl ChatCall {
    pub(super) fn read(self, field: &str) -> AppResult<ToolCall> {
        let CalledFunction { name, arguments } = self.function;
        read_call(field, self.id, name, arguments.as_deref())
    }
}

/// A call that was made before. Arguments are JSON in a text; some clients send them as such.
pub(super) fn read_call(field: &str, id: String, name: String, arguments: Option<&RawValue>) -> AppResult<ToolCall> {
    if id.is_empty() || name.is_empty() {
        return Err(AppError::invalid(field, "A call of a tool has an id and the name of the tool."));
    }
    let arguments = arguments.map_or("", RawValue::get);
    let text = serde_json::from_str::<Option<String>>(arguments).map(Option::unwrap_or_default);
    Ok(ToolCall { id, name, arguments: text.unwrap_or_else(|_| arguments.to_owned()) })
}

pub(super) fn chat_toolbox(
    tools: Option<Vec<ChatTool>>,
    choice: Option<&Value>,
    parallel: Option<bool>,
) -> AppResult<Toolbox> {
    let mut read = Vec::new();
    for (number, ChatTool { kind, function, cache_control: cache }) in tools.unwrap_or_default().into_iter().enumerate()
    {
        let field = format!("tools[{number}]");
        let Some(FunctionFields { name, description, parameters, strict }) =
            function.filter(|_| kind.is_empty() || kind == "function")
        else {
            return Err(AppError::invalid(field, format!("Tools of type {kind:?} are not called here: function.")));
        };
        read.push((field, Tool { name, description, schema: parameters, strict, cache }));
    }
    toolbox(read, choose(choice, openai_choice)?, parallel)
}

pub(super) fn response_toolbox(
    tools: Option<Vec<ResponseTool>>,
    choice: Option<&Value>,
    parallel: Option<bool>,
) -> AppResult<Toolbox> {
    let mut read = Vec::new();
    for (number, tool) in tools.unwrap_or_default().into_iter().enumerate() {
        let field = format!("tools[{number}]");
        if tool.is_custom() {
            read.push((field, tool.of_text()));
        } else if tool.kind == "function" {
            let ResponseTool { name, description, parameters, strict, .. } = tool;
            let name = name.unwrap_or_default();
            read.push((field, Tool { name, description, schema: parameters, strict, cache: None }));
        }
    }
    toolbox(read, choose(choice, openai_choice)?, parallel)
}

pub(super) fn message_toolbox(tools: Option<Vec<MessageTool>>, choice: Option<&Value>) -> AppResult<Toolbox> {
    let mut read = Vec::new();
    for (number, tool) in tools.unwrap_or_default().into_iter().enumerate() {
        let MessageTool { kind, name, description, input_schema, strict, cache_control: cache } = tool;
        let field = format!("tools[{number}]");
        if let Some(kind) = kind.filter(|kind| kind != "custom") {
            return Err(AppError::invalid(field, format!("Tools of type {kind:?} are not run here: leave it out.")));
        }
        read.push((field, Tool { name, description, schema: input_schema, strict, cache }));
    }
    let parallel = choice.and_then(|choice| choice["disable_parallel_tool_use"].as_bool()).map(|no| !no);
    toolbox(read, choose(choice, anthropic_choice)?, parallel)
}

/// As a choice is read: which of the tools may be called at all, if not all of them, and which are to be.
type Chosen = (Option<Vec<String>>, ToolChoice);

fn choose(choice: Option<&Value>, read: fn(&Value) -> Option<Chosen>) -> AppResult<Chosen> {
    let Some(choice) = choice else { return Ok((None, ToolChoice::Auto)) };
    let problem = "A tool_choice is auto, none, required (any), or names a tool.";
    read(choice).ok_or_else(|| AppError::invalid("tool_choice", problem))
}

fn openai_choice(choice: &Value) -> Option<Chosen> {
    let name_of = |value: &Value| value["function"]["name"].as_str().or(value["name"].as_str()).map(str::to_owned);
    let word = |word: &str| match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" => Some(ToolChoice::Required),
        _ => None,
    };
    if let Some(text) = choice.as_str() {
        return word(text).map(|choice| (None, choice));
    }
    match choice["type"].as_str() {
        Some("function" | "custom") => name_of(choice).map(|name| (None, ToolChoice::Named(name))),
        Some("allowed_tools") => {
            let allowed = choice.get("allowed_tools").unwrap_or(choice);
            let names = allowed["tools"].as_array()?.iter().filter_map(name_of).collect();
            Some((Some(names), word(allowed["mode"].as_str().unwrap_or("auto"))?))
        }
        _ => None,
    }
}

fn anthropic_choice(choice: &Value) -> Option<Chosen> {
    let chosen = match choice["type"].as_str()? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice["name"].as_str()?.to_owned()),
        _ => return None,
    };
    Some((None, chosen))
}

fn toolbox(read: Vec<(String, Tool)>, (allowed, choice): Chosen, parallel: Option<bool>) -> AppResult<Toolbox> {
    let mut tools = Vec::<Tool>::with_capacity(read.len());
    for (field, mut tool) in read {
        if !is_name(&tool.name) {
            return Err(AppError::invalid(field, "A tool has a name of 1 to 64 letters, digits, _ and -."));
        }
        if tools.iter().any(|other| other.name == tool.name) {
            return Err(AppError::invalid(field, format!("Two tools have the name {:?}.", tool.name)));
        }
        tool.schema = tool.schema.filter(|schema| schema.get() != "null");
        if tool.schema.as_ref().is_some_and(|schema| !schema.get().starts_with('{')) {
            return Err(AppError::invalid(field, "The schema of a tool is an object."));
        }
        tools.push(tool);
    }
    let problem = |problem: &str| Err(AppError::invalid("tool_choice", problem));
    if let Some(allowed) = allowed {
        tools.retain(|tool| allowed.contains(&tool.name));
    }
    match &choice {
        ToolChoice::Required if tools.is_empty() => return problem("There are no tools that could be called."),
        ToolChoice::Named(name) if tools.iter().all(|tool| tool.name != *name) => {
            return problem(&format!("There is no tool with the name {name:?}."));
        }
        _ => {}
    }
    Ok(Toolbox { tools, choice, parallel })
}

/// The tools as a response repeats them.
pub(super) fn told_tools(toolbox: &Toolbox, custom: &[String]) -> Vec<Value> {
    let told = toolbox.tools.iter().map(|Tool { name, description, schema, strict, .. }| {
        if custom.contains(name) {
            return json!({ "type": "custom", "name": name, "description": description, "format": { "type": "text" } });
        }
        json!({
            "type": "function", "name": name, "description": description, "parameters": schema,
            "strict": strict.unwrap_or(true),
        })
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(tools: Value, choice: Value) -> AppResult<Toolbox> {
        let tools: Vec<ChatTool> = serde_json::from_str(&tools.to_string()).unwrap();
        chat_toolbox(Some(tools), Some(&choice), None)
    }

    fn messages(tools: Value, choice: Value) -> AppResult<Toolbox> {
        let tools: Vec<MessageTool> = serde_json::from_str(&tools.to_string()).unwrap();
        message_toolbox(Some(tools), Some(&choice))
    }

    fn responses(tools: Value, choice: Value) -> AppResult<Toolbox> {
        let tools: Vec<ResponseTool> = serde_json::from_str(&tools.to_string()).unwrap();
        response_toolbox(Some(tools), Some(&choice), Some(true))
    }

    #[test]
    fn three_shapes_make_one_toolbox() {
        let schema = json!({ "type": "object", "properties": {} });
        let function = json!({ "name": "look", "description": "d", "parameters": schema, "strict": true });
        let mut flat = function.clone();
        flat["type"] = json!("function");
        let message = json!({ "name": "look", "description": "d", "input_schema": schema, "strict": true });
        let named = ToolChoice::Named("look".to_owned());
        for toolbox in [
            chat(
                json!([{ "type": "function", "function": function }]),
                json!({ "type": "function", "function": { "name": "look" } }),
            ),
            responses(json!([flat, { "type": "web_search" }]), json!({ "type": "function", "name": "look" })),
            messages(json!([message]), json!({ "type": "tool", "name": "look" })),
        ] {
            let toolbox = toolbox.unwrap();
            let [Tool { name, description, schema: read, strict, .. }] = toolbox.tools.as_slice() else { panic!() };
            assert_eq!((name.as_str(), description.as_deref(), *strict), ("look", Some("d"), Some(true)));
            assert_eq!(read.as_ref().unwrap().get(), schema.to_string());
            assert_eq!(toolbox.choice, named);
        }
        let one = messages(json!([message]), json!({ "type": "any", "disable_parallel_tool_use": true })).unwrap();
        assert_eq!((one.choice, one.parallel), (ToolChoice::Required, Some(false)));
    }

    #[test]
    fn tools_that_are_not_allowed_are_not_told_of() {
        let tools = json!([{ "type": "function", "name": "a" }, { "type": "function", "name": "b" }]);
        let allowed =
            json!({ "type": "allowed_tools", "mode": "required", "tools": [{ "type": "function", "name": "b" }] });
        let toolbox = responses(tools, allowed).unwrap();
        assert_eq!((toolbox.tools.len(), toolbox.tools[0].name.as_str()), (1, "b"));
        assert_eq!(toolbox.choice, ToolChoice::Required);
    }

    #[test]
    fn what_cannot_be_called_is_refused_by_its_place() {
        let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
        let field = |toolbox: AppResult<Toolbox>| match toolbox {
            Err(AppError::InvalidInput { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        let auto = || json!("auto");
        assert_eq!(field(chat(json!([tool("a"), { "type": "custom" }]), auto())), "tools[1]");
        assert_eq!(field(chat(json!([tool("no blanks")]), auto())), "tools[0]");
        assert_eq!(field(chat(json!([tool("a"), tool("a")]), auto())), "tools[1]");
        assert_eq!(field(chat(json!([tool("a")]), json!("sometimes"))), "tool_choice");
        assert_eq!(field(chat(json!([tool("a")]), json!({ "type": "function", "name": "b" }))), "tool_choice");
        assert_eq!(field(chat(json!([]), json!("required"))), "tool_choice");
        assert_eq!(field(messages(json!([{ "name": "w", "type": "web_search_20260318" }]), json!(null))), "tools[0]");
    }

    #[test]
    fn arguments_are_text_however_they_are_sent() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let read = |json: &str| read_call("x", "c".into(), "look".into(), Some(&*raw(json))).unwrap().arguments;
        assert_eq!(read(r#""{\"at\":1}""#), "{\"at\":1}");
        assert_eq!(read("{\"at\": 1}"), "{\"at\": 1}");
        assert_eq!(read("null"), "");
    }
}
