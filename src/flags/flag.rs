//! The flags that there are. What has no name here cannot be asked for.

use std::borrow::Cow;

use crate::i18n::{Text, fill, t};
use crate::platform::work_kind::WorkKind;

/// Something that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// Sending messages, by whatever way.
    Chat,
    /// Making images, by whatever way.
    Images,
    /// Images that are sent with a message.
    Attachments,
    /// Buying credits, and subscribing.
    Purchases,
    /// Redeeming codes.
    Codes,
    /// New accounts, by whatever way they come.
    SignUp,
    /// Making links to conversations, and opening them.
    ShareLinks,
    /// Making API keys, and whatever is asked with one.
    ApiKeys,
    /// The routes of `/v1`.
    V1,
    /// Buying credits by itself when few are left. No payment provider here can charge somebody who is not there, so it is off.
    AutomaticTopUp,
    /// A provider. Without it, work is done as if it were not configured.
    Provider(ProviderFlag),
}

/// A configured provider of a kind of work. Only [`super::Flags`] makes one, of those that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProviderFlag {
    kind: WorkKind,
    name: &'static str,
}

impl ProviderFlag {
    pub(super) const fn new(kind: WorkKind, name: &'static str) -> Self {
        Self { kind, name }
    }

    #[must_use]
    pub const fn kind(self) -> WorkKind {
        self.kind
    }

    /// What the provider is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl Flag {
    /// All that are no providers.
    pub const FEATURES: [Self; 10] = [
        Self::Chat,
        Self::Images,
        Self::Attachments,
        Self::Purchases,
        Self::Codes,
        Self::SignUp,
        Self::ShareLinks,
        Self::ApiKeys,
        Self::V1,
        Self::AutomaticTopUp,
    ];

    /// The stored name, which also decides who belongs to a percentage.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        let name = match self {
            Self::Chat => "chat",
            Self::Images => "images",
            Self::Attachments => "attachments",
            Self::Purchases => "purchases",
            Self::Codes => "codes",
            Self::SignUp => "sign_up",
            Self::ShareLinks => "share_links",
            Self::ApiKeys => "api_keys",
            Self::V1 => "v1",
            Self::AutomaticTopUp => "automatic_top_up",
            Self::Provider(ProviderFlag { kind, name }) => return format!("provider_{}_{name}", kind.as_str()).into(),
        };
        name.into()
    }

    /// What admins read.
    #[must_use]
    pub fn label(self) -> String {
        let text = match self {
            Self::Chat => Text::FlagChat,
            Self::Images => Text::FlagImages,
            Self::Attachments => Text::FlagAttachments,
            Self::Purchases => Text::FlagPurchases,
            Self::Codes => Text::FlagCodes,
            Self::SignUp => Text::FlagSignUp,
            Self::ShareLinks => Text::FlagShareLinks,
            Self::ApiKeys => Text::FlagApiKeys,
            Self::V1 => Text::FlagV1,
            Self::AutomaticTopUp => Text::FlagAutomaticTopUp,
            Self::Provider(ProviderFlag { kind: WorkKind::Chat, name }) => {
                return fill(Text::FlagChatProvider, &[("name", name)]);
            }
            Self::Provider(ProviderFlag { kind: WorkKind::Image, name }) => {
                return fill(Text::FlagImageProvider, &[("name", name)]);
            }
        };
        t(text).to_owned()
    }

    /// What users read where it is off.
    #[must_use]
    pub const fn off_text(self) -> Text {
        match self {
            Self::Chat => Text::ChatIsOff,
            Self::Images => Text::ImagesAreOff,
            Self::Attachments => Text::AttachmentsAreOff,
            Self::Purchases => Text::PurchasesAreOff,
            Self::Codes => Text::CodesAreOff,
            Self::SignUp => Text::SignUpIsOff,
            Self::ShareLinks => Text::ShareLinksAreOff,
            Self::ApiKeys => Text::ApiKeysAreOff,
            Self::V1 => Text::V1IsOff,
            Self::AutomaticTopUp => Text::AutomaticTopUpIsOff,
            Self::Provider(_) => Text::NoProviderIsOn,
        }
    }

    /// Whether what it is about can be done here at all: else it is off, and nobody can switch it on.
    #[must_use]
    pub const fn is_possible(self) -> bool {
        !matches!(self, Self::AutomaticTopUp)
    }

    /// Whether it is about people who are not signed in. It is on or off: there is nobody to have a role, or to belong to a percentage.
    #[must_use]
    pub const fn is_for_visitors(self) -> bool {
        matches!(self, Self::SignUp)
    }

    /// Which work tells how it fares: that a safeguard needs.
    #[must_use]
    pub const fn is_measured(self) -> bool {
        matches!(self, Self::Chat | Self::Images | Self::Provider(_))
    }

    /// Whether what this provider is asked says how the flag fares.
    #[must_use]
    pub fn measures(self, provider: ProviderFlag) -> bool {
        match self {
            Self::Chat => provider.kind == WorkKind::Chat,
            Self::Images => provider.kind == WorkKind::Image,
            Self::Provider(own) => own == provider,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_flag_has_a_name_of_its_own_and_says_what_it_is() {
        let providers = WorkKind::ALL.map(|kind| Flag::Provider(ProviderFlag::new(kind, "openai")));
        let all: Vec<_> = Flag::FEATURES.into_iter().chain(providers).collect();
        let names: BTreeSet<_> = all.iter().map(|flag| flag.name()).collect();
        assert_eq!(names.len(), all.len(), "{names:?}");
        assert!(names.contains("provider_chat_openai") && names.contains("provider_image_openai"));
        let labels: BTreeSet<_> = all.iter().map(|flag| flag.label()).collect();
        assert_eq!(labels.len(), all.len(), "{labels:?}");
    }
}
