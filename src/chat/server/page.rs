//! The pages of chat: for signed-in people, and what is shown to others by a secret link.

use axum::Router;
use axum::extract::{FromRef, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use leptos::prelude::*;

use super::Chat;
use super::service::MESSAGES_PAGE;
use super::shared_page::SharedPage;
use super::unsent;
use crate::account::server::page::{AppPage, Loaded};
use crate::chat::Conversation;
use crate::document::response::{error_page, static_response};
use crate::document::{StaticPage, render_static_page};
use crate::images::server::storage::Rendition;
use crate::platform::error::{AppError, AppResult};
use crate::platform::limits::{ClientAddress, Limit};
use crate::platform::query::{self, parameter};
use crate::platform::site::Site;
use crate::ui::Theme;

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// The pages of chat for signed-in people.
pub fn pages() -> Vec<AppPage<Chat>> {
    vec![
        AppPage {
            path: "/chat",
            load: |chat, request| {
                Box::pin(async move {
                    let loaded = Loaded::from(AppResult::Ok(None::<Conversation>));
                    unsent::give_back(loaded, &request.cookies, &chat.site)
                })
            },
            submit: None,
            changes_credits: false,
        },
        AppPage {
            path: "/chat/{id}",
            load: |chat, request| {
                Box::pin(async move {
                    let id = request.id.unwrap_or_default();
                    let before = parameter(&request.uri.to_string(), "before");
                    let loaded = chat.load_conversation(request.caller.id, &id, before.as_deref(), MESSAGES_PAGE);
                    unsent::give_back(Loaded::from(loaded.await.map(Some)), &request.cookies, &chat.site)
                })
            },
            submit: None,
            changes_credits: false,
        },
    ]
}

/// `/share/{token}`.
pub fn shared<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Chat: FromRef<S>,
    Site: FromRef<S>,
{
    Router::new()
        .route("/share/{token}", get(shared_page))
        .route("/share/{token}/images/{id}/{file}", get(shared_image))
}

/// `/share/{token}`: what has a secret in its address is kept nowhere, found by nobody, and told to no other site.
async fn shared_page(
    State(chat): State<Chat>,
    from: ClientAddress,
    theme: Theme,
    Path(token): Path<String>,
    uri: Uri,
) -> Response {
    let after = parameter(&uri.to_string(), "after");
    let loaded = async {
        chat.generation.limiter.check(Limit::Share, &from.customer()).await?;
        chat.load_shared(&token, after.as_deref()).await
    };
    let mut response = match loaded.await {
        Ok(mut conversation) => {
            show_images_to_strangers(&mut conversation, &token);
            let (title, path) = (conversation.title.clone(), format!("/share/{token}"));
            let (here, is_start) = (path.clone(), after.is_none());
            let page = StaticPage {
                title: &title,
                description: "",
                path: &path,
                canonical: None,
                theme,
                prefetch: false,
                is_secret: true,
            };
            let html =
                render_static_page(page, chat.site.leptos(), || view! { <SharedPage conversation here is_start /> });
            static_response(200, html)
        }
        Err(error) => error_page(&chat.site, theme, &error),
    };
    keep_secret(response.headers_mut());
    response
}

fn keep_secret(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
}

/// Whoever has the link is not signed in: the images that were made in the conversation have addresses below it.
fn show_images_to_strangers(conversation: &mut Conversation, token: &str) {
    const IMAGE_PAGE: &str = "href=\"/images/";
    let folder = format!("/share/{}/images/", query::encode(token));
    for html in conversation.messages.iter_mut().filter_map(|message| message.html.as_mut()) {
        // The page of an image is its owner's: for others, its link leads to the file.
        let (mut shown, mut rest) = (String::with_capacity(html.len()), html.as_str());
        while let Some(at) = rest.find(IMAGE_PAGE) {
            let (before, link) = rest.split_at(at);
            let (link, after) = link.split_once("\">").unwrap_or((link, ""));
            let id = link[IMAGE_PAGE.len()..].split('"').next().unwrap_or_default();
            shown.push_str(before);
            for part in ["href=\"", &folder, id, "/file\" target=\"_blank\">"] {
                shown.push_str(part);
            }
            rest = after;
        }
        shown.push_str(rest);
        *html = shown.replace("src=\"/api/images/", &format!("src=\"{folder}"));
    }
}

/// `/share/{token}/images/{id}/{file}`: an image of a shared conversation.
async fn shared_image(
    State(chat): State<Chat>,
    theme: Theme,
    Path((token, id, file)): Path<(String, String, String)>,
) -> Response {
    let rendition = match file.as_str() {
        "file" => Some(Rendition::Full),
        "thumbnail" => Some(Rendition::Thumbnail),
        _ => None,
    };
    let loaded = match (id.parse(), rendition) {
        (Ok(id), Some(rendition)) => {
            chat.load_shared_image(&token, id, rendition).await.map(|bytes| (rendition.media_type(), bytes))
        }
        _ => Err(AppError::NotFound),
    };
    let mut response = match loaded {
        Ok((media_type, bytes)) => ([(CONTENT_TYPE, media_type)], bytes).into_response(),
        Err(error) => error_page(&chat.site, theme, &error),
    };
    keep_secret(response.headers_mut());
    response
}
