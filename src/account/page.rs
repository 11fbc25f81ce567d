//! `/sign-in` and `/sign-up`: static pages with plain forms, for people and their password managers.

use leptos::prelude::*;

use super::components::FormPage;
use super::{MAX_NAME_CHARS, PASSWORD_CHARS};
use crate::error::AppError;
use crate::ui::Field;

/// The longest address that [`super::Email`] takes.
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
    let footer = view! { "New here? " <OtherForm path="/sign-up" next=next.clone() label="Sign up" /> }.into_any();
    view! {
        <FormPage title="Sign in" intro="Good to see you again." action="/sign-in" next error=error.clone() footer>
            <EmailField email error=at_field(error.as_ref(), "email") />
            <Field
                id="password"
                name="password"
                label="Password"
                kind="password"
                autocomplete="current-password"
                required=true
                max_chars=*PASSWORD_CHARS.end()
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
    let footer = view! { "Already have an account? " <OtherForm path="/sign-in" next=next.clone() label="Sign in" /> }
        .into_any();
    view! {
        <FormPage title="Sign up" intro="New accounts begin with free credits." action="/sign-up" next error=error.clone() footer>
            <EmailField email error=at_field(error.as_ref(), "email") />
            <Field
                id="name"
                name="name"
                label="Name (optional)"
                autocomplete="name"
                value=name
                max_chars=MAX_NAME_CHARS
                error=at_field(error.as_ref(), "name")
            />
            <Field
                id="password"
                name="password"
                label="Password"
                kind="password"
                autocomplete="new-password"
                required=true
                min_chars=*PASSWORD_CHARS.start()
                max_chars=*PASSWORD_CHARS.end()
                hint="At least 8 characters."
                error=at_field(error.as_ref(), "password")
            />
        </FormPage>
    }
}

#[component]
fn EmailField(
    /// What was typed before.
    email: String,
    /// What is wrong with it.
    error: Option<String>,
) -> impl IntoView {
    view! {
        <Field
            id="email"
            name="email"
            label="Email"
            kind="email"
            autocomplete="username"
            value=email
            required=true
            max_chars=MAX_EMAIL_CHARS
            error
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
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
    view! {
        <a href=format!("{path}?{query}") class="font-medium text-accent underline">
            {label}
        </a>
    }
}

/// The text for a field that was wrong.
fn at_field(error: Option<&AppError>, name: &str) -> Option<String> {
    match error {
        Some(AppError::InvalidInput { field, message }) if field == name => Some(message.clone()),
        _ => None,
    }
}
