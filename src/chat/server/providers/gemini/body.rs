//! What Gemini is asked.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::{AnswerFormat, Effort, ProviderRequest, Role, Turn};
use super::thinking::{ThinkingConfig, by_budget, by_level};
use super::tools::{
    FunctionCall, FunctionResponse, ToolConfig, ToolList, calls_of, config_of, list_of, results_of, seal_first,
};
use crate::generation::Refused;

/// Tokens on top of the answer's for models that think before they answer: both count as output.
const ROOM_TO_THINK: u32 = 1024;
/// As many, where they cannot be told to think little.
const ROOM_TO_THINK_LONG: u32 = 8192;

/// What can be left out where a model does not take it.
pub(super) const OPTIONAL: &[&str] =
    &["thinking", "thinkingConfig", "thinking_level", "thinkingLevel", "includeThoughts"];

/// How a model thinks before it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thinking {
    /// Not at all, as old ones.
    No,
    /// As it likes.
    Freely,
    /// As much as a level says.
    ByLevel,
}

impl Thinking {
    /// By the model's name, which may be an alias or of one's own: whatever is not known to be old thinks.
    fn of(model: &str) -> Self {
        const OLD: [&str; 7] = ["gemini-1", "gemini-2.0", "gemini-pro", "gemma", "learnlm", "text-bison", "chat-bison"];
        const FREELY: [&str; 1] = ["gemini-2.5"];
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let begins = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
        if begins(&OLD) {
            Self::No
        } else if begins(&FREELY) || !name.starts_with("gemini-") {
            Self::Freely
        } else {
            Self::ByLevel
        }
    }
}

impl Thinking {
    /// As it is asked to, where it does not take some of that.
    fn asked(model: &str, without: Refused) -> Self {
        match Self::of(model) {
            Self::ByLevel if without != Refused::NONE => Self::Freely,
            thinking => thinking,
        }
    }

    const fn room(self, effort: Option<Effort>) -> u32 {
        match (self, effort) {
            (Self::No, _) => 0,
            (Self::ByLevel, None | Some(Effort::None | Effort::Minimal | Effort::Low)) => ROOM_TO_THINK,
            (Self::Freely | Self::ByLevel, _) => ROOM_TO_THINK_LONG,
        }
    }
}

/// Tokens that a model may think, on top of those of its answer.
pub(super) fn room_to_think(model: &str, effort: Option<Effort>, without: Refused) -> u32 {
    Thinking::asked(model, without).room(effort)
}

