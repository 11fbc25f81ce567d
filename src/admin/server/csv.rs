//! Statistics as CSV.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::time::{Instant, sleep};

use super::stats::{AttemptItem, AttemptPlace};
use super::{Admin, Authority};
use crate::platform::csv::csv_text;
use crate::platform::error::{AppError, AppResult};
use crate::platform::money::Money;
use crate::stats::report::{About, Costs, Part};
use crate::stats::store::AttemptFilter;
use crate::stats::{CostRow, KeyRow, Percentiles};

/// Attempts that are read at a time: few, so that nobody waits long for the processor meanwhile.
const AT_A_TIME: usize = 25;
/// How much longer than it worked it rests then, whatever it waits for: a million attempts take a while, and whoever chats none of it.
const REST: u32 = 3;
const PARTS: &str = "part,zone,from,until,corrected,newUsers,activeUsers,chats,images,cachedReplies,granted,sold,refunded,spent,expired,\
    adjusted,spentGiven,purchases,revenue,returned,attempts,failed,fallbacks,inputTokens,outputTokens,costMicros,unpriced,marginMicros,\
    promoCostMicros,savedMicros,latencyP50Ms,latencyP95Ms,firstTokenP50Ms,firstTokenP95Ms\r\n";
const MODELS: &str = "provider,model,attempts,failed,fallbacks,inputTokens,outputTokens,costMicros,unpriced,charged,marginMicros,\
    latencyP50Ms,latencyP95Ms,firstTokenP50Ms,firstTokenP95Ms\r\n";
const KEYS: &str =
    "id,user,email,attempts,failed,inputTokens,outputTokens,costMicros,unpriced,charged,marginMicros\r\n";
const USERS: &str = "id,email,attempts,costMicros,spent,marginMicros\r\n";
const ATTEMPTS: &str = "id,at,requestId,workId,user,provider,model,inputTokens,outputTokens,estimated,costMicros,latencyMs,firstTokenMs,\
    outcome,key\r\n";

/// Days or hours of a report.
pub(super) fn parts(about: &About, parts: &[Part]) -> String {
    parts.iter().fold(PARTS.to_owned(), |text, part| text + &part_line(about, part))
}

/// A table of a report, by its name.
pub(super) fn table(costs: &Costs, name: &str) -> AppResult<String> {
    if matches!(name, "" | "parts") {
        return Ok(parts(&costs.about, &costs.parts));
    }
    rows_of(costs, name).map(|rows| with_range(&rows, &costs.about))
}

/// Lines that say which range they are of.
fn with_range(rows: &str, about: &About) -> String {
    let range = format!(",{},{},{}\r\n", csv_text(&about.zone), about.from, about.until);
    let lines = rows.split_terminator("\r\n").enumerate();
    lines.map(|(index, line)| line.to_owned() + if index == 0 { ",zone,from,until\r\n" } else { &range }).collect()
}

fn rows_of(costs: &Costs, name: &str) -> AppResult<String> {
    let rows = |rows: &[CostRow]| rows.iter().fold(MODELS.to_owned(), |text, row| text + &cost_line(row));
    match name {
        "providers" => Ok(rows(&costs.providers)),
        "models" => Ok(rows(&costs.models)),
        "users" => Ok(costs.users.iter().fold(USERS.to_owned(), |text, row| {
            let email = csv_text(row.email.as_deref().unwrap_or_default());
            let line =
                format!("{},{email},{},{},{},{}", row.id, row.attempts, row.cost_micros, row.spent, row.margin_micros);
            text + &line + "\r\n"
        })),
        "keys" => Ok(costs.keys.iter().fold(KEYS.to_owned(), |text, row| text + &key_line(row))),
        _ => Err(AppError::invalid("table", "The table is parts, providers, models, users or keys.")),
    }
}

/// A file for whoever asked.
pub(super) fn file(name: &str, body: impl Into<Body>) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"tessera-{name}.csv\"")),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, body.into()).into_response()
}

