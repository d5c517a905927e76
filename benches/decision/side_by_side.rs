//! `SELECT 1`, a decision and the plain way, by turns.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use compass::benchmark::TrafficProfile;
use compass::catalog::{Catalog, CatalogFiles};
use compass::knowledge_base::{ConnectionSettings, KnowledgeBase, migrate};
use compass::recommend::{Requirement, choose, decide};
use compass_testbed::Postgres;
use compass_testbed::postgres::execute;
use compass_testbed::process::Program;
use jiff::Timestamp;
use sqlx::{Connection, PgConnection};

use crate::ask;
use crate::million::{self, COLUMNS, PROFILES};
use crate::percentile;

/// Calls of each kind in a turn, and how long all turns take at most.
const CALLS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(20);
const MOST_TURNS: usize = 40;

/// The cheapest row that meets the targets, by the price of as many replicas as the load needs: all
/// of a decision that is plain to say in SQL (no ladders, no failing rates, no kinds).
const PLAIN: &str = "
    SELECT s.id, s.model_hf_repo, s.hardware, s.hardware_count,
           price * hardware_count
               * ceil($6 / least(s.requests_per_second, s.responses_per_second)) AS cost
    FROM exported_summaries s
         JOIN unnest($7::text[], $8::float8[]) AS prices (name, price) ON name = s.hardware
    WHERE s.prompt_tokens = $1 AND s.output_tokens = $2
      AND s.ttft_p95 BETWEEN 1e-9 AND $3 AND s.itl_p95 BETWEEN 1e-9 AND $4 AND s.e2e_p95 BETWEEN 1e-9 AND $5
      AND s.responses_per_second >= 0.9 * s.requests_per_second
    ORDER BY cost, s.id LIMIT 1";

