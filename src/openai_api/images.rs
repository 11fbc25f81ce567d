//! `POST /v1/images/generations`: images for clients of `OpenAI`.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::{join_all, pending};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::V1Error;
use super::fields::Whole;
use super::leash::Leash;
use super::open::Open;
use super::options::check_absent;
use crate::account::server::caller::{Caller, SPEND};
use crate::api_docs::{Refusal, Spending};
use crate::chat::ANY_MODEL;
use crate::chat::server::Chat;
use crate::credits::server::store::{Idempotency, WorkKind};
use crate::generation::{Delivery, check_key};
use crate::images::server::generate::MadePicture;
use crate::images::server::order::{AcceptedImage, ImageSpec};
use crate::images::server::storage::Rendition;
use crate::images::server::subscribe::error_of;
use crate::images::{AspectRatio, Image, ImageRequest, MOST_AT_ONCE};
use crate::platform::amount::Amount;
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{ApiError, JsonBody, idempotency_key, read_json, with_quota_of_success};
use crate::platform::http::keep_alive::{json_once_taken, keep_alive};
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::http::uploads::on_bytes;

/// What a client asks. Other fields are ignored, as clients expect.
#[derive(Debug, Deserialize, ToSchema)]
pub struct GenerationRequest {
    /// What is to be seen.
    #[serde(default)]
    #[schema(required)]
    prompt: String,
    /// `tessera`, or the model of an image provider.
    model: Option<String>,
    /// 1 to 4.
    #[schema(value_type = Option<i64>)]
    n: Option<Whole>,
    /// `auto`, or width and height such as `1024x1024`, `1536x1024`, `1344x768`.
    size: Option<String>,
    /// `b64_json`, or `url`: an address here that the same key can read.
    response_format: Option<String>,
    /// `png`.
    output_format: Option<String>,
    /// `opaque` or `auto`.
    #[schema(value_type = Option<String>)]
    background: Option<Value>,
    stream: Option<bool>,
    // What is not done here: only values that ask for nothing are taken.
    #[schema(ignore)]
    quality: Option<Value>,
    #[schema(ignore)]
    style: Option<Value>,
}

/// The images.
#[derive(Debug, Serialize, ToSchema)]
pub struct Generations {
    /// Seconds since 1970.
    created: i64,
    output_format: &'static str,
    /// `1344x768`
    size: String,
    data: Vec<Generation>,
}

impl Generations {
    fn new(size: String, data: Vec<Generation>) -> Self {
        Self { created: now_millis() / 1000, output_format: "png", size, data }
    }
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Generation {
    /// The PNG.
    #[serde(skip_serializing_if = "Option::is_none")]
    b64_json: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// Create images (OpenAI-compatible).
///
/// Each costs the same as an image, by the same rules, and appears in the gallery. Closing the connection before the response
/// stops the work and is free; with an `Idempotency-Key` the images are finished and kept for a retry with the same key.
/// Responses that take longer than 15 s are preceded by white space, and a failure after that is reported in the body of a 200.
#[utoipa::path(post, path = "/v1/images/generations", tag = "OpenAI-compatible API",
    request_body(content = GenerationRequest,
        example = json!({"model": "tessera", "prompt": "A lighthouse at dusk", "size": "1536x1024"})),
    responses((status = 200, description = "The images.", body = Generations), Spending, Refusal::<404>))]
pub async fn create_images(
    State(chat): State<Chat>,
    caller: Result<Open<SPEND>, ApiError>,
    headers: HeaderMap,
    body: Result<JsonBody, ApiError>,
) -> Result<Response, V1Error> {
    let begun = Instant::now();
    let Open(caller) = caller?;
    let JsonBody { bytes, permit } = body?;
    let (key, length) = (idempotency_key(&headers)?, bytes.len());
    let reading = move || {
        let request: GenerationRequest = read_json(&bytes)?;
        Ok::<_, AppError>((request, key.map(|key| check_key(key, &bytes)).transpose()?))
    };
    let (request, idempotency) = on_bytes(length, reading).await??;
    let as_url = match request.response_format.as_deref() {
        None | Some("b64_json") => false,
        Some("url") => true,
        Some(_) => return Err(AppError::invalid("response_format", "b64_json or url.").into()),
    };
    let wishes = read(&chat, &caller, &request)?;
    let ordered = order(&chat, &caller, wishes, idempotency).await;
    let (ordered, leash) = ordered.map_err(|error| V1Error::from(error).with_shop(&chat.site.public_url))?;
    drop(permit);
    let quota = ordered.last().map(|one| one.accepted.quota);
    let work = async move {
        let answer = if as_url {
            answer_with_urls(&chat, &caller, &ordered, leash).await
        } else {
            answer_with_bytes(&chat, &caller, &ordered, leash).await
        };
        answer.unwrap_or_else(|error| V1Error::from(error).into_response())
    };
    let response = keep_alive(begun, work).await;
    Ok(match quota {
        Some(quota) => with_quota_of_success(response, quota),
        None => response,
    })
}

