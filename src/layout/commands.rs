//! What the command palette offers: pages, conversations, and what the controls on the page do.

use super::components::SWITCH_ID;
use crate::chat::ConversationSummary;
use crate::i18n::{Language, Text, current_language, t};
use crate::routes::ROUTES;
use crate::ui::{IconName, Theme};

/// A line of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What it stands under.
    pub group: Text,
    pub icon: IconName,
    pub label: String,
    pub action: Action,
}

/// What a command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Opens an address of this site.
    Go(String),
    /// Presses the control at a CSS selector.
    Press(String),
}

/// Pages and actions.
#[must_use]
pub fn commands() -> Vec<Command> {
    let pages = ROUTES.iter().filter_map(|route| {
        let (icon, label) = route.command?;
        let action = Action::Go(route.path.to_owned());
        Some(Command { group: Text::Pages, icon, label: t(label).to_owned(), action })
    });
    let press = |icon, label: &str, target: &str| Command {
        group: Text::Actions,
        icon,
        label: label.to_owned(),
        action: Action::Press(target.to_owned()),
    };
    let theme =
        |theme: Theme| press(theme.icon(), theme.label(), &format!("form[action='/theme'] [value={}]", theme.as_str()));
    let languages = Language::ALL.into_iter().filter(|language| *language != current_language());
    let actions = [
        theme(Theme::System),
        theme(Theme::Light),
        theme(Theme::Dark),
        press(IconName::Sidebar, t(Text::SwitchSidebar), &format!("#{SWITCH_ID}")),
        press(IconName::Keyboard, t(Text::KeyboardShortcuts), "[popovertarget=shortcuts]"),
    ];
    let languages = languages.map(|language| {
        press(IconName::Globe, language.name(), &format!("form[action='/language'] [value={}]", language.code()))
    });
    let sign_out = press(IconName::SignOut, t(Text::SignOut), "form[action='/sign-out'] button");
    pages.chain(actions).chain(languages).chain([sign_out]).collect()
}

/// The way to a conversation.
#[must_use]
pub fn conversation_command(conversation: &ConversationSummary) -> Command {
    Command {
        group: Text::Conversations,
        icon: IconName::Message,
        label: conversation.title.clone(),
        action: Action::Go(format!("/chat/{}", conversation.id)),
    }
}
