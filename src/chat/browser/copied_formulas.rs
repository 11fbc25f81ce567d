//! Copying formulas: what was written, not the letters that it was typeset with.
//!
//! By hand, as the classes of the browser for this would be kilobytes in the chunk that everybody loads.

use js_sys::{Array, Function, Reflect};
use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ClipboardEvent, Element, Event, HtmlElement, Node};

/// Copies what is selected with the sources of its formulas, if there are any.
pub(super) fn copy_sources(event: &Event) {
    let event: &ClipboardEvent = event.unchecked_ref();
    let (Some(copied), Some(clipboard)) = (selected(), event.clipboard_data()) else { return };
    let html = copied.inner_html();
    // Only what is on the page has lines.
    let text = document().body().and_then(|body| {
        body.append_child(&copied).ok()?;
        let text = copied.inner_text();
        copied.remove();
        Some(text)
    });
    if clipboard.set_data("text/plain", &text.unwrap_or_default()).is_ok() {
        drop(clipboard.set_data("text/html", &html));
        event.prevent_default();
    }
}

/// A copy of what is selected, where there are formulas in it.
fn selected() -> Option<HtmlElement> {
    let selection = call(&window(), "getSelection", &[])?;
    let range = call(&selection, "getRangeAt", &[0.into()])?;
    let content: Node = call(&range, "cloneContents", &[])?.dyn_into().ok()?;
    let copied: HtmlElement = document().create_element("div").ok()?.dyn_into().ok()?;
    copied.append_child(&content).ok()?;
    let mut has_formula = false;
    while let Some(formula) = copied.query_selector("math").ok().flatten() {
        has_formula = true;
        let text = source_of(&formula).or_else(|| formula.text_content()).unwrap_or_default();
        call(&formula, "replaceWith", &[text.into()])?;
    }
    has_formula.then_some(copied)
}

fn source_of(formula: &Element) -> Option<String> {
    let tex = formula.query_selector("annotation").ok()??.text_content()?;
    let sign = if formula.get_attribute("display").as_deref() == Some("block") { "$$" } else { "$" };
    Some([sign, &tex, sign].concat())
}

fn call(of: &JsValue, name: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let function: Function = Reflect::get(of, &name.into()).ok()?.dyn_into().ok()?;
    function.apply(of, &arguments.iter().collect::<Array>()).ok()
}
