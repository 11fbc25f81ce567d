//! The range of a page of statistics: a form, and a cookie that keeps it between visits.

use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use leptos::prelude::*;

use super::frame::Section;
use crate::admin::server::stats::StatsQuery;
use crate::i18n::{Text, t};
use crate::platform::query;
use crate::stats::range::Picked;
use crate::ui::{Button, ButtonVariant, COOKIE_SECS, Choice, Field, Select};

const COOKIE: &str = "statistics";

/// The query, or what was asked for last where it says nothing.
pub fn remembered(query: StatsQuery, headers: &HeaderMap) -> StatsQuery {
    if !query.range.is_empty() {
        return query;
    }
    let jar = CookieJar::from_headers(headers);
    let Some(cookie) = jar.get(COOKIE) else { return query };
    let mut parts = cookie.value().split(':').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let kept = StatsQuery { range: next(), from: next(), until: next(), zone: next(), ..StatsQuery::default() };
    // Whatever else a browser sends: nothing was asked for then.
    if Picked::parse(&kept.range, &kept.from, &kept.until).is_ok() { kept } else { query }
}

/// Keeps what was asked for, once it is known to be good.
pub fn remember(response: &mut Response, asked: &StatsQuery, is_https: bool) {
    let StatsQuery { range, from, until, zone, .. } = asked;
    if range.is_empty() {
        return;
    }
    let value = [range, from, until, zone].map(|part| part.trim().to_owned()).join(":");
    let cookie =
        Cookie::build((COOKIE, value)).path("/admin").secure(is_https).same_site(SameSite::Lax).http_only(true);
    let cookie = cookie.max_age(time::Duration::seconds(COOKIE_SECS.into())).build();
    if let Ok(value) = HeaderValue::try_from(cookie.to_string()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// The address of the same range as CSV.
pub fn csv_address(path: &str, query: &StatsQuery, table: &str) -> String {
    let StatsQuery { range, from, until, zone, .. } = query;
    let fields = [("range", &**range), ("from", from), ("until", until), ("zone", zone), ("table", table)];
    query::address(path, &[&fields[..], &[("format", "csv")]].concat())
}

/// What a range is called.
const fn text_of(picked: Picked) -> Text {
    match picked {
        Picked::LastDay => Text::RangeLastDay,
        Picked::Week => Text::RangeWeek,
        Picked::Month => Text::RangeMonth,
        Picked::Quarter => Text::RangeQuarter,
        Picked::Days(..) => Text::RangeDays,
    }
}

/// The form. `zone` is the one that is used where the query names none.
pub fn picker(section: Section, query: &StatsQuery, zone: &str) -> AnyView {
    let range = if query.range.is_empty() { Picked::default().name() } else { &query.range };
    let named = Picked::NAMED.map(|picked| Choice::new(picked.name(), t(text_of(picked))));
    let choices = named.into_iter().chain([Choice::new("custom", t(Text::RangeDays))]).collect::<Vec<_>>();
    let zone = if query.zone.is_empty() { zone } else { &query.zone };
    view! {
        <form method="get" action=section.path() class="grid items-end gap-3 sm:grid-cols-2 lg:grid-cols-5">
            <Select name="range" id="range" label=t(Text::StatsRange) choices value=range.to_owned() />
            <Field name="from" id="from" kind="date" label=t(Text::FromDay) value=query.from.clone() />
            <Field name="until" id="until" kind="date" label=t(Text::UntilDay) value=query.until.clone() />
            <Field name="zone" id="zone" label=t(Text::TimeZone) value=zone.to_owned() />
            <Button label=t(Text::ShowRange) kind="submit" variant=ButtonVariant::Primary />
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE as SENT;

    use super::*;

    fn sent(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(SENT, HeaderValue::try_from(cookie).unwrap())])
    }

    #[test]
    fn a_range_is_kept_until_another_is_asked_for() {
        let asked = StatsQuery { range: "90d".into(), zone: "Asia/Kathmandu".into(), ..StatsQuery::default() };
        let mut response = Response::default();
        remember(&mut response, &asked, false);
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(remembered(StatsQuery::default(), &sent(&cookie)), asked);
        let other = StatsQuery { range: "7d".into(), ..StatsQuery::default() };
        assert_eq!(remembered(other.clone(), &sent(&cookie)), other);
    }

    #[test]
    fn what_is_no_range_is_not_taken_from_a_cookie() {
        for cookie in ["statistics=1y", "statistics=custom:2026-02-02:2026-01-01:UTC", "statistics=", "other=7d"] {
            assert_eq!(remembered(StatsQuery::default(), &sent(cookie)), StatsQuery::default(), "{cookie}");
        }
    }
}
