//! What is read from the rows of conversations and messages, and how images are stored in one.

use rusqlite::Row;

use crate::chat::{Author, ConversationSummary, CutReason, ImageRef, Message, MessageState, Thinking, ToolCall, Usage};
use crate::platform::db::{StoreError, StoreResult, rfc3339};
use crate::platform::ids::{ConversationId, MessageId};

pub(super) const MESSAGE: &str =
    "m.id, m.author, m.content, m.state, m.provider, m.model, m.fallback_from, m.credits, m.error_code,
    m.input_tokens, m.output_tokens, m.created_at, m.cached, m.images, m.cut, m.place, m.cut_reason,
    m.cached_input_tokens, m.reasoning_tokens, m.tokens_estimated, m.price_version, m.calls, m.thoughts, m.thought_ms,
    m.cache_write_tokens, m.cache_write_1h_tokens";

pub(super) fn read_message(row: &Row<'_>) -> StoreResult<Message> {
    let (author, state): (String, String) = (row.get(1)?, row.get(3)?);
    let usage = match (row.get(9)?, row.get(10)?) {
        (Some(input_tokens), Some(output_tokens)) => Some(Usage {
            input_tokens,
            output_tokens,
            cached_input_tokens: row.get(17)?,
            cache_write_tokens: row.get(24)?,
            cache_write_1h_tokens: row.get(25)?,
            reasoning_tokens: row.get(18)?,
            estimated: row.get(19)?,
        }),
        _ => None,
    };
    let (cut, cut_reason): (bool, Option<String>) = (row.get(14)?, row.get(16)?);
    Ok(Message {
        id: row.get::<_, MessageId>(0)?.to_string(),
        author: parse_author(&author)?,
        content: row.get(2)?,
        html: None,
        calls: read_calls(row.get(21)?)?,
        thinking: read_thinking(row.get(22)?, row.get(23)?),
        images: read_images(row.get(13)?)?,
        versions: Vec::new(),
        state: MessageState::parse(&state).ok_or_else(|| StoreError::Corrupt(format!("message state {state:?}")))?,
        provider: row.get(4)?,
        model: row.get(5)?,
        fallback_from: row.get(6)?,
        credits: row.get(7)?,
        cached: row.get(12)?,
        cut,
        cut_reason: cut.then(|| cut_reason.as_deref().map_or(CutReason::Length, CutReason::parse)),
        error_code: row.get(8)?,
        usage,
        price_version: row.get(20)?,
        created_at: rfc3339(row.get(11)?)?,
    })
}

fn read_thinking(text: Option<String>, millis: Option<u32>) -> Option<Thinking> {
    millis.map(|millis| Thinking { text: text.unwrap_or_default(), millis })
}

pub(super) fn read_images(json: Option<String>) -> StoreResult<Vec<ImageRef>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(&json).map_err(|error| StoreError::Corrupt(format!("images {json:?}: {error}")))
}

fn read_calls(json: Option<String>) -> StoreResult<Vec<ToolCall>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(&json).map_err(|error| StoreError::Corrupt(format!("calls {json:?}: {error}")))
}

/// `NULL` where there are none.
pub(super) fn calls_json(calls: &[ToolCall]) -> StoreResult<Option<String>> {
    if calls.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(calls).map(Some).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// `NULL` where there are none.
pub(super) fn images_json(images: &[ImageRef]) -> StoreResult<Option<String>> {
    if images.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(images).map(Some).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) const fn author_name(author: Author) -> &'static str {
    match author {
        Author::User => "user",
        Author::Assistant => "assistant",
    }
}

pub(super) fn parse_author(name: &str) -> StoreResult<Author> {
    match name {
        "user" => Ok(Author::User),
        "assistant" => Ok(Author::Assistant),
        other => Err(StoreError::Corrupt(format!("author {other:?}"))),
    }
}

pub(super) const SUMMARY: &str = "c.id, c.title, c.created_at, c.updated_at, c.pinned, c.share_hash IS NOT NULL";

pub(super) fn read_summary(row: &Row<'_>) -> StoreResult<ConversationSummary> {
    Ok(ConversationSummary {
        id: row.get::<_, ConversationId>(0)?.to_string(),
        title: row.get(1)?,
        pinned: row.get(4)?,
        shared: row.get(5)?,
        created_at: rfc3339(row.get(2)?)?,
        updated_at: rfc3339(row.get(3)?)?,
        snippet: None,
        message_id: None,
    })
}
