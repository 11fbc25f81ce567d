//! Prices as admins see them. `/api/admin/prices`.

use axum::extract::{FromRef, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Admin, Authority};
use crate::account::server::Account;
use crate::api_docs::Refusal;
use crate::credits::server::Credits;
use crate::credits::server::prices::history::{PriceHistory, PriceList};
use crate::platform::error::AppResult;
use crate::platform::http::envelope::{Answer, ApiResult, Envelope};

/// The route of prices.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
    Credits: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(list_prices))
}

impl Admin {
    /// The prices that hold, and those that did.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn list_prices(&self, _: Authority, history: &PriceHistory) -> AppResult<PriceList> {
        history.list(self.database.now()).await
    }
}

/// List prices.
///
/// What each model costs users now, and each version that held before, with when it was seen first and last.
#[utoipa::path(get, path = "/api/admin/prices", operation_id = "admin_list_prices", tag = "Admin", security(("session" = [])),
    responses((status = 200, description = "The prices: those that hold, then at most 500 others.", body = Envelope<PriceList>),
        Refusal::<403>))]
async fn list_prices(
    State(admin): State<Admin>,
    State(credits): State<Credits>,
    by: Authority,
) -> ApiResult<PriceList> {
    Ok(Answer(admin.list_prices(by, &credits.price_history).await?))
}
