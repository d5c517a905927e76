//! Traces of reconciles by OTLP, at a collector that is real but for what it does with them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use compass_testbed::{Authority, Credentials};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::{CLUSTER, Namespace, eventually, intent_yaml};

/// What was received: spans with the service they are of.
type Received = Arc<Mutex<Vec<(String, Span)>>>;

/// Where it listens, and what it received.
async fn collector() -> (SocketAddr, Received) {
    async fn receive(State(received): State<Received>, body: Bytes) -> impl IntoResponse {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for of_resource in request.resource_spans {
            let resource = of_resource.resource.unwrap_or_default();
            let service = attribute(&resource.attributes, "service.name").unwrap_or_default();
            let scopes = of_resource.scope_spans.into_iter();
            let spans = scopes.flat_map(|scope| scope.spans);
            let mut received = received.lock().unwrap();
            received.extend(spans.map(|span| (service.clone(), span)));
        }
        let answer = ExportTraceServiceResponse::default().encode_to_vec();
        ([(header::CONTENT_TYPE, "application/x-protobuf")], answer)
    }
    let received = Received::default();
    let router = Router::new()
        .route("/v1/traces", post(receive))
        .with_state(Arc::clone(&received));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    (address, received)
}

/// Leads what arrives by TLS to another server, which does not speak it.
async fn behind_tls(server: SocketAddr, credentials: &Credentials) -> SocketAddr {
    let certificate = CertificateDer::from_pem_slice(credentials.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(credentials.key.as_bytes()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut outside = acceptor.accept(connection).await?;
                let mut inside = TcpStream::connect(server).await?;
                tokio::io::copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    address
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|it| it.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

fn hexadecimal(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn translation() -> String {
    intent_yaml("translation", "useCase: translation")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconcile_is_traced_step_by_step_under_the_id_of_its_log_lines() {
    let (collector, received) = collector().await;
    let namespace = Namespace::create("traced").await;
    let mut operator =
        namespace.operator_with_flags(&format!("--otlp-endpoint http://{collector}"));
    namespace.apply(&translation());
    namespace.ready("translation", "Rendered").await;
    // What waits is sent before the end.
    operator.terminate();
    let received = received.lock().unwrap().clone();
    let (service, root) = received
        .iter()
        .find(|(_, span)| span.name == "reconcile")
        .expect("no reconcile was traced");
    assert_eq!(service, "compass");
    assert_eq!(
        attribute(&root.attributes, "intent").as_deref(),
        Some("translation")
    );
    assert_eq!(
        attribute(&root.attributes, "namespace").as_deref(),
        Some("traced")
    );
    assert_eq!(
        attribute(&root.attributes, "reason").as_deref(),
        Some("Rendered")
    );
    assert!(root.parent_span_id.is_empty(), "it has a parent");
    let steps: Vec<_> = received
        .iter()
        .map(|(_, span)| span)
        .filter(|span| span.trace_id == root.trace_id && span.parent_span_id == root.span_id)
        .collect();
    let mut in_order = steps.clone();
    in_order.sort_by_key(|span| span.start_time_unix_nano);
    let names: Vec<_> = in_order.iter().map(|span| &*span.name).collect();
    let expected = [
        "read", "resolve", "gather", "decide", "build", "deliver", "status",
    ];
    assert_eq!(names, expected);
    let log = operator.log();
    let line = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|line| line["reason"] == "Rendered")
        .unwrap_or_else(|| panic!("no line of the outcome in\n{log}"));
    assert_eq!(line["trace_id"], hexadecimal(&root.trace_id), "{line}");
    assert_eq!(line["namespace"], "traced", "{line}");
    assert_eq!(line["intent"], "translation", "{line}");
    assert_eq!(line["generation"], 1, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_go_by_tls_to_a_collector_that_is_vouched_for_and_to_no_other() {
    let known = Authority::new().unwrap();
    let file = CLUSTER.control_plane.directory().join("collectors.pem");
    std::fs::write(&file, known.certificate()).unwrap();
    let namespace = Namespace::create("traced-by-tls").await;
    namespace.apply(&translation());
    for (authority, is_trusted) in [(&known, true), (&Authority::new().unwrap(), false)] {
        let (collector, received) = collector().await;
        let collector = behind_tls(collector, &authority.credentials().unwrap()).await;
        let mut operator =
            namespace.operator_that_trusts(&file, &format!("--otlp-endpoint https://{collector}"));
        operator
            .answers("/metrics", 200, "reason=\"Rendered\"")
            .await;
        operator.terminate();
        let received = received.lock().unwrap();
        let is_traced = received.iter().any(|(_, span)| span.name == "reconcile");
        assert_eq!(is_traced, is_trusted);
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_nothing_up() {
    // It takes connections, and that is all.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let namespace = Namespace::create("untraced").await;
    let mut operator = namespace.operator_with_flags(&format!("--otlp-endpoint {endpoint}"));
    namespace.apply(&translation());
    namespace.ready("translation", "Rendered").await;
    // SIGKILL would follow, and the exit code would tell.
    operator.terminate();
}

#[tokio::test]
async fn an_outcome_is_logged_once_and_names_its_trace() {
    let namespace = Namespace::create("logged").await;
    let operator = namespace.operator_with(&CLUSTER.database_url, 1);
    namespace.apply(&translation());
    namespace.ready("translation", "Rendered").await;
    operator.reconciles_again(3.0).await;
    let lines = || -> Vec<serde_json::Value> {
        let log = operator.log();
        let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &serde_json::Value| line["intent"] == "translation")
            .collect()
    };
    let of_the_first = lines();
    assert_eq!(of_the_first.len(), 1, "{of_the_first:#?}");
    let trace = of_the_first[0]["trace_id"].as_str().unwrap();
    assert!(
        trace.len() == 32 && trace.bytes().any(|digit| digit != b'0'),
        "{trace}"
    );
    namespace.apply(&intent_yaml(
        "translation",
        "useCase: translation, slo: {ttftP95Ms: 1}",
    ));
    eventually("a line for the new outcome", async || match &lines()[..] {
        [_, second] if second["reason"] == "NoCompliantConfiguration" => Ok(()),
        lines => Err(lines.to_vec()),
    })
    .await;
    let lines = lines();
    assert_ne!(lines[0]["trace_id"], lines[1]["trace_id"]);
    assert_eq!(lines[1]["generation"], 2);
}
