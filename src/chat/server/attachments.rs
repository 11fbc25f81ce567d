//! Images that are shown to a model: what is taken, and how many fit into a context.

use std::sync::Arc;

use super::Chat;
use super::image_text::ImageText;
use super::providers::Turn;
use super::store::ChatStore;
use crate::chat::ImageRef;
use crate::images::server::picture::{self, PictureError};
use crate::images::server::room::SentImages;
use crate::platform::base64::{Undecoded, data_of_url, decode_leniently};
use crate::platform::db::StoreResult;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::uploads::off_the_runtime;
use crate::platform::ids::{AttachmentId, UserId};
use crate::platform::image_type::ImageType;
use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Images of one message, at most.
pub(super) const MOST: usize = 4;
/// Bytes of one image, at most.
const LARGEST: usize = 4 * 1024 * 1024;
/// Bytes of all images that a model gets to see.
const ALL: usize = MOST * LARGEST;
/// What a request with images may weigh: Base64 makes four bytes of three.
pub const MAX_BODY: usize = ALL / 3 * 4 + 64 * 1024;

/// An image with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub id: AttachmentId,
    /// `image/png`, `image/jpeg`, `image/webp` or `image/gif`.
    pub media_type: String,
    /// Empty: not fetched yet.
    pub bytes: Arc<[u8]>,
    /// One that was sent before, whose stored bytes it shows.
    pub same_as: Option<AttachmentId>,
}

impl Image {
    /// As data URLs and providers carry it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(&self.bytes)
    }

    /// As conversations show it.
    #[must_use]
    pub fn reference(&self) -> ImageRef {
        ImageRef { id: self.id.to_string(), media_type: self.media_type.clone() }
    }

    /// What a conversation shows, not fetched yet.
    pub(super) fn of_past(image: &ImageRef) -> Option<Self> {
        Some(Self {
            id: image.id.parse().ok()?,
            media_type: image.media_type.clone(),
            bytes: Arc::default(),
            same_as: None,
        })
    }
}

/// An image that came with a message.
pub(super) enum Sent {
    New(Image),
    /// One that the user has sent before.
    Before(AttachmentId),
}

/// Reads the images of a request: each a data URL, or the id of one that was sent before. Of what they were sent as, nothing
/// is left afterwards.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `images`.
pub(super) async fn read(sent: Vec<ImageText>) -> AppResult<Vec<Sent>> {
    if sent.len() > MOST {
        return Err(invalid(format!("Messages can have up to {MOST} images.")));
    }
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    // A small file may hold a large picture.
    off_the_runtime(move || {
        let read_one = |(number, text): (usize, ImageText)| match text.as_str().parse() {
            Ok(id) => Ok(Sent::Before(id)),
            Err(_) => read_data_url(text.as_str())
                .map(Sent::New)
                .map_err(|problem| invalid(format!("Image {} {problem}.", number + 1))),
        };
        sent.into_iter().enumerate().map(read_one).collect()
    })
    .await?
}

/// Reads images that are all there: data URLs.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `images`.
pub async fn read_data_urls(urls: Vec<ImageText>) -> AppResult<Vec<Image>> {
    let known = |sent| match sent {
        Sent::New(image) => Ok(image),
        Sent::Before(_) => Err(invalid("An image is a data URL such as data:image/png;base64,….".to_owned())),
    };
    read(urls).await?.into_iter().map(known).collect()
}

/// The images themselves. One that was sent before is shown once more, and takes no more room.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `images`.
pub(super) async fn resolve(chat: &Chat, user: UserId, sent: &[Sent]) -> AppResult<Vec<Image>> {
    let mut images = Vec::with_capacity(sent.len());
    for image in sent {
        images.push(match image {
            Sent::New(image) => image.clone(),
            Sent::Before(id) => {
                let found = chat.store.find_attachment(user, *id).await?;
                let found = found.ok_or_else(|| invalid(format!("There is no image {id}.")))?;
                Image { id: AttachmentId::now_v7(), same_as: Some(*id), ..found }
            }
        });
    }
    Ok(images)
}

/// Whether there is room for these images of a user.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `images`.
pub(super) async fn check_room(chat: &Chat, user: UserId, images: &[Image]) -> AppResult<()> {
    let new: usize = images.iter().filter(|image| image.same_as.is_none()).map(|image| image.bytes.len()).sum();
    if new == 0 { Ok(()) } else { chat.images.room.check(user, u64::try_from(new).unwrap_or(u64::MAX)).await }
}

/// What images that are shown to models take.
pub struct Attachments(pub Arc<dyn ChatStore>);

#[async_trait]
impl SentImages for Attachments {
    async fn bytes(&self, user: UserId) -> StoreResult<u64> {
        self.0.image_bytes(user).await
    }
}

