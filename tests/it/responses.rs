//! Answers of the API as clients read them. The types say again what src/ says, so that a name that changes there fails here.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The data of a success.
#[track_caller]
pub fn data<T: DeserializeOwned>((status, body): (u16, Value)) -> T {
    assert!((200..300).contains(&status) && body["success"] == true, "{status}: {body}");
    serde_json::from_value(body["data"].clone()).unwrap_or_else(|error| panic!("{error} in {body}"))
}

/// The items of a list.
#[track_caller]
pub fn items<T: DeserializeOwned>(answer: (u16, Value)) -> Vec<T> {
    data::<Page<T>>(answer).items
}

/// A refusal in one line: status, code, and what is wrong with what (`400 invalid_input: name`).
#[track_caller]
pub fn refusal((status, body): (u16, Value)) -> String {
    assert!(status >= 400 && body["success"] == false, "{status}: {body}");
    let Refusal { code, field, needed, available, error, request_id } =
        serde_json::from_value(body.clone()).unwrap_or_else(|error| panic!("{error} in {body}"));
    assert!(!error.is_empty() && !request_id.is_empty(), "{body}");
    let credits = needed.zip(available).map(|(needed, available)| format!("{available} of {needed}"));
    match field.or(credits) {
        Some(what) => format!("{status} {code}: {what}"),
        None => format!("{status} {code}"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    error: String,
    code: String,
    request_id: String,
    field: Option<String>,
    needed: Option<i64>,
    available: Option<i64>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

/// What came of a message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatAnswer {
    pub reply: String,
    pub conversation_id: String,
    pub message_id: String,
    pub provider: String,
    pub credits: i64,
    pub remaining_credits: i64,
    pub cached: bool,
}

/// A conversation as it is read and listed, where it has no messages.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    pub id: String,
    pub title: String,
    pub pinned: bool,
    pub shared: bool,
    pub system_prompt: Option<String>,
    #[serde(default)]
    pub messages: Vec<Message>,
}

impl Conversation {
    /// What was said in it.
    pub fn said(&self) -> Vec<&str> {
        self.messages.iter().map(|message| message.content.as_str()).collect()
    }
}

/// A message of a conversation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub content: String,
    pub html: Option<String>,
    pub state: String,
    pub credits: i64,
    pub provider: Option<String>,
    pub model: Option<String>,
}

/// The link of a conversation.
#[derive(Debug, Deserialize)]
pub struct ShareLink {
    pub url: String,
}

/// An API key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    pub id: String,
    pub per_minute: Option<u32>,
    pub budget: Option<i64>,
    pub spent: i64,
    pub scopes: Vec<String>,
    pub expires_at: Option<String>,
    pub expired: bool,
    pub last_used_at: Option<String>,
    /// Only of a new one.
    pub key: Option<String>,
}

/// An image that was ordered.
#[derive(Debug, Deserialize)]
pub struct Ordered {
    pub id: String,
    pub status: String,
    pub credits: i64,
}

/// An image, and where it is read alone, what is beside it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    pub id: String,
    pub status: String,
    pub credits: i64,
    pub error_code: Option<String>,
    pub prompt: String,
    pub aspect_ratio: String,
    pub seed: u32,
    pub favorite: bool,
    pub conversation_id: Option<String>,
    pub newer: Option<String>,
    pub older: Option<String>,
}

/// How many images were deleted.
#[derive(Debug, Deserialize)]
pub struct Deleted {
    pub deleted: usize,
}
