//! What kind of paid work a job does.

use serde::{Deserialize, Serialize};

use crate::i18n::Text;

/// What credits are held for; after a crash it tells which feature knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum WorkKind {
    Chat,
    Image,
}

impl WorkKind {
    pub const ALL: [Self; 2] = [Self::Chat, Self::Image];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Image => "image",
        }
    }

    /// The kind of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What its charge is called, for people.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Chat => Text::EntrySettle,
            Self::Image => Text::EntryImage,
        }
    }
}
