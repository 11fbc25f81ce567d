//! Whoever opens a page of the panel, or sends one of its forms.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::forms::{refuse_sender, sign_in_address};
use crate::admin::server::Authority;
use crate::document::response::error_page;
use crate::platform::error::AppError;
use crate::platform::site::Site;
use crate::ui::Theme;

/// An admin, and how the page is to be shown. Who is signed out is asked to sign in, and comes back; everybody else is told that this
/// is not for them.
pub struct Visitor {
    pub by: Authority,
    pub site: Site,
    pub theme: Theme,
    /// Path and query.
    pub address: String,
}

impl<S> FromRequestParts<S> for Visitor
where
    S: Send + Sync,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Ok(theme) = Theme::from_request_parts(parts, state).await;
        let (account, site) = (Account::from_ref(state), Site::from_ref(state));
        let address = parts.uri.path_and_query().map_or("/admin", |address| address.as_str()).to_owned();
        let caller = Caller::from_headers(&account, &parts.headers).await;
        match caller.and_then(|caller| Authority::of(&caller)) {
            Ok(by) => Ok(Self { by, site, theme, address }),
            Err(error) if !parts.method.is_safe() => {
                Err(refuse_sender(&site, theme, parts.uri.path(), &parts.headers, error))
            }
            Err(AppError::Unauthenticated) => Err(Redirect::to(&sign_in_address(&address)).into_response()),
            Err(error) => Err(error_page(&site, theme, &error)),
        }
    }
}
