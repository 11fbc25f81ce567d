//! Keys for what one could press or write into. Here is only what listens, as every page loads it; the sheet that
//! explains the keys is `components/shortcut_sheet.rs`.

use leptos::prelude::*;
use leptos::{ev, leptos_dom::helpers::window_event_listener};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

/// A key, and the element on the page that it stands for: a field gets the focus, anything else is pressed.
#[derive(Debug, Clone, Copy)]
pub struct Shortcut {
    /// [`web_sys::KeyboardEvent::key`], a letter in lower case.
    pub key: &'static str,
    /// Together with Ctrl (or ⌘) and Shift. Those work while one is writing too.
    pub is_chord: bool,
    /// A CSS selector. Without such an element the key is the browser's.
    pub target: &'static str,
    /// Whether the target gets the focus rather than a press.
    pub is_field: bool,
}

const fn chord(key: &'static str, target: &'static str) -> Shortcut {
    Shortcut { key, is_chord: true, target, is_field: false }
}

const fn field(key: &'static str, is_chord: bool, target: &'static str) -> Shortcut {
    Shortcut { key, is_chord, target, is_field: true }
}

/// Ctrl+K is for what is to come.
pub const SHORTCUTS: [Shortcut; 7] = [
    chord("o", "#sidebar a[href='/chat']"),
    field("/", false, "#composer"),
    field("f", true, "#sidebar input[type=search]"),
    Shortcut {
        key: "Escape",
        is_chord: false,
        target: "#composer ~ div > button:not([popovertarget],[type=submit],[hidden],:disabled)",
        is_field: false,
    },
    chord("c", "li[data-author=assistant]:last-child [title=Copy]:not([hidden])"),
    chord("s", "header [title^=Show]"),
    Shortcut { key: "?", is_chord: false, target: "[popovertarget=shortcuts]", is_field: false },
];

/// Follows the keys for as long as the app is there.
pub fn follow_shortcuts() {
    if cfg!(target_arch = "wasm32") {
        window_event_listener(ev::keydown, |event| follow(&event));
    }
}

fn follow(event: &ev::KeyboardEvent) {
    let key = event.key();
    let has_control = event.ctrl_key() || event.meta_key();
    let fits = |shortcut: &&Shortcut| {
        // A `?` may take Shift, and on some keyboards a `/` does.
        let has_modifiers = if shortcut.is_chord { has_control && event.shift_key() } else { !has_control };
        has_modifiers && key.eq_ignore_ascii_case(shortcut.key)
    };
    let Some(shortcut) = SHORTCUTS.iter().find(fits) else { return };
    // What is open comes first. Whoever writes means the character, unless it writes none.
    let in_the_way = match key.as_str() {
        "/" | "?" => ":popover-open,dialog[open],:is(input,textarea,select):focus",
        _ => ":popover-open,dialog[open]",
    };
    let find = |selector| document().query_selector(selector).ok().flatten();
    if event.alt_key() || event.is_composing() || event.default_prevented() || find(in_the_way).is_some() {
        return;
    }
    if let Some(target) = find(shortcut.target) {
        event.prevent_default();
        let target: HtmlElement = target.unchecked_into();
        if shortcut.is_field {
            // It fails only for an element that has left the document.
            drop(target.focus());
        } else {
            target.click();
        }
    }
}
