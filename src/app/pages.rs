//! Pages: what each needs is loaded first, then it is rendered whole. The table of addresses is `router.rs`.

use std::sync::{LazyLock, OnceLock};

use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Query, RawPathParams, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use serde::Deserialize;
use std::convert::Infallible;
use url::Url;
use uuid::Uuid;

use super::config::CreditsConfig;
use super::security::{csp_with_nonce, csp_without_scripts};
use super::state::AppState;
use crate::account::server::caller::{Caller, Person};
use crate::account::server::keys;
use crate::account::server::sign_in_page::{SignInPage, SignUpPage};
use crate::account::{AccountData, CredentialsForm, KeyFields, RefusedKey, same_site_path};
use crate::api_docs::ReferencePage;
use crate::chat::server::shared_page::SharedPage;
use crate::document::{ErrorPage, StaticPage, gallery_shell, render_static_page, shell};
use crate::i18n::{Language, Text, current_language, in_language, in_language_here, t};
use crate::images::server::service::GalleryQuery;
use crate::images::{self, Filter, ImageView};
use crate::landing::LandingPage;
use crate::platform::browser::navigation::PageView;
use crate::platform::browser::page_data::Preloaded;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::accept::takes_brotli;
use crate::platform::http::request_id::current_request_id;
use crate::platform::query;
use crate::showcase::{GALLERY_PATH, read_catalog};
use crate::ui::Theme;
use crate::{chat, credits, routes};

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

impl<S: Send + Sync> FromRequestParts<S> for Theme {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let jar = CookieJar::from_headers(&parts.headers);
        Ok(jar.get(Self::COOKIE).map(|cookie| Self::parse(cookie.value())).unwrap_or_default())
    }
}

/// A page that hydrates, with its workspace and its data. Without a session: to the sign-in page and back.
async fn app_page<T, Fut>(
    state: AppState,
    theme: Theme,
    request: Request,
    page: PageView,
    load: impl FnOnce(AppState, Caller) -> Fut,
) -> Response
where
    T: Clone + Send + Sync + 'static,
    Fut: Future<Output = AppResult<T>>,
{
    let caller = match Caller::from_headers(&state, request.headers()).await {
        Ok(caller) => caller,
        Err(AppError::Unauthenticated) => {
            let here = request.uri().path_and_query().map_or("/", |path| path.as_str());
            return Redirect::to(&format!("/sign-in?next={}", query::encode(here))).into_response();
        }
        Err(error) => return error_page(&state, theme, &error),
    };
    let jar = CookieJar::from_headers(request.headers());
    let picked = jar.get(chat::PROVIDER_COOKIE).map(Cookie::value);
    let (workspace, data) = tokio::join!(
        chat::server::service::load_workspace(&state, &caller, picked),
        load(state.clone(), caller.clone())
    );
    // Without the workspace there is no page to show the error in.
    if let Err(error) = &workspace {
        return error_page(&state, theme, error);
    }
    let status = match &data {
        Ok(_) => StatusCode::OK,
        Err(error) => StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    };
    let address = request.uri().path_and_query().map_or_else(|| "/chat".to_owned(), ToString::to_string);
    let (workspace, data, options) = (Preloaded(workspace), Preloaded(data), state.leptos.clone());
    let context = move || {
        provide_context(state.clone());
        provide_context(theme);
        provide_context(workspace.clone());
        provide_context(data.clone());
        expect_context::<ResponseOptions>().set_status(status);
        allow_scripts();
    };
    leptos_axum::render_app_to_stream_with_context(context, move || shell(&options, address.clone(), page))(request)
        .await
}

/// The headers of a page that hydrates: its scripts have a nonce, so it is kept nowhere.
fn allow_scripts() {
    let response = expect_context::<ResponseOptions>();
    response.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let csp = use_nonce().map(|nonce| csp_with_nonce(&nonce)).and_then(|csp| HeaderValue::from_str(&csp).ok());
    if let Some(csp) = csp {
        response.insert_header(CONTENT_SECURITY_POLICY, csp);
    }
}

