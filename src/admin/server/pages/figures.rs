//! Numbers of statistics, each with how it is counted and what it was before.

use leptos::prelude::*;

use crate::i18n::{Text, fill, grouped, t};
use crate::platform::amount::Amount;
use crate::platform::money::Money;
use crate::platform::query;
use crate::stats::report::{About, Part};
use crate::stats::{Figures, Percentiles};
use crate::ui::Timestamp;
use crate::ui::charts::{Bar, BarChart, BarWords};

/// What a number is of a time: how high its bar is, and what it says.
pub type Read = fn(&Figures) -> (i64, String);

/// A number that is counted.
#[derive(Clone, Copy)]
pub struct Figure {
    pub id: &'static str,
    pub title: Text,
    pub explained: Text,
    pub read: Read,
}

/// `$1,234.50` or `$0.000012`: not rounded, so that what is shown adds up, and nothing that costs looks free; at least cents.
pub fn dollars(micros: i64) -> String {
    let size = micros.unsigned_abs();
    let minus = if micros < 0 { "\u{2212}" } else { "" };
    let part = format!("{:06}", size % 1_000_000);
    let (cents, rest) = part.split_at(2);
    format!("{minus}${}.{cents}{}", grouped(size / 1_000_000), rest.trim_end_matches('0'))
}

fn count(number: u64) -> (i64, String) {
    (i64::try_from(number).unwrap_or(i64::MAX), grouped(number))
}

fn credits(amount: Amount) -> (i64, String) {
    (amount.micros(), amount.as_entry())
}

fn cost(micros: i64) -> (i64, String) {
    (micros, dollars(micros))
}

/// `1.2% (12)`.
fn part(part: u64, whole: u64) -> (i64, String) {
    let thousandths = part.saturating_mul(1000).checked_div(whole).unwrap_or(0);
    let text = format!("{}.{}% ({})", thousandths / 10, thousandths % 10, grouped(part));
    (i64::try_from(thousandths).unwrap_or(i64::MAX), text)
}

fn times(times: Percentiles) -> (i64, String) {
    let text =
        |millis: Option<u32>| millis.map_or_else(|| "–".to_owned(), |millis| format!("{} ms", grouped(millis.into())));
    (times.p95_ms.map_or(0, i64::from), format!("{} / {}", text(times.p50_ms), text(times.p95_ms)))
}

/// Money of several currencies; nothing where there is none.
pub fn monies(all: &[Money]) -> String {
    if all.is_empty() {
        return t(Text::NoValue).to_owned();
    }
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" · ")
}

fn revenue(figures: &Figures) -> (i64, String) {
    // Of several currencies, the first makes the bar.
    let height = figures.revenue.first().map_or(0, |money| money.minor);
    let text = monies(&figures.revenue);
    if figures.returned.is_empty() {
        return (height, text);
    }
    (height, format!("{text} ({})", fill(Text::WentBack, &[("value", &monies(&figures.returned))])))
}

const fn figure(id: &'static str, title: Text, explained: Text, read: Read) -> Figure {
    Figure { id, title, explained, read }
}

/// Everything that happens.
pub const OVERVIEW: [Figure; 20] = [
    figure("new-users", Text::FigureNewUsers, Text::NewUsersExplained, |f| count(f.new_users)),
    figure("active-users", Text::FigureActiveUsers, Text::ActiveUsersExplained, |f| count(f.active_users)),
    figure("chats", Text::FigureChats, Text::ChatsExplained, |f| count(f.chats)),
    figure("images", Text::FigureImages, Text::ImagesExplained, |f| count(f.images)),
    figure("granted", Text::FigureGranted, Text::GrantedExplained, |f| credits(f.granted)),
    figure("sold", Text::FigureSold, Text::SoldExplained, |f| credits(f.sold)),
    figure("refunded", Text::FigureRefunded, Text::RefundedExplained, |f| credits(f.refunded)),
    figure("spent", Text::FigureSpent, Text::SpentExplained, |f| credits(f.spent)),
    figure("expired", Text::FigureExpired, Text::ExpiredExplained, |f| credits(f.expired)),
    figure("adjusted", Text::FigureAdjusted, Text::AdjustedExplained, |f| credits(f.adjusted)),
    figure("revenue", Text::FigureRevenue, Text::RevenueExplained, revenue),
    COST,
    MARGIN,
    figure("promo-cost", Text::FigurePromoCost, Text::PromoCostExplained, |f| cost(f.promo_cost_micros)),
    figure("cached", Text::FigureCached, Text::CachedExplained, |f| count(f.cached_replies)),
    figure("saved", Text::FigureSaved, Text::CachedExplained, |f| cost(f.saved_micros)),
    figure("fallbacks", Text::FigureFallbacks, Text::FallbacksExplained, |f| part(f.fallbacks, f.attempts)),
    ERRORS,
    LATENCY,
    figure("first-token", Text::FigureFirstToken, Text::FirstTokenExplained, |f| times(f.first_token)),
];

/// What is asked of providers.
pub const COSTS: [Figure; 5] = [
    COST,
    MARGIN,
    figure("attempts", Text::FigureAttempts, Text::AttemptsExplained, |f| count(f.attempts)),
    ERRORS,
    LATENCY,
];

