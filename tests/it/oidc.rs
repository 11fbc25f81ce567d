//! Signing in with identity providers: who becomes whom, and what a provider that lies, stalls or is another's can do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use reqwest::header::{ACCEPT_LANGUAGE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tessera::account::server::oidc::store::Identity;
use tessera::account::server::sessions::UserStatus;
use tessera::platform::ids::IdentityId;
use tokio::time::sleep;
use url::Url;

use crate::fake_oidc::{CLIENT_ID, FakeIdp, Signing};
use crate::fake_smtp::FakeSmtp;
use crate::mongod::{Kind, Mongod};
use crate::support::{PASSWORD, TestApp};
use crate::token_prices::user_id;

/// A browser: it keeps cookies.
#[derive(Clone)]
pub struct Browser {
    http: Client,
    origin: String,
    pub jar: BTreeMap<String, String>,
}

impl Browser {
    pub fn at(app: &TestApp) -> Self {
        Self::to(app.addr)
    }

    pub fn to(addr: SocketAddr) -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, origin: format!("http://{addr}"), jar: BTreeMap::new() }
    }

    pub async fn send(&mut self, request: RequestBuilder) -> Response {
        let cookies: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(COOKIE, cookies.join("; ")).send().await.unwrap();
        for set in response.headers().get_all(SET_COOKIE) {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if set.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    pub async fn get(&mut self, path: &str) -> Response {
        let request = self.http.get(format!("{}{path}", self.origin));
        self.send(request).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.post(format!("{}{path}", self.origin));
        self.send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }

    /// Presses a button of a provider: where the browser goes.
    pub async fn leave(&mut self, path: &str, fields: &[(&str, &str)]) -> Url {
        let response = self.post(path, fields).await;
        assert_eq!(response.status(), 200, "{:?}", response.headers().get(LOCATION));
        let refresh = response.headers()["refresh"].to_str().unwrap();
        Url::parse(refresh.strip_prefix("0; url=").unwrap()).unwrap()
    }

    /// Signs in, as far as the answer to the way back.
    pub async fn come_back(&mut self, idp: &FakeIdp, claims: &Value) -> Response {
        let to = self.leave("/sign-in/one", &[("next", "/images")]).await;
        let back = idp.consent(&to, claims);
        self.get(&back).await
    }

    /// Who is signed in.
    pub async fn me(&mut self) -> Option<Value> {
        let response = self.get("/api/auth/me").await;
        let body: Value = response.json().await.unwrap();
        body.get("data").cloned()
    }

    async fn credits(&mut self) -> Value {
        self.get("/api/credits").await.json::<Value>().await.unwrap()["data"].clone()
    }
}

pub fn location(response: &Response) -> String {
    assert_eq!(response.status(), 303);
    response.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// The word for what went wrong.
fn problem(response: &Response) -> String {
    let address = location(response);
    let url = Url::parse("http://localhost").unwrap().join(&address).unwrap();
    let found = url.query_pairs().find(|(name, _)| name == "problem");
    found.unwrap_or_else(|| panic!("{address}")).1.into_owned()
}

pub async fn start(idp: &FakeIdp, more: &[(&str, &str)]) -> TestApp {
    let vars = idp.variables("ONE");
    let vars = vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(more.iter().copied());
    TestApp::start_with(&vars.collect::<Vec<_>>()).await
}

fn ada() -> Value {
    json!({ "sub": "ada", "email": "ada@example.org", "email_verified": true, "name": "Ada" })
}

#[tokio::test]
async fn who_comes_from_a_provider_has_one_account_and_its_free_credits_once() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let mut browser = Browser::at(&app);
    let page = browser.get("/sign-in?next=%2Fimages").await.text().await.unwrap();
    assert!(page.contains("action=\"/sign-in/one\"") && page.contains("Continue with One"), "{page}");
    assert!(browser.get("/sign-up").await.text().await.unwrap().contains("action=\"/sign-in/one\""));
    let to = browser.leave("/sign-in/one", &[("next", "/images?q=1")]).await;
    let kept = browser.jar.clone();
    assert_eq!(kept.len(), 1);
    let back = idp.consent(&to, &ada());
    let response = browser.get(&back).await;
    assert_eq!(location(&response), "/images?q=1");
    assert!(!browser.jar.contains_key(kept.keys().next().unwrap()), "{:?}", browser.jar);
    let me = browser.me().await.unwrap();
    assert_eq!((&me["email"], &me["name"], &me["role"]), (&json!("ada@example.org"), &json!("Ada"), &json!("USER")));
    assert_eq!(browser.credits().await["available"], 10);
    // Another browser, another address by now, and the same person.
    let mut other = Browser::at(&app);
    let moved = json!({ "sub": "ada", "email": "new@example.org", "email_verified": true });
    assert_eq!(location(&other.come_back(&idp, &moved).await), "/images");
    assert_eq!(other.me().await.unwrap(), me);
    assert_eq!(other.credits().await["available"], 10);
    // It counted once: also for who has kept the cookie.
    let mut again = Browser { jar: kept, ..Browser::at(&app) };
    assert_eq!(problem(&again.get(&back).await), "expired");
    assert_eq!((idp.used_twice(), again.me().await), (1, None));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn an_address_counts_as_far_as_it_is_trusted() {
    let idp = FakeIdp::start().await;
    let admins = ("ADMIN_EMAILS", "root@example.org");
    for (trust, roles) in [
        ("verified", ["ADMIN", "ADMIN", "USER", "USER"]),
        ("absent", ["ADMIN", "ADMIN", "ADMIN", "USER"]),
        ("always", ["ADMIN", "ADMIN", "ADMIN", "ADMIN"]),
    ] {
        for (said, role) in [json!(true), json!("true"), Value::Null, json!(false)].into_iter().zip(roles) {
            let app = start(&idp, &[admins, ("OIDC_ONE_TRUST_EMAIL", trust)]).await;
            let mut browser = Browser::at(&app);
            let claims = json!({ "sub": "root", "email": "root@example.org", "email_verified": said });
            assert_eq!(location(&browser.come_back(&idp, &claims).await), "/images", "{trust} {said}");
            let me = browser.me().await.unwrap();
            assert_eq!(me["role"], role, "{trust} {said}");
            // An admin's address that is not trusted is nobody's: it stays free for the admin.
            assert_eq!(me["email"] == "root@example.org", role == "ADMIN", "{me}");
            // Any other is theirs as it would be with a password.
            let mut other = Browser::at(&app);
            let claims = json!({ "sub": "ada", "email": "Ada@Example.org", "email_verified": said });
            other.come_back(&idp, &claims).await;
            assert_eq!(other.me().await.unwrap()["email"], "ada@example.org");
        }
    }
}

#[tokio::test]
async fn who_has_no_address_has_an_account_too_and_userinfo_may_tell_it() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let mut nobody = Browser::at(&app);
    assert_eq!(location(&nobody.come_back(&idp, &json!({ "sub": "nobody" })).await), "/images");
    let me = nobody.me().await.unwrap();
    assert!(me["email"].as_str().unwrap().ends_with("@one.invalid"), "{me}");
    assert_eq!(nobody.credits().await["available"], 10);
    // Looks like another's, or is none.
    for (n, email) in ["\u{430}da@example.org", "ada", "ada@@example.org"].into_iter().enumerate() {
        let mut browser = Browser::at(&app);
        let claims = json!({ "sub": format!("odd{n}"), "email": email, "email_verified": true });
        assert_eq!(location(&browser.come_back(&idp, &claims).await), "/images");
        assert!(browser.me().await.unwrap()["email"].as_str().unwrap().ends_with("@one.invalid"));
    }
    idp.script().userinfo = Some(json!({ "email": "bob@example.org", "email_verified": "true" }));
    let mut bob = Browser::at(&app);
    bob.come_back(&idp, &json!({ "sub": "bob" })).await;
    assert_eq!(bob.me().await.unwrap()["email"], "bob@example.org");
    idp.script().userinfo = Some(json!({ "sub": "ada", "email": "ada@example.org", "email_verified": true }));
    let mut eve = Browser::at(&app);
    assert_eq!(problem(&eve.come_back(&idp, &json!({ "sub": "eve" })).await), "refused");
    assert_eq!(eve.me().await, None);
}

#[tokio::test]
async fn an_address_that_has_an_account_is_linked_once_its_owner_has_signed_in() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let owner = app.user().await;
    let claims = json!({ "sub": "ada", "email": owner.email, "email_verified": true });
    let mut browser = Browser::at(&app);
    let response = browser.come_back(&idp, &claims).await;
    assert_eq!(problem(&response), "sign-in-first");
    assert_eq!(browser.me().await, None);
    let page = location(&response);
    let shown = browser.get(&page).await.text().await.unwrap();
    assert!(shown.contains("already has an account"), "{shown}");
    let next = Url::parse("http://localhost").unwrap().join(&page).unwrap();
    let next = next.query_pairs().find(|(name, _)| name == "next").unwrap().1.into_owned();
    // Whoever signs in to another account has not been asked about it.
    let stranger = app.user().await;
    let mut other = browser.clone();
    let signed_in =
        other.post("/sign-in", &[("email", &stranger.email), ("password", PASSWORD), ("next", &next)]).await;
    assert_eq!(location(&signed_in), next);
    // By another address than the one that the page has, nothing comes of it.
    let forged = next.replacen("proof=", "proof=0", 1);
    assert_eq!(problem(&other.clone().get(&forged).await), "expired");
    assert_eq!(problem(&other.get(&next).await), "other-account");
    let mut again = Browser::at(&app);
    assert_eq!(problem(&again.come_back(&idp, &claims).await), "sign-in-first", "not linked yet");
    // Once more, and with the right one.
    let page = location(&browser.come_back(&idp, &claims).await);
    let next = Url::parse("http://localhost").unwrap().join(&page).unwrap();
    let next = next.query_pairs().find(|(name, _)| name == "next").unwrap().1.into_owned();
    let signed_in = browser.post("/sign-in", &[("email", &owner.email), ("password", PASSWORD), ("next", &next)]).await;
    assert_eq!(location(&signed_in), next);
    assert_eq!(location(&browser.get(&next).await), "/images");
    assert_eq!(problem(&browser.get(&next).await), "expired", "once");
    let mut later = Browser::at(&app);
    assert_eq!(location(&later.come_back(&idp, &claims).await), "/images");
    assert_eq!(later.me().await.unwrap()["email"], owner.email.as_str());
    app.assert_books_balance().await;
}

