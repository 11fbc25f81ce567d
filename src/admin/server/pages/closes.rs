//! `/admin/closes`.

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

use super::frame::{Section, next_page, page};
use super::visitor::Visitor;
use crate::admin::server::books::{ClosesQuery, page_of_closes};
use crate::bookkeeping::server::close::MoneySum;
use crate::bookkeeping::server::{Bookkeeping, CloseView};
use crate::document::response::error_page;
use crate::i18n::{Text, grouped, t};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::money::{Currency, Money};
use crate::platform::query;
use crate::ui::{Badge, BadgeTone, Button, Column, Table, TableCell, TableState};

/// `GET /admin/closes`.
pub async fn show(
    State(books): State<Bookkeeping>,
    visitor: Visitor,
    query: Result<ApiQuery<ClosesQuery>, ApiError>,
) -> Response {
    let query = match query {
        Ok(ApiQuery(query)) => query,
        Err(ApiError(error)) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let found = match page_of_closes(&books, &query).await {
        Ok(found) => found,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    page(&visitor, Section::Closes, t(Text::DailyCloses), 200, || {
        let next = found.next_cursor.map(|cursor| query::address(Section::Closes.path(), &[("cursor", &cursor)]));
        view! {
            <p class="max-w-prose text-sm text-ink-soft">{t(Text::ClosesExplained)}</p>
            <Button label=t(Text::DownloadCsv) href="/api/admin/closes?format=csv".to_owned() />
            {table(found.items)}
            {next_page(next)}
        }
    })
}

fn table(closes: Vec<CloseView>) -> impl IntoView {
    let state = if closes.is_empty() { TableState::Empty } else { TableState::Ready };
    let rows: Vec<_> = closes
        .into_iter()
        .map(|CloseView { close, hash, agrees }| {
            let (tone, verdict) = if agrees {
                (BadgeTone::Success, Text::CloseAgrees)
            } else {
                (BadgeTone::Danger, Text::CloseDiffers)
            };
            let moved = close.closing.worth() - close.opening.worth();
            let money = close.money.iter().flat_map(written).collect::<Vec<_>>().join(", ");
            let cents = close.provider_cost_micro_usd / 10_000;
            let cost = format!("${}.{:02}", grouped(cents.unsigned_abs() / 100), cents.unsigned_abs() % 100);
            view! {
                <tr class="align-top">
                    <TableCell>
                        <span class="whitespace-nowrap">{close.day.to_string()}</span>
                        <code class="block max-w-40 truncate text-xs text-ink-soft" title=hash.clone()>{hash.clone()}</code>
                    </TableCell>
                    <TableCell align=crate::ui::Align::End>{close.closing.worth().amount().as_entry()}</TableCell>
                    <TableCell align=crate::ui::Align::End>{moved.amount().as_entry()}</TableCell>
                    <TableCell align=crate::ui::Align::End>{grouped(close.entries)}</TableCell>
                    <TableCell>{money}</TableCell>
                    <TableCell align=crate::ui::Align::End>{cost}</TableCell>
                    <TableCell align=crate::ui::Align::End>{grouped(close.late.entries)}</TableCell>
                    <TableCell><Badge tone>{t(verdict)}</Badge></TableCell>
                </tr>
            }
        })
        .collect();
    let columns = vec![
        Column::text(t(Text::CloseDay)),
        Column::number(t(Text::ClosingBalance)),
        Column::number(t(Text::CloseMoved)),
        Column::number(t(Text::CountEntries)),
        Column::text(t(Text::CloseMoney)),
        Column::number(t(Text::CloseCost)),
        Column::number(t(Text::CloseLate)),
        Column::text(t(Text::CloseAgrees)),
    ];
    view! {
        <Table label=t(Text::DailyCloses) columns state empty=t(Text::NothingFound) class="">
            {rows}
        </Table>
    }
}

/// What came and what went back of a currency.
fn written(sum: &MoneySum) -> Vec<String> {
    let money = |minor: i64| {
        Currency::parse(&sum.currency).map_or_else(String::new, |currency| Money::new(minor, currency).to_string())
    };
    let mut written = vec![money(sum.received)];
    if sum.refunded != 0 {
        written.push(money(-sum.refunded));
    }
    written
}
