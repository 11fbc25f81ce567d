//! The page at PayPal where a buyer agrees or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::Seen;

type Parameters = Query<BTreeMap<String, String>>;

pub async fn show(State(seen): State<Arc<Seen>>, Query(query): Parameters) -> Response {
    let id = query.get("token").cloned().unwrap_or_default();
    if !seen.world().orders.contains_key(&id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let button = |answer: &str, label: &str| {
        format!(r#"<form method="post" action="/checkoutnow/{answer}?token={id}"><button>{label}</button></form>"#)
    };
    let page = format!("<!doctype html><title>PayPal</title>{}{}", button("pay", "Pay"), button("cancel", "Cancel"));
    Html(page).into_response()
}

pub async fn answer(State(seen): State<Arc<Seen>>, Path(answer): Path<String>, Query(query): Parameters) -> Response {
    let id = query.get("token").cloned().unwrap_or_default();
    let mut world = seen.world();
    let Some(order) = world.orders.get_mut(&id) else { return StatusCode::NOT_FOUND.into_response() };
    let (field, payer) = match &*answer {
        "pay" => ("return_url", "&PayerID=QYR5Z8XDVJNXQ"),
        _ => ("cancel_url", ""),
    };
    if answer == "pay" && order.status == "PAYER_ACTION_REQUIRED" {
        order.status = "APPROVED";
    }
    let to = order.experience()[field].as_str().unwrap();
    let sign = if to.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{to}{sign}token={id}{payer}")).into_response()
}
