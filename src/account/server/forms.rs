//! Forms of browsers without JavaScript: who sends one sees a page, whatever comes of it.

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Redirect, Response};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::Account;
use super::caller::Caller;
use crate::document::response::error_page;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::read_fields;
use crate::platform::http::uploads::unread;
use crate::platform::site::Site;
use crate::ui::Theme;

const FORM: &str = "application/x-www-form-urlencoded";

/// The fields of a form. What is wrong with them is said on a page.
pub struct PageForm<T>(pub T);

impl<T: DeserializeOwned, S> FromRequest<S> for PageForm<T>
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(theme) = Theme::from_request_parts(&mut parts, state).await;
        let request = Request::from_parts(parts, body);
        read_form(request).await.map(Self).map_err(|error| error_page(&Site::from_ref(state), theme, &error))
    }
}

/// Reads a form.
///
/// # Errors
/// [`AppError::InvalidInput`] naming the field, [`AppError::UnsupportedMedia`], [`AppError::TooLarge`].
pub async fn read_form<T: DeserializeOwned>(request: Request) -> AppResult<T> {
    let is_form = |headers: &HeaderMap| {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
        kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM))
    };
    if !is_form(request.headers()) {
        return Err(AppError::UnsupportedMedia(FORM.to_owned()));
    }
    read_fields(&Bytes::from_request(request, &()).await.map_err(unread)?)
}

/// Whoever sends a form and is signed in. Others are asked to, and come back to where the form is.
pub struct Sender(pub Caller);

impl<S> FromRequestParts<S> for Sender
where
    S: Send + Sync,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Ok(theme) = Theme::from_request_parts(parts, state).await;
        let caller =
            Caller::from_headers(&Account::from_ref(state), &parts.headers).await.and_then(Caller::into_person);
        let refuse = |error| match error {
            // A page, which leads there as all of them do.
            AppError::Unauthenticated if parts.method == Method::GET => {
                Redirect::to(&sign_in_address(parts.uri.path())).into_response()
            }
            error => refuse_sender(&Site::from_ref(state), theme, parts.uri.path(), &parts.headers, error),
        };
        caller.map(Self).map_err(refuse)
    }
}

/// What is answered to a form that nobody may send: the way to the sign-in page and back. A program gets what the API
/// would answer.
#[must_use]
pub fn refuse_sender(site: &Site, theme: Theme, path: &str, headers: &HeaderMap, error: AppError) -> Response {
    if headers.contains_key(AUTHORIZATION) {
        return ApiError(error).into_response();
    }
    match error {
        AppError::Unauthenticated => Redirect::to(&sign_in_address(page_of(path))).into_response(),
        error => error_page(site, theme, &error),
    }
}

/// The page of a form: where it is sent, unless nothing can be looked at there. `tests/it/doors.rs` tries each.
#[must_use]
pub fn page_of(path: &str) -> &str {
    match path {
        "/account/erase" => path,
        // They are on every page.
        "/theme" | "/language" | "/notices" | "/sign-out" => "/",
        _ if path.starts_with("/account/") => "/account",
        _ => path.strip_suffix("/versions").unwrap_or(path),
    }
}

/// The sign-in page, and from there to a path of this site.
#[must_use]
pub fn sign_in_address(next: &str) -> String {
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("/sign-in?next={next}")
}
