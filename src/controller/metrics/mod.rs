//! What is counted. `docs/operations.md` has a table of it, which a test holds to this.
//!
//! Labels are finite sets (results, reasons, codes), never a name or a message.

mod evidence;
mod intents;
mod process;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

pub use evidence::HeldEvidence;
pub use intents::Intents;

type Labels = Vec<(&'static str, &'static str)>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// The commit that was built, where the build was told.
const REVISION: &str = match option_env!("COMPASS_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Upper bounds in seconds: reads and reconciles take milliseconds, or a time-out.
const SECONDS: [f64; 12] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
];

/// Upper bounds in seconds: thousands of intents that are told at once wait for each other.
const WAIT_SECONDS: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0];

/// Failures that alerts watch for: a rate sees the first one only of a counter that was there before.
const WATCHED_FAILURES: [&str; 4] = ["Panic", "Read", "WriteStatus", "DeliveryFailed"];

/// What the knowledge base is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    /// Whether it answers.
    Probe,
    /// The benchmarks of a decision.
    Evidence,
    /// How many benchmarks there are.
    Count,
    /// What changes.
    Follow,
}

impl Operation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Evidence => "evidence",
            Self::Count => "count",
            Self::Follow => "follow",
        }
    }
}

/// Every metric of the operator.
pub struct Metrics {
    registry: Registry,
    /// What is known of each intent.
    pub intents: Arc<Intents>,
    /// What the knowledge base holds.
    pub evidence: Arc<HeldEvidence>,
    reconciles: Family<Labels, Counter>,
    reconcile_errors: Family<Labels, Counter>,
    reconcile_duration: Histogram,
    reconciles_in_progress: Gauge,
    reconcile_concurrency: Gauge,
    queue_depth: Gauge,
    queue_wait: Histogram,
    leader: Gauge,
    api_requests: Family<Labels, Counter>,
    api_request_duration: Histograms,
    knowledge_base_up: Gauge,
    knowledge_base_last_answer: Gauge<f64, AtomicU64>,
    knowledge_base_query_duration: Histograms,
    knowledge_base_errors: Family<Labels, Counter>,
    knowledge_base_changes: Counter,
    knowledge_base_change_requeues: Counter,
    knowledge_base_listener_connected: Gauge,
    knowledge_base_replica_lag: Gauge<f64, AtomicU64>,
}

/// Makes metrics and registers them under one prefix.
struct Registrar<'a>(&'a mut Registry);

impl Registrar<'_> {
    fn plain<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    fn seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0
            .register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let durations = || Histograms::new_with_constructor(|| Histogram::new(SECONDS));
        let intents = Arc::new(Intents::default());
        let evidence = Arc::new(HeldEvidence::default());
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process));
        let compass = registry.sub_registry_with_prefix("compass");
        compass.register_collector(Box::new(Arc::clone(&intents)));
        compass.register_collector(Box::new(Arc::clone(&evidence)));
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", REVISION),
        ];
        compass.register(
            "build",
            "The running version of Compass, and its commit",
            Info::new(build.to_vec()),
        );
        let mut compass = Registrar(compass);
        let metrics = Self {
            intents,
            evidence,
            reconciles: compass.plain(
                "reconciles",
                "Reconciles by result (ok, error) and reason, which is that of the condition Ready",
            ),
            reconcile_errors: compass.plain(
                "reconcile_errors",
                "Reconciles that did not succeed and will be tried again, by reason",
            ),
            reconcile_duration: compass.seconds(
                "reconcile_duration",
                "From the start of a reconcile to its written status",
                Histogram::new(SECONDS),
            ),
            reconciles_in_progress: compass.plain("reconciles_in_progress", "Reconciles under way"),
            reconcile_concurrency: compass.plain(
                "reconcile_concurrency",
                "Reconciles that may be under way together",
            ),
            queue_depth: compass.plain(
                "queue_depth",
                "Intents that are to be looked at and whose turn has not come",
            ),
            queue_wait: compass.seconds(
                "queue_wait",
                "From the first word that an intent is to be looked at to the start of its reconcile",
                Histogram::new(WAIT_SECONDS),
            ),
            leader: compass.plain(
                "leader",
                "Whether this operator writes, or stands by for another one",
            ),
            api_requests: compass.plain(
                "api_requests",
                "Requests to the API server by method and status code; `none` where no answer came in time",
            ),
            api_request_duration: compass.seconds(
                "api_request_duration",
                "From a request to the head of its answer, repetitions that the API server asked for included",
                durations(),
            ),
            knowledge_base_up: compass.plain(
                "knowledge_base_up",
                "Whether the knowledge base answered the last probe",
            ),
            knowledge_base_last_answer: compass.seconds(
                "knowledge_base_last_answer_timestamp",
                "When the knowledge base last answered anything, as Unix time",
                Gauge::default(),
            ),
            knowledge_base_query_duration: compass.seconds(
                "knowledge_base_query_duration",
                "Time the knowledge base took to answer, by what it was asked for",
                durations(),
            ),
            knowledge_base_errors: compass.plain(
                "knowledge_base_errors",
                "Times that the knowledge base brought no answer, by what it was asked for and why",
            ),
            knowledge_base_changes: compass.plain(
                "knowledge_base_changes",
                "Times that a change of the knowledge base was noticed",
            ),
            knowledge_base_change_requeues: compass.plain(
                "knowledge_base_change_requeues",
                "Intents that were looked at again because of those changes",
            ),
            knowledge_base_listener_connected: compass.plain(
                "knowledge_base_listener_connected",
                "Whether the knowledge base announces changes; if not, they are looked for every few seconds",
            ),
            knowledge_base_replica_lag: compass.seconds(
                "knowledge_base_replica_lag",
                "How far the replica that benchmarks are read from was behind at the last probe; 0 where there is none",
                Gauge::default(),
            ),
            registry,
        };
        for reason in WATCHED_FAILURES {
            drop(
                metrics
                    .reconcile_errors
                    .get_or_create(&vec![("reason", reason)]),
            );
        }
        metrics
    }
}

