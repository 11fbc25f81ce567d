//! Pages for signed-in people: what a feature says of each of its pages, and the page of accounts.
//!
//! What a page shows is loaded before it is rendered; rendering is `document/app_page.rs`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use futures::future::BoxFuture;
use leptos::prelude::provide_context;
use serde::Deserialize;

use super::api::secret_cookie;
use super::budgets::{BudgetFields, RefusedBudget};
use super::caller::Caller;
use super::forms::read_form;
use super::sessions::view::outcome_html;
use super::{Account, keys};
use crate::account::{AccountData, KeyFields, RefusedKey};
use crate::i18n::{Text, t};
use crate::platform::browser::page_data::Preloaded;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ApiKeyId, BudgetId};
use crate::platform::query::parameter;

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
    /// Loading it may change the balance: what surrounds the page is loaded after it.
    pub changes_credits: bool,
}

impl<F> Clone for AppPage<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for AppPage<F> {}

/// Who asks for a page, and where it is.
pub struct PageRequest {
    pub caller: Caller,
    pub uri: Uri,
    pub cookies: CookieJar,
    /// The `{id}` of its address.
    pub id: Option<String>,
}

/// What a page shows, or why it cannot.
#[derive(Clone)]
pub struct Loaded {
    pub status: StatusCode,
    /// Hands it to the page, which takes it with `use_preloaded`.
    pub provide: Arc<dyn Fn() + Send + Sync>,
    /// A cookie that goes with it.
    pub cookie: Option<Cookie<'static>>,
}

impl<T: Clone + Send + Sync + 'static> From<AppResult<T>> for Loaded {
    fn from(data: AppResult<T>) -> Self {
        let status = match &data {
            Ok(_) => StatusCode::OK,
            Err(error) => StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let data = Preloaded(data);
        Self { status, provide: Arc::new(move || provide_context(data.clone())), cookie: None }
    }
}

/// What follows a form.
pub enum Submitted {
    /// The page, with what came of it.
    Show(Loaded),
    /// Another page, and a cookie on the way there.
    Redirect(Cow<'static, str>, Option<Cookie<'static>>),
    /// Another site, with a few words on the way there. No redirect: browsers let forms of this site lead to no other.
    Leave {
        to: String,
        text: String,
        cookie: Option<Cookie<'static>>,
    },
    Failed(AppError),
}

/// Where the account is.
const PATH: &str = "/account";

/// The pages of accounts for signed-in people.
pub fn pages() -> Vec<AppPage<Account>> {
    vec![AppPage {
        path: PATH,
        load: |account, request| Box::pin(show_page(account, request)),
        submit: Some(|account, caller, request| Box::pin(submit_form(account, caller, request))),
        changes_credits: false,
    }]
}

/// How long a browser keeps a key that was made until its page shows it.
const KEPT_SECS: i64 = 60;

/// The page, with the key that was made a moment ago. It is shown this once.
async fn show_page(account: Account, request: PageRequest) -> Loaded {
    let address = request.uri.to_string();
    let told = |name: &str| parameter(&address, name);
    let problem = account.told_problem(told("problem").as_deref(), told("with").as_deref());
    let refused = Refused { sign_in: problem, ..Refused::default() };
    let name = account.new_key_cookie();
    let outcome = outcome_html(request.uri.query());
    let Some(key) = request.cookies.get(name).map(|cookie| cookie.value().to_owned()) else {
        let loaded = load_page(&account, request.caller, None, refused).await;
        return loaded.map(|data| AccountData { outcome, ..data }).into();
    };
    // Somebody else may have signed in here meanwhile.
    let is_own = match account.owns_key(request.caller.id, &key).await {
        Ok(is_own) => is_own,
        Err(error) => return AppResult::<AccountData>::Err(error).into(),
    };
    let loaded = load_page(&account, request.caller, is_own.then_some(key), refused).await;
    Loaded { cookie: Some(secret_cookie(&account, name, String::new(), 0, PATH)), ..loaded.into() }
}

async fn load_page(
    account: &Account,
    caller: Caller,
    new_key: Option<String>,
    refused: Refused,
) -> AppResult<AccountData> {
    let data = account.load_account(&caller.into_person()?, refused.budget, refused.sign_in).await?;
    Ok(AccountData { new_key, refused: refused.key, ..data })
}

/// What was wrong with one of the forms.
#[derive(Default)]
struct Refused {
    key: Option<RefusedKey>,
    budget: RefusedBudget,
    /// Why a provider could not be linked.
    sign_in: Option<String>,
}

/// A key to revoke, a budget to remove, or the fields of a new one.
#[derive(Deserialize)]
struct AccountForm {
    revoke: Option<ApiKeyId>,
    #[serde(rename = "removeBudget")]
    remove_budget: Option<BudgetId>,
    #[serde(flatten)]
    key: KeyFields,
    #[serde(flatten)]
    budget: BudgetFields,
}

/// A new key goes to the page by a cookie, which takes it back: whoever loads the page again neither sees it nor makes
/// another one. It is in no address, and nothing is kept here but its hash.
async fn submit_form(account: Account, caller: Caller, request: Request) -> Submitted {
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
            Ok(()) | Err(AppError::NotFound) => Submitted::Redirect(PATH.into(), None),
            Err(error) => Submitted::Failed(error),
        };
    }
    if let Some(id) = form.remove_budget {
        return match account.remove_budget(caller.id, id).await {
            Ok(()) => Submitted::Redirect(PATH.into(), None),
            Err(error) => Submitted::Failed(error),
        };
    }
    if !form.budget.period.is_empty() {
        let Err(error) = account.add_budget(caller.id, &form.budget).await else {
            return Submitted::Redirect(PATH.into(), None);
        };
        let (field, message) = (field_of(&error), error.to_string());
        let budget = RefusedBudget { form: form.budget, field, message };
        return show_refused(&account, caller, &error, Refused { budget, ..Refused::default() }).await;
    }
    let made = match keys::read_form(&form.key) {
        Ok(wanted) => account.create_key(&caller, wanted).await,
        Err(error) => Err(error),
    };
    let error = match made {
        Ok(made) => {
            let cookie = secret_cookie(&account, account.new_key_cookie(), made.key, KEPT_SECS, PATH);
            return Submitted::Redirect(PATH.into(), Some(cookie));
        }
        Err(error) => error,
    };
    let key = RefusedKey { form: form.key, field: field_of(&error), message: error.to_string() };
    show_refused(&account, caller, &error, Refused { key: Some(key), ..Refused::default() }).await
}

/// The page again, with what was wrong.
async fn show_refused(account: &Account, caller: Caller, error: &AppError, refused: Refused) -> Submitted {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Submitted::Show(Loaded { status, ..load_page(account, caller, None, refused).await.into() })
}

/// The field that is wrong; empty if it is none.
fn field_of(error: &AppError) -> String {
    match error {
        AppError::InvalidInput { field, .. } => field.clone(),
        _ => String::new(),
    }
}
