//! What the chat pages ask the server for. What changes something goes through the HTTP API instead.

use leptos::prelude::*;

use super::{Conversation, Message};
use crate::error::AppError;

/// A conversation with its messages; `None` for a new chat.
#[server(prefix = "/fn", endpoint = "load_conversation")]
pub async fn load_conversation(id: Option<String>) -> Result<Option<Conversation>, AppError> {
    use crate::server::{caller::Caller, state::AppState};
    let state = expect_context::<AppState>();
    let user = Caller::from_context(&state).await?;
    match id {
        Some(id) => super::service::load_conversation(&state, user.id, &id).await.map(Some),
        None => Ok(None),
    }
}

/// One message with its final HTML, once its reply has ended.
#[server(prefix = "/fn", endpoint = "load_message")]
pub async fn load_message(id: String) -> Result<Message, AppError> {
    use crate::server::{caller::Caller, state::AppState};
    let state = expect_context::<AppState>();
    let user = Caller::from_context(&state).await?;
    super::service::load_message(&state, user.id, &id).await
}