impl Metrics {
    /// A reconcile begins; it is under way as long as the value lives.
    pub fn reconciling(&self) -> InProgress {
        InProgress::of(&self.reconciles_in_progress)
    }

    /// How many reconciles may be under way together.
    pub fn reconcile_concurrency(&self, limit: u16) {
        self.reconcile_concurrency.set(i64::from(limit));
    }

    /// Counts a reconcile that wrote its status, or had nothing to write. One that did not succeed
    /// will be tried again.
    pub fn reconciled(&self, reason: &'static str, succeeded: bool, took: Duration) {
        let result = if succeeded { "ok" } else { "error" };
        self.reconciles
            .get_or_create(&vec![("result", result), ("reason", reason)])
            .inc();
        self.reconcile_duration.observe(took.as_secs_f64());
        if !succeeded {
            self.failed(reason);
        }
    }

    /// Counts a reconcile that did not succeed.
    pub fn failed(&self, reason: &'static str) {
        self.reconcile_errors
            .get_or_create(&vec![("reason", reason)])
            .inc();
    }

    /// Records how many intents wait for their turn.
    pub fn queued(&self, intents: usize) {
        self.queue_depth.set(intents as i64);
    }

    /// Records how long an intent waited for its turn.
    pub fn waited(&self, took: Duration) {
        self.queue_wait.observe(took.as_secs_f64());
    }

    /// Records whether this operator is the one that writes.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Counts a request to the API server; without a code where there was no answer.
    pub fn api_requested(&self, method: &'static str, code: Option<u16>, took: Duration) {
        let code = code.map_or("none", status_code);
        self.api_requests
            .get_or_create(&vec![("method", method), ("code", code)])
            .inc();
        self.api_request_duration
            .get_or_create(&vec![("method", method)])
            .observe(took.as_secs_f64());
    }

    /// Records how long the knowledge base took, or why it brought no answer.
    pub fn knowledge_base_asked(
        &self,
        operation: Operation,
        took: Duration,
        failure: Option<&'static str>,
    ) {
        let labels = vec![("operation", operation.as_str())];
        match failure {
            None => {
                let now = jiff::Timestamp::now().as_duration().as_secs_f64();
                self.knowledge_base_last_answer.set(now);
                self.knowledge_base_query_duration
                    .get_or_create(&labels)
                    .observe(took.as_secs_f64());
            }
            Some(reason) => self.knowledge_base_failed(operation, reason),
        }
    }

    /// Counts that the knowledge base brought no answer.
    pub fn knowledge_base_failed(&self, operation: Operation, reason: &'static str) {
        self.knowledge_base_errors
            .get_or_create(&vec![("operation", operation.as_str()), ("reason", reason)])
            .inc();
    }

    /// Records whether the last probe of the knowledge base was answered.
    pub fn knowledge_base_up(&self, up: bool) {
        self.knowledge_base_up.set(i64::from(up));
    }

    /// Counts a change of the knowledge base, and the intents that are looked at for it.
    pub fn knowledge_base_changed(&self, intents: usize) {
        self.knowledge_base_changes.inc();
        self.knowledge_base_change_requeues.inc_by(intents as u64);
    }

    /// Records how far the replica is behind.
    pub fn knowledge_base_replica(&self, lag_seconds: f64) {
        self.knowledge_base_replica_lag.set(lag_seconds);
    }

    /// Records whether the knowledge base announces changes.
    pub fn knowledge_base_listener(&self, connected: bool) {
        self.knowledge_base_listener_connected
            .set(i64::from(connected));
    }

    /// All of it in the OpenMetrics text format.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A gauge for each set of labels; none where there are none.
fn encode_gauges<K, V>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    values: &BTreeMap<Vec<(K, V)>, f64>,
) -> Result<(), std::fmt::Error>
where
    Vec<(K, V)>: EncodeLabelSet,
{
    if values.is_empty() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(*value).encode(family.encode_family(labels)?)?;
    }
    Ok(())
}

/// Counts something that is under way for as long as it lives.
pub struct InProgress(Gauge);

impl InProgress {
    fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Other codes are counted by their class.
const CODES: [(u16, &str); 18] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (409, "409"),
    (410, "410"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
];

fn status_code(code: u16) -> &'static str {
    let known = CODES.iter().find(|(known, _)| *known == code);
    known.map_or_else(
        || match code {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        },
        |(_, text)| text,
    )
}
