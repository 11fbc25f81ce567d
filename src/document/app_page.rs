//! Pages that hydrate: who it is, what the workspace and the page need, then the whole document.

use std::future::ready;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use futures::FutureExt;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use super::announcement_html;
use super::csp::csp_with_nonce;
use super::response::{error_page, leave_page};
use super::shell;
use crate::account::server::Account;
use crate::account::server::caller::{Caller, READ};
use crate::account::server::forms::{refuse_sender, sign_in_address};
use crate::account::server::page::{AppPage, Loaded, PageRequest, Submit, Submitted};
use crate::account::{AvatarAddress, SEEN_COOKIE};
use crate::chat::PROVIDER_COOKIE;
use crate::chat::server::Chat;
use crate::layout::{AFTER, HidesList, SIDEBAR_COOKIE};
use crate::platform::browser::page_data::Preloaded;
use crate::platform::error::AppError;
use crate::platform::query::parameter;
use crate::platform::site::Site;
use crate::routes;
use crate::ui::Theme;

/// What every page that hydrates is made with.
#[derive(Clone)]
pub struct Pages {
    pub site: Site,
    pub account: Account,
    /// Has what the sidebar shows.
    pub chat: Chat,
}

impl Pages {
    /// A page with its workspace and its data. Without a session: to the sign-in page and back.
    pub async fn show<F>(
        &self,
        page: AppPage<F>,
        feature: F,
        theme: Theme,
        id: Option<String>,
        request: Request,
    ) -> Response {
        let caller = Caller::from_headers(&self.account, request.headers()).await;
        let caller = match caller.and_then(|caller| caller.into_one_who_may(READ)) {
            Ok(caller) => caller,
            Err(AppError::Unauthenticated) => {
                let here = request.uri().path_and_query().map_or("/", |path| path.as_str());
                return Redirect::to(&sign_in_address(here)).into_response();
            }
            Err(error) => return error_page(&self.site, theme, &error),
        };
        let wanted = PageRequest {
            caller: caller.clone(),
            uri: request.uri().clone(),
            cookies: CookieJar::from_headers(request.headers()),
            id,
        };
        let loading = (page.load)(feature, wanted);
        if page.changes_credits {
            let loaded = loading.await;
            return self.render(theme, caller, request, page.path, ready(loaded)).await;
        }
        self.render(theme, caller, request, page.path, loading).await
    }

    /// What follows the form of a page. Only for people: a key gets what the API would answer.
    pub async fn submit<F>(
        &self,
        path: &str,
        submit: Submit<F>,
        feature: F,
        theme: Theme,
        request: Request,
    ) -> Response {
        let caller = match Caller::from_headers(&self.account, request.headers()).await.and_then(Caller::into_person) {
            Ok(caller) => caller,
            Err(error) => {
                return refuse_sender(&self.site, theme, request.uri().path(), request.headers(), error);
            }
        };
        let (parts, body) = request.into_parts();
        let form = Request::from_parts(parts.clone(), body);
        match submit(feature, caller.clone(), form).await {
            Submitted::Show(loaded) => {
                let request = Request::from_parts(parts, Body::empty());
                self.render(theme, caller, request, path, ready(loaded)).await
            }
            Submitted::Redirect(path, cookie) => {
                let jar = cookie.into_iter().fold(CookieJar::new(), CookieJar::add);
                (jar, Redirect::to(&path)).into_response()
            }
            Submitted::Leave { to, text, cookie } => {
                let jar = cookie.into_iter().fold(CookieJar::new(), CookieJar::add);
                (jar, leave_page(&self.site, theme, &to, text)).into_response()
            }
            Submitted::Failed(error) => error_page(&self.site, theme, &error),
        }
    }

    /// The page at `path` with what is loaded for it.
    pub async fn render(
        &self,
        theme: Theme,
        caller: Caller,
        request: Request,
        path: &str,
        load: impl Future<Output = Loaded>,
    ) -> Response {
        // On the server its code is there at once.
        let page = routes::find_page(path).and_then(|loading| loading.now_or_never().flatten());
        let Some(page) = page else { return error_page(&self.site, theme, &AppError::NotFound) };
        let jar = CookieJar::from_headers(request.headers());
        let picked = match jar.get(PROVIDER_COOKIE) {
            Some(cookie) => Some(cookie.value().to_owned()),
            // Without it, whoever happens to be first is asked.
            None => self.account.default_provider(&caller).await.ok().flatten(),
        };
        let after = parameter(&request.uri().to_string(), AFTER);
        let shown = request.uri().path().strip_prefix("/chat/").and_then(|id| id.parse().ok());
        let address = request.uri().path_and_query().map_or_else(|| "/chat".to_owned(), ToString::to_string);
        let workspace = self.chat.load_workspace(&caller, picked.as_deref(), after.as_deref(), shown);
        let (mut workspace, loaded, avatar) = tokio::join!(workspace, load, self.account.avatar_of(&caller));
        // Without it, the initial is shown.
        let avatar = avatar.ok().flatten().map(AvatarAddress);
        if let Ok(workspace) = &mut workspace {
            let seen = jar.get(SEEN_COOKIE).map(Cookie::value);
            workspace.announcement = announcement_html(&address);
            workspace.notice = workspace.notice.take().filter(|notice| seen != Some(&notice.key));
        }
        // Without the workspace there is no page to show the error in.
        if let Err(error) = &workspace {
            return error_page(&self.site, theme, error);
        }
        let hides_list = HidesList(jar.get(SIDEBAR_COOKIE).is_some());
        let (workspace, options) = (Preloaded(workspace), self.site.leptos().clone());
        let (status, cookie) = (loaded.status, loaded.cookie);
        let keeper = self.account.session_keeper();
        let context = move || {
            provide_context(theme);
            provide_context(hides_list);
            if let Some(avatar) = avatar.clone() {
                provide_context(avatar);
            }
            provide_context(workspace.clone());
            (loaded.provide)();
            let response = expect_context::<ResponseOptions>();
            response.set_status(status);
            if let Some(cookie) = cookie.as_ref().and_then(|cookie| HeaderValue::try_from(cookie.to_string()).ok()) {
                response.append_header(SET_COOKIE, cookie);
            }
            provide_context(keeper.clone());
            allow_scripts(keeper.as_ref().map(|keeper| &*keeper.origin));
        };
        leptos_axum::render_app_to_stream_with_context(context, move || shell(&options, address.clone(), page))(request)
            .await
    }
}

/// The headers of a page that hydrates: its scripts have a nonce, so it is kept nowhere. `peer` is the origin that a script of
/// another's may ask.
pub fn allow_scripts(peer: Option<&str>) {
    let response = expect_context::<ResponseOptions>();
    response.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let csp = use_nonce().map(|nonce| csp_with_nonce(&nonce, peer)).and_then(|csp| HeaderValue::from_str(&csp).ok());
    if let Some(csp) = csp {
        response.insert_header(CONTENT_SECURITY_POLICY, csp);
    }
}
