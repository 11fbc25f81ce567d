//! What the list of conversations asks of the HTTP API.

use gloo_net::http::{Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::chat::{ConversationChange, ConversationSummary, ShareLink};
use crate::credits::Page;
use crate::platform::browser::json::{read_answer, read_json};
use crate::platform::error::{AppError, AppResult};

/// Changes what a change names.
pub async fn change_conversation(id: &str, change: &ConversationChange) -> AppResult<()> {
    let request = Request::patch(&path(id)).json(change).map_err(|_| AppError::Internal)?;
    accepted(request.send().await).await.map(drop)
}

/// Deletes a conversation with its messages.
pub async fn delete_conversation(id: &str) -> AppResult<()> {
    accepted(Request::delete(&path(id)).send().await).await.map(drop)
}

/// Makes a new link to a conversation.
pub async fn share_conversation(id: &str) -> AppResult<String> {
    let response = accepted(Request::post(&format!("{}/share", path(id))).send().await).await?;
    read::<ShareLink>(response).await.map(|link| link.url)
}

/// Ends the link to a conversation.
pub async fn unshare_conversation(id: &str) -> AppResult<()> {
    accepted(Request::delete(&format!("{}/share", path(id))).send().await).await.map(drop)
}

/// What the model is told first in a conversation; empty: nothing.
pub async fn load_system_prompt(id: &str) -> AppResult<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Prompted {
        system_prompt: Option<String>,
    }
    let response = accepted(Request::get(&path(id)).send().await).await?;
    read::<Prompted>(response).await.map(|conversation| conversation.system_prompt.unwrap_or_default())
}

/// The newest conversations that contain a text.
pub async fn search_conversations(text: &str) -> AppResult<Page<ConversationSummary>> {
    let text = js_sys::encode_uri_component(text);
    read(accepted(Request::get(&format!("/api/conversations?q={text}")).send().await).await?).await
}

fn path(id: &str) -> String {
    format!("/api/conversations/{id}")
}

async fn read<T: DeserializeOwned>(response: Response) -> AppResult<T> {
    read_answer(&response.text().await.map_err(|_| AppError::Unavailable)?)
}

/// The answer, unless the server refused; why it did is in its own words.
async fn accepted(response: Result<Response, gloo_net::Error>) -> AppResult<Response> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let response = response.map_err(|_| AppError::Unavailable)?;
    match response.status() {
        200..300 => Ok(response),
        401 => Err(AppError::Unauthenticated),
        404 => Err(AppError::NotFound),
        400..500 => {
            let refusal = read_json(&response.text().await.map_err(|_| AppError::Unavailable)?);
            Err(refusal.map_or(AppError::Unavailable, |Refusal { error }| AppError::Conflict(error)))
        }
        _ => Err(AppError::Unavailable),
    }
}
