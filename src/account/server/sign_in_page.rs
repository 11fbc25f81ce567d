//! `/sign-in` and `/sign-up`: static pages with plain forms, for people and their password managers.

use leptos::prelude::*;

use super::form_page::FormPage;
use super::oidc::ProviderButtons;
use super::passkeys::{PasskeyScript, SignInByPasskey};
use super::password_field::PasswordField;
use crate::account::MAX_NAME_CHARS;
use crate::i18n::{Text, count_written, t};
use crate::platform::amount::Amount;
use crate::platform::error::AppError;
use crate::platform::query;
use crate::ui::Field;

/// The longest address that [`crate::account::Email`] takes.
const MAX_EMAIL_CHARS: usize = 254;

/// The body of the sign-in page.
#[component]
pub fn SignInPage(
    /// A path of this site, to go to afterwards.
    next: String,
    /// What was typed before.
    #[prop(optional, into)]
    email: String,
    /// What went wrong with the last try.
    errors: Vec<AppError>,
    /// The names and labels of those who sign people in besides us.
    providers: Vec<(String, String)>,
    /// Where passkeys work; `None`: nowhere.
    passkeys: Option<String>,
    /// What there is to say besides.
    #[prop(optional_no_strip)]
    notice: Option<String>,
) -> impl IntoView {
    // Browsers offer passkeys in the field for the address.
    let autocomplete = if passkeys.is_some() { "username webauthn" } else { "username" };
    let by_passkey = passkeys.map(|origin| {
        view! {
            <SignInByPasskey origin next=next.clone() />
            <PasskeyScript />
        }
    });
    let others = view! {
        {by_passkey}
        <ProviderButtons providers next=next.clone() />
    };
    let others = others.into_any();
    let other = view! { <OtherForm path="/sign-up" next=next.clone() label=t(Text::SignUp) /> };
    let footer = view! { {t(Text::NewHere)} " " {other} <WithoutPassword next=next.clone() /> }.into_any();
    // Of the two, it is mostly the password.
    let focus_password = is_first(&errors, "password") || errors.first() == Some(&AppError::InvalidCredentials);
    view! {
        <FormPage title=t(Text::SignIn) intro=t(Text::SignInIntro) action="/sign-in" next errors=errors.clone() footer others notice>
            <EmailField email errors=errors.clone() autocomplete />
            <PasswordField
                autocomplete="current-password"
                autofocus=focus_password
                error=at_field(&errors, "password")
            />
        </FormPage>
    }
}

/// The body of the sign-up page.
#[component]
pub fn SignUpPage(
    /// A path of this site, to go to afterwards.
    next: String,
    /// What a new account is given.
    free_credits: Amount,
    /// The rest is asked for where a mailed link leads.
    by_link: bool,
    /// What was typed before.
    #[prop(optional, into)]
    email: String,
    /// What was typed before.
    #[prop(optional, into)]
    name: String,
    /// What went wrong with the last try.
    errors: Vec<AppError>,
    /// The names and labels of those who sign people in besides us.
    providers: Vec<(String, String)>,
    /// What there is to say besides.
    #[prop(optional_no_strip)]
    notice: Option<String>,
) -> impl IntoView {
    let others = view! { <ProviderButtons providers next=next.clone() /> }.into_any();
    let other = view! { <OtherForm path="/sign-in" next=next.clone() label=t(Text::SignIn) /> };
    let footer = view! { {t(Text::HaveAnAccount)} " " {other} }.into_any();
    let intro = count_written(Text::SignUpIntro, &free_credits.as_balance());
    let rest = if by_link {
        view! { <p class="text-sm text-ink-soft">{t(Text::SignUpByLink)}</p> }.into_any()
    } else {
        view! { <NewAccountFields name errors=errors.clone() /> }.into_any()
    };
    view! {
        <FormPage title=t(Text::SignUp) intro action="/sign-up" next errors=errors.clone() footer others notice>
            <EmailField email errors=errors.clone() />
            {rest}
        </FormPage>
    }
}

/// What a new account has besides its address.
#[component]
pub fn NewAccountFields(
    /// What was typed before.
    name: String,
    /// What went wrong with the last try.
    errors: Vec<AppError>,
) -> impl IntoView {
    view! {
        <Field
            id="name"
            name="name"
            label=t(Text::NameOptional)
            autocomplete="name"
            value=name
            max_chars=MAX_NAME_CHARS
            autofocus=is_first(&errors, "name")
            error=at_field(&errors, "name")
        />
        <PasswordField
            autocomplete="new-password"
            is_new=true
            autofocus=is_first(&errors, "password")
            error=at_field(&errors, "password")
        />
    }
}

/// For who has forgotten the password, or does not care for it.
#[component]
fn WithoutPassword(
    /// A path of this site, to go to afterwards.
    next: String,
) -> impl IntoView {
    let ways = [("/reset-password", Text::ForgotPassword), ("/sign-in/link", Text::SignInByLink)];
    let link = |(path, label)| {
        view! {
            <br />
            <OtherForm path next=next.clone() label=t(label) />
        }
    };
    ways.map(link).collect_view()
}

#[component]
pub(super) fn EmailField(
    /// What was typed before.
    email: String,
    /// What went wrong with the last try.
    errors: Vec<AppError>,
    /// What browsers fill in (HTML, "Autofill").
    #[prop(default = "username")]
    autocomplete: &'static str,
) -> impl IntoView {
    // An address that has an account is another one's, or means the other form.
    let is_wrong = is_first(&errors, "email") || matches!(errors.first(), Some(AppError::Conflict(_)));
    view! {
        <Field
            id="email"
            name="email"
            label=t(Text::Email)
            kind="email"
            autocomplete
            value=email
            required=true
            max_chars=MAX_EMAIL_CHARS
            autofocus=is_wrong
            error=at_field(&errors, "email")
        />
    }
}

/// The way to the other form; it leads to the same place in the end.
#[component]
pub(super) fn OtherForm(
    /// Its path.
    path: &'static str,
    /// A path of this site, to go to afterwards.
    next: String,
    /// Its name.
    label: &'static str,
) -> impl IntoView {
    let address = query::address(path, &[("next", &next)]);
    view! {
        <a href=address class="font-medium text-accent underline underline-offset-2">
            {label}
        </a>
    }
}

/// Whether this error is of this field.
fn is_of(error: &AppError, name: &str) -> bool {
    matches!(error, AppError::InvalidInput { field, .. } if field == name)
}

/// Whether this field is the first that was wrong.
pub(super) fn is_first(errors: &[AppError], name: &str) -> bool {
    errors.first().is_some_and(|error| is_of(error, name))
}

/// The text for a field that was wrong.
pub(super) fn at_field(errors: &[AppError], name: &str) -> Option<String> {
    errors.iter().find(|error| is_of(error, name)).map(ToString::to_string)
}
