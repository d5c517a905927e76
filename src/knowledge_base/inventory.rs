//! What the knowledge base holds: counts by profile, configuration and source, and single rows.
//! Questions of people, each asked once: no statement is kept.

use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::connection::Snapshot;
use super::error::Failure;
use crate::benchmark::TrafficProfile;

/// Rows with their kind and source, also those that nobody loaded.
const ROWS: &str = "
    WITH benchmarks AS (
        SELECT s.*, e.validation_class, e.loaded_at AS evidence_loaded_at,
               coalesce(e.kind, CASE WHEN s.profiler_type IS NULL THEN 'simulated' ELSE 'measured' END) AS kind,
               coalesce(e.source, 'exported_summaries') AS source,
               CASE WHEN coalesce(e.date_known, true)
                     AND s.jbenchmark_created_at BETWEEN '0001-01-01' AND '9999-12-30'
                    THEN s.jbenchmark_created_at END AS measured_at
        FROM exported_summaries s LEFT JOIN benchmark_evidence e USING (id))";

/// Rows by kind of evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, FromRow)]
pub struct KindCounts {
    /// Observed on the hardware.
    pub measured: i64,
    /// Computed by a simulator.
    pub simulated: i64,
    /// Interpolated.
    pub estimated: i64,
}

const KINDS: &str = "count(*) FILTER (WHERE kind = 'measured') AS measured,
    count(*) FILTER (WHERE kind = 'simulated') AS simulated,
    count(*) FILTER (WHERE kind = 'estimated') AS estimated";

/// What there is under one traffic profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow)]
pub struct ProfileInventory {
    /// Configured tokens of the prompt; `None` where rows name no profile and are evidence for none.
    pub prompt_tokens: Option<i32>,
    /// Configured tokens of the output.
    pub output_tokens: Option<i32>,
    /// Its rows.
    #[sqlx(flatten)]
    pub rows: KindCounts,
    /// Different (model, hardware, GPUs).
    pub configurations: i64,
    /// When the newest ran, UTC.
    pub newest: Option<String>,
}

/// What there is of one kind of evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, FromRow)]
pub struct KindInventory {
    /// `measured`, `simulated` or `estimated`.
    pub kind: String,
    /// Its rows.
    pub rows: i64,
    /// When the oldest ran, UTC; `None` where no row has a date.
    pub oldest: Option<String>,
    /// When the newest ran, UTC.
    pub newest: Option<String>,
    /// The same as Unix time in seconds.
    pub newest_unix_seconds: Option<f64>,
}

/// What there is of one model on one number of GPUs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow)]
pub struct PlaceInventory {
    /// Hugging Face repository.
    pub model: String,
    /// GPU; `None` where rows name none and are evidence for no configuration.
    pub hardware: Option<String>,
    /// GPUs of one replica.
    pub hardware_count: Option<i32>,
    /// Its rows.
    #[sqlx(flatten)]
    pub rows: KindCounts,
    /// Its traffic profiles.
    pub profiles: Vec<String>,
}

/// What there is of one kind, of one model on one number of GPUs under one profile.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct CellInventory {
    /// Hugging Face repository.
    pub model: String,
    /// GPU, as rows name it.
    pub hardware: String,
    /// GPUs of one replica.
    pub hardware_count: i32,
    /// Configured tokens of the prompt.
    pub prompt_tokens: i32,
    /// Configured tokens of the output.
    pub output_tokens: i32,
    /// How the figures came about.
    pub kind: String,
    /// How many rows.
    pub rows: i64,
    /// When the newest ran, seconds since 1970; `None` where that is not known of any.
    pub newest_second: Option<i64>,
}

/// What one source brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow)]
pub struct SourceInventory {
    /// Its name.
    pub source: String,
    /// Its rows.
    #[sqlx(flatten)]
    pub rows: KindCounts,
    /// Its traffic profiles.
    pub profiles: i64,
    /// How well its rows were checked against measurements, as far as declared.
    pub validation_classes: Vec<String>,
    /// When it was loaded last, UTC; `None` for rows that nobody loaded.
    pub loaded_at: Option<String>,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Serialize, FromRow)]
