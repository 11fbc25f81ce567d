//! A server that speaks the parts of Clerk that this site meets: the keys, the handshake, the pages on which people sign in, and
//! the Backend API. It signs whatever it is told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{AUTHORIZATION, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

pub const SECRET_KEY: &str = "sk_test_hush-hush";
pub const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A key that tokens are signed with.
pub struct Signing {
    pub kid: &'static str,
    der: Vec<u8>,
    pem: String,
}

impl Signing {
    pub fn new(kid: &'static str) -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        Self { kid, pem: key.public_key_pem(), der: key.serialize_der() }
    }

    /// As PEM.
    pub fn public_key(&self) -> &str {
        &self.pem
    }

    /// Modulus and exponent.
    fn numbers(&self) -> (Vec<u8>, Vec<u8>) {
        let pair = RsaKeyPair::from_pkcs8(&self.der).unwrap();
        // SEQUENCE { INTEGER, INTEGER }, each with a length of several bytes or of one.
        let der = pair.public_key().as_ref().to_vec();
        let read = |at: usize| -> (usize, usize) {
            let first = usize::from(der[at + 1]);
            if first < 0x80 {
                return (at + 2, first);
            }
            let bytes = &der[at + 2..at + 2 + (first & 0x7F)];
            (at + 2 + bytes.len(), bytes.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)))
        };
        let (inner, _) = read(0);
        let (n_at, n_len) = read(inner);
        let (e_at, e_len) = read(n_at + n_len);
        let unsigned = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
        (unsigned(&der[n_at..n_at + n_len]), unsigned(&der[e_at..e_at + e_len]))
    }

    fn published(&self) -> Value {
        let (n, e) = self.numbers();
        let text = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({ "use": "sig", "kty": "RSA", "kid": self.kid, "alg": "RS256", "n": text(n), "e": text(e) })
    }

    /// A token of these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": "RS256", "typ": "JWT", "kid": self.kid, "cat": "cl_B7d4PD111AAA" }), claims)
    }

    /// With a header of its own.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = parts(header, claims);
        let pair = RsaKeyPair::from_pkcs8(&self.der).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn parts(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// What is signed by nobody.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.", parts(&json!({ "alg": "none", "typ": "JWT" }), claims))
}

/// Signed with the public key as if it were a secret.
pub fn signed_with_public_key(signing: &Signing, claims: &Value) -> String {
    let message = parts(&json!({ "alg": "HS256", "typ": "JWT", "kid": signing.kid }), claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, signing.pem.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes())))
}

#[derive(Default)]
pub struct World {
    /// As the Backend API answers.
    pub users: BTreeMap<String, Value>,
    pub revoked: Vec<String>,
    pub keys: Vec<Value>,
    /// The Backend API answers with this status.
    pub broken: Option<u16>,
}

pub struct Seen {
    world: Mutex<World>,
    pub key_fetches: AtomicUsize,
    pub user_fetches: AtomicUsize,
    pub signing: Signing,
    root: String,
    origin: String,
    is_development: bool,
}

pub struct FakeClerk {
    pub url: String,
    pub seen: Arc<Seen>,
    publishable_key: String,
}

pub fn now() -> i64 {
    tessera::platform::db::now_millis() / 1000
}

