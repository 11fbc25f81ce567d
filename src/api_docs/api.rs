//! `/api/openapi.json` and `/api/docs`.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Reference;
use crate::app::pages;
use crate::app::state::AppState;
use crate::ui::Theme;

/// The routes of this feature.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(openapi)).routes(routes!(docs))
}

/// This reference, for programs.
#[utoipa::path(get, path = "/api/openapi.json", tag = "Operations", security(()),
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = Object, content_type = "application/json")))]
async fn openapi() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    (headers, Reference::get().json.clone())
}

/// This reference, for people.
#[utoipa::path(get, path = "/api/docs", tag = "Operations", security(()),
    responses((status = 200, description = "A page.", body = String, content_type = "text/html")))]
async fn docs(State(state): State<AppState>, theme: Theme) -> Response {
    pages::docs_page(&state, theme)
}