/// `/components`: for developers, in English.
pub async fn gallery_page(State(state): State<AppState>, theme: Theme, request: Request) -> Response {
    let context = move || {
        provide_context(theme);
        provide_context(read_catalog());
        allow_scripts();
    };
    let (options, canonical) = (state.leptos.clone(), address_of(&state, GALLERY_PATH));
    let shell = move || gallery_shell(&options, canonical.clone());
    let render = leptos_axum::render_app_to_stream_with_context(context, shell);
    in_language(Language::En, render(request)).await
}

/// `/chat` and `/chat/{id}`.
pub async fn chat_page(
    State(state): State<AppState>,
    theme: Theme,
    params: RawPathParams,
    request: Request,
) -> Response {
    let id = params.iter().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned());
    app_page(state, theme, request, routes::CHAT, async move |state, caller: Caller| match id {
        Some(id) => chat::server::service::load_conversation(&state, caller.id, &id).await.map(Some),
        None => Ok(None),
    })
    .await
}

/// `/share/{token}`: what has a secret in its address is kept nowhere, found by nobody, and told to no other site.
pub async fn shared_page(State(state): State<AppState>, theme: Theme, Path(token): Path<String>) -> Response {
    let mut response = match chat::server::conversations::load_shared(&state, &token).await {
        Ok(conversation) => {
            let (title, path) = (conversation.title.clone(), format!("/share/{token}"));
            let page = StaticPage {
                title: &title,
                description: "",
                path: &path,
                canonical: None,
                theme,
                prefetch: false,
                is_secret: true,
            };
            let html = render_static_page(page, &state.leptos, || view! { <SharedPage conversation /> });
            static_response(200, html)
        }
        Err(error) => error_page(&state, theme, &error),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    response
}

/// `/images`, or what is looked for there.
pub async fn images_page(State(state): State<AppState>, theme: Theme, request: Request) -> Response {
    // Read as the browser does, which follows the same addresses.
    let Filter { q, favorites, cursor } = Filter::of(&request.uri().to_string());
    let query = GalleryQuery { q, favorites, cursor };
    app_page(state, theme, request, routes::IMAGES, async move |state, caller: Caller| {
        images::server::service::load_gallery(&state, caller.id, &query).await
    })
    .await
}

/// `/images/{id}`.
pub async fn image_page(
    State(state): State<AppState>,
    theme: Theme,
    params: RawPathParams,
    request: Request,
) -> Response {
    let id = params.iter().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned()).unwrap_or_default();
    app_page(state, theme, request, routes::IMAGES, async move |state, caller: Caller| {
        images::server::service::load_image(&state, caller.id, &id).await.map(ImageView::from)
    })
    .await
}

#[derive(Deserialize)]
pub struct DashboardQuery {
    cursor: Option<String>,
}

/// `/dashboard`.
pub async fn dashboard_page(
    State(state): State<AppState>,
    theme: Theme,
    Query(query): Query<DashboardQuery>,
    request: Request,
) -> Response {
    app_page(state, theme, request, routes::DASHBOARD, async move |state, caller: Caller| {
        credits::server::service::load_dashboard(&state, caller.id, query.cursor.as_deref()).await
    })
    .await
}

/// `/account`.
pub async fn account_page(State(state): State<AppState>, theme: Theme, request: Request) -> Response {
    show_account(state, theme, request, None, None).await
}

/// Either a key to revoke, or the fields of a new one.
#[derive(Deserialize)]
pub struct AccountForm {
    revoke: Option<Uuid>,
    #[serde(flatten)]
    key: KeyFields,
}

