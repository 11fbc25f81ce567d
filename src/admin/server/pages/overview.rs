//! `/admin`: what happens here.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use leptos::prelude::*;

use super::figures::{OVERVIEW, about, charts, monies, tiles};
use super::frame::Section;
use super::picker::csv_address;
use super::range_page::RangePage;
use super::users::{role_text, status_text};
use super::visitor::Visitor;
use crate::account::Role;
use crate::account::server::sessions::UserStatus;
use crate::admin::server::Admin;
use crate::admin::server::stats::StatsQuery;
use crate::document::response::error_page;
use crate::i18n::{Text, grouped, t};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::stats::report::{Now, Statistics};

/// `GET /admin`.
pub async fn show(
    State(admin): State<Admin>,
    visitor: Visitor,
    headers: HeaderMap,
    query: Result<ApiQuery<StatsQuery>, ApiError>,
) -> Response {
    let page = match RangePage::read(query, &headers) {
        Ok(page) => page,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let found = admin.read_stats(visitor.by, &page.query).await;
    page.show(&visitor, Section::Overview, found, |found| &found.about, body)
}

fn body(found: Statistics, query: &StatsQuery) -> AnyView {
    let csv = csv_address("/api/admin/stats", query, "");
    view! {
        {about(&found.about)}
        {tiles(&OVERVIEW, &found.total, &found.before)}
        {standing(&found.now)}
        {charts(&OVERVIEW, &found.total, &found.parts, &csv)}
    }
    .into_any()
}

/// How things stand now.
fn standing(now: &Now) -> AnyView {
    let users = now.users.iter().map(|users| {
        let role =
            Role::parse(&users.role).map(role_text).map_or_else(|| users.role.clone(), |text| t(text).to_owned());
        let status = UserStatus::parse(&users.status).map(status_text);
        let status = status.map_or_else(|| users.status.clone(), |text| t(text).to_owned());
        (format!("{role}, {status}"), grouped(users.count))
    });
    let credits = [
        (t(Text::CreditsUnspent).to_owned(), now.unspent.as_entry()),
        (t(Text::CreditsUnspentPaid).to_owned(), now.unspent_paid.as_entry()),
        (t(Text::CreditsOverdrawn).to_owned(), now.overdrawn.as_entry()),
        (t(Text::MoneyOwed).to_owned(), monies(&now.owed)),
    ];
    let row = |(label, value): (String, String)| {
        view! {
            <div class="flex justify-between gap-4 py-1.5">
                <dt>{label}</dt>
                <dd class="text-right font-medium break-all tabular-nums">{value}</dd>
            </div>
        }
    };
    let column = |rows: Vec<(String, String)>| {
        view! { <dl class="divide-y divide-line text-sm">{rows.into_iter().map(row).collect::<Vec<_>>()}</dl> }
    };
    view! {
        <section class="space-y-2 rounded-md border border-line bg-surface p-4" aria-labelledby="standing-title">
            <h2 id="standing-title" class="font-medium">{t(Text::StandingNow)}</h2>
            <p class="text-xs text-ink-soft">{t(Text::StandingExplained)} " " {t(Text::MoneyOwedExplained)}</p>
            <div class="grid gap-x-8 sm:grid-cols-2">{column(users.collect())} {column(credits.to_vec())}</div>
        </section>
    }
    .into_any()
}
