//! `/admin/costs/attempts`: the records that costs are made of.

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

use super::figures::dollars;
use super::frame::{Section, found_or_problem, next_page, only_of_time, page};
use super::trace_sections::outcome_text;
use super::views::views;
use super::visitor::Visitor;
use crate::admin::server::Admin;
use crate::admin::server::stats::{AttemptItem, AttemptsQuery};
use crate::admin::server::views::ViewedList;
use crate::document::response::error_page;
use crate::i18n::{Text, grouped, t};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::query;
use crate::ui::{
    Alert, AlertTone, Align, Button, ButtonVariant, Choice, Column, Field, Select, Table, TableCell, TableState,
    Timestamp,
};

const PATH: &str = "/admin/costs/attempts";

/// `GET /admin/costs/attempts`.
pub async fn show(
    State(admin): State<Admin>,
    visitor: Visitor,
    query: Result<ApiQuery<AttemptsQuery>, ApiError>,
) -> Response {
    let query = match query {
        Ok(ApiQuery(query)) => query,
        Err(ApiError(error)) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let (found, problem) = match found_or_problem(admin.list_attempts(visitor.by, &query).await) {
        Ok(found) => found,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let saved = match admin.saved_views(visitor.by, ViewedList::Attempts).await {
        Ok(saved) => saved,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let status = if problem.is_some() { 400 } else { 200 };
    page(&visitor, Section::Costs, t(Text::AttemptsTitle), status, || {
        let next = found.next_cursor.clone().map(|cursor| address(PATH, &query, ("cursor", &cursor)));
        let csv = address("/api/admin/attempts", &query, ("format", "csv"));
        view! {
            <p class="max-w-prose text-sm text-ink-soft">{t(Text::AttemptsListed)}</p>
            {problem.map(|text| view! { <Alert tone=AlertTone::Danger text /> })}
            {search_form(query.clone())}
            {only_of_time(&query.from, &query.until, query::address(PATH, &fields(&query)))}
            {views(ViewedList::Attempts, saved, &fields(&query))}
            <a class="text-sm text-accent underline" href=csv download="">{t(Text::AsCsv)}</a>
            {table(found.items)}
            {next_page(next)}
        }
    })
}

fn address(path: &str, query: &AttemptsQuery, other: (&str, &str)) -> String {
    let time = [("from", &*query.from), ("until", &query.until)];
    query::address(path, &[&time[..], &fields(query), &[other]].concat())
}

/// What a view keeps: not of which time.
fn fields(query: &AttemptsQuery) -> [(&'static str, &str); 5] {
    let AttemptsQuery { provider, model, user, key, outcome, .. } = query;
    [("provider", provider), ("model", model), ("user", user), ("key", key), ("outcome", outcome)]
}

fn search_form(query: AttemptsQuery) -> impl IntoView {
    view! {
        <form method="get" action=PATH class="grid items-end gap-3 sm:grid-cols-2 lg:grid-cols-3">
            <input type="hidden" name="from" value=query.from />
            <input type="hidden" name="until" value=query.until />
            <Field name="provider" id="provider" label=t(Text::ProviderColumn) value=query.provider />
            <Field name="model" id="model" label=t(Text::ModelColumn) value=query.model />
            <Field name="user" id="user" label=t(Text::EmailOrId) value=query.user />
            <Field name="key" id="key" label=t(Text::KeyColumn) value=query.key />
            <Select
                name="outcome"
                id="outcome"
                label=t(Text::OutcomeColumn)
                choices=vec![Choice::new("", t(Text::AllOutcomes)), Choice::new("failed", t(Text::OnlyFailed))]
                value=query.outcome
            />
            <Button label=t(Text::Search) kind="submit" variant=ButtonVariant::Primary />
        </form>
    }
}

fn table(items: Vec<AttemptItem>) -> impl IntoView {
    let state = if items.is_empty() { TableState::Empty } else { TableState::Ready };
    let texts = [Text::AuditTime, Text::UserColumn, Text::ProviderColumn, Text::ModelColumn, Text::OutcomeColumn];
    let numbers = [Text::TokensColumn, Text::FigureCost, Text::FirstAndWhole];
    let columns =
        texts.map(|text| Column::text(t(text))).into_iter().chain(numbers.map(|text| Column::number(t(text))));
    let rows: Vec<_> = items.into_iter().map(row).collect();
    view! {
        <Table label=t(Text::AttemptsTitle) columns=columns.collect() state empty=t(Text::NothingFound) class="">
            {rows}
        </Table>
    }
}

fn row(item: AttemptItem) -> AnyView {
    let href = format!("/admin/users/{}", item.user);
    let trace = format!("/admin/traces/{}", item.request_id);
    let cost = item.cost_micros.map_or_else(|| t(Text::NoValue).to_owned(), dollars);
    let tokens = format!("{} / {}", grouped(item.input_tokens.into()), grouped(item.output_tokens.into()));
    let first = item.first_token_ms.map_or_else(|| "–".to_owned(), |millis| grouped(millis.into()));
    let key = item.key.map(|key| {
        let href = query::address(PATH, &[("key", &key)]);
        view! { <a class="block min-w-40 text-xs break-all text-accent underline" href=href>{key}</a> }
    });
    let times = format!("{first} / {} ms", grouped(item.latency_ms.into()));
    let number = |text: String| {
        view! { <TableCell align=Align::End><span class="whitespace-nowrap">{text}</span></TableCell> }
    };
    view! {
        <tr class="align-top">
            <TableCell><Timestamp at=item.at /></TableCell>
            <TableCell>
                <a class="block min-w-40 text-xs break-all text-accent underline" href=href>{item.user}</a>
                <a class="block min-w-40 font-mono text-xs break-all text-ink-soft underline" href=trace>{item.request_id}</a>
                {key}
            </TableCell>
            <TableCell>{item.provider}</TableCell>
            <TableCell><span class="block min-w-32 break-all">{item.model}</span></TableCell>
            <TableCell>{outcome_text(item.outcome)}</TableCell>
            {number(tokens)}
            {number(cost)}
            {number(times)}
        </tr>
    }
    .into_any()
}
