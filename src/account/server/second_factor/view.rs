//! What the pages of two-step sign-in show, and its section on `/account`.

use leptos::prelude::*;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::app_key::ShownKey;
use super::pages::{CONFIRM, SECOND_STEP, TWO_STEPS};
use super::qr::Qr;
use super::rules::CODE;
use crate::account::server::Account;
use crate::account::server::form_page::FormPage;
use crate::account::server::oidc::{act, no_default};
use crate::account::server::passkeys::{PasskeyScript, SignInByPasskey};
use crate::account::server::password_field::CurrentPassword;
use crate::account::server::sign_in_page::{at_field, is_first};
use crate::account::server::store::User;
use crate::i18n::{Text, count, t};
use crate::platform::error::{AppError, AppResult};
use crate::ui::{Alert, AlertTone, Badge, BadgeTone, Button, ButtonVariant, Card, Field, html_of};

/// Most characters of a code, with what people put between its groups.
const MAX_CODE_CHARS: usize = 64;

#[component]
fn CodeField(
    /// What went wrong with the last try.
    errors: Vec<AppError>,
    /// It has the focus when the page opens.
    autofocus: bool,
) -> impl IntoView {
    view! {
        <Field
            id="code"
            name=CODE
            label=t(Text::SecondCode)
            autocomplete="one-time-code"
            required=true
            max_chars=MAX_CODE_CHARS
            autofocus=autofocus || is_first(&errors, CODE)
            error=at_field(&errors, CODE)
        />
    }
}

/// Asks for the second step.
#[component]
pub fn SecondStepPage(
    /// What went wrong with the last try.
    errors: Vec<AppError>,
    /// Where passkeys work, if one can be shown.
    passkeys: Option<String>,
    /// A path of this site, to go to afterwards.
    next: String,
) -> impl IntoView {
    let others = passkeys.map(|origin| {
        view! {
            <SignInByPasskey origin next finish="/api/auth/second-step/passkey" />
            <PasskeyScript />
        }
    });
    let footer = view! {
        <a href="/sign-in" class="font-medium text-accent underline underline-offset-2">
            {t(Text::SignInOtherwise)}
        </a>
    };
    view! {
        <FormPage
            title=t(Text::SecondStep)
            submit=t(Text::GoOn)
            intro=t(Text::SecondStepIntro)
            action=SECOND_STEP
            next=String::new()
            errors=errors.clone()
            footer=footer.into_any()
            others=others.into_any()
        >
            <CodeField errors autofocus=true />
        </FormPage>
    }
}

/// The key for an app, and the form for its first code.
#[component]
pub fn SetupPage(
    /// The key.
    key: ShownKey,
    /// What went wrong with the last try.
    errors: Vec<AppError>,
) -> impl IntoView {
    let ShownKey { text, uri } = key;
    let of_no_field =
        errors.iter().find(|error| !matches!(error, AppError::InvalidInput { .. })).map(ToString::to_string);
    view! {
        <div class="mx-auto w-full max-w-md space-y-6 px-4 py-8 sm:px-6">
            <h1 class="font-display text-4xl">{t(Text::TwoSteps)}</h1>
            {of_no_field.map(|text| view! { <Alert tone=AlertTone::Danger text /> })}
            <p class="text-ink-soft">{t(Text::SetupScan)}</p>
            <Qr text=uri.clone() label=t(Text::SetupQr) />
            <div class="space-y-2">
                <p class="text-ink-soft">{t(Text::SetupKey)}</p>
                <p>
                    <code class="block rounded-md bg-sunken px-3 py-2 break-words select-all">{text}</code>
                </p>
                <p>
                    <a href=uri class="font-medium text-accent underline underline-offset-2">
                        {t(Text::SetupOpen)}
                    </a>
                </p>
            </div>
            <form method="post" action=CONFIRM class="space-y-5">
                <p class="text-ink-soft">{t(Text::SetupConfirm)}</p>
                <CodeField errors autofocus=false />
                <Button label=t(Text::TurnTwoStepsOn) variant=ButtonVariant::Primary kind="submit" />
            </form>
            <p class="text-sm">
                <a href="/account" class="font-medium text-accent underline underline-offset-2">
                    {t(Text::Cancel)}
                </a>
            </p>
        </div>
    }
}

