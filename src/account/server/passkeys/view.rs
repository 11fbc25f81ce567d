//! Passkeys on `/sign-in`, on `/account` and on the page that adds one: HTML of the server. To rename and to remove one needs no script.

use leptos::prelude::*;

use super::rules::PasskeyInfo;
use super::{MAX_PASSKEY_NAME_CHARS, MAX_PASSKEYS};
use crate::account::PASSWORD_CHARS;
use crate::account::server::Account;
use crate::account::server::password_field::CurrentPassword;
use crate::i18n::{Text, fill, t};
use crate::platform::error::AppResult;
use crate::platform::ids::UserId;
use crate::ui::{Alert, AlertTone, Button, ButtonSize, ButtonVariant, Card, Field, Timestamp, html_of};

/// Where the forms on `/account` are sent.
pub const PASSKEYS: &str = "/account/passkeys";
/// The page that adds one.
pub const NEW_PASSKEY: &str = "/account/passkeys/new";

/// A control that is written in, as [`Field`] has it: here are several of the same name.
const CONTROL: &str = "mt-1.5 block h-10 w-full rounded-md border border-line-strong bg-surface px-3";
const LINK: &str = "cursor-pointer rounded-md px-2 py-1.5 text-ink-soft hover:bg-sunken hover:text-ink";

impl Account {
    /// The origin that passkeys are for, if there can be any.
    #[must_use]
    pub fn passkey_origin(&self) -> Option<String> {
        let is_on = self.relying_party.is_some() && self.clerk.is_none();
        is_on.then(|| self.site.public_url.origin().ascii_serialization())
    }
}

/// The button of `/sign-in`. It is shown by the script, where the browser has passkeys.
#[component]
pub fn SignInByPasskey(
    /// Where they work.
    origin: String,
    /// A path of this site, to go to afterwards.
    next: String,
    /// Where the answer of the passkey is sent.
    #[prop(default = "/api/auth/passkey")]
    finish: &'static str,
) -> impl IntoView {
    view! {
        <div
            id="sign-in-by-passkey"
            class="space-y-3"
            data-origin=origin
            data-finish=finish
            data-next=next
            data-cancelled=t(Text::PasskeyNotUsed)
            data-unsupported=t(Text::PasskeysUnsupported)
            data-failed=t(Text::DidNotWork)
            hidden
        >
            <Button label=t(Text::SignInByPasskey) class="w-full" />
            <p role="alert" class="text-sm text-danger empty:hidden"></p>
        </div>
    }
}

/// The form that adds one.
#[component]
pub fn NewPasskeyForm(
    /// Where they work.
    origin: String,
    /// What it is called, if nothing else is entered.
    device: String,
    /// There is one to ask for.
    has_password: bool,
) -> impl IntoView {
    let elsewhere = fill(Text::PasskeysElsewhere, &[("url", &origin)]);
    let password = has_password.then(|| {
        view! {
            <CurrentPassword id="current-password" />
        }
    });
    view! {
        <div class="mx-auto w-full max-w-sm space-y-8 px-4 py-16">
            <div class="space-y-2">
                <h1 class="font-display text-4xl">{t(Text::AddPasskey)}</h1>
                <p class="text-ink-soft">{t(Text::PasskeysExplained)}</p>
            </div>
            <p class="hidden noscript:block">{t(Text::PasskeysNeedScript)}</p>
            <form
                id="new-passkey"
                method="post"
                class="space-y-5"
                data-origin=origin
                data-elsewhere=elsewhere
                data-cancelled=t(Text::PasskeyNotMade)
                data-known=t(Text::PasskeyKnown)
                data-unsupported=t(Text::PasskeysUnsupported)
                data-failed=t(Text::DidNotWork)
            >
                <Field
                    id="passkey-name"
                    name="name"
                    label=t(Text::Name)
                    value=device
                    hint=t(Text::PasskeyNameHint)
                    autocomplete="off"
                    max_chars=MAX_PASSKEY_NAME_CHARS
                />
                {password}
                <p role="alert" class="text-sm text-danger empty:hidden"></p>
                <Button label=t(Text::AddPasskey) variant=ButtonVariant::Primary kind="submit" class="w-full" disabled=true />
            </form>
            <p class="text-sm">
                <a href="/account#passkeys" class="font-medium text-accent underline underline-offset-2">
                    {t(Text::BackToAccount)}
                </a>
            </p>
        </div>
    }
}

