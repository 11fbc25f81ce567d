//! The focus on its way through the items of one control, as menus, lists and tabs share it (WAI-ARIA Authoring Practices,
//! "Managing Focus Within Components"). Items are the children of one element.

use leptos::prelude::document;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

/// Where the focus goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Next,
    Previous,
    First,
    Last,
}

impl Step {
    /// The child of `container` that this step leads to, over those that cannot be had, and around the end.
    pub fn from(self, container: &Element, fits: impl Fn(&Element) -> bool) -> Option<Element> {
        let current = document().active_element().filter(|element| container.contains(Some(element)));
        let forward = matches!(self, Self::Next | Self::First);
        let next = |from: &Element| if forward { from.next_element_sibling() } else { from.previous_element_sibling() };
        let end = || if forward { container.first_element_child() } else { container.last_element_child() };
        let start = match self {
            Self::Next | Self::Previous => current.as_ref().and_then(next),
            Self::First | Self::Last => None,
        };
        let mut at = start.or_else(end)?;
        // Once around at most.
        for _ in 0..container.child_element_count() {
            if fits(&at) {
                return Some(at);
            }
            at = next(&at).or_else(end)?;
        }
        None
    }
}

/// Gives an item the focus.
pub fn focus(element: Element) {
    // Only an element that has left the document could refuse.
    drop(element.unchecked_into::<HtmlElement>().focus());
}
