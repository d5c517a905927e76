//! What is counted. Labels are finite sets: results and reasons, never a name or a message.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

type Labels = Vec<(&'static str, &'static str)>;

/// Every metric of the operator.
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Labels, Counter>,
    reconcile_errors: Family<Labels, Counter>,
    reconcile_duration: Histogram,
    knowledge_base_up: Gauge,
    knowledge_base_latency: Histogram,
    knowledge_base_changes: Counter,
    knowledge_base_change_requeues: Counter,
    knowledge_base_listener_connected: Gauge,
}

/// Upper bounds in seconds: a reconcile takes milliseconds, or a time-out.
const SECONDS: [f64; 12] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("compass");
        let reconciles = Family::default();
        registry.register(
            "reconciles",
            "Reconciles by result (ok, error) and reason, which is that of the condition Ready",
            reconciles.clone(),
        );
        let reconcile_errors = Family::default();
        registry.register(
            "reconcile_errors",
            "Reconciles that did not succeed and will be tried again, by reason",
            reconcile_errors.clone(),
        );
        let reconcile_duration = Histogram::new(SECONDS);
        registry.register_with_unit(
            "reconcile_duration",
            "From the start of a reconcile to its written status",
            Unit::Seconds,
            reconcile_duration.clone(),
        );
        let knowledge_base_up = Gauge::default();
        registry.register(
            "knowledge_base_up",
            "Whether the knowledge base answered the last probe",
            knowledge_base_up.clone(),
        );
        let knowledge_base_latency = Histogram::new(SECONDS);
        registry.register_with_unit(
            "knowledge_base_latency",
            "Time the knowledge base took to answer a probe",
            Unit::Seconds,
            knowledge_base_latency.clone(),
        );
        let knowledge_base_changes = Counter::default();
        registry.register(
            "knowledge_base_changes",
            "Times that a change of the knowledge base was noticed",
            knowledge_base_changes.clone(),
        );
        let knowledge_base_change_requeues = Counter::default();
        registry.register(
            "knowledge_base_change_requeues",
            "Intents that were looked at again because of those changes",
            knowledge_base_change_requeues.clone(),
        );
        let knowledge_base_listener_connected = Gauge::default();
        registry.register(
            "knowledge_base_listener_connected",
            "Whether the knowledge base announces changes; if not, they are looked for every few seconds",
            knowledge_base_listener_connected.clone(),
        );
        registry.register(
            "build",
            "The running version of Compass",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        Self {
            registry,
            reconciles,
            reconcile_errors,
            reconcile_duration,
            knowledge_base_up,
            knowledge_base_latency,
            knowledge_base_changes,
            knowledge_base_change_requeues,
            knowledge_base_listener_connected,
        }
    }
}

impl Metrics {
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

    /// Records what a probe of the knowledge base found.
    pub fn knowledge_base_probed(&self, up: bool, took: Duration) {
        self.knowledge_base_up.set(i64::from(up));
        if up {
            self.knowledge_base_latency.observe(took.as_secs_f64());
        }
    }

    /// Counts a change of the knowledge base, and the intents that are looked at for it.
    pub fn knowledge_base_changed(&self, intents: usize) {
        self.knowledge_base_changes.inc();
        self.knowledge_base_change_requeues.inc_by(intents as u64);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_read_as_open_metrics() {
        let metrics = Metrics::default();
        metrics.reconciled("Rendered", true, Duration::from_millis(3));
        metrics.reconciled("Conflict", false, Duration::from_millis(3));
        metrics.knowledge_base_probed(true, Duration::from_millis(1));
        metrics.knowledge_base_changed(3);
        metrics.knowledge_base_listener(true);
        let text = metrics.encode().unwrap();
        for line in [
            "compass_reconciles_total{result=\"ok\",reason=\"Rendered\"} 1",
            "compass_reconcile_errors_total{reason=\"Conflict\"} 1",
            "compass_reconcile_duration_seconds_count 2",
            "compass_knowledge_base_up 1",
            "compass_knowledge_base_latency_seconds_count 1",
            "compass_knowledge_base_changes_total 1",
            "compass_knowledge_base_change_requeues_total 3",
            "compass_knowledge_base_listener_connected 1",
            concat!(
                "compass_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is missing in\n{text}"
            );
        }
    }
}
