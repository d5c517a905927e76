//! An API server that misbehaves: a proxy before the real one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use kube::Client;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What the gate does to some of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Two of three are told to come again later (429).
    Throttled,
    /// Every second write meets a conflict (409) although there is none.
    Conflicts,
    /// Every second write is done, and its answer lost.
    LostAnswers,
    /// Every watch is told that it is too old (410).
    Expired,
    /// Each request waits this long.
    Slow(Duration),
}

/// Something written through the gate.
#[derive(Clone, Debug)]
pub struct Write {
    pub gate: &'static str,
    pub path: String,
}

/// The gates' common record, in the order in which writes reached the API server.
pub type Writes = Arc<Mutex<Vec<Write>>>;

/// A proxy on a port of its own; it ends with the test's runtime.
pub struct ApiGate {
    pub port: u16,
    state: Arc<Gate>,
    serving: JoinHandle<()>,
}

struct Gate {
    name: &'static str,
    client: Client,
    fault: Mutex<(Fault, u32)>,
    writes: Writes,
}

impl ApiGate {
    /// Whoever comes through it is who `client` is.
    pub async fn before(client: Client, name: &'static str, writes: &Writes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Gate {
            name,
            client,
            fault: Mutex::new((Fault::None, 0)),
            writes: Arc::clone(writes),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            port,
            state,
            serving,
        }
    }

    pub fn set(&self, fault: Fault) {
        self.state.fault.lock().unwrap().0 = fault;
    }
}

impl Drop for ApiGate {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Gate {
    /// The fault of now, and how many requests came before this one.
    fn next(&self) -> (Fault, u32) {
        let mut fault = self.fault.lock().unwrap();
        fault.1 += 1;
        *fault
    }
}

async fn pass(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let (fault, number) = gate.next();
    let is_write = request.method() != "GET";
    let is_watch = request
        .uri()
        .query()
        .is_some_and(|it| it.contains("watch=true"));
    match fault {
        Fault::Throttled if number % 3 != 0 => return refusal(429, "TooManyRequests"),
        Fault::Conflicts if is_write && number % 2 == 0 => return refusal(409, "Conflict"),
        Fault::Expired if is_watch => return refusal(410, "Expired"),
        Fault::Slow(delay) => tokio::time::sleep(delay).await,
        _ => {}
    }
    let answer = forward(&gate, request, is_write).await;
    if fault == Fault::LostAnswers && is_write && number % 2 == 0 {
        return refusal(504, "Timeout");
    }
    answer.unwrap_or_else(|error| {
        let message = error.to_string();
        (axum::http::StatusCode::BAD_GATEWAY, message).into_response()
    })
}

async fn forward(gate: &Gate, request: Request, is_write: bool) -> anyhow::Result<Response> {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, MOST_BYTES).await?;
    parts.headers.remove("host");
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    let path = path.to_owned();
    parts.uri = path.parse()?;
    if is_write {
        gate.writes.lock().unwrap().push(Write {
            gate: gate.name,
            path,
        });
    }
    let body = kube::client::Body::from(body.to_vec());
    let request = axum::http::Request::from_parts(parts, body);
    let (mut parts, body) = gate.client.send(request).await?.into_parts();
    parts.headers.remove("transfer-encoding");
    Ok(Response::from_parts(parts, Body::new(body)))
}

/// As the API server words it.
fn refusal(code: u16, reason: &str) -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("{reason}, says the gate"), "reason": reason, "code": code,
    });
    let answer = Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .header("retry-after", 1);
    answer.body(Body::from(status.to_string())).unwrap()
}
