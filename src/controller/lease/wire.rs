//! The connections on which a leader writes: no byte leaves outside its term.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tokio::net::TcpStream;
use tower::retry::RetryLayer;
use tower::{BoxError, Service, ServiceBuilder};

use super::fence::{Fence, FenceLayer};
use crate::controller::api_requests::Counting;
use crate::controller::metrics::Metrics;

/// A client like kube's own, whose writes stay inside the fence.
///
/// # Errors
/// The configuration has no usable credentials.
pub fn client(config: &Config, fence: &Arc<Fence>, metrics: &Arc<Metrics>) -> kube::Result<Client> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(config.connect_timeout);
    // Also what the kernel has taken and cannot deliver does not outlive the term.
    #[cfg(target_os = "linux")]
    connector.set_tcp_user_timeout(Some(fence.on_the_way()));
    let wires = Wires {
        connector,
        fence: Arc::clone(fence),
    };
    let https = config.rustls_https_connector_with_connector(wires)?;
    let http: HttpClient<_, Body> = HttpClient::builder(TokioExecutor::new()).build(https);
    let service = ServiceBuilder::new()
        .layer(FenceLayer(Arc::clone(fence)))
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    let builder = ClientBuilder::new(service, config.default_namespace.clone());
    Ok(builder.with_layer(&Counting(Arc::clone(metrics))).build())
}

#[derive(Clone)]
struct Wires {
    connector: HttpConnector,
    fence: Arc<Fence>,
}

impl Service<Uri> for Wires {
    type Response = Wire;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Wire, Self::Error>> + Send>>;

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<std::result::Result<(), Self::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let stream = self.connector.call(to);
        let fence = Arc::clone(&self.fence);
        Box::pin(async move {
            Ok(Wire {
                stream: stream.await?,
                fence,
            })
        })
    }
}

struct Wire {
    stream: TokioIo<TcpStream>,
    fence: Arc<Fence>,
}

impl Wire {
    fn open(&mut self) -> Result<Pin<&mut TokioIo<TcpStream>>> {
        if self.fence.lets_through() {
            Ok(Pin::new(&mut self.stream))
        } else {
            let problem = "the lease is over, or nearly so, and nothing is written any more";
            Err(Error::new(ErrorKind::TimedOut, problem))
        }
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.open()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
