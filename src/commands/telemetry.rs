//! Where log lines and traces go.

use std::fmt::Debug;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use clap::{Args, ValueEnum};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing::warn;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

/// A collector that does not answer loses traces, never time of reconciles.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// At the end, what waits is sent within this.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// What is logged and traced.
#[derive(Args, Debug)]
pub(super) struct TelemetryArguments {
    /// Lines for people, or one JSON object each
    #[arg(long, env = "COMPASS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
    /// Least level that is logged, or filters such as compass=debug,kube=info
    #[arg(long, env = "RUST_LOG", value_name = "LEVEL", default_value = "info")]
    log_level: String,
    /// Send traces of reconciles there, by OTLP over HTTP, e.g. http://collector:4318
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        hide_env_values = true,
        value_name = "URL"
    )]
    otlp_endpoint: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

/// Lines and traces are on their way as long as it lives.
pub(super) struct Telemetry(SdkTracerProvider);

impl TelemetryArguments {
    /// Begins to log and to trace. Must be called inside a runtime.
    pub(super) fn start(&self) -> anyhow::Result<Telemetry> {
        let filter = EnvFilter::try_new(&self.log_level).with_context(|| {
            format!(
                "--log-level `{}` is neither a level nor a filter",
                self.log_level
            )
        })?;
        let lines = match self.log_format {
            LogFormat::Human => fmt::layer()
                .with_ansi(std::io::stderr().is_terminal())
                .with_writer(std::io::stderr)
                .boxed(),
            LogFormat::Json => json_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .flatten_span_list_on_top_level(true)
                .boxed(),
        };
        let traces = self.traces()?;
        // Also where nobody collects traces: their ids are on the log lines.
        let spans = tracing_opentelemetry::layer()
            .with_tracer(traces.tracer("compass"))
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_target("compass", LevelFilter::INFO));
        tracing_subscriber::registry()
            .with(spans)
            .with(lines.with_filter(filter))
            .init();
        Ok(Telemetry(traces))
    }

    fn traces(&self) -> anyhow::Result<SdkTracerProvider> {
        let Some(endpoint) = &self.otlp_endpoint else {
            return Ok(SdkTracerProvider::builder()
                .with_sampler(Sampler::AlwaysOff)
                .build());
        };
        let exporter = SpanExporter::builder().with_http();
        let exporter = if endpoint.starts_with("https:") {
            let roots = HttpsConnectorBuilder::new().with_native_roots();
            let tls = roots.context("no certificates of authorities are installed")?;
            exporter.with_http_client(Client::new(tls.https_only().enable_http1().build()))
        } else {
            exporter.with_http_client(Client::new(HttpConnector::new()))
        };
        let exporter = exporter
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .context(
                "--otlp-endpoint: expected the URL of a collector, e.g. http://collector:4318",
            )?;
        let service = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "compass".to_owned());
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(version)
            .build();
        Ok(SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build())
    }
}

impl Telemetry {
    /// Sends what waits, or gives it up in time.
    pub(super) async fn end(self) {
        let end = move || self.0.shutdown_with_timeout(FLUSH_TIMEOUT);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(end).await {
            warn!(%error, "the last traces were lost");
        }
    }
}

/// Traces are sent by a thread of their own, outside of the runtime that the client needs.
#[derive(Debug)]
struct Client<C: Connect + Clone + Send + Sync + 'static> {
    inner: HyperClient<C>,
    runtime: Handle,
}

impl<C: Connect + Clone + Send + Sync + 'static> Client<C> {
    fn new(connector: C) -> Self {
        Self {
            inner: HyperClient::new(connector, EXPORT_TIMEOUT, None),
            runtime: Handle::current(),
        }
    }
}

#[async_trait::async_trait]
impl<C: Connect + Clone + Debug + Send + Sync + 'static> HttpClient for Client<C> {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.inner.clone();
        let sending = async move { client.send_bytes(request).await };
        self.runtime.spawn(sending).await?
    }
}
