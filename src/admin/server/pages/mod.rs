//! The pages of the panel: HTML of the server, whose forms need no script.

mod audit;
mod confirm;
mod frame;
mod operations;
mod trace_sections;
mod traces;
mod user;
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
use crate::payments::server::Payments;
use crate::platform::site::Site;

/// The pages at their addresses.
pub fn pages<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
    Payments: FromRef<S>,
    Site: FromRef<S>,
{
    Router::new()
        .route("/admin", get(async |_: Visitor| Redirect::to("/admin/users")))
        .route("/admin/users", get(users::show))
        .route("/admin/users/{id}", get(user::show).post(confirm::submit))
        .route("/admin/audit", get(audit::show))
        .route("/admin/traces", get(traces::search))
        .route("/admin/traces/{id}", get(traces::show).post(traces::submit))
        .route("/admin/operations", get(operations::show).post(operations::submit))
}
