//! Tools as Gemini knows them: functions that are declared, called, and answered by their name.

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::{Seal, Tool, ToolCall, ToolChoice, ToolResult, Toolbox, Turn};
use super::GEMINI;
use super::body::{Part, images_of};

/// In place of what a model thought before a call, where that is another one's, or a client has lost it: Google has this word
/// for it. Newer models refuse a call without.
const NO_SEAL: &str = "skip_thought_signature_validator";

#[derive(Serialize)]
pub(super) struct FunctionCall<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'a RawValue>,
}

#[derive(Serialize)]
pub(super) struct FunctionResponse<'a> {
    name: &'a str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Response<'a> {
    Output(&'a str),
    Error(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolList<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    function_calling_config: CallingConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallingConfig<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

/// What may be called.
pub(super) fn list_of(toolbox: &Toolbox) -> Vec<ToolList<'_>> {
    if toolbox.is_empty() {
        return Vec::new();
    }
    let declared = toolbox.tools.iter().map(|Tool { name, description, schema, .. }| Declaration {
        name,
        description: description.as_deref(),
        parameters_json_schema: schema.as_deref(),
    });
    vec![ToolList { function_declarations: declared.collect() }]
}

/// What is to be called.
pub(super) fn config_of(toolbox: &Toolbox) -> Option<ToolConfig<'_>> {
    let (mode, allowed_function_names) = match &toolbox.choice {
        _ if toolbox.is_empty() => return None,
        ToolChoice::Auto => return None,
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Named(name) => ("ANY", Some([name.as_str()])),
    };
    Some(ToolConfig { function_calling_config: CallingConfig { mode, allowed_function_names } })
}

/// What was called.
pub(super) fn calls_of(turn: &Turn) -> impl Iterator<Item = Part<'_>> {
    turn.calls.iter().map(|call| {
        let seal = Seal::of_id(&call.id).1.filter(|seal| seal.kind == GEMINI.name);
        Part::Call {
            function_call: FunctionCall { name: &call.name, args: args_of(call) },
            thought_signature: seal.map(|seal| seal.data.into()),
        }
    })
}

/// Arguments are an object here, whatever a model has made of them.
fn args_of(call: &ToolCall) -> Option<&RawValue> {
    serde_json::from_str::<&RawValue>(&call.arguments).ok().filter(|read| read.get().starts_with('{'))
}

/// The first call of a turn has a seal, be it none.
pub(super) fn seal_first(parts: &mut [Part<'_>]) {
    let first = parts.iter_mut().find_map(|part| match part {
        Part::Call { thought_signature, .. } => Some(thought_signature),
        _ => None,
    });
    if let Some(seal) = first {
        seal.get_or_insert(NO_SEAL.into());
    }
}

/// What came of a call, whose name is with the call.
pub(super) fn results_of<'a>(turn: &'a Turn, turns: &'a [Turn]) -> Vec<Part<'a>> {
    let Some(ToolResult { call_id, is_error, .. }) = &turn.result else { return Vec::new() };
    let mut calls = turns.iter().rev().flat_map(|turn| &turn.calls);
    let name = calls.find(|call| call.id == *call_id).map_or("", |call| call.name.as_str());
    let content = turn.content.as_str();
    let response = if *is_error { Response::Error(content) } else { Response::Output(content) };
    let result = Part::Result { function_response: FunctionResponse { name, response } };
    std::iter::once(result).chain(images_of(turn)).collect()
}