const COST: Figure = figure("cost", Text::FigureCost, Text::CostExplained, |f| cost(f.cost_micros));
const MARGIN: Figure = figure("margin", Text::FigureMargin, Text::MarginExplained, |f| cost(f.margin_micros));
const ERRORS: Figure = figure("errors", Text::FigureErrors, Text::ErrorsExplained, |f| part(f.failed, f.attempts));
const LATENCY: Figure = figure("latency", Text::FigureLatency, Text::LatencyExplained, |f| times(f.latency));

/// What a report is about, for who reads it.
pub fn about(about: &About) -> AnyView {
    // To the minute, so that nothing is shown anew while nothing happens.
    let minute = about.counted_at.get(..16).map_or_else(|| about.counted_at.clone(), |minute| format!("{minute}:00Z"));
    view! {
        <p class="max-w-prose text-sm text-ink-soft">{fill(Text::RangeExplained, &[("zone", &about.zone)])}</p>
        <p class="text-sm text-ink-soft">{t(Text::CountedAt)} " " <Timestamp at=minute /></p>
    }
    .into_any()
}

/// Numbers of a range as tiles, each leading to its chart.
pub fn tiles(figures: &[Figure], total: &Figures, before: &Figures) -> AnyView {
    let tile = |figure: &Figure| {
        let (value, was) = ((figure.read)(total).1, (figure.read)(before).1);
        let explained = fill(figure.explained, &[("count", &grouped(total.unpriced))]);
        view! {
            <div class="rounded-md border border-line bg-surface px-4 py-3">
                <dt class="text-sm text-ink-soft">
                    <a id=format!("{}-tile", figure.id) class="underline" href=format!("#{}-title", figure.id)>{t(figure.title)}</a>
                </dt>
                <dd class="text-xl font-semibold break-words tabular-nums">{value}</dd>
                <dd class="text-xs break-words text-ink-soft tabular-nums">{fill(Text::BeforeValue, &[("value", &was)])}</dd>
                <dd class="text-xs">
                    <details id=format!("{}-explained", figure.id)>
                        <summary id=format!("{}-how", figure.id) class="cursor-pointer text-ink-soft">{t(Text::HowCounted)}</summary>
                        {explained}
                    </details>
                </dd>
            </div>
        }
    };
    view! {
        <dl class="grid grid-cols-1 gap-3 min-[28rem]:grid-cols-2 lg:grid-cols-4">{figures.iter().map(tile).collect::<Vec<_>>()}</dl>
    }
    .into_any()
}

/// A chart for each number, by days or hours.
pub fn charts(figures: &[Figure], total: &Figures, parts: &[Part], csv: &str) -> AnyView {
    let chart = |figure: &Figure| {
        let bar = |part: &Part| {
            let (value, text) = (figure.read)(&part.figures);
            let text = if part.corrected { fill(Text::CorrectedPart, &[("value", &text)]) } else { text };
            Bar { name: part.name.clone(), value, text, href: rows_of(figure.id, part) }
        };
        let words = BarWords {
            title: t(figure.title),
            as_table: t(Text::AsTable),
            name: t(Text::PartColumn),
            value: t(Text::ValueColumn),
        };
        let bars = parts.iter().map(bar).collect();
        let explained = fill(figure.explained, &[("count", &grouped(total.unpriced))]);
        let total = (figure.read)(total).1;
        view! { <BarChart id=figure.id words explained total bars csv=(csv.to_owned(), t(Text::AsCsv)) /> }
    };
    view! { <div class="grid gap-4 lg:grid-cols-2">{figures.iter().map(chart).collect::<Vec<_>>()}</div> }.into_any()
}

/// Where the records are that make a number of a part. Replies from the cache are listed nowhere: they are people's conversations.
fn rows_of(id: &str, part: &Part) -> Option<String> {
    let time = [("from", &*part.from), ("until", &part.until)];
    let list = |path: &str, fields: &[(&str, &str)]| Some(query::address(path, &[&time[..], fields].concat()));
    let ledger = |fields: &[(&str, &str)]| list("/admin/ledger", fields);
    match id {
        "new-users" => list("/admin/users", &[]),
        "chats" => ledger(&[("kind", "settle"), ("work", "chat")]),
        "images" => ledger(&[("kind", "settle"), ("work", "image")]),
        "granted" => ledger(&[("kind", "grant")]),
        "sold" => ledger(&[("kind", "purchase")]),
        "refunded" => ledger(&[("kind", "refund")]),
        "spent" => ledger(&[("kind", "settle")]),
        "expired" => ledger(&[("kind", "expire")]),
        "adjusted" => ledger(&[("kind", "adjust")]),
        "revenue" => list("/admin/audit", &[("action", "purchase")]),
        "errors" => list("/admin/costs/attempts", &[("outcome", "failed")]),
        "cached" | "saved" => None,
        _ => list("/admin/costs/attempts", &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_exactly() {
        for (micros, text) in [
            (1_234_567_890, "$1,234.56789"),
            (1, "$0.000001"),
            (-1_500, "\u{2212}$0.0015"),
            (-1_000_000, "\u{2212}$1.00"),
            (2_500_000, "$2.50"),
            (0, "$0.00"),
            (i64::MIN, "\u{2212}$9,223,372,036,854.775808"),
        ] {
            assert_eq!(dollars(micros), text);
        }
        assert_eq!(part(1, 3), (333, "33.3% (1)".to_owned()));
        assert_eq!(part(0, 0), (0, "0.0% (0)".to_owned()));
    }
}
