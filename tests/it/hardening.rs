//! Addresses that lead away from the site, tokens that were planted, and people who are shut out where several servers share what
//! they know.

use reqwest::header::{LOCATION, REFRESH};
use reqwest::{Response, StatusCode};
use serde_json::json;
use tessera::account::Role;
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User as StoredUser;
use tessera::app::people::{disable, enable};
use tessera::platform::ids::UserId;
use tokio::time::{Duration, timeout};
use url::Url;

use crate::fake_oidc::FakeIdp;
use crate::mail::start as start_with_mail;
use crate::mongod::{Kind, Mongod};
use crate::oidc::{Browser, start as start_with_provider};
use crate::servers::RedisServer;
use crate::support::{PASSWORD, TestApp, User};

/// Where people should go afterwards, as somebody writes it who wants them elsewhere.
const ELSEWHERE: [&str; 32] = [
    "https://evil.example",
    "http:evil.example",
    "https:/evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\u{0}//evil.example",
    "/\u{0}/evil.example",
    "/\u{85}/evil.example",
    "/\u{7f}/evil.example",
    "/chat\r\nLocation: https://evil.example",
    "/chat\r\nSet-Cookie: tessera_session=planted",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//",
    "data:text/html,<script>alert(1)</script>",
    "//ada@evil.example",
    "https://localhost:3000@evil.example",
    "https://localhost:3000.evil.example",
    "@evil.example",
    ".evil.example",
    "//[::1]:1/",
    "/.//evil.example",
    "/chat/../..//evil.example",
    "/%2F/evil.example",
    "/\u{2f}/evil.example",
    "/\u{ff0f}evil.example",
];

fn origin(app: &TestApp) -> Url {
    Url::parse(&format!("http://{}/sign-in?next=x", app.addr)).unwrap()
}

/// Whether a browser goes elsewhere for an address that stands on a page of the site. By its own name, it is the same.
fn leads_away(app: &TestApp, address: &str) -> bool {
    let (here, public) = (origin(app), Url::parse("http://localhost:3000").unwrap());
    here.join(address).map_or(true, |to| ![here.origin(), public.origin()].contains(&to.origin()))
}

/// The values of an attribute, with the references in them resolved as far as this site writes any.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let begin = format!(" {name}=\"");
    let values = html.split(&begin).skip(1).filter_map(|rest| rest.split('"').next());
    let plain =
        |value: &str| value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    values.map(plain).collect()
}

/// What leads away from the site in an answer, whatever it is.
async fn ways_out(app: &TestApp, response: Response) -> Vec<String> {
    assert_ne!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let header =
        |name| response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let planted = response.headers().get_all("set-cookie").iter().any(|cookie| cookie == "tessera_session=planted");
    assert!(!planted, "a header of somebody else's");
    let mut addresses: Vec<_> = [header(LOCATION), header(REFRESH)].into_iter().flatten().collect();
    let html = response.text().await.unwrap();
    for name in ["href", "action", "formaction", "src"] {
        addresses.extend(attributes(&html, name));
    }
    // What the forms of the page send along, to be led to later.
    let next = html.split("name=\"next\"").skip(1).filter_map(|rest| rest.split('>').next());
    addresses.extend(next.flat_map(|rest| attributes(rest, "value")));
    addresses.retain(|address| leads_away(app, address));
    addresses
}