/// The recovery codes, to be kept now or never.
#[component]
pub fn CodesPage(
    /// The codes.
    codes: Vec<String>,
) -> impl IntoView {
    let lines = format!("{}\n", codes.join("\n"));
    let file = format!("data:text/plain;charset=utf-8,{}", utf8_percent_encode(&lines, NON_ALPHANUMERIC));
    view! {
        <div class="mx-auto w-full max-w-md space-y-6 px-4 py-8 sm:px-6">
            <h1 class="font-display text-4xl">{t(Text::RecoveryCodes)}</h1>
            <p role="status">{t(Text::TwoStepsAreOn)}</p>
            <p class="text-ink-soft">{t(Text::RecoveryCodesExplained)}</p>
            <pre class="rounded-md bg-sunken px-4 py-3 select-all">
                {lines}
            </pre>
            <p class="flex flex-wrap gap-x-6 gap-y-4">
                <a
                    href=file
                    download="tessera-recovery-codes.txt"
                    class="inline-flex h-10 items-center font-medium text-accent underline underline-offset-2"
                >
                    {t(Text::DownloadCodes)}
                </a>
                <Button href="/account" label=t(Text::BackToAccount) variant=ButtonVariant::Primary />
            </p>
        </div>
    }
}

/// The section of `/account`: HTML of the server, also for pages that the browser shows. Its forms need no script.
///
/// # Errors
/// The database is down.
pub async fn two_steps_html(account: &Account, user: &User) -> AppResult<String> {
    let app = account.second_factors.find(user.id).await?;
    let is_on = app.filter(|app| app.confirmed_at.is_some()).map(|app| (app.codes_left, app.key.is_empty()));
    let has_passkey = account.passkey_origin().is_some() && !account.passkeys.list(user.id).await?.is_empty();
    let (has_password, is_verified) = (user.password_hash.is_some(), user.email_verified_at.is_some());
    Ok(html_of(move || section(is_on, has_passkey, has_password, is_verified)))
}

/// `is_on` has the recovery codes that are left, and whether passkeys alone are the second step.
fn section(is_on: Option<(u32, bool)>, has_passkey: bool, has_password: bool, is_verified: bool) -> impl IntoView {
    let (tone, state) = match is_on {
        Some(_) => (BadgeTone::Success, Text::TurnedOn),
        None => (BadgeTone::Neutral, Text::TurnedOff),
    };
    let left = is_on.map(|(left, by_passkey)| {
        view! {
            {by_passkey.then(|| view! { <p class="text-sm">{t(Text::SecondStepIsPasskey)}</p> })}
            <p class="text-sm">{count(Text::RecoveryCodesLeft, left.into())}</p>
        }
    });
    let unsure = (!is_verified).then(|| view! { <p class="text-sm text-ink-soft">{t(Text::TwoStepsUnconfirmed)}</p> });
    let password = has_password.then(|| {
        view! {
            <CurrentPassword id="two-steps-password" />
        }
    });
    let button = |action: &str, label| act("action", action.to_owned(), t(label).to_owned());
    let buttons = match (is_on, has_passkey) {
        (Some(_), _) => vec![button("codes", Text::NewRecoveryCodes), button("off", Text::TurnTwoStepsOff)],
        (None, true) => vec![button("begin", Text::SetTwoStepsUp), button("passkey", Text::UsePasskeys)],
        (None, false) => vec![button("begin", Text::SetTwoStepsUp)],
    };
    view! {
        <section aria-labelledby="two-steps" class="space-y-4">
            <div class="space-y-1">
                <h2 id="two-steps" class="flex flex-wrap items-center gap-2 text-lg font-semibold">
                    {t(Text::TwoSteps)}
                    " "
                    <Badge tone>{t(state)}</Badge>
                </h2>
                <p class="text-sm text-ink-soft">{t(Text::TwoStepsExplained)}</p>
            </div>
            <Card>
                <form method="post" action=TWO_STEPS class="max-w-sm space-y-4">
                    {(buttons.len() > 1).then(no_default)}
                    {left}
                    {unsure}
                    {password}
                    <p class="flex flex-wrap gap-2">{buttons}</p>
                </form>
            </Card>
        </section>
    }
}
