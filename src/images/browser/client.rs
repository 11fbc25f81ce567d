//! What the pages of images ask of the HTTP API. It compiles for the server too, which never runs it.

use serde::Deserialize;

use crate::credits::Page;
use crate::images::{
    Filter, Gallery, Image, ImageChange, ImageRequest, ImageSelection, ImageTicket, ImageView, Studio,
};
use crate::platform::browser::api::{Failure, get, patch, post};

/// The images of a page of the gallery, from where the filter says.
pub(super) async fn load_images(filter: &Filter) -> Result<Page<Image>, Failure> {
    get(&filter.api_path()).send().await?.data()
}

/// What can be asked for.
pub(super) async fn load_studio() -> Result<Studio, Failure> {
    get("/api/image").send().await?.data()
}

/// What `/images` shows first.
pub(super) async fn load_gallery(filter: &Filter) -> Result<Gallery, Failure> {
    Ok(Gallery { studio: load_studio().await?, images: load_images(filter).await? })
}

/// An image and what is beside it.
pub(super) async fn load_image(id: &str) -> Result<ImageView, Failure> {
    #[derive(Deserialize)]
    struct Beside {
        newer: Option<String>,
        older: Option<String>,
    }
    let answer = get(&path(id)).send().await?;
    let Beside { newer, older } = answer.data()?;
    Ok(ImageView { image: answer.data()?, newer, older })
}

/// Has an image made. Again with the same key, it is the same image.
pub(super) async fn make_image(request: &ImageRequest, key: &str) -> Result<ImageTicket, Failure> {
    post("/api/image").key(key).json(request).send().await?.data()
}

/// Makes an image a favorite, or no longer one.
pub(super) async fn change_image(id: &str, change: &ImageChange) -> Result<(), Failure> {
    patch(&path(id)).json(change).send().await.map(drop)
}

/// Deletes up to [`crate::images::MOST_IN_BULK`] images.
pub(super) async fn delete_images(ids: Vec<String>) -> Result<(), Failure> {
    post("/api/images/delete").json(&ImageSelection { ids }).send().await.map(drop)
}

/// Stops an image in the making.
pub(super) async fn stop_image(id: &str) -> Result<(), Failure> {
    post(&format!("{}/stop", path(id))).send().await.map(drop)
}

/// Where the events of an image in the making are.
pub(super) fn events_path(id: &str) -> String {
    format!("{}/events", path(id))
}

fn path(id: &str) -> String {
    format!("/api/images/{id}")
}
