//! What somebody wrote whose session had ended, or who had too few credits, where no script keeps it: it comes back once they
//! have signed in, or bought some. The browser has it meanwhile, in a cookie of the chat, and for a quarter of an hour at most,
//! or two hours while credits are bought.

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
/// Who pays somewhere else may take its time.
const KEPT_WHILE_BUYING: time::Duration = time::Duration::hours(2);
/// Browsers keep cookies of 4096 bytes.
const MOST: usize = 3_800;

/// The way to the sign-in page and back to the conversation, in the place of a refusal that leads to the former.
pub fn keep(refusal: Response, message: &str, conversation: Option<&str>, site: &Site) -> Response {
    if refusal.status() != StatusCode::SEE_OTHER {
        return refusal;
    }
    (jar_with(message, KEPT, site), Redirect::to(&sign_in_address(&back_to(conversation)))).into_response()
}

/// The way to where credits are bought, and back to the conversation with the message.
pub fn keep_while_buying(message: &str, conversation: Option<&str>, site: &Site) -> Response {
    let back = back_to(conversation);
    let jar = jar_with(message, KEPT_WHILE_BUYING, site);
    (jar, Redirect::to(&query::address("/buy-credits", &[("from", &back)]))).into_response()
}

fn back_to(conversation: Option<&str>) -> String {
    let conversation = conversation.and_then(|id| id.parse::<ConversationId>().ok());
    conversation.map_or_else(|| PATH.to_owned(), |id| format!("{PATH}/{id}"))
}

fn jar_with(message: &str, kept: time::Duration, site: &Site) -> CookieJar {
    let text = query::encode(message);
    if text.len() > MOST { CookieJar::new() } else { CookieJar::new().add(cookie(text, kept, site)) }
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