/// Whoever comes back after an account was erased is not its user again, with what was left of its credits.
#[tokio::test]
async fn nobody_becomes_a_user_who_is_no_more() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let gone = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab";
    let left = Identity {
        id: IdentityId::now_v7(),
        issuer: idp.issuer().into(),
        subject: "ada".into(),
        user: gone.parse().unwrap(),
        shown_as: String::new(),
        created_at: 0,
    };
    app.state.stores.identities.add(left).await.unwrap();
    let mut browser = Browser::at(&app);
    assert_eq!(location(&browser.come_back(&idp, &ada()).await), "/images");
    assert_ne!(browser.me().await.unwrap()["id"], gone);
}

/// Where both sides are sure whose an address is, there is nothing to ask.
#[tokio::test]
async fn an_address_that_is_verified_on_both_sides_is_linked_at_once() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let owner = app.user().await;
    let id = owner.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().parse().unwrap();
    assert!(app.state.stores.accounts.verify_email(id, &owner.email, 1).await.unwrap());
    for (subject, verified) in [("eve", json!(false)), ("mallory", Value::Null)] {
        let claims = json!({ "sub": subject, "email": owner.email, "email_verified": verified });
        assert_eq!(problem(&Browser::at(&app).come_back(&idp, &claims).await), "sign-in-first");
    }
    let mut browser = Browser::at(&app);
    let claims = json!({ "sub": "ada", "email": owner.email, "email_verified": true });
    assert_eq!(location(&browser.come_back(&idp, &claims).await), "/images");
    assert_eq!(browser.me().await.unwrap()["email"], owner.email.as_str());
    // One who came by a provider that vouched for the address has it verified; who did not, is asked for it.
    for (subject, verified) in [("new", true), ("other", false)] {
        let claims = json!({ "sub": subject, "email": format!("{subject}@example.org"), "email_verified": verified });
        Browser::at(&app).come_back(&idp, &claims).await;
        let user = app.state.stores.identities.find(idp.issuer(), subject).await.unwrap().unwrap();
        let user = app.state.stores.accounts.find_user_by_id(user).await.unwrap().unwrap();
        assert_eq!(user.email_verified_at.is_some(), verified, "{subject}");
    }
}