fn encoded(next: &str) -> String {
    url::form_urlencoded::byte_serialize(next.as_bytes()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_led_away_wherever_a_next_page_is_named() {
    let idp = FakeIdp::start().await;
    let limits = [("RATE_LIMIT_PER_MINUTE", "100000")];
    let app = start_with_provider(&idp, &limits).await;
    let (user, visitor) = (app.user().await, app.visitor());
    let mut away = Vec::new();
    for next in ELSEWHERE {
        let query = encoded(next);
        let mut asked: Vec<(String, Response)> = Vec::new();
        for who in [&visitor, &user] {
            for path in ["/sign-in", "/sign-up"] {
                asked.push((path.to_owned(), who.get(&format!("{path}?next={query}")).send().await.unwrap()));
            }
            for path in ["/buy-credits?from=", "/sign-in/one/link?proof=x&next=", "/chat?next=", "/account?next="] {
                asked.push((path.to_owned(), who.get(&format!("{path}{query}")).send().await.unwrap()));
            }
            for (path, field, value) in
                [("/theme", "theme", "dark"), ("/language", "language", "en"), ("/notices", "seen", "none")]
            {
                let form = who.post_form(path, &[(field, value), ("next", next)]).send().await.unwrap();
                asked.push((path.to_owned(), form));
            }
            let form = who.post_form("/buy-credits", &[("pack", "100"), ("from", next)]).send().await.unwrap();
            asked.push(("POST /buy-credits".to_owned(), form));
        }
        for (path, password) in [("/sign-in", PASSWORD), ("/sign-in", "wrong horse"), ("/sign-up", "short")] {
            let fields = [("email", user.email.as_str()), ("password", password), ("next", next)];
            // With another cookie than the user's: signing in would end that session.
            asked.push((format!("POST {path}"), visitor.post_form(path, &fields).send().await.unwrap()));
        }
        let mut browser = Browser::at(&app);
        let to = browser.leave("/sign-in/one", &[("next", next)]).await;
        let back = idp.consent(&to, &json!({ "sub": "ada", "email": "ada@example.org", "email_verified": true }));
        asked.push(("back from a provider".to_owned(), browser.get(&back).await));
        for (path, response) in asked {
            let found = ways_out(&app, response).await;
            away.extend(found.into_iter().map(|address| format!("{path} with {next:?}: {address:?}")));
        }
    }
    assert!(away.is_empty(), "{}", away.join("\n"));
}

/// The page of an address that begins with two slashes has links to it: they must not be to another host.
#[tokio::test]
async fn a_page_that_is_not_there_leads_nowhere_else() {
    let app = TestApp::start().await;
    for who in [app.visitor(), app.user().await] {
        for path in
            ["//evil.example", "//evil.example/%5c", "/%5c/evil.example", "/%09//evil.example", "///evil.example/a"]
        {
            let response = who.get(path).send().await.unwrap();
            assert_eq!(ways_out(&app, response).await, Vec::<String>::new(), "{path}");
            let form = who.post_form(path, &[("message", "hi")]).send().await.unwrap();
            assert_eq!(ways_out(&app, form).await, Vec::<String>::new(), "POST {path}");
        }
    }
}

/// A check of the check: what leads away is seen.
#[tokio::test]
async fn ways_out_are_seen() {
    let app = TestApp::start().await;
    for away in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
        assert!(leads_away(&app, away), "{away}");
    }
    for here in ["/chat", "?a=b", "#top", "/.//evil.example", "chat"] {
        assert!(!leads_away(&app, here), "{here}");
    }
    let html = "<a href=\"//evil.example\"><input name=\"next\" value=\"https://evil.example?a&amp;b\">";
    assert_eq!(attributes(html, "href"), ["//evil.example"]);
    assert_eq!(attributes(html, "value"), ["https://evil.example?a&b"]);
}

const PLANTED: &str = "planted-by-somebody-else-0123456789abcdef012";

async fn is_in(user: &User) -> bool {
    user.get_json("/api/auth/me").await.0 == 200
}

/// By none of the ways to sign in is a token taken over that the browser had before.
#[tokio::test]
async fn no_way_to_sign_in_takes_over_a_token_that_was_there() {
    let (app, smtp) = start_with_mail(&[]).await;
    let cookie = format!("__Host-tessera_session={PLANTED}");
    let browser = || User { cookie: Some(cookie.clone()), ..app.visitor() };
    let email = browser().email;
    let body = json!({ "email": email, "password": PASSWORD });
    let mut given = Vec::new();
    let mut keep = |response: Response| {
        assert!(response.status().is_success() || response.status() == 303, "{}", response.status());
        let mut user = browser();
        user.keep_cookie(&response);
        given.push(user);
    };
    keep(browser().post("/api/auth/register").json(&body).send().await.unwrap());
    keep(browser().post("/api/auth/login").json(&body).send().await.unwrap());
    keep(browser().post_form("/sign-in", &[("email", &email), ("password", PASSWORD)]).send().await.unwrap());
    let fresh = app.visitor().email;
    keep(browser().post_form("/sign-up", &[("email", &fresh), ("password", PASSWORD)]).send().await.unwrap());
    let confirm = json!({ "token": smtp.mail(&email, 1).await.token() });
    assert_eq!(app.visitor().post_json("/api/auth/verify-email", &confirm).await.0, 200);
    app.visitor().post_json("/api/auth/sign-in-link", &json!({ "email": email })).await;
    let link = smtp.mail(&email, 2).await.link();
    keep(browser().post_form(&link, &[]).send().await.unwrap());
    assert_eq!(given.len(), 5);
    assert!(!is_in(&browser()).await, "the planted token is nobody's");
    for (number, user) in given.iter().enumerate() {
        let cookie = user.cookie.as_deref().unwrap();
        assert!(cookie.starts_with("__Host-tessera_session=") && !cookie.contains(PLANTED), "{cookie}");
        assert!(is_in(user).await, "{number}");
        assert!(given[..number].iter().all(|other| other.cookie != user.cookie), "{number}: a new one each time");
    }
}

#[tokio::test]
async fn a_provider_signs_in_with_a_new_token_too() {
    let idp = FakeIdp::start().await;
    let app = start_with_provider(&idp, &[]).await;
    let mut browser = Browser::at(&app);
    browser.jar.insert("tessera_session".to_owned(), PLANTED.to_owned());
    let response = browser.come_back(&idp, &json!({ "sub": "ada", "email": "ada@example.org" })).await;
    assert_eq!(response.status(), 303);
    assert_ne!(browser.jar["tessera_session"], PLANTED);
    assert!(browser.me().await.is_some());
    let planted = User { cookie: Some(format!("tessera_session={PLANTED}")), ..app.visitor() };
    assert!(!is_in(&planted).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_is_out_on_every_server_that_shares_the_stores() {
    let (mongod, redis) = (Mongod::start(Kind::Standalone).await, RedisServer::start().await);
    let (uri, url) = (mongod.uri(), redis.url());
    let vars = [("MONGODB_URI", uri.as_str()), ("REDIS_URL", url.as_str())];
    let app = TestApp::start_with(&vars).await;
    let other = app.start_beside(&vars).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    // Both have seen session and key.
    for server in [app.addr, other.addr] {
        assert!(is_in(&user.at(server)).await && is_in(&program.at(server)).await);
    }
    let mut stream = user.at(other.addr).chat_stream(&json!({ "message": "#tokens=1 #stall" })).await;
    stream.next_named("start").await;
    disable(&app.state.stores, &user.email).await.unwrap();
    for server in [app.addr, other.addr] {
        assert!(!is_in(&user.at(server)).await && !is_in(&program.at(server)).await);
        assert_eq!(user.at(server).chat("hello").await.0, 401);
        assert_eq!(program.at(server).chat("hello").await.0, 401);
        assert_eq!(user.at(server).get("/chat").send().await.unwrap().status(), 303);
        let body = json!({ "email": user.email, "password": PASSWORD });
        assert_eq!(app.visitor().at(server).post_json("/api/auth/login", &body).await.0, 403);
    }
    let ended = async { while stream.next().await.is_some() {} };
    timeout(Duration::from_secs(20), ended).await.expect("the stream on the other server ends");
    enable(&other.state.stores, &user.email).await.unwrap();
    assert!(!is_in(&user).await && is_in(&program.at(other.addr)).await, "the session has ended, the key may go on");
}

/// A user as others may have made one: without a password, by a provider.
async fn without_password(app: &TestApp) -> String {
    let email = app.visitor().email;
    let user = StoredUser {
        id: UserId::now_v7(),
        email: email.clone(),
        name: "Ada".to_owned(),
        role: Role::User,
        password_hash: None,
        status: UserStatus::Active,
        email_verified_at: None,
    };
    assert!(app.state.stores.accounts.create_user(user).await.unwrap());
    email
}

/// All that an answer says, but for what is new in each, and the address that was typed.
async fn told(response: Response, email: &str) -> String {
    let status = response.status();
    let mut headers: Vec<String> = response
        .headers()
        .iter()
        .filter(|(name, _)| {
            !["date", "x-request-id", "content-security-policy", "content-length"].contains(&name.as_str())
        })
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    let id = response.headers().get("x-request-id").map(|id| id.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = response.text().await.unwrap().replace(&id, "[id]").replace(email, "[email]");
    format!("{status}\n{}\n{body}", headers.join("\n"))
}

/// Whoever guesses learns of no address whether it has an account: by no status, no header and no word.
#[tokio::test]
async fn nothing_that_is_told_says_whether_an_address_has_an_account() {
    let app = TestApp::start().await;
    let (known, shut, strange) = (app.user().await.email, app.user().await.email, without_password(&app).await);
    disable(&app.state.stores, &shut).await.unwrap();
    let unknown = app.visitor().email;
    let wrong = "wrong horse battery";
    let mut answers = Vec::new();
    for email in [&unknown, &known, &shut, &strange] {
        let visitor = app.visitor();
        let mut of_one = Vec::new();
        for request in [
            visitor.post("/api/auth/login").json(&json!({ "email": email, "password": wrong })),
            visitor.post("/api/auth/reset-password").json(&json!({ "email": email })),
            visitor.post("/api/auth/sign-in-link").json(&json!({ "email": email })),
            visitor.post_form("/sign-in", &[("email", email), ("password", wrong)]),
            visitor.post_form("/reset-password", &[("email", email)]),
            visitor.post_form("/sign-in/link", &[("email", email)]),
        ] {
            of_one.push(told(request.send().await.unwrap(), email).await);
        }
        answers.push(of_one);
    }
    assert!(answers[0][0].starts_with("401") && answers[0][1].starts_with("200"), "{:?}", answers[0]);
    for other in &answers[1..] {
        for (number, (one, other)) in answers[0].iter().zip(other).enumerate() {
            assert_eq!(one, other, "request {number}");
        }
    }
}
