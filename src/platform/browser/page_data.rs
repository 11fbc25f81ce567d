//! The data of a page: loaded before the server renders it, fetched by a server function on navigation.
//!
//! Leptos' `Resource` and `Suspense` do the same for 50 KB more WASM (brotli) and stream the page in pieces; here the
//! page handler (`document/app_page.rs`) awaits the data first, so the HTML is whole, needs no script and is cheap to make.

use std::future::Future;
use std::sync::Arc;

use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::json::read_answer;
use super::navigation::current_address;
use super::reach::until_reached;
use crate::platform::error::{AppError, AppResult};
use crate::platform::query;

/// What the page handler on the server loaded for this response.
#[derive(Debug, Clone)]
pub struct Preloaded<T>(pub AppResult<T>);

/// `None` while it is loading.
pub type PageData<T> = RwSignal<Option<AppResult<T>>>;

/// What the page handler loaded, on the server and in the first moment of the browser; `None` where it loaded nothing of
/// this kind, and after a navigation.
#[must_use]
pub fn use_preloaded<T>() -> Option<AppResult<T>>
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let loaded = use_context::<Preloaded<T>>().map(|loaded| loaded.0);
    let json = SharedValue::new_str(|| {
        // Spares the browser the code that writes what it only reads.
        if cfg!(target_arch = "wasm32") { String::new() } else { loaded.as_ref().map(to_json).unwrap_or_default() }
    });
    loaded.or_else(|| (!json.is_empty()).then(|| read_answer(&json)))
}

/// As the HTTP API would answer.
fn to_json<T: Serialize>(loaded: &AppResult<T>) -> String {
    match loaded {
        Ok(data) => json!({ "data": data }).to_string(),
        Err(error) => json!({ "code": error.code(), "error": error.to_string() }).to_string(),
    }
}

/// The data of the page for `key`: there at once on a page that the server rendered, fetched in the browser when the
/// page was navigated to, and fetched again whenever `key` changes.
///
/// Who is no longer signed in when it is fetched goes to the sign-in page, and comes back from there.
pub fn use_page_data<K, T, F, Fut>(key: impl Fn() -> K + Send + Sync + 'static, fetch: F) -> PageData<T>
where
    K: Clone + PartialEq + Send + Sync + 'static,
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Fn(K) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = AppResult<T>> + 'static,
{
    let preloaded = use_preloaded::<T>();
    let was_preloaded = preloaded.is_some();
    let data = RwSignal::new(preloaded);
    let key = Memo::new(move |_| key());
    let fetch = Arc::new(fetch);
    Effect::new(move |previous: Option<()>| {
        let wanted = key.get();
        if previous.is_none() && was_preloaded {
            return;
        }
        data.set(None);
        let (loading, fetch) = (fetch(wanted.clone()), fetch.clone());
        leptos::task::spawn_local(async move {
            let mut loaded = loading.await;
            if matches!(loaded, Err(AppError::Unavailable)) && until_reached().await {
                loaded = fetch(wanted.clone()).await;
            }
            if matches!(loaded, Err(AppError::Unauthenticated)) {
                go_to_sign_in();
            }
            // The user may have gone on to another page, or to another key of this one.
            if key.try_get_untracked() == Some(wanted) {
                data.try_set(Some(loaded));
            }
        });
    });
    data
}

/// Leaves the app for the sign-in page, which leads back to this page.
pub fn go_to_sign_in() {
    // The browser refuses only addresses that are not well-formed.
    drop(window().location().set_href(&sign_in_address()));
}

/// The sign-in page, and from there back to this page.
#[must_use]
pub fn sign_in_address() -> String {
    format!("/sign-in?next={}", query::encode(&current_address()))
}