#[tokio::test]
async fn ways_to_sign_in_are_linked_and_unlinked_and_the_last_one_stays() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let owner = app.user().await;
    let mut browser = Browser::at(&app);
    browser.post("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await;
    let page = browser.get("/account").await.text().await.unwrap();
    assert!(page.contains("Link One") && !page.contains("Unlink"), "{page}");
    let claims = json!({ "sub": "ada", "email": "elsewhere@example.org" });
    let link = [("link", "one"), ("currentPassword", PASSWORD)];
    let ways = "/account/sign-in-methods";
    // Whoever is somebody else when they come back has asked for nothing.
    let to = browser.leave(ways, &link).await;
    let back = idp.consent(&to, &claims);
    let mut signed_out = browser.clone();
    signed_out.jar.remove("tessera_session");
    assert_eq!(problem(&signed_out.get(&back).await), "expired");
    assert_eq!(location(&browser.get(&back).await), "/account#ways");
    let page = browser.get("/account").await.text().await.unwrap();
    assert!(page.contains("Unlink") && page.contains("elsewhere@example.org") && !page.contains("Link One"), "{page}");
    let mut later = Browser::at(&app);
    later.come_back(&idp, &claims).await;
    assert_eq!(later.me().await.unwrap()["email"], owner.email.as_str());
    // One person of a provider is one account here.
    let other = app.user().await;
    let mut second = Browser::at(&app);
    second.post("/sign-in", &[("email", &other.email), ("password", PASSWORD)]).await;
    let to = second.leave(ways, &link).await;
    let response = second.get(&idp.consent(&to, &claims)).await;
    assert_eq!(problem(&response), "taken");
    let page = second.get(&location(&response)).await.text().await.unwrap();
    assert!(page.contains("already linked to another account"), "{page}");
    let unlink = async |browser: &mut Browser| {
        let page = browser.get("/account").await.text().await.unwrap();
        let id = page.split("name=\"unlink\"").nth(1).unwrap();
        let id = id.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        browser.post(ways, &[("unlink", &id), ("currentPassword", PASSWORD)]).await
    };
    // Its owner has a password besides.
    assert_eq!(location(&unlink(&mut browser).await), "/account#ways");
    assert_eq!(problem(&later.come_back(&idp, &json!({ "sub": "x", "email": owner.email })).await), "sign-in-first");
    // Who came by a provider has no other way, until there is a password.
    let mut newcomer = Browser::at(&app);
    let claims = json!({ "sub": "new", "email": "new@example.org" });
    newcomer.come_back(&idp, &claims).await;
    let refused = unlink(&mut newcomer).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("only way to sign in"));
    let weak = newcomer.post(ways, &[("newPassword", "password")]).await;
    assert_eq!(location(&weak), "/account?said=password-refused");
    assert_eq!(location(&newcomer.post(ways, &[("newPassword", PASSWORD)]).await), "/account#ways");
    assert_eq!(newcomer.post(ways, &[("newPassword", PASSWORD)]).await.status(), 409);
    let body = json!({ "email": "new@example.org", "password": PASSWORD });
    assert_eq!(app.visitor().post_json("/api/auth/login", &body).await.0, 200);
    assert_eq!(location(&unlink(&mut newcomer).await), "/account#ways");
    app.assert_books_balance().await;
}

