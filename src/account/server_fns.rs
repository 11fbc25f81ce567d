//! What the account page asks the server for.

use leptos::prelude::*;

use super::AccountData;
use crate::platform::error::AppError;

/// The account page of the signed-in user.
#[server(prefix = "/fn", endpoint = "load_account")]
pub async fn load_account() -> Result<AccountData, AppError> {
    use super::server::{Account, budgets::RefusedBudget, caller::Caller};
    let account = expect_context::<Account>();
    let caller = Caller::from_context(&account).await?.into_person()?;
    account.load_account(&caller, RefusedBudget::default(), None).await
}
