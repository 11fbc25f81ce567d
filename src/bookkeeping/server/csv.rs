//! Closes for the bookkeeper: a line each (RFC 4180).

use super::close::{Close, StoredClose};
use super::totals::{Total, Totals};
use crate::credits::{EntryKind, Origin};
use crate::platform::csv::csv_text;
use crate::platform::db::StoreResult;
use crate::platform::money::{Currency, Money};

/// All closes. Every line has the same columns: those of money are of all currencies that there are.
pub fn closes(stored: &[StoredClose]) -> StoreResult<String> {
    let closes = stored.iter().map(StoredClose::read).collect::<StoreResult<Vec<_>>>()?;
    let mut currencies: Vec<&str> = closes
        .iter()
        .flat_map(|close| {
            let paid_for = close.opening.paid_for.keys().chain(close.closing.paid_for.keys());
            paid_for.map(String::as_str).chain(close.money.iter().map(|sum| &*sum.currency))
        })
        .collect();
    currencies.sort_unstable();
    currencies.dedup();
    let mut csv = header(&currencies).join(",") + "\r\n";
    for (stored, close) in stored.iter().zip(&closes) {
        csv.push_str(&(line(close, &stored.hash, &currencies).join(",") + "\r\n"));
    }
    Ok(csv)
}

fn header(currencies: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = ["number", "day", "closedAt"].map(str::to_owned).to_vec();
    for side in ["opening", "closing"] {
        names.extend(["Available", "Held", "Debt"].map(|name| format!("{side}{name}")));
        names.extend(Origin::ALL.map(|origin| format!("{side} {}", origin.as_str())));
        names.extend(currencies.iter().map(|currency| format!("{side} paid {currency}")));
    }
    names.extend(EntryKind::ALL.map(|kind| kind.as_str().to_owned()));
    for currency in currencies {
        names.extend(["received", "refunded"].map(|name| format!("{name} {currency}")));
    }
    let rest = ["providerCostUSD", "entries", "accounts", "lateEntries", "lateAmount", "previous", "hash"];
    names.extend(rest.map(str::to_owned));
    names
}

fn line(close: &Close, hash: &str, currencies: &[&str]) -> Vec<String> {
    let mut fields = vec![close.number.to_string(), close.day.to_string(), csv_text(&close.closed_at)];
    for totals in [&close.opening, &close.closing] {
        add_totals(&mut fields, totals, currencies);
    }
    for kind in EntryKind::ALL {
        let sum = close.kinds.iter().find(|sum| sum.kind == kind).map(|sum| sum.amount).unwrap_or_default();
        fields.push(written(sum));
    }
    for currency in currencies {
        let sum = close.money.iter().find(|sum| sum.currency == *currency);
        let (received, refunded) = sum.map(|sum| (sum.received, sum.refunded)).unwrap_or_default();
        fields.extend([decimal(received, currency), decimal(-refunded, currency)]);
    }
    let cost = close.provider_cost_micro_usd;
    fields.push(format!("{}.{:06}", cost / 1_000_000, cost % 1_000_000));
    fields.extend([close.entries, close.accounts, close.late.entries].map(|number| number.to_string()));
    fields.extend([written(close.late.amount), close.previous.clone(), hash.to_owned()]);
    fields
}

fn add_totals(fields: &mut Vec<String>, totals: &Totals, currencies: &[&str]) {
    fields.extend([totals.available, totals.held, totals.debt].map(written));
    fields.extend(Origin::ALL.map(|origin| written(totals.origins.get(origin.as_str()).copied().unwrap_or_default())));
    for currency in currencies {
        fields.push(decimal(totals.paid_for.get(*currency).copied().unwrap_or_default(), currency));
    }
}

fn written(total: Total) -> String {
    total.amount().to_string()
}

/// An amount of a currency in its unit.
fn decimal(minor: i64, currency: &str) -> String {
    Currency::parse(currency).map_or_else(|| minor.to_string(), |currency| Money::new(minor, currency).to_decimal())
}
