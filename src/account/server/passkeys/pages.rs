//! The page that adds a passkey, its script, and the forms of `/account`, which need none.

use axum::extract::{FromRef, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use leptos::prelude::*;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::script::{PasskeyScript, send_script};
use super::view::{NEW_PASSKEY, NewPasskeyForm, PASSKEYS};
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::forms::{PageForm, Sender, sign_in_address};
use crate::account::server::sessions::Client;
use crate::account::server::sessions::forms::{back, refused};
use crate::document::csp::csp_with_own_scripts;
use crate::document::response::{error_page, static_response};
use crate::document::{StaticPage, render_static_page};
use crate::i18n::{Text, t};
use crate::platform::error::AppError;
use crate::platform::ids::PasskeyId;
use crate::platform::site::Site;
use crate::ui::Theme;

/// The page, the script and the forms.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .route("/scripts/{name}", get(send_script))
        .route(NEW_PASSKEY, get(show_new))
        // Sent without its script, it adds nothing.
        .route(PASSKEYS, post(change).get(async || Redirect::to("/account#passkeys")))
}

async fn show_new(State(account): State<Account>, client: Client, theme: Theme, headers: HeaderMap) -> Response {
    let caller = match Caller::from_headers(&account, &headers).await.and_then(Caller::into_person) {
        Ok(caller) => caller,
        Err(AppError::Unauthenticated) => return Redirect::to(&sign_in_address(NEW_PASSKEY)).into_response(),
        Err(error) => return error_page(&account.site, theme, &error),
    };
    let Some(origin) = account.passkey_origin() else {
        return error_page(&account.site, theme, &AppError::NotFound);
    };
    let user = match account.store.find_user_by_id(caller.id).await {
        Ok(user) => user,
        Err(error) => return error_page(&account.site, theme, &error.into()),
    };
    let has_password = user.is_some_and(|user| user.password_hash.is_some());
    let page = StaticPage {
        title: t(Text::AddPasskey),
        description: "",
        path: NEW_PASSKEY,
        canonical: None,
        theme,
        prefetch: false,
        is_secret: false,
    };
    let html = render_static_page(page, account.site.leptos(), || {
        view! {
            <NewPasskeyForm origin device=client.device has_password />
            <PasskeyScript />
        }
    });
    let mut response = static_response(200, html);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::try_from(csp_with_own_scripts()) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A new name, or none: then it is removed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PasskeyForm {
    id: PasskeyId,
    name: Option<String>,
    /// Shows who it is.
    current_password: Option<String>,
}

async fn change(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    Sender(caller): Sender,
    PageForm(form): PageForm<PasskeyForm>,
) -> Response {
    let password = form.current_password.as_deref().filter(|password| !password.is_empty());
    let is_without = password.is_none();
    let changed = match &form.name {
        Some(name) => account.rename_passkey(caller.id, form.id, name).await.map(|()| "passkey-renamed"),
        None => account.remove_passkey(&caller, &client, form.id, password).await.map(|()| "passkey-removed"),
    };
    match changed {
        Ok(said) => back(said).into_response(),
        Err(AppError::InvalidInput { field, .. }) if field == "currentPassword" && is_without => {
            back("confirm").into_response()
        }
        Err(error) => refused(&account, theme, &error),
    }
}
