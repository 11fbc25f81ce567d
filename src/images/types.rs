//! What others see of images: requests, images, and how one comes to be.

use serde::{Deserialize, Serialize};

use super::AspectRatio;
use crate::credits::Page;
use crate::platform::amount::Amount;
use crate::platform::browser::json::read_json;

/// Images of one user that can be in the making at the same time.
pub const MOST_RUNNING: usize = 8;
/// Images that one click makes at most.
pub const MOST_AT_ONCE: usize = 4;
/// Images that are changed or deleted in one go at most.
pub const MOST_IN_BULK: usize = 100;

/// `POST /api/image`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageRequest {
    /// What is to be seen; 1 to `MAX_MESSAGE_CHARS` characters.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(required))]
    pub prompt: String,
    /// `16:9` where nothing else is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aspect_ratio: Option<String>,
    /// Asked first; the others follow if it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The same seed may give the same image again; random where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
}

/// `202` of `POST /api/image`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageTicket {
    pub id: String,
    pub status: ImageStatus,
    /// What is held for it, and charged when it is there.
    pub credits: Amount,
}

/// How far an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImageStatus {
    /// It is being made.
    Running,
    /// It is there.
    Complete,
    /// It could not be made. Free.
    Failed,
    /// It was stopped. Free.
    Stopped,
}

impl ImageStatus {
    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    /// The status of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Running, Self::Complete, Self::Failed, Self::Stopped].into_iter().find(|status| status.as_str() == name)
    }
}

/// An image, made or in the making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// `UUIDv7`.
    pub id: String,
    pub status: ImageStatus,
    pub prompt: String,
    #[cfg_attr(feature = "ssr", schema(value_type = String))]
    pub aspect_ratio: AspectRatio,
    pub seed: u32,
    /// In pixels; until it is there, what it is going to be.
    pub width: u32,
    pub height: u32,
    /// Who makes it, or made it.
    pub provider: String,
    pub model: String,
    /// Whether a model made it. `false`: a sketch of the built-in painter, which is not AI.
    pub is_ai: bool,
    /// The provider that should have made it and did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_from: Option<String>,
    /// What it cost; 0 until it is there, and for ever if it failed.
    pub credits: Amount,
    /// Why it failed: a code as in an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    pub favorite: bool,
    /// Some hundred bytes that look like it: a data URL to show until it has loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// The conversation that it was made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// PNG.
    pub image_url: String,
    /// WebP, at most 384 pixels wide.
    pub thumbnail_url: String,
}

impl Image {
    /// Where its PNG is.
    #[must_use]
    pub fn file_path(id: impl std::fmt::Display) -> String {
        format!("/api/images/{id}/file")
    }

    /// Where its thumbnail is.
    #[must_use]
    pub fn thumbnail_path(id: impl std::fmt::Display) -> String {
        format!("/api/images/{id}/thumbnail")
    }
}

/// An image, and what is beside it in the gallery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageDetail {
    #[serde(flatten)]
    pub image: Image,
    /// The id of the next newer image that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer: Option<String>,
    /// The id of the next older image that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<String>,
}

/// `PATCH /api/images/{id}`: what is not there stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub favorite: Option<bool>,
}

/// `POST /api/images/delete`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageSelection {
    /// 1 to 100 ids. Those that are not there are passed over.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(required))]
    pub ids: Vec<String>,
}

/// What came of `POST /api/images/delete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeletedImages {
    /// How many were there, and are no more.
    pub deleted: usize,
}

/// Who makes images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageProviderInfo {
    /// `replicate`, `openai` or `sketch`.
    pub name: String,
    pub model: String,
    /// `false` for the built-in painter, which is not AI.
    pub is_ai: bool,
    /// Why it makes none now, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What an image costs in each of the aspect ratios, in their order.
    pub credits: Vec<Amount>,
}

/// `GET /api/image`: what can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Studio {
    /// Why no image can be made now, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ssr", schema(nullable = false))]
    pub problem: Option<String>,
    /// In the order in which they are asked.
    pub providers: Vec<ImageProviderInfo>,
    /// From the widest to the tallest.
    #[cfg_attr(feature = "ssr", schema(value_type = Vec<String>))]
    pub aspect_ratios: Vec<AspectRatio>,
    /// Of one image by the first provider, in the default aspect ratio.
    pub credits: Amount,
    pub max_prompt_chars: usize,
    /// Images of one user that can be in the making at the same time.
    pub max_running: usize,
}

