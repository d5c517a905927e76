//! The console: web pages for those who do not start from YAML.
//!
//! - `question`: a question is the query of an address, by the intent's own fields
//! - `plan`: the answer, what else would do, what was left out, and the YAML
//! - `configuration`: latency against request rate of one configuration
//! - `knowledge_base`: what was benchmarked, and what was not
//! - `intents`: the cluster's intents, for whoever may see them; `viewer`: who that is
//! - `chart`: both charts, as SVG
//! - `guard`: what stands before every page
//!
//! Stands on [`advise`](crate::advise) and holds no rule of a decision. Every page is whole without
//! a script; with one, the answer alone is exchanged while somebody types.

mod assets;
mod chart;
mod configuration;
mod guard;
mod intents;
mod knowledge_base;
mod page;
mod plan;
mod question;
mod shown;
mod viewer;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::advise::{AnySource, SourceError};
use crate::catalog::Catalog;
use crate::manifest::Settings;
use page::Frame;
use viewer::Cluster;

/// A question is an address: more than this is none.
const LARGEST_BODY: usize = 64 * 1024;

/// What the console answers from, and to whom.
#[derive(Debug)]
pub struct Options {
    /// Where evidence is.
    pub source: AnySource,
    /// Use cases, hardware and models.
    pub catalog: Arc<Catalog>,
    /// How manifests are built.
    pub settings: Settings,
    /// Names under which it may be asked, beside `localhost` and addresses in numbers.
    pub hosts: Vec<String>,
    /// The cluster whose intents are shown; none without one.
    pub cluster: Option<ClusterOptions>,
}

/// Where intents are.
#[derive(Debug)]
pub struct ClusterOptions {
    /// The API server, and who the console is to it.
    pub config: kube::Config,
    /// The only namespaces that are shown; all where there is none.
    pub namespaces: Vec<String>,
}

/// What every page needs.
#[derive(Clone)]
struct Console {
    source: Arc<AnySource>,
    catalog: Arc<Catalog>,
    settings: Arc<Settings>,
    cluster: Option<Arc<Cluster>>,
}

impl Console {
    /// The time by which evidence is old: that of the snapshot, where it is one.
    fn now(&self) -> Timestamp {
        match &*self.source {
            AnySource::KnowledgeBase(_) => Timestamp::now(),
            AnySource::Snapshot(_, evidence) => evidence.taken_at(),
        }
    }

    fn frame(&self) -> Frame {
        let evidence = match &*self.source {
            AnySource::KnowledgeBase(base) => format!("Knowledge base {}", base.target().database),
            AnySource::Snapshot(_, evidence) => {
                format!("Snapshot of {}", shown::day(Some(evidence.taken_at())))
            }
        };
        Frame {
            evidence,
            has_intents: self.cluster.is_some(),
            viewer: None,
        }
    }
}

/// Why there is no evidence to answer from, as a title and what a person can do.
fn trouble(error: &SourceError) -> (&'static str, String) {
    match error {
        SourceError::KnowledgeBase(error) => (
            "The knowledge base does not answer",
            format!("{error}. Questions are answered again as soon as it does: reload the page."),
        ),
        SourceError::Snapshot(_, lacks) => ("Not in this snapshot", lacks.to_string()),
    }
}

/// Serves until `shutdown`.
///
/// # Errors
/// The cluster's configuration is not usable, or the socket fails.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let cluster = options
        .cluster
        .map(|it| Cluster::new(it.config, it.namespaces));
    let console = Console {
        source: Arc::new(options.source),
        catalog: options.catalog,
        settings: Arc::new(options.settings),
        cluster: cluster.transpose()?.map(Arc::new),
    };
    let routes = Router::new()
        .route("/", get(plan::get))
        .route("/intent.yaml", get(plan::intent_yaml))
        .route("/manifests.yaml", get(plan::manifests_yaml))
        .route("/configuration", get(configuration::get))
        .route("/knowledge-base", get(knowledge_base::get))
        .route("/intents", get(intents::list))
        .route("/intents/{namespace}/{name}", get(intents::get))
        .route("/sign-in", post(intents::sign_in))
        .route("/sign-out", post(intents::sign_out))
        .route("/assets/{version}/{name}", get(assets::get))
        .route("/healthz", get(async || "ok\n"))
        .fallback(not_found)
        .with_state(console);
    let hosts = guard::Hosts(options.hosts.into());
    let router = guard::guarded(routes, hosts, LARGEST_BODY);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await?;
    Ok(())
}

async fn not_found() -> Response {
    page::refusal(
        StatusCode::NOT_FOUND,
        "No such page",
        "There is nothing at this address.",
    )
}
