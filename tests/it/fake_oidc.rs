//! An identity provider that does whatever a test wants, also what none should. The part of its pages is played by the test:
//! [`FakeIdp::consent`] is what a person does there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tessera::platform::db::now_millis;
use tessera::platform::secret::new_secret;
use tokio::net::TcpListener;
use tokio::time::sleep;
use url::Url;

pub const CLIENT_ID: &str = "tessera & friends";
pub const CLIENT_SECRET: &str = "hush: 100% secret+";

/// How an ID token is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signing {
    #[default]
    Right,
    /// `alg` is `none`, and there is no signature.
    Nothing,
    /// HS256, with the public key as the secret.
    PublicKey,
    /// HS256, with the client's secret.
    Secret,
    /// A key that is not among those that are told, under the name of one that is.
    StrangersKey,
    /// A key that is not told, under a name that nobody knows.
    UnknownKid,
}

/// What is said in the next tokens, and how.
#[derive(Default, Clone)]
pub struct Script {
    pub signing: Signing,
    /// Set in the ID token; `null` takes away.
    pub claims: BTreeMap<&'static str, Value>,
    /// What userinfo says besides `sub`; there is none without.
    pub userinfo: Option<Value>,
    /// Set in the description; `null` takes away.
    pub metadata: BTreeMap<&'static str, Value>,
    /// The body of the answer to a code, in the place of a token.
    pub token_body: Option<String>,
    /// Every answer comes after so long.
    pub delay: Duration,
    /// Nothing works.
    pub down: bool,
}

/// A code that was given out.
struct Grant {
    query: BTreeMap<String, String>,
    claims: Value,
    used: bool,
}

struct Shared {
    issuer: String,
    key: Mutex<(String, Vec<u8>)>,
    script: Mutex<Script>,
    codes: Mutex<BTreeMap<String, Grant>>,
    tokens: Mutex<BTreeMap<String, String>>,
    described: AtomicU32,
    keys_asked: AtomicU32,
    used_twice: AtomicU32,
}

/// A running provider.
#[derive(Clone)]
pub struct FakeIdp(Arc<Shared>);