pub struct ListedBenchmark {
    /// Identity.
    pub id: String,
    /// Hugging Face repository.
    pub model: String,
    /// GPU.
    pub hardware: Option<String>,
    /// GPUs of one replica.
    pub hardware_count: Option<i32>,
    /// Configured tokens of the prompt.
    pub prompt_tokens: Option<i32>,
    /// Configured tokens of the output.
    pub output_tokens: Option<i32>,
    /// Offered rate.
    pub requests_per_second: f64,
    /// Time to first token, 95th percentile.
    pub ttft_p95_ms: f64,
    /// Inter-token latency, 95th percentile.
    pub itl_p95_ms: Option<f64>,
    /// End-to-end latency, 95th percentile.
    pub e2e_p95_ms: f64,
    /// How the figures came about.
    pub kind: String,
    /// Who brought the row.
    pub source: String,
    /// When it ran, UTC.
    pub measured_at: Option<String>,
}

/// Which rows to list; `None` admits all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Compared without case.
    pub model: Option<String>,
    /// The GPU's names, in lower case; none admits all.
    pub hardware: Vec<String>,
    /// GPUs of one replica.
    pub hardware_count: Option<i32>,
    /// Traffic profile.
    pub profile: Option<TrafficProfile>,
    /// Who brought the row.
    pub source: Option<String>,
    /// How the figures came about.
    pub kind: Option<String>,
}

/// One row with all that is kept of it, by the columns' names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WholeBenchmark {
    /// Columns of `exported_summaries`.
    #[serde(flatten)]
    pub summary: Map<String, Value>,
    /// What is kept beside them; of a row that nobody loaded, its kind and source.
    pub evidence: Map<String, Value>,
}

pub(super) async fn profiles(
    snapshot: &mut Snapshot<'_>,
) -> Result<Vec<ProfileInventory>, Failure> {
    let query = format!(
        "{ROWS} SELECT prompt_tokens, output_tokens, {KINDS},
                count(DISTINCT (lower(model_hf_repo), hardware, hardware_count))
                    FILTER (WHERE hardware IS NOT NULL AND hardware_count > 0) AS configurations,
                to_char(max(measured_at), 'YYYY-MM-DD') AS newest
         FROM benchmarks GROUP BY prompt_tokens, output_tokens
         ORDER BY prompt_tokens NULLS LAST, output_tokens"
    );
    let query = sqlx::query_as(AssertSqlSafe(query)).persistent(false);
    Ok(query.fetch_all(&mut **snapshot).await?)
}

pub(super) async fn kinds(snapshot: &mut Snapshot<'_>) -> Result<Vec<KindInventory>, Failure> {
    let query = format!(
        "{ROWS} SELECT kind, count(*) AS rows, to_char(min(measured_at), 'YYYY-MM-DD') AS oldest,
                to_char(max(measured_at), 'YYYY-MM-DD') AS newest,
                extract(epoch FROM max(measured_at))::float8 AS newest_unix_seconds
         FROM benchmarks GROUP BY kind ORDER BY kind"
    );
    let query = sqlx::query_as(AssertSqlSafe(query)).persistent(false);
    Ok(query.fetch_all(&mut **snapshot).await?)
}

pub(super) async fn places(snapshot: &mut Snapshot<'_>) -> Result<Vec<PlaceInventory>, Failure> {
    let query = format!(
        "{ROWS} SELECT min(model_hf_repo) AS model, hardware, hardware_count, {KINDS},
                coalesce(array_agg(DISTINCT prompt_tokens || '/' || output_tokens)
                    FILTER (WHERE prompt_tokens IS NOT NULL AND output_tokens IS NOT NULL), '{{}}') AS profiles
         FROM benchmarks GROUP BY lower(model_hf_repo), hardware, hardware_count
         ORDER BY lower(model_hf_repo), hardware, hardware_count"
    );
    let query = sqlx::query_as(AssertSqlSafe(query)).persistent(false);
    Ok(query.fetch_all(&mut **snapshot).await?)
}

/// Rows that are evidence for something, counted.
pub(super) async fn cells(snapshot: &mut Snapshot<'_>) -> Result<Vec<CellInventory>, Failure> {
    let query = format!(
        "{ROWS} SELECT min(model_hf_repo) AS model, hardware, hardware_count, prompt_tokens, output_tokens,
                kind, count(*) AS rows, extract(epoch FROM max(measured_at))::bigint AS newest_second
         FROM benchmarks
         WHERE hardware IS NOT NULL AND hardware_count > 0 AND prompt_tokens IS NOT NULL AND output_tokens IS NOT NULL
         GROUP BY lower(model_hf_repo), hardware, hardware_count, prompt_tokens, output_tokens, kind"
    );
    let query = sqlx::query_as(AssertSqlSafe(query)).persistent(false);
    Ok(query.fetch_all(&mut **snapshot).await?)
}

