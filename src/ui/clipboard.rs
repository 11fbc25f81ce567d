//! Copying text.

use leptos::prelude::{document, window};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlDocument, HtmlTextAreaElement};

/// Puts text on the clipboard, also where a site is not served over https and the newer way does not exist. Says whether
/// the browser allowed it.
pub async fn copy_text(text: &str) -> bool {
    if window().is_secure_context() {
        return JsFuture::from(window().navigator().clipboard().write_text(text)).await.is_ok();
    }
    let document: HtmlDocument = document().unchecked_into();
    let (Ok(field), Some(body)) = (document.create_element("textarea"), document.body()) else { return false };
    let field: HtmlTextAreaElement = field.unchecked_into();
    field.set_value(text);
    field.set_class_name("sr-only");
    if body.append_child(&field).is_err() {
        return false;
    }
    field.select();
    let copied = document.exec_command("copy").unwrap_or_default();
    field.remove();
    copied
}
