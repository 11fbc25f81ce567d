//! What the server counts about itself, as Prometheus reads it. Who may read it is `app/metrics.rs`.
//!
//! Labels are routes, providers and outcomes, never paths, users or models: there are only so many of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::BreakerState;
use super::metric_labels::{
    AttemptLabels, KindLabels, OutcomeLabels, ProviderLabels, ReasonLabels, RequestLabels, ResultLabels, RouteLabels,
    TokenLabels, class_of, method_name,
};
use super::operations::Operations;
use crate::credits::server::store::{HoldEnd, WorkKind};
use crate::flags::FlagAlerts;
use crate::platform::mail::MailCounts;
use crate::platform::telemetry::lost_lines;
use crate::usage::{Attempt, Outcome};

/// Why somebody is called about a payment. All are there from the start: an alert sees only what grows.
const PAYMENT_ALERTS: [&str; 11] =
    ["owner", "order", "payment", "payee", "currency", "amount", "capture", "refund", "second", "subscription", "sale"];
/// From half a millisecond to half a minute.
const SECONDS: [f64; 15] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// Everything that is counted. Cheap to clone; counting takes well under a microsecond.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Counters>);

struct Counters {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Seconds<RouteLabels>,
    rate_limited: Family<RouteLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    image_attempts: Family<AttemptLabels, Counter>,
    image_cost: Family<ProviderLabels, Counter>,
    image_seconds: Seconds<ProviderLabels>,
    first_token_seconds: Seconds<ProviderLabels>,
    tokens: Family<TokenLabels, Counter>,
    cost: Family<ProviderLabels, Counter>,
    unpriced: Family<ProviderLabels, Counter>,
    breakers: Family<ProviderLabels, Gauge>,
    image_breakers: Family<ProviderLabels, Gauge>,
    fallbacks: Family<ResultLabels, Counter>,
    image_fallbacks: Family<ResultLabels, Counter>,
    lookups: Family<ResultLabels, Counter>,
    credit_moves: Family<KindLabels, Counter>,
    payment_alerts: Family<ReasonLabels, Counter>,
    prices_reloads: Family<OutcomeLabels, Counter>,
    mails: Family<OutcomeLabels, Counter>,
    operations: Operations,
    jobs: Gauge,
    lost_records: Counter<u64, AtomicU64>,
    lost_traces: Counter<u64, AtomicU64>,
    recovery_failures: Counter,
    erasure_failures: Counter,
    flag_alerts: Family<ReasonLabels, Counter>,
    lost_lines: Counter<u64, AtomicU64>,
}

impl Default for Counters {
    fn default() -> Self {
        let mut counters = Self {
            registry: Registry::with_prefix("tessera"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            rate_limited: Family::default(),
            attempts: Family::default(),
            image_attempts: Family::default(),
            image_cost: Family::default(),
            image_seconds: Family::new_with_constructor(seconds),
            first_token_seconds: Family::new_with_constructor(seconds),
            tokens: Family::default(),
            cost: Family::default(),
            unpriced: Family::default(),
            breakers: Family::default(),
            image_breakers: Family::default(),
            fallbacks: Family::default(),
            image_fallbacks: Family::default(),
            lookups: Family::default(),
            credit_moves: Family::default(),
            payment_alerts: Family::default(),
            prices_reloads: Family::default(),
            mails: Family::default(),
            operations: Operations::default(),
            jobs: Gauge::default(),
            lost_records: Counter::default(),
            lost_traces: Counter::default(),
            recovery_failures: Counter::default(),
            erasure_failures: Counter::default(),
            flag_alerts: Family::default(),
            lost_lines: Counter::default(),
        };
        for reason in PAYMENT_ALERTS {
            drop(counters.payment_alerts.get_or_create(&ReasonLabels { reason }));
        }
        counters.register();
        counters
    }
}

impl Counters {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests that were answered", self.requests.clone());
        registry.register(
            "http_request_seconds",
            "Time until an answer began, in seconds",
            self.request_seconds.clone(),
        );
        registry.register("rate_limited", "Requests that were one too many", self.rate_limited.clone());
        registry.register("chat_attempts", "Times that a provider was asked for a reply", self.attempts.clone());
        registry.register(
            "image_attempts",
            "Times that a provider was asked for an image",
            self.image_attempts.clone(),
        );
        registry.register(
            "image_cost_micro_usd",
            "Cost of images whose price is known, in millionths of a US dollar",
            self.image_cost.clone(),
        );
        registry.register("image_seconds", "Time until an image was made, in seconds", self.image_seconds.clone());
        registry.register(
            "chat_first_token_seconds",
            "Time from the question to the first token, in seconds",
            self.first_token_seconds.clone(),
        );
        registry.register("chat_tokens", "Tokens, said by the provider or estimated", self.tokens.clone());
        registry.register(
            "chat_cost_micro_usd",
            "Cost of attempts whose price is known, in millionths of a US dollar",
            self.cost.clone(),
        );
        registry.register("chat_unpriced_attempts", "Attempts whose price is not known", self.unpriced.clone());
        let breaker = "Whether a provider is asked: 0 it is, 1 the next request tries it again, 2 it rests";
        registry.register("chat_breaker", breaker, self.breakers.clone());
        registry.register("image_breaker", breaker, self.image_breakers.clone());
        let fallbacks = "Failures that another provider could make good";
        registry.register("chat_fallbacks", fallbacks, self.fallbacks.clone());
        registry.register("image_fallbacks", fallbacks, self.image_fallbacks.clone());
        registry.register("chat_cache_lookups", "Questions that were looked up", self.lookups.clone());
        registry.register("credit_moves", "Holds, and how they ended", self.credit_moves.clone());
        registry.register(
            "payment_alerts",
            "Money that is not what was ordered: somebody should look",
            self.payment_alerts.clone(),
        );
        registry.register(
            "prices_reloads",
            "Times that the file of prices had changed, and whether it was taken",
            self.prices_reloads.clone(),
        );
        registry.register("mails", "Mails, and what became of them", self.mails.clone());
        registry.register("jobs_running", "Replies and images that are being made", self.jobs.clone());
        registry.register("usage_records_lost", "Attempts that could not be recorded", self.lost_records.clone());
        registry.register("traces_lost", "Traces of requests that could not be stored", self.lost_traces.clone());
        registry.register(
            "recovery_failures",
            "Times that a hold of work that was cut off could not be ended",
            self.recovery_failures.clone(),
        );
        registry.register(
            "erasure_failures",
            "Times that something of a user who leaves could not be erased",
            self.erasure_failures.clone(),
        );
        registry.register(
            "flag_alerts",
            "Safeguards that switched a flag off, and caps of providers that are near or reached",
            self.flag_alerts.clone(),
        );
        registry.register("log_lines_lost", "Lines of the log that could not be written", self.lost_lines.clone());
        self.operations.register(registry);
    }
}