impl FakeClerk {
    /// An instance for the site at this origin.
    pub async fn start(origin: &str, is_development: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr: SocketAddr = listener.local_addr().unwrap();
        let url = format!("http://{addr}");
        let kind = if is_development { "pk_test_" } else { "pk_live_" };
        let publishable_key = format!("{kind}{}", BASE64_STANDARD_NO_PAD.encode(format!("{addr}$")));
        let signing = Signing::new("ins_1");
        let world = World { keys: vec![signing.published()], ..World::default() };
        let seen = Arc::new(Seen {
            world: Mutex::new(world),
            key_fetches: AtomicUsize::new(0),
            user_fetches: AtomicUsize::new(0),
            signing,
            root: url.clone(),
            origin: origin.to_owned(),
            is_development,
        });
        let router = Router::new()
            .route("/.well-known/jwks.json", get(show_keys))
            .route("/v1/users/{id}", get(show_user))
            .route("/v1/sessions/{id}/revoke", post(revoke))
            .route("/v1/client/handshake", get(handshake))
            .route("/sign-in", get(sign_in))
            .route("/sign-up", get(sign_in))
            .with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen, publishable_key }
    }

    /// The variables of a site that it signs people in to.
    pub fn vars(&self) -> Vec<(&str, &str)> {
        let secret_key = if self.seen.is_development { SECRET_KEY } else { "sk_live_hush-hush" };
        vec![
            ("CLERK_PUBLISHABLE_KEY", &self.publishable_key),
            ("CLERK_SECRET_KEY", secret_key),
            ("CLERK_WEBHOOK_SIGNING_SECRET", WEBHOOK_SECRET),
            ("CLERK_API_URL", &self.url),
            ("CLERK_FRONTEND_URL", &self.url),
            ("CLERK_ACCOUNTS_URL", &self.url),
        ]
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.seen.world.lock().unwrap()
    }

    pub fn signing(&self) -> &Signing {
        &self.seen.signing
    }

    /// A user with this address, verified or not.
    pub fn add_user(&self, id: &str, email: &str, is_verified: bool) {
        let status = if is_verified { "verified" } else { "unverified" };
        let user = json!({
            "id": id, "object": "user", "first_name": "Ada", "last_name": "Lovelace", "username": null,
            "primary_email_address_id": "idn_1",
            "email_addresses": [{ "id": "idn_1", "email_address": email, "verification": { "status": status } }],
            "public_metadata": {}, "banned": false, "locked": false, "created_at": 1_654_012_591_835_i64,
        });
        self.world().users.insert(id.to_owned(), user);
    }

    /// The claims of a good token.
    pub fn claims(&self, user: &str) -> Value {
        self.seen.claims(user)
    }

    pub fn token(&self, user: &str) -> String {
        self.seen.signing.sign(&self.claims(user))
    }

    /// The headers and the body of a report about a user.
    pub fn report(&self, kind: &str, user: &str) -> (Vec<(&'static str, String)>, String) {
        let data = self.world().users.get(user).cloned().unwrap_or_else(|| json!({ "id": user, "deleted": true }));
        let body =
            json!({ "type": kind, "object": "event", "timestamp": 1_767_225_600_000_i64, "data": data }).to_string();
        let (id, time) = (format!("msg_{}", uuid::Uuid::now_v7().simple()), now().to_string());
        let secret = BASE64_STANDARD.decode(WEBHOOK_SECRET.trim_start_matches("whsec_")).unwrap();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), format!("{id}.{time}.{body}").as_bytes());
        let signature = format!("v1,{}", BASE64_STANDARD.encode(tag));
        (vec![("svix-id", id), ("svix-timestamp", time), ("svix-signature", signature)], body)
    }

    /// Sends a report. Returns the status.
    pub async fn deliver(&self, to: SocketAddr, kind: &str, user: &str) -> u16 {
        let (headers, body) = self.report(kind, user);
        let mut request = reqwest::Client::new().post(format!("http://{to}/api/webhooks/clerk")).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.header("content-type", "application/json").send().await.unwrap().status().as_u16()
    }
}

impl Seen {
    fn claims(&self, user: &str) -> Value {
        let now = now();
        json!({
            "sub": user, "sid": format!("sess_{user}"), "iss": self.root, "azp": self.origin, "iat": now, "nbf": now - 10,
            "exp": now + 60, "fva": [0, -1], "sts": "active", "v": 2, "jti": "x", "pla": "u:free",
        })
    }
}

