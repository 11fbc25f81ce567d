//! Pages that stay as things are, by a small script of their own. Without it, they are as they were when they were opened.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use leptos::prelude::*;
use sha2::{Digest, Sha256};

use super::frame::{Section, page};
use super::visitor::Visitor;
use crate::document::csp::csp_with_own_scripts;
use crate::platform::error::AppError;
use crate::platform::http::envelope::ApiError;

const SCRIPT: &str = include_str!("live.js");

/// What the script is called: its address carries its hash, so browsers keep it for good.
static NAME: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(SCRIPT));
    format!("live-{hash}.js")
});

/// `/admin/scripts/{name}`: this version of it, and no other.
pub async fn send_script(Path(name): Path<String>) -> Response {
    if name != *NAME {
        return ApiError(AppError::NotFound).into_response();
    }
    let headers =
        [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, SCRIPT).into_response()
}

/// A page of which `live` is always as things are, below `fixed`.
pub fn live_page(
    visitor: &Visitor,
    section: Section,
    title: &str,
    status: u16,
    fixed: impl FnOnce() -> AnyView,
    live: impl FnOnce() -> AnyView,
) -> Response {
    let mut response = page(visitor, section, title, status, || {
        view! {
            {fixed()}
            <div data-live="" class="space-y-6">{live()}</div>
            <script type="module" src=format!("/admin/scripts/{}", *NAME)></script>
        }
    });
    if let Ok(policy) = HeaderValue::try_from(csp_with_own_scripts()) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
