//! The shape of something that is still loading.

use leptos::prelude::*;

/// A quietly pulsing tile; screen readers skip it.
#[component]
pub fn Skeleton(
    /// Its size.
    #[prop(default = "h-4 w-full")]
    class: &'static str,
) -> impl IntoView {
    view! { <div class=format!("animate-pulse rounded-md bg-sunken {class}") aria-hidden="true"></div> }
}
