//! The process tells the truth over HTTP: `/healthz` that it serves, `/readyz` what it still waits
//! for, `/metrics` what it counted.
//!
//! Readiness is latched: an outage after the first answer of the knowledge base shows in
//! `/readyz?verbose`, in metrics and in conditions, but does not take the pod out of service.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;

/// What readiness depends on.
#[derive(Debug, Default)]
pub struct Health {
    intents: Mutex<Check>,
    knowledge_base: Mutex<Check>,
}

#[derive(Clone, Debug, Default)]
struct Check {
    succeeded_once: bool,
    problem: Option<String>,
}

impl Check {
    fn record(check: &Mutex<Check>, result: Result<(), String>) -> bool {
        let mut check = check.lock().unwrap_or_else(PoisonError::into_inner);
        let before = (check.succeeded_once, check.problem.is_some());
        check.succeeded_once |= result.is_ok();
        check.problem = result.err();
        before != (check.succeeded_once, check.problem.is_some())
    }

    fn line(check: &Mutex<Check>, name: &str) -> (bool, String) {
        let check = check.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let line = match (check.succeeded_once, check.problem) {
            (false, None) => format!("[-] {name}: not yet asked"),
            (false, Some(problem)) => format!("[-] {name}: {problem}"),
            (true, None) => format!("[+] {name}: ok"),
            (true, Some(problem)) => format!("[!] {name}: answered before, but now: {problem}"),
        };
        (check.succeeded_once, line)
    }
}

impl Health {
    /// Whether the API server serves intents. Returns whether that is news.
    pub fn intents(&self, result: Result<(), String>) -> bool {
        Check::record(&self.intents, result)
    }

    /// Whether the knowledge base answers. Returns whether that is news.
    pub fn knowledge_base(&self, result: Result<(), String>) -> bool {
        Check::record(&self.knowledge_base, result)
    }

    fn report(&self) -> (bool, String) {
        let (intents, first) = Check::line(&self.intents, "intents");
        let (knowledge_base, second) = Check::line(&self.knowledge_base, "knowledge base");
        (intents && knowledge_base, format!("{first}\n{second}\n"))
    }
}

/// Serves until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state(health))
        .route("/metrics", get(metrics_text).with_state(metrics));
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await?;
    Ok(())
}

async fn readyz(State(health): State<Arc<Health>>, RawQuery(query): RawQuery) -> Response {
    let (ready, report) = health.report();
    let verbose = query.is_some_and(|query| query.split('&').any(|key| key.starts_with("verbose")));
    match (ready, verbose) {
        (true, false) => "ok\n".into_response(),
        (true, true) => report.into_response(),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, report).into_response(),
    }
}

async fn metrics_text(State(metrics): State<Arc<Metrics>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_latched_and_an_outage_shows() {
        let health = Health::default();
        assert!(!health.report().0);
        assert!(health.knowledge_base(Err("refused".into())));
        assert!(
            !health.knowledge_base(Err("refused again".into())),
            "no news"
        );
        assert!(health.intents(Ok(())));
        assert_eq!(
            health.report(),
            (
                false,
                "[+] intents: ok\n[-] knowledge base: refused again\n".into()
            )
        );
        assert!(health.knowledge_base(Ok(())));
        assert!(health.report().0);
        health.knowledge_base(Err("gone".into()));
        let (ready, report) = health.report();
        assert!(ready);
        assert!(
            report.contains("[!] knowledge base: answered before, but now: gone"),
            "{report}"
        );
    }
}
