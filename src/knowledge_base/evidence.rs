//! The reads of a decision: rows of one profile, and the profiles there are.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};
use uuid::Uuid;

use super::RESTORED_SOURCE;
use super::changes::Place;
use super::connection::Snapshot;
use super::error::Failure;
use super::kept::Rows;
use crate::benchmark::{
    Benchmark, Configuration, EngineSettings, EvidenceKind, Latency, LoadConditions, ModelName,
    Parallelism, Reduction, SharedBenchmarks, TrafficProfile, requests_total,
};
use crate::catalog::Catalog;

/// A row that lacks hardware or has no GPU names no configuration, so it is evidence for none (R2).
/// A row that nobody loaded has no partner in benchmark_evidence: it is simulated unless a profiler
/// made it. A time without a year of four digits (`infinity`, say) is none.
macro_rules! rows {
    ($of:literal) => {
        concat!(
            "SELECT s.id, s.model_hf_repo, lower(s.model_hf_repo) AS model, s.hardware, s.hardware_count,
                    s.framework, s.framework_version,
                    s.prompt_tokens_stdev, s.prompt_tokens_min, s.prompt_tokens_max,
                    s.output_tokens_stdev, s.output_tokens_min, s.output_tokens_max, e.gpu_form_factor,
                    s.requests_per_second, s.responses_per_second,
                    s.ttft_mean, s.ttft_p95, s.ttft_p99,
                    s.itl_mean, s.itl_p95, s.itl_p99,
                    s.e2e_mean, s.e2e_p95, s.e2e_p99,
                    CASE WHEN coalesce(e.date_known, true)
                          AND s.jbenchmark_created_at BETWEEN '0001-01-01' AND '9999-12-30'
                         THEN s.jbenchmark_created_at END AS measured_at,
                    coalesce(e.kind, CASE WHEN s.profiler_type IS NULL THEN 'simulated' ELSE 'measured' END)
                        AS kind,
                    coalesce(e.source, $3) AS source,
                    e.weight_dtype, e.kv_cache_dtype, e.max_num_seqs, e.max_num_batched_tokens,
                    e.args_digest, e.tensor_parallel_size, e.pipeline_parallel_size, e.data_parallel_size,
                    e.expert_parallel_size, e.speculative_decoding, e.arrival_process, e.prefix_sharing, e.itl_definition,
                    e.requests_completed, e.requests_failed, e.requests_incomplete,
                    e.validation_class,
                    coalesce(e.bounds_only, false) AS bounds_only
             FROM exported_summaries s LEFT JOIN benchmark_evidence e ON e.id = s.id
             WHERE s.prompt_tokens = $1 AND s.output_tokens = $2
               AND s.hardware IS NOT NULL AND s.hardware_count > 0 ",
            $of,
            " ORDER BY s.id"
        )
    };
}

pub(super) const ROWS: &str = rows!("");

/// By the index, one place after the other.
pub(super) const ROWS_OF_PLACES: &str = rows!(
    "AND (lower(s.model_hf_repo), s.hardware, s.hardware_count)
         IN (SELECT * FROM unnest($4::text[], $5::text[], $6::integer[]))"
);

pub(super) const PROFILES: &str = "
    SELECT prompt_tokens, output_tokens, count(*)
    FROM exported_summaries
    WHERE prompt_tokens IS NOT NULL AND output_tokens IS NOT NULL
      AND hardware IS NOT NULL AND hardware_count > 0
    GROUP BY prompt_tokens, output_tokens";

pub(super) const ROWS_OF_PROFILE: &str = "
    SELECT count(*) FROM exported_summaries
    WHERE prompt_tokens = $1 AND output_tokens = $2
      AND hardware IS NOT NULL AND hardware_count > 0";

/// Rows by place; or why one of them cannot be read.
type Found = Result<Rows, Failure>;

/// All rows of a profile.
pub(super) async fn of_profile(
    snapshot: &mut Snapshot<'_>,
    profile: TrafficProfile,
    catalog: &Catalog,
) -> Result<Found, Failure> {
    let query = sqlx::query_as(ROWS)
        .bind(profile.prompt_tokens)
        .bind(profile.output_tokens)
        .bind(RESTORED_SOURCE);
    decode(query, snapshot, profile, catalog).await
}

