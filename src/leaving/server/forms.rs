//! The forms and pages of leaving. They need no script.

use axum::extract::{FromRef, Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, REFRESH};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use leptos::prelude::*;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::Leaving;
use super::erase::EraseRequest;
use super::export::refusal;
use super::view::{ErasePage, ErasurePage};
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::forms::{PageForm, Sender};
use crate::account::server::sessions::Client;
use crate::document::response::{error_page, static_response};
use crate::document::{StaticPage, render_static_page};
use crate::i18n::{Text, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::site::Site;
use crate::ui::Theme;

/// The forms and pages.
pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Leaving: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .route("/account/export", post(begin_export))
        .route("/account/export/download", post(download))
        .route("/account/erase", get(ask).post(erase))
        .route("/erasure/{token}", get(follow))
}

/// The password, where it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PasswordForm {
    current_password: Option<String>,
}

/// What is sent of the page that asks. A box that is not checked is not sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EraseForm {
    #[serde(default)]
    email: String,
    forfeit_credits: Option<String>,
    current_password: Option<String>,
}

async fn begin_export(State(leaving): State<Leaving>, theme: Theme, Sender(caller): Sender) -> Response {
    match leaving.begin_export(caller.id).await {
        Ok(_) => back("export-started"),
        Err(error) => refused(&leaving, theme, &error),
    }
}

async fn download(
    State(leaving): State<Leaving>,
    theme: Theme,
    Sender(caller): Sender,
    client: Client,
    PageForm(form): PageForm<PasswordForm>,
) -> Response {
    match leaving.download(&caller, &client, form.current_password.as_deref()).await {
        Ok(archive) => archive,
        Err(error) => refused(&leaving, theme, &error),
    }
}

/// Back to the section, which says what came of it.
fn back(said: &str) -> Response {
    Redirect::to(&format!("/account?said={said}#your-data")).into_response()
}

fn refused(leaving: &Leaving, theme: Theme, error: &AppError) -> Response {
    match refusal(error) {
        Some(said) => back(said),
        None => error_page(&leaving.account.site, theme, error),
    }
}

async fn ask(State(leaving): State<Leaving>, theme: Theme, Sender(caller): Sender) -> Response {
    let page = ask_page(&leaving, theme, &caller, String::new(), None).await;
    page.unwrap_or_else(|error| error_page(&leaving.account.site, theme, &error))
}

async fn erase(
    State(leaving): State<Leaving>,
    theme: Theme,
    Sender(caller): Sender,
    client: Client,
    jar: CookieJar,
    PageForm(form): PageForm<EraseForm>,
) -> Response {
    let request = EraseRequest {
        email: form.email,
        forfeit_credits: form.forfeit_credits.is_some(),
        current_password: form.current_password,
    };
    let error = match leaving.erase(&caller, &client, &request).await {
        Ok(receipt) => {
            let gone = leaving.account.sign_out_of(jar).await;
            return (gone, Redirect::to(&format!("/erasure/{receipt}"))).into_response();
        }
        Err(error) => error,
    };
    let page = ask_page(&leaving, theme, &caller, request.email, Some(error)).await;
    page.unwrap_or_else(|error| error_page(&leaving.account.site, theme, &error))
}

async fn ask_page(
    leaving: &Leaving,
    theme: Theme,
    caller: &Caller,
    email: String,
    error: Option<AppError>,
) -> AppResult<Response> {
    let losses = leaving.losses(caller.id).await?;
    let has_password = leaving.account.has_password(caller.id).await?;
    let status = error.as_ref().map_or(200, AppError::status);
    Ok(page(leaving, theme, status, (Text::EraseEverything, "/account/erase"), move || {
        view! { <ErasePage losses has_password email error /> }
    }))
}

async fn follow(State(leaving): State<Leaving>, theme: Theme, Path(token): Path<String>) -> Response {
    let erasure = match leaving.follow_erasure(&token).await {
        Ok(erasure) => erasure,
        Err(error) => return error_page(&leaving.account.site, theme, &error),
    };
    let path = format!("/erasure/{token}");
    let is_erased = erasure.state == "erased";
    let title = if is_erased { Text::IsErased } else { Text::BeingErased };
    let shown = path.clone();
    let mut response = page(&leaving, theme, 200, (title, &path), move || view! { <ErasurePage erasure path=shown /> });
    if !is_erased {
        // Looks again by itself, without a script.
        response.headers_mut().insert(REFRESH, HeaderValue::from_static("3"));
    }
    response
}

/// A page that is nobody else's to keep.
fn page<V: IntoView + 'static>(
    leaving: &Leaving,
    theme: Theme,
    status: u16,
    (title, path): (Text, &str),
    body: impl FnOnce() -> V,
) -> Response {
    let page = StaticPage {
        title: t(title),
        description: "",
        path,
        canonical: None,
        theme,
        prefetch: false,
        // Without a referrer of their own, forms would seem to come from elsewhere.
        is_secret: path.starts_with("/erasure/"),
    };
    let mut response = static_response(status, render_static_page(page, leaving.account.site.leptos(), body));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
