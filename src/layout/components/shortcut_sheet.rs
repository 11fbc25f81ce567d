//! What the keys do, for whoever asks: `?` or the account menu. The browser opens and closes it.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::layout::shortcuts::{Held, SHORTCUTS, Shortcut};
use crate::ui::{IconButton, IconName, Kbd};

/// The sheet, for what opens it.
pub const SHEET_ID: &str = "shortcuts";

/// What the keys of [`SHORTCUTS`] do, in their order.
const MEANINGS: [Text; SHORTCUTS.len()] = [
    Text::CommandPalette,
    Text::NewChat,
    Text::WriteAMessage,
    Text::SearchConversations,
    Text::StopTheAnswer,
    Text::CopyLastAnswer,
    Text::SwitchSidebar,
    Text::ShowShortcuts,
];

/// The keys and what they do. Only the server makes it.
#[component]
pub fn ShortcutSheet() -> impl IntoView {
    let keys = SHORTCUTS.iter().map(keys_of).zip(MEANINGS);
    // No shortcuts, but worth knowing.
    let writing =
        [("Enter", Text::SendTheMessage), ("Shift Enter", Text::NewLine), ("/image", Text::ImageInConversation)];
    let writing = writing.map(|(keys, meaning)| (keys.split(' ').map(str::to_owned).collect(), meaning));
    let line = |(keys, meaning): (Vec<String>, Text)| {
        view! {
            <div class="flex items-center justify-between gap-4 py-2">
                <dt>{t(meaning)}</dt>
                <dd class="flex shrink-0 gap-1">{keys.into_iter().map(|key| view! { <Kbd key /> }).collect::<Vec<_>>()}</dd>
            </div>
        }
    };
    view! {
        <dialog
            id=SHEET_ID
            popover="auto"
            class="m-auto w-[calc(100%-2rem)] max-w-md rounded-md border border-line bg-surface p-6 text-ink backdrop:bg-backdrop"
            aria-labelledby="shortcuts-title"
        >
            <div class="flex items-center justify-between gap-4 pb-2">
                <h2 id="shortcuts-title" class="text-lg font-semibold">
                    {t(Text::KeyboardShortcuts)}
                </h2>
                <IconButton icon=IconName::Close label=t(Text::Close) closes=SHEET_ID />
            </div>
            <dl class="divide-y divide-line text-sm">{keys.chain(writing).map(line).collect::<Vec<_>>()}</dl>
        </dialog>
    }
}

/// The keys as they are written on a keyboard.
fn keys_of(shortcut: &Shortcut) -> Vec<String> {
    let key = if shortcut.key == "Escape" { "Esc".to_owned() } else { shortcut.key.to_uppercase() };
    let held: &[Text] = match shortcut.with {
        Held::Nothing => &[],
        Held::Control => &[Text::CtrlOrCommand],
        Held::ControlShift => &[Text::CtrlOrCommand, Text::Shift],
    };
    held.iter().map(|held| t(*held).to_owned()).chain([key]).collect()
}
