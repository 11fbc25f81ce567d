//! What the list of conversations asks of the HTTP API.

use gloo_net::http::{Request, Response};
use serde::Serialize;

use crate::error::{AppError, AppResult};

#[derive(Serialize)]
struct NewTitle<'a> {
    title: &'a str,
}

/// Gives a conversation another title.
pub async fn rename_conversation(id: &str, title: &str) -> AppResult<()> {
    let request = Request::patch(&path(id)).json(&NewTitle { title }).map_err(|_| AppError::Internal)?;
    outcome(&request.send().await.map_err(|_| AppError::Unavailable)?)
}

/// Deletes a conversation with its messages.
pub async fn delete_conversation(id: &str) -> AppResult<()> {
    outcome(&Request::delete(&path(id)).send().await.map_err(|_| AppError::Unavailable)?)
}

fn path(id: &str) -> String {
    format!("/api/conversations/{id}")
}

/// The status alone: parsing the text of a failure would cost more than it tells here.
fn outcome(response: &Response) -> AppResult<()> {
    match response.status() {
        200..300 => Ok(()),
        400 | 422 => Err(AppError::invalid("title", "Enter a title of at most 100 characters.")),
        401 => Err(AppError::Unauthenticated),
        404 => Err(AppError::NotFound),
        _ => Err(AppError::Unavailable),
    }
}