/// Whoever shuts an account finds no other way into it when it is opened again.
#[tokio::test]
async fn nothing_becomes_a_way_into_an_account_that_is_shut() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let owner = app.user().await;
    let id = user_id(&owner).await;
    let accounts = &app.state.stores.accounts;
    assert!(accounts.verify_email(id, &owner.email, 1).await.unwrap());
    for status in [UserStatus::Disabled, UserStatus::Erasing] {
        assert!(accounts.change_status(id, UserStatus::Active, status).await.unwrap());
        let claims = json!({ "sub": "ada", "email": owner.email, "email_verified": true });
        assert_eq!(Browser::at(&app).come_back(&idp, &claims).await.status(), 403, "{status:?}");
        assert_eq!(app.state.stores.identities.list(id).await.unwrap(), [], "{status:?}");
        assert!(accounts.change_status(id, status, UserStatus::Active).await.unwrap());
    }
}

/// Whoever a provider vouches for without an address, and who has no password, is at no dead end.
#[tokio::test]
async fn who_has_neither_address_nor_password_gives_an_address_and_leaves_by_signing_in_again() {
    let (idp, smtp) = (FakeIdp::start().await, FakeSmtp::start().await);
    let app = start(&idp, &[("SMTP_URL", &smtp.url()), ("SIGN_UP_CONFIRM", "false")]).await;
    let mut browser = Browser::at(&app);
    let claims = json!({ "sub": "nobody" });
    browser.come_back(&idp, &claims).await;
    let stand_in = browser.me().await.unwrap()["email"].as_str().unwrap().to_owned();
    let page = browser.get("/account").await.text().await.unwrap();
    assert!(page.contains("This account has no email address yet.") && !page.contains("Send the link again"), "{page}");
    let form = page.split("action=\"/account/email\"").nth(1).unwrap().split("</form>").next().unwrap();
    assert!(form.contains("name=\"email\"") && !form.contains("currentPassword"), "{form}");
    // Nothing is sent to what is nobody's, and nobody is told that it was.
    assert_eq!(location(&browser.post("/account/verify-email", &[]).await), "/account");
    let database = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    let age = || database.execute("UPDATE sessions SET confirmed_at = confirmed_at - 700000", []).unwrap();
    age();
    let change = [("email", "nobody@example.org"), ("currentPassword", "")];
    for (path, fields) in [("/account/email", &change[..]), ("/account/erase", &[("email", &*stand_in)])] {
        let refused = browser.post(path, fields).await;
        assert_eq!(refused.status(), 409, "{path}");
        assert!(refused.text().await.unwrap().contains("sign out and sign in again first"), "{path}");
    }
    let refused = browser.post("/account/export/download", &[]).await;
    assert_eq!(location(&refused), "/account?said=sign-in-again#your-data");
    browser.come_back(&idp, &claims).await;
    assert_eq!(browser.post("/account/email", &change).await.status(), 200);
    let link = smtp.mail("nobody@example.org", 1).await.link();
    assert_eq!(browser.post(&link, &[]).await.status(), 200);
    assert_eq!(browser.me().await.unwrap()["email"], "nobody@example.org");
    assert!(smtp.received().iter().all(|mail| !mail.header("To").ends_with(".invalid")));
    assert_eq!(browser.post("/account/erase", &[("email", "nobody@example.org")]).await.status(), 303);
}

