//! A surface that holds what belongs together.

use leptos::prelude::*;

/// A bordered surface.
#[component]
pub fn Card<C: IntoView + 'static>(
    /// Further utilities, for padding and its place in the layout.
    #[prop(default = "p-6")]
    class: &'static str,
    /// What it holds.
    children: TypedChildren<C>,
) -> impl IntoView {
    view! { <div class=format!("rounded-md border border-line bg-surface {class}")>{children.into_inner()()}</div> }
}
