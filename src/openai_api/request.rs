//! What a client asks, and what it means here.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::chat::server::Chat;
use crate::chat::server::attachments;
use crate::chat::server::context::HISTORY_BYTES;
use crate::chat::server::providers::{MAX_OUTPUT_TOKENS, Role, Sampling, Turn};
use crate::chat::server::send::Terms;
use crate::platform::error::{AppError, AppResult};

/// The model that stands for the first provider that answers, in the configured order.
pub const ANY_MODEL: &str = "tessera";
/// Most texts that may end an answer.
const MAX_STOPS: usize = 4;
/// Most bytes of such a text.
const MAX_STOP_BYTES: usize = 256;

/// What a client asks. Other fields are ignored, as clients expect.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CompletionRequest {
    /// One of `/v1/models`.
    #[serde(default)]
    #[schema(required)]
    model: String,
    /// The last is the user's.
    #[serde(default)]
    #[schema(required)]
    messages: Vec<RequestMessage>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    /// The old name of `max_completion_tokens`.
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    stop: Option<Stop>,
    n: Option<i64>,
    #[schema(ignore)]
    tool_choice: Option<Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct RequestMessage {
    /// `system`, `developer`, `user` or `assistant`.
    #[serde(default)]
    #[schema(required)]
    role: String,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize, ToSchema)]
struct Part {
    /// `text` or `image_url`.
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: String,
    image_url: Option<ImageUrl>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct ImageUrl {
    /// A `data:` URL of an image.
    url: String,
}

#[derive(Debug, Deserialize, ToSchema)]
struct StreamOptions {
    /// A chunk of its own at the end says how many tokens were used.
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

impl CompletionRequest {
    pub fn is_stream(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether the stream ends with a chunk of its own for the usage.
    pub fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage == Some(true))
    }

    /// The context and how it is to be answered.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn read(self, chat: &Chat) -> AppResult<(Vec<Turn>, Terms)> {
        let picked = find_model(chat, &self.model)?;
        if self.n.is_some_and(|n| n != 1) {
            return Err(AppError::invalid("n", "One answer at a time: n is 1."));
        }
        if self
            .tool_choice
            .is_some_and(|choice| !matches!(choice.as_str(), None | Some("auto" | "none")) || choice.is_object())
        {
            return Err(AppError::invalid("tool_choice", "Tools are not called here: leave tool_choice out."));
        }
        let sampling = Sampling {
            max_output_tokens: read_limit(self.max_completion_tokens.or(self.max_tokens))?,
            temperature: check_range("temperature", self.temperature, 0.0, 2.0)?,
            top_p: check_range("top_p", self.top_p, 0.0, 1.0)?,
            stop: read_stops(self.stop)?,
        };
        Ok((
            read_messages(self.messages, chat.config.max_message_chars).await?,
            Terms { picked, fresh: false, sampling, delivery: None },
        ))
    }
}

/// Who answers under this name.
fn find_model(chat: &Chat, name: &str) -> AppResult<Option<(String, Option<String>)>> {
    if name == ANY_MODEL {
        return Ok(None);
    }
    let found = chat.providers.iter().find(|provider| provider.model() == name);
    match found {
        Some(provider) => Ok(Some((provider.name().to_owned(), None))),
        None if name.is_empty() => Err(AppError::invalid("model", "Say which model is to answer.")),
        None => {
            let problem = format!("The model `{name}` does not exist. GET /v1/models lists those that do.");
            Err(AppError::invalid("model", problem))
        }
    }
}

fn read_limit(tokens: Option<i64>) -> AppResult<u32> {
    match tokens {
        None => Ok(MAX_OUTPUT_TOKENS),
        Some(tokens) if tokens >= 1 => Ok(u32::try_from(tokens).unwrap_or(u32::MAX).min(MAX_OUTPUT_TOKENS)),
        Some(_) => Err(AppError::invalid("max_completion_tokens", "An answer has at least one token.")),
    }
}

fn check_range(field: &str, number: Option<f32>, least: f32, most: f32) -> AppResult<Option<f32>> {
    if number.is_some_and(|number| !(least..=most).contains(&number)) {
        return Err(AppError::invalid(field, format!("{field} is a number from {least} to {most}.")));
    }
    Ok(number)
}