/// Fetches the images of what was said before: the newest, as many as fit; the others are left out.
///
/// # Errors
/// [`AppError::Unavailable`].
pub(super) async fn fetch(chat: &Chat, user: UserId, turns: &mut [Turn]) -> AppResult<()> {
    let mut left = ALL;
    for image in turns.iter_mut().rev().flat_map(|turn| turn.images.iter_mut()) {
        if image.bytes.is_empty()
            && left > 0
            && let Some(found) = chat.store.find_attachment(user, image.id).await?
        {
            *image = found;
        }
        if image.bytes.len() > left {
            image.bytes = Arc::default();
            left = 0;
        }
        left -= image.bytes.len();
    }
    for turn in turns {
        turn.images.retain(|image| !image.bytes.is_empty());
    }
    Ok(())
}

fn invalid(message: String) -> AppError {
    AppError::invalid("images", message)
}

/// `data:image/png;base64,…`, however others write it; its bytes say what it is, whatever its label says. The error
/// completes the sentence "Image 1 …".
fn read_data_url(text: &str) -> Result<Image, String> {
    const FORM: &str = "is not a data URL such as data:image/png;base64,…, nor the id of an image";
    let data = data_of_url(text.trim()).ok_or_else(|| FORM.to_owned())?;
    let bytes = decode_leniently(data.as_bytes(), LARGEST).map_err(|why| match why {
        Undecoded::Malformed => "is not valid Base64".to_owned(),
        Undecoded::TooLong => too_large(),
    })?;
    if ImageType::sniff(&bytes).is_none() {
        return Err("is not a PNG, JPEG, WebP or GIF".to_owned());
    }
    let (kind, bytes) = picture::clean(&bytes, LARGEST).map_err(|problem| match problem {
        PictureError::TooManyPixels { width, height } => format!("has too many pixels ({width} × {height})"),
        _ => "is damaged".to_owned(),
    })?;
    Ok(Image {
        id: AttachmentId::now_v7(),
        media_type: kind.media_type().to_owned(),
        bytes: bytes.into(),
        same_as: None,
    })
}

fn too_large() -> String {
    format!("has more than {} MiB", LARGEST / 1024 / 1024)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat};

    use super::*;

    fn url(media_type: &str, bytes: &[u8]) -> String {
        format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(bytes))
    }

    fn picture(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(20, 10).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn an_image_is_what_it_says_it_is() {
        for (media_type, format, kept) in [
            ("image/png", ImageFormat::Png, "image/png"),
            ("image/jpeg", ImageFormat::Jpeg, "image/jpeg"),
            ("image/webp", ImageFormat::WebP, "image/webp"),
            ("image/gif", ImageFormat::Gif, "image/png"),
        ] {
            let image = read_data_url(&url(media_type, &picture(format))).unwrap();
            assert_eq!(image.media_type, kept);
            assert_eq!(ImageType::sniff(&image.bytes).map(ImageType::media_type), Some(kept));
        }
    }

    #[test]
    fn an_image_is_what_its_bytes_are_whatever_its_label_says() {
        let png = BASE64_STANDARD.encode(picture(ImageFormat::Png));
        let unpadded = png.trim_end_matches('=');
        for text in [
            format!("data:image/jpg;base64,{png}"),
            format!("data:image/jpeg;base64,{png}"),
            format!("data:text/html;charset=utf-8;base64,{png}"),
            format!("data:;base64,{png}"),
            format!("data:image/png ; base64 ,{png}"),
            format!("DATA:IMAGE/PNG;BASE64,{png}"),
            format!(" data:image/png;base64,{png}\n"),
            format!("data:image/png;base64,{unpadded}"),
            format!("data:image/png;base64,{}\r\n{}", &png[..9], &png[9..]),
            format!("data:image/png;base64,{}", png.replace('+', "-").replace('/', "_")),
            format!("data:image/png;base64,{}", png.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")),
        ] {
            assert_eq!(read_data_url(&text).map(|image| image.media_type).as_deref(), Ok("image/png"), "{text}");
        }
    }

    #[test]
    fn what_is_no_image_is_refused_with_the_reason() {
        let problem = |text: &str| read_data_url(text).unwrap_err();
        for text in ["", "https://example.org/cat.png", "data:image/png,abc", "data:"] {
            assert!(problem(text).contains("is not a data URL"), "{text}");
        }
        assert!(problem(&url("image/svg+xml", b"<svg/>")).contains("is not a PNG"));
        assert!(problem("data:image/png;base64,%%%").contains("Base64"));
        assert!(problem(&url("image/png", b"GIF89a")).contains("is damaged"));
        assert!(problem(&url("image/png", b"<script>")).contains("is not a PNG"));
        assert!(problem(&url("image/png", b"")).contains("is not a PNG"));
        assert!(problem(&url("image/png", b"\x89PNG\r\n\x1a\n and so on")).contains("is damaged"));
        // What follows a picture is no part of it, but it weighs.
        let mut large = picture(ImageFormat::Png);
        large.resize(LARGEST, 0);
        assert!(read_data_url(&url("image/png", &large)).is_ok());
        for _ in 0..5 {
            large.push(0);
            assert!(problem(&url("image/png", &large)).contains("4 MiB"));
        }
    }
}
