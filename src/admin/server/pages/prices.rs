//! `/admin/prices`: what each model costs users, and what it cost before.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

use super::figures::dollars;
use super::frame::{Section, page};
use super::visitor::Visitor;
use crate::admin::server::Admin;
use crate::credits::server::Credits;
use crate::credits::server::prices::history::{PriceItem, PriceTerms, TermsOfTokens, TokenTier};
use crate::document::response::error_page;
use crate::i18n::{Text, fill, grouped, t};
use crate::platform::amount::Amount;
use crate::ui::{Column, Table, TableCell, TableState, Timestamp};

/// `GET /admin/prices`.
pub async fn show(State(admin): State<Admin>, State(credits): State<Credits>, visitor: Visitor) -> Response {
    let found = match admin.list_prices(visitor.by, &credits.price_history).await {
        Ok(found) => found,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let (now, before): (Vec<_>, Vec<_>) = found.prices.into_iter().partition(|price| price.in_force);
    page(&visitor, Section::Prices, t(Text::ModelPrices), 200, || {
        let version = found.version.map(|version| fill(Text::PricesCalled, &[("version", &version)]));
        view! {
            <p class="max-w-prose text-sm text-ink-soft">{t(Text::ModelPricesExplained)}</p>
            {version.map(|version| view! { <p class="text-sm">{version}</p> })}
            {section(Text::PricesInForce, now, true)}
            {section(Text::PricesBefore, before, false)}
        }
    })
}

fn section(title: Text, prices: Vec<PriceItem>, in_force: bool) -> impl IntoView {
    let state = if prices.is_empty() { TableState::Empty } else { TableState::Ready };
    let last = if in_force { Text::ProviderTakes } else { Text::LastSeen };
    let columns =
        [Text::ProviderColumn, Text::ModelColumn, Text::PriceInCredits, Text::VersionColumn, Text::FirstSeen, last];
    let rows: Vec<_> = prices.into_iter().map(row).collect();
    view! {
        // The table is a landmark of that name already.
        <div class="space-y-2">
            <h2 class="text-lg font-semibold">{t(title)}</h2>
            <Table
                label=t(title)
                columns=columns.map(|text| Column::text(t(text))).to_vec()
                state
                empty=t(Text::NothingFound)
                class=""
            >
                {rows}
            </Table>
        </div>
    }
}

fn row(price: PriceItem) -> AnyView {
    let PriceItem { provider, model, version, price, in_force, first_seen, last_seen, provider_takes } = price;
    let moment = |at: Option<String>| match at {
        Some(at) => view! { <Timestamp at /> }.into_any(),
        None => t(Text::NoValue).into_any(),
    };
    let last = if in_force {
        let money = |micros: u64| dollars(i64::try_from(micros).unwrap_or(i64::MAX));
        let takes =
            provider_takes.map(|takes| format!("{} / {}", money(takes.input_micros), money(takes.output_micros)));
        takes.unwrap_or_else(|| t(Text::NoValue).to_owned()).into_any()
    } else {
        moment(last_seen)
    };
    view! {
        <tr class="align-top">
            <TableCell>{if provider.is_empty() { "–".to_owned() } else { provider }}</TableCell>
            <TableCell><span class="block min-w-32 break-all">{model}</span></TableCell>
            <TableCell><span class="block min-w-40">{terms_text(&price)}</span></TableCell>
            <TableCell><code class="block min-w-24 text-xs break-all">{version}</code></TableCell>
            <TableCell>{moment(first_seen)}</TableCell>
            <TableCell>{last}</TableCell>
        </tr>
    }
    .into_any()
}

/// A price in words.
fn terms_text(terms: &PriceTerms) -> String {
    match terms {
        PriceTerms::Reply { each } => one(Text::PriceEachReply, *each),
        PriceTerms::Image { each, sizes } => image_text(*each, sizes),
        PriceTerms::Tokens { rates, call, tiers } => {
            let mut parts = vec![rates_text(*rates)];
            if !call.is_zero() {
                parts.push(one(Text::PriceEachCall, *call));
            }
            parts.extend(tiers.iter().map(|TokenTier { above_input_tokens, rates }| {
                let tokens = grouped(*above_input_tokens);
                fill(Text::PriceAboveTokens, &[("tokens", &tokens), ("price", &rates_text(*rates))])
            }));
            parts.join("; ")
        }
    }
}

fn one(text: Text, price: Amount) -> String {
    fill(text, &[("price", &price.as_entry())])
}

fn rates_text(rates: TermsOfTokens) -> String {
    let TermsOfTokens { input, cached_input, cache_write, cache_write_1h, output, reasoning } = rates;
    let mut text = fill(Text::PriceMillionTokens, &[("input", &input.as_entry()), ("output", &output.as_entry())]);
    let others = [
        (Text::PriceCachedTokens, Some(cached_input).filter(|price| *price != input)),
        (Text::PriceWrittenTokens, cache_write),
        (Text::PriceTokensForAnHour, cache_write_1h),
        (Text::PriceThoughtTokens, Some(reasoning).filter(|price| *price != output)),
    ];
    for (part, price) in others.into_iter().filter_map(|(part, price)| Some((part, price?))) {
        text = format!("{text}, {}", one(part, price));
    }
    text
}

fn image_text(each: Amount, sizes: &BTreeMap<String, Amount>) -> String {
    let at =
        |(size, price): (&String, &Amount)| fill(Text::PriceAtSize, &[("size", size), ("price", &price.as_entry())]);
    std::iter::once(one(Text::PriceEachImage, each)).chain(sizes.iter().map(at)).collect::<Vec<_>>().join(", ")
}
