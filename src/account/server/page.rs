//! Pages for signed-in people: what a feature says of each of its pages, and the page of accounts.
//!
//! What a page shows is loaded before it is rendered; rendering is `document/app_page.rs`.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use futures::future::BoxFuture;
use leptos::prelude::provide_context;
use serde::Deserialize;

use super::caller::Caller;
use super::forms::read_form;
use super::{Account, keys};
use crate::account::{AccountData, KeyFields, RefusedKey};
use crate::i18n::{Text, t};
use crate::platform::browser::page_data::Preloaded;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::ApiKeyId;

/// Loads what a page shows.
pub type Load<F> = fn(F, PageRequest) -> BoxFuture<'static, Loaded>;

/// Takes the form of a page.
pub type Submit<F> = fn(F, Caller, Request) -> BoxFuture<'static, Submitted>;

/// A page of the feature `F`.
pub struct AppPage<F> {
    /// Its address, as `routes.rs` and Axum write it.
    pub path: &'static str,
    /// Loads what it shows.
    pub load: Load<F>,
    /// Takes its form, for browsers without JavaScript.
    pub submit: Option<Submit<F>>,
}

/// Who asks for a page, and where it is.
pub struct PageRequest {
    pub caller: Caller,
    pub uri: Uri,
    /// The `{id}` of its address.
    pub id: Option<String>,
}

/// What a page shows, or why it cannot.
#[derive(Clone)]
pub struct Loaded {
    pub status: StatusCode,
    /// Hands it to the page, which takes it with `use_preloaded`.
    pub provide: Arc<dyn Fn() + Send + Sync>,
}

impl<T: Clone + Send + Sync + 'static> From<AppResult<T>> for Loaded {
    fn from(data: AppResult<T>) -> Self {
        let status = match &data {
            Ok(_) => StatusCode::OK,
            Err(error) => StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let data = Preloaded(data);
        Self { status, provide: Arc::new(move || provide_context(data.clone())) }
    }
}

/// What follows a form.
pub enum Submitted {
    /// The page, with what came of it.
    Show(Loaded),
    /// Another page.
    Redirect(&'static str),
    Failed(AppError),
}

/// The pages of accounts for signed-in people.
pub fn pages() -> Vec<AppPage<Account>> {
    vec![AppPage {
        path: "/account",
        load: |account, request| Box::pin(async move { load_page(&account, request.caller, None, None).await.into() }),
        submit: Some(|account, caller, request| Box::pin(submit_key(account, caller, request))),
    }]
}

async fn load_page(
    account: &Account,
    caller: Caller,
    new_key: Option<String>,
    refused: Option<RefusedKey>,
) -> AppResult<AccountData> {
    let data = account.load_account(caller.into_person()?.id).await?;
    Ok(AccountData { new_key, refused, ..data })
}

/// Either a key to revoke, or the fields of a new one.
#[derive(Deserialize)]
struct AccountForm {
    revoke: Option<ApiKeyId>,
    #[serde(flatten)]
    key: KeyFields,
}

/// A new key is shown on the very page that answers, and nowhere after it.
async fn submit_key(account: Account, caller: Caller, request: Request) -> Submitted {
    let form: AccountForm = match read_form(request).await {
        Ok(form) => form,
        Err(AppError::InvalidInput { field, .. }) => {
            return Submitted::Failed(AppError::invalid(field, t(Text::FormUnreadable)));
        }
        Err(error) => return Submitted::Failed(error),
    };
    if let Some(id) = form.revoke {
        return match account.revoke_key(caller.id, id).await {
            // Revoked in another tab: it is gone all the same.
            Ok(()) | Err(AppError::NotFound) => Submitted::Redirect("/account"),
            Err(error) => Submitted::Failed(error),
        };
    }
    let made = match keys::read_form(&form.key) {
        Ok(wanted) => account.create_key(caller.id, wanted).await,
        Err(error) => Err(error),
    };
    let error = match made {
        Ok(made) => return Submitted::Show(load_page(&account, caller, Some(made.key), None).await.into()),
        Err(error) => error,
    };
    let field = match &error {
        AppError::InvalidInput { field, .. } => field.clone(),
        _ => String::new(),
    };
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let refused = RefusedKey { form: form.key, field, message: error.to_string() };
    Submitted::Show(Loaded { status, ..load_page(&account, caller, None, Some(refused)).await.into() })
}
