//! The pages of the panel: HTML of the server, whose forms need no script.

mod audit;
mod closes;
mod confirm;
mod frame;
mod reconciliation;
mod user;
mod user_leaving;
mod user_sections;
mod users;
mod visitor;

use axum::Router;
use axum::extract::FromRef;
use axum::response::Redirect;
use axum::routing::get;

use self::visitor::Visitor;
use super::Admin;
use crate::account::server::Account;
use crate::bookkeeping::server::Bookkeeping;
use crate::leaving::server::Leaving;
use crate::platform::site::Site;

/// The pages at their addresses.
pub fn pages<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
    Bookkeeping: FromRef<S>,
    Leaving: FromRef<S>,
    Site: FromRef<S>,
{
    Router::new()
        .route("/admin", get(async |_: Visitor| Redirect::to("/admin/users")))
        .route("/admin/users", get(users::show))
        .route("/admin/users/{id}", get(user::show).post(confirm::submit))
        .route("/admin/audit", get(audit::show))
        .route("/admin/reconciliation", get(reconciliation::show).post(reconciliation::run))
        .route("/admin/closes", get(closes::show))
}
