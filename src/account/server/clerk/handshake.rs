//! How a browser whose token has ended gets a new one while a page is loaded: it is sent to Clerk, which knows it by cookies of
//! its own domain, and comes back with new cookies. All of that is done on `/sign-in`, where every page sends who is not signed
//! in.

use axum::http::header::{ACCEPT, CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;
use url::Url;

use super::cookies::{ClerkCookies, DEV_BROWSER, HANDSHAKE, REDIRECTS, SESSION};
use super::token::Signed;
use super::{Clerk, Presence};
use crate::account::server::sign_in::AuthPage;
use crate::platform::error::{AppError, AppResult};
use crate::platform::query;

/// Of Clerk's API.
const VERSION: &str = "2026-05-12";
/// After so many in a row, somebody's clock or cookies are wrong.
const MOST_REDIRECTS: u32 = 3;
const REDIRECTS_LAST: time::Duration = time::Duration::seconds(5);

const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// What Clerk sends back: whole values of `Set-Cookie`.
#[derive(Deserialize)]
struct Handshake {
    handshake: Vec<String>,
}

/// Who comes to `/sign-in` or `/sign-up`, and where they want to go.
pub struct Visit<'a> {
    pub page: AuthPage,
    /// With its query.
    pub address: &'a str,
    pub headers: &'a HeaderMap,
    /// A path of this site.
    pub next: &'a str,
}

impl Clerk {
    /// Where somebody who is not signed in goes from `/sign-in` or `/sign-up`: to Clerk, or, if they come from there with good
    /// news, to the page they wanted.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] if nothing can be verified now, or if it goes round in circles.
    pub async fn show_the_way(&self, visit: &Visit<'_>) -> AppResult<Response> {
        let jar = CookieJar::from_headers(visit.headers);
        if let Some(payload) = self.find_payload(visit, &jar) {
            return self.come_back(visit, &payload).await;
        }
        // It comes from Clerk's pages, which say here how the browser is known there.
        if self.dev_browser_of(visit).is_some() && is_navigation(visit.headers) {
            return self.ask(visit, &jar, "dev-browser-sync", 0);
        }
        let round = jar.get(REDIRECTS).and_then(|count| count.value().parse().ok()).unwrap_or(0_u32);
        match self.find_presence(visit.headers).await? {
            Presence::In(_) => Ok(Redirect::to(visit.next).into_response()),
            Presence::Unsure(_) if round >= MOST_REDIRECTS => {
                tracing::warn!(
                    "a browser goes round in circles between here and Clerk: is the clock of this machine right?"
                );
                Err(AppError::Unavailable)
            }
            Presence::Unsure(reason) if is_navigation(visit.headers) => self.ask(visit, &jar, reason, round),
            Presence::Unsure(_) | Presence::Out => self.leave(visit, &jar),
        }
    }

    /// What Clerk sent: in the address where its domain is another, else in a cookie. Where a cookie can be set, an address
    /// that anybody can write counts for nothing.
    fn find_payload(&self, visit: &Visit<'_>, jar: &CookieJar) -> Option<String> {
        if self.config.is_development {
            query::parameter(visit.address, HANDSHAKE)
        } else {
            jar.get(HANDSHAKE).map(|cookie| cookie.value().to_owned())
        }
    }

    fn dev_browser_of(&self, visit: &Visit<'_>) -> Option<String> {
        query::parameter(visit.address, DEV_BROWSER).filter(|_| self.config.is_development)
    }

    /// Sends the browser to Clerk for new cookies.
    fn ask(&self, visit: &Visit<'_>, jar: &CookieJar, reason: &str, round: u32) -> AppResult<Response> {
        let cookies = ClerkCookies::read(jar, &self.config);
        let mut to = self.config.frontend_url.join("v1/client/handshake").map_err(|_| AppError::Internal)?;
        to.query_pairs_mut()
            .append_pair("redirect_url", self.address_back(visit)?.as_str())
            .append_pair("__clerk_api_version", VERSION)
            .append_pair("suffixed_cookies", if cookies.suffixed { "true" } else { "false" })
            .append_pair("__clerk_hs_reason", reason);
        if let Some(session) = &cookies.session {
            to.query_pairs_mut().append_pair(SESSION, session);
        }
        if let Some(browser) = self.dev_browser_of(visit).or(cookies.dev_browser).filter(|_| self.config.is_development)
        {
            to.query_pairs_mut().append_pair(DEV_BROWSER, &browser);
        }
        let count = Cookie::build((REDIRECTS, (round + 1).to_string()))
            .path("/")
            .same_site(SameSite::Lax)
            .http_only(true)
            .max_age(REDIRECTS_LAST)
            .build();
        Ok((CookieJar::new().add(count), redirect(&to)).into_response())
    }

