//! What people see of exports and erasures: the section on `/account` and the pages of erasing, HTML of the server without a script.

use leptos::prelude::*;

use super::erase::{ErasureView, Losses};
use super::export::ExportView;
use crate::account::server::password_field::CurrentPassword;
use crate::i18n::{Text, fill, t};
use crate::platform::error::AppError;
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Card, Checkbox, Field, Timestamp, html_of};

/// Where the section stands.
pub(super) const SECTION: &str = "/account#your-data";
const MEBIBYTE: u64 = 1024 * 1024;

/// The section of `/account`.
pub(super) fn section_html(export: ExportView, has_password: bool) -> String {
    html_of(move || {
        view! {
            <section aria-labelledby="your-data" class="space-y-4">
                <div class="space-y-1">
                    <h2 id="your-data" class="text-lg font-semibold">
                        {t(Text::YourData)}
                    </h2>
                    <p class="text-sm text-ink-soft">{t(Text::YourDataExplained)}</p>
                </div>
                <Card>
                    <div class="space-y-4">
                        <div class="space-y-1">
                            <h3 class="font-medium">{t(Text::ExportEverything)}</h3>
                            <p class="text-sm text-ink-soft">{t(Text::ExportExplained)}</p>
                        </div>
                        <ExportState export has_password />
                    </div>
                </Card>
                <Card>
                    <div class="flex flex-wrap items-center justify-between gap-4">
                        <div class="space-y-1">
                            <h3 class="font-medium">{t(Text::EraseEverything)}</h3>
                            <p class="text-sm text-ink-soft">{t(Text::EraseExplained)}</p>
                        </div>
                        <Button href="/account/erase" label=t(Text::EraseEverything) variant=ButtonVariant::Danger />
                    </div>
                </Card>
            </section>
        }
    })
}

#[component]
fn ExportState(
    /// How far it is.
    export: ExportView,
    /// There is one to confirm with.
    has_password: bool,
) -> impl IntoView {
    let begin = (!export.is("running") && export.next_at.is_none()).then(|| {
        view! {
            <form method="post" action="/account/export">
                <Button label=t(Text::MakeArchive) kind="submit" />
            </form>
        }
    });
    let files = export.files.to_string();
    let in_the_making = export.is("running").then(|| {
        let (done, steps) = ((export.done + 1).min(export.steps).to_string(), export.steps.to_string());
        let text = fill(Text::ArchiveInTheMaking, &[("done", &done), ("steps", &steps), ("files", &files)]);
        // With a query, or browsers would only scroll there.
        view! { <Alert text link=Some(("/account?look=again#your-data".to_owned(), t(Text::LookAgain))) /> }
    });
    let has_failed = export.is("failed").then(|| {
        view! { <Alert tone=AlertTone::Danger text=t(Text::ArchiveFailed) /> }
    });
    let is_ready = export.is("ready").then(|| {
        let size = format!("{} MiB", export.bytes.div_ceil(MEBIBYTE));
        let text = fill(Text::ArchiveReady, &[("files", &files), ("size", &size)]);
        view! {
            <form method="post" action="/account/export/download" class="space-y-4">
                <p class="text-sm">{text} " " <Timestamp at=export.expires_at.clone().unwrap_or_default() /></p>
                {has_password.then(|| view! { <CurrentPassword id="export-password" /> })}
                <Button label=t(Text::DownloadArchive) variant=ButtonVariant::Primary kind="submit" />
            </form>
        }
    });
    view! { {in_the_making} {has_failed} {is_ready} {begin} }
}

/// Asks whether everything is to be erased.
#[component]
pub(super) fn ErasePage(
    /// What would be lost.
    losses: Losses,
    /// There is one to confirm with.
    has_password: bool,
    /// What was typed before.
    email: String,
    /// What went wrong with the last try.
    error: Option<AppError>,
) -> impl IntoView {
    let at = |wanted: &str| match &error {
        Some(AppError::InvalidInput { field, message }) if field == wanted => Some(message.clone()),
        _ => None,
    };
    let paid = losses.paid.is_positive();
    let is_at_field = |field: &str| match field {
        "email" | "currentPassword" => true,
        "forfeitCredits" => paid,
        _ => false,
    };
    let is_of_none = |error: &&AppError| !matches!(error, AppError::InvalidInput { field, .. } if is_at_field(field));
    let of_none = error.as_ref().filter(is_of_none);
    let of_none = of_none.map(|error| view! { <Alert tone=AlertTone::Danger text=error.to_string() /> });
    let (address, password, forfeit) = (at("email"), at("currentPassword"), at("forfeitCredits"));
    let told = |text: String| view! { <li>{text}</li> };
    let credits = losses.credits.is_positive().then(|| {
        let mut text = fill(Text::EraseCredits, &[("credits", &losses.credits.as_balance())]);
        if paid {
            text.push(' ');
            text.push_str(&fill(Text::ErasePaidCredits, &[("credits", &losses.paid.as_balance())]));
        }
        told(text)
    });
    let subscription = losses.has_subscription.then(|| told(t(Text::EraseSubscription).to_owned()));
    view! {
        <div class="mx-auto w-full max-w-xl space-y-6 px-4 py-10 sm:px-6">
            <h1 class="font-display text-4xl">{t(Text::EraseEverything)}</h1>
            <p class="text-ink-soft">{t(Text::EraseExplained)}</p>
            {of_none}
            <ul class="list-disc space-y-2 pl-5 text-sm">
                {told(t(Text::EraseGoes).to_owned())} {told(t(Text::EraseStays).to_owned())} {credits} {subscription}
                {told(t(Text::EraseTakeAlong).to_owned())}
            </ul>
            <form method="post" action="/account/erase" class="space-y-5">
                <Field
                    id="erase-email"
                    name="email"
                    label=t(Text::TypeYourAddress)
                    kind="email"
                    value=email
                    autocomplete="off"
                    required=true
                    error=address
                />
                {has_password.then(|| view! { <CurrentPassword id="erase-password" error=password /> })}
                {paid
                    .then(|| {
                        view! {
                            <Checkbox id="forfeit" name="forfeitCredits" label=t(Text::GiveUpCredits) value="true" error=forfeit />
                        }
                    })}
                <div class="flex flex-wrap gap-3">
                    <Button label=t(Text::EraseForGood) variant=ButtonVariant::Danger kind="submit" />
                    <Button href=SECTION label=t(Text::Cancel) />
                </div>
            </form>
        </div>
    }
}

/// How far an erasure is.
#[component]
pub(super) fn ErasurePage(
    /// How far it is.
    erasure: ErasureView,
    /// Where to look again.
    path: String,
) -> impl IntoView {
    let is_erased = erasure.state == "erased";
    let title = if is_erased { Text::IsErased } else { Text::BeingErased };
    let (done, steps) = (erasure.done.to_string(), erasure.steps.to_string());
    let text = if is_erased {
        t(Text::IsErasedText).to_owned()
    } else {
        fill(Text::BeingErasedText, &[("done", &done), ("steps", &steps)])
    };
    let (href, label) = if is_erased { ("/".to_owned(), t(Text::ToTheStart)) } else { (path, t(Text::LookAgain)) };
    view! {
        <div class="m-auto flex max-w-md flex-col items-center gap-6 px-4 py-16 text-center">
            <h1 class="font-display text-4xl text-balance">{t(title)}</h1>
            <p class="text-ink-soft" role="status">{text}</p>
            <Button href label />
        </div>
    }
}
