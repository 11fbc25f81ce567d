//! Light, dark, or as the system has it: the cookie, the attribute on `<html>` and the switch.
//!
//! The server writes the attribute, so no page ever flashes. Without it, the style sheet follows the system.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::Element;

use super::{Icon, IconName, set_cookie};
use crate::i18n::{Text, t};

/// Where the form goes.
const ACTION: &str = "/theme";

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

    /// What the switch says.
    #[must_use]
    pub fn label(self) -> &'static str {
        t(match self {
            Self::System => Text::SystemTheme,
            Self::Light => Text::LightTheme,
            Self::Dark => Text::DarkTheme,
        })
    }

    /// What it shows.
    #[must_use]
    pub const fn icon(self) -> IconName {
        match self {
            Self::System => IconName::Monitor,
            Self::Light => IconName::Sun,
            Self::Dark => IconName::Moon,
        }
    }
}

/// One button per theme: a form, which sets the cookie and comes back to `next`. Where the app runs,
/// [`follow_theme_forms`] answers it at once.
#[component]
pub fn ThemeSwitch(
    /// The path of this page.
    #[prop(into)]
    next: String,
) -> impl IntoView {
    let current = Theme::current();
    let button = |theme: Theme| {
        view! {
            <button
                class="inline-flex size-7 items-center justify-center rounded-md text-ink-soft hover:text-ink \
                       aria-pressed:bg-surface aria-pressed:text-ink"
                name="theme"
                value=theme.as_str()
                aria-label=theme.label()
                title=theme.label()
                aria-pressed=(theme == current).to_string()
            >
                <Icon name=theme.icon() />
            </button>
        }
    };
    view! {
        <form method="post" action=ACTION class="flex rounded-md bg-sunken p-0.5">
            <input type="hidden" name="next" value=next />
            {Theme::ALL.map(button)}
        </form>
    }
}

/// Shows a theme as soon as it is chosen, without asking the server.
pub fn follow_theme_forms() {
    if !cfg!(target_arch = "wasm32") {
        return;
    }
    window_event_listener(ev::submit, |event| {
        let form = event.target().map(JsCast::unchecked_into::<Element>);
        let (Some(form), Some(button)) = (form, event.submitter()) else { return };
        if form.get_attribute("action").as_deref() != Some(ACTION) {
            return;
        }
        event.prevent_default();
        Theme::parse(&button.get_attribute("value").unwrap_or_default()).apply();
        // Neither can fail: the names are valid.
        if let Ok(Some(before)) = form.query_selector("[aria-pressed=true]") {
            drop(before.set_attribute("aria-pressed", "false"));
        }
        drop(button.set_attribute("aria-pressed", "true"));
    });
}