/// The section of `/account`.
///
/// # Errors
/// The database is down.
pub async fn passkeys_html(account: &Account, user: UserId, has_password: bool) -> AppResult<String> {
    let passkeys = account.list_passkeys(user).await?;
    let is_on = account.passkey_origin().is_some();
    let off = (!is_on).then(|| {
        let url = account.site.public_url.origin().ascii_serialization();
        fill(Text::PasskeysOff, &[("url", &url)])
    });
    Ok(html_of(move || view! { <Section passkeys off has_password /> }))
}

#[component]
fn Section(
    /// Oldest first.
    passkeys: Vec<PasskeyInfo>,
    /// Why there can be none.
    off: Option<String>,
    /// There is one to ask for.
    has_password: bool,
) -> impl IntoView {
    let has_room = off.is_none() && passkeys.len() < MAX_PASSKEYS;
    let list = if passkeys.is_empty() {
        let none = off.is_none().then(|| {
            view! {
                <Card class="px-6 py-8">
                    <p class="text-center text-sm text-ink-soft">{t(Text::NoPasskeys)}</p>
                </Card>
            }
        });
        none.into_any()
    } else {
        let entries: Vec<_> = passkeys.into_iter().map(|passkey| view! { <Entry passkey has_password /> }).collect();
        view! { <ul class="divide-y divide-line rounded-md border border-line bg-surface">{entries}</ul> }.into_any()
    };
    view! {
        <section aria-labelledby="passkeys" class="space-y-4">
            <div class="space-y-1">
                <h2 id="passkeys" class="text-lg font-semibold">
                    {t(Text::Passkeys)}
                </h2>
                <p class="text-sm text-ink-soft">{t(Text::PasskeysExplained)}</p>
            </div>
            {off.map(|text| view! { <Alert tone=AlertTone::Info text /> })}
            {list}
            {has_room
                .then(|| {
                    view! {
                        <p class="hidden text-sm text-ink-soft noscript:block">{t(Text::PasskeysNeedScript)}</p>
                        <Button href=NEW_PASSKEY label=t(Text::AddPasskey) />
                    }
                })}
        </section>
    }
}

#[component]
fn Entry(
    /// The passkey.
    passkey: PasskeyInfo,
    /// There is one to ask for.
    has_password: bool,
) -> impl IntoView {
    let PasskeyInfo { id, name, device, created_at, last_used_at } = passkey;
    let used = match last_used_at {
        Some(at) => view! { <span>{t(Text::UsedAt)} " " <Timestamp at /></span> }.into_any(),
        None => view! { <span>{t(Text::NeverUsed)}</span> }.into_any(),
    };
    let device = Some(device).filter(|device| !device.is_empty() && *device != name);
    let password = has_password.then(|| {
        view! {
            <label class="block text-left font-medium">
                {t(Text::CurrentPassword)}
                <input
                    type="password"
                    name="currentPassword"
                    class=CONTROL
                    autocomplete="current-password"
                    maxlength=*PASSWORD_CHARS.end()
                />
                <span class="font-normal text-ink-soft">{t(Text::ConfirmHint)}</span>
            </label>
        }
    });
    view! {
        <li class="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 py-3">
            <div class="min-w-0 grow basis-full space-y-1 @xl:basis-0">
                <p class="font-medium break-words">{name.clone()}</p>
                <p class="flex flex-wrap gap-x-4 text-sm text-ink-soft tabular-nums">
                    {device.map(|device| view! { <span class="break-words">{device}</span> })} {used}
                    <span>{t(Text::MadeAt)} " " <Timestamp at=created_at /></span>
                </p>
            </div>
            <details class="text-sm">
                <summary class=LINK>{t(Text::Rename)}</summary>
                <form method="post" action=PASSKEYS class="space-y-3 pt-2 text-right">
                    <input type="hidden" name="id" value=id.clone() />
                    <label class="block text-left font-medium">
                        {t(Text::Name)}
                        <input name="name" class=CONTROL value=name required=true maxlength=MAX_PASSKEY_NAME_CHARS autocomplete="off" />
                    </label>
                    <Button label=t(Text::Save) size=ButtonSize::Small kind="submit" />
                </form>
            </details>
            // Opened first, so that one slip removes nothing.
            <details class="text-sm">
                <summary class=LINK>{t(Text::RemovePasskey)}</summary>
                <form method="post" action=PASSKEYS class="space-y-3 pt-2 text-right">
                    <input type="hidden" name="id" value=id />
                    {password}
                    <Button
                        label=t(Text::RemoveThisPasskey)
                        variant=ButtonVariant::Danger
                        size=ButtonSize::Small
                        kind="submit"
                    />
                </form>
            </details>
        </li>
    }
}
