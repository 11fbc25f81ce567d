//! What the dashboard asks the server for.

use leptos::prelude::*;

use super::Dashboard;
use crate::platform::error::AppError;

/// Balance and one page of the ledger, newest first.
#[server(prefix = "/fn", endpoint = "load_dashboard")]
pub async fn load_dashboard(cursor: Option<String>) -> Result<Dashboard, AppError> {
    use crate::account::server::caller::Caller;
    use crate::app::state::AppState;
    let state = expect_context::<AppState>();
    let user = Caller::from_context(&state).await?;
    super::server::service::load_dashboard(&state, user.id, cursor.as_deref()).await
}
