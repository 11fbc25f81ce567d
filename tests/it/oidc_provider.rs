//! A real provider on the other side: npm `oidc-provider`, with its own pages.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use url::Url;

use crate::fake_oidc::{CLIENT_ID, CLIENT_SECRET};
use crate::oidc::{Browser, location};
use crate::support::TestApp;
use crate::tools::node;

/// A running provider.
struct Other {
    issuer: String,
    _process: Child,
    /// It writes more there, and ends if nobody could read it.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Other {
    async fn start() -> Self {
        let redirect = "http://localhost:3000/sign-in/other/callback";
        let mut process = node("oidc_provider.mjs").arg(redirect).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let issuer = lines.next_line().await.unwrap().expect("npm oidc-provider; scripts/setup.sh test installs it");
        Self { issuer, _process: process, _output: lines }
    }

    /// Our server, with this provider and what it takes for trusted.
    async fn app(&self, trust: &str) -> TestApp {
        TestApp::start_with(&[
            ("OIDC_OTHER_ISSUER", &self.issuer),
            ("OIDC_OTHER_CLIENT_ID", CLIENT_ID),
            ("OIDC_OTHER_CLIENT_SECRET", CLIENT_SECRET),
            ("OIDC_OTHER_TRUST_EMAIL", trust),
            ("ADMIN_EMAILS", "root@example.org"),
        ])
        .await
    }
}

/// A browser at the provider: follows it to where it sends people back, and fills in its forms on the way.
async fn sign_in_there(to: &Url, name: &str) -> Url {
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut jar = BTreeMap::new();
    let mut send = async |request: RequestBuilder| -> Response {
        let cookies: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(COOKIE, cookies.join("; ")).send().await.unwrap();
        for set in response.headers().get_all(SET_COOKIE) {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            jar.insert(name.to_owned(), value.to_owned());
        }
        response
    };
    let mut at = to.clone();
    let mut response = send(http.get(at.clone())).await;
    for _ in 0..12 {
        if let Some(next) = response.headers().get(LOCATION) {
            at = at.join(next.to_str().unwrap()).unwrap();
            if at.path().starts_with("/sign-in/") {
                return at;
            }
            response = send(http.get(at.clone())).await;
            continue;
        }
        let page = response.text().await.unwrap();
        let action = page.split("action=\"").nth(1).unwrap_or_else(|| panic!("{at}: {page}"));
        at = at.join(action.split('"').next().unwrap()).unwrap();
        let prompt = if page.contains("value=\"login\"") { "login" } else { "consent" };
        let fields = [("prompt", prompt), ("login", name), ("password", "any")];
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = http.post(at.clone()).header("content-type", "application/x-www-form-urlencoded");
        response = send(request.body(form)).await;
    }
    panic!("no way back from {at}");
}

async fn walk(app: &TestApp, name: &str) -> (String, Browser) {
    let mut browser = Browser::at(app);
    let to = browser.leave("/sign-in/other", &[("next", "/images")]).await;
    let back = sign_in_there(&to, name).await;
    let response = browser.get(&format!("{}?{}", back.path(), back.query().unwrap())).await;
    (location(&response), browser)
}

#[tokio::test]
async fn a_certified_provider_signs_people_in_whatever_it_says_of_their_address() {
    let other = Other::start().await;
    let app = other.app("verified").await;
    for (kind, name) in [("verified", "ada"), ("unverified", "bob"), ("silent", "cem"), ("nameless", "dee")] {
        let id = format!("{kind}.{name}");
        let (to, mut browser) = walk(&app, &id).await;
        assert_eq!(to, "/images", "{id}");
        let me = browser.me().await.unwrap();
        let email = me["email"].as_str().unwrap().to_owned();
        if kind == "nameless" {
            assert!(email.ends_with("@other.invalid"), "{email}");
        } else {
            assert_eq!(email, format!("{name}@example.org"));
        }
        let (_, mut again) = walk(&app, &id).await;
        assert_eq!(again.me().await.unwrap(), me, "{id}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn the_address_of_an_admin_has_to_be_trusted() {
    let other = Other::start().await;
    for (trust, kind, role) in [
        ("verified", "verified", "ADMIN"),
        ("verified", "silent", "USER"),
        ("absent", "silent", "ADMIN"),
        ("absent", "unverified", "USER"),
        ("always", "unverified", "ADMIN"),
    ] {
        let app = other.app(trust).await;
        let (_, mut browser) = walk(&app, &format!("{kind}.root")).await;
        assert_eq!(browser.me().await.unwrap()["role"], role, "{trust} {kind}");
    }
}

#[tokio::test]
async fn an_address_that_has_an_account_here_signs_nobody_in_to_it() {
    let other = Other::start().await;
    let app = other.app("always").await;
    let body = serde_json::json!({ "email": "ada@example.org", "password": crate::support::PASSWORD });
    assert_eq!(app.visitor().post_json("/api/auth/register", &body).await.0, 201);
    for kind in ["verified", "unverified", "silent"] {
        let (to, mut browser) = walk(&app, &format!("{kind}.ada")).await;
        assert!(to.starts_with("/sign-in?problem=sign-in-first&with=other"), "{to}");
        assert_eq!(browser.me().await, None);
    }
}

#[tokio::test]
async fn the_check_reaches_every_provider() {
    let other = Other::start().await;
    let (table, _) = tessera::app::check::run(&other.app("verified").await.state.config, false).await;
    let row = |name: &str| table.lines().find(|line| line.contains(name)).map(str::to_owned);
    assert!(row("sign-in: other").is_some_and(|row| row.starts_with("ok") && row.contains(&other.issuer)), "{table}");
    let app =
        TestApp::start_with(&[("OIDC_GONE_ISSUER", "http://127.0.0.1:1/realm"), ("OIDC_GONE_CLIENT_ID", "tessera")])
            .await;
    let (table, all_well) = tessera::app::check::run(&app.state.config, false).await;
    assert!(
        !all_well && table.lines().any(|line| line.starts_with("FAILED") && line.contains("sign-in: gone")),
        "{table}"
    );
}
