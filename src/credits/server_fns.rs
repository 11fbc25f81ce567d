//! What the dashboard asks the server for.

use leptos::prelude::*;

use super::Dashboard;
use crate::platform::error::AppError;

/// Balance and one page of the ledger, newest first.
#[server(prefix = "/fn", endpoint = "load_dashboard")]
pub async fn load_dashboard(cursor: Option<String>) -> Result<Dashboard, AppError> {
    use crate::account::server::caller::Caller;
    let user = Caller::from_context(&expect_context()).await?;
    expect_context::<super::server::Credits>()
        .load_dashboard(user.id, cursor.as_deref(), super::server::codes::view::Redeeming::default())
        .await
}
