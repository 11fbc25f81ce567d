//! The frame that the forms for signing in and up share.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::platform::error::AppError;
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Mosaic};

/// A form, and the motif of the site beside it. It needs no script: it is sent, and the server answers with a redirect or
/// with this page again.
#[component]
pub fn FormPage(
    /// The heading, and the label of the button unless that has its own.
    title: &'static str,
    /// What the button does.
    #[prop(optional)]
    submit: Option<&'static str>,
    /// A line under the heading.
    #[prop(into)]
    intro: String,
    /// Where the form is sent.
    #[prop(into)]
    action: String,
    /// A path of this site, to go to afterwards.
    next: String,
    /// What went wrong with the last try. What belongs to one field is shown there instead.
    errors: Vec<AppError>,
    /// The fields.
    #[prop(optional)]
    children: Option<Children>,
    /// The way to the other form.
    footer: AnyView,
    /// Other ways in than this form.
    #[prop(optional)]
    others: Option<AnyView>,
    /// What there is to say besides.
    #[prop(optional_no_strip)]
    notice: Option<String>,
) -> impl IntoView {
    let of_no_field =
        |error: &AppError| !matches!(error, AppError::InvalidInput { field, .. } if is_shown_at_its_field(field));
    let error = errors.into_iter().find(of_no_field);
    view! {
        <div class="mx-auto grid w-full max-w-6xl flex-1 items-center gap-16 px-4 py-8 sm:px-6 lg:grid-cols-2">
            <div class="mx-auto w-full max-w-sm space-y-8">
                <div class="space-y-2">
                    <h1 class="font-display text-4xl">{title}</h1>
                    <p class="text-ink-soft">{intro}</p>
                </div>
                {notice.map(|text| view! { <Alert tone=AlertTone::Info text /> })}
                <form method="post" action=action class="space-y-5">
                    {error.map(|error| view! { <Alert tone=AlertTone::Danger text=error.to_string() /> })}
                    <input type="hidden" name="next" value=next />
                    {children.map(|children| children())}
                    <Button label=submit.unwrap_or(title) variant=ButtonVariant::Primary kind="submit" class="w-full" />
                </form>
                {others}
                <p class="text-sm text-ink-soft">{footer}</p>
            </div>
            <div class="hidden flex-col justify-between gap-16 self-stretch rounded-md bg-sunken p-12 lg:flex">
                <Mosaic class="-m-2.5 size-64" />
                <p class="font-display text-3xl leading-tight">
                    {t(Text::HeroFirst)} <br /> <span class="text-ink-soft">{t(Text::HeroSecond)}</span>
                </p>
            </div>
        </div>
    }
}

fn is_shown_at_its_field(field: &str) -> bool {
    ["email", "password", "name", "currentPassword", "code"].contains(&field)
}
