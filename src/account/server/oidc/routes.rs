//! The way to a provider and back, and the form on `/account`. All of it works without JavaScript.
//!
//! The way there begins with a form of this site, which no other site can send: nobody is signed in to a stranger's account by a
//! link, and no browser goes there by itself, fetching ahead. A page leads on, as browsers let forms lead to no other site.

use axum::extract::{FromRef, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::flow::{FLOW_SECS, Flow, Purpose};
use super::problem::Problem;
use super::provider::Provider;
use super::service::{ASIDE_SECS, Arrival, ProviderAnswer, Refused};
use super::view::WAYS;
use crate::account::same_site_path;
use crate::account::server::Account;
use crate::account::server::caller::Caller;
use crate::account::server::forms::{PageForm, Sender, sign_in_address};
use crate::account::server::second_factor::api::lead_on;
use crate::account::server::sessions::Client;
use crate::account::server::sessions::forms::{back, refused};
use crate::document::response::{error_page, leave_page};
use crate::i18n::{Text, fill, t};
use crate::platform::error::AppError;
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::ids::IdentityId;
use crate::platform::query;
use crate::platform::secret::hash_secret;
use crate::platform::site::Site;
use crate::ui::Theme;

/// The routes of signing in with others.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        // Whoever goes back from the provider, or loads the page on the way again.
        .route("/sign-in/{name}", get(async || Redirect::to("/sign-in")).post(leave))
        .route("/sign-in/{name}/callback", get(come_back))
        .route("/sign-in/{name}/link", get(link_aside))
        .route(WAYS, post(change_ways))
}

#[derive(Deserialize)]
struct LeaveForm {
    next: Option<String>,
}

/// To the provider.
async fn leave(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    Path(name): Path<String>,
    PageForm(form): PageForm<LeaveForm>,
) -> Response {
    let Some(provider) = account.provider(&name) else { return not_found(&account, theme) };
    let flow = Flow::begin(&name, Purpose::SignIn, form.next.as_deref());
    leave_with(&account, &client, theme, provider, &flow).await
}

async fn leave_with(account: &Account, client: &Client, theme: Theme, provider: &Provider, flow: &Flow) -> Response {
    let url = match account.leave_for(client, provider, flow).await {
        Ok(url) => url,
        Err(refused) => return refuse(account, theme, provider, flow.purpose, &flow.next(), refused),
    };
    let title = fill(Text::GoingTo, &[("provider", &provider.config.label)]);
    let cookie = cookie(account, flow_cookie(account, &flow.state()), flow.cookie_value(), FLOW_SECS);
    (CookieJar::new().add(cookie), leave_page(&account.site, theme, &url, title)).into_response()
}

/// Back from the provider.
async fn come_back(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    Path(name): Path<String>,
    headers: HeaderMap,
    answer: Result<ApiQuery<ProviderAnswer>, ApiError>,
) -> Response {
    let Some(provider) = account.provider(&name) else { return not_found(&account, theme) };
    let jar = CookieJar::from_headers(&headers);
    let answer = answer.map(|ApiQuery(answer)| answer).unwrap_or_default();
    let state = answer.state.clone().unwrap_or_default();
    let kept = flow_cookie(&account, &state);
    let flow = jar.get(&kept).and_then(|cookie| Flow::read(cookie.value(), &name, &state));
    let Some(flow) = flow else {
        let expired = Refused::Problem(Problem::Expired);
        return refuse(&account, theme, provider, Purpose::SignIn, "", expired);
    };
    // It counts once, whatever comes of it.
    let gone = cookie(&account, kept, String::new(), 0);
    let user = person(&account, &headers).await.map(|caller| caller.id);
    let next = flow.next();
    match account.come_back(&client, provider, &flow, answer, user).await {
        Ok(Arrival::Admitted(admission)) => lead_on(&account, jar.add(gone), admission, &next).await,
        Ok(Arrival::Linked) => (CookieJar::new().add(gone), Redirect::to("/account#ways")).into_response(),
        Ok(Arrival::SignInFirst { token }) => {
            let link = format!("/sign-in/{name}/link");
            let link = query::address(&link, &[("proof", &proof_of(&token)), ("next", &next)]);
            let refused = Refused::Problem(Problem::SignInFirst);
            let aside = cookie(&account, aside_cookie(&account).to_owned(), token, ASIDE_SECS);
            (CookieJar::new().add(gone).add(aside), refuse(&account, theme, provider, Purpose::SignIn, &link, refused))
                .into_response()
        }
        Err(refused) => {
            let page = refuse(&account, theme, provider, flow.purpose, &next, refused);
            (CookieJar::new().add(gone), page).into_response()
        }
    }
}

#[derive(Default, Deserialize)]
struct LinkQuery {
    proof: Option<String>,
    next: Option<String>,
}