/// What `/images` shows first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gallery {
    pub studio: Studio,
    /// The newest, or those that were searched for.
    pub images: Page<Image>,
}

/// Something that an image in the making tells whoever watches it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "ssr", derive(Serialize, utoipa::ToSchema))]
#[cfg_attr(feature = "ssr", serde(tag = "event", content = "data", rename_all = "lowercase"))]
pub enum ImageEvent {
    Start(ImageStartEvent),
    Fallback(ImageFallbackEvent),
    Progress(ImageProgressEvent),
    Done(Box<ImageDoneEvent>),
    Error(ImageErrorEvent),
}

impl ImageEvent {
    pub const START: &str = "start";
    pub const FALLBACK: &str = "fallback";
    pub const PROGRESS: &str = "progress";
    pub const DONE: &str = "done";
    pub const ERROR: &str = "error";

    /// The name under which it is sent.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => Self::START,
            Self::Fallback(_) => Self::FALLBACK,
            Self::Progress(_) => Self::PROGRESS,
            Self::Done(_) => Self::DONE,
            Self::Error(_) => Self::ERROR,
        }
    }

    /// Whether nothing follows an event of this name.
    #[must_use]
    pub fn is_last(name: &str) -> bool {
        matches!(name, Self::DONE | Self::ERROR)
    }

    /// The event that was sent; `None` for one that this version does not know.
    #[must_use]
    pub fn parse(name: &str, data: &str) -> Option<Self> {
        match name {
            Self::START => read_json(data).map(Self::Start),
            Self::FALLBACK => read_json(data).map(Self::Fallback),
            Self::PROGRESS => read_json(data).map(Self::Progress),
            Self::DONE => read_json(data).map(|done| Self::Done(Box::new(done))),
            Self::ERROR => read_json(data).map(Self::Error),
            _ => None,
        }
    }
}

/// It is being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageStartEvent {
    pub id: String,
    pub provider: String,
    pub model: String,
    pub credits: Amount,
}

/// Another provider makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ImageFallbackEvent {
    pub from: String,
    pub to: String,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImageStage {
    /// The provider works.
    Painting,
    /// It is fetched, checked and stored.
    Storing,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ImageProgressEvent {
    pub stage: ImageStage,
}

/// It is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageDoneEvent {
    pub image: Image,
    pub remaining_credits: Amount,
    pub credits: Amount,
}

/// There is none, and nothing was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ImageErrorEvent {
    pub code: String,
    /// For people.
    pub error: String,
    pub charged: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::encode;

    fn image() -> Image {
        Image {
            id: "i".to_owned(),
            status: ImageStatus::Complete,
            prompt: "a \"fox\"\n".to_owned(),
            aspect_ratio: AspectRatio::default(),
            seed: 7,
            width: 16,
            height: 9,
            provider: "p".to_owned(),
            model: "m".to_owned(),
            is_ai: true,
            fallback_from: None,
            credits: Amount::credits(4),
            error_code: None,
            favorite: false,
            placeholder: None,
            conversation_id: None,
            created_at: String::new(),
            image_url: String::new(),
            thumbnail_url: String::new(),
        }
    }

    /// What the server writes is what the browser reads.
    #[test]
    fn every_event_is_read_back() {
        let (id, provider, model) = ("i".to_owned(), "p".to_owned(), "m".to_owned());
        for event in [
            ImageEvent::Start(ImageStartEvent { id, provider, model, credits: Amount::credits(4) }),
            ImageEvent::Fallback(ImageFallbackEvent { from: "a".to_owned(), to: "b".to_owned() }),
            ImageEvent::Progress(ImageProgressEvent { stage: ImageStage::Storing }),
            ImageEvent::Done(Box::new(ImageDoneEvent {
                image: image(),
                remaining_credits: Amount::credits(9),
                credits: Amount::credits(4),
            })),
            ImageEvent::Error(ImageErrorEvent {
                code: "provider_failed".to_owned(),
                error: "It failed.".to_owned(),
                charged: false,
            }),
        ] {
            let sent = encode(&event, 0);
            assert_eq!(sent.name, event.name());
            assert_eq!(ImageEvent::is_last(&sent.name), matches!(event, ImageEvent::Done(_) | ImageEvent::Error(_)));
            assert_eq!(ImageEvent::parse(&sent.name, &sent.data), Some(event));
        }
        assert_eq!(ImageEvent::parse("news", "{}"), None);
    }
}