async fn show_keys(State(seen): State<Arc<Seen>>) -> Json<Value> {
    seen.key_fetches.fetch_add(1, Ordering::SeqCst);
    Json(json!({ "keys": seen.world.lock().unwrap().keys }))
}

fn is_ours(headers: &HeaderMap) -> bool {
    headers.get(AUTHORIZATION).is_some_and(|value| value.to_str().unwrap().starts_with("Bearer sk_"))
}

async fn show_user(State(seen): State<Arc<Seen>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    seen.user_fetches.fetch_add(1, Ordering::SeqCst);
    let world = seen.world.lock().unwrap();
    if let Some(status) = world.broken {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    match world.users.get(&id) {
        _ if !is_ours(&headers) => StatusCode::UNAUTHORIZED.into_response(),
        Some(user) => Json(user).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({ "errors": [{ "code": "resource_not_found" }] }))).into_response(),
    }
}

async fn revoke(State(seen): State<Arc<Seen>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if !is_ours(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    seen.world.lock().unwrap().revoked.push(id.clone());
    Json(json!({ "id": id, "object": "session", "status": "revoked" })).into_response()
}

/// Who is signed in at Clerk, by its own cookie.
fn at_home(seen: &Seen, jar: &CookieJar) -> Option<String> {
    let user = jar.get("__client")?.value().to_owned();
    let is_revoked = seen.world.lock().unwrap().revoked.contains(&format!("sess_{user}"));
    (!is_revoked).then_some(user)
}

fn redirect(to: &Url, cookies: Vec<String>) -> Response {
    let cookies: Vec<_> = cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)).collect();
    (StatusCode::TEMPORARY_REDIRECT, AppendHeaders(cookies), [(LOCATION, to.to_string())]).into_response()
}

type Parameters = Query<BTreeMap<String, String>>;

async fn handshake(State(seen): State<Arc<Seen>>, Query(query): Parameters, jar: CookieJar) -> Response {
    let mut back = Url::parse(&query["redirect_url"]).unwrap();
    assert!(query.contains_key("__clerk_hs_reason") && query.contains_key("suffixed_cookies"));
    let cookies = match at_home(&seen, &jar) {
        Some(user) => {
            let claims = seen.claims(&user);
            let token = seen.signing.sign(&claims);
            vec![
                format!("__session={token}; Path=/; SameSite=Lax"),
                format!("__client_uat={}; Path=/; SameSite=Lax", claims["iat"].as_i64().unwrap() - 1),
            ]
        }
        None => vec!["__session=; Path=/; Max-Age=0".to_owned(), "__client_uat=0; Path=/".to_owned()],
    };
    let browser = seen.is_development.then(|| "__clerk_db_jwt=dvb_1; Path=/".to_owned());
    let cookies: Vec<_> = cookies.into_iter().chain(browser).collect();
    let payload = seen
        .signing
        .sign_as(&json!({ "alg": "RS256", "typ": "JWT", "kid": "ins_1" }), &json!({ "handshake": cookies }));
    if seen.is_development {
        back.query_pairs_mut().append_pair("__clerk_handshake", &payload);
        return redirect(&back, vec![]);
    }
    redirect(&back, vec![format!("__clerk_handshake={payload}; Path=/; HttpOnly")])
}

/// Signs in whoever is named in the cookie `who`, at once.
async fn sign_in(State(seen): State<Arc<Seen>>, Query(query): Parameters, jar: CookieJar) -> Response {
    let mut back = Url::parse(&query["redirect_url"]).unwrap();
    let who = jar.get("who").map_or("user_1", |cookie| cookie.value()).to_owned();
    let mut cookies = vec![format!("__client={who}; Path=/; HttpOnly")];
    if seen.is_development {
        back.query_pairs_mut().append_pair("__clerk_db_jwt", "dvb_1");
    } else {
        // On the domain that both are on.
        cookies.push(format!("__client_uat={}; Path=/", now() - 1));
    }
    redirect(&back, cookies)
}