/// The forms of `/account`. A new key is shown on the very page that answers, and nowhere after it.
pub async fn submit_account(
    State(state): State<AppState>,
    Person(caller): Person,
    theme: Theme,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(Form(form)) = Form::<AccountForm>::from_request(Request::from_parts(parts.clone(), body), &state).await
    else {
        return error_page(&state, theme, &AppError::invalid("body", t(Text::FormUnreadable)));
    };
    let request = Request::from_parts(parts, Body::empty());
    if let Some(id) = form.revoke {
        return match keys::revoke_key(&state, caller.id, id).await {
            // Revoked in another tab: it is gone all the same.
            Ok(()) | Err(AppError::NotFound) => Redirect::to("/account").into_response(),
            Err(error) => error_page(&state, theme, &error),
        };
    }
    let made = match keys::read_form(&form.key) {
        Ok(wanted) => keys::create_key(&state, caller.id, wanted).await,
        Err(error) => Err(error),
    };
    let error = match made {
        Ok(made) => return show_account(state, theme, request, Some(made.key), None).await,
        Err(error) => error,
    };
    let field = match &error {
        AppError::InvalidInput { field, .. } => field.clone(),
        _ => String::new(),
    };
    let refused = RefusedKey { form: form.key, field, message: error.to_string() };
    let mut response = show_account(state, theme, request, None, Some(refused)).await;
    *response.status_mut() = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

async fn show_account(
    state: AppState,
    theme: Theme,
    request: Request,
    new_key: Option<String>,
    refused: Option<RefusedKey>,
) -> Response {
    app_page(state, theme, request, routes::ACCOUNT, async move |state, caller: Caller| {
        let account = keys::load_account(&state, caller.into_person()?.id).await?;
        Ok(AccountData { new_key, refused, ..account })
    })
    .await
}

const LANGUAGES: usize = Language::ALL.len();
const THEMES: usize = Theme::ALL.len();

/// The pages that say the same to everybody, each made when it is first asked for.
#[derive(Default)]
pub struct ReadyPages {
    landing: [[OnceLock<ReadyPage>; THEMES]; LANGUAGES],
    docs: [OnceLock<Bytes>; THEMES],
}

/// A page without scripts, ready to be sent.
struct ReadyPage {
    html: Bytes,
    brotli: Bytes,
}

impl ReadyPage {
    fn new(html: String) -> Self {
        let mut compressed = Vec::new();
        let params = brotli::enc::BrotliEncoderParams { quality: 11, ..Default::default() };
        // Writing to memory does not fail; an empty result is not used.
        if brotli::BrotliCompress(&mut html.as_bytes(), &mut compressed, &params).is_err() {
            compressed.clear();
        }
        Self { html: html.into(), brotli: compressed.into() }
    }
}

/// `/`: the same bytes for everybody.
pub async fn landing_page(State(state): State<AppState>, theme: Theme, headers: HeaderMap) -> Response {
    let language = position(&Language::ALL, current_language());
    let page = state.pages.landing[language][position(&Theme::ALL, theme)].get_or_init(|| {
        let CreditsConfig { free: free_credits, chat: chat_credits, image: image_credits } = state.config.credits;
        let page = StaticPage {
            title: t(Text::LandingTitle),
            description: t(Text::SiteDescription),
            path: "/",
            canonical: address_of(&state, "/"),
            theme,
            prefetch: false,
            is_secret: false,
        };
        ReadyPage::new(render_static_page(page, &state.leptos, || {
            view! { <LandingPage free_credits chat_credits image_credits /> }
        }))
    });
    let mut response = if takes_brotli(&headers) && !page.brotli.is_empty() {
        let mut response = Response::new(Body::from(page.brotli.clone()));
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        response
    } else {
        Response::new(Body::from(page.html.clone()))
    };
    let headers = response.headers_mut();
    set_static_headers(headers);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding, accept-language, cookie"));
    response
}

/// Where it stands in the list of all of its kind.
fn position<T: PartialEq>(all: &[T], one: T) -> usize {
    all.iter().position(|each| *each == one).unwrap_or(0)
}

/// `/api/docs`: rendered once per theme, in English, as programs are.
pub fn docs_page(state: &AppState, theme: Theme) -> Response {
    let render = || {
        let page = StaticPage {
            title: "HTTP API",
            description: "Every operation of the HTTP API, with examples.",
            path: "/api/docs",
            canonical: address_of(state, "/api/docs"),
            theme,
            prefetch: false,
            is_secret: false,
        };
        let base = state.config.site.public_url.to_string();
        let html = || render_static_page(page, &state.leptos, || view! { <ReferencePage base /> });
        in_language_here(Language::En, html).into()
    };
    static_response(200, state.pages.docs[position(&Theme::ALL, theme)].get_or_init(render).clone())
}

/// Which of the two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthPage {
    SignIn,
    SignUp,
}

