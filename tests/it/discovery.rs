//! How the site is found, shown elsewhere and installed: what crawlers, other sites and home screens read.

use serde_json::Value;

use crate::support::TestApp;

const SITE: &str = "https://chat.example.org";

async fn text(app: &TestApp, path: &str) -> String {
    let response = app.visitor().get(path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

/// Width and height of a PNG file: the first chunk is its header (PNG, 11.2.1).
fn png_size(path: &str) -> (u32, u32) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n", "{path}");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn crawlers_read_every_public_page_by_the_address_of_the_site() {
    let app = TestApp::start_with(&[("PUBLIC_URL", SITE)]).await;
    let robots = text(&app, "/robots.txt").await;
    assert!(robots.contains("Allow: /\n") && robots.contains("Disallow: /api/\n"), "{robots}");
    assert!(robots.contains(&format!("Sitemap: {SITE}/sitemap.xml\n")), "{robots}");
    let sitemap = text(&app, "/sitemap.xml").await;
    let pages: Vec<_> = sitemap
        .split("<loc>")
        .skip(1)
        .map(|rest| rest.split("</loc>").next().unwrap().strip_prefix(SITE).unwrap())
        .collect();
    assert_eq!(pages, ["/", "/sign-up", "/sign-in", "/components", "/api/docs"]);
}

#[tokio::test]
async fn a_public_page_says_what_it_is_and_how_a_link_to_it_looks() {
    let app = TestApp::start_with(&[("PUBLIC_URL", SITE)]).await;
    for (path, canonical) in [("/", "/"), ("/sign-in?next=%2Fdashboard", "/sign-in"), ("/sign-up", "/sign-up")] {
        let page = text(&app, path).await;
        for tag in [
            format!(r#"<link rel="canonical" href="{SITE}{canonical}">"#),
            format!(r#"<meta property="og:url" content="{SITE}{canonical}">"#),
            format!(r#"<meta property="og:image" content="{SITE}/og.png">"#),
            r#"<meta name="twitter:card" content="summary_large_image">"#.to_owned(),
            r#"<meta name="description" content="Self-hosted AI chat"#.to_owned(),
        ] {
            assert!(page.contains(tag.trim_end_matches("\">")), "{path}: {tag}\n{page}");
        }
    }
}

#[tokio::test]
async fn a_page_of_the_app_has_a_description_and_nothing_against_crawlers() {
    let app = TestApp::start().await;
    let page = app.user().await.get("/chat").send().await.unwrap().text().await.unwrap();
    assert!(page.contains(r#"<meta name="description" content="Self-hosted AI chat"#));
    assert!(!page.contains("noindex") && !page.contains("og:image"));
}

#[tokio::test]
async fn a_page_that_is_not_there_has_no_address_to_link_to() {
    let app = TestApp::start().await;
    let response = app.visitor().get("/nowhere").send().await.unwrap();
    assert_eq!(response.status(), 404);
    assert!(!response.text().await.unwrap().contains("canonical"));
}

#[test]
fn the_icons_are_as_large_as_the_manifest_says() {
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string("public/manifest.webmanifest").unwrap()).unwrap();
    let icons = manifest["icons"].as_array().unwrap();
    for icon in icons.iter().filter(|icon| icon["type"] == "image/png") {
        let (width, height) = png_size(&format!("public{}", icon["src"].as_str().unwrap()));
        assert_eq!(icon["sizes"], format!("{width}x{height}"));
    }
    for purpose in ["any", "maskable"] {
        for size in ["192x192", "512x512"] {
            assert!(icons.iter().any(|icon| icon["purpose"] == purpose && icon["sizes"] == size), "{purpose} {size}");
        }
    }
    assert_eq!(png_size("public/favicon-32.png"), (32, 32));
    assert_eq!(png_size("public/apple-touch-icon.png"), (180, 180));
    assert_eq!(png_size("public/og.png"), (1200, 630));
    assert!(std::fs::metadata("public/og.png").unwrap().len() <= 60_000);
}
