//! The language of the document, and what texts say in it: the server put them there.

use std::cell::OnceCell;

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
    thread_local! {
        static TEXTS: OnceCell<Vec<&'static str>> = const { OnceCell::new() };
    }
    TEXTS.with(|texts| {
        let texts = texts.get_or_init(|| {
            let found = document().get_element_by_id(TEXTS_ID).and_then(|element| element.text_content());
            // They are needed for as long as the page is there.
            found.unwrap_or_default().leak().split('\n').collect()
        });
        texts.get(text as usize).copied().unwrap_or_default()
    })
}
