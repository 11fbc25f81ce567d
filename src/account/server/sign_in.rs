//! `/sign-in` and `/sign-up`: forms that work without JavaScript.

use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use serde::Deserialize;
use url::form_urlencoded;

use super::Account;
use super::caller::Caller;
use super::clerk::Visit;
use super::password_field::{POLICY, POLICY_WITH_FILES};
use super::service::{new_account_problems, sign_in_problems};
use super::sign_in_page::{SignInPage, SignUpPage};
use crate::account::{CredentialsForm, same_site_path};
use crate::document::response::{error_page, static_response};
use crate::document::{StaticPage, render_static_page};
use crate::flags::Flag;
use crate::i18n::{Text, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::query;
use crate::ui::Theme;

/// Which of the two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthPage {
    SignIn,
    SignUp,
}

impl AuthPage {
    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::SignIn => "/sign-in",
            Self::SignUp => "/sign-up",
        }
    }

    /// Its address, with where to go afterwards.
    #[must_use]
    pub fn address(self, next: &str) -> String {
        query::address(self.path(), &[("next", next)])
    }
}

#[derive(Default, Deserialize)]
pub struct NextQuery {
    next: Option<String>,
    /// What went wrong, and with which provider.
    problem: Option<String>,
    with: Option<String>,
}

/// `/sign-in`.
pub async fn sign_in_page(
    account: State<Account>,
    theme: Theme,
    query: Result<ApiQuery<NextQuery>, ApiError>,
    address: Uri,
    headers: HeaderMap,
) -> Response {
    show_auth_page(AuthPage::SignIn, account, theme, query, address, headers).await
}

/// `/sign-up`.
pub async fn sign_up_page(
    account: State<Account>,
    theme: Theme,
    query: Result<ApiQuery<NextQuery>, ApiError>,
    address: Uri,
    headers: HeaderMap,
) -> Response {
    show_auth_page(AuthPage::SignUp, account, theme, query, address, headers).await
}

async fn show_auth_page(
    page: AuthPage,
    State(account): State<Account>,
    theme: Theme,
    query: Result<ApiQuery<NextQuery>, ApiError>,
    address: Uri,
    headers: HeaderMap,
) -> Response {
    let query = query.map(|ApiQuery(query)| query).unwrap_or_default();
    if let Some(clerk) = &account.clerk {
        let next = same_site_path(query.next.as_deref(), "/chat");
        match account.find_clerk_user(clerk, &headers).await {
            Ok(Some(_)) => return Redirect::to(&next).into_response(),
            Ok(None) => {}
            // Signed in there, but shut out here: nobody there can help.
            Err(AppError::Unauthenticated) => return error_page(&account.site, theme, &AppError::Forbidden),
            Err(error) => return error_page(&account.site, theme, &error),
        }
        if let Err(off) = account.may_open(page) {
            return error_page(&account.site, theme, &off);
        }
        let visit = Visit { page, address: &address.to_string(), headers: &headers, next: &next };
        let shown = clerk.show_the_way(&visit).await;
        return shown.unwrap_or_else(|error| error_page(&account.site, theme, &error));
    }
    // Who is signed in already has no use for the form.
    if Caller::from_headers(&account, &headers).await.is_ok() {
        return Redirect::to(&same_site_path(query.next.as_deref(), "/chat")).into_response();
    }
    if let Err(off) = account.may_open(page) {
        return error_page(&account.site, theme, &off);
    }
    let notice = account.told_problem(query.problem.as_deref(), query.with.as_deref());
    let form = CredentialsForm { next: query.next, ..CredentialsForm::default() };
    auth_page(&account, page, theme, &form, None, notice)
}

impl Account {
    /// That the form of a page can be used by who is not signed in. Signing in is never switched off.
    fn may_open(&self, page: AuthPage) -> AppResult<()> {
        match page {
            AuthPage::SignIn => Ok(()),
            AuthPage::SignUp => self.flags.check_visitor(Flag::SignUp),
        }
    }
}

/// The form with what was typed (but the password) and what is wrong with it, or what else there is to say.
pub fn auth_page(
    account: &Account,
    page: AuthPage,
    theme: Theme,
    form: &CredentialsForm,
    error: Option<AppError>,
    notice: Option<String>,
) -> Response {
    let status = error.as_ref().map_or(200, AppError::status);
    // Whoever has to correct one field corrects all at once.
    let mut errors: Vec<_> = error.into_iter().collect();
    let by_link = account.config.sign_up_confirm;
    if let Some(AppError::InvalidInput { field: first, .. }) = errors.first()
        && !(by_link && page == AuthPage::SignUp)
    {
        let first = first.clone();
        let problems = if page == AuthPage::SignUp { new_account_problems(form) } else { sign_in_problems(form) };
        let is_another =
            |problem: &AppError| !matches!(problem, AppError::InvalidInput { field, .. } if *field == first);
        errors.extend(problems.into_iter().filter(is_another));
    }
    let next = same_site_path(form.next.as_deref(), "/chat");
    let (email, name) = (form.email.clone(), form.name.clone().unwrap_or_default());
    let (title, plain_path) = match page {
        AuthPage::SignIn => (t(Text::SignIn), "/sign-in"),
        AuthPage::SignUp => (t(Text::SignUp), "/sign-up"),
    };
    let path = format!("{plain_path}?next={}", form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>());
    let free_credits = account.new_account_credits();
    let providers = account.provider_labels();
    let passkeys = account.passkey_origin().filter(|_| page == AuthPage::SignIn);
    let policy = if passkeys.is_some() { POLICY_WITH_FILES.clone() } else { POLICY.clone() };
    // Who is about to sign in needs the app next.
    let static_page = StaticPage {
        title,
        description: t(Text::SiteDescription),
        path: &path,
        canonical: account.site.address_of(plain_path),
        theme,
        prefetch: true,
        is_secret: false,
    };
    let html = render_static_page(static_page, account.site.leptos(), || match page {
        AuthPage::SignIn => view! { <SignInPage next email errors providers passkeys notice /> }.into_any(),
        AuthPage::SignUp => {
            view! { <SignUpPage next free_credits by_link email name errors providers notice /> }.into_any()
        }
    });
    let mut response = static_response(status, html);
    if let Some(policy) = policy {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