#[derive(Deserialize)]
pub struct NextQuery {
    next: Option<String>,
}

/// `/sign-in`.
pub async fn sign_in_page(
    state: State<AppState>,
    theme: Theme,
    query: Query<NextQuery>,
    headers: HeaderMap,
) -> Response {
    show_auth_page(AuthPage::SignIn, state, theme, query, headers).await
}

/// `/sign-up`.
pub async fn sign_up_page(
    state: State<AppState>,
    theme: Theme,
    query: Query<NextQuery>,
    headers: HeaderMap,
) -> Response {
    show_auth_page(AuthPage::SignUp, state, theme, query, headers).await
}

async fn show_auth_page(
    page: AuthPage,
    State(state): State<AppState>,
    theme: Theme,
    Query(query): Query<NextQuery>,
    headers: HeaderMap,
) -> Response {
    // Who is signed in already has no use for the form.
    if Caller::from_headers(&state, &headers).await.is_ok() {
        return Redirect::to(&same_site_path(query.next.as_deref(), "/chat")).into_response();
    }
    let form = CredentialsForm { next: query.next, ..CredentialsForm::default() };
    auth_page(&state, page, theme, &form, None)
}

/// The form with what was typed (but the password) and what is wrong with it.
pub fn auth_page(
    state: &AppState,
    page: AuthPage,
    theme: Theme,
    form: &CredentialsForm,
    error: Option<AppError>,
) -> Response {
    let status = error.as_ref().map_or(200, AppError::status);
    let next = same_site_path(form.next.as_deref(), "/chat");
    let (email, name) = (form.email.clone(), form.name.clone().unwrap_or_default());
    let (title, plain_path) = match page {
        AuthPage::SignIn => (t(Text::SignIn), "/sign-in"),
        AuthPage::SignUp => (t(Text::SignUp), "/sign-up"),
    };
    let path = format!("{plain_path}?next={}", query::encode(&next));
    let free_credits = state.config.credits.free;
    // Whoever is about to sign in needs the app next.
    let static_page = StaticPage {
        title,
        description: t(Text::SiteDescription),
        path: &path,
        canonical: address_of(state, plain_path),
        theme,
        prefetch: true,
        is_secret: false,
    };
    let html = render_static_page(static_page, &state.leptos, || match page {
        AuthPage::SignIn => view! { <SignInPage next email error /> }.into_any(),
        AuthPage::SignUp => view! { <SignUpPage next free_credits email name error /> }.into_any(),
    });
    static_response(status, html)
}

/// A page that says what went wrong.
#[must_use]
pub fn error_page(state: &AppState, theme: Theme, error: &AppError) -> Response {
    let status = error.status();
    let (title, text) = match error {
        AppError::NotFound => (t(Text::NotFoundTitle), t(Text::NotFoundText).to_owned()),
        AppError::Unavailable => (t(Text::UnavailableTitle), error.to_string()),
        AppError::Internal => (t(Text::InternalTitle), t(Text::InternalText).to_owned()),
        _ => (t(Text::DidNotWork), error.to_string()),
    };
    let page =
        StaticPage { title, description: "", path: "/", canonical: None, theme, prefetch: false, is_secret: false };
    let request_id = Some(current_request_id());
    let html = render_static_page(page, &state.leptos, || view! { <ErrorPage status title text request_id /> });
    static_response(status, html)
}

/// A path of this site with its origin, as others write it.
fn address_of(state: &AppState, path: &str) -> Option<Url> {
    state.config.site.public_url.join(path).ok()
}

fn static_response(status: u16, html: impl Into<Body>) -> Response {
    let mut response = Response::new(html.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set_static_headers(response.headers_mut());
    response
}

fn set_static_headers(headers: &mut HeaderMap) {
    static CSP: LazyLock<Option<HeaderValue>> = LazyLock::new(|| HeaderValue::from_str(&csp_without_scripts()).ok());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(csp) = CSP.clone() {
        headers.insert(CONTENT_SECURITY_POLICY, csp);
    }
}