/// Whoever gets hold of a session, and adds a way in of their own, does so in secret nowhere.
#[tokio::test]
async fn an_owner_hears_of_each_way_to_sign_in_that_comes_or_goes() {
    let (idp, smtp) = (FakeIdp::start().await, FakeSmtp::start().await);
    let app = start(&idp, &[("SMTP_URL", &smtp.url()), ("SIGN_UP_CONFIRM", "false")]).await;
    let ways = "/account/sign-in-methods";
    let (mut told, mut stranger) = (Vec::new(), String::new());
    for is_confirmed in [true, false] {
        let owner = app.user().await;
        smtp.mail(&owner.email, 1).await;
        let id = user_id(&owner).await;
        if is_confirmed {
            assert!(app.state.stores.accounts.verify_email(id, &owner.email, 1).await.unwrap());
        }
        let mut browser = Browser::at(&app);
        browser.post("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await;
        let claims = json!({ "sub": owner.email, "email": "elsewhere@example.org" });
        // Once more, it is no news.
        for _ in 0..2 {
            let to = browser.leave(ways, &[("link", "one")]).await;
            assert_eq!(location(&browser.get(&idp.consent(&to, &claims)).await), "/account#ways");
        }
        let identity = app.state.stores.identities.list(id).await.unwrap().pop().unwrap();
        assert_eq!(location(&browser.post(ways, &[("unlink", &identity.id.to_string())]).await), "/account#ways");
        if is_confirmed {
            told = vec![smtp.mail(&owner.email, 2).await, smtp.mail(&owner.email, 3).await];
            assert_eq!(smtp.mails_to(&owner.email).len(), 3);
        }
        stranger = owner.email;
    }
    // Who comes for the first time has made nothing new to hear of.
    let mut newcomer = Browser::at(&app);
    newcomer.come_back(&idp, &json!({ "sub": "new", "email": "new@example.org", "email_verified": true })).await;
    assert_eq!(location(&newcomer.post(ways, &[("newPassword", PASSWORD)]).await), "/account#ways");
    told.push(smtp.mail("new@example.org", 1).await);
    // Where both sides are sure of the address, it is linked without a question, but not without a word.
    let mut other = Browser::at(&app);
    other.come_back(&idp, &json!({ "sub": "newer", "email": "new@example.org", "email_verified": true })).await;
    told.push(smtp.mail("new@example.org", 2).await);
    // Mails are sent beside each other.
    let mut texts: Vec<_> = told.iter().map(|mail| mail.text().lines().next().unwrap().to_owned()).collect();
    texts.sort_unstable();
    let [first_password, linked, again, unlinked] = &texts[..] else { panic!("{texts:?}") };
    assert!(first_password.starts_with("A password was set"), "{texts:?}");
    assert!(linked.starts_with("One was linked") && linked == again, "{texts:?}");
    assert!(unlinked.starts_with("One was unlinked"), "{texts:?}");
    assert!(told.iter().all(|mail| mail.header("Subject") == "Your sign-in methods changed"));
    // Whose address was never confirmed is perhaps another's.
    assert_eq!(smtp.mails_to(&stranger).len(), 1);
}

/// Enter in the field of the password, or a program that fills it in, must not take the first way in the list away.
#[tokio::test]
async fn no_button_of_several_is_pressed_by_enter() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let mut browser = Browser::at(&app);
    let owner = app.user().await;
    browser.post("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await;
    let to = browser.leave("/account/sign-in-methods", &[("link", "one")]).await;
    browser.get(&idp.consent(&to, &ada())).await;
    let id = user_id(&owner).await;
    assert!(app.state.stores.second_factors.begin(id, Vec::new(), 1).await.unwrap());
    assert!(app.state.stores.second_factors.confirm(id, Vec::new(), 0, Vec::new(), 1).await.unwrap());
    let page = browser.get("/account").await.text().await.unwrap();
    for action in ["/account/sign-in-methods", "/account/two-steps"] {
        let form = page.split(&format!("action=\"{action}\"")).nth(1).unwrap().split("</form>").next().unwrap();
        let buttons: Vec<_> = form.split("<button").skip(1).map(|text| text.split('>').next().unwrap()).collect();
        assert!(form.contains("currentPassword") && buttons.len() > 1, "{form}");
        assert!(buttons[0].contains("disabled") && !buttons[1].contains("disabled"), "{buttons:?}");
    }
}

#[tokio::test]
async fn without_a_password_nobody_signs_in_with_one() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    Browser::at(&app).come_back(&idp, &ada()).await;
    for password in [PASSWORD, " ", "$argon2id$"] {
        let body = json!({ "email": "ada@example.org", "password": password });
        assert_eq!(app.visitor().post_json("/api/auth/login", &body).await.0, 401, "{password:?}");
    }
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(app.visitor().post_json("/api/auth/register", &body).await.0, 409);
}