/// The rows of some places under a profile.
pub(super) async fn of_places(
    snapshot: &mut Snapshot<'_>,
    profile: TrafficProfile,
    places: &[Place],
    catalog: &Catalog,
) -> Result<Found, Failure> {
    let models: Vec<_> = places.iter().map(|place| &*place.model).collect();
    let hardware: Vec<_> = places.iter().map(|place| &*place.hardware).collect();
    let counts: Vec<_> = places.iter().map(|place| place.hardware_count).collect();
    let query = sqlx::query_as(ROWS_OF_PLACES)
        .bind(profile.prompt_tokens)
        .bind(profile.output_tokens)
        .bind(RESTORED_SOURCE)
        .bind(models)
        .bind(hardware)
        .bind(counts);
    decode(query, snapshot, profile, catalog).await
}

/// The outer error is the connection's, the inner one a row's.
async fn decode(
    query: QueryAs<'_, Postgres, StoredRow, PgArguments>,
    snapshot: &mut Snapshot<'_>,
    profile: TrafficProfile,
    catalog: &Catalog,
) -> Result<Found, Failure> {
    let mut rows: Result<BTreeMap<Place, Reduction>, Failure> = Ok(BTreeMap::new());
    let query = query.persistent(snapshot.keeps_statements);
    let mut stored = query.fetch(&mut **snapshot);
    while let Some(row) = stored.try_next().await? {
        let place = row.place();
        match (&mut rows, row.into_benchmark(profile, catalog)) {
            // Reduced at once: whole rows take several times the memory.
            (Ok(rows), Ok(row)) => rows.entry(place).or_default().add(&row),
            (Ok(_), Err(unreadable)) => rows = Err(unreadable),
            (Err(_), _) => {}
        }
    }
    let shared = |rows: Reduction| SharedBenchmarks::of_places(rows.finish());
    let shared = |(place, rows)| (place, shared(rows));
    Ok(rows.map(|rows| rows.into_iter().map(shared).collect()))
}

/// Every profile that has rows, and how many.
pub(super) async fn profiles(
    snapshot: &mut Snapshot<'_>,
) -> Result<BTreeMap<TrafficProfile, i64>, Failure> {
    let query = sqlx::query_as(PROFILES).persistent(snapshot.keeps_statements);
    let counts: Vec<(i32, i32, i64)> = query.fetch_all(&mut **snapshot).await?;
    let profile = |(prompt_tokens, output_tokens, rows)| {
        let profile = TrafficProfile {
            prompt_tokens,
            output_tokens,
        };
        (profile, rows)
    };
    Ok(counts.into_iter().map(profile).collect())
}

/// How many rows a profile has.
pub(super) async fn count(
    snapshot: &mut Snapshot<'_>,
    profile: TrafficProfile,
) -> Result<i64, Failure> {
    let rows = sqlx::query_scalar(ROWS_OF_PROFILE)
        .bind(profile.prompt_tokens)
        .bind(profile.output_tokens)
        .persistent(snapshot.keeps_statements)
        .fetch_one(&mut **snapshot)
        .await?;
    Ok(rows)
}

/// One row as it is selected.
#[derive(FromRow)]
struct StoredRow {
    id: Uuid,
    model_hf_repo: String,
    model: String,
    hardware: String,
    hardware_count: i32,
    framework: Option<String>,
    framework_version: Option<String>,
    prompt_tokens_stdev: Option<i32>,
    prompt_tokens_min: Option<i32>,
    prompt_tokens_max: Option<i32>,
    output_tokens_stdev: Option<i32>,
    output_tokens_min: Option<i32>,
    output_tokens_max: Option<i32>,
    gpu_form_factor: Option<String>,
    requests_per_second: f64,
    responses_per_second: Option<f64>,
    ttft_mean: f64,
    ttft_p95: f64,
    ttft_p99: f64,
    itl_mean: Option<f64>,
    itl_p95: Option<f64>,
    itl_p99: Option<f64>,
    e2e_mean: f64,
    e2e_p95: f64,
    e2e_p99: f64,
    measured_at: Option<jiff_sqlx::DateTime>,
    kind: String,
    source: String,
    weight_dtype: Option<String>,
    kv_cache_dtype: Option<String>,
    max_num_seqs: Option<i32>,
    max_num_batched_tokens: Option<i32>,
    args_digest: Option<String>,
    tensor_parallel_size: Option<i32>,
    pipeline_parallel_size: Option<i32>,
    data_parallel_size: Option<i32>,
    expert_parallel_size: Option<i32>,
    speculative_decoding: Option<String>,
    arrival_process: Option<String>,
    prefix_sharing: Option<f64>,
    itl_definition: Option<String>,
    requests_completed: Option<i64>,
    requests_failed: Option<i64>,
    requests_incomplete: Option<i64>,
    validation_class: Option<String>,
    bounds_only: bool,
}

