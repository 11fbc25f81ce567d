//! The page that a link to a new password leads to.

use axum::extract::{Path, State};
use axum::response::Response;
use leptos::prelude::*;
use serde::Deserialize;

use super::pages::{WayBack, notice, page, refused, to_sign_in};
use super::views::NewPasswordPage;
use super::{MailLink, Purpose};
use crate::account::same_site_path;
use crate::account::server::Account;
use crate::account::server::forms::PageForm;
use crate::i18n::{Text, t};
use crate::platform::error::AppError;
use crate::platform::limits::ClientAddress;
use crate::ui::Theme;

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    #[serde(default)]
    password: String,
    next: Option<String>,
}

const ASK_AGAIN: (&str, Text) = ("/reset-password", Text::ResetPassword);

fn new_password_page(
    account: &Account,
    theme: Theme,
    token: &str,
    link: MailLink,
    next: String,
    error: Option<AppError>,
) -> Response {
    let status = error.as_ref().map_or(200, AppError::status);
    let path = format!("/reset-password/{token}");
    let errors: Vec<_> = error.into_iter().collect();
    let (action, email) = (path.clone(), link.email);
    page(account, theme, status, (t(Text::SetNewPassword), &path), || {
        view! { <NewPasswordPage action email next errors /> }
    })
}

pub(super) async fn show_reset(
    State(account): State<Account>,
    theme: Theme,
    Path(token): Path<String>,
    way: WayBack,
) -> Response {
    match account.find_link(&token, &[Purpose::Reset]).await {
        Ok((link, _)) => new_password_page(&account, theme, &token, link, way.path(), None),
        Err(error) => refused(&account, theme, &error, ASK_AGAIN),
    }
}

pub(super) async fn submit_reset(
    State(account): State<Account>,
    address: ClientAddress,
    theme: Theme,
    Path(token): Path<String>,
    PageForm(form): PageForm<PasswordForm>,
) -> Response {
    let next = same_site_path(form.next.as_deref(), "");
    let Err(error) = account.reset_password(address, &token, form.password).await else {
        let text = t(Text::PasswordWasSetExplained).to_owned();
        return notice(&account, theme, Text::PasswordWasSet, text, (&to_sign_in(&next), Text::SignIn));
    };
    match account.find_link(&token, &[Purpose::Reset]).await {
        Ok((link, _)) => new_password_page(&account, theme, &token, link, next, Some(error)),
        Err(_) => refused(&account, theme, &error, ASK_AGAIN),
    }
}
