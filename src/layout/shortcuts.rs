//! Keys for what one could press or write into. Here is only what listens, as every page loads it; the sheet that
//! explains the keys is `components/shortcut_sheet.rs`.

use leptos::prelude::*;
use leptos::{ev, leptos_dom::helpers::window_event_listener};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, Node};

use crate::ui::is_composing;

/// A key, and the element on the page that it stands for: a field gets the focus, anything else is pressed.
#[derive(Debug, Clone, Copy)]
pub struct Shortcut {
    /// [`web_sys::KeyboardEvent::key`], a letter in lower case.
    pub key: &'static str,
    /// What is held with it.
    pub with: Held,
    /// A CSS selector. Without such an element the key is the browser's.
    pub target: &'static str,
    /// Whether the target gets the focus rather than a press.
    pub is_field: bool,
}

/// What is held with a key. With any of it, it works while one is writing too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Nothing,
    /// Ctrl or ⌘.
    Control,
    /// Ctrl or ⌘, and Shift.
    ControlShift,
}

const fn press(key: &'static str, with: Held, target: &'static str) -> Shortcut {
    Shortcut { key, with, target, is_field: false }
}

const fn field(key: &'static str, with: Held, target: &'static str) -> Shortcut {
    Shortcut { key, with, target, is_field: true }
}

/// What keys stand for; their meanings are in `components/shortcut_sheet.rs`.
pub const SHORTCUTS: [Shortcut; 8] = [
    press("k", Held::Control, "#open-palette"),
    press("o", Held::ControlShift, "#sidebar a[href='/chat']"),
    field("/", Held::Nothing, "#composer,#image-prompt"),
    field("f", Held::ControlShift, "#sidebar input[type=search]"),
    press("Escape", Held::Nothing, "#composer ~ div > button:not([popovertarget],[type=submit],[hidden],:disabled)"),
    press("c", Held::ControlShift, "li[data-author=assistant]:last-child :has(>[data-receipt])>button:first-child"),
    press("s", Held::ControlShift, "#switch-sidebar"),
    press("?", Held::Nothing, "[popovertarget=shortcuts]"),
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
        let is_held = match shortcut.with {
            // A `?` may take Shift, and on some keyboards a `/` does.
            Held::Nothing => !has_control,
            Held::Control => has_control && !event.shift_key(),
            Held::ControlShift => has_control && event.shift_key(),
        };
        is_held && key.eq_ignore_ascii_case(shortcut.key)
    };
    if !event.default_prevented() && !is_composing(event) && step_in_popover(&key) {
        return event.prevent_default();
    }
    let Some(shortcut) = SHORTCUTS.iter().find(fits) else { return };
    // What is open comes first. Whoever writes means the character, unless it writes none.
    let in_the_way = match key.as_str() {
        "/" | "?" => ":popover-open,dialog[open],:is(input,textarea,select):focus",
        _ => ":popover-open,dialog[open]",
    };
    let find = |selector| document().query_selector(selector).ok().flatten();
    if event.alt_key() || is_composing(event) || event.default_prevented() || find(in_the_way).is_some() {
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

/// The arrow keys go through the links and buttons of a popover that is open, and around its ends. Says whether they did.
fn step_in_popover(key: &str) -> bool {
    let is_down = key == "ArrowDown";
    if !is_down && key != "ArrowUp" {
        return false;
    }
    let popover = document().query_selector(".popover:popover-open").ok().flatten();
    let Some(items) = popover.and_then(|popover| popover.query_selector_all("a,button").ok()) else { return false };
    let count = items.length();
    let focused = document().active_element().map(JsCast::unchecked_into::<Node>);
    let at = (0..count).find(|at| items.item(*at) == focused);
    let next = match at {
        Some(at) if is_down => at + 1,
        Some(at) => at + count - 1,
        None if is_down => 0,
        None => count.saturating_sub(1),
    };
    let next = next.checked_rem(count).and_then(|next| items.item(next));
    // It fails only for an element that has left the document.
    next.map(|next| drop(next.unchecked_into::<HtmlElement>().focus())).is_some()
}