impl StoredRow {
    fn place(&self) -> Place {
        Place {
            model: self.model.clone(),
            hardware: self.hardware.clone(),
            hardware_count: self.hardware_count,
        }
    }

    fn into_benchmark(
        self,
        profile: TrafficProfile,
        catalog: &Catalog,
    ) -> Result<Benchmark, Failure> {
        let word = Words { id: self.id };
        Ok(Benchmark {
            id: self.id,
            configuration: Configuration {
                model: ModelName::new(self.model_hf_repo),
                hardware: catalog.canonical_hardware(&self.hardware),
                hardware_count: self.hardware_count,
                form_factor: self.gpu_form_factor,
                framework: self.framework,
                framework_version: self.framework_version,
                engine: EngineSettings {
                    weight_dtype: self.weight_dtype,
                    kv_cache_dtype: self.kv_cache_dtype,
                    max_num_seqs: self.max_num_seqs,
                    max_num_batched_tokens: self.max_num_batched_tokens,
                    parallelism: Parallelism {
                        tensor: self.tensor_parallel_size,
                        pipeline: self.pipeline_parallel_size,
                        data: self.data_parallel_size,
                        expert: self.expert_parallel_size,
                    },
                    speculative_decoding: self.speculative_decoding,
                    args_digest: self.args_digest,
                },
            },
            profile,
            conditions: LoadConditions {
                arrival_process: word.optional("arrival_process", self.arrival_process)?,
                prompt_tokens_stdev: self.prompt_tokens_stdev,
                prompt_tokens_range: (self.prompt_tokens_min, self.prompt_tokens_max),
                output_tokens_stdev: self.output_tokens_stdev,
                output_tokens_range: (self.output_tokens_min, self.output_tokens_max),
                prefix_sharing: self.prefix_sharing,
                itl_definition: word.optional("itl_definition", self.itl_definition)?,
            },
            offered_rps: self.requests_per_second,
            served_rps: self.responses_per_second,
            ttft: latency(
                Some(self.ttft_mean),
                Some(self.ttft_p95),
                Some(self.ttft_p99),
            ),
            itl: latency(self.itl_mean, self.itl_p95, self.itl_p99),
            e2e: latency(Some(self.e2e_mean), Some(self.e2e_p95), Some(self.e2e_p99)),
            requests_completed: self.requests_completed,
            requests_total: requests_total([
                self.requests_completed,
                self.requests_failed,
                self.requests_incomplete,
            ]),
            kind: word.required::<EvidenceKind>("kind", &self.kind)?,
            source: self.source,
            validation_class: word.optional("validation_class", self.validation_class)?,
            bounds_only: self.bounds_only,
            measured_at: self.measured_at.and_then(utc),
        })
    }
}

/// The column has no zone; its values are UTC.
fn utc(time: jiff_sqlx::DateTime) -> Option<Timestamp> {
    time.to_jiff()
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|time| time.timestamp())
}

fn latency(mean_ms: Option<f64>, p95_ms: Option<f64>, p99_ms: Option<f64>) -> Latency {
    Latency {
        mean_ms,
        p95_ms,
        p99_ms,
    }
}

/// Decodes the words of one row.
struct Words {
    id: Uuid,
}

impl Words {
    fn required<T: std::str::FromStr<Err = String>>(
        &self,
        column: &str,
        word: &str,
    ) -> Result<T, Failure> {
        word.parse()
            .map_err(|problem| Failure::Unreadable(format!("row {}: {column} {problem}", self.id)))
    }

    fn optional<T: std::str::FromStr<Err = String>>(
        &self,
        column: &str,
        word: Option<String>,
    ) -> Result<Option<T>, Failure> {
        word.map(|word| self.required(column, &word)).transpose()
    }
}
