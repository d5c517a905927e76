//! What a page costs: `cargo bench --bench console` prints a table. A console on the shipped
//! benchmarks in a real PostgreSQL, asked over HTTP, and the decision alone by turns in the same
//! process. Targets differ from one question to the next, as they do while a person moves a slider.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use compass::advise::{AnySource, Question, advise, survey};
use compass::api::parse_intent;
use compass::catalog::{Catalog, CatalogFiles};
use compass::console::{Options, WriteOptions, serve};
use compass::knowledge_base::{
    ConnectionSettings, KnowledgeBase, LoadFile, LoadOptions, load, migrate,
};
use compass::manifest::Settings;
use compass_testbed::Postgres;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[path = "../../tests/shared/http.rs"]
#[allow(dead_code, reason = "a bench sends no forms")]
mod http;

/// Questions.
const CALLS: usize = 300;
/// The console answers a client fifty times a second.
const PAUSE: Duration = Duration::from_millis(60);
const GZIP: &str = "Accept-Encoding: gzip\r\n";

fn main() -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let url = postgres.url();
    let catalog = Arc::new(Catalog::load(&CatalogFiles::default())?);
    migrate(&url).await?;
    load(&url, vec![shipped()], &LoadOptions::default(), &catalog).await?;
    let settings = ConnectionSettings::default();
    let base = KnowledgeBase::connect_lazy(&url, &settings, Arc::clone(&catalog))?;
    let source = AnySource::KnowledgeBase(Box::new(base.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let options = Options {
        source: AnySource::KnowledgeBase(Box::new(base)),
        catalog: Arc::clone(&catalog),
        settings: Settings::default(),
        hosts: Vec::new(),
        cluster: None,
        writes: WriteOptions::Nobody,
    };
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, options, shutdown.clone()));

    let [mut decided, mut surveyed, mut slid, mut opened] = [const { Vec::new() }; 4];
    let mut assets = Vec::new();
    for number in 0..CALLS {
        let ttft_p95_ms = 60 + number * 7 % 120;
        let intent = parse_intent(&format!(
            "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {{name: bench}}\nspec:\n  \
             useCase: chatbot_conversational\n  demand: {{requestsPerSecond: 5}}\n  slo: {{ttftP95Ms: {ttft_p95_ms}}}\n"
        ))?;
        let question = Question {
            name: "bench",
            namespace: "default",
            spec: &intent.spec,
            availability: None,
        };
        let (now, settings) = (Timestamp::now(), Settings::default());
        let start = Instant::now();
        let answer = advise(question, &source, &catalog, &settings, now).await;
        black_box(answer.context("no decision")?);
        decided.push(start.elapsed());
        let start = Instant::now();
        let answer = survey(question, &source, &catalog, &settings, now).await;
        black_box(answer.context("no survey")?);
        surveyed.push(start.elapsed());

        let path = format!(
            "/?useCase=chatbot_conversational&demand.requestsPerSecond=5&slo.ttftP95Ms={ttft_p95_ms}"
        );
        let (page, time) = asked(port, &path, "HX-Request: true\r\n").await?;
        slid.push(time);
        if assets.is_empty() {
            assets = assets_of(page.text());
        }
        let (_, mut time) = asked(port, &path, "").await?;
        for asset in &assets {
            time += asked(port, asset, "").await?.1;
        }
        opened.push(time);
        // Seven requests were made.
        tokio::time::sleep(2 * PAUSE).await;
    }
    println!("as it is sent, compressed:");
    let mut bytes = 0;
    let page = "/?useCase=chatbot_conversational&demand.requestsPerSecond=5";
    for path in [page].into_iter().chain(assets.iter().map(String::as_str)) {
        let size = asked(port, path, GZIP).await?.0.body.len();
        let name = path.rsplit('/').next().filter(|_| path != page);
        println!("  {:<36}{size:>7} bytes", name.unwrap_or("the page"));
        bytes += size;
    }
    println!("  {:<36}{bytes:>7} bytes", "all of it");
    shutdown.cancel();
    let base = [percentile(&mut decided, 50), percentile(&mut decided, 95)];
    println!("{CALLS} questions, each of them in four ways by turns");
    for (name, mut times) in [
        ("the decision alone", decided),
        ("with every alternative and account", surveyed),
        ("an answer to a moved slider", slid),
        ("the whole page with all it loads", opened),
    ] {
        let [p50, p95] = [percentile(&mut times, 50), percentile(&mut times, 95)];
        println!(
            "  {name:<36}p50 {:>7.2} ms {:>6.1} x   p95 {:>7.2} ms {:>6.1} x",
            1e3 * p50,
            p50 / base[0],
            1e3 * p95,
            p95 / base[1]
        );
    }
    serving.await??;
    Ok(())
}

fn shipped() -> LoadFile {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/benchmarks.json.gz");
    LoadFile {
        name: file.to_owned(),
        default_source: "shipped".to_owned(),
        open: Box::new(move || Ok(Box::new(std::fs::File::open(file)?))),
    }
}

/// Each on a connection of its own, as the first of a browser is.
async fn asked(port: u16, path: &str, headers: &str) -> anyhow::Result<(http::Answer, Duration)> {
    let (request, headers) = (format!("GET {path}"), headers.to_owned());
    let asking = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        let answer = http::ask(port, &request, &headers, b"");
        (answer, start.elapsed())
    });
    let (answer, time) = asking.await?;
    let answer = answer?;
    ensure!(answer.status == 200, "{path}: {}", answer.status);
    Ok((answer, time))
}

fn assets_of(page: &str) -> Vec<String> {
    let addresses = page.split('"').filter(|it| it.starts_with("/assets/"));
    let addresses: BTreeSet<_> = addresses.map(str::to_owned).collect();
    addresses.into_iter().collect()
}

/// The value below which `percent` of the values are, seconds.
fn percentile(values: &mut [Duration], percent: usize) -> f64 {
    values.sort();
    let at = values.len().saturating_sub(1) * percent / 100;
    values.get(at).map_or(0.0, Duration::as_secs_f64)
}
