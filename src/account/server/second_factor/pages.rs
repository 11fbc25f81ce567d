//! The second step of signing in, and the forms of `/account` about it: static pages, which need no script. A key and recovery codes
//! are in the answer to a form alone, so that nobody comes back to them.

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use leptos::prelude::*;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::SecondStep;
use super::api::{gone, half_token};
use super::app_key::ShownKey;
use super::view::{CodesPage, SecondStepPage, SetupPage};
use crate::account::CredentialsForm;
use crate::account::server::Account;
use crate::account::server::api::{device_of, signed_in};
use crate::account::server::forms::{PageForm, Sender};
use crate::account::server::mail_links::pages::page;
use crate::account::server::password_field::POLICY_WITH_FILES;
use crate::account::server::sessions::Client;
use crate::account::server::sessions::forms::{back, refused};
use crate::account::server::sign_in::{AuthPage, auth_page};
use crate::document::response::error_page;
use crate::i18n::{Text, t};
use crate::platform::error::AppError;
use crate::platform::site::Site;
use crate::ui::Theme;

/// Where the second step is taken.
pub(super) const SECOND_STEP: &str = "/sign-in/second-step";
/// Where the forms of `/account` are sent.
pub(super) const TWO_STEPS: &str = "/account/two-steps";
pub(super) const CONFIRM: &str = "/account/two-steps/confirm";

/// The pages.
pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .route(SECOND_STEP, get(show_second_step).post(submit_second_step))
        .route(TWO_STEPS, post(change_two_steps))
        .route(CONFIRM, post(confirm))
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    code: String,
}

async fn second_step_page(account: &Account, theme: Theme, jar: &CookieJar, error: Option<AppError>) -> Response {
    let half = match half_token(account, jar) {
        Some(token) => account.find_half(token).await,
        None => Ok(None),
    };
    let (next, steps) = match half {
        Ok(Some((half, steps))) => (half.next, steps),
        // It was ended by another request meanwhile: what is wrong with this one is said.
        Ok(None) if error.is_some() => (String::new(), Vec::new()),
        Ok(None) => return Redirect::to(AuthPage::SignIn.path()).into_response(),
        Err(error) => return error_page(&account.site, theme, &error),
    };
    let status = error.as_ref().map_or(200, AppError::status);
    let errors: Vec<_> = error.into_iter().collect();
    let passkeys = account.passkey_origin().filter(|_| steps.contains(&SecondStep::Passkey));
    let policy = if passkeys.is_some() { POLICY_WITH_FILES.clone() } else { None };
    let mut response = page(account, theme, status, (t(Text::SecondStep), SECOND_STEP), || {
        view! { <SecondStepPage errors passkeys next /> }
    });
    if let Some(policy) = policy {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn show_second_step(State(account): State<Account>, theme: Theme, jar: CookieJar) -> Response {
    second_step_page(&account, theme, &jar, None).await
}

async fn submit_second_step(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    jar: CookieJar,
    PageForm(form): PageForm<CodeForm>,
) -> Response {
    let taken = match half_token(&account, &jar) {
        Some(token) => account.take_second_step(&client, device_of(&account, &jar), token, &form.code).await,
        None => Err(AppError::Unauthenticated),
    };
    let jar_after = jar.clone().add(gone(&account));
    match taken {
        Ok((session, next)) => signed_in(&account, jar_after, session, Redirect::to(&next)).await,
        // The first step once more.
        Err(AppError::Unauthenticated) => {
            let notice = Some(t(Text::SecondStepOver).to_owned());
            let form = CredentialsForm::default();
            let again = auth_page(&account, AuthPage::SignIn, theme, &form, None, notice);
            (StatusCode::UNAUTHORIZED, jar_after, again).into_response()
        }
        Err(error) => second_step_page(&account, theme, &jar, Some(error)).await,
    }
}

/// What the forms ask for.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Begin,
    Passkey,
    Codes,
    Off,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TwoStepsForm {
    action: Action,
    /// Shows who it is.
    current_password: Option<String>,
}

async fn change_two_steps(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    Sender(caller): Sender,
    PageForm(form): PageForm<TwoStepsForm>,
) -> Response {
    let password = form.current_password.as_deref().filter(|password| !password.is_empty());
    let done = match form.action {
        Action::Begin => {
            let begun = account.begin_second_factor(&caller, &client, password).await;
            begun.map(|key| setup_page(&account, theme, key, None))
        }
        Action::Passkey => {
            let codes = account.turn_on_by_passkey(&caller, &client, password).await;
            codes.map(|codes| codes_page(&account, theme, codes))
        }
        Action::Codes => {
            let codes = account.renew_recovery_codes(&caller, &client, password).await;
            codes.map(|codes| codes_page(&account, theme, codes))
        }
        Action::Off => {
            let off = account.turn_second_factor_off(&caller, &client, password).await;
            off.map(|()| back("two-steps-off").into_response())
        }
    };
    match done {
        Ok(response) => response,
        Err(AppError::InvalidInput { .. }) if password.is_none() => back("confirm").into_response(),
        Err(error) => refused(&account, theme, &error),
    }
}

async fn confirm(
    State(account): State<Account>,
    theme: Theme,
    Sender(caller): Sender,
    PageForm(form): PageForm<CodeForm>,
) -> Response {
    let error = match account.confirm_second_factor(&caller, &form.code).await {
        Ok(codes) => return codes_page(&account, theme, codes),
        Err(error) => error,
    };
    match account.waiting_second_factor(&caller).await {
        Ok(key) => setup_page(&account, theme, key, Some(error)),
        Err(error) => refused(&account, theme, &error),
    }
}

fn setup_page(account: &Account, theme: Theme, key: ShownKey, error: Option<AppError>) -> Response {
    let status = error.as_ref().map_or(200, AppError::status);
    let errors: Vec<_> = error.into_iter().collect();
    page(account, theme, status, (t(Text::TwoSteps), "/account"), || view! { <SetupPage key errors /> })
}

fn codes_page(account: &Account, theme: Theme, codes: Vec<String>) -> Response {
    page(account, theme, 200, (t(Text::RecoveryCodes), "/account"), || view! { <CodesPage codes /> })
}
