//! The script of the two pages that use passkeys. Its address carries its hash, so browsers keep it for good; nothing of it is in the
//! app's own bundle.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use leptos::prelude::*;
use sha2::{Digest, Sha256};

use crate::platform::error::AppError;
use crate::platform::http::envelope::ApiError;

const SCRIPT: &str = include_str!("passkeys.js");

/// What the script is called.
static NAME: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(SCRIPT));
    format!("passkeys-{hash}.js")
});

/// Loads it, once the page is there.
#[component]
pub fn PasskeyScript() -> impl IntoView {
    view! { <script type="module" src=format!("/scripts/{}", *NAME)></script> }
}

/// `/scripts/{name}`: this version of it, and no other.
pub async fn send_script(Path(name): Path<String>) -> Response {
    if name != *NAME {
        return ApiError(AppError::NotFound).into_response();
    }
    let headers =
        [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, SCRIPT).into_response()
}
