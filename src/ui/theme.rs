//! Light, dark, or as the system has it: the cookie, the attribute on `<html>` and the switch.
//!
//! The server writes the attribute, so no page ever flashes. Without it, the style sheet follows the system.

use leptos::{ev, prelude::*};

use super::{Icon, IconName, set_cookie};
use crate::i18n::{Text, t};

/// A colour theme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];
    /// The cookie that holds [`Theme::as_str`]. Scripts set it too, so it is not `HttpOnly`.
    pub const COOKIE: &str = "theme";

    /// The name in the cookie and in the form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a name; anything unknown follows the system.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.as_str() == name).unwrap_or_default()
    }

    /// What `data-theme` on `<html>` says; absent when the system decides.
    #[must_use]
    pub const fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light | Self::Dark => Some(self.as_str()),
        }
    }

    /// The theme of this page: from the request on the server, from the document in the browser.
    #[must_use]
    pub fn current() -> Self {
        if !cfg!(target_arch = "wasm32") {
            return use_context().unwrap_or_default();
        }
        let attribute = document().document_element().and_then(|root| root.get_attribute("data-theme"));
        attribute.as_deref().map(Self::parse).unwrap_or_default()
    }

    /// Shows this theme at once and keeps it for the next visit.
    fn apply(self) {
        if let Some(root) = document().document_element() {
            // Neither can fail: the name is valid, and the element is there.
            drop(match self.attribute() {
                Some(theme) => root.set_attribute("data-theme", theme),
                None => root.remove_attribute("data-theme"),
            });
        }
        set_cookie(Self::COOKIE, self.as_str());
    }

    fn label(self) -> &'static str {
        t(match self {
            Self::System => Text::SystemTheme,
            Self::Light => Text::LightTheme,
            Self::Dark => Text::DarkTheme,
        })
    }

    const fn icon(self) -> IconName {
        match self {
            Self::System => IconName::Monitor,
            Self::Light => IconName::Sun,
            Self::Dark => IconName::Moon,
        }
    }
}

/// One button per theme. Without a script, the form sets the cookie and comes back to `next`.
#[component]
pub fn ThemeSwitch(
    /// The path of this page.
    #[prop(into)]
    next: Signal<String>,
) -> impl IntoView {
    let current = RwSignal::new(Theme::current().as_str().to_owned());
    let button = move |theme: Theme| {
        let choose = move |event: ev::MouseEvent| {
            event.prevent_default();
            current.set(theme.as_str().to_owned());
            theme.apply();
        };
        view! {
            <button
                class="inline-flex size-7 items-center justify-center rounded-md text-ink-soft hover:text-ink \
                       aria-pressed:bg-surface aria-pressed:text-ink"
                name="theme"
                value=theme.as_str()
                aria-label=theme.label()
                title=theme.label()
                aria-pressed=Signal::derive(move || (*current.read() == theme.as_str()).to_string())
                on:click=choose
            >
                <Icon name=theme.icon() />
            </button>
        }
    };
    view! {
        <form method="post" action="/theme" class="flex rounded-md bg-sunken p-0.5">
            <input type="hidden" name="next" value=next />
            {Theme::ALL.map(button)}
        </form>
    }
}