/// What was measured on one number of rows.
pub struct Measured {
    pub rows: i64,
    pub under_the_profile: usize,
    pub first_ms: f64,
    pub memory_mib: u64,
    /// What, and its p50 and p99, microseconds; `SELECT 1` first.
    pub times: Vec<(&'static str, [f64; 2])>,
}

pub async fn run(configurations: Option<usize>) -> anyhow::Result<Measured> {
    let postgres = Postgres::start()?;
    let url = postgres.url();
    migrate(&url).await?;
    match configurations {
        Some(configurations) => execute(
            &url,
            &format!(
                "INSERT INTO exported_summaries ({COLUMNS}) {}",
                million::rows(configurations)
            ),
        )?,
        None => load_shipped(&url)?,
    }
    execute(&url, "VACUUM ANALYZE")?;
    let catalog = Arc::new(Catalog::load(&CatalogFiles::default())?);
    let knowledge_base =
        KnowledgeBase::connect_lazy(&url, &ConnectionSettings::default(), Arc::clone(&catalog))?;
    let before = memory_mib();
    let start = Instant::now();
    let evidence = knowledge_base.evidence(profile(PROFILES[0])).await?;
    let first = start.elapsed();
    let rows: i64 = evidence.profiles.iter().map(|counted| counted.rows).sum();
    let mut measured = Measured {
        rows,
        under_the_profile: evidence.benchmarks.len(),
        first_ms: first.as_secs_f64() * 1e3,
        memory_mib: 0,
        times: Vec::new(),
    };
    println!(
        "{rows} rows, {} of them under the profile, read at first in {:.0} ms",
        measured.under_the_profile, measured.first_ms
    );
    drop(evidence);
    measured.times = turns(&url, &knowledge_base, &catalog).await?;
    let counted = knowledge_base.profiles().await?;
    for profile in counted {
        black_box(knowledge_base.evidence(profile).await?);
    }
    measured.memory_mib = memory_mib().saturating_sub(before);
    println!(
        "  memory with every profile asked for: {} MiB more than before",
        measured.memory_mib
    );
    Ok(measured)
}

async fn turns(
    url: &str,
    knowledge_base: &KnowledgeBase,
    catalog: &Catalog,
) -> anyhow::Result<Vec<(&'static str, [f64; 2])>> {
    let mut connection = PgConnection::connect(url).await?;
    let now: Timestamp = "2026-11-24T00:00:00Z".parse()?;
    let (names, prices) = prices(catalog);
    let [
        mut one,
        mut gather,
        mut narrow,
        mut alone,
        mut whole,
        mut plain,
    ] = [const { Vec::new() }; 6];
    let start = Instant::now();
    let mut asked = 0;
    for _ in 0..MOST_TURNS {
        if start.elapsed() > PATIENCE {
            break;
        }
        for _ in 0..CALLS {
            one.push(
                timed(async || {
                    let query = sqlx::query_scalar::<_, i32>("SELECT 1");
                    query.fetch_one(&mut connection).await
                })
                .await?,
            );
        }
        for _ in 0..CALLS {
            gather.push(timed(async || knowledge_base.evidence(profile(PROFILES[0])).await).await?);
        }
        for _ in 0..CALLS {
            asked += 1;
            let requirement = ask::requirement(catalog, asked);
            let start = Instant::now();
            let evidence = knowledge_base.evidence(requirement.profile).await?;
            let gathered = Instant::now();
            black_box(choose(&requirement, &evidence.benchmarks, catalog, now));
            narrow.push(start.elapsed());
            alone.push(gathered.elapsed());
        }
        let turn = Instant::now();
        for _ in 0..CALLS {
            asked += 1;
            let requirement = ask::requirement(catalog, asked);
            whole.push(
                timed(async || {
                    let evidence = knowledge_base.evidence(requirement.profile).await?;
                    let decision = decide(requirement, &evidence, catalog, now);
                    anyhow::Ok(black_box(decision).recommendation.is_some())
                })
                .await?,
            );
            if turn.elapsed() > PATIENCE / 4 {
                break;
            }
        }
        let turn = Instant::now();
        for number in 0..CALLS {
            let requirement = ask::requirement(catalog, number);
            plain.push(
                timed(async || plainly(&mut connection, &requirement, &names, &prices).await)
                    .await?,
            );
            if turn.elapsed() > PATIENCE / 8 {
                break;
            }
        }
    }
    let mut found = Vec::new();
    let base = [percentile(&mut one, 50.0), percentile(&mut one, 99.0)];
    for (name, mut times) in [
        ("SELECT 1", one),
        ("gather alone", gather),
        ("gather and decide", narrow),
        ("  of which to decide", alone),
        ("gather, decide and explain", whole),
        ("one plain SQL query", plain),
    ] {
        let [p50, p99] = [percentile(&mut times, 50.0), percentile(&mut times, 99.0)];
        println!(
            "  {name:<28}p50 {p50:>9.0} us {:>8.2} x   p99 {p99:>9.0} us {:>8.2} x   {:>6} calls",
            p50 / base[0],
            p99 / base[1],
            times.len()
        );
        found.push((name, [p50, p99]));
    }
    Ok(found)
}

async fn plainly(
    connection: &mut PgConnection,
    requirement: &Requirement,
    names: &[String],
    prices: &[f64],
) -> sqlx::Result<bool> {
    let load = requirement.demand.as_ref().map(|it| it.with_headroom());
    let load: f64 = load.and_then(|it| it.try_into().ok()).unwrap_or_default();
    let found = sqlx::query(PLAIN)
        .bind(requirement.profile.prompt_tokens)
        .bind(requirement.profile.output_tokens)
        .bind(f64::from(requirement.slo.ttft_p95_ms))
        .bind(f64::from(requirement.slo.itl_p95_ms))
        .bind(f64::from(requirement.slo.e2e_p95_ms))
        .bind(load)
        .bind(names)
        .bind(prices)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

fn prices(catalog: &Catalog) -> (Vec<String>, Vec<f64>) {
    let priced = catalog.hardware_names().filter_map(|name| {
        let price = catalog.hardware(name)?.price.as_ref()?.usd_per_gpu_hour;
        Some((name.to_string(), f64::try_from(price).ok()?))
    });
    priced.unzip()
}

async fn timed<T, E>(work: impl AsyncFnOnce() -> Result<T, E>) -> Result<Duration, E> {
    let start = Instant::now();
    black_box(work().await?);
    Ok(start.elapsed())
}

fn load_shipped(url: &str) -> anyhow::Result<()> {
    Program::new(env!("CARGO_BIN_EXE_compass"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["load", "data/benchmarks.json.gz"])
        .env("DATABASE_URL", url)
        .output()?;
    Ok(())
}

fn profile((prompt_tokens, output_tokens): (i32, i32)) -> TrafficProfile {
    TrafficProfile {
        prompt_tokens,
        output_tokens,
    }
}

/// Resident memory of this process.
fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
