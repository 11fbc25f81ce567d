//! Forms that a layer or an extractor refuses, so that no page answers them: whoever sent one from a browser sees a page, with the
//! same status. Programs get JSON as from everywhere else.

use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::Response;

use super::security::is_data;
use super::state::AppState;
use crate::account::server::forms::page_of;
use crate::document::response::error_page_with;
use crate::i18n::Text;
use crate::platform::error::AppError;
use crate::platform::http::accept::wants_html;
use crate::ui::Theme;

/// It came from another site.
#[derive(Clone, Copy)]
pub struct FromElsewhere;

/// Says on a page why a form was refused, and leads back to where it is.
pub async fn explain(State(state): State<AppState>, theme: Theme, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_form = !request.method().is_safe() && !is_data(path) && wants_html(request.headers());
    let back = is_form.then(|| page_of(path).to_owned());
    let mut response = next.run(request).await;
    let (Some(back), Some(error)) = (back, response.extensions_mut().remove::<AppError>()) else { return response };
    let said = response.extensions().get::<FromElsewhere>().map(|_| Text::SentFromElsewhere);
    let (page, body) = error_page_with(&state.site, theme, &error, said, Some(back)).into_parts();
    let (mut parts, _) = response.into_parts();
    // That of the JSON.
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(page.headers);
    Response::from_parts(parts, body)
}
