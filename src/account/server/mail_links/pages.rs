//! The pages that ask for links, and those that links lead to. Static pages with plain forms: to look at one changes nothing.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use leptos::prelude::*;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::Purpose;
use super::reset_pages::{show_reset, submit_reset};
use super::rules::OF_ADDRESSES;
use super::views::{AskPage, ChangePage, NewAccountPage, NoticePage, PressPage};
use crate::account::server::Account;
use crate::account::server::api::signed_in;
use crate::account::server::caller::Caller;
use crate::account::server::forms::{PageForm, Sender};
use crate::account::server::password_field::POLICY;
use crate::account::server::second_factor::api::lead_on;
use crate::account::server::sessions::Client;
use crate::account::{Email, same_site_path};
use crate::document::response::static_response;
use crate::document::{StaticPage, render_static_page};
use crate::i18n::{Text, fill, t};
use crate::platform::error::AppError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::limits::ClientAddress;
use crate::platform::query;
use crate::platform::site::Site;
use crate::ui::Theme;

/// The pages of links by mail.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .route("/sign-up/{token}", get(show_sign_up).post(submit_sign_up))
        .route("/reset-password", get(ask_for_reset).post(request_reset))
        .route("/reset-password/{token}", get(show_reset).post(submit_reset))
        .route("/sign-in/link", get(ask_for_sign_in).post(request_sign_in))
        .route("/sign-in/link/{token}", get(show_sign_in).post(submit_sign_in))
        .route("/verify-email/{token}", get(show_verify).post(submit_verify))
        .route("/account/verify-email", post(send_again))
        .route("/account/email", post(change_email))
}

#[derive(Deserialize)]
struct MailboxForm {
    #[serde(default)]
    email: String,
    next: Option<String>,
}

/// Of an address, or of a form. An address that is not read leads nowhere.
#[derive(Default, Deserialize)]
pub(super) struct WayBack {
    next: Option<String>,
}

impl WayBack {
    /// The path of this site to go to afterwards; empty: none.
    pub(super) fn path(&self) -> String {
        same_site_path(self.next.as_deref(), "")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WayBack {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(ApiQuery::from_request_parts(parts, state).await.map(|ApiQuery(way)| way).unwrap_or_default())
    }
}

/// An empty form, from which it goes on to where the address says.
impl From<WayBack> for MailboxForm {
    fn from(WayBack { next }: WayBack) -> Self {
        Self { email: String::new(), next }
    }
}

#[derive(Deserialize)]
struct SignUpForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmailForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    current_password: String,
}