impl Metrics {
    /// A request was answered; `route` is the template that it fitted.
    pub fn answered(&self, route: Option<MatchedPath>, method: &Method, response: &Response, took: Duration) {
        let route = route.as_ref().map_or("other", MatchedPath::as_str).to_owned();
        let (method, status) = (method_name(method), response.status());
        let labels = RouteLabels { route, method };
        self.0.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        // A provider that limits us is another matter.
        if status == StatusCode::TOO_MANY_REQUESTS && response.headers().contains_key("ratelimit-limit") {
            self.0.rate_limited.get_or_create(&labels).inc();
        }
        let labels = RequestLabels { route: labels.route, method, status: class_of(status) };
        self.0.requests.get_or_create(&labels).inc();
    }

    /// An attempt at a provider is over.
    pub fn attempted(&self, attempt: &Attempt) {
        let provider = ProviderLabels { provider: attempt.provider.clone() };
        let labels = AttemptLabels { provider: attempt.provider.clone(), outcome: attempt.outcome.as_str() };
        self.0.attempts.get_or_create(&labels).inc();
        if let Some(millis) = attempt.first_token_ms {
            self.0.first_token_seconds.get_or_create(&provider).observe(f64::from(millis) / 1000.0);
        }
        for (direction, tokens) in [("input", attempt.input_tokens), ("output", attempt.output_tokens)] {
            let labels = TokenLabels { provider: attempt.provider.clone(), direction };
            self.0.tokens.get_or_create(&labels).inc_by(u64::from(tokens));
        }
        match attempt.cost_micros {
            Some(micros) => {
                self.0.cost.get_or_create(&provider).inc_by(u64::try_from(micros).unwrap_or(0));
            }
            None => {
                self.0.unpriced.get_or_create(&provider).inc();
            }
        }
    }

    /// A provider was asked for an image.
    pub fn painted(&self, attempt: &Attempt) {
        let provider = ProviderLabels { provider: attempt.provider.clone() };
        let labels = AttemptLabels { provider: attempt.provider.clone(), outcome: attempt.outcome.as_str() };
        self.0.image_attempts.get_or_create(&labels).inc();
        if attempt.outcome == Outcome::Ok {
            self.0.image_seconds.get_or_create(&provider).observe(f64::from(attempt.latency_ms) / 1000.0);
        }
        if let Some(micros) = attempt.cost_micros {
            self.0.image_cost.get_or_create(&provider).inc_by(u64::try_from(micros).unwrap_or(0));
        }
    }

    /// A question was looked up among the answers that were given before.
    pub fn looked_up(&self, is_hit: bool) {
        let result = if is_hit { "hit" } else { "miss" };
        self.0.lookups.get_or_create(&ResultLabels { result }).inc();
    }

