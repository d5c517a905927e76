//! What stands before every page: which hosts are answered, how often and how long, and what a
//! browser may do with the answer.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

use super::page;

/// Requests that a client may make a second, and at once. A slider asks some thirty times a second.
const RATE: NonZeroU32 = NonZeroU32::new(50).unwrap();
const BURST: NonZeroU32 = NonZeroU32::new(200).unwrap();
/// Clients that are remembered before those that are quiet are forgotten.
const REMEMBERED: usize = 10_000;

/// Nothing but the console's own files, and no script or style within a page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The names under which the console may be asked. An address in numbers and `localhost` always
/// are: a hostile site that points its own name here (DNS rebinding) has neither.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(pub(super) Arc<[String]>);

impl Hosts {
    fn admit(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok()
            || self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

type Clients = DefaultKeyedRateLimiter<IpAddr>;

/// Routes that answer within so long.
pub(super) fn within<S: Clone + Send + Sync + 'static>(
    deadline: Duration,
    routes: Router<S>,
) -> Router<S> {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    routes.layer(TimeoutLayer::with_status_code(status, deadline))
}

/// Puts all of it before the routes.
pub(super) fn guarded(routes: Router, hosts: Hosts) -> Router {
    let quota = Quota::per_second(RATE).allow_burst(BURST);
    let clients: Arc<Clients> = Arc::new(RateLimiter::keyed(quota));
    routes
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(clients, limit_rate))
        .layer(from_fn(check_origin))
        .layer(from_fn_with_state(hosts, check_host))
        .layer(from_fn(with_headers))
}

async fn check_host(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    if hosts.admit(host) {
        return next.run(request).await;
    }
    let problem = format!(
        "This console is not known as {host}. Whoever runs it can allow the name: --console-host {host}"
    );
    page::refusal(StatusCode::MISDIRECTED_REQUEST, "Unknown host", &problem)
}

/// A form of another site is not taken (CSRF): browsers say where one comes from.
async fn check_origin(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_of_this_site(request.headers()) {
        return next.run(request).await;
    }
    let problem = "This form was sent from another site.";
    page::refusal(StatusCode::FORBIDDEN, "Not from here", problem)
}

fn is_of_this_site(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, host)| text(header::HOST) == Some(host))
}

async fn limit_rate(
    State(clients): State<Arc<Clients>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if clients.len() > REMEMBERED {
        clients.retain_recent();
    }
    if clients.check_key(&client.ip()).is_ok() {
        return next.run(request).await;
    }
    let problem = "Too many requests from one address. Ask again in a second.";
    let mut refusal = page::refusal(StatusCode::TOO_MANY_REQUESTS, "Too many requests", problem);
    let headers = refusal.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    refusal
}

async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_site_is_not_taken() {
        let of = |headers: &[(&'static str, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            });
            is_of_this_site(&headers.collect())
        };
        assert!(of(&[("sec-fetch-site", "same-origin")]));
        assert!(of(&[
            ("host", "a.example:1"),
            ("origin", "http://a.example:1")
        ]));
        assert!(!of(&[
            ("host", "a.example:1"),
            ("origin", "http://b.example")
        ]));
        assert!(!of(&[("host", "a.example"), ("origin", "null")]));
        assert!(!of(&[
            ("sec-fetch-site", "same-site"),
            ("host", "a"),
            ("origin", "http://a")
        ]));
        assert!(!of(&[("host", "a.example")]));
    }

    #[test]
    fn a_name_that_nobody_allowed_is_not_answered() {
        let hosts = Hosts(Arc::from(["compass.example.com".to_owned()]));
        for host in [
            "localhost:8081",
            "127.0.0.1:8081",
            "[::1]:8081",
            "10.0.0.7",
            "Compass.example.com",
        ] {
            assert!(hosts.admit(host), "{host}");
        }
        for host in [
            "",
            "evil.example.com:8081",
            "127.0.0.1.evil.example",
            "[evil]",
        ] {
            assert!(!hosts.admit(host), "{host}");
        }
    }
}
