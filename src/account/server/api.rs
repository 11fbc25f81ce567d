//! `/api/auth`, and the forms of the sign-in pages, which work without JavaScript.

use std::borrow::Cow;

use axum::extract::{FromRef, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderName, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Account;
use super::caller::{MANAGE, READ, SPEND, Scoped};
use super::forms::PageForm;
use super::mail_links::pages::sign_up_link_sent;
use super::second_factor::Admission;
use super::second_factor::api::{answer, lead_on};
use super::service::{NewSession, Registration};
use super::sessions::{Client, SESSION_LIFETIME};
use super::sign_in::{self, AuthPage, auth_page};
use crate::account::{CredentialsForm, Profile, SEEN_COOKIE, same_site_path};
use crate::api_docs::Refusal;
use crate::document::response::error_page;
use crate::i18n::{LANGUAGE_COOKIE, Language};
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope, Nothing};
use crate::platform::site::Site;
use crate::ui::{COOKIE_SECS, Theme};

/// The routes of accounts and API keys, and the forms.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .merge(super::key_api::routes())
        .merge(super::budget_api::routes())
        .merge(super::sessions::api::routes())
        .merge(super::mail_links::api::routes())
        .merge(super::oidc::routes::routes())
        .merge(super::passkeys::api::routes())
        .merge(super::second_factor::api::routes())
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
        .route("/sign-up", get(sign_in::sign_up_page).post(submit_sign_up))
        .route("/sign-in", get(sign_in::sign_in_page).post(submit_sign_in))
        .route("/sign-out", post(submit_sign_out))
        .route("/theme", post(submit_theme))
        .route("/language", post(submit_language))
        .route("/notices", post(submit_notice))
}

/// What a browser forgets when somebody signs out: drafts. What else is private is kept by no cache, or only for the same
/// cookies. Not `"cookies"`, which would reach the other sites of the domain, and not `"cache"`, which keeps some browsers busy
/// for seconds.
pub(super) const CLEAR: [(HeaderName, &str); 1] = [(HeaderName::from_static("clear-site-data"), "\"storage\"")];

/// Who has signed in.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedIn {
    pub(super) user: Profile,
}

/// Create an account and sign in.
///
/// The account starts with its free credits. Attempts are rate-limited per address. Where registrations are confirmed (by default
/// where mails are delivered), only the address is read: a link is emailed to it, and the response is the same if it has an account,
/// whose owner is told. Without, an address that has an account is refused (409).
#[utoipa::path(post, path = "/api/auth/register", tag = "Accounts", security(()),
    request_body(content = CredentialsForm,
        example = json!({"email": "ada@example.org", "password": "correct horse battery", "name": "Ada"})),
    responses((status = 201, description = "The new user. Sets the session and device cookies.", body = Envelope<SignedIn>),
        (status = 202, description = "A link is on its way.", body = Envelope<Nothing>),
        Refusal::<409>, Refusal::<429>))]
async fn register(
    State(account): State<Account>,
    client: Client,
    jar: CookieJar,
    ApiJson(form): ApiJson<CredentialsForm>,
) -> Result<Response, ApiError> {
    let session = match account.register(&client, form).await? {
        Registration::SignedIn(session) => session,
        Registration::LinkSent => return Ok((StatusCode::ACCEPTED, Answer(Nothing {})).into_response()),
    };
    let body = Answer(SignedIn { user: session.profile.clone() });
    Ok(signed_in(&account, jar, session, (StatusCode::CREATED, body)).await)
}

/// Sign in.
///
/// Attempts are rate-limited per address, and per address and account. A device that has signed in before is recognized by
/// a cookie, so other people’s wrong guesses don’t lock it out. Users with two-step sign-in get 401 `second_factor_required` and
/// a cookie for the second step.
#[utoipa::path(post, path = "/api/auth/login", tag = "Accounts", security(()),
    request_body(content = CredentialsForm,
        example = json!({"email": "ada@example.org", "password": "correct horse battery"})),
    responses((status = 200, description = "The user. Sets the session and device cookies.", body = Envelope<SignedIn>),
        Refusal::<401>, Refusal::<429>))]
async fn login(
    State(account): State<Account>,
    client: Client,
    jar: CookieJar,
    ApiJson(form): ApiJson<CredentialsForm>,
) -> Result<Response, ApiError> {
    let admission = account.login(&client, device_of(&account, &jar), form).await?;
    Ok(answer(&account, jar, admission).await)
}

/// Sign out.
#[utoipa::path(post, path = "/api/auth/logout", tag = "Accounts", security(()),
    responses((status = 200, description = "Signed out.", body = Envelope<Nothing>)))]
async fn logout(State(account): State<Account>, jar: CookieJar) -> Result<Response, ApiError> {
    let jar = end_session(&account, jar).await?;
    Ok((jar, CLEAR, Answer(Nothing {})).into_response())
}

/// Get the current user.
#[utoipa::path(get, path = "/api/auth/me", tag = "Accounts",
    responses((status = 200, description = "The user.", body = Envelope<Profile>)))]
async fn me(Scoped(caller): Scoped<{ SPEND | READ | MANAGE }>) -> ApiResult<Profile> {
    Ok(Answer(caller.profile))
}

async fn submit_sign_up(
    account: State<Account>,
    client: Client,
    theme: Theme,
    jar: CookieJar,
    form: PageForm<CredentialsForm>,
) -> Response {
    submit(AuthPage::SignUp, account, client, theme, jar, form).await
}

async fn submit_sign_in(
    account: State<Account>,
    client: Client,
    theme: Theme,
    jar: CookieJar,
    form: PageForm<CredentialsForm>,
) -> Response {
    submit(AuthPage::SignIn, account, client, theme, jar, form).await
}

