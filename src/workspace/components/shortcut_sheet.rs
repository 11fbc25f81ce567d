//! What the keys do, for whoever asks: `?` or the account menu. Fetched then.

use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::tachys::dom::body;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use wasm_bindgen::JsCast;
use web_sys::HtmlDialogElement;

use crate::ui::{Button, Dialog};
use crate::workspace::shortcuts::{SHORTCUTS, Shortcut};

const SHEET_ID: &str = "shortcuts";

/// What the keys of [`SHORTCUTS`] do, in their order.
const MEANINGS: [&str; SHORTCUTS.len()] = [
    "New chat",
    "Write a message",
    "Search conversations",
    "Stop the answer",
    "Copy the last answer",
    "Show or hide the conversations",
    "Show these shortcuts",
];

/// Shows the sheet.
#[wasm_split(on_demand, wasm_split_path = leptos::wasm_split, fallible)]
pub fn show_shortcuts() -> Result<(), SplitLoaderError> {
    match document().get_element_by_id(SHEET_ID) {
        // It fails only for a dialog that has left the document.
        Some(sheet) => drop(sheet.unchecked_into::<HtmlDialogElement>().show_modal()),
        None => mount_to(body(), || view! { <ShortcutSheet /> }).forget(),
    }
    Ok(())
}

/// The keys and what they do.
#[component]
fn ShortcutSheet() -> impl IntoView {
    let open = RwSignal::new(true);
    let platform = window().navigator().platform().unwrap_or_default();
    let is_apple = ["Mac", "iP"].iter().any(|name| platform.starts_with(name));
    let keys = SHORTCUTS.iter().map(move |shortcut| keys_of(shortcut, is_apple)).zip(MEANINGS);
    // The browser's own, but worth knowing.
    let writing = [("Enter", "Send"), ("Shift Enter", "New line")].map(|(keys, meaning)| (keys.to_owned(), meaning));
    let line = |(keys, meaning): (String, &'static str)| {
        let key = |key: &str| {
            let key = key.to_owned();
            view! { <kbd class="rounded-md border border-line-strong bg-sunken px-2 py-0.5 text-xs">{key}</kbd> }
        };
        view! {
            <div class="flex items-center justify-between gap-4 py-2">
                <dt>{meaning}</dt>
                <dd class="flex shrink-0 gap-1">{keys.split(' ').map(key).collect::<Vec<_>>()}</dd>
            </div>
        }
    };
    view! {
        <Dialog id=SHEET_ID open title="Keyboard shortcuts">
            <dl class="divide-y divide-line text-sm">{keys.chain(writing).map(line).collect::<Vec<_>>()}</dl>
            <div class="flex justify-end">
                <Button label="Close" on_click=move |_| open.set(false) />
            </div>
        </Dialog>
    }
}

/// The keys as they are written on a keyboard, with spaces between them.
fn keys_of(shortcut: &Shortcut, is_apple: bool) -> String {
    match (shortcut.key, shortcut.is_chord) {
        ("Escape", _) => "Esc".to_owned(),
        (key, false) => key.to_owned(),
        (key, true) => format!("{} Shift {}", if is_apple { "⌘" } else { "Ctrl" }, key.to_uppercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_as_on_the_keyboard() {
        assert_eq!(keys_of(&SHORTCUTS[0], false), "Ctrl Shift O");
        assert_eq!(keys_of(&SHORTCUTS[0], true), "⌘ Shift O");
        assert_eq!(SHORTCUTS.map(move |shortcut| keys_of(&shortcut, false))[3], "Esc");
    }
}