fn part_line(about: &About, part: &Part) -> String {
    let f = &part.figures;
    let zone = csv_text(&about.zone);
    let (revenue, returned) = (csv_text(&monies(&f.revenue)), csv_text(&monies(&f.returned)));
    let head = format!("{},{zone},{},{},{}", part.name, part.from, part.until, part.corrected);
    let people = format!("{},{},{},{},{}", f.new_users, f.active_users, f.chats, f.images, f.cached_replies);
    let credits =
        format!("{},{},{},{},{},{},{}", f.granted, f.sold, f.refunded, f.spent, f.expired, f.adjusted, f.spent_given);
    let money = format!("{},{revenue},{returned}", f.purchases);
    let asked = format!("{},{},{},{},{}", f.attempts, f.failed, f.fallbacks, f.input_tokens, f.output_tokens);
    let costs =
        format!("{},{},{},{},{}", f.cost_micros, f.unpriced, f.margin_micros, f.promo_cost_micros, f.saved_micros);
    let times = format!("{},{}", percentiles(f.latency), percentiles(f.first_token));
    format!("{head},{people},{credits},{money},{asked},{costs},{times}\r\n")
}

fn cost_line(row: &CostRow) -> String {
    let (provider, model) = (csv_text(&row.provider), csv_text(row.model.as_deref().unwrap_or_default()));
    let asked = format!("{},{},{},{},{}", row.attempts, row.failed, row.fallbacks, row.input_tokens, row.output_tokens);
    let costs = format!("{},{},{},{}", row.cost_micros, row.unpriced, row.charged, row.margin_micros);
    let times = format!("{},{}", percentiles(row.latency), percentiles(row.first_token));
    format!("{provider},{model},{asked},{costs},{times}\r\n")
}

fn key_line(row: &KeyRow) -> String {
    let KeyRow { id, user, attempts, failed, input_tokens, output_tokens, cost_micros, unpriced, charged, .. } = row;
    let (email, margin) = (csv_text(row.email.as_deref().unwrap_or_default()), row.margin_micros);
    format!(
        "{id},{user},{email},{attempts},{failed},{input_tokens},{output_tokens},{cost_micros},{unpriced},{charged},{margin}\r\n"
    )
}

/// `12.80 USD; 3.00 EUR`.
fn monies(all: &[Money]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn percentiles(times: Percentiles) -> String {
    format!("{},{}", number(times.p50_ms), number(times.p95_ms))
}

fn number(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn attempt_line(item: &AttemptItem) -> String {
    let [request, provider, model] = [&item.request_id, &item.provider, &item.model].map(|text| csv_text(text));
    let AttemptItem { id, at, work_id, user, input_tokens, output_tokens, estimated, latency_ms, outcome, .. } = item;
    let (cost, first, key) = (number(item.cost_micros), number(item.first_token_ms), number(item.key.as_ref()));
    format!(
        "{id},{at},{request},{work_id},{user},{provider},{model},{input_tokens},{output_tokens},{estimated},{cost},{latency_ms},{first},{outcome},{key}\r\n"
    )
}

/// All attempts of a filter, page by page as the client reads them.
pub(super) fn attempts(admin: Admin, _: Authority, filter: Option<AttemptFilter>) -> Response {
    enum Next {
        Header,
        Page(Option<AttemptPlace>),
        End,
    }
    let pages = stream::try_unfold(Next::Header, move |next| {
        let (admin, filter) = (admin.clone(), filter.clone());
        async move {
            let before = match next {
                Next::Header => return AppResult::Ok(Some((ATTEMPTS.to_owned(), Next::Page(None)))),
                Next::Page(before) => before,
                Next::End => return Ok(None),
            };
            let Some(filter) = filter else { return Ok(None) };
            let begun = Instant::now();
            let found = admin.stats.attempts(filter, before, AT_A_TIME).await?;
            let next = match found.last() {
                Some(last) if found.len() == AT_A_TIME => Next::Page(Some((last.at, last.id))),
                _ => Next::End,
            };
            let items = found.into_iter().map(AttemptItem::of).collect::<AppResult<Vec<_>>>()?;
            let lines: String = items.iter().map(attempt_line).collect();
            if matches!(next, Next::Page(_)) {
                sleep(begun.elapsed() * REST).await;
            }
            Ok(Some((lines, next)))
        }
    });
    file("attempts", Body::from_stream(pages))
}
