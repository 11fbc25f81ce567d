//! A description, which is Markdown.

use leptos::html::div;
use leptos::prelude::*;

use crate::chat::server::highlight::to_final_html;

/// Markdown of our own.
#[component]
pub fn Prose(
    /// The text.
    text: &'static str,
    /// Further utilities.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    div().class(format!("markdown {class}")).inner_html(to_final_html(text))
}
