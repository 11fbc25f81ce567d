//! Secrets stay where they are: every secret variable, and every secret of a user, is a canary, which must be in no answer, no
//! line of the log, no metric and no file. The services that are called repeat whatever they are sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method as AxumMethod, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use tempfile::TempDir;
use tessera::platform::redact::names_a_secret;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::doors::{Sent, TABLE, Thing};
use crate::fake_clerk::FakeClerk;
use crate::fake_smtp::FakeSmtp;
use crate::oidc::Browser;
use crate::program::Program;
use crate::servers::RedisServer;
use crate::support::User;

/// Variables whose address may have a password in it.
const ADDRESSES: [&str; 5] = ["SMTP_URL", "REDIS_URL", "MONGODB_URI", "DATABASE_URL", "CLOUDINARY_URL"];
/// What is called a key and is told to everybody.
const PUBLIC: [&str; 2] = ["CLERK_PUBLISHABLE_KEY", "CLERK_JWT_KEY"];
/// Those of a provider have names of the operator's choice.
const OF_PROVIDERS: &str = "OIDC_OTHER_CLIENT_SECRET";

/// Every variable that is a secret, as the list of all variables has them.
fn secret_variables() -> BTreeSet<String> {
    let all = include_str!("../../.env.example").lines().filter_map(|line| line.strip_prefix("# ")?.split_once('='));
    let names = all
        .map(|(name, _)| name)
        .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b"_0123456789".contains(&b)));
    let secret = |name: &&str| (names_a_secret(name) || ADDRESSES.contains(name)) && !PUBLIC.contains(name);
    names.filter(secret).chain([OF_PROVIDERS]).map(str::to_owned).collect()
}

/// The canaries, by what they are.
#[derive(Default)]
struct Canaries(BTreeMap<String, String>);

impl Canaries {
    /// A new one, and where it must not be.
    fn hatch(&mut self, what: &str) -> String {
        let canary = format!("canary{}", Uuid::new_v4().simple());
        self.add(what, &canary);
        canary
    }

    fn add(&mut self, what: &str, canary: &str) {
        assert!(canary.len() >= 16, "{what}: {canary} is in any text");
        self.0.insert(what.to_owned(), canary.to_owned());
        // As it would be sent by HTTP Basic, or kept in a field.
        self.0.insert(format!("{what}, as Base64"), BASE64_STANDARD.encode(canary).trim_end_matches('=').to_owned());
    }

    /// What of them is in a text, but for those that belong there.
    fn found_in(&self, place: &str, text: &[u8], but: &[&str]) -> Vec<String> {
        let text = String::from_utf8_lossy(text);
        let there =
            self.0.iter().filter(|(_, canary)| text.contains(canary.as_str()) && !but.contains(&canary.as_str()));
        there.map(|(what, canary)| format!("{what} in {place}: …{}…", around(&text, canary))).collect()
    }
}

fn around(text: &str, part: &str) -> String {
    let at = text.find(part).unwrap();
    let before: String = text[..at].chars().rev().take(160).collect::<Vec<_>>().into_iter().rev().collect();
    let after: String = text[at + part.len()..].chars().take(60).collect();
    format!("{before}<<{part}>>{after}").replace('\n', " ")
}

/// A service that refuses in turns, and repeats all that it was sent, in its body and in its headers.
struct Parrot {
    base: String,
    heard: Arc<AtomicUsize>,
    /// What secrets came by.
    said: Arc<std::sync::Mutex<String>>,
}

type Shared = (String, Arc<AtomicUsize>, Arc<std::sync::Mutex<String>>);

impl Parrot {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (heard, said) = (Arc::default(), Arc::default());
        let shared: Shared = (base.clone(), Arc::clone(&heard), Arc::clone(&said));
        tokio::spawn(
            async move { axum::serve(listener, Router::new().fallback(repeat).with_state(shared)).await.unwrap() },
        );
        Self { base, heard, said }
    }
}

