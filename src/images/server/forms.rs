//! The forms of the pages of images, for browsers without JavaScript.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::Images;
use super::order::ImageSpec;
use crate::account::server::caller::Caller;
use crate::account::server::forms::{PageForm, Sender};
use crate::document::response::error_page;
use crate::images::{ImageChange, ImageRequest, MOST_AT_ONCE};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::PathId;
use crate::platform::ids::ImageId;
use crate::ui::Theme;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageForm {
    #[serde(default)]
    prompt: String,
    aspect_ratio: Option<String>,
    provider: Option<String>,
    seed: Option<String>,
    count: Option<String>,
}

/// Orders what the form of `/images` asks for, and shows the gallery. What was refused comes back with what was typed.
pub(super) async fn submit(
    State(images): State<Images>,
    Sender(caller): Sender,
    theme: Theme,
    PageForm(form): PageForm<ImageForm>,
) -> Response {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let typed =
        [("prompt", form.prompt.clone()), ("aspectRatio", text(&form.aspect_ratio)), ("seed", text(&form.seed))];
    match order_several(&images, &caller, form).await {
        Ok(()) => Redirect::to("/images").into_response(),
        // Whatever is typed, there is no room.
        Err(error) if matches!(&error, AppError::InvalidInput { field, .. } if field == "images") => {
            error_page(&images.site, theme, &error)
        }
        Err(error) => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            // Only the code: what is in an address can have been written by anybody.
            query.append_pair("error", error.code()).extend_pairs(typed);
            Redirect::to(&format!("/images?{}", query.finish())).into_response()
        }
    }
}

async fn order_several(images: &Images, caller: &Caller, form: ImageForm) -> AppResult<()> {
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let number = |field: &str, text: Option<String>| {
        let parsed = filled(text).map(|text| text.trim().parse::<u32>()).transpose();
        parsed.map_err(|_| AppError::invalid(field, "This is not a number."))
    };
    let count = number("count", form.count)?.unwrap_or(1);
    if !(1..=MOST_AT_ONCE).contains(&usize::try_from(count).unwrap_or(usize::MAX)) {
        return Err(AppError::invalid("count", format!("1 to {MOST_AT_ONCE} images at once.")));
    }
    let first = number("seed", form.seed)?.unwrap_or_else(rand::random);
    let request = ImageRequest {
        prompt: form.prompt,
        aspect_ratio: filled(form.aspect_ratio),
        provider: filled(form.provider),
        seed: None,
    };
    for number in 0..count {
        let request = ImageRequest { seed: Some(first.wrapping_add(number)), ..request.clone() };
        let ordered = images.generate_image(caller, ImageSpec::read(images, request, caller)?, None).await;
        // What was ordered already is in the gallery, which shows how many there are.
        if let (0, Err(error)) = (number, ordered) {
            return Err(error);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
pub(super) struct ChangeForm {
    action: String,
}

/// What the buttons of `/images/{id}` and of the gallery do.
pub(super) async fn submit_change(
    State(images): State<Images>,
    Sender(caller): Sender,
    theme: Theme,
    PathId(id): PathId<ImageId>,
    PageForm(ChangeForm { action }): PageForm<ChangeForm>,
) -> Response {
    let here = format!("/images/{id}");
    let favorite = |favorite| images.change_image(caller.id, id, ImageChange { favorite: Some(favorite) });
    let done = match action.as_str() {
        "favorite" => favorite(true).await.map(|_| here),
        "unfavorite" => favorite(false).await.map(|_| here),
        "delete" => images.delete_image(caller.id, id).await.map(|()| "/images".to_owned()),
        "stop" => images.stop_image(caller.id, id).await.map(|()| "/images".to_owned()),
        "again" => order_again(&images, &caller, id).await.map(|()| "/images".to_owned()),
        _ => Err(AppError::invalid("action", "The action is favorite, unfavorite, delete, stop or again.")),
    };
    match done {
        Ok(next) => Redirect::to(&next).into_response(),
        Err(error) => error_page(&images.site, theme, &error),
    }
}

/// Another image of the same prompt and shape.
async fn order_again(images: &Images, caller: &Caller, id: ImageId) -> AppResult<()> {
    let image = images.find_image(caller.id, id).await?;
    let request = ImageRequest {
        prompt: image.prompt,
        aspect_ratio: Some(image.aspect_ratio.as_str().to_owned()),
        // It may not be configured any more: then the first is asked.
        provider: images
            .providers
            .iter()
            .map(|provider| provider.name().to_owned())
            .find(|name| *name == image.provider),
        seed: None,
    };
    images.generate_image(caller, ImageSpec::read(images, request, caller)?, None).await.map(drop)
}
