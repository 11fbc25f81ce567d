//! What the pages of links by mail show.

use leptos::prelude::*;

use crate::account::server::form_page::FormPage;
use crate::account::server::password_field::{CurrentPassword, PasswordField};
use crate::account::server::sign_in_page::{EmailField, NewAccountFields, OtherForm, at_field, is_first};
use crate::i18n::{Text, fill, t};
use crate::platform::error::AppError;
use crate::ui::{Button, ButtonVariant, Field};

/// Asks where a link is to be sent.
#[component]
pub fn AskPage(
    /// Its heading, which is also on the button.
    title: &'static str,
    /// A line under it.
    intro: &'static str,
    /// Where it is.
    path: &'static str,
    /// What was typed before.
    email: String,
    /// A path of this site, to go to afterwards.
    next: String,
    /// What went wrong with the last try.
    errors: Vec<AppError>,
) -> impl IntoView {
    let footer = view! { <OtherForm path="/sign-in" next=next.clone() label=t(Text::SignIn) /> }.into_any();
    view! {
        <FormPage title intro action=path next errors=errors.clone() footer>
            <EmailField email errors />
        </FormPage>
    }
}

/// Asks for a new password.
#[component]
pub fn NewPasswordPage(
    /// Where the form is sent.
    action: String,
    /// Whose it will be.
    email: String,
    /// A path of this site, to go to afterwards.
    next: String,
    /// What went wrong with the last try.
    errors: Vec<AppError>,
) -> impl IntoView {
    let footer = view! { <OtherForm path="/sign-in" next=next.clone() label=t(Text::SignIn) /> }.into_any();
    let intro = fill(Text::SetNewPasswordIntro, &[("email", &email)]);
    view! {
        <FormPage title=t(Text::SetNewPassword) intro action next errors=errors.clone() footer>
            // For password managers.
            <input type="hidden" name="email" autocomplete="username" value=email />
            <PasswordField
                autocomplete="new-password"
                is_new=true
                autofocus=is_first(&errors, "password")
                error=at_field(&errors, "password")
            />
        </FormPage>
    }
}

/// Asks for what a new account needs.
#[component]
pub fn NewAccountPage(
    /// Where the form is sent.
    action: String,
    /// Whose it will be.
    email: String,
    /// What was typed before.
    name: String,
    /// What went wrong with the last try.
    errors: Vec<AppError>,
) -> impl IntoView {
    let footer = view! { <Way href="/sign-in" label=t(Text::SignIn) /> }.into_any();
    let intro = fill(Text::FinishSigningUpIntro, &[("email", &email)]);
    view! {
        <FormPage title=t(Text::FinishSigningUp) intro action next=String::new() errors=errors.clone() footer>
            // For password managers.
            <input type="hidden" name="email" autocomplete="username" value=email />
            <NewAccountFields name errors />
        </FormPage>
    }
}

/// One button: what a link is for happens when it is pressed, not when something looks at it.
#[component]
pub fn PressPage(
    /// The heading, which is also on the button.
    title: &'static str,
    /// What happens then.
    intro: String,
    /// Where the form is sent.
    action: String,
    /// A path of this site, to go to afterwards.
    #[prop(optional)]
    next: String,
) -> impl IntoView {
    let footer = ().into_any();
    view! { <FormPage title intro action next errors=Vec::new() footer /> }
}

/// Asks for another address once more.
#[component]
pub fn ChangePage(
    /// What was typed before.
    email: String,
    /// There is one to confirm with.
    has_password: bool,
    /// What went wrong.
    errors: Vec<AppError>,
) -> impl IntoView {
    let footer = view! { <Way href="/account" label=t(Text::BackToAccount) /> }.into_any();
    view! {
        <FormPage
            title=t(Text::ChangeEmail)
            intro=t(Text::ChangeEmailIntro)
            action="/account/email"
            next=String::new()
            errors=errors.clone()
            footer
        >
            <ChangeFields email has_password errors />
        </FormPage>
    }
}

/// Another address, and the password once more, where there is one.
#[component]
pub fn ChangeFields(
    /// What was typed before.
    email: String,
    /// There is one to confirm with.
    has_password: bool,
    /// What went wrong.
    errors: Vec<AppError>,
) -> impl IntoView {
    view! {
        <Field
            id="new-email"
            name="email"
            label=t(Text::NewEmail)
            kind="email"
            autocomplete="email"
            value=email
            required=true
            max_chars=254
            autofocus=is_first(&errors, "email")
            error=at_field(&errors, "email")
        />
        {has_password
            .then(|| {
                view! {
                    <CurrentPassword
                        id="email-password"
                        autofocus=is_first(&errors, "currentPassword")
                        error=at_field(&errors, "currentPassword")
                    />
                }
            })}
    }
}

/// What came of something, and the way on.
#[component]
pub fn NoticePage(
    /// What came of it.
    title: &'static str,
    /// What that means.
    text: String,
    /// Where the way leads, and what it is called.
    way: (String, Text),
) -> impl IntoView {
    let (href, label) = way;
    view! {
        <div class="m-auto flex max-w-md flex-col items-center gap-6 px-4 py-16 text-center">
            <h1 class="font-display text-4xl text-balance">{title}</h1>
            <p class="text-ink-soft break-words text-pretty" role="status">{text}</p>
            <Button href label=t(label) variant=ButtonVariant::Primary />
        </div>
    }
}

#[component]
fn Way(
    /// Where it leads.
    href: &'static str,
    /// What it is called.
    label: &'static str,
) -> impl IntoView {
    view! {
        <a href=href class="font-medium text-accent underline underline-offset-2">
            {label}
        </a>
    }
}
