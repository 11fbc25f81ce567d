//! The language of the document, and what texts say in it: the server put them there.

use std::sync::OnceLock;

use leptos::prelude::document;

use super::{Language, TEXTS_ID, Text};

/// The language of this document.
#[must_use]
pub fn current_language() -> Language {
    let tag = document().document_element().and_then(|root| root.get_attribute("lang"));
    tag.as_deref().and_then(Language::parse).unwrap_or_default()
}

/// What a text says in the language of this document.
#[must_use]
pub fn t(text: Text) -> &'static str {
    static TEXTS: OnceLock<Vec<String>> = OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        let found = document().get_element_by_id(TEXTS_ID).and_then(|element| element.text_content());
        found.unwrap_or_default().split('\n').map(str::to_owned).collect()
    });
    texts.get(text as usize).map_or("", String::as_str)
}
