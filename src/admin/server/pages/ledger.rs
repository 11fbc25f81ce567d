//! `/admin/ledger`: the entries that numbers of credits are made of, of all users.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

use super::frame::{Section, found_or_problem, next_page, only_of_time, page};
use super::visitor::Visitor;
use crate::admin::server::Admin;
use crate::admin::server::ledger::{LedgerPage, LedgerQuery};
use crate::credits::{EntryKind, EntryReason};
use crate::document::response::error_page;
use crate::i18n::{Text, t};
use crate::platform::amount::Amount;
use crate::platform::db::rfc3339;
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::query;
use crate::stats::store::ListedEntry;
use crate::ui::{
    Alert, AlertTone, Align, Button, ButtonVariant, Choice, Column, Select, Table, TableCell, TableState, Timestamp,
};

const PATH: &str = "/admin/ledger";

/// `GET /admin/ledger`.
pub async fn show(
    State(admin): State<Admin>,
    visitor: Visitor,
    query: Result<ApiQuery<LedgerQuery>, ApiError>,
) -> Response {
    let query = match query {
        Ok(ApiQuery(query)) => query,
        Err(ApiError(error)) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let (found, problem) = match found_or_problem(admin.list_ledger(visitor.by, &query).await) {
        Ok(found) => found,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let status = if problem.is_some() { 400 } else { 200 };
    page(&visitor, Section::Overview, t(Text::CountEntries), status, || {
        let LedgerPage { entries, names } = found;
        let next = entries.next_cursor.map(|cursor| address(&query, &cursor));
        let all = query::address(PATH, &[("kind", &query.kind), ("work", &query.work)]);
        view! {
            <p class="max-w-prose text-sm text-ink-soft">{t(Text::LedgerListed)}</p>
            {problem.map(|text| view! { <Alert tone=AlertTone::Danger text /> })}
            {search_form(&query)}
            {only_of_time(&query.from, &query.until, all)}
            {table(entries.items, &names)}
            {next_page(next)}
        }
    })
}

fn address(query: &LedgerQuery, cursor: &str) -> String {
    let LedgerQuery { from, until, kind, work, .. } = query;
    query::address(PATH, &[("from", from), ("until", until), ("kind", kind), ("work", work), ("cursor", cursor)])
}

fn search_form(query: &LedgerQuery) -> impl IntoView + use<> {
    let kind = |kind: EntryKind| Choice::new(kind.as_str(), t(kind.text(None)));
    let choices = std::iter::once(Choice::new("", t(Text::AllOutcomes))).chain(EntryKind::ALL.map(kind));
    view! {
        <form method="get" action=PATH class="grid items-end gap-3 sm:grid-cols-2 lg:grid-cols-4">
            <input type="hidden" name="from" value=query.from.clone() />
            <input type="hidden" name="until" value=query.until.clone() />
            <Select name="kind" id="kind" label=t(Text::EntryKind) choices=choices.collect() value=query.kind.clone() />
            <Button label=t(Text::Search) kind="submit" variant=ButtonVariant::Primary />
        </form>
    }
}

fn table(items: Vec<ListedEntry>, names: &BTreeMap<String, String>) -> impl IntoView + use<> {
    let state = if items.is_empty() { TableState::Empty } else { TableState::Ready };
    let columns = vec![
        Column::text(t(Text::AuditTime)),
        Column::text(t(Text::UserColumn)),
        Column::text(t(Text::EntryKind)),
        Column::number(t(Text::EntryAmount)),
        Column::text(t(Text::EntryReason)),
        Column::text(t(Text::RequestId)),
    ];
    let rows: Vec<_> = items.into_iter().map(|listed| row(listed, names)).collect();
    view! {
        <Table label=t(Text::CountEntries) columns state empty=t(Text::NothingFound) class="">
            {rows}
        </Table>
    }
}

fn row(listed: ListedEntry, names: &BTreeMap<String, String>) -> AnyView {
    let ListedEntry { entry, request_id, reason } = listed;
    let user = entry.owner.to_string();
    let (href, name) = (format!("/admin/users/{user}"), names.get(&user).cloned().unwrap_or(user));
    let reason = reason.map(|reason| EntryReason::parse(entry.kind, &reason).to_text());
    let trace = format!("/admin/traces/{request_id}");
    view! {
        <tr class="align-top">
            <TableCell>{rfc3339(entry.at).ok().map(|at| view! { <Timestamp at /> })}</TableCell>
            <TableCell><a class="block min-w-40 break-all text-accent underline" href=href>{name}</a></TableCell>
            <TableCell>{t(entry.kind.text(entry.work))}</TableCell>
            <TableCell align=Align::End>{Amount::from_micros(entry.amount).as_entry()}</TableCell>
            <TableCell><span class="break-words">{reason}</span></TableCell>
            <TableCell>
                <a class="block min-w-40 font-mono text-xs break-all text-accent underline" href=trace>{request_id}</a>
            </TableCell>
        </tr>
    }
    .into_any()
}
