//! Traces for a collector that speaks OTLP over HTTP (`OpenTelemetry`), where one is configured.
//!
//! Spans are made of what was gathered of a request (`trace.rs`) when that is over: so a collector is told what the page of a trace
//! shows and nothing else, and where there is none it costs nothing. A thread of its own sends them; what does not fit into its queue
//! is dropped.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter as Exports};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::config::Reader;
use super::db::now_millis;
use super::time::MINUTE;
use super::trace::{Fact, Step, StepKind, TraceRecord};

/// Where traces are sent, and which.
#[derive(Debug, Clone)]
pub struct OtlpConfig {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` (none): the address of a collector; `/v1/traces` is added.
    pub endpoint: Option<Url>,
    /// `OTEL_EXPORTER_OTLP_HEADERS` (none): `name=value`, comma-separated, percent-encoded: often a secret.
    pub headers: Option<SecretString>,
    /// `OTEL_SERVICE_NAME` (tessera).
    pub service: String,
    /// `OTEL_TRACES_SAMPLER` (`parentbased_always_on`) and `OTEL_TRACES_SAMPLER_ARG` (1).
    pub sampler: Sampler,
}

impl OtlpConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let endpoint =
            reader.text("OTEL_EXPORTER_OTLP_ENDPOINT").map(|_| reader.url("OTEL_EXPORTER_OTLP_ENDPOINT", ""));
        let headers = reader.text("OTEL_EXPORTER_OTLP_HEADERS");
        if headers.is_some_and(|text| parse_headers(text).is_none()) {
            // They may be secrets: the value is not told.
            reader.problem("OTEL_EXPORTER_OTLP_HEADERS", "is not like name=value,other=value");
        }
        Self {
            endpoint,
            headers: headers.map(SecretString::from),
            service: reader.text("OTEL_SERVICE_NAME").unwrap_or("tessera").to_owned(),
            sampler: read_sampler(reader),
        }
    }
}

fn read_sampler(reader: &mut Reader) -> Sampler {
    let share: f64 = reader.parsed("OTEL_TRACES_SAMPLER_ARG", 1.0, "a number from 0 to 1");
    if !(0.0..=1.0).contains(&share) {
        reader.problem("OTEL_TRACES_SAMPLER_ARG", format!("{share} is not from 0 to 1"));
    }
    let by_parent = |root: Sampler| Sampler::ParentBased(Box::new(root));
    match reader.text("OTEL_TRACES_SAMPLER") {
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("traceidratio") => Sampler::TraceIdRatioBased(share),
        Some("parentbased_always_off") => by_parent(Sampler::AlwaysOff),
        Some("parentbased_traceidratio") => by_parent(Sampler::TraceIdRatioBased(share)),
        None | Some("parentbased_always_on") => by_parent(Sampler::AlwaysOn),
        Some(other) => {
            let known = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, \
                         parentbased_traceidratio";
            reader.problem("OTEL_TRACES_SAMPLER", format!("{other:?} is not one of {known}"));
            Sampler::AlwaysOff
        }
    }
}

/// The headers of `name=value,other=value`; `None`: it is not so.
fn parse_headers(text: &str) -> Option<HashMap<String, String>> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?.into_owned();
        let (name, value) = (name.trim().to_owned(), value);
        axum::http::HeaderName::from_bytes(name.as_bytes()).ok()?;
        axum::http::HeaderValue::from_str(&value).ok()?;
        Some((name, value))
    };
    pairs.map(header).collect()
}

static SPANS: OnceLock<Spans> = OnceLock::new();

struct Spans {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Begins to send traces, if a collector is configured. Outside of any async runtime, whose threads must not be blocked. A second call
/// changes nothing.
///
/// # Errors
/// One line that names the variable.
pub fn start(config: &OtlpConfig) -> Result<(), String> {
    let Some(endpoint) = &config.endpoint else { return Ok(()) };
    let base = endpoint.as_str().trim_end_matches('/');
    let headers = config.headers.as_ref().and_then(|text| parse_headers(text.expose_secret())).unwrap_or_default();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{base}/v1/traces"))
        .with_headers(headers)
        .build()
        .map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"))?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(Patient { exporter, reported: AtomicI64::new(0) })
        .with_sampler(config.sampler.clone())
        .with_resource(Resource::builder().with_service_name(config.service.clone()).build())
        .build();
    let tracer = provider.tracer("tessera");
    _ = SPANS.set(Spans { provider, tracer });
    tracing::info!(address = base, "traces are sent to a collector");
    Ok(())
}

/// Whether traces are sent anywhere.
#[must_use]
pub fn is_on() -> bool {
    SPANS.get().is_some()
}

/// Sends what is left, for as long as this at most. Blocks.
pub fn stop(patience: Duration) {
    if let Some(spans) = SPANS.get()
        && let Err(error) = spans.provider.shutdown_with_timeout(patience)
    {
        tracing::warn!(%error, "the last traces could not be sent");
    }
}

/// Hands a trace on to the thread that sends. Never waits.
pub fn export(trace: &TraceRecord) {
    if let Some(Spans { tracer, .. }) = SPANS.get() {
        make_spans(tracer, trace);
    }
}

/// A span of the request, and one of each of its steps below it.
fn make_spans(tracer: &SdkTracer, trace: &TraceRecord) {
    let began = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(trace.at).unwrap_or(0));
    let after = |millis: u32| began + Duration::from_millis(millis.into());
    let mut about = vec![KeyValue::new("tessera.request_id", trace.request_id.clone())];
    let (method, route) = trace.what.split_once(' ').unwrap_or(("", &trace.what));
    let is_request = !method.is_empty();
    if is_request {
        about.push(KeyValue::new("http.request.method", method.to_owned()));
        about.push(KeyValue::new("http.route", route.to_owned()));
    }
    if let Some(status) = trace.status {
        about.push(KeyValue::new("http.response.status_code", i64::from(status)));
    }
    if let Some(user) = trace.user {
        about.push(KeyValue::new("enduser.id", user.to_string()));
    }
    let kind = if is_request { SpanKind::Server } else { SpanKind::Internal };
    let mut root = SpanBuilder::from_name(trace.what.clone())
        .with_kind(kind)
        .with_start_time(began)
        .with_attributes(about)
        .start_with_context(tracer, &parent_of(trace));
    if trace.status.is_some_and(|status| status >= 500) {
        root.set_status(Status::error(""));
    }
    let context = Context::new().with_span(root);
    for step in &trace.steps {
        let kind = if step.kind == StepKind::Attempt { SpanKind::Client } else { SpanKind::Internal };
        let mut span = SpanBuilder::from_name(step.kind.as_str())
            .with_kind(kind)
            .with_start_time(after(step.at))
            .with_attributes(step.facts.iter().map(attribute))
            .start_with_context(tracer, &context);
        if has_failed(step) {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(after(step.at.saturating_add(step.took)));
    }
    context.span().end_with_timestamp(after(trace.took));
}

/// Whether a provider came to nothing.
fn has_failed(step: &Step) -> bool {
    let outcome = step.facts.iter().find(|fact| fact.name == "outcome");
    outcome.is_some_and(|outcome| !matches!(&*outcome.value, "ok" | "stopped"))
}

/// Names are those of the semantic conventions, where they have one.
fn attribute(fact: &Fact) -> KeyValue {
    let name: Cow<'static, str> = match &*fact.name {
        "provider" => "gen_ai.provider.name".into(),
        "model" => "gen_ai.request.model".into(),
        "inputTokens" => "gen_ai.usage.input_tokens".into(),
        "outputTokens" => "gen_ai.usage.output_tokens".into(),
        name => format!("tessera.{name}").into(),
    };
    let value = fact.value.parse::<i64>().map_or_else(|_| Value::from(fact.value.clone()), Value::from);
    KeyValue::new(name, value)
}

/// The context that whoever asked named, if it did and is believed.
fn parent_of(trace: &TraceRecord) -> Context {
    let Some(parent) = &trace.parent else { return Context::new() };
    let carrier = HashMap::from([("traceparent".to_owned(), parent.clone())]);
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// Says that a collector does not take what it is sent, once a minute at most.
struct Patient {
    exporter: SpanExporter,
    /// When it was said last, in milliseconds since 1970.
    reported: AtomicI64,
}

impl fmt::Debug for Patient {
    // What it sends with each request may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exporter")
    }
}

impl Exports for Patient {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        if let Err(error) = &sent
            && is_due(&self.reported, now_millis())
        {
            tracing::warn!(%error, "a collector does not take traces");
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

fn is_due(reported: &AtomicI64, now: i64) -> bool {
    let due = |last: i64| (now - last >= MINUTE).then_some(now);
    reported.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<OtlpConfig, Vec<String>> {
        let vars: BTreeMap<_, _> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&vars);
        let config = OtlpConfig::read(&mut reader);
        reader.finish(config)
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name_and_no_header_is() {
        let problems = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization: hunter2"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ]);
        let problems = problems.unwrap_err();
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.starts_with("OTEL_") && !problem.contains("hunter2")));
        let config = read(&[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2, x-a=b")]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2") && config.endpoint.is_none());
        let headers = parse_headers("authorization=Bearer%20hunter2, x-a=b").unwrap();
        assert_eq!((&*headers["authorization"], &*headers["x-a"]), ("Bearer hunter2", "b"));
    }

    #[test]
    fn a_collector_that_is_gone_is_told_of_once_a_minute() {
        let (reported, now) = (AtomicI64::new(0), now_millis());
        assert!(is_due(&reported, now) && !is_due(&reported, now + MINUTE - 1) && is_due(&reported, now + MINUTE));
    }
}
