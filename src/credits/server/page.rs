//! The page of credits.

use axum::extract::Request;
use axum::http::StatusCode;
use serde::Deserialize;

use super::Credits;
use super::codes::told;
use super::codes::view::Redeeming;
use crate::account::server::caller::Caller;
use crate::account::server::forms::read_form;
use crate::account::server::page::{AppPage, Loaded, Submitted};
use crate::i18n::{Text, t};
use crate::platform::error::AppError;
use crate::platform::query::parameter;

/// The pages of credits.
pub fn pages() -> Vec<AppPage<Credits>> {
    vec![AppPage {
        path: "/dashboard",
        load: |credits, request| {
            Box::pin(async move {
                let cursor = parameter(&request.uri.to_string(), "cursor");
                credits.load_dashboard(request.caller.id, cursor.as_deref(), Redeeming::default()).await.into()
            })
        },
        submit: Some(|credits, caller, request| Box::pin(redeem(credits, caller, request))),
        changes_credits: false,
    }]
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    code: String,
}

/// The page again, with what came of the code. Sending it again is another use, if the code allows the user one.
async fn redeem(credits: Credits, caller: Caller, request: Request) -> Submitted {
    let typed = match read_form::<CodeForm>(request).await {
        Ok(form) => form.code,
        Err(AppError::InvalidInput { field, .. }) => {
            return Submitted::Failed(AppError::invalid(field, t(Text::FormUnreadable)));
        }
        Err(error) => return Submitted::Failed(error),
    };
    let (status, redeeming) = match credits.redeem(&caller, &typed).await {
        Ok(redeemed) => (200, Redeeming { told: told(&redeemed), ..Redeeming::default() }),
        Err(error @ (AppError::InvalidInput { .. } | AppError::Conflict(_) | AppError::RateLimited { .. })) => {
            (error.status(), Redeeming { typed, refused: error.to_string(), ..Redeeming::default() })
        }
        Err(error) => return Submitted::Failed(error),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = credits.load_dashboard(caller.id, None, redeeming).await;
    Submitted::Show(Loaded { status, ..page.into() })
}