/// What is said of how it is to think. Only models that are known take a budget.
fn thinking_config(
    model: &str,
    thinking: Thinking,
    effort: Option<Effort>,
    without: Refused,
) -> Option<ThinkingConfig> {
    match thinking {
        Thinking::ByLevel => Some(by_level(effort)),
        Thinking::Freely if without == Refused::NONE && model.contains("gemini-2.5") => {
            Some(by_budget(effort, model.contains("pro")))
        }
        Thinking::Freely | Thinking::No => None,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    generation_config: GenerationConfig<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolList<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Image {
        #[serde(rename = "inlineData")]
        inline_data: InlineData<'a>,
    },
    Call {
        #[serde(rename = "functionCall")]
        function_call: FunctionCall<'a>,
        #[serde(rename = "thoughtSignature", skip_serializing_if = "Option::is_none")]
        thought_signature: Option<Cow<'a, str>>,
    },
    Result {
        #[serde(rename = "functionResponse")]
        function_response: FunctionResponse<'a>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InlineData<'a> {
    mime_type: &'a str,
    /// Base64.
    data: String,
}

/// The text of a turn, then what it shows, or calls.
fn parts_of(turn: &Turn) -> Vec<Part<'_>> {
    let images = images_of(turn);
    // A part without a word in it is refused.
    text_of(turn).into_iter().chain(images).chain(calls_of(turn)).collect()
}

/// What a turn shows.
pub(super) fn images_of(turn: &Turn) -> impl Iterator<Item = Part<'_>> {
    turn.images
        .iter()
        .map(|image| Part::Image { inline_data: InlineData { mime_type: &image.media_type, data: image.to_base64() } })
}

fn text_of(turn: &Turn) -> Option<Part<'_>> {
    (!turn.content.trim().is_empty()).then(|| Part::Text { text: turn.told() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    max_output_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f32>,
    /// 32 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    /// As JSON Schema has it; `responseSchema` knows only some of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a RawValue>,
}

/// What was said. Results of tools that belong together are one turn of the user's.
fn contents_of(turns: &[Turn], wants_seals: bool) -> Vec<Content<'_>> {
    let said: Vec<_> = turns.iter().filter(|turn| turn.role != Role::System).collect();
    let first = said.iter().take_while(|turn| turn.role == Role::Assistant).count();
    let mut contents = Vec::<Content<'_>>::new();
    let mut was_result = false;
    for turn in &said[first..] {
        let is_result = turn.role == Role::Tool;
        let mut parts = if is_result { results_of(turn, turns) } else { parts_of(turn) };
        if wants_seals && turn.role == Role::Assistant {
            seal_first(&mut parts);
        }
        match contents.last_mut() {
            Some(last) if is_result && was_result => last.parts.append(&mut parts),
            _ if parts.is_empty() => {}
            _ => {
                let role = Some(if turn.role == Role::Assistant { "model" } else { "user" });
                contents.push(Content { role, parts });
            }
        }
        was_result = is_result;
    }
    contents
}

impl<'a> Body<'a> {
    pub(super) fn new(request: &'a ProviderRequest, model: &str, without: Refused) -> Self {
        let ProviderRequest { turns, sampling, .. } = request;
        let mut system: Vec<_> = turns.iter().filter(|turn| turn.role == Role::System).filter_map(text_of).collect();
        // The first turn is the user's: an older question may have fallen out of the context before its answer.
        let thinking = Thinking::asked(model, without);
        let mut contents = contents_of(turns, thinking == Thinking::ByLevel);
        // Without a turn of the user's nothing is answered.
        if contents.is_empty() && !system.is_empty() {
            contents.push(Content { role: Some("user"), parts: std::mem::take(&mut system) });
        }
        let effort = Effort::of(sampling);
        let most = sampling.max_output_tokens + thinking.room(effort);
        let format = sampling.format.as_ref();
        Self {
            system_instruction: (!system.is_empty()).then_some(Content { role: None, parts: system }),
            contents,
            tools: list_of(&sampling.toolbox),
            tool_config: config_of(&sampling.toolbox),
            generation_config: GenerationConfig {
                max_output_tokens: request.most_output.map_or(most, |paid| most.min(paid)),
                temperature: sampling.temperature,
                top_p: sampling.top_p,
                frequency_penalty: sampling.frequency_penalty,
                presence_penalty: sampling.presence_penalty,
                seed: sampling.seed.and_then(|seed| i32::try_from(seed.rem_euclid(1 << 31)).ok()),
                stop_sequences: &sampling.stop,
                thinking_config: thinking_config(model, thinking, effort, without),
                response_mime_type: format.map(|_| "application/json"),
                response_json_schema: format.and_then(AnswerFormat::schema),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Sampling;
    use super::*;

    fn request(turns: &[Turn], sampling: Sampling) -> ProviderRequest {
        ProviderRequest { turns: turns.to_vec(), model: None, sampling, most_output: None, must_fit: false }
    }

    #[test]
    fn system_turns_are_instructions_and_the_first_turn_is_the_users() {
        let turn = |role, content: &str| Turn::new(role, content);
        let turns = [
            turn(Role::System, "Be kind."),
            turn(Role::Assistant, "left over"),
            turn(Role::User, "Hi"),
            turn(Role::Assistant, "Hello"),
            turn(Role::User, "Bye"),
        ];
        let request = request(&turns, Sampling { max_output_tokens: 100, ..Sampling::default() });
        let body = serde_json::to_value(Body::new(&request, "gemini-3.8-flash", Refused::NONE)).unwrap();
        insta::assert_json_snapshot!(body, @r#"
        {
          "contents": [
            {
              "parts": [
                {
                  "text": "Hi"
                }
              ],
              "role": "user"
            },
            {
              "parts": [
                {
                  "text": "Hello"
                }
              ],
              "role": "model"
            },
            {
              "parts": [
                {
                  "text": "Bye"
                }
              ],
              "role": "user"
            }
          ],
          "generationConfig": {
            "maxOutputTokens": 1124,
            "thinkingConfig": {
              "includeThoughts": true,
              "thinkingLevel": "LOW"
            }
          },
          "systemInstruction": {
            "parts": [
              {
                "text": "Be kind."
              }
            ]
          }
        }
        "#);
    }

    #[test]
    fn a_format_of_openai_becomes_geminis() {
        let turns = [Turn::new(Role::User, "Hi")];
        let config = |format: AnswerFormat| {
            let sampling = Sampling { max_output_tokens: 100, format: Some(format), ..Sampling::default() };
            let request = request(&turns, sampling);
            let body = serde_json::to_value(Body::new(&request, "gemini-2.0-flash", Refused::NONE)).unwrap();
            body["generationConfig"].clone()
        };
        let mut expected = serde_json::json!({ "maxOutputTokens": 100, "responseMimeType": "application/json" });
        assert_eq!(config(AnswerFormat::JsonObject), expected);
        let schema = serde_json::json!({ "type": "object", "properties": { "city": { "type": "string" } } });
        expected["responseJsonSchema"] = schema.clone();
        let schema = serde_json::value::to_raw_value(&schema).ok();
        let format = AnswerFormat::JsonSchema { name: "place".to_owned(), description: None, schema, strict: None };
        assert_eq!(config(format), expected);
    }

    #[test]
    fn whatever_thinks_has_room_to_and_nothing_empty_is_sent() {
        let sampling = Sampling { max_output_tokens: 100, ..Sampling::default() };
        let turns = [
            Turn::new(Role::System, " "),
            Turn::new(Role::User, "Hi"),
            Turn::new(Role::Assistant, ""),
            Turn::new(Role::User, "Well?"),
        ];
        let mut request = request(&turns, sampling);
        let body = |model, without| serde_json::to_value(Body::new(&request, model, without)).unwrap();
        for (model, tokens, level) in [
            ("gemini-3.8-flash", 1124, true),
            ("models/gemini-3.8-flash", 1124, true),
            ("Gemini-3.8-Flash", 1124, true),
            ("gemini-flash-latest", 1124, true),
            ("gemini-4-pro", 1124, true),
            ("gemini-2.5-flash", 8292, true),
            ("tunedModels/my-model-7", 8292, false),
            ("gemini-1.5-pro", 100, false),
            ("models/gemini-2.0-flash", 100, false),
        ] {
            let body = body(model, Refused::NONE);
            let config = &body["generationConfig"];
            assert_eq!(
                (&config["maxOutputTokens"], config.get("thinkingConfig").is_some()),
                (&tokens.into(), level),
                "{model}"
            );
            assert_eq!(body["systemInstruction"], serde_json::Value::Null);
            assert_eq!(body["contents"].as_array().unwrap().len(), 2);
        }
        let learned = crate::generation::Learned::new(OPTIONAL);
        let fault = crate::generation::Fault::of("Thinking level is not supported for this model: thinking_level");
        let freely = body("gemini-flash-latest", learned.more(Refused::NONE, &fault, |_| true).unwrap());
        assert_eq!(freely["generationConfig"], serde_json::json!({ "maxOutputTokens": 8292 }));
        request.most_output = Some(600);
        let paid = serde_json::to_value(Body::new(&request, "gemini-3.8-flash", Refused::NONE)).unwrap();
        assert_eq!(paid["generationConfig"]["maxOutputTokens"], 600, "no more than what is paid for");
    }
}
