//! Traces for a collector, and the log level while a server runs: with the real program, and a collector that reads as collectors do.

use std::io::Read;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use crate::fake_openai::FakeOpenAi;
use crate::program::{Program, variables};
use crate::support::{PASSWORD, User, answer};

type Heard = Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>;

/// Takes traces.
struct Collector {
    addr: SocketAddr,
    heard: Heard,
}

impl Collector {
    async fn start() -> Self {
        let heard = Heard::default();
        let app = Router::new().route("/v1/traces", post(take)).with_state(heard.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { addr, heard }
    }

    fn spans(&self) -> Vec<Span> {
        let heard = self.heard.lock().unwrap();
        let resources = heard.iter().flat_map(|(_, request)| request.resource_spans.clone());
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

async fn take(State(heard): State<Heard>, headers: HeaderMap, body: Bytes) -> (HeaderMap, Vec<u8>) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    heard.lock().unwrap().push((headers, request));
    let kind = HeaderMap::from_iter([(CONTENT_TYPE, "application/x-protobuf".parse().unwrap())]);
    (kind, ExportTraceServiceResponse::default().encode_to_vec())
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    Some(match value {
        Any::StringValue(text) => text,
        Any::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// One chat with a program; then it ends, and what it has is sent.
async fn one_chat(collector: &Collector, more: &[(&str, &str)]) -> (Vec<Span>, User) {
    let upstream = FakeOpenAi::start().await;
    let endpoint = format!("http://{}/", collector.addr);
    let own = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=mosaics%20of%20ada"),
        ("OTEL_SERVICE_NAME", "studio"),
    ];
    let program = Program::start(variables(&upstream, &[&own[..], more].concat())).await;
    let mut user = User::new(program.addr);
    user.register().await;
    let request = user.post("/api/chat").header("x-request-id", "the-request").header("traceparent", PARENT);
    let (status, _) = answer(request.json(&json!({"message": "a very private question"}))).await;
    assert_eq!(status, 200);
    let sent = upstream.seen.last.lock().unwrap().clone().unwrap().0;
    assert!(!sent.contains_key("traceparent") && !sent.contains_key("x-request-id"), "{sent:?}");
    program.terminate();
    assert!(program.ended_well().await);
    (collector.spans(), user)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chat_is_one_trace_with_a_span_of_each_step() {
    let collector = Collector::start().await;
    let (spans, user) = one_chat(&collector, &[]).await;
    let root = named(&spans, "POST /api/chat");
    assert!(root.parent_span_id.is_empty(), "nobody says whose trace it is");
    assert_ne!(root.trace_id, [0; 16]);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/chat"),
        ("http.response.status_code", "200"),
        ("tessera.request_id", "the-request"),
    ] {
        assert_eq!(attribute(root, name).as_deref(), Some(value), "{root:#?}");
    }
    let of_trace: Vec<_> = spans.iter().filter(|span| span.trace_id == root.trace_id).collect();
    let names: Vec<_> = of_trace.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(of_trace.len(), 6, "{names:?}");
    for name in ["caller", "limit", "hold", "attempt", "settle"] {
        let span = of_trace.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} in {names:?}"));
        assert_eq!(span.parent_span_id, root.span_id, "{name}");
        assert!(
            span.start_time_unix_nano >= root.start_time_unix_nano
                && span.end_time_unix_nano >= span.start_time_unix_nano
        );
    }
    let attempt = of_trace.iter().find(|span| span.name == "attempt").unwrap();
    for (name, value) in [("gen_ai.provider.name", "openai"), ("tessera.outcome", "ok")] {
        assert_eq!(attribute(attempt, name).as_deref(), Some(value), "{attempt:#?}");
    }
    assert!(attribute(attempt, "gen_ai.usage.output_tokens").unwrap().parse::<u32>().unwrap() > 0);
    let heard = collector.heard.lock().unwrap();
    assert_eq!(heard[0].0["x-tenant"], "mosaics of ada");
    let resource = heard[0].1.resource_spans[0].resource.clone().unwrap();
    assert!(format!("{resource:?}").contains("studio"));
    let all = format!("{heard:?}");
    let cookie = user.cookie.as_deref().unwrap().split_once('=').unwrap().1;
    for canary in ["private question", &*user.email, PASSWORD, cookie] {
        assert!(!all.contains(canary), "{canary}");
    }
    // What a machine asks again and again is nobody's business.
    assert!(spans.iter().all(|span| !span.name.contains("/healthz")));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_says_which_trace_a_request_belongs_to() {
    let collector = Collector::start().await;
    let (spans, _) = one_chat(&collector, &[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let root = named(&spans, "POST /api/chat");
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert_eq!(format!("00-{}-{}-01", hex(&root.trace_id), hex(&root.parent_span_id)), PARENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_costs_nothing() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let upstream = FakeOpenAi::start().await;
    let endpoint = format!("http://{gone}");
    let vars = variables(&upstream, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("RUST_LOG", "info")]);
    let mut program = Program::start_with_log(vars, Stdio::piped).await;
    let mut log = program.take_log().unwrap();
    let lines = std::thread::spawn(move || {
        let mut all = String::new();
        log.read_to_string(&mut all).unwrap();
        all
    });
    let mut user = User::new(program.addr);
    user.register().await;
    for n in 0..5 {
        assert_eq!(user.chat(&format!("Hello {n}")).await.0, 200);
    }
    program.terminate();
    assert!(program.ended_well().await);
    let log = spawn_blocking(move || lines.join().unwrap()).await.unwrap();
    let told = log.matches("a collector does not take traces").count();
    assert!(told <= 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_level_is_set_for_a_time_and_no_line_has_a_secret() {
    let upstream = FakeOpenAi::start().await;
    let vars = variables(&upstream, &[("RUST_LOG", "error"), ("LOG_FORMAT", "json")]);
    let mut program = Program::start_with_log(vars, Stdio::piped).await;
    let mut log = program.take_log().unwrap();
    let lines = std::thread::spawn(move || {
        let mut all = String::new();
        log.read_to_string(&mut all).unwrap();
        all
    });
    let mut admin = User::new(program.addr);
    admin.register().await;
    let (folder, email) = (program.data_dir().to_owned(), admin.email.clone());
    let granted = spawn_blocking(move || {
        let mut grant = Command::new(env!("CARGO_BIN_EXE_tessera"));
        grant.args(["admin", "grant", &email]).current_dir(&folder).env_clear().env("DATA_DIR", &folder);
        grant.stderr(Stdio::null()).stdout(Stdio::null()).status().unwrap().success()
    });
    assert!(granted.await.unwrap());
    let form = json!({"email": admin.email, "password": PASSWORD});
    let signed_in = admin.post("/api/auth/login").json(&form).send().await.unwrap();
    admin.keep_cookie(&signed_in);
    let set =
        async |body: serde_json::Value| answer(admin.request(Method::PUT, "/api/admin/log-level").json(&body)).await;
    for (body, field) in [
        (json!({"filter": "tessera=loud"}), "filter"),
        (json!({"filter": "trace"}), "filter"),
        (json!({"filter": "debug", "minutes": 0}), "minutes"),
        (json!({"filter": "debug", "minutes": 1441}), "minutes"),
    ] {
        let (status, refused) = set(body.clone()).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some(field)), "{body}: {refused}");
    }
    let key = admin.with_key(&json!({})).await;
    key.chat("before it is set").await;
    let (status, now) = set(json!({"filter": "debug", "minutes": 5})).await;
    assert_eq!((status, &now["data"]["filter"], &now["data"]["configured"]), (200, &json!("debug"), &json!("error")));
    assert!(now["data"]["until"].is_string());
    let read = admin.get("/api/providers").header("x-request-id", "told-at-debug").send().await.unwrap();
    assert_eq!(read.status(), 200);
    assert_eq!(key.chat("a very private question").await.0, 200);
    User::new(program.addr).post("/api/auth/login").json(&form).send().await.unwrap();
    let (status, now) = set(json!({"filter": "error"})).await;
    assert_eq!((status, &now["data"]["filter"], &now["data"]["until"]), (200, &json!("error"), &json!(null)));
    admin.get("/api/providers").header("x-request-id", "told-at-error").send().await.unwrap();
    let (_, audit) = admin.get_json("/api/admin/audit?action=log_level_changed").await;
    let changes = audit["data"]["items"].as_array().unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[1]["after"], json!({"filter": "debug", "minutes": 5}));
    program.terminate();
    assert!(program.ended_well().await);
    let log = spawn_blocking(move || lines.join().unwrap()).await.unwrap();
    assert!(log.contains("told-at-debug") && log.contains("DEBUG") && !log.contains("told-at-error"), "{log}");
    let cookie = admin.cookie.as_deref().unwrap().split_once('=').unwrap().1;
    for canary in [PASSWORD, cookie, key.key.as_deref().unwrap(), "private question"] {
        assert!(!log.contains(canary), "{canary} in {log}");
    }
}
