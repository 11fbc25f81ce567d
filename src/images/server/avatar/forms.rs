//! The forms of `/account` about the avatar: they need no script.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::account::server::forms::Sender;
use crate::account::server::sessions::forms::{back, refused_form};
use crate::images::server::Images;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::multipart::file_in;
use crate::platform::http::uploads::unread;
use crate::ui::Theme;

/// Where a picture is sent.
pub const AVATAR: &str = "/account/avatar";
/// Where it is taken away.
pub const REMOVE: &str = "/account/avatar/remove";
/// The field of the picture.
const PICTURE: &str = "picture";

/// The file of the form.
async fn picture_of(request: Request) -> AppResult<Bytes> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let body = Bytes::from_request(request, &()).await.map_err(unread)?;
    file_in(&kind, &body, PICTURE).ok_or_else(|| AppError::invalid("image", String::new()))
}

pub(super) async fn submit(
    State(images): State<Images>,
    Sender(caller): Sender,
    theme: Theme,
    request: Request,
) -> Response {
    let set = match picture_of(request).await {
        Ok(bytes) => images.set_avatar(caller.id, bytes).await,
        Err(error) => Err(error),
    };
    match set {
        Ok(_) => back("avatar-saved").into_response(),
        Err(AppError::InvalidInput { .. } | AppError::TooLarge) => back("avatar-refused").into_response(),
        Err(error) => refused_form(&images.site, theme, &error),
    }
}

pub(super) async fn remove(State(images): State<Images>, Sender(caller): Sender, theme: Theme) -> Response {
    match images.remove_avatar(caller.id).await {
        Ok(()) => back("avatar-removed").into_response(),
        Err(error) => refused_form(&images.site, theme, &error),
    }
}
