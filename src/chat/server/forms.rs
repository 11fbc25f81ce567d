//! The forms of the chat for browsers without JavaScript.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::Chat;
use super::api::ChoiceBody;
use super::unsent;
use crate::account::server::forms::{PageForm, Sender};
use crate::chat::ChatRequest;
use crate::document::response::error_page;
use crate::platform::error::AppError;
use crate::ui::Theme;

#[derive(Deserialize)]
pub(super) struct ChatForm {
    #[serde(default)]
    message: String,
    #[serde(rename = "conversationId")]
    conversation_id: Option<String>,
    provider: Option<String>,
}

/// Sends, waits for the whole answer, and shows the conversation.
pub(super) async fn submit_message(
    State(chat): State<Chat>,
    sender: Result<Sender, Response>,
    theme: Theme,
    PageForm(form): PageForm<ChatForm>,
) -> Response {
    let Sender(caller) = match sender {
        Ok(sender) => sender,
        Err(refusal) => return unsent::keep(refusal, &form.message, form.conversation_id.as_deref(), &chat.site),
    };
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (message, conversation) = (form.message.clone(), filled(form.conversation_id));
    let request = ChatRequest {
        message: form.message,
        conversation_id: conversation.clone(),
        provider: filled(form.provider),
        ..ChatRequest::default()
    };
    let sent = match chat.send_message(&caller, request, None).await {
        Ok(asked) => chat.await_end(caller.id, asked.reply).await,
        Err(error) => Err(error),
    };
    match sent {
        // A reply that failed says so itself, in the conversation.
        Ok(reply) => Redirect::to(&format!("/chat/{}", reply.conversation)).into_response(),
        Err(AppError::InsufficientCredits { .. }) => {
            unsent::keep_while_buying(&message, conversation.as_deref(), &chat.site)
        }
        Err(error) => error_page(&chat.site, theme, &error),
    }
}

/// Shows another version, for browsers without JavaScript.
pub(super) async fn submit_choice(
    State(chat): State<Chat>,
    Sender(caller): Sender,
    theme: Theme,
    Path(id): Path<String>,
    PageForm(choice): PageForm<ChoiceBody>,
) -> Response {
    let chosen = async {
        let id = id.parse().map_err(|_| AppError::NotFound)?;
        chat.choose_version(caller.id, id, choice.message()?).await
    };
    match chosen.await {
        Ok(()) => Redirect::to(&format!("/chat/{id}")).into_response(),
        Err(error) => error_page(&chat.site, theme, &error),
    }
}
