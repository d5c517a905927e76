//! The span of a reconcile: by its trace id, log lines and traces are found together.

use kube::core::ObjectMeta;
use opentelemetry::trace::{TraceContextExt, TraceId};
use tracing::field::{Empty, display};
use tracing::{Span, error_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A span for one look at an intent.
pub fn of(intent: &ObjectMeta) -> Span {
    // Not as low as `info`: no filter of levels may take the intent's name off a line.
    let span = error_span!(
        "reconcile",
        namespace = intent.namespace,
        intent = intent.name,
        generation = intent.generation,
        trace_id = Empty,
        reason = Empty,
    );
    let trace_id = span.context().span().span_context().trace_id();
    if trace_id != TraceId::INVALID {
        span.record("trace_id", display(trace_id));
    }
    span
}
