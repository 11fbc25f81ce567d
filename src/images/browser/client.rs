//! The browser's side of `/api/image` and `/api/images`. It compiles for the server too, which never runs it.

use gloo_net::http::{Request, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::credits::Page;
use crate::i18n::{Text, fill, t};
use crate::images::{
    Filter, Gallery, Image, ImageChange, ImageRequest, ImageSelection, ImageTicket, ImageView, Studio,
};
use crate::platform::browser::json::{read_answer, read_json};

/// Why the server did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// [`crate::platform::error::AppError::code`]; empty when there was no answer.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// There was no answer, or none that can be read.
    pub(super) fn unreachable() -> Self {
        Self { code: String::new(), message: t(Text::ImagesUnreachable).to_owned() }
    }
}

/// The images of a page of the gallery, from where the filter says.
pub(super) async fn load_images(filter: &Filter) -> Result<Page<Image>, Refusal> {
    read(&send(Request::get(&filter.api_path()), None).await?)
}

/// What can be asked for.
pub(super) async fn load_studio() -> Result<Studio, Refusal> {
    read(&send(Request::get("/api/image"), None).await?)
}

/// What `/images` shows first.
pub(super) async fn load_gallery(filter: &Filter) -> Result<Gallery, Refusal> {
    Ok(Gallery { studio: load_studio().await?, images: load_images(filter).await? })
}

/// An image and what is beside it.
pub(super) async fn load_image(id: &str) -> Result<ImageView, Refusal> {
    #[derive(Deserialize)]
    struct Beside {
        newer: Option<String>,
        older: Option<String>,
    }
    let answer = send(Request::get(&path(id)), None).await?;
    let Beside { newer, older } = read(&answer)?;
    Ok(ImageView { image: read(&answer)?, newer, older })
}

/// Has an image made. Again with the same key, it is the same image.
pub(super) async fn make_image(request: &ImageRequest, key: &str) -> Result<ImageTicket, Refusal> {
    let builder = Request::post("/api/image").header("Idempotency-Key", key);
    read(&send(builder, serde_json::to_string(request).ok()).await?)
}

/// Makes an image a favorite, or no longer one.
pub(super) async fn change_image(id: &str, change: &ImageChange) -> Result<(), Refusal> {
    send(Request::patch(&path(id)), serde_json::to_string(change).ok()).await.map(drop)
}

/// Deletes up to [`crate::images::MOST_IN_BULK`] images.
pub(super) async fn delete_images(ids: Vec<String>) -> Result<(), Refusal> {
    let body = serde_json::to_string(&ImageSelection { ids }).ok();
    send(Request::post("/api/images/delete"), body).await.map(drop)
}

/// Stops an image in the making.
pub(super) async fn stop_image(id: &str) -> Result<(), Refusal> {
    send(Request::post(&format!("{}/stop", path(id))), None).await.map(drop)
}

fn path(id: &str) -> String {
    format!("/api/images/{id}")
}

fn read<T: DeserializeOwned>(answer: &str) -> Result<T, Refusal> {
    read_answer(answer).map_err(|_| Refusal::unreachable())
}

/// What the server answered, if it did what it was asked.
async fn send(builder: RequestBuilder, body: Option<String>) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    struct Failure {
        code: String,
        error: String,
    }
    let request = match body {
        Some(body) => builder.header("Content-Type", "application/json").body(body),
        None => builder.build(),
    };
    let response = request.map_err(|_| Refusal::unreachable())?.send().await.map_err(|_| Refusal::unreachable())?;
    let answer = response.text().await.map_err(|_| Refusal::unreachable())?;
    if response.ok() {
        return Ok(answer);
    }
    Err(match read_json(&answer) {
        Some(Failure { code, error }) => Refusal { code, message: error },
        // A proxy in between answers with a page of its own.
        None => Refusal {
            message: fill(Text::AnsweredWithStatus, &[("status", &response.status().to_string())]),
            ..Refusal::default()
        },
    })
}
