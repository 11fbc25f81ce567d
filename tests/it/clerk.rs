//! Sign-in with Clerk: its tokens, its handshake, its reports.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use axum::http::header::{ACCEPT, AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE};
use futures::future::join_all;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tessera::account::server::oidc::store::Identity;
use tessera::account::server::sessions::UserStatus;
use tessera::platform::ids::IdentityId;

use crate::fake_clerk::{FakeClerk, Signing, now, signed_with_public_key, unsigned};
use crate::fake_oidc::FakeIdp;
use crate::support::TestApp;
use crate::token_prices::user_id;

const ORIGIN: &str = "http://localhost:3000";

async fn start_as(is_development: bool, more: &[(&str, &str)]) -> (FakeClerk, TestApp) {
    let clerk = FakeClerk::start(ORIGIN, is_development).await;
    let app = TestApp::start_with(&[&clerk.vars()[..], more].concat()).await;
    (clerk, app)
}

async fn start() -> (FakeClerk, TestApp) {
    let (clerk, app) = start_as(false, &[]).await;
    clerk.add_user("user_1", "ada@example.org", true);
    (clerk, app)
}

/// What `GET /api/auth/me` answers to a token in the header, or in the cookies.
async fn me(addr: SocketAddr, token: &str, in_cookie: bool) -> (u16, Value) {
    let request = Client::new().get(format!("http://{addr}/api/auth/me"));
    let request = if in_cookie {
        request.header(COOKIE, format!("__session={token}; __client_uat={}", now() - 100))
    } else {
        request.bearer_auth(token)
    };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_good_token_signs_in_by_header_and_by_cookie() {
    let (clerk, app) = start().await;
    let stranger = Signing::new("ins_1");
    let unknown = Signing::new("ins_2");
    let good = clerk.claims("user_1");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let sign = |claims: &Value| clerk.signing().sign(claims);
    let header = |change: Value| {
        let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": "ins_1" });
        header.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        clerk.signing().sign_as(&header, &good)
    };
    for in_cookie in [false, true] {
        let (status, body) = me(app.addr, &sign(&good), in_cookie).await;
        assert_eq!((status, &body["data"]["email"]), (200, &json!("ada@example.org")), "{body}");
        assert_eq!(body["data"]["name"], "Ada Lovelace");
        for (why, token) in [
            ("none", unsigned(&good)),
            ("the public key as a secret", signed_with_public_key(clerk.signing(), &good)),
            ("another key by the same name", stranger.sign(&good)),
            ("an unknown key", unknown.sign(&good)),
            ("texts for times", sign(&with("exp", json!((now() + 60).to_string())))),
            ("expired", sign(&with("exp", json!(now() - 6)))),
            ("not yet", sign(&with("nbf", json!(now() + 30)))),
            ("from the future", sign(&with("iat", json!(now() + 30)))),
            ("another origin", sign(&with("azp", json!("https://evil.example")))),
            ("no origin", sign(&with("azp", json!(null)))),
            ("another issuer", sign(&with("iss", json!("https://clerk.evil.example")))),
            ("pending", sign(&with("sts", json!("pending")))),
            ("a template", header(json!({ "cat": "cl_B7d4PD222AAA" }))),
            ("a machine", header(json!({ "cat": "cl_B7d4PD333AAA" }))),
            ("no such user", sign(&with("sub", json!("user_gone")))),
            ("another route", sign(&with("sub", json!("../sessions/sess_user_1")))),
            ("cut", sign(&good)[..100].to_owned()),
            ("nothing", "a.b.c".to_owned()),
        ] {
            let (status, body) = me(app.addr, &token, in_cookie).await;
            assert_eq!((status, &body["code"]), (401, &json!("unauthenticated")), "{why}: {body}");
        }
    }
    // Whoever makes up names of keys makes us ask once.
    for n in 0..50 {
        let token = unknown.sign_as(&json!({ "alg": "RS256", "typ": "JWT", "kid": format!("ins_x{n}") }), &good);
        assert_eq!(me(app.addr, &token, false).await.0, 401);
    }
    assert_eq!(clerk.seen.key_fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_key_needs_no_network() {
    let clerk = FakeClerk::start(ORIGIN, true).await;
    clerk.add_user("user_1", "ada@example.org", true);
    // As it is written in files of settings.
    let pem = clerk.signing().public_key().replace('\n', "\\n");
    let app = TestApp::start_with(&[&clerk.vars()[..], &[("CLERK_JWT_KEY", &pem)]].concat()).await;
    assert_eq!(me(app.addr, &clerk.token("user_1"), false).await.0, 200);
    assert_eq!(clerk.seen.key_fetches.load(Ordering::SeqCst), 0);
    assert_eq!(me(app.addr, &Signing::new("ins_1").sign(&clerk.claims("user_1")), false).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_first_by_any_way_has_one_account_and_one_grant() {
    let (clerk, app) = start().await;
    let token = clerk.token("user_1");
    let calls = join_all((0..20).map(|n| me(app.addr, &token, n % 2 == 0)));
    let reports = join_all((0..20).map(|_| clerk.deliver(app.addr, "user.created", "user_1")));
    let (calls, reports) = tokio::join!(calls, reports);
    assert!(calls.iter().all(|(status, _)| *status == 200), "{calls:?}");
    let ids: std::collections::HashSet<_> = calls.iter().map(|(_, body)| body["data"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{calls:?}");
    assert!(reports.iter().all(|status| *status == 200), "{reports:?}");
    let credits =
        Client::new().get(format!("http://{}/api/credits", app.addr)).bearer_auth(&token).send().await.unwrap();
    assert_eq!(credits.json::<Value>().await.unwrap()["data"]["available"], 10);
    app.assert_books_balance().await;
    // Who is known is not asked for again.
    let asked = clerk.seen.user_fetches.load(Ordering::SeqCst);
    assert_eq!(me(app.addr, &token, false).await.0, 200);
    assert_eq!(clerk.seen.user_fetches.load(Ordering::SeqCst), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_taken_in_any_order_and_only_from_clerk() {
    let (clerk, app) = start().await;
    // Before anything was heard of the user, and after they were deleted.
    assert_eq!(clerk.deliver(app.addr, "user.updated", "user_1").await, 200);
    let token = clerk.token("user_1");
    assert_eq!(me(app.addr, &token, false).await.1["data"]["role"], "USER");
    clerk.world().users.get_mut("user_1").unwrap()["public_metadata"] = json!({ "role": "ADMIN" });
    clerk.world().users.get_mut("user_1").unwrap()["first_name"] = json!("Augusta");
    let moved =
        json!([{ "id": "idn_1", "email_address": "augusta@example.org", "verification": { "status": "verified" } }]);
    clerk.world().users.get_mut("user_1").unwrap()["email_addresses"] = moved;
    for _ in 0..2 {
        assert_eq!(clerk.deliver(app.addr, "user.updated", "user_1").await, 200);
    }
    let (_, body) = me(app.addr, &token, false).await;
    assert_eq!((&body["data"]["role"], &body["data"]["name"]), (&json!("ADMIN"), &json!("Augusta Lovelace")));
    assert_eq!(body["data"]["email"], "augusta@example.org");

    // While it cannot be asked, Clerk is to report again.
    clerk.world().broken = Some(500);
    assert_eq!(clerk.deliver(app.addr, "user.updated", "user_1").await, 503);
    clerk.world().broken = None;

    // Deleted, and told so before what happened earlier.
    clerk.world().users.remove("user_1");
    for kind in ["user.deleted", "user.created", "user.updated", "user.deleted"] {
        assert_eq!(clerk.deliver(app.addr, kind, "user_1").await, 200, "{kind}");
    }
    assert_eq!(me(app.addr, &token, false).await.0, 401);
    for kind in ["session.created", "organization.created"] {
        assert_eq!(clerk.deliver(app.addr, kind, "user_1").await, 200, "{kind}");
    }

    let (headers, body) = clerk.report("user.created", "user_1");
    let send = async |change: (&str, &str), body: &str| {
        let mut request = Client::new().post(format!("http://{}/api/webhooks/clerk", app.addr)).body(body.to_owned());
        for (name, value) in &headers {
            request = request.header(*name, if *name == change.0 { change.1 } else { value });
        }
        request.header("content-type", "application/json").send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(("", ""), &body).await, 200);
    assert_eq!(send(("", ""), &format!("{body} ")).await, 401);
    assert_eq!(send(("svix-timestamp", "1767225600"), &body).await, 401);
    assert_eq!(send(("svix-signature", "v1,AAAA"), &body).await, 401);
    assert_eq!(send(("svix-id", "msg_1"), &body).await, 401);
}

/// A browser that keeps cookies, on whatever port they were set, and goes where it is sent.
struct Browser {
    app: SocketAddr,
    http: Client,
    cookies: BTreeMap<String, String>,
    /// Where it was, without the query.
    trail: Vec<String>,
}

impl Browser {
    fn new(app: SocketAddr) -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { app, http, cookies: BTreeMap::new(), trail: Vec::new() }
    }

    fn keep(&mut self, response: &Response) {
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The page at the end of the way.
    async fn open(&mut self, path: &str) -> Response {
        let mut url = url::Url::parse(&format!("{ORIGIN}{path}")).unwrap();
        self.trail.clear();
        for _ in 0..20 {
            let is_ours = url.origin().ascii_serialization() == ORIGIN;
            self.trail.push(format!("{}{}", if is_ours { "" } else { "clerk:" }, url.path()));
            let mut there = url.clone();
            if is_ours {
                there.set_host(Some("127.0.0.1")).unwrap();
                there.set_port(Some(self.app.port())).unwrap();
            }
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = self.http.get(there).header(ACCEPT, "text/html").header("sec-fetch-dest", "document");
            let response = request.header(COOKIE, cookies.join("; ")).send().await.unwrap();
            self.keep(&response);
            match response.headers().get(LOCATION) {
                Some(to) => url = url.join(to.to_str().unwrap()).unwrap(),
                None => return response,
            }
        }
        panic!("round in circles: {:?}", self.trail);
    }
}

async fn walk(is_development: bool) {
    let (clerk, app) = start_as(is_development, &[]).await;
    clerk.add_user("user_1", "ada@example.org", true);
    let mut browser = Browser::new(app.addr);
    let page = browser.open("/images?q=moth").await;
    assert_eq!(page.status(), 200, "{:?}", browser.trail);
    assert!(page.text().await.unwrap().contains("Ada Lovelace"));
    assert_eq!(browser.trail.last().unwrap(), "/images");
    assert!(browser.trail.contains(&"clerk:/sign-in".to_owned()), "{:?}", browser.trail);

    let account = browser.open("/account").await.text().await.unwrap();
    assert!(account.contains(&format!("{}/user", clerk.url)) && !account.contains("currentPassword"));
    // What the script that keeps the session fresh may ask.
    let chat = browser.open("/chat").await;
    let policy = chat.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains(&format!("connect-src 'self' {};", clerk.url)), "{policy}");

    // A minute later: Clerk knows the browser, which sees nothing of it.
    let mut old = clerk.claims("user_1");
    old["exp"] = json!(now() - 60);
    browser.cookies.insert("__session".to_owned(), clerk.signing().sign(&old));
    let page = browser.open("/chat").await;
    assert_eq!((page.status().as_u16(), browser.trail.last().unwrap().as_str()), (200, "/chat"));
    assert!(!browser.trail.contains(&"clerk:/sign-in".to_owned()), "{:?}", browser.trail);
    assert!(browser.trail.contains(&"clerk:/v1/client/handshake".to_owned()), "{:?}", browser.trail);

    // Whoever signs out is out at Clerk, too.
    let session = format!("__session={}; __client_uat={}; __clerk_db_jwt=dvb_1", clerk.token("user_1"), now() - 50);
    let out = app.visitor().post("/sign-out").header(COOKIE, session).send().await.unwrap();
    assert_eq!(out.status(), 303);
    assert_eq!(clerk.world().revoked, ["sess_user_1"]);
    browser.keep(&out);
    assert!(!browser.cookies.contains_key("__session"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_on_clerks_pages_and_comes_back_to_the_page_it_wanted() {
    walk(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_for_development_does_the_same_by_addresses() {
    walk(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_the_handshake_counts_only_if_clerk_signed_it() {
    let (clerk, app) = start().await;
    let cookies =
        json!({ "handshake": [format!("__session={}; Path=/", clerk.token("user_1")), "__client_uat=1; Path=/"] });
    let stranger = Signing::new("ins_1");
    let (ours, theirs) = (clerk.signing().sign(&cookies), stranger.sign(&cookies));
    let open = async |query: &str, cookie: &str| {
        let request = app.visitor().get(&format!("/sign-in?next=/chat{query}")).header(COOKIE, cookie);
        let response = request.header("sec-fetch-dest", "document").send().await.unwrap();
        let set: Vec<_> =
            response.headers().get_all(SET_COOKIE).iter().map(|c| c.to_str().unwrap().to_owned()).collect();
        set.iter().any(|cookie| cookie.starts_with("__session=ey"))
    };
    assert!(open("", &format!("__clerk_handshake={ours}")).await);
    assert!(!open("", &format!("__clerk_handshake={theirs}")).await);
    // Anybody can write an address, and would be signed in as themselves there.
    assert!(!open(&format!("&__clerk_handshake={ours}"), "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_clerk_there_are_no_passwords() {
    let (clerk, app) = start().await;
    let form = json!({ "email": "eve@example.org", "password": "correct horse battery" });
    for path in ["/api/auth/register", "/api/auth/login"] {
        let refused = app.visitor().post(path).json(&form).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{path}");
    }
    for path in ["/sign-in", "/sign-up"] {
        let form = [("email", "eve@example.org"), ("password", "correct horse battery"), ("next", "/images")];
        let sent = app.visitor().post_form(path, &form).send().await.unwrap();
        assert_eq!(
            (sent.status().as_u16(), sent.headers()[LOCATION].to_str().unwrap()),
            (303, &*format!("{path}?next=%2Fimages"))
        );
        let shown = app.visitor().get(path).header(ACCEPT, "text/html").send().await.unwrap();
        let to = shown.headers()[LOCATION].to_str().unwrap();
        assert!(to.starts_with(&format!("{}{path}?redirect_url=http", clerk.url)), "{to}");
    }
    // Nor another address than Clerk's, whoever has just signed in there.
    let token = clerk.token("user_1");
    for (path, body) in
        [("/api/account/email", json!({ "email": "eve@example.org" })), ("/api/account/verify-email", json!({}))]
    {
        let request = Client::new().post(format!("http://{}{path}", app.addr)).bearer_auth(&token).json(&body);
        assert_eq!(request.send().await.unwrap().status(), 403, "{path}");
    }
    // An API key of a user of Clerk works as ever.
    let key = json!({ "name": "program", "scopes": ["read"] });
    let made = Client::new()
        .post(format!("http://{}/api/account/keys", app.addr))
        .header(AUTHORIZATION, format!("Bearer {token}"));
    let made: Value = made.json(&key).send().await.unwrap().json().await.unwrap();
    let key = made["data"]["key"].as_str().unwrap();
    assert_eq!(me(app.addr, key, false).await.1["data"]["email"], "ada@example.org");
}

/// Neither is what was left of an erased account theirs again, nor is one that is shut joined.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_of_clerk_becomes_a_user_who_is_no_more_or_is_shut_out() {
    let clerk = FakeClerk::start(ORIGIN, false).await;
    let before = TestApp::start().await;
    let user = before.user().await;
    let app = before.start_beside(&clerk.vars()).await;
    let (accounts, identities) = (&app.state.stores.accounts, &app.state.stores.identities);
    let id = user_id(&user).await;
    assert!(accounts.verify_email(id, &user.email, 1).await.unwrap());
    clerk.add_user("user_2", &user.email, true);
    for status in [UserStatus::Disabled, UserStatus::Erasing] {
        assert!(accounts.change_status(id, UserStatus::Active, status).await.unwrap());
        assert_eq!(me(app.addr, &clerk.token("user_2"), false).await.0, 401, "{status:?}");
        assert_eq!(clerk.deliver(app.addr, "user.updated", "user_2").await, 200, "{status:?}");
        assert_eq!(identities.list(id).await.unwrap(), [], "{status:?}");
        assert!(accounts.change_status(id, status, UserStatus::Active).await.unwrap());
    }
    let gone = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab";
    let left = Identity {
        id: IdentityId::now_v7(),
        issuer: clerk.url.clone(),
        subject: "user_1".into(),
        user: gone.parse().unwrap(),
        shown_as: String::new(),
        created_at: 0,
    };
    identities.add(left).await.unwrap();
    clerk.add_user("user_1", "ada@example.org", true);
    let (status, body) = me(app.addr, &clerk.token("user_1"), false).await;
    assert_eq!(status, 200, "{body}");
    assert_ne!(body["data"]["id"], gone);
}

/// Who came by another provider would have an account that nobody is let in to.
#[tokio::test(flavor = "multi_thread")]
async fn where_clerk_signs_people_in_no_other_provider_does() {
    let (clerk, idp) = (FakeClerk::start(ORIGIN, false).await, FakeIdp::start().await);
    let others = idp.variables("ONE");
    let others: Vec<_> = others.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::start_with(&[&clerk.vars()[..], &others].concat()).await;
    let to = app.visitor().post_form("/sign-in/one", &[("next", "/chat")]).send().await.unwrap();
    assert_eq!(to.status(), 404);
    assert_eq!(app.visitor().get("/sign-in/one/callback?code=a&state=b").send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_from_before_is_its_verified_owners_and_nobody_elses() {
    let clerk = FakeClerk::start(ORIGIN, false).await;
    let before = TestApp::start().await;
    let user = before.user().await;
    let app = before.start_beside(&clerk.vars()).await;
    clerk.add_user("user_2", &user.email, false);
    let (status, body) = me(app.addr, &clerk.token("user_2"), false).await;
    assert_eq!((status, &body["code"]), (409, &json!("conflict")), "{body}");
    // Clerk knows that it is theirs: whoever made it without that knows a password, and has a key.
    let key = user.with_key(&json!({ "name": "program", "scopes": ["read"] })).await;
    assert_eq!(key.at(app.addr).get("/api/auth/me").send().await.unwrap().status(), 200);
    clerk.add_user("user_2", &user.email, true);
    let (status, body) = me(app.addr, &clerk.token("user_2"), false).await;
    assert_eq!((status, &body["data"]["email"]), (200, &json!(user.email)), "{body}");
    assert_eq!(key.at(app.addr).get("/api/auth/me").send().await.unwrap().status(), 401);
    assert_eq!(user.get("/api/auth/me").send().await.unwrap().status(), 401);
    // Without any address one is a user all the same.
    clerk.add_user("user_3", "x", false);
    clerk.world().users.get_mut("user_3").unwrap()["primary_email_address_id"] = json!(null);
    assert_eq!(me(app.addr, &clerk.token("user_3"), false).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deleted_at_clerk_is_erased_here_and_who_asks_for_it_has_just_signed_in() {
    let (clerk, app) = start().await;
    clerk.add_user("user_2", "bob@example.org", true);
    assert_eq!(me(app.addr, &clerk.token("user_1"), false).await.0, 200);
    assert_eq!(me(app.addr, &clerk.token("user_2"), false).await.0, 200);
    let erase = async |fva: Value| {
        let mut claims = clerk.claims("user_2");
        claims["fva"] = fva;
        let request = Client::new().delete(format!("http://{}/api/account", app.addr));
        let request =
            request.bearer_auth(clerk.seen.signing.sign(&claims)).json(&json!({ "email": "bob@example.org" }));
        request.send().await.unwrap().status().as_u16()
    };
    for long_ago in [json!([10, -1]), json!([-1, 0]), json!([]), Value::Null] {
        assert_eq!(erase(long_ago.clone()).await, 409, "{long_ago}");
    }
    assert_eq!(erase(json!([9, -1])).await, 202);
    let is_gone = async |email: &str| {
        let email = tessera::account::Email::parse(email).unwrap();
        for _ in 0..200 {
            if app.state.stores.accounts.find_user(&email).await.unwrap().is_none() {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        false
    };
    assert!(is_gone("bob@example.org").await);
    // They are still somebody there: here they begin anew, without the credits of a new account.
    let token = clerk.token("user_2");
    assert_eq!(me(app.addr, &token, false).await.0, 200);
    let credits = Client::new().get(format!("http://{}/api/credits", app.addr)).bearer_auth(&token);
    assert_eq!(credits.send().await.unwrap().json::<Value>().await.unwrap()["data"]["available"], 0);

    // Only who is gone there, too.
    assert_eq!(clerk.deliver(app.addr, "user.deleted", "user_1").await, 200);
    assert_eq!(me(app.addr, &clerk.token("user_1"), false).await.0, 200);
    clerk.world().users.remove("user_1");
    for _ in 0..2 {
        assert_eq!(clerk.deliver(app.addr, "user.deleted", "user_1").await, 200);
        assert_eq!(me(app.addr, &clerk.token("user_1"), false).await.0, 401);
    }
    assert!(is_gone("ada@example.org").await);
    assert_eq!(clerk.deliver(app.addr, "user.deleted", "user_1").await, 200);
}
