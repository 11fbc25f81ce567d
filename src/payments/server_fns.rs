//! What the pages of purchases ask the server for.

use leptos::prelude::*;

use super::PurchasePage;
use crate::platform::error::AppError;

/// What the page at an address of this site shows.
#[server(prefix = "/fn", endpoint = "load_purchase_page")]
pub async fn load_purchase_page(address: String) -> Result<PurchasePage, AppError> {
    use crate::account::server::caller::Caller;
    let user = Caller::from_context(&expect_context()).await?;
    expect_context::<super::server::storefront::Storefront>().load(&user, &address, None).await
}
