//! Counts what is asked of the API server, whoever asks.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::http::{Method, Request, Response, StatusCode};
use futures::future::BoxFuture;
use tower::{Layer, Service};

use super::metrics::Metrics;

/// Counts the requests of a client.
#[derive(Clone)]
pub struct Counting(pub Arc<Metrics>);

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            metrics: Arc::clone(&self.0),
        }
    }
}

/// A client whose requests are counted.
pub struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S, Sent, Answer> Service<Request<Sent>> for Counted<S>
where
    S: Service<Request<Sent>, Response = Response<Answer>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Sent>) -> Self::Future {
        let mut asked = Asked {
            method: method(request.method()),
            at: Instant::now(),
            code: None,
            metrics: Arc::clone(&self.metrics),
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            asked.answered(answer.status());
            Ok(answer)
        })
    }
}

/// A request, counted when it is over: answered, failed, or given up by who waited for it.
struct Asked {
    method: &'static str,
    at: Instant,
    code: Option<u16>,
    metrics: Arc<Metrics>,
}

impl Asked {
    fn answered(&mut self, status: StatusCode) {
        self.code = Some(status.as_u16());
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.metrics
            .api_requested(self.method, self.code, self.at.elapsed());
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
