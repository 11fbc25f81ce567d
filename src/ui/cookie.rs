//! What the browser remembers for the server, so that the first HTML is right.

use leptos::prelude::{document, location};
use wasm_bindgen::JsCast;
use web_sys::HtmlDocument;

/// How long it is remembered, in seconds: a year.
pub const COOKIE_SECS: u32 = 31_536_000;

/// Sets a cookie of this site for a year; one without a value is forgotten. Both have to be plain words.
pub fn set_cookie(name: &str, value: &str) {
    let age = if value.is_empty() { 0 } else { COOKIE_SECS };
    // As the server sets it. A page that was loaded in the clear could not set one that is `Secure`.
    let secure = if location().protocol().is_ok_and(|scheme| scheme == "https:") { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; Max-Age={age}; SameSite=Lax{secure}");
    // Refused only where cookies are switched off; the choice then lasts as long as the page.
    drop(document().unchecked_into::<HtmlDocument>().set_cookie(&cookie));
}
