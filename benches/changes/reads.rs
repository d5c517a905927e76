//! One million rows: what the triggers add to a COPY, and what a read costs that finds nothing
//! changed, against `SELECT 1`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use compass::benchmark::{ModelName, TrafficProfile};
use compass::catalog::{Catalog, CatalogFiles};
use compass::knowledge_base::{ConnectionSettings, KnowledgeBase, migrate};
use compass_testbed::Postgres;
use compass_testbed::postgres::execute;
use sqlx::{Connection, PgConnection};

use crate::million::{COLUMNS, MILLION, rows};
use crate::operator::{memory_mib, percentile};
use crate::table::insert;

const COPIES: usize = 3;
const CALLS: usize = 500;
const ROUNDS: usize = 40;
const PROFILE: TrafficProfile = TrafficProfile {
    prompt_tokens: 512,
    output_tokens: 256,
};
const EXACT_MATCH: &str = "
    SELECT * FROM exported_summaries
    WHERE prompt_tokens = 512 AND output_tokens = 256 AND lower(model_hf_repo) = 'lab/model-7'
      AND hardware = 'H100' AND hardware_count = 1";

pub async fn run() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let url = postgres.url();
    migrate(&url).await?;
    copies(&postgres)?;
    let catalog = Arc::new(Catalog::load(&CatalogFiles::default())?);
    let knowledge_base =
        KnowledgeBase::connect_lazy(&url, &ConnectionSettings::default(), catalog)?;
    configurations(&url, &knowledge_base).await?;
    profiles(&url, &knowledge_base).await
}

fn copies(postgres: &Postgres) -> anyhow::Result<()> {
    let url = postgres.url();
    let file = postgres.directory().join("million.copy");
    let file = file.display();
    execute(
        &url,
        &format!(
            "CREATE UNLOGGED TABLE million AS SELECT {COLUMNS} FROM exported_summaries;
             INSERT INTO million {}; COPY million TO '{file}'; DROP TABLE million",
            rows(MILLION)
        ),
    )?;
    let copy = |triggers: &str| -> anyhow::Result<Duration> {
        execute(
            &url,
            &format!(
                "TRUNCATE exported_summaries; ALTER TABLE exported_summaries {triggers} TRIGGER ALL; CHECKPOINT"
            ),
        )?;
        let start = Instant::now();
        execute(
            &url,
            &format!("COPY exported_summaries ({COLUMNS}) FROM '{file}'"),
        )?;
        Ok(start.elapsed())
    };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..COPIES {
        without.push(copy("DISABLE")?);
        with.push(copy("ENABLE")?);
    }
    let (without, with) = (percentile(&mut without, 50), percentile(&mut with, 50));
    println!("COPY of 1,000,000 rows, median of {COPIES}");
    println!(
        "  without triggers            {:>8.2} s",
        without.as_secs_f64()
    );
    println!(
        "  with triggers               {:>8.2} s   {:+.1} %",
        with.as_secs_f64(),
        100.0 * (with.as_secs_f64() / without.as_secs_f64() - 1.0)
    );
    execute(&url, "ANALYZE; CHECKPOINT")
}

async fn configurations(url: &str, knowledge_base: &KnowledgeBase) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    let model = ModelName::new("lab/model-7");
    let (mut one, mut kept, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = 0;
    for _ in 0..ROUNDS {
        for _ in 0..CALLS {
            let start = Instant::now();
            sqlx::query_scalar::<_, i32>("SELECT 1")
                .fetch_one(&mut connection)
                .await?;
            one.push(start.elapsed());
        }
        for _ in 0..CALLS {
            let start = Instant::now();
            rows = knowledge_base
                .configuration(PROFILE, &model, "H100", 1)
                .await?
                .len();
            kept.push(start.elapsed());
        }
        for _ in 0..CALLS {
            let start = Instant::now();
            sqlx::query(EXACT_MATCH).fetch_all(&mut connection).await?;
            plain.push(start.elapsed());
        }
    }
    println!(
        "One configuration ({rows} rows) of 1,000,000, {} calls",
        one.len()
    );
    let base = percentile(&mut one, 50).as_secs_f64();
    for (name, times) in [
        ("SELECT 1", &mut one),
        ("KnowledgeBase::configuration", &mut kept),
        ("the rows by plain SQL", &mut plain),
    ] {
        let (p50, p99) = (percentile(times, 50), percentile(times, 99));
        println!(
            "  {name:<28}p50 {:>6.0} us   p99 {:>6.0} us   {:.2} x",
            p50.as_secs_f64() * 1e6,
            p99.as_secs_f64() * 1e6,
            p50.as_secs_f64() / base
        );
    }
    Ok(())
}

async fn profiles(url: &str, knowledge_base: &KnowledgeBase) -> anyhow::Result<()> {
    println!("All 250,000 rows of a profile");
    let before = memory_mib(std::process::id());
    let timed = async |what: &str| -> anyhow::Result<()> {
        let start = Instant::now();
        let rows = knowledge_base.evidence(PROFILE).await?.benchmarks.len();
        let ms = start.elapsed().as_secs_f64() * 1e3;
        println!("  {what:<28}{ms:>9.2} ms   {rows} rows");
        Ok(())
    };
    timed("at first").await?;
    if let Some((before, after)) = before.zip(memory_mib(std::process::id())) {
        println!("  memory                      {:>9} MiB", after - before);
    }
    timed("unchanged").await?;
    execute(url, &insert("lab/model-7", (512, 256), 11))?;
    timed("after one new row").await?;
    execute(url, &insert("lab/model-7", (1024, 1024), 11))?;
    timed("after a row elsewhere").await
}
