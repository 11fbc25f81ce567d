//! `/sign-in` and `/sign-up`: static pages with plain forms, for people and their password managers.

use leptos::prelude::*;

use super::form_page::FormPage;
use crate::account::{MAX_NAME_CHARS, PASSWORD_CHARS};
use crate::i18n::{Text, count, t};
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
    #[prop(optional_no_strip)]
    error: Option<AppError>,
) -> impl IntoView {
    let other = view! { <OtherForm path="/sign-up" next=next.clone() label=t(Text::SignUp) /> };
    let footer = view! { {t(Text::NewHere)} " " {other} }.into_any();
    // Of the two, it is mostly the password.
    let focus_password = is_at(error.as_ref(), "password") || error == Some(AppError::InvalidCredentials);
    view! {
        <FormPage title=t(Text::SignIn) intro=t(Text::SignInIntro) action="/sign-in" next error=error.clone() footer>
            <EmailField email error=error.clone() />
            <Field
                id="password"
                name="password"
                label=t(Text::Password)
                kind="password"
                autocomplete="current-password"
                required=true
                max_chars=*PASSWORD_CHARS.end()
                autofocus=focus_password
                error=at_field(error.as_ref(), "password")
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
    free_credits: i64,
    /// What was typed before.
    #[prop(optional, into)]
    email: String,
    /// What was typed before.
    #[prop(optional, into)]
    name: String,
    /// What went wrong with the last try.
    #[prop(optional_no_strip)]
    error: Option<AppError>,
) -> impl IntoView {
    let other = view! { <OtherForm path="/sign-in" next=next.clone() label=t(Text::SignIn) /> };
    let footer = view! { {t(Text::HaveAnAccount)} " " {other} }.into_any();
    let intro = count(Text::SignUpIntro, free_credits.unsigned_abs());
    view! {
        <FormPage title=t(Text::SignUp) intro action="/sign-up" next error=error.clone() footer>
            <EmailField email error=error.clone() />
            <Field
                id="name"
                name="name"
                label=t(Text::NameOptional)
                autocomplete="name"
                value=name
                max_chars=MAX_NAME_CHARS
                autofocus=is_at(error.as_ref(), "name")
                error=at_field(error.as_ref(), "name")
            />
            <Field
                id="password"
                name="password"
                label=t(Text::Password)
                kind="password"
                autocomplete="new-password"
                required=true
                min_chars=*PASSWORD_CHARS.start()
                max_chars=*PASSWORD_CHARS.end()
                hint=t(Text::PasswordHint)
                autofocus=is_at(error.as_ref(), "password")
                error=at_field(error.as_ref(), "password")
            />
        </FormPage>
    }
}

#[component]
fn EmailField(
    /// What was typed before.
    email: String,
    /// What went wrong with the last try.
    error: Option<AppError>,
) -> impl IntoView {
    // An address that has an account is another one's, or means the other form.
    let is_wrong = is_at(error.as_ref(), "email") || matches!(error, Some(AppError::Conflict(_)));
    view! {
        <Field
            id="email"
            name="email"
            label=t(Text::Email)
            kind="email"
            autocomplete="username"
            value=email
            required=true
            max_chars=MAX_EMAIL_CHARS
            autofocus=is_wrong
            error=at_field(error.as_ref(), "email")
        />
    }
}

/// The way to the other form; it leads to the same place in the end.
#[component]
fn OtherForm(
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

/// Whether this field was wrong.
fn is_at(error: Option<&AppError>, name: &str) -> bool {
    matches!(error, Some(AppError::InvalidInput { field, .. }) if field == name)
}

/// The text for a field that was wrong.
fn at_field(error: Option<&AppError>, name: &str) -> Option<String> {
    is_at(error, name).then(|| error.map(ToString::to_string).unwrap_or_default())
}
