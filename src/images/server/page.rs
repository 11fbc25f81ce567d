//! The pages of images.

use super::Images;
use super::service::GalleryQuery;
use crate::account::server::page::{AppPage, Loaded};
use crate::images::{Filter, ImageView};

/// The pages of images.
pub fn pages() -> Vec<AppPage<Images>> {
    vec![
        AppPage {
            path: "/images",
            load: |images, request| {
                Box::pin(async move {
                    // Read as the browser does, which follows the same addresses.
                    let Filter { q, favorites, cursor } = Filter::of(&request.uri.to_string());
                    let query = GalleryQuery { q, favorites, cursor };
                    Loaded::from(images.load_gallery(&request.caller, &query).await)
                })
            },
            submit: None,
            changes_credits: false,
        },
        AppPage {
            path: "/images/{id}",
            load: |images, request| {
                Box::pin(async move {
                    let id = request.id.unwrap_or_default();
                    Loaded::from(images.load_image(request.caller.id, &id).await.map(ImageView::from))
                })
            },
            submit: None,
            changes_credits: false,
        },
    ]
}