pub(super) async fn sources(snapshot: &mut Snapshot<'_>) -> Result<Vec<SourceInventory>, Failure> {
    let query = format!(
        "{ROWS} SELECT source, {KINDS}, count(DISTINCT (prompt_tokens, output_tokens))
                    FILTER (WHERE prompt_tokens IS NOT NULL AND output_tokens IS NOT NULL) AS profiles,
                coalesce(array_agg(DISTINCT validation_class) FILTER (WHERE validation_class IS NOT NULL), '{{}}')
                    AS validation_classes,
                to_char(max(evidence_loaded_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS loaded_at
         FROM benchmarks GROUP BY source ORDER BY source"
    );
    let query = sqlx::query_as(AssertSqlSafe(query)).persistent(false);
    Ok(query.fetch_all(&mut **snapshot).await?)
}

/// The first rows that pass the filter, and how many there are.
pub(super) async fn list(
    snapshot: &mut Snapshot<'_>,
    filter: &Filter,
    limit: i64,
) -> Result<(Vec<ListedBenchmark>, i64), Failure> {
    let query = format!(
        "{ROWS} SELECT id::text, model_hf_repo AS model, hardware, hardware_count, prompt_tokens, output_tokens,
                requests_per_second, ttft_p95 AS ttft_p95_ms, itl_p95 AS itl_p95_ms, e2e_p95 AS e2e_p95_ms,
                kind, source, to_char(measured_at, 'YYYY-MM-DD') AS measured_at, count(*) OVER () AS all_rows
         FROM benchmarks
         WHERE ($1::text IS NULL OR lower(model_hf_repo) = lower($1))
           AND (cardinality($2::text[]) = 0 OR lower(hardware) = ANY ($2))
           AND ($3::integer IS NULL OR hardware_count = $3)
           AND ($4::integer IS NULL OR (prompt_tokens = $4 AND output_tokens = $5))
           AND ($6::text IS NULL OR source = $6)
           AND ($7::text IS NULL OR kind = $7)
         ORDER BY lower(model_hf_repo), hardware, hardware_count, prompt_tokens, output_tokens,
                  requests_per_second, id
         LIMIT $8"
    );
    let rows = sqlx::query(AssertSqlSafe(query))
        .bind(&filter.model)
        .bind(&filter.hardware)
        .bind(filter.hardware_count)
        .bind(filter.profile.map(|profile| profile.prompt_tokens))
        .bind(filter.profile.map(|profile| profile.output_tokens))
        .bind(&filter.source)
        .bind(&filter.kind)
        .bind(limit)
        .persistent(false)
        .fetch_all(&mut **snapshot)
        .await?;
    let all = rows.first().map_or(Ok(0), |row| row.try_get("all_rows"))?;
    let listed = rows
        .iter()
        .map(ListedBenchmark::from_row)
        .collect::<Result<_, _>>()?;
    Ok((listed, all))
}

/// Ids that begin with `prefix`, at most `limit`.
pub(super) async fn ids(
    snapshot: &mut Snapshot<'_>,
    prefix: &str,
    limit: i64,
) -> Result<Vec<String>, Failure> {
    let query = "SELECT id::text FROM exported_summaries WHERE starts_with(id::text, $1) ORDER BY id LIMIT $2";
    Ok(sqlx::query_scalar(query)
        .bind(prefix.to_lowercase())
        .bind(limit)
        .persistent(false)
        .fetch_all(&mut **snapshot)
        .await?)
}

/// A row by its whole id.
pub(super) async fn whole(
    snapshot: &mut Snapshot<'_>,
    id: &str,
) -> Result<Option<WholeBenchmark>, Failure> {
    let query = format!(
        "{ROWS} SELECT to_jsonb(s) AS summary,
                coalesce(to_jsonb(e), '{{}}') || jsonb_build_object('kind', b.kind, 'source', b.source) AS evidence
         FROM exported_summaries s JOIN benchmarks b USING (id) LEFT JOIN benchmark_evidence e USING (id)
         WHERE s.id = $1::uuid"
    );
    type Object = Json<Map<String, Value>>;
    let row: Option<(Object, Object)> = sqlx::query_as(AssertSqlSafe(query))
        .bind(id)
        .persistent(false)
        .fetch_optional(&mut **snapshot)
        .await?;
    Ok(row.map(|(summary, mut evidence)| {
        evidence.0.remove("id");
        WholeBenchmark {
            summary: summary.0,
            evidence: evidence.0,
        }
    }))
}