/// Whoever is at the browser of somebody who signed in long ago changes nothing without the password.
#[tokio::test]
async fn the_ways_to_sign_in_change_only_for_who_has_just_signed_in_or_knows_the_password() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let owner = app.user().await;
    let mut browser = Browser::at(&app);
    browser.post("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await;
    let database = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    let age = || database.execute("UPDATE sessions SET confirmed_at = confirmed_at - 700000", []).unwrap();
    age();
    let ways = "/account/sign-in-methods";
    assert_eq!(location(&browser.post(ways, &[("link", "one")]).await), "/account?said=confirm");
    let wrong = browser.post(ways, &[("link", "one"), ("currentPassword", "wrong horse")]).await;
    assert_eq!(location(&wrong), "/account?said=wrong-password");
    let to = browser.leave(ways, &[("link", "one"), ("currentPassword", PASSWORD)]).await;
    assert_eq!(location(&browser.get(&idp.consent(&to, &ada())).await), "/account#ways");
    age();
    // Also where the address has an account, and its owner is still signed in.
    let claims = json!({ "sub": "eve", "email": owner.email });
    let page = location(&browser.come_back(&idp, &claims).await);
    let on = location(&browser.get(&page).await);
    assert_eq!(problem(&browser.get(&on).await), "sign-in-again");
    let mut newcomer = Browser::at(&app);
    newcomer.come_back(&idp, &json!({ "sub": "new", "email": "new@example.org" })).await;
    age();
    assert_eq!(newcomer.post(ways, &[("newPassword", PASSWORD)]).await.status(), 409);
    newcomer.come_back(&idp, &json!({ "sub": "new" })).await;
    assert_eq!(location(&newcomer.post(ways, &[("newPassword", PASSWORD)]).await), "/account#ways");
}

async fn come_back_fifty_times(idp: &FakeIdp, app: &TestApp) {
    let answers = join_all((0..50).map(|_| async {
        let mut browser = Browser::at(app);
        let to = browser.leave("/sign-in/one", &[]).await;
        // Not trusted: none of them may take the others for somebody else with the same address.
        (idp.consent(&to, &json!({ "sub": "ada", "email": "ada@example.org" })), browser)
    }))
    .await;
    let came = join_all(answers.into_iter().map(|(back, mut browser)| async move {
        let response = browser.get(&back).await;
        (location(&response), browser.me().await, browser.credits().await["available"].clone())
    }))
    .await;
    let (_, me, _) = &came[0];
    for (to, who, available) in &came {
        assert_eq!((to.as_str(), who, available), ("/chat", me, &json!(10)));
    }
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_are_one_account_with_its_credits_once() {
    let idp = FakeIdp::start().await;
    come_back_fifty_times(&idp, &start(&idp, &[]).await).await;
    assert_eq!(idp.asked(), (1, 1), "the description and the keys are fetched once for all");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_are_one_account_over_mongodb() {
    let (idp, mongod) = (FakeIdp::start().await, Mongod::start(Kind::Standalone).await);
    come_back_fifty_times(&idp, &start(&idp, &[("MONGODB_URI", &mongod.uri())]).await).await;
}

#[tokio::test]
async fn another_server_goes_on_with_what_one_has_begun() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let vars = idp.variables("ONE");
    let vars: Vec<_> = vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let beside = app.start_beside(&vars).await;
    let mut browser = Browser::at(&app);
    let to = browser.leave("/sign-in/one", &[("next", "/images")]).await;
    let mut there = Browser { jar: browser.jar, ..Browser::at(&beside) };
    assert_eq!(location(&there.get(&idp.consent(&to, &ada())).await), "/images");
    assert_eq!(there.me().await.unwrap()["email"], "ada@example.org");
}

#[tokio::test]
async fn a_token_that_is_not_as_it_should_be_signs_nobody_in() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let now = tessera::platform::db::now_millis() / 1000;
    let mut browser = Browser::at(&app);
    let refuse = async |browser: &mut Browser, what: &str| {
        let response = browser.come_back(&idp, &ada()).await;
        assert_eq!(problem(&response), "refused", "{what}");
        assert_eq!(browser.me().await, None, "{what}");
    };
    for signing in [Signing::Nothing, Signing::PublicKey, Signing::Secret, Signing::StrangersKey] {
        idp.script().signing = signing;
        refuse(&mut browser, &format!("{signing:?}")).await;
    }
    idp.script().signing = Signing::Right;
    for (claim, value) in [
        ("iss", json!("https://other.example.org")),
        ("iss", json!([idp.issuer()])),
        ("aud", json!("another client")),
        ("aud", json!([CLIENT_ID, "another client"])),
        ("azp", json!("another client")),
        ("nonce", json!("of another sign-in")),
        ("nonce", Value::Null),
        ("exp", json!(now - 61)),
        ("exp", json!((now + 300).to_string())),
        ("exp", Value::Null),
        ("iat", json!(now + 120)),
        ("nbf", json!(now + 120)),
        ("sub", json!("")),
        ("sub", Value::Null),
    ] {
        idp.script().claims = BTreeMap::from([(claim, value.clone())]);
        refuse(&mut browser, &format!("{claim} {value}")).await;
    }
    idp.script().claims.clear();
    for body in ["", "{}", "[]", "{\"id_token\":7}", "{\"id_token\":\"a.b.c\"}", "{\"id_token\":\"..\"}"] {
        idp.script().token_body = Some(body.to_owned());
        refuse(&mut browser, body).await;
    }
    idp.script().token_body = Some("x".repeat(1024 * 1024));
    refuse(&mut browser, "no end").await;
    idp.script().token_body = None;
    // Nobody came to be anybody; and a clock may be a little wrong.
    assert!(app.state.stores.identities.find(idp.issuer(), "ada").await.unwrap().is_none());
    idp.script().claims = BTreeMap::from([("exp", json!(now - 30)), ("iat", json!(now + 30))]);
    assert_eq!(location(&browser.come_back(&idp, &ada()).await), "/images");
}

