//! What a client would take: the weighted lists of `Accept`, `Accept-Encoding` and `Accept-Language` (RFC 9110, 12.4 and
//! 12.5).

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderName};

const EVENT_STREAM: &str = "text/event-stream";

/// The members of a list with their weights from 0 to 1, in their order. A member whose weight cannot be read is left out.
pub fn weighted(list: &str) -> impl Iterator<Item = (&str, f32)> {
    list.split(',').filter_map(|member| {
        let mut parts = member.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|parameter| {
            let (name, weight) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| weight.trim())
        });
        let weight = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
        (0.0..=1.0).contains(&weight).then_some((name, weight))
    })
}

/// The weight of the first of `names` that is listed, the most specific first; 0 where none is.
fn weight_of(headers: &HeaderMap, field: &HeaderName, names: &[&str]) -> f32 {
    let lists = || headers.get_all(field).iter().filter_map(|value| value.to_str().ok());
    let listed = |name: &&str| {
        let same = lists().flat_map(weighted).filter(|(listed, _)| listed.eq_ignore_ascii_case(name));
        same.map(|(_, weight)| weight).max_by(f32::total_cmp)
    };
    names.iter().find_map(listed).unwrap_or(0.0)
}

/// Whether the client takes Brotli.
#[must_use]
pub fn takes_brotli(headers: &HeaderMap) -> bool {
    weight_of(headers, &ACCEPT_ENCODING, &["br", "*"]) > 0.0
}

/// Whether the client would rather have a stream of events than JSON. It has to name it: `*/*` is what everybody sends.
#[must_use]
pub fn wants_event_stream(headers: &HeaderMap) -> bool {
    let stream = weight_of(headers, &ACCEPT, &[EVENT_STREAM]);
    stream > 0.0 && stream >= weight_of(headers, &ACCEPT, &["application/json", "application/*", "*/*"])
}

/// Whether the client would rather have a page than JSON. It has to name it, as browsers do where people look at what comes.
#[must_use]
pub fn wants_html(headers: &HeaderMap) -> bool {
    let html = weight_of(headers, &ACCEPT, &["text/html"]);
    html > 0.0 && html > weight_of(headers, &ACCEPT, &["application/json"])
}

/// Whether the client would rather have a PDF than JSON. It has to name it.
#[must_use]
pub fn wants_pdf(headers: &HeaderMap) -> bool {
    let pdf = weight_of(headers, &ACCEPT, &["application/pdf"]);
    pdf > 0.0 && pdf > weight_of(headers, &ACCEPT, &["application/json"])
}

/// Whether the client wants an answer made for it, and none that was kept (RFC 9111, 5.2.1).
#[must_use]
pub fn wants_fresh(headers: &HeaderMap) -> bool {
    const FRESH: [&str; 3] = ["no-cache", "no-store", "max-age=0"];
    let lists = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut wishes = lists.flat_map(|list| list.split(','));
    wishes.any(|wish| FRESH.iter().any(|fresh| wish.trim().eq_ignore_ascii_case(fresh)))
}

/// Whether the client would rather have the classic text format of Prometheus than `OpenMetrics`. It has to name it.
#[must_use]
pub fn wants_classic_metrics(headers: &HeaderMap) -> bool {
    let classic = weight_of(headers, &ACCEPT, &["text/plain"]);
    classic > 0.0 && classic > weight_of(headers, &ACCEPT, &["application/openmetrics-text"])
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(field: &HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(field.clone(), HeaderValue::from_static(value))])
    }

    #[test]
    fn brotli_is_taken_by_who_gives_it_a_weight() {
        for yes in ["br", "gzip, br", "BR", "br;q=0.1", "gzip;q=1.0,br ; Q=0.5", "*", "gzip, *;q=0.5", "br, *;q=0"] {
            assert!(takes_brotli(&headers(&ACCEPT_ENCODING, yes)), "{yes}");
        }
        for no in ["", "gzip", "br;q=0", "br; q=0.000", "br;Q=0", "*;q=0", "br;q=0, *", "br;q=x", "br;q=2", "brotli"] {
            assert!(!takes_brotli(&headers(&ACCEPT_ENCODING, no)), "{no}");
        }
        let mut several = headers(&ACCEPT_ENCODING, "gzip");
        assert!(!takes_brotli(&HeaderMap::new()));
        several.append(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        assert!(takes_brotli(&several), "in a field of its own");
    }

    #[test]
    fn a_stream_is_for_who_names_it_and_would_not_rather_have_json() {
        for yes in [
            "text/event-stream",
            "Text/Event-Stream",
            "application/json, text/event-stream",
            "text/event-stream, */*",
            "application/json;q=0.5, text/event-stream; charset=utf-8; q=0.6",
        ] {
            assert!(wants_event_stream(&headers(&ACCEPT, yes)), "{yes}");
        }
        for no in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "text/event-stream;q=0",
            "text/event-stream; q=0.0, */*",
            "application/json, text/event-stream;q=0.5",
            "application/x-text/event-stream",
        ] {
            assert!(!wants_event_stream(&headers(&ACCEPT, no)), "{no}");
        }
    }

    #[test]
    fn a_page_is_for_who_names_it_and_would_not_rather_have_json() {
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for yes in [firefox, "text/html", "application/json;q=0.9, Text/HTML"] {
            assert!(wants_html(&headers(&ACCEPT, yes)), "{yes}");
        }
        for no in
            ["", "*/*", "text/*", "application/json, text/plain, */*", "text/html;q=0", "text/html, application/json"]
        {
            assert!(!wants_html(&headers(&ACCEPT, no)), "{no}");
        }
    }

    #[test]
    fn metrics_are_classic_for_who_asks_for_plain_text() {
        for yes in
            ["text/plain", "text/plain;version=0.0.4", "text/plain, */*;q=0.1", "Text/Plain; version=0.0.4; q=0.5"]
        {
            assert!(wants_classic_metrics(&headers(&ACCEPT, yes)), "{yes}");
        }
        for no in [
            "",
            "*/*",
            "text/*",
            "text/plain;q=0",
            "application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text, text/plain",
        ] {
            assert!(!wants_classic_metrics(&headers(&ACCEPT, no)), "{no}");
        }
    }

    #[test]
    fn a_fresh_answer_is_for_who_takes_none_that_was_kept() {
        for yes in ["no-cache", "No-Store", "max-age=0", "no-transform, no-cache", "max-age=0,no-transform"] {
            assert!(wants_fresh(&headers(&CACHE_CONTROL, yes)), "{yes}");
        }
        for no in ["", "max-age=60", "no-transform", "only-if-cached", "no-cached"] {
            assert!(!wants_fresh(&headers(&CACHE_CONTROL, no)), "{no}");
        }
    }
}
