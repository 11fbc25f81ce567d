//! The list of features: what each plugs in. A new one is a line in each function here.

use async_trait::async_trait;
use axum::Router;
use axum::extract::{FromRef, RawPathParams, Request, State};
use axum::routing::get;
use leptos::prelude::provide_context;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::AppState;
use super::stores::Stores;
use super::{background, health, metrics, people};
use crate::account::server::Account;
use crate::account::server::page::AppPage;
use crate::admin::server::views;
use crate::chat::server::Chat;
use crate::credits::server::Credits;
use crate::document::app_page::Pages;
use crate::images::server::Images;
use crate::leaving::server::{Features, Part};
use crate::openai_api::responses;
use crate::payments::server::Payments;
use crate::payments::server::storefront::Storefront;
use crate::platform::archive::Archive;
use crate::platform::error::AppResult;
use crate::platform::ids::UserId;
use crate::ui::Theme;
use crate::{account, admin, api_docs, chat, credits, images, landing, leaving, openai_api, payments, showcase, usage};

/// Routes whose bodies are small.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(account::server::api::routes())
        .merge(chat::server::api::routes())
        .merge(credits::server::api::routes())
        .merge(images::server::api::routes())
        .merge(payments::server::api::routes())
        .merge(payments::server::subscriptions::api::routes())
        .merge(payments::server::papers::api::routes())
        .merge(leaving::server::api::routes())
        .merge(admin::server::api::routes())
        .merge(admin::server::books::routes())
        .merge(admin::server::leaving::routes())
        .merge(api_docs::api::routes())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::show))
}

/// Routes whose bodies may carry images.
pub fn upload_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(chat::server::api::upload_routes())
        .merge(images::server::avatar::api::upload_routes())
        .merge(openai_api::api::routes())
}

/// Routes that other services call.
pub fn webhook_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(account::server::clerk::webhook::routes())
        .merge(images::server::webhook::routes())
        .merge(payments::server::webhook::routes())
}

/// What all routes say of themselves.
#[must_use]
pub fn describe() -> OpenApi {
    super::router::api().into_openapi()
}

/// Every page.
pub fn pages() -> Router<AppState> {
    Router::new()
        .merge(landing::server::routes())
        .merge(showcase::server::routes())
        .merge(chat::server::page::shared())
        .merge(payments::server::papers::page::pages())
        .merge(admin::server::pages::pages())
        .merge(serve_pages(account::server::page::pages()))
        .merge(serve_pages(chat::server::page::pages()))
        .merge(serve_pages(credits::server::page::pages()))
        .merge(serve_pages(images::server::page::pages()))
        .merge(serve_pages(payments::server::storefront::page::pages()))
}

/// Hands a server function what it may ask for.
pub fn provide_features(state: &AppState) {
    provide_context(state.account.clone());
    provide_context(state.credits.clone());
    provide_context(Storefront::from_ref(state));
}

/// What goes on in the background until the server has ended.
pub fn background(state: &AppState) -> tokio::task::JoinHandle<()> {
    tokio::spawn(background::run(state.clone()))
}

/// What each feature keeps of a user, for whoever leaves.
pub struct AllFeatures {
    pub stores: Stores,
    pub account: Account,
    pub chat: Chat,
    pub images: Images,
    pub credits: Credits,
    pub payments: Payments,
}

#[async_trait]
impl Features for AllFeatures {
    async fn export(&self, part: Part, user: UserId, archive: &mut Archive) -> AppResult<()> {
        match part {
            Part::Account => {
                self.account.export(user, archive).await?;
                views::export(self.stores.views.as_ref(), user, archive).await
            }
            Part::Chat => {
                self.chat.export(user, archive).await?;
                responses::export(self.stores.responses.as_ref(), user, archive).await
            }
            Part::Images => self.images.export(user, archive).await,
            Part::Credits => self.credits.export(user, archive).await,
            Part::Payments => self.payments.export(user, archive).await,
            Part::Usage => usage::server::leaving::export(self.stores.attempts.as_ref(), user, archive).await,
        }
    }

    async fn stop_work(&self, user: UserId) -> AppResult<usize> {
        people::request_stops(&self.stores, user).await
    }

    async fn erase(&self, part: Part, user: UserId) -> AppResult<()> {
        match part {
            Part::Account => {
                self.account.erase(user).await?;
                self.stores.traces.forget_user(user).await?;
                self.stores.views.forget_user(user).await?;
                Ok(self.stores.audit.forget_sign_ins_of(user).await?)
            }
            Part::Chat => {
                self.chat.erase(user).await?;
                Ok(self.stores.responses.delete_of_user(user).await?)
            }
            Part::Images => self.images.erase(user).await,
            Part::Credits => self.credits.erase(user).await,
            Part::Payments => self.payments.erase(user).await,
            // What providers were asked stays: it names its user by an id alone.
            Part::Usage => Ok(()),
        }
    }
}

/// The pages of a feature at their addresses.
fn serve_pages<F>(pages: Vec<AppPage<F>>) -> Router<AppState>
where
    F: FromRef<AppState> + Send + 'static,
{
    let mut router = Router::new();
    for page in pages {
        let AppPage { path, submit, .. } = page;
        let show = async move |State(pages): State<Pages>,
                               State(state): State<AppState>,
                               theme: Theme,
                               params: RawPathParams,
                               request: Request| {
            let id = params.iter().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned());
            pages.show(page, F::from_ref(&state), theme, id, request).await
        };
        let mut methods = get(show);
        if let Some(submit) = submit {
            methods = methods.post(
                async move |State(pages): State<Pages>,
                            State(state): State<AppState>,
                            theme: Theme,
                            request: Request| {
                    pages.submit(path, submit, F::from_ref(&state), theme, request).await
                },
            );
        }
        router = router.route(path, methods);
    }
    router
}
