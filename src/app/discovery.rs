//! What search engines ask for: `/robots.txt` and `/sitemap.xml`. Both name this site by its own address.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

use crate::platform::site::Site;
use crate::routes::{Access, ROUTES};

/// `/robots.txt`: pages may be read, programs' addresses need not be (RFC 9309).
pub async fn robots_txt(State(site): State<Site>) -> impl IntoResponse {
    let sitemap = absolute(&site, "/sitemap.xml");
    let rules = "User-agent: *\nAllow: /\nAllow: /api/docs\nDisallow: /api/\nDisallow: /fn/\nDisallow: /v1/\n";
    text("text/plain; charset=utf-8", format!("{rules}\nSitemap: {sitemap}\n"))
}

/// `/sitemap.xml` (sitemaps.org).
pub async fn sitemap_xml(State(site): State<Site>) -> impl IntoResponse {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for route in ROUTES.iter().filter(|route| route.access == Access::Everybody) {
        // Writing to a string does not fail. A parsed address has none of XML's own characters but `&`.
        let address = absolute(&site, route.path).replace('&', "&amp;");
        _ = writeln!(xml, "<url><loc>{address}</loc></url>");
    }
    xml.push_str("</urlset>\n");
    text("application/xml", xml)
}

fn absolute(site: &Site, path: &str) -> String {
    site.address_of(path).map(String::from).unwrap_or_default()
}

fn text(kind: &'static str, body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=3600")], body)
}
