//! Nothing is written outside one's term, neither by a process that slept through its end nor by one
//! whose network did.
//!
//! With `w` for [`Timing::write`], which is at most half of `renew_deadline`, and at most what
//! `lease_duration` is longer:
//! - a write begins only if `w` of the term is left, is cut after `w`, and asks the API server to give
//!   it up after `w` too;
//! - a byte leaves the process only if `w / 2` is left: between the first check and the network a
//!   process can be stopped for any time;
//! - what has left and is not taken within `w / 4` is thrown away by the kernel (`wire`).
//!
//! So the last of a write is over `3/4 w` after the term's end, and `w / 4` or more remains for clocks
//! that do not run alike, before somebody else's term can begin.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Method, Request, Uri};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::{BoxError, Layer, Service};

use super::term::Timing;

/// Knows the term, and holds back what is outside it.
#[derive(Debug)]
pub struct Fence {
    write: Duration,
    term_ends: watch::Sender<Option<Instant>>,
    /// Until then a write that was cut may still be under way.
    in_doubt_until: Mutex<Option<Instant>>,
}

impl Fence {
    /// Closed: no term has begun.
    pub fn new(timing: Timing) -> Arc<Self> {
        Arc::new(Self {
            write: timing.write(),
            term_ends: watch::Sender::new(None),
            in_doubt_until: Mutex::default(),
        })
    }

    /// The term ends then, and not before.
    pub fn open_until(&self, ends: Instant) {
        self.term_ends.send_replace(Some(ends));
    }

    /// The term is over.
    pub fn close(&self) {
        self.term_ends.send_replace(None);
    }

    /// Waits until a write may begin.
    async fn admit(&self) {
        let mut terms = self.term_ends.subscribe();
        while !self.leaves(self.write) {
            // The sender is `self`.
            let _ = terms.changed().await;
        }
    }

    /// Whether a byte may leave.
    pub fn lets_through(&self) -> bool {
        self.leaves(self.write / 2)
    }

    /// How long what has left may wait to be taken.
    pub fn on_the_way(&self) -> Duration {
        self.write / 4
    }

    fn leaves(&self, time: Duration) -> bool {
        let ends = *self.term_ends.borrow();
        ends.is_some_and(|ends| Instant::now() + time <= ends)
    }

    /// Until when a write that was cut may still be under way; `None` where none is.
    pub fn in_doubt_until(&self) -> Option<Instant> {
        let until = *self.doubt();
        until.filter(|until| *until > Instant::now())
    }

    fn doubt(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        let doubt = self.in_doubt_until.lock();
        doubt.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write from its beginning to its answer. Whoever waits for it may stop waiting at any point.
struct Underway {
    fence: Arc<Fence>,
    is_answered: bool,
}

impl Drop for Underway {
    fn drop(&mut self) {
        if !self.is_answered {
            let until = Instant::now() + self.fence.on_the_way() + self.fence.write;
            *self.fence.doubt() = Some(until);
        }
    }
}

/// Puts a fence before a client's writes.
#[derive(Clone)]
pub struct FenceLayer(pub Arc<Fence>);

impl<S> Layer<S> for FenceLayer {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Fenced<S> {
        Fenced {
            inner,
            fence: Arc::clone(&self.0),
        }
    }
}

/// A client behind a fence.
#[derive(Clone)]
pub struct Fenced<S> {
    inner: S,
    fence: Arc<Fence>,
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl<S, B> Service<Request<B>> for Fenced<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Answer<S::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let unready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, unready);
        let fence = Arc::clone(&self.fence);
        Box::pin(async move {
            if request.method() == Method::GET {
                return inner.call(request).await.map_err(Into::into);
            }
            fence.admit().await;
            let limit = fence.write;
            *request.uri_mut() = given_up_after(request.uri(), limit)?;
            let mut underway = Underway {
                fence,
                is_answered: false,
            };
            let answer = timeout(limit, inner.call(request)).await.map_err(|_| {
                format!("not written within {limit:?}, and then the lease might have been over")
            })?;
            underway.is_answered = answer.is_ok();
            answer.map_err(Into::into)
        })
    }
}

