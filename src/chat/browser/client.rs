//! What the chat asks of the HTTP API. It compiles for the server too, which never runs it.

use crate::chat::{
    ChatRequest, Conversation, ConversationSummary, Estimate, EstimateRequest, Message, ProviderInfo, Receipt,
};
use crate::platform::browser::api::{Failure, get, post};
use crate::platform::browser::subscription::Subscription;

/// Sends a message; the events of its reply come back. Sending it again with the same `key` charges nothing more and
/// gives the events of the same reply.
///
/// # Errors
/// What the server said, or that there was no answer; so with all that is here.
pub async fn send(request: &ChatRequest, key: &str) -> Result<Subscription, Failure> {
    Subscription::of(post("/api/chat").key(key).json(request)).await
}

/// Where the events of a reply are.
#[must_use]
pub fn events_path(message: &str) -> String {
    format!("/api/chat/{message}/events")
}

/// Stops a reply, for all who follow it.
pub async fn stop(message: &str) -> Result<(), Failure> {
    post(&format!("/api/chat/{message}/stop")).send().await.map(drop)
}

/// Begins a conversation with what has been said in another one up to a message.
pub async fn branch(conversation: &str, message: &str) -> Result<ConversationSummary, Failure> {
    let request = post(&format!("/api/conversations/{conversation}/branch"));
    request.body(format!("{{\"messageId\":\"{message}\"}}")).send().await?.data()
}

/// Shows the version of a conversation that has this message.
pub async fn choose_version(conversation: &str, message: &str) -> Result<(), Failure> {
    let request = post(&format!("/api/conversations/{conversation}/versions"));
    request.body(format!("{{\"messageId\":\"{message}\"}}")).send().await.map(drop)
}

/// A conversation with its newest messages, or with so many before the message `cursor`.
pub async fn load_conversation(id: &str, cursor: &str, limit: u32) -> Result<Conversation, Failure> {
    let query = if cursor.is_empty() { String::new() } else { format!("?limit={limit}&cursor={cursor}") };
    get(&format!("/api/conversations/{id}{query}")).send().await?.data()
}

/// One message, once its reply has ended.
pub async fn load_message(id: &str) -> Result<Message, Failure> {
    get(&format!("/api/chat/{id}")).send().await?.data()
}

/// What a message would cost.
pub async fn estimate(request: &EstimateRequest) -> Result<Estimate, Failure> {
    post("/api/chat/estimate").json(request).send().await?.data()
}

/// What an answer cost.
pub async fn load_receipt(id: &str) -> Result<Receipt, Failure> {
    get(&format!("/api/chat/{id}/receipt")).send().await?.data()
}

/// Who can be asked, and how they are.
pub async fn load_providers() -> Result<Vec<ProviderInfo>, Failure> {
    get("/api/providers").send().await?.data()
}