/// An image that was ordered, and where its job lays it down for this connection.
struct Ordered {
    accepted: AcceptedImage,
    delivery: Option<Delivery<MadePicture>>,
}

/// The images themselves. They are charged for when the connection takes the answer.
async fn answer_with_bytes(
    chat: &Chat,
    caller: &Caller,
    ordered: &[Ordered],
    leash: Leash<MadePicture>,
) -> AppResult<Response> {
    let made = join_all(ordered.iter().map(|one| await_picture(chat, caller, one))).await;
    let pictures = those_that_succeeded(made)?;
    let data =
        pictures.iter().map(|picture| Generation { b64_json: Some(BASE64_STANDARD.encode(&picture.png)), url: None });
    let size = pictures.last().map(|picture| format!("{}x{}", picture.width, picture.height)).unwrap_or_default();
    json_once_taken(&Generations::new(size, data.collect()), move || leash.hand_over())
}

/// Where the images are: there they have to be when the connection reads of it.
async fn answer_with_urls(
    chat: &Chat,
    caller: &Caller,
    ordered: &[Ordered],
    leash: Leash<MadePicture>,
) -> AppResult<Response> {
    let made = join_all(ordered.iter().map(|one| await_picture(chat, caller, one))).await;
    those_that_succeeded(made)?;
    // It is asking, or this would not go on.
    if !leash.hand_over().await {
        return Err(AppError::Unavailable);
    }
    let ended = join_all(ordered.iter().map(|one| chat.images.await_end(caller.id, one.accepted.id))).await;
    let shown = |image: AppResult<Image>| image.and_then(|image| error_of(&image).map_or(Ok(image), Err));
    let images = those_that_succeeded(ended.into_iter().map(shown).collect())?;
    let size = images.last().map(|image| format!("{}x{}", image.width, image.height)).unwrap_or_default();
    let address = |image: &Image| chat.site.public_url.join(&image.image_url).map_err(|_| AppError::Internal);
    let data = images.iter().map(|image| Ok(Generation { b64_json: None, url: Some(address(image)?.into()) }));
    Ok(Json(Generations::new(size, data.collect::<AppResult<_>>()?)).into_response())
}

/// What there is goes out: it is not withheld because another one failed. If there is none, the last failure says why.
fn those_that_succeeded<T>(made: Vec<AppResult<T>>) -> AppResult<Vec<T>> {
    let (mut succeeded, mut last) = (Vec::new(), AppError::Unavailable);
    for one in made {
        match one {
            Ok(one) => succeeded.push(one),
            Err(error) => last = error,
        }
    }
    if succeeded.is_empty() { Err(last) } else { Ok(succeeded) }
}

/// The picture, from its job, which waits until it is taken, or as it was stored.
async fn await_picture(chat: &Chat, caller: &Caller, ordered: &Ordered) -> AppResult<MadePicture> {
    let id = ordered.accepted.id;
    let laid_down = async {
        match &ordered.delivery {
            Some(delivery) => delivery.result().await,
            None => pending().await,
        }
    };
    let image = tokio::select! {
        biased;
        picture = laid_down => return Ok(picture),
        image = chat.images.await_end(caller.id, id) => image?,
    };
    if let Some(error) = error_of(&image) {
        return Err(error);
    }
    let (_, png) = chat.images.load_file(caller.id, id, Rendition::Full).await?;
    Ok(MadePicture { png, width: image.width, height: image.height })
}

fn read(chat: &Chat, caller: &Caller, request: &GenerationRequest) -> AppResult<Vec<ImageSpec>> {
    if request.stream == Some(true) {
        return Err(AppError::invalid("stream", "Images come whole: leave stream out."));
    }
    if request.output_format.as_deref().is_some_and(|format| format != "png") {
        return Err(AppError::invalid("output_format", "Images are png."));
    }
    let is_one_of = |values: &'static [&str]| {
        move |value: &Value| value.as_str().is_some_and(|value| value.is_empty() || values.contains(&value))
    };
    let problem = "Images have no transparent background here: opaque or auto.";
    check_absent("background", request.background.as_ref(), is_one_of(&["auto", "opaque"]), problem)?;
    let problem = "There is one quality here: leave it out.";
    check_absent("quality", request.quality.as_ref(), is_one_of(&["auto", "standard"]), problem)?;
    check_absent("style", request.style.as_ref(), is_one_of(&["auto"]), "There are no styles here: leave it out.")?;
    let n = request.n.map_or(1, |Whole(n)| usize::try_from(n).unwrap_or(0));
    if !(1..=MOST_AT_ONCE).contains(&n) {
        return Err(AppError::invalid("n", format!("1 to {MOST_AT_ONCE} images at once.")));
    }
    let model = request.model.as_deref().unwrap_or(ANY_MODEL);
    let provider = match model {
        ANY_MODEL => None,
        model => {
            let open = chat.generation.open(WorkKind::Image, &chat.images.providers, caller);
            let known = open.iter().find(|provider| provider.model() == model || provider.name() == model);
            let unknown = || AppError::invalid("model", format!("The model `{model}` makes no images here."));
            Some(known.ok_or_else(unknown)?.name().to_owned())
        }
    };
    let aspect_ratio = read_size(request.size.as_deref())?;
    let wish = |_| {
        let aspect_ratio = Some(aspect_ratio.as_str().to_owned());
        ImageSpec::read(
            &chat.images,
            ImageRequest { prompt: request.prompt.clone(), aspect_ratio, provider: provider.clone(), seed: None },
            caller,
        )
    };
    (0..n).map(wish).collect()
}

