//! Copying text.

use std::time::Duration;

use leptos::ev::MouseEvent;
use leptos::prelude::{document, set_timeout, window};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, HtmlDocument, HtmlTextAreaElement};

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

/// Has the button that was pressed say for two seconds that it copied (`data-copied` in style/conversation.css).
pub fn say_copied(event: &MouseEvent, text: &str) {
    let target = event.target().map(JsCast::unchecked_into::<Element>);
    if let Some(button) = target.and_then(|target| target.closest("button").ok().flatten()) {
        // Neither fails: the name is valid.
        drop(button.set_attribute("data-copied", text));
        set_timeout(move || drop(button.remove_attribute("data-copied")), Duration::from_secs(2));
    }
}
