//! `/admin/costs`: what providers take, and for whom.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use leptos::prelude::*;

use super::figures::{COSTS, about, charts, dollars, tiles};
use super::frame::Section;
use super::picker::csv_address;
use super::range_page::RangePage;
use super::visitor::Visitor;
use crate::admin::server::Admin;
use crate::admin::server::stats::StatsQuery;
use crate::document::response::error_page;
use crate::i18n::{Text, grouped, t};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::query;
use crate::stats::report::{About, Costs, UserRow};
use crate::stats::{CostRow, KeyRow};
use crate::ui::{Align, Column, Table, TableCell, TableState};

/// `GET /admin/costs`.
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
    let found = admin.read_costs(visitor.by, &page.query).await;
    page.show(&visitor, Section::Costs, found, |found| &found.about, body)
}

fn body(found: Costs, query: &StatsQuery) -> AnyView {
    let csv = |table| csv_address("/api/admin/costs", query, table);
    let Costs { about: what, total, before, parts, providers, models, users, keys } = found;
    let models_of = |rows: Vec<CostRow>| rows.into_iter().map(|row| cost_row(row, &what)).collect::<Vec<_>>();
    view! {
        {about(&what)}
        {tiles(&COSTS, &total, &before)}
        {charts(&COSTS, &total, &parts, &csv(""))}
        {section(Text::ByProvider, "providers", csv("providers"), model_columns(), models_of(providers))}
        {section(Text::ByModel, "models", csv("models"), model_columns(), models_of(models))}
        {section(
            Text::ByUser,
            "users",
            csv("users"),
            user_columns(),
            users.into_iter().map(|row| user_row(row, &what)).collect(),
        )}
        {section(
            Text::ByKey,
            "keys",
            csv("keys"),
            key_columns(),
            keys.into_iter().map(|row| key_row(row, &what)).collect(),
        )}
    }
    .into_any()
}

fn section(title: Text, id: &'static str, csv: String, columns: Vec<Column>, rows: Vec<AnyView>) -> AnyView {
    let state = if rows.is_empty() { TableState::Empty } else { TableState::Ready };
    view! {
        <section class="space-y-2">
            <div class="flex flex-wrap items-baseline justify-between gap-4">
                <h2 class="text-lg font-semibold">{t(title)}</h2>
                <a id=format!("{id}-csv") class="text-sm text-accent underline" href=csv download="">{t(Text::AsCsv)}</a>
            </div>
            <Table label=t(title) columns state empty=t(Text::NothingFound)>
                {rows}
            </Table>
        </section>
    }
    .into_any()
}

fn model_columns() -> Vec<Column> {
    let numbers = [
        Text::FigureAttempts,
        Text::UsageFailed,
        Text::FigureFallbacks,
        Text::TokensColumn,
        Text::FigureCost,
        Text::ChargedColumn,
        Text::FigureMargin,
        Text::FigureLatency,
    ];
    let texts = [Text::ProviderColumn, Text::ModelColumn].map(|text| Column::text(t(text)));
    texts.into_iter().chain(numbers.map(|text| Column::number(t(text)))).collect()
}

fn user_columns() -> Vec<Column> {
    let numbers = [Text::FigureAttempts, Text::FigureCost, Text::FigureSpent, Text::FigureMargin];
    std::iter::once(Column::text(t(Text::UserColumn))).chain(numbers.map(|text| Column::number(t(text)))).collect()
}

fn key_columns() -> Vec<Column> {
    let texts = [Text::KeyColumn, Text::UserColumn].map(|text| Column::text(t(text)));
    let numbers = [
        Text::FigureAttempts,
        Text::UsageFailed,
        Text::TokensColumn,
        Text::FigureCost,
        Text::ChargedColumn,
        Text::FigureMargin,
    ];
    texts.into_iter().chain(numbers.map(|text| Column::number(t(text)))).collect()
}

/// The attempts of a row.
fn attempts_of(about: &About, field: (&str, &str), other: (&str, &str)) -> String {
    query::address("/admin/costs/attempts", &[("from", &about.from), ("until", &about.until), field, other])
}

fn number(text: String) -> AnyView {
    view! { <TableCell align=Align::End><span class="whitespace-nowrap">{text}</span></TableCell> }.into_any()
}

fn cost_row(row: CostRow, about: &About) -> AnyView {
    let model = row.model.clone().unwrap_or_default();
    let href = attempts_of(about, ("provider", &row.provider), ("model", &model));
    let millis = |millis: Option<u32>| millis.map_or_else(|| "–".to_owned(), |millis| grouped(millis.into()));
    let numbers = [
        grouped(row.attempts),
        grouped(row.failed),
        grouped(row.fallbacks),
        format!("{} / {}", grouped(row.input_tokens), grouped(row.output_tokens)),
        dollars(row.cost_micros),
        row.charged.as_entry(),
        dollars(row.margin_micros),
        format!("{} / {} ms", millis(row.latency.p50_ms), millis(row.latency.p95_ms)),
    ];
    view! {
        <tr>
            <TableCell><a class="text-accent underline" href=href>{row.provider}</a></TableCell>
            <TableCell><span class="block min-w-40 break-all">{model}</span></TableCell>
            {numbers.map(number).into_iter().collect::<Vec<_>>()}
        </tr>
    }
    .into_any()
}

fn user_row(row: UserRow, about: &About) -> AnyView {
    let page = format!("/admin/users/{}", row.id);
    let attempts = attempts_of(about, ("user", &row.id), ("", ""));
    let name = row.email.unwrap_or(row.id);
    let numbers = [dollars(row.cost_micros), row.spent.as_entry(), dollars(row.margin_micros)];
    view! {
        <tr>
            <TableCell><a class="block min-w-40 break-all text-accent underline" href=page>{name}</a></TableCell>
            <TableCell align=Align::End>
                <a class="text-accent underline" href=attempts>{grouped(row.attempts.into())}</a>
            </TableCell>
            {numbers.map(number).into_iter().collect::<Vec<_>>()}
        </tr>
    }
    .into_any()
}

fn key_row(row: KeyRow, about: &About) -> AnyView {
    let attempts = attempts_of(about, ("key", &row.id), ("", ""));
    let page = format!("/admin/users/{}", row.user);
    let numbers = [
        grouped(row.attempts),
        grouped(row.failed),
        format!("{} / {}", grouped(row.input_tokens), grouped(row.output_tokens)),
        dollars(row.cost_micros),
        row.charged.as_entry(),
        dollars(row.margin_micros),
    ];
    view! {
        <tr>
            <TableCell><a class="block min-w-40 text-xs break-all text-accent underline" href=attempts>{row.id}</a></TableCell>
            <TableCell>
                <a class="block min-w-40 break-all text-accent underline" href=page>{row.email.unwrap_or(row.user)}</a>
            </TableCell>
            {numbers.map(number).into_iter().collect::<Vec<_>>()}
        </tr>
    }
    .into_any()
}
