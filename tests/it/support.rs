//! The program as tests meet it: whole, on a port of its own, with a database of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use leptos::config::LeptosOptions;
use reqwest::header::{ACCEPT, COOKIE, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::serve;
use tessera::app::state::AppState;
use tessera::payments::server::provider::PaymentProvider;
use tessera::platform::sse::{SseEvent, SseParser};
use uuid::Uuid;

use crate::fake_openai::FakeOpenAi;
use crate::fake_provider::FakeProvider;

/// A running server.
pub struct TestApp {
    pub addr: SocketAddr,
    pub state: AppState,
    pub upstream: Arc<FakeOpenAi>,
    data: Arc<TempDir>,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With these variables besides those that every test has.
    pub async fn start_with(vars: &[(&str, &str)]) -> Self {
        let data = Arc::new(TempDir::new().unwrap());
        Self::start_over(data, Arc::new(FakeOpenAi::start().await), vars, None).await
    }

    /// With somebody who takes money.
    pub async fn start_selling(vars: &[(&str, &str)]) -> (Self, Arc<FakeProvider>) {
        let (data, provider) = (Arc::new(TempDir::new().unwrap()), Arc::new(FakeProvider::default()));
        let upstream = Arc::new(FakeOpenAi::start().await);
        (Self::start_over(data, upstream, vars, Some(provider.clone())).await, provider)
    }

    /// A second server with the same database.
    pub async fn start_beside(&self, vars: &[(&str, &str)]) -> Self {
        Self::start_over(self.data.clone(), self.upstream.clone(), vars, None).await
    }

    async fn start_over(
        data: Arc<TempDir>,
        upstream: Arc<FakeOpenAi>,
        vars: &[(&str, &str)],
        seller: Option<Arc<FakeProvider>>,
    ) -> Self {
        let config = config(&data, &upstream.base_url(), vars);
        let state = match seller {
            Some(seller) => {
                AppState::build_with(config, site_options(), Some(seller as Arc<dyn PaymentProvider>)).await
            }
            None => AppState::build(config, site_options()).await,
        };
        let state = state.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(serve::run(state.clone(), listener));
        Self { addr, state, upstream, data }
    }

    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Nobody, yet.
    pub fn visitor(&self) -> User {
        User::new(self.addr)
    }

    /// A new user with the free credits.
    pub async fn user(&self) -> User {
        let mut user = self.visitor();
        user.register().await;
        user
    }

    pub async fn assert_books_balance(&self) {
        assert_audit_is_clean(self.state.stores.credits.as_ref()).await;
    }
}

pub async fn assert_audit_is_clean(credits: &dyn tessera::credits::server::store::CreditStore) {
    let report = credits.audit().await.unwrap();
    assert!(report.drifts.is_empty(), "{:#?}", report.drifts);
}

pub fn config(data: &TempDir, upstream: &str, vars: &[(&str, &str)]) -> Config {
    let mut all = BTreeMap::from([
        ("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned()),
        ("OPENAI_BASE_URL".to_owned(), upstream.to_owned()),
        ("OPENAI_API_KEY".to_owned(), "sk-test-key".to_owned()),
        ("OPENAI_MODEL".to_owned(), "fake-model".to_owned()),
        ("CHAT_PROVIDERS".to_owned(), "openai".to_owned()),
        ("RATE_LIMIT_PER_MINUTE".to_owned(), "1000".to_owned()),
        ("APP_SECRET".to_owned(), "the secret of all servers of the tests".to_owned()),
        // Tests ask the same again and again.
        ("CHAT_CACHE".to_owned(), "off".to_owned()),
    ]);
    all.extend(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::from_vars(&all).unwrap()
}

pub fn site_options() -> LeptosOptions {
    LeptosOptions::builder().output_name("tessera").site_root("target/site-of-tests").build()
}

/// A client with its own cookie.
#[derive(Clone)]
pub struct User {
    pub addr: SocketAddr,
    pub http: Client,
    pub email: String,
    pub cookie: Option<String>,
    /// Sent instead of the cookie.
    pub key: Option<String>,
}

pub const PASSWORD: &str = "correct horse battery";

/// A picture of one pixel.
pub const PNG_URL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

impl User {
    pub fn new(addr: SocketAddr) -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { addr, http, email: format!("{}@example.org", Uuid::now_v7().simple()), cookie: None, key: None }
    }

    /// The same user at another server.
    pub fn at(&self, addr: SocketAddr) -> Self {
        Self { addr, ..self.clone() }
    }

    /// Every request on a connection of its own.
    pub fn without_keep_alive(addr: SocketAddr) -> Self {
        let http = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { http, ..Self::new(addr) }
    }

    pub async fn register(&mut self) {
        let body = json!({"email": self.email, "password": PASSWORD, "name": "Ada"});
        let response = self.post("/api/auth/register").json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED, "{}", response.text().await.unwrap());
        self.keep_cookie(&response);
    }

    /// The same user as a program: with a new API key of these properties.
    pub async fn with_key(&self, properties: &Value) -> Self {
        let mut body = json!({ "name": "A program" });
        body.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
        let (status, made) = self.post_json("/api/account/keys", &body).await;
        assert_eq!(status, 201, "{made}");
        Self { key: Some(made["data"]["key"].as_str().unwrap().to_owned()), ..self.clone() }
    }

    pub fn keep_cookie(&mut self, response: &Response) {
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("http://{}{path}", self.addr));
        match (&self.key, &self.cookie) {
            (Some(key), _) => request.bearer_auth(key),
            (None, Some(cookie)) => request.header(COOKIE, cookie),
            (None, None) => request,
        }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// What a browser sends for a form.
    pub fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.post(path).header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// Status and JSON of a GET.
    pub async fn get_json(&self, path: &str) -> (u16, Value) {
        answer(self.get(path)).await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(self.post(path).json(body)).await
    }

    /// Sends a message and waits for the whole answer.
    pub async fn chat(&self, message: &str) -> (u16, Value) {
        self.post_json("/api/chat", &json!({"message": message})).await
    }

    /// Sends a message and reads the events as they come.
    pub async fn chat_stream(&self, body: &Value) -> EventReader {
        let response = self.post("/api/chat").header(ACCEPT, "text/event-stream").json(body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        EventReader::new(response)
    }

    /// Watches a reply, from the start or after an event.
    pub async fn watch(&self, id: &str, last_event_id: Option<&str>) -> EventReader {
        let mut request = self.get(&format!("/api/chat/{id}/events"));
        if let Some(last) = last_event_id {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        EventReader::new(response)
    }

    /// The balance: what its lots are, `ledger.rs` asks.
    pub async fn credits(&self) -> Value {
        let mut credits = self.get_json("/api/credits").await.1["data"].take();
        credits.as_object_mut().map(|credits| credits.remove("lots"));
        credits
    }

    /// The kinds of the ledger's entries, oldest first.
    pub async fn ledger_kinds(&self) -> Vec<String> {
        let (_, page) = self.get_json("/api/credits/ledger?limit=100").await;
        let items = page["data"]["items"].as_array().unwrap();
        items.iter().rev().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
    }
}

pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Reads an event stream, event by event.
pub struct EventReader {
    response: Response,
    parser: SseParser,
    ready: std::collections::VecDeque<SseEvent>,
}

impl EventReader {
    pub fn new(response: Response) -> Self {
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        Self { response, parser: SseParser::new(), ready: std::collections::VecDeque::new() }
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.ready.extend(self.parser.push(&chunk).unwrap());
        }
    }

    /// The next event of this name.
    pub async fn next_named(&mut self, name: &str) -> (SseEvent, Value) {
        while let Some(event) = self.next().await {
            if event.event == name {
                let data = serde_json::from_str(&event.data).unwrap();
                return (event, data);
            }
        }
        panic!("the stream ended without {name:?}");
    }

    /// Everything that is left.
    pub async fn all(mut self) -> Vec<SseEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// Everything that is left: the text, and the last event.
    pub async fn rest(mut self) -> (String, SseEvent) {
        let (mut text, mut last) = (String::new(), None);
        while let Some(event) = self.next().await {
            if event.event == "token" {
                let data: Value = serde_json::from_str(&event.data).unwrap();
                text.push_str(data["text"].as_str().unwrap());
            }
            last = Some(event);
        }
        (text, last.expect("at least one event"))
    }
}
