//! How an answer is to be, in whatever dialect that is said: who gives it, how long it is, and in what form. What cannot be done is
//! refused by its name.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::fields::Whole;
use crate::chat::ANY_MODEL;
use crate::chat::server::Chat;
use crate::chat::server::models::{Picked, unknown_model};
use crate::chat::server::providers::AnswerFormat;
use crate::platform::error::{AppError, AppResult};

/// Most texts that may end an answer.
const MAX_STOPS: usize = 4;
/// Most bytes of such a text.
const MAX_STOP_BYTES: usize = 256;
/// What servers know of `reasoning_effort` and `verbosity`. Any text would do for a server that repeats in its refusal what it was
/// sent: what it says then is taken for its own.
const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const VERBOSITIES: &[&str] = &["low", "medium", "high"];
/// That a field asks for nothing.
pub(super) fn check_absent(
    field: &str,
    value: Option<&Value>,
    is_nothing: impl Fn(&Value) -> bool,
    problem: &str,
) -> AppResult<()> {
    match value {
        Some(value) if !is_nothing(value) => Err(AppError::invalid(field, problem)),
        _ => Ok(()),
    }
}

/// What the head of a request says of how it is to be answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Not with an answer that was given before.
    pub fresh: bool,
    /// It has an `Idempotency-Key`: it may be one that was answered before, by a model that is gone.
    pub may_repeat: bool,
}

/// Who answers under this name: that of a model, of an alias, of a provider, or `provider/model`.
pub(super) fn find_model(chat: &Chat, name: &str, may_repeat: bool) -> AppResult<Option<Picked>> {
    if name == ANY_MODEL {
        return Ok(None);
    }
    match chat.models.now().pick(name) {
        Some(picked) => Ok(Some(picked)),
        None if name.is_empty() => Err(AppError::invalid("model", "Say which model is to answer.")),
        None if may_repeat => Ok(Some(Picked::gone(name))),
        None => Err(unknown_model(name)),
    }
}

/// Most tokens of an answer, and the limit of this server where that is what counts.
pub(super) fn limit_output(asked: Option<u32>, most: u32) -> (u32, Option<u32>) {
    let own_limit = asked.is_none_or(|asked| asked > most).then_some(most);
    (own_limit.or(asked).unwrap_or(most), own_limit)
}

/// -1 is what some clients send for none.
pub(super) fn read_limit(field: &str, tokens: Option<Whole>) -> AppResult<Option<u32>> {
    match tokens {
        None | Some(Whole(-1)) => Ok(None),
        Some(Whole(tokens @ 1..)) => Ok(Some(u32::try_from(tokens).unwrap_or(u32::MAX))),
        Some(_) => Err(AppError::invalid(field, "An answer has at least one token.")),
    }
}

pub(super) fn check_range(field: &str, number: Option<f32>, least: f32, most: f32) -> AppResult<Option<f32>> {
    if number.is_some_and(|number| !(least..=most).contains(&number)) {
        return Err(AppError::invalid(field, format!("{field} is a number from {least} to {most}.")));
    }
    Ok(number)
}

/// An empty text would end every answer before it begins: it is what some clients send for none.
pub(super) fn read_stops(field: &str, mut stops: Vec<String>) -> AppResult<Vec<String>> {
    stops.retain(|stop| !stop.is_empty());
    if stops.len() > MAX_STOPS || stops.iter().any(|stop| stop.len() > MAX_STOP_BYTES) {
        let problem = format!("At most {MAX_STOPS} texts of 1 to {MAX_STOP_BYTES} bytes may end an answer.");
        return Err(AppError::invalid(field, problem));
    }
    Ok(stops)
}

/// What goes to providers that know it as it is.
pub(super) fn passed_on(
    logit_bias: Option<Value>,
    reasoning_effort: Option<String>,
    verbosity: Option<String>,
) -> AppResult<Map<String, Value>> {
    let mut fields = Map::new();
    match logit_bias {
        None => {}
        Some(Value::Object(biases)) if biases.values().all(Value::is_number) => {
            fields.extend((!biases.is_empty()).then(|| ("logit_bias".to_owned(), Value::Object(biases))));
        }
        Some(_) => return Err(AppError::invalid("logit_bias", "An object of tokens and numbers.")),
    }
    for (name, text, known) in [("reasoning_effort", reasoning_effort, EFFORTS), ("verbosity", verbosity, VERBOSITIES)]
    {
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        if !known.contains(&text.as_str()) {
            return Err(AppError::invalid(name, format!("{name} is one of: {}.", known.join(", "))));
        }
        fields.insert(name.to_owned(), text.into());
    }
    Ok(fields)
}

/// A form: `OpenAI`'s of chat completions has the schema in `json_schema`, its of Responses and Anthropic's beside the type.
#[derive(Default, Deserialize)]
#[serde(default)]
struct FormatFields {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<SchemaFields>,
    name: Option<String>,
    description: Option<String>,
    schema: Option<Box<RawValue>>,
    strict: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SchemaFields {
    name: Option<String>,
    description: Option<String>,
    schema: Option<Box<RawValue>>,
    strict: Option<bool>,
}

/// The form that an answer is to have; nothing for text.
pub(super) fn read_format(field: &str, format: Option<&RawValue>) -> AppResult<Option<AnswerFormat>> {
    let Some(format) = format else { return Ok(None) };
    let problem = || {
        let problem = "A format has the type text, json_object, or json_schema with a name and a schema.";
        AppError::invalid(field, problem)
    };
    let read: Option<FormatFields> = serde_json::from_str(format.get()).map_err(|_| problem())?;
    let Some(FormatFields { kind, json_schema, name, description, schema, strict }) = read else { return Ok(None) };
    match kind.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(AnswerFormat::JsonObject)),
        "json_schema" => {
            let SchemaFields { name, description, schema, strict } =
                json_schema.unwrap_or(SchemaFields { name, description, schema, strict });
            let is_object = |schema: &RawValue| schema.get().starts_with('{');
            match (name, schema.filter(|schema| is_object(schema))) {
                (Some(name), Some(schema)) if is_name(&name) => {
                    Ok(Some(AnswerFormat::JsonSchema { name, description, schema: Some(schema), strict }))
                }
                _ => Err(problem()),
            }
        }
        _ => Err(problem()),
    }
}

/// The same as Anthropic has it: a schema without a name.
pub(super) fn read_schema(field: &str, format: Option<&RawValue>) -> AppResult<Option<AnswerFormat>> {
    let problem = || AppError::invalid(field, "A format has the type json_schema and a schema.");
    let Some(format) = format else { return Ok(None) };
    let read: Option<FormatFields> = serde_json::from_str(format.get()).map_err(|_| problem())?;
    match read {
        None => Ok(None),
        Some(FormatFields { kind, schema: Some(schema), .. }) if kind == "json_schema" => {
            let (name, strict) = ("answer".to_owned(), Some(true));
            Ok(Some(AnswerFormat::JsonSchema { name, description: None, schema: Some(schema), strict }))
        }
        Some(_) => Err(problem()),
    }
}

/// Whether it is one that all providers take for a tool or a schema.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}
