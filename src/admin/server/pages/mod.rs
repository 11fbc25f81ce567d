//! The pages of the panel: HTML of the server, whose forms need no script.

mod attempts;
mod audit;
mod closes;
mod code_forms;
mod codes;
mod confirm;
mod costs;
mod figures;
mod flag_forms;
mod flags;
mod frame;
mod ledger;
mod live;
mod operations;
mod overview;
mod picker;
mod prices;
mod question;
mod range_page;
mod reconciliation;
mod trace_sections;
mod traces;
mod user;
mod user_leaving;
mod user_sections;
mod users;
mod views;
mod visitor;

use axum::Router;
use axum::extract::FromRef;
use axum::response::Redirect;
use axum::routing::{get, post};

use self::frame::Section;
use super::{Admin, FlagPanel};
use crate::account::server::Account;
use crate::bookkeeping::server::Bookkeeping;
use crate::credits::server::Credits;
use crate::leaving::server::Leaving;
use crate::payments::server::Payments;
use crate::platform::site::Site;

/// The pages at their addresses.
pub fn pages<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
    Credits: FromRef<S>,
    FlagPanel: FromRef<S>,
    Payments: FromRef<S>,
    Bookkeeping: FromRef<S>,
    Leaving: FromRef<S>,
    Site: FromRef<S>,
{
    Router::new()
        .route("/admin", get(overview::show))
        .route("/admin/costs", get(costs::show))
        .route("/admin/costs/attempts", get(attempts::show))
        .route("/admin/prices", get(prices::show))
        .route("/admin/codes", get(codes::show).post(codes::submit))
        .route("/admin/ledger", get(ledger::show))
        .route("/admin/scripts/{name}", get(live::send_script))
        // Whoever had to sign in to send a form comes back by its address.
        .route("/admin/views", post(views::submit).get(async || Redirect::to(Section::Users.path())))
        .route("/admin/users", get(users::show))
        .route("/admin/users/{id}", get(user::show).post(confirm::submit))
        .route("/admin/flags", get(flags::show).post(flag_forms::submit))
        .route("/admin/audit", get(audit::show))
        .route("/admin/traces", get(traces::search))
        .route("/admin/traces/{id}", get(traces::show).post(traces::submit))
        .route("/admin/operations", get(operations::show).post(operations::submit))
        .route("/admin/reconciliation", get(reconciliation::show).post(reconciliation::run))
        .route("/admin/closes", get(closes::show))
}