    /// Takes the cookies that Clerk has sent.
    async fn come_back(&self, visit: &Visit<'_>, payload: &str) -> AppResult<Response> {
        let mut cookies = vec![format!("{HANDSHAKE}=; Path=/; Max-Age=0")];
        let Some(handshake) = self.read_payload(payload).await? else {
            // Not by Clerk: as if nothing had come.
            return Ok(with_cookies(cookies, Redirect::to(&sign_in_path(visit))));
        };
        let mut jar = CookieJar::new();
        for cookie in handshake.handshake.iter().filter_map(|text| Cookie::parse(text.clone()).ok()) {
            jar = jar.add(cookie);
        }
        cookies.extend(handshake.handshake);
        match self.find_presence_by(&jar).await? {
            Presence::In(_) => Ok(with_cookies(cookies, Redirect::to(visit.next))),
            Presence::Out => Ok(with_cookies(cookies, self.leave(visit, &jar)?)),
            // Once more, with the cookies that it has now; the rounds are counted.
            Presence::Unsure(_) => Ok(with_cookies(cookies, Redirect::to(&sign_in_path(visit)))),
        }
    }

    async fn read_payload(&self, payload: &str) -> AppResult<Option<Handshake>> {
        let Ok(signed) = Signed::read(payload) else { return Ok(None) };
        match self.keys.find(signed.kid.as_deref(), &self.backend).await {
            Ok(key) => {
                let read = signed.verify(&key);
                if let Err(error) = &read {
                    tracing::warn!(%error, "an answer of Clerk to a browser is not taken");
                }
                Ok(read.ok())
            }
            Err(super::NoKey::Unknown) => Ok(None),
            Err(super::NoKey::Unavailable) => Err(AppError::Unavailable),
        }
    }

    /// To the pages on which people sign in, and from there back here.
    fn leave(&self, visit: &Visit<'_>, jar: &CookieJar) -> AppResult<Response> {
        let path = match visit.page {
            AuthPage::SignIn => "sign-in",
            AuthPage::SignUp => "sign-up",
        };
        let mut to = self.config.accounts_url.join(path).map_err(|_| AppError::Internal)?;
        to.query_pairs_mut().append_pair("redirect_url", self.address_back(visit)?.as_str());
        let cookies = ClerkCookies::read(jar, &self.config);
        if let Some(browser) = cookies.dev_browser.filter(|_| self.config.is_development) {
            to.query_pairs_mut().append_pair(DEV_BROWSER, &browser);
        }
        Ok(redirect(&to))
    }

    /// `/sign-in` as browsers reach it, with where to go from there, and nothing of Clerk's.
    fn address_back(&self, visit: &Visit<'_>) -> AppResult<Url> {
        self.site.address_of(&sign_in_path(visit)).ok_or(AppError::Internal)
    }
}

fn sign_in_path(visit: &Visit<'_>) -> String {
    query::address("/sign-in", &[("next", visit.next)])
}

/// Only a browser that loads a page can be sent somewhere.
fn is_navigation(headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(&FETCH_DEST) {
        Some(kind) => matches!(kind, "document" | "iframe"),
        None => text(&ACCEPT).is_some_and(|accept| accept.starts_with("text/html")),
    }
}

fn redirect(to: &Url) -> Response {
    let mut response = Redirect::temporary(to.as_str()).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn with_cookies(cookies: Vec<String>, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in cookies {
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        } else {
            tracing::warn!("Clerk sent a cookie that cannot be passed on");
        }
    }
    response
}
