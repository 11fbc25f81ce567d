//! What somebody wrote whose session had ended, where no script keeps it: it comes back once they have signed in. The browser
//! has it meanwhile, in a cookie of the chat, and for a quarter of an hour at most.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use leptos::prelude::provide_context;

use crate::account::server::forms::sign_in_address;
use crate::account::server::page::Loaded;
use crate::chat::Unsent;
use crate::platform::ids::ConversationId;
use crate::platform::query;
use crate::platform::site::Site;

const COOKIE: &str = "unsent";
const PATH: &str = "/chat";
const KEPT: time::Duration = time::Duration::minutes(15);
/// Browsers keep cookies of 4096 bytes.
const MOST: usize = 3_800;

/// The way to the sign-in page and back to the conversation, in the place of a refusal that leads to the former.
pub fn keep(refusal: Response, message: &str, conversation: Option<&str>, site: &Site) -> Response {
    if refusal.status() != StatusCode::SEE_OTHER {
        return refusal;
    }
    let conversation = conversation.and_then(|id| id.parse::<ConversationId>().ok());
    let back = conversation.map_or_else(|| PATH.to_owned(), |id| format!("{PATH}/{id}"));
    let text = query::encode(message);
    let jar = if text.len() > MOST { CookieJar::new() } else { CookieJar::new().add(cookie(text, KEPT, site)) };
    (jar, Redirect::to(&sign_in_address(&back))).into_response()
}

/// Gives a page what was kept, which is then forgotten.
pub fn give_back(loaded: Loaded, cookies: &CookieJar, site: &Site) -> Loaded {
    let Some(kept) = cookies.get(COOKIE) else { return loaded };
    let text = query::parameter(&format!("?{COOKIE}={}", kept.value()), COOKIE).unwrap_or_default();
    let provide = loaded.provide.clone();
    let provide = Arc::new(move || {
        provide();
        provide_context(Unsent(text.clone()));
    });
    Loaded { provide, cookie: Some(cookie(String::new(), time::Duration::ZERO, site)), ..loaded }
}

fn cookie(text: String, age: time::Duration, site: &Site) -> Cookie<'static> {
    Cookie::build((COOKIE, text))
        .path(PATH)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(site.is_https())
        .max_age(age)
        .build()
}
