//! A message that stays on the page: what happened, and what to do about it.

use leptos::prelude::*;

use super::{Icon, IconName};

/// What kind of message it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AlertTone {
    /// Good to know.
    #[default]
    Info,
    /// Something went wrong.
    Danger,
}

impl AlertTone {
    /// The utilities of this tone.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Info => "border-line bg-sunken text-ink",
            Self::Danger => "border-danger/40 bg-danger-soft text-danger",
        }
    }

    /// Screen readers interrupt only for what went wrong.
    const fn role(self) -> &'static str {
        match self {
            Self::Info => "status",
            Self::Danger => "alert",
        }
    }
}

/// A message in a box.
#[component]
pub fn Alert(
    /// What kind of message it is.
    #[prop(optional)]
    tone: AlertTone,
    /// The message.
    #[prop(into)]
    text: String,
    /// The way to go on: where the link goes, and what it says.
    #[prop(optional_no_strip)]
    link: Option<(String, &'static str)>,
) -> impl IntoView {
    view! {
        <div class=format!("flex items-start gap-3 rounded-md border px-4 py-3 text-sm {}", tone.class()) role=tone.role()>
            {(tone == AlertTone::Danger)
                .then(|| view! { <Icon name=IconName::Warning class="mt-0.5 size-4 shrink-0" /> })}
            <div class="min-w-0 flex-1 break-words">
                {text}
                {link
                    .map(|(href, label)| {
                        view! {
                            " "
                            <a href=href class="font-medium underline">
                                {label}
                            </a>
                        }
                    })}
            </div>
        </div>
    }
}