async fn repeat(
    State((base, heard, all)): State<Shared>,
    method: AxumMethod,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path().ends_with("/.well-known/openid-configuration") {
        let at = |path: &str| format!("{base}/{path}");
        return Json(json!({
            "issuer": base, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"), "jwks_uri": at("keys"),
            "userinfo_endpoint": at("userinfo"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }))
        .into_response();
    }
    let number = heard.fetch_add(1, Ordering::SeqCst);
    let said: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))).collect();
    let said = format!("{method} {uri} {} {}", said.join(", "), String::from_utf8_lossy(&body));
    all.lock().unwrap().push_str(&said);
    let status = [401, 500, 400, 403, 429, 200, 404, 422][number % 8];
    let secret = ["authorization", "x-goog-api-key"].iter().find_map(|name| headers.get(*name));
    let secret = secret.cloned().unwrap_or_else(|| axum::http::HeaderValue::from_static("none"));
    let told = json!({
        "error": { "message": said, "type": said, "code": said, "status": said }, "message": said, "detail": said, "title": said,
        "name": said, "error_description": said, "errors": [{ "message": said, "long_message": said, "code": said }],
    });
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [("x-echo", secret.clone()), ("www-authenticate", secret), ("retry-after", "0".parse().unwrap())];
    // Not every service answers in JSON.
    if number % 3 == 2 {
        (status, headers, said).into_response()
    } else {
        (status, headers, Json(told)).into_response()
    }
}

/// All that a program writes.
fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all
    })
}

async fn run(arguments: &[&str], vars: &[(String, String)]) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    command.args(arguments).current_dir(folder.path()).env_clear();
    command
        .envs(vars.iter().map(|(name, value)| (name, value)))
        .env("DATA_DIR", folder.path())
        .env("SITE_ADDR", "127.0.0.1:0");
    let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    drop(folder);
    [output.stdout, output.stderr].concat()
}

fn owned(vars: &[(&str, String)]) -> Vec<(String, String)> {
    vars.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn files_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

/// Whoever walks, and what was found on the way.
struct Walk<'a> {
    canaries: &'a Canaries,
    found: Vec<String>,
    answers: usize,
}

impl Walk<'_> {
    async fn look(&mut self, place: &str, request: reqwest::RequestBuilder, but: &[&str]) -> String {
        let response = request.send().await.unwrap();
        self.answers += 1;
        let mut told = format!("{}\n", response.status());
        for (name, value) in response.headers() {
            // A session is given by its cookie: that is what it is for.
            if name != "set-cookie" {
                writeln!(told, "{name}: {}", String::from_utf8_lossy(value.as_bytes())).unwrap();
            }
        }
        let body = response.bytes().await.unwrap();
        self.found.extend(self.canaries.found_in(&format!("the headers of {place}"), told.as_bytes(), but));
        self.found.extend(self.canaries.found_in(place, &body, but));
        String::from_utf8_lossy(&body).into_owned()
    }
}

/// Every route, with what it wants and with what it does not, by everybody.
async fn walk_routes(walk: &mut Walk<'_>, program: &Program, main: &User, key: &User, password: &str) {
    let uuid = Uuid::now_v7().to_string();
    for (method, path, thing, sent, _) in TABLE {
        let named = match thing {
            Thing::Named(name) => (*name).to_owned(),
            _ => uuid.clone(),
        };
        let fill = |text: &str| {
            let fresh = format!("{}@example.org", Uuid::now_v7().simple());
            let text = ["{id}", "{token}", "{name}", "{number}", "{message}"]
                .iter()
                .fold(text.to_owned(), |text, part| text.replace(part, &named));
            let text = text.replace("{file}", "file").replace("{fresh}", &fresh).replace("{owner}", &main.email);
            text.replace("correct horse battery", password).replace("correct+horse+battery", password)
        };
        let address = fill(path);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let place = format!("{method} {path}");
        for who in [&User::new(program.addr), main, key] {
            // Whoever signs out here would be out.
            if *thing == Thing::Session && who.cookie.is_some() {
                continue;
            }
            let request = || who.request(method.clone(), &address);
            let (kind, good) = match sent {
                Sent::None => ("application/json", String::new()),
                Sent::Json(body) => ("application/json", fill(body)),
                Sent::Form(body) => ("application/x-www-form-urlencoded", fill(body)),
            };
            walk.look(&place, request().header(CONTENT_TYPE, kind).body(good.clone()), &[]).await;
            if method == Method::GET {
                let query = format!(
                    "{address}?limit={password}&cursor={password}&q={password}&next={password}&format={password}"
                );
                walk.look(&format!("{place} with a query"), who.get(&query), &[password]).await;
                continue;
            }
            let cut = good.get(..good.len().saturating_sub(1)).unwrap_or_default().to_owned();
            for (kind, body) in [
                ("application/json", cut.clone()),
                ("application/json", format!("{{\"password\":\"{password}\"")),
                ("application/json", format!("{{\"password\":\"{password}\",\"currentPassword\":[],\"email\":[]}}")),
                ("application/json", format!("[\"{password}\"")),
                ("text/plain", format!("password={password}")),
                (
                    "application/x-www-form-urlencoded",
                    format!("password={password}&password={password}&currentPassword={password}"),
                ),
                ("application/x-www-form-urlencoded", format!("email=%ff&newPassword={password}&password={password}")),
            ] {
                walk.look(&format!("{place} with {body:.20}"), request().header(CONTENT_TYPE, kind).body(body), &[])
                    .await;
            }
        }
    }
}

