//! What is shown instead of a page.

use leptos::prelude::*;

use crate::ui::{Button, ButtonVariant, Mosaic};

/// The body of an error page.
#[component]
pub fn ErrorPage(
    /// The HTTP status.
    status: u16,
    /// What happened, in a few words.
    #[prop(into)]
    title: String,
    /// What it means for the visitor.
    #[prop(into)]
    text: String,
    /// Finds this request in the log.
    #[prop(optional_no_strip)]
    request_id: Option<String>,
) -> impl IntoView {
    view! {
        <div class="m-auto flex max-w-md flex-col items-center gap-4 px-4 py-16 text-center">
            <Mosaic class="size-14" />
            <p class="text-sm font-medium text-ink-soft">"Error " {status}</p>
            <h1 class="text-2xl font-semibold tracking-tight">{title}</h1>
            <p class="text-ink-soft">{text}</p>
            <div class="flex gap-2">
                <Button href="/chat" label="To the chat" variant=ButtonVariant::Primary />
                <Button href="/" label="Home" />
            </div>
            {request_id
                .map(|id| {
                    view! {
                        <p class="text-xs text-ink-soft">
                            "Request " <code class="break-all select-all">{id}</code>
                        </p>
                    }
                })}
        </div>
    }
}