#[tokio::test]
async fn an_answer_that_is_not_for_this_browser_or_of_this_provider_is_not_taken() {
    let (idp, other) = (FakeIdp::start().await, FakeIdp::start().await);
    let vars = [idp.variables("ONE"), other.variables("TWO")].concat();
    let vars: Vec<_> = vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::start_with(&vars).await;
    // Whoever sends somebody the way back of their own sign-in signs them in to nothing.
    let mut attacker = Browser::at(&app);
    let to = attacker.leave("/sign-in/one", &[]).await;
    let back = idp.consent(&to, &ada());
    let mut victim = Browser::at(&app);
    assert_eq!(problem(&victim.get(&back).await), "expired");
    victim.leave("/sign-in/one", &[]).await;
    assert_eq!(problem(&victim.get(&back).await), "expired", "with a sign-in of their own under way");
    // An answer of one is none of the other: by its issuer, by its path, and by saying nothing.
    let without = |back: &str, name: &str| {
        let (path, query) = back.split_once('?').unwrap();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key != name);
        format!("{path}?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    };
    let to = victim.leave("/sign-in/one", &[]).await;
    let back = idp.consent(&to, &ada());
    let of_other = format!("{}&iss={}", without(&back, "iss"), other.issuer());
    assert_eq!(problem(&victim.clone().get(&of_other).await), "refused");
    assert_eq!(problem(&victim.clone().get(&without(&back, "iss")).await), "refused");
    assert_eq!(problem(&victim.clone().get(&back.replacen("/one/", "/two/", 1)).await), "expired");
    assert_eq!(problem(&victim.clone().get(&without(&back, "state")).await), "expired");
    assert_eq!(problem(&victim.clone().get(&without(&back, "code")).await), "refused");
    assert_eq!(problem(&victim.clone().get(&format!("{back}&code=two")).await), "expired");
    assert_eq!(victim.me().await, None);
    // Several sign-ins may be under way in one browser.
    let second = victim.leave("/sign-in/two", &[("next", "/dashboard")]).await;
    assert_eq!(location(&victim.get(&back).await), "/chat");
    let at_other = other.consent(&second, &json!({ "sub": "ada", "email": "other@example.org" }));
    assert_eq!(location(&victim.get(&at_other).await), "/dashboard");
    // The same subject of another issuer is somebody else.
    assert_eq!(victim.me().await.unwrap()["email"], "other@example.org");
}

#[tokio::test]
async fn keys_that_nobody_knows_are_asked_for_once_a_minute_at_most() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    idp.script().signing = Signing::UnknownKid;
    for _ in 0..10 {
        assert_eq!(problem(&Browser::at(&app).come_back(&idp, &ada()).await), "refused");
    }
    assert_eq!(idp.asked(), (1, 1));
    idp.script().signing = Signing::Right;
    assert_eq!(location(&Browser::at(&app).come_back(&idp, &ada()).await), "/images");
}

#[tokio::test]
async fn a_provider_that_is_down_when_the_server_starts_is_found_later() {
    let idp = FakeIdp::start().await;
    idp.script().down = true;
    let app = start(&idp, &[]).await;
    let mut browser = Browser::at(&app);
    assert_eq!(browser.get("/sign-in").await.status(), 200);
    for _ in 0..5 {
        let response = browser.post("/sign-in/one", &[]).await;
        assert_eq!(problem(&response), "unavailable");
        let page = browser.get(&location(&response)).await.text().await.unwrap();
        assert!(page.contains("One can’t be reached"), "{page}");
    }
    // With one more attempt each time that it is asked at all.
    assert!(idp.asked().0 <= 4, "{:?}", idp.asked());
    idp.script().down = false;
    while browser.post("/sign-in/one", &[]).await.status() != 200 {
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(location(&browser.come_back(&idp, &ada()).await), "/images");
}

#[tokio::test]
async fn a_description_of_another_issuer_or_without_end_is_not_believed() {
    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("token_endpoint", Value::Null),
        ("filler", json!("x".repeat(1024 * 1024))),
    ] {
        let idp = FakeIdp::start().await;
        idp.script().metadata = BTreeMap::from([(name, value)]);
        let app = start(&idp, &[]).await;
        assert_eq!(problem(&Browser::at(&app).post("/sign-in/one", &[]).await), "refused", "{name}");
    }
}