/// What is configured, with a canary in the place of each secret.
fn variables(canaries: &mut Canaries, base: &str, smtp: SocketAddr) -> Vec<(String, String)> {
    let webhook = canaries.hatch("REPLICATE_WEBHOOK_SECRET");
    let webhook = format!("whsec_{}", BASE64_STANDARD.encode(webhook));
    canaries.add("REPLICATE_WEBHOOK_SECRET, whole", &webhook);
    let mut vars = vec![
        ("RUST_LOG", "debug".to_owned()),
        ("LOG_FORMAT", "json".to_owned()),
        ("PUBLIC_URL", "https://chat.example.org".to_owned()),
        ("RATE_LIMIT_PER_MINUTE", "100000".to_owned()),
        ("CHAT_PROVIDERS", "openai,gemini,anthropic".to_owned()),
        ("CHAT_TIMEOUT_SECS", "2".to_owned()),
        ("IMAGE_TIMEOUT_SECS", "2".to_owned()),
        ("OPENAI_BASE_URL", format!("{base}/v1")),
        ("OPENAI_IMAGE_MODEL", "painter".to_owned()),
        ("GEMINI_BASE_URL", base.to_owned()),
        ("ANTHROPIC_BASE_URL", base.to_owned()),
        ("REPLICATE_BASE_URL", format!("{base}/v1")),
        ("REPLICATE_WEBHOOK_SECRET", webhook),
        ("IMAGE_PROVIDERS", "replicate,openai".to_owned()),
        ("CLOUDINARY_CLOUD_NAME", "mosaics".to_owned()),
        ("CLOUDINARY_BASE_URL", base.to_owned()),
        ("PAYPAL_CLIENT_ID", "client-of-a-test".to_owned()),
        ("PAYPAL_BASE_URL", base.to_owned()),
        ("PAYPAL_WEBHOOK_ID", "5GP028458E2496506".to_owned()),
        ("PAYPAL_WEBHOOK_CHECK", "postback".to_owned()),
        ("OIDC_OTHER_ISSUER", base.to_owned()),
        ("OIDC_OTHER_CLIENT_ID", "tessera".to_owned()),
        // The collector repeats what it is sent, too.
        ("OTEL_EXPORTER_OTLP_ENDPOINT", base.to_owned()),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            format!("authorization=Bearer%20{}", canaries.hatch("OTEL_EXPORTER_OTLP_HEADERS")),
        ),
    ];
    for name in [
        "OPENAI_API_KEY",
        "GEMINI_API_KEY",
        "ANTHROPIC_API_KEY",
        "REPLICATE_API_TOKEN",
        "CLOUDINARY_API_KEY",
        "CLOUDINARY_API_SECRET",
        "PAYPAL_CLIENT_SECRET",
        "METRICS_TOKEN",
        "BACKUP_KEY",
        "APP_SECRET",
        "APP_SECRET_OLD",
        // Named by a file of providers.
        "ROUTER_API_KEY",
        "ROUTER_TOKEN",
        OF_PROVIDERS,
    ] {
        vars.push((name, canaries.hatch(name)));
    }
    let secret = |name: &str| vars.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    // What HTTP Basic makes of the name of a client and its secret.
    for (what, pair) in [
        ("PAYPAL_CLIENT_SECRET, in Basic", format!("client-of-a-test:{}", secret("PAYPAL_CLIENT_SECRET"))),
        ("OIDC_OTHER_CLIENT_SECRET, in Basic", format!("tessera:{}", secret(OF_PROVIDERS))),
    ] {
        canaries.0.insert(what.to_owned(), BASE64_STANDARD.encode(pair));
    }
    let mail_password = canaries.hatch("SMTP_URL");
    vars.push(("SMTP_URL", format!("smtp://mailer:{mail_password}@{smtp}")));
    vars.push(("SIGN_UP_CONFIRM", "false".to_owned()));
    owned(&vars)
}

