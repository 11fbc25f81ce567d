//! What Gemini is asked.

use serde::Serialize;

use super::super::{Role, Sampling, Turn};

/// Tokens on top of the answer's for models that think before they answer: both count as output.
const ROOM_TO_THINK: u32 = 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    generation_config: GenerationConfig<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Part<'a> {
    Text {
        text: &'a str,
    },
    Image {
        #[serde(rename = "inlineData")]
        inline_data: InlineData<'a>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InlineData<'a> {
    mime_type: &'a str,
    /// Base64.
    data: String,
}

/// The text of a turn, then what it shows.
fn parts_of(turn: &Turn) -> Vec<Part<'_>> {
    let images = turn
        .images
        .iter()
        .map(|image| Part::Image { inline_data: InlineData { mime_type: &image.media_type, data: image.to_base64() } });
    std::iter::once(Part::Text { text: &turn.content }).chain(images).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    max_output_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig {
    thinking_level: &'static str,
}

impl<'a> Body<'a> {
    pub(super) fn new(turns: &'a [Turn], model: &str, sampling: &'a Sampling) -> Self {
        let system: Vec<_> = turns
            .iter()
            .filter(|turn| turn.role == Role::System)
            .map(|turn| Part::Text { text: &turn.content })
            .collect();
        // The first turn is the user's: an older question may have fallen out of the context before its answer.
        let contents = turns
            .iter()
            .filter(|turn| turn.role != Role::System)
            .skip_while(|turn| turn.role == Role::Assistant)
            .map(|turn| Content {
                role: Some(if turn.role == Role::Assistant { "model" } else { "user" }),
                parts: parts_of(turn),
            })
            .collect();
        // Gemini 3 thinks, and is told how much by a level; older models know other settings.
        let thinks = model.starts_with("gemini-3");
        Self {
            system_instruction: (!system.is_empty()).then_some(Content { role: None, parts: system }),
            contents,
            generation_config: GenerationConfig {
                max_output_tokens: sampling.max_output_tokens + if thinks { ROOM_TO_THINK } else { 0 },
                temperature: sampling.temperature,
                top_p: sampling.top_p,
                stop_sequences: &sampling.stop,
                thinking_config: thinks.then_some(ThinkingConfig { thinking_level: "LOW" }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let body = serde_json::to_value(Body::new(
            &turns,
            "gemini-3.8-flash",
            &Sampling { max_output_tokens: 100, ..Sampling::default() },
        ))
        .unwrap();
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
}