/// The API server ends what takes longer than its parameter `timeout`.
fn given_up_after(uri: &Uri, limit: Duration) -> Result<Uri, BoxError> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{separator}timeout={}ms", limit.as_millis());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::sync::mpsc;
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;

    const TIMING: Timing = Timing {
        lease_duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    };

    fn patch() -> Request<()> {
        let uri = "/api/v1/namespaces/a/configmaps/b?&fieldManager=compass";
        Request::patch(uri).body(()).unwrap()
    }

    fn term(fence: &Fence, left: Duration) {
        fence.open_until(Instant::now() + left);
    }

    /// The URIs that a server is asked for; it answers after `takes`.
    fn server(
        fence: &Arc<Fence>,
        takes: Duration,
    ) -> (
        impl Service<Request<()>, Response = (), Error = BoxError, Future: Send> + Clone,
        mpsc::UnboundedReceiver<String>,
    ) {
        let (asked, requests) = mpsc::unbounded_channel();
        let answer = move |request: Request<()>| {
            asked.send(request.uri().to_string()).unwrap();
            async move {
                tokio::time::sleep(takes).await;
                Ok::<_, Infallible>(())
            }
        };
        let service = ServiceBuilder::new()
            .layer(FenceLayer(Arc::clone(fence)))
            .service(service_fn(answer));
        (service, requests)
    }

    #[tokio::test]
    async fn a_write_waits_for_a_term_that_is_long_enough() {
        let fence = Fence::new(TIMING);
        let (service, mut requests) = server(&fence, Duration::ZERO);
        let mut write = std::pin::pin!(service.oneshot(patch()));
        assert!(futures::poll!(&mut write).is_pending(), "no term");
        term(&fence, Duration::from_secs(4));
        assert!(futures::poll!(&mut write).is_pending(), "too short");
        assert!(requests.try_recv().is_err());
        term(&fence, Duration::from_secs(9));
        write.await.unwrap();
        let asked = requests.try_recv().unwrap();
        assert!(
            asked.ends_with("?&fieldManager=compass&timeout=5000ms"),
            "{asked}"
        );
        assert_eq!(fence.in_doubt_until(), None);
        fence.close();
        assert!(!fence.lets_through());
    }

    #[tokio::test]
    async fn reads_are_let_through_without_a_term() {
        let fence = Fence::new(TIMING);
        let (service, mut requests) = server(&fence, Duration::ZERO);
        let read = Request::get("/api/v1/nodes").body(()).unwrap();
        service.oneshot(read).await.unwrap();
        assert_eq!(requests.try_recv().unwrap(), "/api/v1/nodes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_cut_and_then_in_doubt() {
        let fence = Fence::new(TIMING);
        term(&fence, Duration::from_secs(9));
        let (service, _requests) = server(&fence, Duration::from_secs(3600));
        let error = service.clone().oneshot(patch()).await.unwrap_err();
        assert!(
            error.to_string().contains("not written within 5s"),
            "{error}"
        );
        assert!(fence.in_doubt_until().is_some());
    }

    #[tokio::test]
    async fn a_write_that_nobody_waits_for_is_in_doubt() {
        let fence = Fence::new(TIMING);
        term(&fence, Duration::from_secs(9));
        let (service, mut requests) = server(&fence, Duration::from_secs(3600));
        let mut write = Box::pin(service.oneshot(patch()));
        assert!(futures::poll!(&mut write).is_pending());
        assert!(requests.try_recv().is_ok() && fence.in_doubt_until().is_none());
        drop(write);
        assert!(fence.in_doubt_until().is_some());
    }

    #[test]
    fn bytes_leave_while_half_a_write_is_left() {
        let fence = Fence::new(TIMING);
        assert!(!fence.lets_through());
        term(&fence, Duration::from_secs(3));
        assert!(fence.lets_through());
        term(&fence, Duration::from_secs(2));
        assert!(!fence.lets_through());
    }
}
