//! What a key is meant for, for all fields and all shortcuts.

use js_sys::{Function, Reflect};
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::KeyboardEvent;

/// Whether the key belongs to an input method, which picks words with arrows, Enter and Escape: then it does nothing of ours.
///
/// 229 is what such keys are called before the composition is known of, and in Safari after it has ended.
#[must_use]
pub fn is_composing(event: &KeyboardEvent) -> bool {
    event.is_composing() || event.key_code() == 229
}

/// Whether Enter sends here. The keyboard on a screen has no Shift to begin a new line with, so there it is one.
#[must_use]
pub fn is_send(event: &KeyboardEvent) -> bool {
    let is_enter = event.key() == "Enter" && !event.shift_key() && !is_composing(event);
    is_enter && (event.ctrl_key() || event.meta_key() || !is_touched())
}

/// Whether this is used with fingers alone. By hand: a class of the browser for it would be a kilobyte.
#[must_use]
pub fn is_touched() -> bool {
    let window = window();
    let ask =
        Reflect::get(&window, &JsValue::from_str("matchMedia")).ok().and_then(|ask| ask.dyn_into::<Function>().ok());
    let query = JsValue::from_str("(pointer: coarse) and (hover: none)");
    let answer = ask.and_then(|ask| ask.call1(&window, &query).ok());
    answer
        .and_then(|answer| Reflect::get(&answer, &JsValue::from_str("matches")).ok())
        .is_some_and(|fits| fits.is_truthy())
}