    /// A provider failed and there is another one, which is asked or, over the budget, not.
    pub fn fell_back(&self, kind: WorkKind, is_asked: bool) {
        let result = if is_asked { "asked" } else { "over_budget" };
        let fallbacks = match kind {
            WorkKind::Chat => &self.0.fallbacks,
            WorkKind::Image => &self.0.image_fallbacks,
        };
        fallbacks.get_or_create(&ResultLabels { result }).inc();
    }

    /// The price of a reply or an image was put on hold.
    pub fn held(&self) {
        self.0.credit_moves.get_or_create(&KindLabels { kind: "hold" }).inc();
    }

    /// A hold has ended.
    pub fn hold_ended(&self, end: HoldEnd) {
        let kind = end.entry_kind().as_str();
        self.0.credit_moves.get_or_create(&KindLabels { kind }).inc();
    }

    /// Something about money is not what was ordered.
    pub fn payment_alert(&self, reason: &'static str) {
        debug_assert!(PAYMENT_ALERTS.contains(&reason), "{reason} is not in the list");
        self.0.payment_alerts.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// The file of prices had changed, and its prices hold now or are wrong.
    pub fn prices_reloaded(&self, is_taken: bool) {
        let outcome = if is_taken { "loaded" } else { "refused" };
        self.0.prices_reloads.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// A hold of work that was cut off could not be ended, and will be tried again.
    pub fn recovery_failed(&self) {
        self.0.recovery_failures.inc();
    }

    /// Something of a user who leaves could not be erased, and will be tried again.
    pub fn erasure_failed(&self) {
        self.0.erasure_failures.inc();
    }

    /// The counters of what flags tell operators.
    #[must_use]
    pub fn flag_alerts(&self) -> FlagAlerts {
        let count = |reason| self.0.flag_alerts.get_or_create_owned(&ReasonLabels { reason });
        FlagAlerts { tripped: count("safeguard"), near: count("cap_near"), reached: count("cap_reached") }
    }

    /// The counters of mails.
    #[must_use]
    pub fn mails(&self) -> MailCounts {
        let count = |outcome| self.0.mails.get_or_create_owned(&OutcomeLabels { outcome });
        MailCounts { sent: count("sent"), given_up: count("given_up"), dropped: count("dropped") }
    }

    /// What is counted of the operation.
    #[must_use]
    pub fn operations(&self) -> &Operations {
        &self.0.operations
    }

    /// The counter of attempts that could not be recorded.
    #[must_use]
    pub fn lost_records(&self) -> Counter<u64, AtomicU64> {
        self.0.lost_records.clone()
    }

    /// Counts traces that are lost.
    #[must_use]
    pub fn lost_traces(&self) -> Counter<u64, AtomicU64> {
        self.0.lost_traces.clone()
    }

    /// Everything so far as text, with what is not counted but looked at now: how many jobs run, and how the breakers stand.
    ///
    /// # Errors
    /// When it cannot be written, which memory can.
    pub fn render<'a>(
        &self,
        jobs: usize,
        breakers: impl IntoIterator<Item = (WorkKind, &'a str, BreakerState)>,
    ) -> Result<String, std::fmt::Error> {
        self.0.jobs.set(i64::try_from(jobs).unwrap_or(i64::MAX));
        self.0.lost_lines.inner().store(lost_lines(), Ordering::Relaxed);
        for (kind, provider, state) in breakers {
            let breakers = match kind {
                WorkKind::Chat => &self.0.breakers,
                WorkKind::Image => &self.0.image_breakers,
            };
            breakers.get_or_create(&ProviderLabels { provider: provider.to_owned() }).set(state as i64);
        }
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// The names in the first column of the table of metrics, without the suffix that counters get.
    fn documented() -> BTreeSet<String> {
        let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DEPLOYMENT.md")).unwrap();
        let table = docs.lines().skip_while(|line| !line.starts_with("| Metric ")).skip(2);
        let rows = table.take_while(|line| line.starts_with('|'));
        let names = rows.flat_map(|row| {
            let names = row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2);
            names.map(|name| name.strip_suffix("_total").unwrap_or(name).to_owned()).collect::<Vec<_>>()
        });
        names.collect()
    }

    /// By the source: what has not been counted yet is not in the answer.
    fn registered() -> BTreeSet<String> {
        let sources = concat!(include_str!("metrics.rs"), include_str!("operations.rs"));
        let calls = sources.split(concat!("registry", ".register(")).skip(1);
        let name = |call: &str| call.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
        calls.filter_map(name).collect()
    }

    #[test]
    fn every_metric_is_in_the_documentation_and_no_other() {
        assert!(registered().len() >= 19, "{:?}", registered());
        assert_eq!(documented(), registered());
    }
}
