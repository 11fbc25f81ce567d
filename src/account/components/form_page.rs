//! The frame that the forms for signing in and up share.

use leptos::prelude::*;

use crate::error::AppError;
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Card};

/// A form on a card. It needs no script: it is sent, and the server answers with a redirect or with this page again.
#[component]
pub fn FormPage(
    /// The heading, and the label of the button.
    title: &'static str,
    /// A line under the heading.
    intro: &'static str,
    /// Where the form is sent.
    action: &'static str,
    /// A path of this site, to go to afterwards.
    next: String,
    /// What went wrong with the last try. What belongs to one field is shown there instead.
    error: Option<AppError>,
    /// The fields.
    children: Children,
    /// The way to the other form.
    footer: AnyView,
) -> impl IntoView {
    let error =
        error.filter(|error| !matches!(error, AppError::InvalidInput { field, .. } if is_shown_at_its_field(field)));
    view! {
        <div class="m-auto w-full max-w-md space-y-6 px-4 py-10">
            <div class="space-y-2 text-center">
                <h1 class="text-2xl font-semibold tracking-tight">{title}</h1>
                <p class="text-ink-soft">{intro}</p>
            </div>
            <Card>
                <form method="post" action=action class="space-y-5">
                    {error.map(|error| view! { <Alert tone=AlertTone::Danger text=error.to_string() /> })}
                    <input type="hidden" name="next" value=next />
                    {children()}
                    <Button label=title variant=ButtonVariant::Primary kind="submit" class="w-full" />
                </form>
            </Card>
            <p class="text-center text-sm text-ink-soft">{footer}</p>
        </div>
    }
}

fn is_shown_at_its_field(field: &str) -> bool {
    ["email", "password", "name"].contains(&field)
}