fn read_stops(stop: Option<Stop>) -> AppResult<Vec<String>> {
    let stops = match stop {
        None => Vec::new(),
        Some(Stop::One(stop)) => vec![stop],
        Some(Stop::Several(stops)) => stops,
    };
    if stops.len() > MAX_STOPS || stops.iter().any(|stop| stop.is_empty() || stop.len() > MAX_STOP_BYTES) {
        let problem = format!("At most {MAX_STOPS} texts of 1 to {MAX_STOP_BYTES} bytes may end an answer.");
        return Err(AppError::invalid("stop", problem));
    }
    Ok(stops)
}

async fn read_messages(messages: Vec<RequestMessage>, max_message_chars: usize) -> AppResult<Vec<Turn>> {
    let mut turns = Vec::with_capacity(messages.len());
    for (number, RequestMessage { role, content }) in messages.into_iter().enumerate() {
        let role = match role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => {
                let problem = format!("The role {other:?} is not known here: system, developer, user or assistant.");
                return Err(AppError::invalid(format!("messages[{number}].role"), problem));
            }
        };
        let field = format!("messages[{number}].content");
        let (content, urls) = read_content(&field, content)?;
        let images = attachments::read_data_urls(urls).await.map_err(|error| match error {
            AppError::InvalidInput { message, .. } => AppError::invalid(field, message),
            other => other,
        })?;
        turns.push(Turn { role, content, images });
    }
    let Some(last) = turns.last().filter(|last| last.role == Role::User) else {
        return Err(AppError::invalid("messages", "The last message is the user's."));
    };
    if last.content.trim().is_empty() && last.images.is_empty() {
        return Err(AppError::invalid("messages", "The last message is empty."));
    }
    if last.content.chars().count() > max_message_chars {
        let problem = format!("The last message has more than {max_message_chars} characters.");
        return Err(AppError::invalid("messages", problem));
    }
    if turns.iter().map(|turn| turn.content.len()).sum::<usize>() > HISTORY_BYTES {
        let problem = format!("All messages together have more than {HISTORY_BYTES} bytes.");
        return Err(AppError::invalid("messages", problem));
    }
    Ok(turns)
}

/// The text, and the URLs of the images.
fn read_content(field: &str, content: Option<Content>) -> AppResult<(String, Vec<String>)> {
    let parts = match content {
        None => Vec::new(),
        Some(Content::Text(text)) => return Ok((text, Vec::new())),
        Some(Content::Parts(parts)) => parts,
    };
    let (mut text, mut urls) = (String::new(), Vec::new());
    for Part { kind, text: piece, image_url } in parts {
        match (kind.as_str(), image_url) {
            ("text", _) => text.push_str(&piece),
            ("image_url", Some(image)) => urls.push(image.url),
            _ => return Err(AppError::invalid(field, format!("Parts of type {kind:?} are not read here."))),
        }
    }
    Ok((text, urls))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn messages(json: Value) -> AppResult<Vec<Turn>> {
        read_messages(serde_json::from_value(json).unwrap(), 20).await
    }

    #[tokio::test]
    async fn messages_become_turns() {
        let turns = messages(serde_json::json!([
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "Hel" }, { "type": "text", "text": "lo" }] },
            { "role": "assistant", "content": null },
            { "role": "user", "content": "Well?" },
        ]))
        .await
        .unwrap();
        let told: Vec<_> = turns.iter().map(|turn| (turn.role, turn.content.as_str())).collect();
        let expected =
            [(Role::System, "Be brief."), (Role::User, "Hello"), (Role::Assistant, ""), (Role::User, "Well?")];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_refused_by_name() {
        let field = async |json: Value| match messages(json).await {
            Err(AppError::InvalidInput { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(serde_json::json!([])).await, "messages");
        assert_eq!(field(serde_json::json!([{ "role": "assistant", "content": "x" }])).await, "messages");
        assert_eq!(field(serde_json::json!([{ "role": "user", "content": "  " }])).await, "messages");
        assert_eq!(field(serde_json::json!([{ "role": "user", "content": "x".repeat(21) }])).await, "messages");
        assert_eq!(field(serde_json::json!([{ "role": "tool", "content": "x" }])).await, "messages[0].role");
        let link = serde_json::json!([
            { "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://example.org/cat.png" } }] },
        ]);
        assert_eq!(field(link).await, "messages[0].content");
        let audio = serde_json::json!([{ "role": "user", "content": [{ "type": "input_audio" }] }]);
        assert_eq!(field(audio).await, "messages[0].content");
        let long = serde_json::json!([
            { "role": "system", "content": "x".repeat(HISTORY_BYTES) }, { "role": "user", "content": "x" },
        ]);
        assert_eq!(field(long).await, "messages");
    }
}