/// A user, their API key and the links that were mailed to them, with the secrets of all.
async fn hatch_user(
    canaries: &mut Canaries,
    addr: SocketAddr,
    smtp: &FakeSmtp,
    password: &str,
) -> (User, User, [String; 2]) {
    let mut user = User::new(addr);
    let body = json!({ "email": user.email, "password": password });
    let response = user.post("/api/auth/register").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
    user.keep_cookie(&response);
    canaries.add("a session", user.cookie.as_deref().unwrap().split_once('=').unwrap().1);
    let key = user.with_key(&json!({})).await;
    canaries.add("an API key", key.key.as_deref().unwrap());
    let verify = smtp.mail(&user.email, 1).await;
    assert_eq!(user.post_json("/api/auth/reset-password", &json!({ "email": user.email })).await.0, 200);
    let reset = smtp.mail(&user.email, 2).await;
    let links = [verify.link(), reset.link()];
    for (what, link) in [("a link to confirm", &links[0]), ("a link for a password", &links[1])] {
        canaries.add(what, link.rsplit('/').next().unwrap());
    }
    (user, key, links)
}

/// All that calls somebody, several times: they refuse in turns.
async fn use_services(walk: &mut Walk<'_>, user: &User, key: &User) {
    for number in 0..9 {
        walk.look("a reply", user.post("/api/chat").json(&json!({ "message": format!("hello {number}") })), &[]).await;
        walk.look("an image", user.post("/api/image").json(&json!({ "prompt": "a fox", "aspectRatio": "21:9" })), &[])
            .await;
        walk.look("a purchase", user.post("/api/credits/purchase").json(&json!({ "pack": "500" })), &[]).await;
        let report = json!({ "id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": {} });
        let report = user.post("/api/webhooks/paypal").json(&report).header("paypal-auth-algo", "SHA256withRSA");
        let report = report.header("paypal-cert-url", "https://api.paypal.com/v1/notifications/certs/CERT-1");
        let report = report.header("paypal-transmission-id", "1").header("paypal-transmission-sig", "AAAA");
        walk.look("a report of PayPal", report.header("paypal-transmission-time", "2026-01-01T00:00:00Z"), &[]).await;
        let v1 = json!({ "model": "tessera", "messages": [{ "role": "user", "content": "hello" }] });
        walk.look("a completion", key.post("/v1/chat/completions").json(&v1), &[]).await;
        let mut browser = Browser::to(user.addr);
        let to = browser.leave("/sign-in/other", &[("next", "/chat")]).await;
        let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let back = browser.get(&format!("/sign-in/other/callback?code=a-code&state={state}")).await;
        walk.answers += 1;
        let headers = format!("{:?}", back.headers());
        let told = format!("{headers} {}", back.text().await.unwrap());
        let found = walk.canaries.found_in("the way back from a provider", told.as_bytes(), &[]);
        walk.found.extend(found);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_to_anybody() {
    let (parrot, smtp) = (Parrot::start().await, FakeSmtp::start().await);
    let mut canaries = Canaries::default();
    let mut vars = variables(&mut canaries, &parrot.base, smtp.addr);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("providers.toml");
    let base_url = format!("{}/v1", parrot.base);
    let text = format!(
        "[[provider]]\nname = \"router\"\nkind = \"openai\"\nbase_url = \"{base_url}\"\nkey = \"ROUTER_API_KEY\"\n\
         headers = {{ \"X-Team\" = \"$ROUTER_TOKEN\" }}\nlist = true\n[[provider.model]]\nname = \"m\"\n"
    );
    std::fs::write(&file, text).unwrap();
    vars.push(("PROVIDERS_FILE".to_owned(), file.to_str().unwrap().to_owned()));
    let mut program = Program::start_with_log(vars.clone(), Stdio::piped).await;
    let log = collect(program.take_log().unwrap());
    let password = canaries.hatch("a password");
    let (user, key, links) = hatch_user(&mut canaries, program.addr, &smtp, &password).await;

    let mut walk = Walk { canaries: &canaries, found: Vec::new(), answers: 0 };
    // A link is on its own page: its form needs it.
    for link in &links {
        let token = link.rsplit('/').next().unwrap();
        let page = walk.look("the page of a link", user.get(link), &[token]).await;
        assert!(page.contains(token), "{page}");
        walk.look("a link in a query", user.get(&format!("/sign-in?next={link}")), &[token]).await;
    }
    use_services(&mut walk, &user, &key).await;
    for path in
        ["/readyz", "/healthz", "/api/providers", "/chat", "/images", "/dashboard", "/account", "/api/openapi.json"]
    {
        walk.look(path, user.get(path), &[]).await;
    }
    walk_routes(&mut walk, &program, &user, &key, &password).await;
    let metrics = walk
        .look("/metrics", User::new(program.addr).get("/metrics").bearer_auth(secret_of(&vars, "METRICS_TOKEN")), &[])
        .await;
    assert!(metrics.contains("tessera_"), "{metrics}");
    let Walk { mut found, answers, .. } = walk;
    assert!(answers > 1000, "only {answers} answers");

    let check = run(&["check"], &vars).await;
    assert!(String::from_utf8_lossy(&check).contains("paypal") || !check.is_empty());
    found.extend(canaries.found_in("tessera check", &check, &[]));
    // What they were all for: each was sent to whom it is for.
    let said = parrot.said.lock().unwrap().clone();
    for name in [
        "OPENAI_API_KEY",
        "GEMINI_API_KEY",
        "ANTHROPIC_API_KEY",
        "REPLICATE_API_TOKEN",
        "ROUTER_API_KEY",
        "ROUTER_TOKEN",
    ] {
        assert!(said.contains(&secret_of(&vars, name)), "{name} was sent to nobody");
    }
    for what in ["PAYPAL_CLIENT_SECRET, in Basic", "OIDC_OTHER_CLIENT_SECRET, in Basic"] {
        assert!(said.contains(&canaries.0[what]), "{what} was sent to nobody");
    }
    assert!(parrot.heard.load(Ordering::SeqCst) > 30);
    let mut files = Vec::new();
    files_below(program.data_dir(), &mut files);
    assert!(!files.is_empty());
    for file in files {
        found.extend(canaries.found_in(&file.display().to_string(), &std::fs::read(&file).unwrap(), &[]));
    }
    program.terminate();
    let log = spawn_blocking(move || log.join().unwrap()).await.unwrap();
    let lines = String::from_utf8_lossy(&log).lines().count();
    assert!(lines > 200, "only {lines} lines");
    assert!(String::from_utf8_lossy(&log).contains("DEBUG"), "at the level for debugging");
    found.extend(canaries.found_in("the log", &log, &[]));
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn secret_of(vars: &[(String, String)], name: &str) -> String {
    vars.iter().find(|(known, _)| known == name).unwrap().1.clone()
}

/// Those that exclude the others: Clerk, S3, Redis with a password that is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_clerk_or_of_the_stores_is_told() {
    let (parrot, redis) = (Parrot::start().await, RedisServer::start().await);
    let clerk = FakeClerk::start("http://localhost:3000", false).await;
    clerk.add_user("user_1", "ada@example.org", true);
    let mut canaries = Canaries::default();
    let mut vars: BTreeMap<String, String> =
        clerk.vars().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let signing = canaries.hatch("CLERK_WEBHOOK_SIGNING_SECRET");
    let redis_password = canaries.hatch("REDIS_URL");
    vars.extend(
        [
            ("RUST_LOG", "debug".to_owned()),
            ("CHAT_PROVIDERS", "openai".to_owned()),
            ("OPENAI_BASE_URL", parrot.base.clone()),
            ("CLERK_API_URL", parrot.base.clone()),
            ("CLERK_SECRET_KEY", format!("sk_live_{}", canaries.hatch("CLERK_SECRET_KEY"))),
            ("CLERK_WEBHOOK_SIGNING_SECRET", format!("whsec_{}", BASE64_STANDARD.encode(signing))),
            ("S3_BUCKET", "mosaics".to_owned()),
            ("S3_ACCESS_KEY_ID", "AKIAOFATEST".to_owned()),
            ("S3_SECRET_ACCESS_KEY", canaries.hatch("S3_SECRET_ACCESS_KEY")),
            ("S3_ENDPOINT", parrot.base.clone()),
            ("REDIS_URL", format!("redis://:{redis_password}@{}", redis.addr())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let vars: Vec<_> = vars.into_iter().collect();
    let mut program = Program::start_with_log(vars.clone(), Stdio::piped).await;
    let log = collect(program.take_log().unwrap());
    let token = clerk.signing().sign(&clerk.claims("user_1"));
    canaries.add("a session of Clerk", &token);
    let mut walk = Walk { canaries: &canaries, found: Vec::new(), answers: 0 };
    let visitor = User::new(program.addr);
    for _ in 0..9 {
        for path in ["/api/auth/me", "/chat", "/sign-in", "/account", "/images", "/readyz", "/api/credits"] {
            walk.look(path, visitor.get(path).bearer_auth(&token), &[]).await;
            walk.look(path, visitor.get(path).header("cookie", format!("__session={token}; __client_uat=1")), &[])
                .await;
        }
        let report = visitor.post("/api/webhooks/clerk").header("svix-id", "1").header("svix-timestamp", "1");
        walk.look("a report of Clerk", report.header("svix-signature", "v1,AAAA").body("{}"), &[]).await;
    }
    let mut found = walk.found;
    for arguments in [&["check"][..], &["check", "--storage"]] {
        found.extend(canaries.found_in(&arguments.join(" "), &run(arguments, &vars).await, &[]));
    }
    assert!(parrot.said.lock().unwrap().contains(&secret_of(&vars, "CLERK_SECRET_KEY")), "it was sent to nobody");
    program.terminate();
    let log = spawn_blocking(move || log.join().unwrap()).await.unwrap();
    assert!(log.len() > 2000);
    found.extend(canaries.found_in("the log", &log, &[]));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A server that cannot start says why, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_address_is_said_without_its_password() {
    let mut canaries = Canaries::default();
    let password = canaries.hatch("a password in an address");
    // Nobody listens there.
    let nobody = "127.0.0.1:9";
    let quick = "serverSelectionTimeoutMS=300&connectTimeoutMS=300";
    let mut found = Vec::new();
    for (name, value) in [
        ("MONGODB_URI", format!("mongodb://ada:{password}@{nobody}/tessera?{quick}")),
        ("DATABASE_URL", format!("mongodb://ada:{password}@{nobody}/tessera?{quick}")),
        ("MONGODB_URI", format!("mongodb://ada:{password}@{nobody}:x/?{quick}")),
        ("MONGODB_URI", format!("postgres://ada:{password}@{nobody}")),
        ("REDIS_URL", format!("redis://ada:{password}@{nobody}")),
        ("REDIS_URL", format!("http://ada:{password}@{nobody}")),
        ("SMTP_URL", format!("smtp://ada:{password}@{nobody}")),
        ("SMTP_URL", format!("imap://ada:{password}@{nobody}")),
        ("CLOUDINARY_URL", format!("cloudinary://123:{password}@mosaics")),
        ("CLOUDINARY_URL", format!("cloudinary:{password}")),
        ("PUBLIC_URL", format!("https://ada:{password}@chat.example.org")),
        ("OPENAI_BASE_URL", format!("http://ada:{password}@{nobody}/v1")),
        ("OPENAI_BASE_URL", format!("ftp://ada:{password}@{nobody}/v1")),
    ] {
        let mut vars = owned(&[("RUST_LOG", "debug".to_owned()), (name, value.clone())]);
        if name == "CLOUDINARY_URL" {
            vars.extend(owned(&[("CLOUDINARY_BASE_URL", format!("http://{nobody}"))]));
        }
        let told = run(&["check"], &vars).await;
        assert!(!told.is_empty(), "{name}");
        found.extend(canaries.found_in(&format!("check with {name}={value:.12}…"), &told, &[]));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What is not tried above is not known to stay secret: a new variable needs its canary.
#[test]
fn every_secret_variable_has_its_canary() {
    let source = include_str!("canaries.rs");
    let without: Vec<_> = secret_variables()
        .into_iter()
        .filter(|name| {
            source.matches(&format!("\"{name}\"")).count() <= usize::from(ADDRESSES.contains(&name.as_str()))
        })
        .collect();
    assert!(without.is_empty(), "{without:?}");
    assert!(secret_variables().len() > 12, "{:?}", secret_variables());
}

/// Nothing of the environment of whoever builds it is part of the program, but for the commit.
#[test]
fn nothing_of_the_environment_is_built_in() {
    let mut files = Vec::new();
    files_below(Path::new("src"), &mut files);
    let named = |text: &str| {
        let names = ["env!(\"", "option_env!(\""].map(|word| {
            text.split(word)
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        });
        names.concat()
    };
    let sources = files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "rs"));
    let names: BTreeSet<String> = sources.flat_map(|file| named(&std::fs::read_to_string(file).unwrap())).collect();
    let known = ["LEPTOS_OUTPUT_NAME", "TESSERA_COMMIT"];
    assert!(names.iter().all(|name| name.starts_with("CARGO_") || known.contains(&name.as_str())), "{names:?}");
}
