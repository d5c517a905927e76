//! The console: web pages for those who do not start from YAML.
//!
//! - `question`: a question is the query of an address, by the intent's own fields
//! - `plan`: the answer, what else would do, what was left out, and the YAML
//! - `configuration`: latency against request rate of one configuration
//! - `knowledge_base`: what was benchmarked, and what was not
//! - `upload`: loading a file of benchmarks; `writer`: who may
//! - `intents`: the cluster's intents, for whoever may see them; `viewer`: who that is; `sign_in`: how
//!   they say so
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
mod sign_in;
mod upload;
mod viewer;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::limit::RequestBodyLimitLayer;

use crate::advise::{AnySource, SourceError};
use crate::catalog::Catalog;
use crate::manifest::Settings;
use page::Frame;
use viewer::Cluster;
use writer::Writes;

/// A question is an address: more than this is none.
const LARGEST_BODY: usize = 64 * 1024;
/// A question that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(30);

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
    /// Whether benchmarks can be loaded, and by whom.
    pub writes: WriteOptions,
}

/// Who may load benchmarks.
#[derive(Debug)]
pub enum WriteOptions {
    /// Nobody.
    Nobody,
    /// Whom the cluster lets, into the database at this URL.
    ByCluster(String),
    /// Who signs in with a token, for a console without a cluster.
    ByToken {
        /// Where loads go.
        database_url: String,
        /// The token.
        token: String,
    },
}

/// Where intents are.
#[derive(Debug)]
pub struct ClusterOptions {
    /// The API server, and who the console is to it.
    pub config: kube::Config,
    /// The only namespaces whose intents are listed; all where there is none.
    pub namespaces: Vec<String>,
    /// The only labels, as kubectl selects them.
    pub selector: Option<String>,
}

/// What every page needs.
#[derive(Clone)]
struct Console {
    source: Arc<AnySource>,
    catalog: Arc<Catalog>,
    settings: Arc<Settings>,
    cluster: Option<Arc<Cluster>>,
    writes: Option<Arc<Writes>>,
}

impl Console {
    /// The time by which evidence is old: that of the snapshot, where it is one.
    fn now(&self) -> Timestamp {
        match &*self.source {
            AnySource::KnowledgeBase(_) => Timestamp::now(),
            AnySource::Snapshot(_, evidence) => evidence.taken_at(),
        }
    }

    /// Whether there is anything to sign in for.
    fn has_sign_in(&self) -> bool {
        self.cluster.is_some() || self.writes.is_some()
    }

    /// Whether somebody can sign in with a token, or why not.
    async fn takes(&self, token: &str) -> Result<(), &'static str> {
        if let Some(cluster) = &self.cluster {
            let viewer = cluster.viewer(token).await;
            return viewer
                .map(drop)
                .map_err(|_| "The API server does not take this token.");
        }
        let writes = self.writes.as_ref().filter(|writes| writes.knows(token));
        writes.map(drop).ok_or("This is not the console's token.")
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
    let cluster = options.cluster.map(Cluster::new).transpose()?.map(Arc::new);
    let writes = match (options.writes, &cluster) {
        (WriteOptions::Nobody, _) => None,
        (WriteOptions::ByCluster(url), Some(cluster)) => {
            Some(Writes::by_cluster(url, Arc::clone(cluster)))
        }
        (WriteOptions::ByCluster(_), None) => bail!("there is no cluster to say who may load"),
        (
            WriteOptions::ByToken {
                database_url,
                token,
            },
            _,
        ) => Some(Writes::by_token(database_url, token)),
    };
    let console = Console {
        source: Arc::new(options.source),
        catalog: options.catalog,
        settings: Arc::new(options.settings),
        cluster,
        writes: writes.map(Arc::new),
    };
    let uploads = Router::new()
        .route("/knowledge-base", post(knowledge_base::post))
        .layer(DefaultBodyLimit::disable());
    let pages = Router::new()
        .route("/", get(plan::get))
        .route("/intent.yaml", get(plan::intent_yaml))
        .route("/manifests.yaml", get(plan::manifests_yaml))
        .route("/configuration", get(configuration::get))
        .route("/knowledge-base", get(knowledge_base::get))
        .route("/intents", get(intents::list))
        .route("/intents/{namespace}/{name}", get(intents::get))
        .route("/sign-in", get(sign_in::get).post(sign_in::post))
        .route("/sign-out", post(sign_in::out))
        .route("/assets/{version}/{name}", get(assets::get))
        .route("/healthz", get(async || "ok\n"))
        .fallback(not_found);
    let pages = pages.layer(RequestBodyLimitLayer::new(LARGEST_BODY));
    let pages = guard::within(DEADLINE, pages);
    let uploads = guard::within(upload::DEADLINE, uploads);
    let routes = pages.merge(uploads).with_state(console);
    let hosts = guard::Hosts(options.hosts.into());
    let router = guard::guarded(routes, hosts);
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
