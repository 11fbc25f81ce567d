//! Whether whoever asks seems to be signed in: for pages that are the same for everybody but for the way in.

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;

/// The names of the session cookie: in the clear, and over TLS.
pub const SESSION_COOKIES: [&str; 2] = ["tessera_session", "__Host-tessera_session"];

/// What the names of Clerk's cookies for a session begin with.
pub const CLERK_SESSION: &str = "__session";

tokio::task_local! {
    static SEEMS_SIGNED_IN: bool;
}

/// Whether a request brings a session. Whether that is still good, only those ask who have something to show.
#[must_use]
pub fn has_session(headers: &HeaderMap) -> bool {
    let jar = CookieJar::from_headers(headers);
    // With Clerk, each instance's has an ending of its own.
    SESSION_COOKIES.iter().any(|name| jar.get(name).is_some())
        || jar.iter().any(|cookie| cookie.name().starts_with(CLERK_SESSION) && !cookie.value().is_empty())
}

/// Runs `work` for a visitor who seems to be signed in, or not.
pub async fn as_visitor<F: Future>(seems_signed_in: bool, work: F) -> F::Output {
    SEEMS_SIGNED_IN.scope(seems_signed_in, work).await
}

/// Whether the visitor of this request seems to be signed in; `false` outside of any.
#[must_use]
pub fn seems_signed_in() -> bool {
    SEEMS_SIGNED_IN.try_with(|known| *known).unwrap_or_default()
}