#[tokio::test]
async fn a_slow_provider_keeps_only_those_who_wait_for_it() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    let mut browser = Browser::at(&app);
    let to = browser.leave("/sign-in/one", &[]).await;
    let back = idp.consent(&to, &ada());
    idp.script().delay = Duration::from_mins(1);
    let waiting = tokio::spawn(async move { problem(&browser.get(&back).await) });
    let user = app.user().await;
    assert_eq!(user.get_json("/api/credits").await.0, 200);
    assert_eq!(waiting.await.unwrap(), "unavailable");
}

#[tokio::test]
async fn what_a_provider_refuses_is_said_on_the_page_in_both_languages() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    for (error, expected, in_english, in_chinese) in [
        ("access_denied", "denied", "You weren’t signed in with One", "未能使用 One 登录"),
        ("temporarily_unavailable", "unavailable", "One can’t be reached", "暂时无法连接 One"),
        ("invalid_scope", "refused", "couldn’t be verified", "无法验证 One 的响应"),
        ("<script>alert(1)</script>", "refused", "couldn’t be verified", "无法验证 One 的响应"),
    ] {
        let mut browser = Browser::at(&app);
        let to = browser.leave("/sign-in/one", &[("next", "/images")]).await;
        let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let answer = [("error", error), ("error_description", "<b>no</b>"), ("state", &*state), ("iss", idp.issuer())];
        let answer = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
        let response = browser.get(&format!("/sign-in/one/callback?{answer}")).await;
        assert_eq!(problem(&response), expected, "{error}");
        let address = location(&response);
        assert!(address.contains("next=%2Fimages"), "{address}");
        let page = browser.get(&address).await;
        assert_eq!(page.status(), 200);
        let page = page.text().await.unwrap();
        assert!(page.contains(in_english) && !page.contains("<b>no") && !page.contains("<script>alert"), "{page}");
        let request = app.visitor().get(&address).header(ACCEPT_LANGUAGE, "zh-CN");
        assert!(request.send().await.unwrap().text().await.unwrap().contains(in_chinese), "{error}");
    }
    // Words that are none, and providers that are not there, say nothing.
    for address in ["/sign-in?problem=hacked&with=one", "/sign-in?problem=denied&with=two"] {
        let page = app.visitor().get(address).send().await.unwrap().text().await.unwrap();
        assert!(!page.contains("You weren’t signed in") && !page.contains("hacked"), "{address}");
    }
}

#[tokio::test]
async fn a_client_says_who_it_is_as_the_provider_takes_it() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[]).await;
    assert_eq!(location(&Browser::at(&app).come_back(&idp, &ada()).await), "/images");
    idp.script().metadata =
        BTreeMap::from([("token_endpoint_auth_methods_supported", json!(["client_secret_post", "private_key_jwt"]))]);
    let app = start(&idp, &[]).await;
    assert_eq!(location(&Browser::at(&app).come_back(&idp, &ada()).await), "/images");
    idp.script().metadata = BTreeMap::from([("token_endpoint_auth_methods_supported", json!(["private_key_jwt"]))]);
    let app = start(&idp, &[]).await;
    assert_eq!(problem(&Browser::at(&app).come_back(&idp, &ada()).await), "refused");
}

#[tokio::test]
async fn over_tls_the_cookies_are_of_this_host_only() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[("PUBLIC_URL", "https://chat.example.org")]).await;
    let response =
        app.visitor().post_form("/sign-in/one", &[]).header("host", "chat.example.org").send().await.unwrap();
    let set = response.headers()[SET_COOKIE].to_str().unwrap();
    assert!(set.starts_with("__Host-tessera_leaving_"), "{set}");
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=900"] {
        assert!(set.contains(part), "{part} in {set}");
    }
    let refresh = response.headers()["refresh"].to_str().unwrap();
    assert!(refresh.contains("redirect_uri=https%3A%2F%2Fchat.example.org%2Fsign-in%2Fone%2Fcallback"), "{refresh}");
}

#[tokio::test]
async fn sign_ins_from_one_address_are_limited() {
    let idp = FakeIdp::start().await;
    let app = start(&idp, &[("RATE_LIMIT_PER_MINUTE", "8")]).await;
    for n in 0..8 {
        let claims = json!({ "sub": format!("person {n}") });
        assert_eq!(location(&Browser::at(&app).come_back(&idp, &claims).await), "/images");
    }
    assert_eq!(Browser::at(&app).post("/sign-in/one", &[]).await.status(), 429);
}
