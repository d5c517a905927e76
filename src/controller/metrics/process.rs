//! The process itself, by the names that every Prometheus client uses.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Looks at the process when it is asked.
#[derive(Debug)]
pub struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let found = metrics_process::collector::collect();
        let cpu = found.cpu_seconds_total.map(ConstCounter::new);
        let cpu = cpu.map(|counter| Box::new(counter) as Box<dyn EncodeMetric>);
        let gauge = |value: Option<u64>| {
            value.map(|value| Box::new(ConstGauge::new(value)) as Box<dyn EncodeMetric>)
        };
        let metrics = [
            (
                "process_cpu",
                "User and system CPU time spent",
                Some(Unit::Seconds),
                cpu,
            ),
            (
                "process_start_time",
                "When the process started, as Unix time",
                Some(Unit::Seconds),
                gauge(found.start_time_seconds),
            ),
            (
                "process_resident_memory",
                "Resident memory",
                Some(Unit::Bytes),
                gauge(found.resident_memory_bytes),
            ),
            (
                "process_virtual_memory",
                "Virtual memory",
                Some(Unit::Bytes),
                gauge(found.virtual_memory_bytes),
            ),
            (
                "process_open_fds",
                "Open file descriptors",
                None,
                gauge(found.open_fds),
            ),
            (
                "process_max_fds",
                "File descriptors that may be open at most",
                None,
                gauge(found.max_fds),
            ),
            ("process_threads", "Threads", None, gauge(found.threads)),
        ];
        // Not every system tells all of them.
        for (name, help, unit, metric) in metrics {
            if let Some(metric) = metric {
                let kind = metric.metric_type();
                metric.encode(encoder.encode_descriptor(name, help, unit.as_ref(), kind)?)?;
            }
        }
        Ok(())
    }
}