/// Goes on to the page that was asked for, or shows the form again with what was typed and what is wrong.
async fn submit(
    page: AuthPage,
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    jar: CookieJar,
    PageForm(form): PageForm<CredentialsForm>,
) -> Response {
    if account.clerk.is_some() {
        return Redirect::to(&page.address(form.next.as_deref().unwrap_or_default())).into_response();
    }
    let admission = match page {
        AuthPage::SignUp => match account.register(&client, form.clone()).await {
            Ok(Registration::SignedIn(session)) => Ok(Admission::SignedIn(session)),
            Ok(Registration::LinkSent) => return sign_up_link_sent(&account, theme, form.email.trim()),
            Err(error) => Err(error),
        },
        AuthPage::SignIn => account.login(&client, device_of(&account, &jar), form.clone()).await,
    };
    match admission {
        Ok(admission) => lead_on(&account, jar, admission, &same_site_path(form.next.as_deref(), "/chat")).await,
        Err(error) => auth_page(&account, page, theme, &form, Some(error), None),
    }
}

async fn submit_sign_out(State(account): State<Account>, theme: Theme, jar: CookieJar) -> Response {
    match end_session(&account, jar).await {
        Ok(jar) => (jar, CLEAR, Redirect::to("/")).into_response(),
        Err(ApiError(error)) => error_page(&account.site, theme, &error),
    }
}

#[derive(Deserialize)]
struct ThemeForm {
    theme: String,
    next: Option<String>,
}

async fn submit_theme(State(account): State<Account>, jar: CookieJar, PageForm(form): PageForm<ThemeForm>) -> Response {
    choose(&account, jar, Theme::COOKIE, Theme::parse(&form.theme).as_str(), form.next.as_deref())
}

#[derive(Deserialize)]
struct LanguageForm {
    language: String,
    next: Option<String>,
}

async fn submit_language(
    State(account): State<Account>,
    jar: CookieJar,
    PageForm(form): PageForm<LanguageForm>,
) -> Response {
    let language = Language::parse(&form.language).unwrap_or_default().code();
    choose(&account, jar, LANGUAGE_COOKIE, language, form.next.as_deref())
}

#[derive(Deserialize)]
struct NoticeForm {
    /// The key of the notice.
    seen: String,
    next: Option<String>,
}

async fn submit_notice(
    State(account): State<Account>,
    jar: CookieJar,
    PageForm(form): PageForm<NoticeForm>,
) -> Response {
    let is_key = form.seen.len() <= 64 && form.seen.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let seen = if is_key { form.seen } else { String::new() };
    choose(&account, jar, SEEN_COOKIE, seen, form.next.as_deref())
}

/// Remembers a choice for a year, and goes back to where it was made.
fn choose(
    account: &Account,
    jar: CookieJar,
    cookie: &'static str,
    value: impl Into<Cow<'static, str>>,
    next: Option<&str>,
) -> Response {
    let cookie = Cookie::build((cookie, value.into()))
        .path("/")
        .secure(account.site.is_https())
        .same_site(SameSite::Lax)
        .max_age(time::Duration::seconds(COOKIE_SECS.into()));
    (jar.add(cookie), Redirect::to(&same_site_path(next, "/"))).into_response()
}

/// An answer with the cookies of a new session, of the device that it is on, and of what its user prefers. The session that the
/// browser had before ends: nothing goes on under two names.
pub(super) async fn signed_in(
    account: &Account,
    jar: CookieJar,
    session: NewSession,
    body: impl IntoResponse,
) -> Response {
    if let Some(before) = jar.get(account.session_cookie())
        && let Err(error) = account.logout(before.value()).await
    {
        tracing::warn!(%error, "the session of before could not be ended");
    }
    let seconds = i64::try_from(SESSION_LIFETIME.as_secs()).unwrap_or(i64::MAX);
    let device = secret_cookie(account, account.device_cookie(), session.device, COOKIE_SECS.into(), "/");
    let preferred = session.preferences.cookies(account.site.is_https());
    let session = secret_cookie(account, account.session_cookie(), session.token, seconds, "/");
    let jar = preferred.fold(jar, CookieJar::add);
    // That of the session is the first.
    let cookies = [session, device].map(|cookie| (SET_COOKIE, cookie.to_string()));
    (AppendHeaders(cookies), jar, body).into_response()
}

/// A cookie that no script reads, for the pages below a path.
pub(super) fn secret_cookie(
    account: &Account,
    name: &'static str,
    value: String,
    seconds: i64,
    path: &'static str,
) -> Cookie<'static> {
    Cookie::build((name, value))
        .path(path)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(account.site.is_https())
        .max_age(time::Duration::seconds(seconds))
        .build()
}

/// What the device was given when somebody signed in on it.
pub(super) fn device_of<'a>(account: &Account, jar: &'a CookieJar) -> Option<&'a str> {
    jar.get(account.device_cookie()).map(Cookie::value)
}

async fn end_session(account: &Account, jar: CookieJar) -> Result<CookieJar, ApiError> {
    if let Some(cookie) = jar.get(account.session_cookie()) {
        account.logout(cookie.value()).await?;
    }
    let jar = match &account.clerk {
        Some(clerk) => clerk.sign_out(jar).await,
        None => jar,
    };
    Ok(clear_session(account, jar))
}

/// Takes the cookie of a session away that has ended.
pub(super) fn clear_session(account: &Account, jar: CookieJar) -> CookieJar {
    let gone = Cookie::build((account.session_cookie(), "")).path("/").secure(account.site.is_https()).http_only(true);
    jar.remove(gone)
}
