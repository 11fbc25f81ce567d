//! The page of credits.

use super::Credits;
use crate::account::server::page::AppPage;
use crate::platform::query::parameter;

/// The pages of credits.
pub fn pages() -> Vec<AppPage<Credits>> {
    vec![AppPage {
        path: "/dashboard",
        load: |credits, request| {
            Box::pin(async move {
                let cursor = parameter(&request.uri.to_string(), "cursor");
                credits.load_dashboard(request.caller.id, cursor.as_deref()).await.into()
            })
        },
        submit: None,
        changes_credits: false,
    }]
}
