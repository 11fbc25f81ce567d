//! HTML that the server made and the browser puts into the page later: it costs no WASM.

use leptos::prelude::document;

/// What is in the `<template>` with this id; nothing where there is none.
#[must_use]
pub fn template_html(id: &str) -> String {
    document().get_element_by_id(id).map(|template| template.inner_html()).unwrap_or_default()
}