/// The shape that comes nearest to a size.
fn read_size(size: Option<&str>) -> AppResult<AspectRatio> {
    let wrong = || AppError::invalid("size", "A size is auto, or width and height in pixels such as 1024x1024.");
    let Some(size) = size.filter(|size| *size != "auto") else { return Ok(AspectRatio::default()) };
    let (width, height) = size.split_once('x').ok_or_else(wrong)?;
    let pixels = |text: &str| text.parse::<u32>().ok().filter(|pixels| (16..=8192).contains(pixels)).ok_or_else(wrong);
    let wanted = (f64::from(pixels(width)?) / f64::from(pixels(height)?)).ln();
    let distance = |ratio: &AspectRatio| {
        let (width, height) = ratio.size();
        ((f64::from(width) / f64::from(height)).ln() - wanted).abs()
    };
    AspectRatio::ALL.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).ok_or_else(wrong)
}

/// Orders them, and ties the work to this connection: for a client of `/v1` nobody else would wait for it.
async fn order(
    chat: &Chat,
    caller: &Caller,
    wishes: Vec<ImageSpec>,
    idempotency: Option<Idempotency>,
) -> AppResult<(Vec<Ordered>, Leash<MadePicture>)> {
    let (answer, answered) = oneshot::channel();
    let (chat, caller) = (chat.clone(), caller.clone());
    // A task of its own: the client may go away in the middle of it, when the work has begun and nobody knows its id.
    tokio::spawn(in_request(current_request_id(), async move {
        let mut leash = Leash::new(&chat, idempotency.is_some());
        let mut ordered = Vec::new();
        let mut refused = check_funds(&chat, &caller, &wishes).await.err();
        let wishes = if refused.is_none() { wishes } else { Vec::new() };
        for (number, mut wish) in wishes.into_iter().enumerate() {
            let key = idempotency.as_ref().map(|key| numbered(key, number));
            let delivery = leash.delivery();
            wish.delivery.clone_from(&delivery);
            match chat.images.generate_image(&caller, wish, key).await {
                Ok(accepted) => {
                    if accepted.is_new {
                        leash.hold(accepted.id);
                    }
                    ordered.push(Ordered { accepted, delivery });
                }
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        // All or none: a client that asked for four does not know what to do with two. Those stop with the leash.
        let ordered = match refused {
            Some(error) => {
                leash.tighten();
                Err(error)
            }
            None => Ok((ordered, leash)),
        };
        // Nobody there: the leash is dropped with the answer.
        drop(answer.send(ordered));
    }));
    answered.await.map_err(|_| AppError::Internal)?
}

/// None of several is begun where the last could not be paid for. Each is held for by itself all the same.
async fn check_funds(chat: &Chat, caller: &Caller, wishes: &[ImageSpec]) -> AppResult<()> {
    let needed: Amount = wishes.iter().map(|wish| wish.price(&chat.images)).sum();
    let available = chat.generation.credits.balance(caller.id.into(), &current_request_id()).await?.available;
    // Of a single one the hold says it, which knows whether it was made already.
    if wishes.len() > 1 && available < needed {
        Err(AppError::InsufficientCredits { needed, available })
    } else {
        Ok(())
    }
}

/// Each of several images has a hold, and so a key, of its own.
fn numbered(key: &Idempotency, number: usize) -> Idempotency {
    if number == 0 {
        return key.clone();
    }
    let name = Uuid::from_bytes(first_16(&Sha256::digest(format!("{} {number}", key.key))));
    Idempotency { key: format!("image-{number}-{name}"), fingerprint: key.fingerprint }
}

fn first_16(bytes: &[u8]) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&bytes[..16]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_stands_for_the_nearest_shape() {
        let shape = |size: &str| read_size(Some(size)).map(AspectRatio::as_str);
        for (size, ratio) in [
            ("auto", "16:9"),
            ("1024x1024", "1:1"),
            ("256x256", "1:1"),
            ("1536x1024", "3:2"),
            ("1024x1536", "2:3"),
            ("1792x1024", "16:9"),
            ("1344x768", "16:9"),
        ] {
            assert_eq!(shape(size), Ok(ratio), "{size}");
        }
        for size in ["", "x", "10x10", "1024", "1024x-1", "1024×1024", "99999x1"] {
            assert!(shape(size).is_err(), "{size}");
        }
    }
}
