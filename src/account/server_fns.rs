//! What the account page asks the server for.

use leptos::prelude::*;

use super::AccountData;
use crate::platform::error::AppError;

/// The account page of the signed-in user.
#[server(prefix = "/fn", endpoint = "load_account")]
pub async fn load_account() -> Result<AccountData, AppError> {
    use super::server::caller::Caller;
    use crate::app::state::AppState;
    let state = expect_context::<AppState>();
    let caller = Caller::from_context(&state).await?.into_person()?;
    super::server::keys::load_account(&state, caller.id).await
}