/// Where somebody comes who had to sign in first. The address has a proof that they come from the page which said so: no other
/// site knows it, and nobody who merely signs in here later brings it.
async fn link_aside(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    Path(name): Path<String>,
    headers: HeaderMap,
    query: Result<ApiQuery<LinkQuery>, ApiError>,
) -> Response {
    let Some(provider) = account.provider(&name) else { return not_found(&account, theme) };
    let query = query.map(|ApiQuery(query)| query).unwrap_or_default();
    let next = same_site_path(query.next.as_deref(), "/chat");
    let jar = CookieJar::from_headers(&headers);
    let Some(caller) = person(&account, &headers).await else {
        return Redirect::to(&sign_in_address(&next)).into_response();
    };
    let of_account = Purpose::Link(caller.id);
    let token = jar.get(aside_cookie(&account)).map(|cookie| cookie.value().to_owned());
    let Some(token) = token.filter(|token| query.proof.as_deref() == Some(&*proof_of(token))) else {
        return refuse(&account, theme, provider, of_account, &next, Refused::Problem(Problem::Expired));
    };
    let jar = CookieJar::new().add(cookie(&account, aside_cookie(&account).to_owned(), String::new(), 0));
    match account.link_aside(&token, &caller, &client).await {
        Ok(()) => (jar, Redirect::to(&next)).into_response(),
        Err(refused) => (jar, refuse(&account, theme, provider, of_account, &next, refused)).into_response(),
    }
}

/// What the form on `/account` asks for: one of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WaysForm {
    /// The name of a provider.
    link: Option<String>,
    unlink: Option<IdentityId>,
    new_password: Option<String>,
    /// Shows who it is.
    current_password: Option<String>,
}

async fn change_ways(
    State(account): State<Account>,
    client: Client,
    theme: Theme,
    Sender(caller): Sender,
    PageForm(form): PageForm<WaysForm>,
) -> Response {
    let password = form.current_password.as_deref().filter(|password| !password.is_empty());
    let is_without = password.is_none();
    match account.confirm_way(&caller, &client, password).await {
        Ok(()) => {}
        Err(AppError::InvalidInput { .. }) if is_without => return back("confirm").into_response(),
        Err(error) => return refused(&account, theme, &error),
    }
    let changed = if let Some(id) = form.unlink {
        account.unlink(caller.id, id).await
    } else if let Some(password) = form.new_password {
        account.set_first_password(caller.id, password).await
    } else if let Some(name) = form.link {
        let Some(provider) = account.provider(&name) else { return not_found(&account, theme) };
        let flow = Flow::begin(&name, Purpose::Link(caller.id), Some("/account"));
        return leave_with(&account, &client, theme, provider, &flow).await;
    } else {
        Err(AppError::invalid("unlink", t(Text::FormUnreadable)))
    };
    match changed {
        Ok(()) => Redirect::to("/account#ways").into_response(),
        Err(error) => refused(&account, theme, &error),
    }
}

/// Back to where somebody came from, with what went wrong.
fn refuse(
    account: &Account,
    theme: Theme,
    provider: &Provider,
    purpose: Purpose,
    next: &str,
    refused: Refused,
) -> Response {
    let problem = match refused {
        Refused::Problem(problem) => problem,
        Refused::Error(error) => return error_page(&account.site, theme, &error),
    };
    let told = [("problem", problem.word()), ("with", &*provider.config.name)];
    let address = match purpose {
        Purpose::SignIn => query::address("/sign-in", &[told[0], told[1], ("next", next)]),
        Purpose::Link(_) => query::address("/account", &told),
    };
    Redirect::to(&address).into_response()
}

fn not_found(account: &Account, theme: Theme) -> Response {
    error_page(&account.site, theme, &AppError::NotFound)
}

/// Whoever is signed in with a session.
async fn person(account: &Account, headers: &HeaderMap) -> Option<Caller> {
    Caller::from_headers(account, headers).await.and_then(Caller::into_person).ok()
}

/// What only the page knows that told somebody to sign in first.
fn proof_of(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash_secret(&format!("link {token}")))
}

/// The name of the cookie of a sign-in under way, by what the provider answers with; see [`Account::session_cookie`].
fn flow_cookie(account: &Account, state: &str) -> String {
    let prefix = if account.site.is_https() { "__Host-" } else { "" };
    format!("{prefix}tessera_leaving_{}", Flow::id_of(state).unwrap_or_default())
}

/// The name of the cookie of an identity that was put aside.
fn aside_cookie(account: &Account) -> &'static str {
    if account.site.is_https() { "__Host-tessera_aside" } else { "tessera_aside" }
}

/// As `secret_cookie`, with a name that is made here. It comes back from the provider's site: lax, as links bring it.
fn cookie(account: &Account, name: String, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(account.site.is_https())
        .max_age(time::Duration::seconds(seconds))
        .build()
}
