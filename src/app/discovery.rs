//! What search engines ask for: `/robots.txt` and `/sitemap.xml`. Both name this site by its own address.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use url::Url;

use super::state::AppState;

/// The pages that anybody may open.
const PUBLIC_PAGES: [&str; 5] = ["/", "/sign-up", "/sign-in", "/components", "/api/docs"];

/// `/robots.txt`: pages may be read, programs' addresses need not be (RFC 9309).
pub async fn robots_txt(State(state): State<AppState>) -> impl IntoResponse {
    let sitemap = absolute(&state.config.site.public_url, "/sitemap.xml");
    let rules = "User-agent: *\nAllow: /\nAllow: /api/docs\nDisallow: /api/\nDisallow: /fn/\nDisallow: /v1/\n";
    text("text/plain; charset=utf-8", format!("{rules}\nSitemap: {sitemap}\n"))
}

/// `/sitemap.xml` (sitemaps.org).
pub async fn sitemap_xml(State(state): State<AppState>) -> impl IntoResponse {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for path in PUBLIC_PAGES {
        // Writing to a string does not fail. A parsed address has none of XML's own characters but `&`.
        let address = absolute(&state.config.site.public_url, path).replace('&', "&amp;");
        _ = writeln!(xml, "<url><loc>{address}</loc></url>");
    }
    xml.push_str("</urlset>\n");
    text("application/xml", xml)
}

fn absolute(site: &Url, path: &str) -> String {
    site.join(path).map(String::from).unwrap_or_default()
}

fn text(kind: &'static str, body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=3600")], body)
}