fn new_key() -> Vec<u8> {
    let rng = aws_lc_rs::rand::SystemRandom::new();
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap().as_ref().to_vec()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl FakeIdp {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let idp = Self(Arc::new(Shared {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            key: Mutex::new(("first".to_owned(), new_key())),
            script: Mutex::default(),
            codes: Mutex::default(),
            tokens: Mutex::default(),
            described: AtomicU32::new(0),
            keys_asked: AtomicU32::new(0),
            used_twice: AtomicU32::new(0),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(idp.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        idp
    }

    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The variables of a provider of this name.
    pub fn variables(&self, name: &str) -> Vec<(String, String)> {
        let of = |ending: &str, value: &str| (format!("OIDC_{name}_{ending}"), value.to_owned());
        vec![of("ISSUER", self.issuer()), of("CLIENT_ID", CLIENT_ID), of("CLIENT_SECRET", CLIENT_SECRET)]
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.0.script)
    }

    /// How often the description and the keys were asked for.
    pub fn asked(&self) -> (u32, u32) {
        (self.0.described.load(Ordering::SeqCst), self.0.keys_asked.load(Ordering::SeqCst))
    }

    /// How often a code came that had counted already.
    pub fn used_twice(&self) -> u32 {
        self.0.used_twice.load(Ordering::SeqCst)
    }

    /// What somebody does who signs in there: the path to which the browser is sent back, on our site.
    pub fn consent(&self, to: &Url, claims: &Value) -> String {
        let query: BTreeMap<_, _> = to.query_pairs().into_owned().collect();
        assert!(to.as_str().starts_with(&format!("{}/authorize?", self.issuer())), "{to}");
        assert_eq!(query["client_id"], CLIENT_ID);
        assert_eq!((&*query["response_type"], &*query["code_challenge_method"]), ("code", "S256"));
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"));
        let code = new_secret();
        let back = Url::parse(&query["redirect_uri"]).unwrap();
        let state = query["state"].clone();
        lock(&self.0.codes).insert(code.clone(), Grant { query, claims: claims.clone(), used: false });
        let answer = [("code", &*code), ("state", &*state), ("iss", self.issuer())];
        let answer = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
        format!("{}?{answer}", back.path())
    }

    /// The ID token that the code of this way back stands for. The code stays good.
    pub fn token_of(&self, back: &str) -> String {
        let back = Url::parse("http://localhost").unwrap().join(back).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let codes = lock(&self.0.codes);
        self.id_token(&codes[&code])
    }

    fn id_token(&self, grant: &Grant) -> String {
        let script = self.script().clone();
        let now = now_millis() / 1000;
        let mut claims = json!({
            "iss": self.issuer(), "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": grant.query["nonce"],
        });
        let set = claims.as_object_mut().unwrap();
        set.extend(grant.claims.as_object().unwrap().clone());
        for (name, value) in script.claims {
            set.insert(name.to_owned(), value);
        }
        set.retain(|_, value| !value.is_null());
        let (kid, key) = lock(&self.0.key).clone();
        let header = |alg, kid: String| Header { kid: Some(kid), ..Header::new(alg) };
        let signed = |header, key| encode(&header, &claims, &key).unwrap();
        match script.signing {
            Signing::Right => signed(header(Algorithm::ES256, kid), EncodingKey::from_ec_der(&key)),
            Signing::StrangersKey => signed(header(Algorithm::ES256, kid), EncodingKey::from_ec_der(&new_key())),
            Signing::UnknownKid => signed(header(Algorithm::ES256, new_secret()), EncodingKey::from_ec_der(&new_key())),
            Signing::PublicKey => {
                let public = serde_json::to_vec(&public_key(&key, &kid)).unwrap();
                signed(header(Algorithm::HS256, kid), EncodingKey::from_secret(&public))
            }
            Signing::Secret => {
                signed(header(Algorithm::HS256, kid), EncodingKey::from_secret(CLIENT_SECRET.as_bytes()))
            }
            Signing::Nothing => {
                let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
                format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims))
            }
        }
    }
}

fn public_key(key: &[u8], kid: &str) -> Value {
    let mut jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_der(key), Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    serde_json::to_value(jwk).unwrap()
}

/// Waits as the script says; an answer where nothing works.
async fn held_up(idp: &FakeIdp) -> Option<Response> {
    let Script { delay, down, .. } = idp.script().clone();
    sleep(delay).await;
    down.then(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
}

async fn describe(State(idp): State<FakeIdp>) -> Response {
    idp.0.described.fetch_add(1, Ordering::SeqCst);
    if let Some(answer) = held_up(&idp).await {
        return answer;
    }
    let issuer = idp.issuer();
    let mut described = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "authorization_response_iss_parameter_supported": true,
    });
    let set = described.as_object_mut().unwrap();
    set.extend(idp.script().metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    set.retain(|_, value| !value.is_null());
    Json(described).into_response()
}

async fn keys(State(idp): State<FakeIdp>) -> Response {
    idp.0.keys_asked.fetch_add(1, Ordering::SeqCst);
    if let Some(answer) = held_up(&idp).await {
        return answer;
    }
    let (kid, key) = lock(&idp.0.key).clone();
    // With some that we cannot know.
    let odd = [json!({ "kty": "post-quantum", "kid": "odd" }), json!({ "kty": "oct", "k": "AAAA", "kid": kid })];
    Json(json!({ "keys": [odd[0], odd[1], public_key(&key, &kid)] })).into_response()
}

fn refused(code: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": code }))).into_response()
}

async fn token(State(idp): State<FakeIdp>, headers: HeaderMap, Form(form): Form<BTreeMap<String, String>>) -> Response {
    if let Some(answer) = held_up(&idp).await {
        return answer;
    }
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let decoded = |text: &str| {
        let pairs = format!("a={text}");
        url::form_urlencoded::parse(pairs.as_bytes()).next().unwrap().1.into_owned()
    };
    let is_client = authorization.as_deref().and_then(|text| text.strip_prefix("Basic ")).is_some_and(|text| {
        let text = String::from_utf8(BASE64_STANDARD.decode(text).unwrap()).unwrap();
        let (id, secret) = text.split_once(':').unwrap();
        assert!(!id.contains(' ') && encoded(CLIENT_SECRET).len() >= CLIENT_SECRET.len());
        decoded(id) == CLIENT_ID && decoded(secret) == CLIENT_SECRET
    });
    let is_post = form.get("client_id").is_some_and(|id| id == CLIENT_ID)
        && form.get("client_secret").is_some_and(|secret| secret == CLIENT_SECRET);
    if !is_client && !is_post {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    if let Some(body) = idp.script().token_body.clone() {
        return body.into_response();
    }
    let mut codes = lock(&idp.0.codes);
    let Some(grant) = codes.get_mut(&form["code"]) else { return refused("invalid_grant") };
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if grant.used {
        idp.0.used_twice.fetch_add(1, Ordering::SeqCst);
    }
    let is_right = challenge == grant.query["code_challenge"] && form["redirect_uri"] == grant.query["redirect_uri"];
    if grant.used || !is_right || form["grant_type"] != "authorization_code" {
        return refused("invalid_grant");
    }
    grant.used = true;
    let access = new_secret();
    let subject = grant.claims["sub"].as_str().unwrap_or_default().to_owned();
    lock(&idp.0.tokens).insert(access.clone(), subject);
    Json(json!({ "id_token": idp.id_token(grant), "access_token": access, "token_type": "Bearer" })).into_response()
}

async fn userinfo(State(idp): State<FakeIdp>, headers: HeaderMap) -> Response {
    if let Some(answer) = held_up(&idp).await {
        return answer;
    }
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let subject = token.and_then(|token| lock(&idp.0.tokens).get(token).cloned());
    let Some(subject) = subject else { return StatusCode::UNAUTHORIZED.into_response() };
    let mut info = json!({ "sub": subject });
    let said = idp.script().userinfo.clone().unwrap_or_else(|| json!({}));
    info.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    Json(info).into_response()
}