/// A page of a link, or with a secret: nobody else's to keep or to list.
pub(in crate::account::server) fn page<V: IntoView + 'static>(
    account: &Account,
    theme: Theme,
    status: u16,
    (title, path): (&'static str, &str),
    body: impl FnOnce() -> V,
) -> Response {
    // Not secret: without a referrer of their own, forms would seem to come from elsewhere.
    let page = StaticPage { title, description: "", path, canonical: None, theme, prefetch: false, is_secret: false };
    let mut response = static_response(status, render_static_page(page, account.site.leptos(), body));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    if let Some(policy) = POLICY.clone() {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// What came of it, and the way on.
pub(super) fn notice(
    account: &Account,
    theme: Theme,
    title: Text,
    text: String,
    (href, label): (&str, Text),
) -> Response {
    let way = (href.to_owned(), label);
    page(account, theme, 200, (t(title), href), || view! { <NoticePage title=t(title) text way /> })
}

/// That a link opens nothing (any more), or what else was in its way.
pub(super) fn refused(account: &Account, theme: Theme, error: &AppError, (href, label): (&str, Text)) -> Response {
    let title = match error {
        AppError::InvalidInput { .. } => Text::LinkInvalidTitle,
        _ => Text::DidNotWork,
    };
    let (text, way) = (error.to_string(), (href.to_owned(), label));
    page(account, theme, error.status(), (t(title), href), || view! { <NoticePage title=t(title) text way /> })
}

const SIGN_UP_AGAIN: (&str, Text) = ("/sign-up", Text::SignUp);
const SIGN_IN_AGAIN: (&str, Text) = ("/sign-in/link", Text::SignInByLink);
const TO_ACCOUNT: (&str, Text) = ("/account", Text::BackToAccount);

fn ask_page(account: &Account, theme: Theme, purpose: Purpose, form: MailboxForm, error: Option<AppError>) -> Response {
    let status = error.as_ref().map_or(200, AppError::status);
    let (title, intro, path) = match purpose {
        Purpose::SignIn => (Text::SignInByLink, Text::SignInByLinkIntro, "/sign-in/link"),
        _ => (Text::ResetPassword, Text::ResetPasswordIntro, "/reset-password"),
    };
    let (next, errors) = (same_site_path(form.next.as_deref(), ""), error.into_iter().collect());
    page(account, theme, status, (t(title), path), || {
        view! { <AskPage title=t(title) intro=t(intro) path email=form.email next errors /> }
    })
}

pub(super) fn to_sign_in(next: &str) -> String {
    query::address("/sign-in", &[("next", next)])
}

async fn request(
    account: &Account,
    address: ClientAddress,
    theme: Theme,
    purpose: Purpose,
    form: MailboxForm,
) -> Response {
    if let Err(error) = account.request_link(address, &form.email, purpose, form.next.as_deref()).await {
        return ask_page(account, theme, purpose, form, Some(error));
    }
    let minutes = (purpose.lasts().as_secs() / 60).to_string();
    let text = fill(Text::LinkOnItsWay, &[("email", form.email.trim()), ("minutes", &minutes)]);
    let way = to_sign_in(&same_site_path(form.next.as_deref(), ""));
    notice(account, theme, Text::LookForMail, text, (&way, Text::SignIn))
}

async fn ask_for_reset(State(account): State<Account>, theme: Theme, way: WayBack) -> Response {
    ask_page(&account, theme, Purpose::Reset, MailboxForm::from(way), None)
}

async fn request_reset(
    State(account): State<Account>,
    address: ClientAddress,
    theme: Theme,
    PageForm(form): PageForm<MailboxForm>,
) -> Response {
    request(&account, address, theme, Purpose::Reset, form).await
}

async fn ask_for_sign_in(State(account): State<Account>, theme: Theme, way: WayBack) -> Response {
    ask_page(&account, theme, Purpose::SignIn, MailboxForm::from(way), None)
}

async fn request_sign_in(
    State(account): State<Account>,
    address: ClientAddress,
    theme: Theme,
    PageForm(form): PageForm<MailboxForm>,
) -> Response {
    request(&account, address, theme, Purpose::SignIn, form).await
}

/// That a link is on its way, to an address with or without an account.
pub(in crate::account::server) fn sign_up_link_sent(account: &Account, theme: Theme, email: &str) -> Response {
    let text = fill(Text::LinkWasSent, &[("email", email)]);
    notice(account, theme, Text::LookForMail, text, ("/sign-in", Text::SignIn))
}

fn sign_up_page(
    account: &Account,
    theme: Theme,
    token: &str,
    email: &Email,
    name: String,
    error: Option<AppError>,
) -> Response {
    let status = error.as_ref().map_or(200, AppError::status);
    let path = format!("/sign-up/{token}");
    let errors: Vec<_> = error.into_iter().collect();
    let (action, email) = (path.clone(), email.as_str().to_owned());
    page(account, theme, status, (t(Text::FinishSigningUp), &path), || {
        view! { <NewAccountPage action email name errors /> }
    })
}

async fn show_sign_up(State(account): State<Account>, theme: Theme, Path(token): Path<String>) -> Response {
    match account.find_sign_up(&token).await {
        Ok(email) => sign_up_page(&account, theme, &token, &email, String::new(), None),
        Err(error) => refused(&account, theme, &error, SIGN_UP_AGAIN),
    }
}

async fn submit_sign_up(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    jar: CookieJar,
    Path(token): Path<String>,
    PageForm(form): PageForm<SignUpForm>,
) -> Response {
    let error = match account.finish_sign_up(&client, &token, Some(form.name.clone()), form.password).await {
        Ok(session) => return signed_in(&account, jar, session, Redirect::to(&account.after_sign_up(&token))).await,
        Err(error) => error,
    };
    match account.find_sign_up(&token).await {
        Ok(email) => sign_up_page(&account, theme, &token, &email, form.name, Some(error)),
        Err(_) => refused(&account, theme, &error, SIGN_UP_AGAIN),
    }
}

async fn show_sign_in(
    State(account): State<Account>,
    theme: Theme,
    Path(token): Path<String>,
    way: WayBack,
) -> Response {
    let link = match account.find_link(&token, &[Purpose::SignIn]).await {
        Ok((link, _)) => link,
        Err(error) => return refused(&account, theme, &error, SIGN_IN_AGAIN),
    };
    let action = format!("/sign-in/link/{token}");
    let intro = fill(Text::SignInAs, &[("email", &link.email)]);
    let (path, next) = (action.clone(), way.path());
    page(&account, theme, 200, (t(Text::SignIn), &path), || {
        view! { <PressPage title=t(Text::SignIn) intro action next /> }
    })
}

async fn submit_sign_in(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    jar: CookieJar,
    Path(token): Path<String>,
    PageForm(way): PageForm<WayBack>,
) -> Response {
    let next = same_site_path(way.next.as_deref(), "/chat");
    match account.sign_in_by_link(&client, &token, Some(&next)).await {
        Ok(admission) => lead_on(&account, jar, admission, &next).await,
        Err(error) => refused(&account, theme, &error, SIGN_IN_AGAIN),
    }
}

async fn show_verify(State(account): State<Account>, theme: Theme, Path(token): Path<String>) -> Response {
    let link = match account.find_link(&token, &OF_ADDRESSES).await {
        Ok((link, _)) => link,
        Err(error) => return refused(&account, theme, &error, TO_ACCOUNT),
    };
    let action = format!("/verify-email/{token}");
    let intro = fill(Text::ConfirmEmailIntro, &[("email", &link.email)]);
    let (path, title) = (action.clone(), t(Text::ConfirmEmail));
    page(&account, theme, 200, (title, &path), || view! { <PressPage title intro action /> })
}

async fn submit_verify(
    State(account): State<Account>,
    address: ClientAddress,
    headers: HeaderMap,
    theme: Theme,
    Path(token): Path<String>,
) -> Response {
    let caller = Caller::from_headers(&account, &headers).await.and_then(Caller::into_person).ok();
    match account.confirm_email(address, caller.as_ref(), &token).await {
        Ok(email) => {
            let text = fill(Text::EmailWasConfirmedExplained, &[("email", &email)]);
            notice(&account, theme, Text::EmailWasConfirmed, text, TO_ACCOUNT)
        }
        Err(error) => refused(&account, theme, &error, TO_ACCOUNT),
    }
}

async fn send_again(State(account): State<Account>, theme: Theme, Sender(caller): Sender) -> Response {
    match account.send_verification_again(caller.id).await {
        Ok(email) => {
            let text = fill(Text::LinkWasSent, &[("email", &email)]);
            notice(&account, theme, Text::LookForMail, text, TO_ACCOUNT)
        }
        // In another tab, or by the link itself.
        Err(AppError::Conflict(_)) => Redirect::to("/account").into_response(),
        Err(error) => refused(&account, theme, &error, TO_ACCOUNT),
    }
}

async fn change_email(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    Sender(caller): Sender,
    PageForm(form): PageForm<EmailForm>,
) -> Response {
    match account.request_email_change(&client, &caller, &form.email, &form.current_password).await {
        Ok(email) => {
            let text = format!("{} {}", fill(Text::LinkWasSent, &[("email", &email)]), t(Text::ChangeEmailIntro));
            notice(&account, theme, Text::LookForMail, text, TO_ACCOUNT)
        }
        Err(error) => {
            let has_password = account.has_password(caller.id).await.unwrap_or(true);
            let (status, email, errors) = (error.status(), form.email, vec![error]);
            page(&account, theme, status, (t(Text::ChangeEmail), "/account"), || {
                view! { <ChangePage email has_password errors /> }
            })
        }
    }
}
